//! Fits find again what a record was made with, and say of the histories what docs/calibration.md says.

use markets::price::{Bar, Garch, HOUR_SECS, JointPrices, JumpDiffusion, PriceSpec};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use scenarios::calibrate::{
    CalibrateError, Calibration, Estimate, PERSISTENCE_CAP, Range, Selection, calibrate,
};
use scenarios::dates::Utc;
use scenarios::klines::{self, Klines};
use scenarios::load::load;
use std::path::Path;

/// Unix time of the first bar: 1 January 2020.
const START: u64 = 1_577_836_800;

/// Hours of a process as candles.
fn record(spec: PriceSpec, hours: usize, seed: u64) -> Klines {
    let mut joint = JointPrices::new(vec![spec], vec![2_000.0], None, 900).expect("a process");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bars = Vec::with_capacity(hours);
    for _ in 0..hours {
        let open = joint.prices()[0];
        let (mut high, mut low) = (open, open);
        for _ in 0..4 {
            joint.step(&mut rng);
            high = high.max(joint.prices()[0]);
            low = low.min(joint.prices()[0]);
        }
        bars.push(Bar { open, high, low, close: joint.prices()[0] });
    }
    Klines {
        file: "synthetic.csv".to_owned(),
        hash: "0".repeat(64),
        times: (0..hours as u64).map(|i| Utc(START + i * u64::from(HOUR_SECS))).collect(),
        bars,
        bar_secs: u64::from(HOUR_SECS),
        flaws: Vec::new(),
    }
}

fn fit(klines: &Klines) -> Calibration {
    calibrate(klines, &Selection::default()).expect("a fit")
}

/// Within four of its own standard errors, which must themselves be small.
fn near(what: &str, estimate: &Estimate, truth: f64, most_error: f64) {
    let Estimate { value, standard_error } = *estimate;
    let error = standard_error.unwrap_or_else(|| panic!("{what} has a standard error"));
    assert!((value - truth).abs() < 4.0 * error, "{what}: {value} ± {error}, not {truth}");
    assert!(error < most_error, "{what}: ± {error}");
}

#[test]
fn garch_is_found_again_by_all_three_likelihoods() {
    // ν = 6: the fourth moment that the Gaussian likelihood's errors rest on exists.
    let (sd, alpha, beta, nu) = (0.9, 0.06, 0.91, 6.0);
    let omega = sd * sd * (1.0 - alpha - beta);
    let found = fit(&record(PriceSpec::Garch(Garch::targeting(sd, alpha, beta, nu)), 60_000, 41));
    assert_eq!(found.returns, 59_999);
    near("QML ω", &found.gaussian.omega, omega, 0.005);
    near("QML α", &found.gaussian.alpha, alpha, 0.008);
    near("QML β", &found.gaussian.beta, beta, 0.012);
    near("t ω", &found.student.omega, omega, 0.004);
    near("t α", &found.student.alpha, alpha, 0.005);
    near("t β", &found.student.beta, beta, 0.008);
    near("t ν", &found.student.nu.expect("Student-t"), nu, 0.2);
    near("held α", &found.targeted.alpha, alpha, 0.008);
    near("held β", &found.targeted.beta, beta, 0.012);
    near("held ν", &found.targeted.nu.expect("Student-t"), nu, 0.2);
    // The t likelihood knows more: its errors are smaller, its likelihood larger.
    assert!(found.student.log_likelihood > found.gaussian.log_likelihood + 100.0);
    let error = |estimate: &Estimate| estimate.standard_error.unwrap_or(f64::NAN);
    assert!(error(&found.student.alpha) < error(&found.gaussian.alpha));
    assert!(found.magnitude_autocorrelation > 0.1 && found.return_autocorrelation.abs() < 0.03);
}

#[test]
fn integrated_variance_is_said_to_stand_at_the_bound() {
    let mut spec = Garch::targeting(0.5, 0.08, 0.919_99, 8.0);
    spec.max_variance = 1e6;
    let found = fit(&record(PriceSpec::Garch(spec), 20_000, 42));
    assert!(found.student.persistence() > 0.995, "{}", found.student.persistence());
    assert!(found.targeted.persistence() <= PERSISTENCE_CAP);
    if found.student.at_bound {
        assert_eq!(found.student.alpha.standard_error, None);
        assert!(found.table().contains("stands at its bound"));
    }
}

/// So many jumps a year, their mean and deviation, and the deviation of an hour without them, in percent.
fn jumping(rate: f64, mean: f64, sd: f64, rest: f64) -> JumpDiffusion {
    JumpDiffusion {
        drift_per_year: 0.0,
        vol_per_sqrt_year: rest / 100.0 * 8_760_f64.sqrt(),
        jumps_per_year: rate,
        mean_log_jump: mean / 100.0,
        log_jump_sd: sd / 100.0,
        common_jumps: false,
    }
}

