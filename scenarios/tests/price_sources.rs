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
