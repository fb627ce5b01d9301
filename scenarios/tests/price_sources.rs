//! Prices that a scenario generates itself: accepted, built, correlated as stated, refused where they cannot be.

use markets::price::facts::moments;
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::load::load;
use scenarios::statics::StaticParams;
use sim::prices::PriceSource;
use sim::rng::{Purpose, Streams};
use std::path::{Path, PathBuf};

fn siege() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron")
}

fn set(overrides: &[&str]) -> Vec<String> {
    overrides.iter().map(|one| (*one).to_owned()).collect()
}

/// The one problem that the overrides bring, message and fix.
fn refused(overrides: &[&str]) -> String {
    let rejected = load(&siege(), &set(overrides)).expect_err("refused");
    let places = rejected.places();
    assert_eq!(places.len(), 1, "{overrides:?}: {places:?}");
    assert!(places[0].line > 0, "{overrides:?} has a line");
    format!("{} | {}", places[0].message, places[0].help.clone().unwrap_or_default())
}

/// Hourly log returns of a scenario's assets on a drawn path, `[assets][hours]`.
fn hours(overrides: &[&str], count: usize) -> Vec<Vec<f64>> {
    let loaded = load(&siege(), &set(overrides)).unwrap_or_else(|e| panic!("{:?}", e.places()));
    let worlds = Worlds::new(&loaded).expect("builds");
    let world = WorldAddress { seed: 5, instance: 0, path: PathChoice::Drawn };
    let lane = worlds.lane(world, StaticParams::default(), false);
    let mut joint = lane.world().resource::<PriceSource>().joint.clone();
    let mut returns = vec![Vec::with_capacity(count); joint.prices().len()];
    let mut last = joint.prices().to_vec();
    let mut rng = Streams::new(5, 0).at(Purpose::Setup, 1, 0, 0);
    for _ in 0..count {
        for _ in 0..4 {
            joint.step(&mut rng);
        }
        for (asset, price) in joint.prices().iter().enumerate() {
            returns[asset].push(libm::log(price / last[asset]));
        }
        last.copy_from_slice(joint.prices());
    }
    returns
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (moments(a), moments(b));
    let products = a.iter().zip(b).map(|(x, y)| (x - ma.mean) * (y - mb.mean));
    products.sum::<f64>() / a.len() as f64 / (ma.sd * mb.sd)
}

#[test]
fn two_assets_move_with_the_stated_correlation_and_volatility() {
    let r = hours(
        &[
            "block_secs=900",
            "paths.train=[Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 0.8)]",
            "assets.1.price=Gbm(drift_percent_per_year: 10.0, vol_percent_per_sqrt_hour: 0.7)",
            "correlation=[(first: \"WBTC\", second: \"WETH\", ratio: 0.8)]",
        ],
        20_000,
    );
    let error = 4.0 / (2.0 * 20_000_f64).sqrt();
    for (asset, sd) in [(0, 0.008), (1, 0.007)] {
        assert!((moments(&r[asset]).sd / sd - 1.0).abs() < error, "{asset}");
    }
    let found = correlation(&r[0], &r[1]);
    assert!((found - 0.8).abs() < 4.0 * 0.36 / 20_000_f64.sqrt(), "{found}");
    // Nothing was said of the dollar.
    assert!(correlation(&r[0], &r[2]).abs() < 4.0 / 20_000_f64.sqrt());
}

#[test]
fn every_process_builds_as_path_and_as_an_asset_s_own() {
    let jumps = "vol_percent_per_sqrt_hour: 0.6, jumps_per_year: 100.0, jump_mean_percent: -1.0, \
                 jump_sd_percent: 4.0";
    let regimes = "regimes: [(vol_percent_per_sqrt_hour: 0.5), (vol_percent_per_sqrt_hour: 2.0)], \
                   hourly_transition: [[0.98, 0.02], [0.1, 0.9]]";
    for (path, own) in [
        (format!("JumpDiffusion(weight: 1.0, {jumps})"), format!("JumpDiffusion({jumps})")),
        (
            format!("RegimeSwitching(weight: 1.0, {regimes})"),
            format!("RegimeSwitching({regimes}, start: 1)"),
        ),
        (
            "Garch(weight: 1.0, omega_percent2: 0.01, alpha: 0.07, beta: 0.9, nu: 3.4)".to_owned(),
            "Garch(omega_percent2: 0.01, alpha: 0.07, beta: 0.9, nu: 3.4)".to_owned(),
        ),
    ] {
        let path = format!("paths.train=[{path}]");
        let own = format!("assets.1.price={own}");
        let r = hours(&["block_secs=900", &path, &own], 500);
        assert!(moments(&r[0]).sd > 0.002 && moments(&r[1]).sd > 0.002, "{path}");
    }
}