#[test]
fn jumps_are_found_again_as_often_and_as_large() {
    // Deviation between jumps 0.5 % an hour; jumps of 8 % ± 1 % are all beyond four deviations.
    let spec = jumping(60.0, 8.0, 1.0, 0.5);
    let found = fit(&record(PriceSpec::JumpDiffusion(spec), 60_000, 43)).jumps;
    // Normals beyond four deviations add 0.6 in 10,000 hours, more as the deviation itself errs by 5 %:
    // some 6 to 12 in 60,000.
    let false_alarms = 12.0 / (60_000.0 / 8_760.0);
    let Estimate { value, standard_error } = found.per_year;
    let error = standard_error.expect("an error");
    assert!((value - 60.0).abs() < 4.0 * error + false_alarms, "{value} ± {error}");
    assert!((found.median_size_percent - 8.0).abs() < 0.25, "{}", found.median_size_percent);
    assert!((found.rest_sd_percent - 0.5).abs() < 0.01, "{}", found.rest_sd_percent);
    assert!(found.negative_share < 0.05, "{}", found.negative_share);
}

#[test]
fn merton_is_found_again_within_its_errors_small_jumps_included() {
    // Half of the second's jumps, and a quarter of the first's, are below four deviations.
    for (seed, rate, mean, sd, rest) in
        [(51, 95.0, -0.5, 4.0, 0.78), (52, 200.0, 0.0, 5.0, 0.78), (53, 60.0, 8.0, 1.0, 0.5)]
    {
        let spec = jumping(rate, mean, sd, rest);
        let calibration = fit(&record(PriceSpec::JumpDiffusion(spec), 60_000, seed));
        let found = calibration.merton.expect("it jumps");
        for (name, estimate, known) in [
            ("rate", &found.per_year, rate),
            ("mean", &found.mean_percent, mean),
            ("deviation", &found.sd_percent, sd),
            ("rest", &found.rest_sd_percent, rest),
        ] {
            let Estimate { value, standard_error } = *estimate;
            let error = standard_error.expect("an error");
            assert!(error < 0.2 * known.abs().max(1.0), "{name}: ± {error}");
            assert!(
                (value - known).abs() < 3.0 * error,
                "{seed} {name}: {value} ± {error}, {known}"
            );
        }
        let path = calibration.path_entries().pop().expect("a path");
        assert!(path.contains("JumpDiffusion"), "{path}");
    }
    // A plain diffusion has none, or as good as none.
    let spec = jumping(0.0, 0.0, 0.0, 0.5);
    let found = fit(&record(PriceSpec::JumpDiffusion(spec), 20_000, 54)).merton;
    let variance = found.map_or(0.0, |m| m.per_year.value / 8_760.0 * m.sd_percent.value.powi(2));
    assert!(variance < 0.02 * 0.25, "{found:?}");
}

#[test]
fn what_is_left_out_is_not_seen_and_the_dates_say_so() {
    let mut klines = record(PriceSpec::Garch(Garch::targeting(0.9, 0.06, 0.91, 6.0)), 3_000, 44);
    let hour = |i: u64| Utc(START + i * 3_600);
    // A crash that no fit may see, and a bar that is missing.
    klines.bars[1_000].close *= 0.1;
    klines.bars.remove(2_000);
    klines.times.remove(2_000);
    let selection = Selection {
        from: Some(hour(100)),
        to: Some(hour(2_500)),
        without: vec![Range { start: hour(990), end: hour(1_010) }],
    };
    let found = calibrate(&klines, &selection).expect("a fit");
    let dates: Vec<(String, String)> = [(100, 990), (1_010, 2_000), (2_001, 2_500)]
        .map(|(a, b)| (hour(a).to_string(), hour(b).to_string()))
        .to_vec();
    assert_eq!(found.fitted_on, dates);
    assert_eq!(found.returns, 889 + 989 + 498);
    assert!(found.sd_percent < 2.0, "the crash was seen: {}", found.sd_percent);
    let seen = calibrate(&klines, &Selection::default()).expect("a fit");
    assert!(seen.sd_percent > 4.0);
    // Too little is refused.
    let selection = Selection { to: Some(hour(400)), ..Selection::default() };
    let refused = calibrate(&klines, &selection).expect_err("too few");
    assert!(matches!(refused, CalibrateError::TooFew { returns: 399, .. }), "{refused}");
}

