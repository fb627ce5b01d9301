//! Who is hit: cases by hand, and the closed forms of a leveraged loop.

use markets::units::MarketId;
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::impact::{Impact, ImpactError, Question, Shock, changed, impact, svg, text};
use scenarios::load::{Loaded, load};
use scenarios::statics::StaticParams;
use std::fs;
use std::path::Path;

const ORDINARY: &str =
    "paths.train=[Garch(weight: 1, omega_percent2: 0.01, alpha: 0.05, beta: 0.9, nu: 4)]";

/// Asks about a population with these overrides of the market and these shocks.
fn ask(loaded: &Loaded, set: &[&str], shocks: &[&str]) -> Result<Impact, ImpactError> {
    let all: Vec<String> =
        loaded.overrides.iter().cloned().chain(set.iter().map(|s| (*s).to_owned())).collect();
    let after = load(&loaded.path, &all).expect("sound");
    let parameters = changed(&loaded.scenario, &after.scenario, &set.join(" "))?;
    let shocks: Vec<Shock> = shocks.iter().map(|s| s.parse().expect("a shock")).collect();
    let worlds = Worlds::new(loaded).expect("builds");
    let world = WorldAddress { seed: 1, instance: 0, path: PathChoice::Drawn };
    let lane = worlds.lane(world, StaticParams::default(), false);
    impact(&Question {
        chain: lane.chain(),
        market: MarketId(0),
        after: (!set.is_empty()).then_some(&parameters),
        shocks: &shocks,
    })
}

fn near(found: f64, expected: f64, relative: f64) {
    assert!((found / expected - 1.0).abs() < relative, "{found}, expected {expected}");
}

/// WETH at 1,800 USD with a threshold of 83 %: health factors of A 1.0671, of B 1.992.
const TWO: &str =
    "account,asset,collateral,debt\nA,WETH,1,\nA,USDC,,1400\nB,WETH,2,\nB,USDC,,1500\n";