#[test]
fn a_peg_keeps_its_ratio_and_a_dollar_can_lose_its_own() {
    let pegged = "assets.1.price=Pegged(to: \"WETH\", half_life_hours: 1.0, \
                  shock_percent_per_sqrt_hour: 0.05)";
    let depeg = "assets.2.price=Pegged(half_life_hours: 12.0, shock_percent_per_sqrt_hour: 0.01, \
                 depeg: (per_year: 400.0, mean_fall_percent: 5.0, half_life_hours: 24.0))";
    let r = hours(&["block_secs=900", pegged, depeg], 2_000);
    let gap: Vec<f64> = r[1].iter().zip(&r[0]).map(|(a, b)| a - b).collect();
    assert!(moments(&gap).sd < 0.2 * moments(&r[0]).sd, "it follows");
    let worst = r[2].iter().copied().fold(0.0, f64::min);
    assert!(worst < -0.05, "a depeg in {worst}");
}

#[test]
fn prices_that_cannot_be_are_refused() {
    let path = |kind: &str| format!("paths.train=[{kind}]");
    let said = refused(&["correlation=[(first: \"WETH\", second: \"WBTC\", ratio: 1.2)]"]);
    assert!(said.contains("between -1 and 1"), "{said}");
    let said = refused(&["correlation=[(first: \"WETH\", second: \"BTC\", ratio: 0.2)]"]);
    assert!(said.contains("WBTC"), "{said}");
    let pair = "(first: \"WETH\", second: \"WBTC\", ratio: 0.2)";
    let back = "(first: \"WBTC\", second: \"WETH\", ratio: 0.2)";
    let said = refused(&[&format!("correlation=[{pair}, {back}]")]);
    assert!(said.contains("twice"), "{said}");
    let said = refused(&["correlation=[(first: \"WETH\", second: \"WETH\", ratio: 1.0)]"]);
    assert!(said.contains("itself"), "{said}");
    let said = refused(&["correlation=[(first: \"WETH\", second: \"WBTC\", ratio: 0.9), \
         (first: \"WBTC\", second: \"TAIL\", ratio: 0.9), \
         (first: \"WETH\", second: \"TAIL\", ratio: -0.9)]"]);
    assert!(
        said.contains("not positive semi-definite: row 3") && said.contains("3 TAIL"),
        "{said}"
    );
    let said = refused(&[&path("Gbm(weight: 1.0, vol_percent_per_sqrt_hour: -1.0)")]);
    assert!(said.contains("must not be negative"), "{said}");
    let said = refused(&[&path(
        "RegimeSwitching(weight: 1.0, regimes: [(vol_percent_per_sqrt_hour: 1.0), \
         (vol_percent_per_sqrt_hour: 2.0)], hourly_transition: [[0.5, 0.4], [0.5, 0.5]])",
    )]);
    assert!(said.contains("row 0") && said.contains("0.9"), "{said}");
    let said = refused(&[&path(
        "RegimeSwitching(weight: 1.0, regimes: [(vol_percent_per_sqrt_hour: 1.0)], \
         hourly_transition: [[1.0]])",
    )]);
    assert!(said.contains("nothing to switch"), "{said}");
    let said = refused(&[
        "assets.0.price=Pegged(to: \"WBTC\", half_life_hours: 1.0, \
         shock_percent_per_sqrt_hour: 0.1)",
        "assets.1.price=Paths",
    ]);
    assert!(said.contains("earlier asset"), "{said}");
}

/// Hourly candles from an hour on, each closing where the next opens.
fn candles(file: &Path, first_hour: u64, prices: &[f64]) {
    let row = |(i, pair): (usize, &[f64])| {
        let [open, close] = [pair[0], pair[1]];
        let secs = 1_700_000_000 / 3_600 * 3_600 + (first_hour + i as u64) * 3_600;
        format!("{secs},{open},{},{},{close},0\n", open.max(close), open.min(close))
    };
    let text: String = prices.windows(2).enumerate().map(row).collect();
    std::fs::write(file, text).expect("writes");
}