#[test]
fn the_fragment_can_be_pasted_in_a_scenario() {
    let found = fit(&record(PriceSpec::Garch(Garch::targeting(0.9, 0.06, 0.91, 6.0)), 5_000, 45));
    let fragment = found.fragment();
    assert!(fragment.contains(&found.hash) && fragment.contains("2020-01-01T00:00:00Z"));
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let siege = std::fs::read_to_string(library.join("siege.ron")).expect("reads");
    // In place of the scenario's own fields of these names.
    let cut = |text: &str, field: &str, end: &str| {
        let start = text.find(&format!("\n    {field}:")).expect("has the field");
        let end = start + text[start..].find(end).expect("ends") + end.len();
        format!("{}\n{}", &text[..start], &text[end..])
    };
    let text = cut(&cut(&siege, "fitted_on", "\n    ],"), "paths", "\n    ),");
    let text = text.replacen("schema: 1,", &format!("schema: 1,\n{fragment}"), 1);
    let loaded = scenarios::load::from_text(&library.join("pasted.ron"), &text, &[]);
    // siege tests on March 2020: a record of these months is refused, by its dates.
    let refused = loaded.expect_err("seen in a test window");
    assert!(refused.places()[0].message.contains("black_thursday_2020"), "{:?}", refused.places());
    let windows = ["windows=[]".to_owned()];
    let loaded = scenarios::load::from_text(&library.join("pasted.ron"), &text, &windows)
        .unwrap_or_else(|e| panic!("{:?}\n{fragment}", e.places()));
    assert_eq!(loaded.scenario.paths.train.len(), 2);
    assert!(scenarios::assemble::Worlds::new(&loaded).is_ok());
}

#[test]
fn a_window_can_be_any_exchange_s_candles_and_its_gaps_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron");
    let text = std::fs::read_to_string(siege).expect("reads");
    let file = dir.path().join("s.ron");
    std::fs::write(&file, text).expect("writes");
    let set = |csv: &str| {
        vec![
            format!("windows=[(name: \"own\", csv: \"{csv}\", role: Train)]"),
            "fitted_on=[]".to_owned(),
        ]
    };
    let row = |i: u64, price: f64| {
        format!("{},{price},{price},{price},{price},0\n", (START + i * 3_600) * 1_000)
    };
    let whole: String = (0..30).map(|i| row(i, 100.0 + i as f64)).collect();
    std::fs::write(dir.path().join("whole.csv"), &whole).expect("writes");
    let loaded = load(&file, &set("whole.csv")).unwrap_or_else(|e| panic!("{:?}", e.places()));
    let window = &loaded.windows[0];
    assert_eq!((window.bars.len(), window.bar_secs, window.start), (30, 3_600, Utc(START)));
    let holes: String = whole
        .lines()
        .enumerate()
        .filter(|(i, _)| *i != 7 && *i != 20)
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    std::fs::write(dir.path().join("holes.csv"), holes).expect("writes");
    let refused = load(&file, &set("holes.csv")).expect_err("gaps");
    let message = &refused.places()[0].message;
    assert!(message.contains("holes.csv:8: a gap of 3600 s"), "{message}");
    assert!(message.contains("; 20: a gap"), "{message}");
}

/// The histories behind docs/calibration.md, which are not part of the project.
fn history(name: &str) -> Option<Klines> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = folders.map(|folder| folder.join("shared/data/prices")).find(|f| f.is_dir());
    let path = found.unwrap_or_else(|| Path::new("../shared/data/prices").to_owned()).join(name);
    match klines::read(&path) {
        Ok(klines) => Some(klines),
        Err(error) => {
            eprintln!("SKIPPED: the price histories are not here ({error})");
            None
        }
    }
}

/// The figures of scenarios/library/data/calibration.ron, fitted by another program on the same dates.
#[test]
fn the_histories_give_the_figures_that_scenarios_use() {
    let Some(eth) = history("ethusdt_1h.csv") else { return };
    let day = |text: &str| Utc::parse(text).expect("a date");
    let range = |start: &str, end: &str| Range { start: day(start), end: day(end) };
    let selection = Selection {
        without: vec![
            range("2020-03-05", "2020-03-21"),
            range("2024-07-28", "2024-08-13"),
            range("2020-11-26", "2020-11-27"),
            range("2021-05-19", "2021-05-20"),
            range("2022-06-10", "2022-06-19"),
            range("2024-04-12T12:00:00Z", "2024-04-14T13:00:00Z"),
        ],
        ..Selection::default()
    };
    let found = calibrate(&eth, &selection).expect("a fit");
    for (what, value, expected, error) in [
        ("returns", found.returns as f64, 43_379.0, 20.0),
        ("sd", found.sd_percent, 0.824_96, 0.001),
        ("held ω", found.targeted.omega.value, 0.008_428_3, 1e-4),
        ("held α", found.targeted.alpha.value, 0.068_34, 5e-4),
        ("held β", found.targeted.beta.value, 0.919_28, 7e-4),
        ("held ν", found.targeted.nu.expect("t").value, 3.359_5, 0.01),
        ("QML α", found.gaussian.alpha.value, 0.079_13, 7e-4),
        ("QML β", found.gaussian.beta.value, 0.914, 1e-3),
        ("t α", found.student.alpha.value, 0.060_705, 7e-4),
        ("t β", found.student.beta.value, 0.939_28, 7e-4),
        ("t ν", found.student.nu.expect("t").value, 3.471_6, 0.01),
    ] {
        assert!((value - expected).abs() <= error, "{what}: {value}, not {expected}");
    }
}