/// A bundled scenario whose borrowers are those of a file, at its own start prices; with the folder of
/// the file, which is read again.
fn book(csv: &str, set: &[&str]) -> (tempfile::TempDir, Loaded) {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("book.csv");
    fs::write(&file, csv).expect("writes");
    let file = file.display().to_string();
    let mut all = vec![ORDINARY.to_owned(), "agents.borrowers=[]".to_owned()];
    all.extend(set.iter().map(|s| (*s).to_owned()));
    all.push(format!("positions=[(name: \"book\", csv: {file:?}, above_ltv: Keep)]"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/crash.ron");
    (dir, load(&path, &all).expect("sound"))
}

#[test]
fn a_shock_by_hand() {
    let (_dir, loaded) = book(TWO, &[]);
    let impact = ask(&loaded, &[], &["WETH=-10%"]).expect("answers");
    assert_eq!((impact.borrowers.before.accounts, impact.borrowers.after.accounts), (2, 2));
    assert_eq!((impact.liquidatable.before.accounts, impact.liquidatable.after.accounts), (0, 1));
    // A has one WETH at 1,620 USD.
    assert_eq!((impact.newly.collateral_usd, impact.newly.debt_usd), (1_620.0, 1_400.0));
    assert_eq!(impact.saved.accounts, 0);
    // Below 2,000 USD it is closed at once: 1,400 repaid, 1,470 taken, nothing left over.
    let cleared = impact.cleared.after;
    assert_eq!((cleared.accounts, cleared.calls, cleared.insolvent), (1, 1, 0));
    near(cleared.repaid_usd, 1_400.0, 1e-9);
    near(cleared.seized_usd, 1_470.0, 1e-6);
    // Health factors 1.0671 and 1.992 become 0.9604 and 1.7928.
    let where_is = |after: bool| -> Vec<f64> {
        let in_it = |b: &&scenarios::impact::Bucket| {
            (if after { b.crowd.after } else { b.crowd.before }).accounts > 0
        };
        impact.buckets.iter().filter(in_it).map(|b| b.from).collect()
    };
    assert_eq!(where_is(false), [1.05, 1.5]);
    assert_eq!(where_is(true), [0.95, 1.5]);
    let of = |asset: &str| impact.assets.iter().find(|a| a.asset == asset).expect("listed").clone();
    assert_eq!((of("WETH").collateral_usd.before, of("WETH").collateral_usd.after), (0.0, 1_620.0));
    assert_eq!((of("USDC").debt_usd.after, of("WETH").price_usd.after), (1_400.0, 1_620.0));
    // A goes under at a fall of 1 − 1,400 / (1,800 · 0.83), to the millionth.
    let first = impact.frontier.first_liquidatable_fall[0].expect("it falls");
    assert!((first - (1.0 - 1_400.0 / 1_494.0)).abs() <= 1e-6, "{first}");
    assert_eq!(impact.frontier.assets, ["WETH"]);
    let written = text(&impact, "WETH -10 %");
    assert!(
        written.contains("made liquidatable: 1 accounts, collateral 1.62k, debt 1.40k"),
        "{written}"
    );
    let picture = svg(&impact, "a shock").expect("draws");
    assert!(picture.starts_with("<svg") && picture.contains("health factor"));
}

#[test]
fn a_threshold_by_hand() {
    let (_dir, loaded) = book(TWO, &[]);
    let set = ["market.reserves.WETH.ltv_bps=7000", "market.reserves.WETH.threshold_bps=7500"];
    // 1,800 · 0.75 / 1,400 = 0.9643; B has 1.8.
    let impact = ask(&loaded, &set, &[]).expect("answers");
    assert_eq!(impact.newly.accounts, 1);
    assert_eq!((impact.newly.collateral_usd, impact.newly.debt_usd), (1_800.0, 1_400.0));
    // The other way round nobody is.
    let raised = ask(&loaded, &["market.reserves.WETH.threshold_bps=8500"], &["WETH=-6%"]);
    // 1,692 · 0.85 / 1,400 = 1.0273, where 0.83 would be 1.0031.
    assert_eq!(raised.expect("answers").liquidatable.after.accounts, 0);
    let more = ask(&loaded, &["agents.liquidators=[]"], &[]).expect_err("refused");
    assert!(matches!(more, ImpactError::NotAParameter(_)), "{more}");
    let unlisted = ask(&loaded, &[], &["WBTCC=-5%"]).expect_err("refused");
    assert!(unlisted.to_string().contains("WETH, WBTC, USDC, TAIL"), "{unlisted}");
}

/// A loop of 12 times, threshold 0.95, bonus 1 %: 100 M USD of collateral against 91.67 M of debt.
/// Health D₀ = 0.95 · 12 / 11 = 1.03636; liquidatable at a gap of 1 − 11 / (12 · 0.95) = 3.51 %; bad debt
/// from 1 − 1.01 · 11 / 12 = 7.417 % on, and of D − C (1 − g) / 1.01 at a gap g.
#[test]
fn a_leveraged_loop_has_its_closed_forms() {
    let csv = "account,asset,collateral,debt\nloop,WETH,50000,0\nloop,USDC,0,91666666.666666\n";
    let (_dir, loaded) = book(
        csv,
        &[
            "assets.WETH.start_price_usd=2000.0",
            "market.reserves.WETH.ltv_bps=9400",
            "market.reserves.WETH.threshold_bps=9500",
            "market.reserves.WETH.bonus_bps=100",
            "market.reserves.USDC.borrow_cap_tokens=0",
            "agents.lenders.0.total_usd=200000000.0",
        ],
    );
    for (gap, bad_debt_musd) in
        [("5", 0.0), ("8", 0.577_558), ("12", 4.537_954), ("20", 12.458_746), ("35", 27.310_231)]
    {
        let impact = ask(&loaded, &[], &[&format!("WETH=-{gap}%")]).expect("answers");
        let before = &impact.buckets.iter().find(|b| b.crowd.before.accounts == 1).expect("one");
        assert_eq!((before.from, before.below), (1.0, Some(1.05)), "health 1.03636");
        assert_eq!(impact.newly.accounts, 1, "{gap} %");
        let found = impact.cleared.after.bad_debt_usd / 1e6;
        assert!((found - bad_debt_musd).abs() < 2e-6, "{gap} %: {found} M");
        assert_eq!(impact.cleared.after.insolvent, u64::from(bad_debt_musd > 0.0));
        let f = &impact.frontier;
        let [liquidatable, bad] = [f.first_liquidatable_fall[0], f.first_bad_debt_fall[0]];
        let [liquidatable, bad] = [liquidatable, bad].map(|fall| fall.expect("found"));
        assert!((liquidatable - 0.035_088).abs() < 2e-6, "{liquidatable}");
        assert!((bad - 0.074_167).abs() < 2e-6, "{bad}");
    }
}