#[test]
fn assets_with_records_of_their_own_move_together_as_recorded() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("s.ron");
    std::fs::write(&file, std::fs::read_to_string(siege()).expect("reads")).expect("writes");
    let eth: Vec<f64> = (0..31).map(|i| 2_000.0 - 10.0 * f64::from(i)).collect();
    // It begins five hours earlier and ends four later.
    let btc: Vec<f64> =
        (0..40).map(|i| 30_000.0 + 100.0 * f64::from(i) * f64::from(i % 3)).collect();
    candles(&dir.path().join("eth.csv"), 5, &eth);
    candles(&dir.path().join("btc.csv"), 0, &btc);
    candles(&dir.path().join("short.csv"), 6, &btc);
    let with = |others: &str, path: &str| {
        let window = "name: \"own\", csv: \"eth.csv\", role: Train";
        let windows = format!("windows=[({window}, others: [{others}])]");
        let path = format!("paths.train=[{path}]");
        load(&file, &set(&[&windows, "fitted_on=[]", "episode_hours=12", &path]))
    };
    let btc_record = "(asset: \"WBTC\", csv: \"btc.csv\")";
    let gbm = "Gbm(weight: 1, vol_percent_per_sqrt_hour: 1)";
    let hour_by_hour = |path: &str, choice: PathChoice| {
        let loaded = with(btc_record, path).unwrap_or_else(|e| panic!("{:?}", e.places()));
        let worlds = Worlds::new(&loaded).expect("builds");
        let world = WorldAddress { seed: 5, instance: 0, path: choice };
        let lane = worlds.lane(world, StaticParams::default(), false);
        let mut joint = lane.world().resource::<PriceSource>().joint.clone();
        let mut rng = Streams::new(5, 0).at(Purpose::Setup, 1, 0, 0);
        let at = |symbol: &str| {
            loaded.scenario.assets.iter().position(|a| a.symbol == symbol).expect("an asset")
        };
        let mut hours = vec![(joint.prices()[at("WETH")], joint.prices()[at("WBTC")])];
        for _ in 0..30 {
            for _ in 0..3_600 / loaded.scenario.block_secs {
                joint.step(&mut rng);
            }
            hours.push((joint.prices()[at("WETH")], joint.prices()[at("WBTC")]));
        }
        hours
    };
    let equal = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
    let recorded = hour_by_hour(gbm, PathChoice::Window(0));
    assert!(recorded.iter().zip(&eth).all(|((weth, _), price)| equal(*weth, *price)));
    assert!(recorded.iter().zip(&btc[5..]).all(|((_, wbtc), price)| equal(*wbtc, *price)));
    // Drawn as a path, twice as far each.
    let twice = hour_by_hour("Window(weight: 1, scale_min: 2, scale_max: 2)", PathChoice::Drawn);
    // From anywhere in the window, for an episode of twelve hours.
    let from = eth.iter().position(|price| equal(*price, twice[0].0)).expect("a bar of the window");
    let doubled =
        |now: f64, then: f64, first: f64| (now / first - (then / first).powi(2)).abs() < 1e-9;
    for hour in 0..=12 {
        assert!(doubled(twice[hour].0, eth[from + hour], eth[from]));
        assert!(doubled(twice[hour].1, btc[5 + from + hour], btc[5 + from]));
    }
    // On a generated path nobody follows the record.
    let drawn = hour_by_hour(gbm, PathChoice::Drawn);
    assert!(!equal(drawn[30].1, recorded[30].1));
    for (others, words) in [
        ("(asset: \"WBTC\", csv: \"short.csv\")".to_owned(), "has bars of 3600 s from"),
        ("(asset: \"WETH\", csv: \"eth.csv\")".to_owned(), "follows the window itself"),
        ("(asset: \"WBTD\", csv: \"btc.csv\")".to_owned(), "WBTD"),
        (format!("{btc_record}, {btc_record}"), "appears twice"),
    ] {
        let rejected = with(&others, gbm).expect_err(words);
        let places = rejected.places();
        assert!(places.iter().any(|p| p.message.contains(words)), "{words}: {places:?}");
        assert!(places.iter().all(|p| p.line > 0), "{words} has a line");
    }
}
