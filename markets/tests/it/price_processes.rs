//! Jumps, regimes and pegs: moments against closed forms, within four standard errors at fixed seeds.

use crate::returns::log_returns;
use markets::price::facts::{Moments, autocorrelation, moments};
use markets::price::{
    Cholesky, Depeg, Gbm, HOUR_SECS, JointPrices, JumpDiffusion, Pegged, PriceError, PriceSpec,
    Regime, RegimeSwitching, SpecError, Stable, ou,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const YEAR_SECS: f64 = 365.0 * 86_400.0;

fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (moments(a).mean, moments(b).mean);
    a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>() / a.len() as f64
}

fn merton(common_jumps: bool) -> JumpDiffusion {
    JumpDiffusion {
        drift_per_year: 0.4,
        vol_per_sqrt_year: 0.6,
        jumps_per_year: 800.0,
        mean_log_jump: -0.01,
        log_jump_sd: 0.02,
        common_jumps,
    }
}

/// Cumulants of the log return over Δ (Merton, 1976): κ₁ = (μ − σ²/2 − λk + λm)Δ, κ₂ = (σ² + λ(m² + s²))Δ,
/// κ₃ = λ(m³ + 3ms²)Δ, κ₄ = λ(m⁴ + 6m²s² + 3s⁴)Δ; independent over time.
#[test]
fn merton_jumps_have_their_four_cumulants() {
    let spec = merton(false);
    let n = 400_000;
    let r = &log_returns(vec![PriceSpec::JumpDiffusion(spec)], None, HOUR_SECS, 1, n, 21)[0];
    let dt = f64::from(HOUR_SECS) / YEAR_SECS;
    let (m, s, rate) = (spec.mean_log_jump, spec.log_jump_sd, spec.jumps_per_year * dt);
    let k2 = (0.36 * dt) + rate * (m * m + s * s);
    let k3 = rate * (m * m * m + 3.0 * m * s * s);
    let k4 = rate * (m * m * m * m + 6.0 * m * m * s * s + 3.0 * s * s * s * s);
    let found = moments(r);
    let root_n = (n as f64).sqrt();
    assert!((found.mean - spec.log_drift_per_year() * dt).abs() < 4.0 * k2.sqrt() / root_n);
    assert!((spec.variance_per_year() * dt / k2 - 1.0).abs() < 1e-12);
    let excess = k4 / (k2 * k2);
    // Standard error of a variance: √((2 + excess)/n) of it.
    let variance = found.sd * found.sd / k2;
    assert!((variance - 1.0).abs() < 4.0 * (2.0 + excess).sqrt() / root_n, "{variance}");
    // Skew and kurtosis: their errors by the spread over forty pieces.
    let pieces: Vec<Moments> = r.chunks(n / 40).map(moments).collect();
    let spread = |f: fn(&Moments) -> f64| {
        moments(&pieces.iter().map(f).collect::<Vec<_>>()).sd / 40_f64.sqrt()
    };
    let skew_error = 4.0 * spread(|m| m.skew);
    assert!((found.skew - k3 / (k2 * k2.sqrt())).abs() < skew_error, "{}", found.skew);
    assert!(skew_error < 0.2 * (k3 / (k2 * k2.sqrt())).abs(), "{skew_error}");
    let kurtosis_error = 4.0 * spread(|m| m.excess_kurtosis);
    assert!((found.excess_kurtosis - excess).abs() < kurtosis_error, "{}", found.excess_kurtosis);
    assert!(kurtosis_error < 0.2 * excess, "{kurtosis_error}");
    // E[S] grows by μ: the mean of the simple return, jumps included.
    let simple: Vec<f64> = r.iter().map(|r| libm::expm1(*r)).collect();
    let growth = moments(&simple);
    assert!((growth.mean - 0.4 * dt).abs() < 4.0 * growth.sd / root_n);
    // No memory at all.
    let squares: Vec<f64> = r.iter().map(|r| r * r).collect();
    assert!(autocorrelation(r, 1).abs() < 4.0 / root_n);
    assert!(autocorrelation(&squares, 1).abs() < 4.0 / root_n);
}

#[test]
fn a_block_of_many_jumps_has_the_same_variance_as_many_blocks() {
    let spec = merton(false);
    for (block_secs, every) in [(HOUR_SECS, 24), (60, 60 * 24)] {
        let n = 2_000;
        let r = &log_returns(vec![PriceSpec::JumpDiffusion(spec)], None, block_secs, every, n, 22);
        let expected = (spec.variance_per_year() / 365.0).sqrt();
        let sd = moments(&r[0]).sd;
        assert!((sd / expected - 1.0).abs() < 4.0 / (2.0 * n as f64).sqrt() * 1.3, "{sd}");
    }
}

/// Cov = (ρ·σ₁σ₂ + λ(m₁m₂ + s₁s₂))·Δ where jumps are common, ρ·σ₁σ₂·Δ where each has its own.
#[test]
fn common_jumps_fall_together_and_own_jumps_do_not() {
    let matrix = [vec![1.0, 0.5], vec![0.5, 1.0]];
    let n = 200_000;
    let dt = f64::from(HOUR_SECS) / YEAR_SECS;
    for common in [true, false] {
        let second = JumpDiffusion { mean_log_jump: -0.02, log_jump_sd: 0.01, ..merton(common) };
        let specs =
            vec![PriceSpec::JumpDiffusion(merton(common)), PriceSpec::JumpDiffusion(second)];
        let r = log_returns(specs, Some(&matrix), HOUR_SECS, 1, n, 23);
        let diffusion = 0.5 * 0.36 * dt;
        let jumps = 800.0 * dt * (0.01 * 0.02 + 0.02 * 0.01);
        let expected = if common { diffusion + jumps } else { diffusion };
        let products: Vec<f64> = r[0].iter().zip(&r[1]).map(|(a, b)| a * b).collect();
        let error = 4.0 * moments(&products).sd / (n as f64).sqrt();
        let found = covariance(&r[0], &r[1]);
        assert!((found - expected).abs() < error, "{common}: {found} {expected} {error}");
        assert!(error < 0.5 * jumps, "the test could not tell");
    }
}

fn two_regimes(start: Option<usize>) -> RegimeSwitching {
    RegimeSwitching {
        regimes: vec![
            Regime { log_drift_per_year: 0.0, vol_per_sqrt_year: 0.5 },
            Regime { log_drift_per_year: 0.0, vol_per_sqrt_year: 1.8 },
        ],
        hourly_transition: vec![vec![0.97, 0.03], vec![0.12, 0.88]],
        start,
    }
}

/// With zero means: Var = Σπσ²·Δ; kurtosis 3·Σπσ⁴/(Σπσ²)²; the squares' autocorrelation is
/// (p + q − 1)^k · Var(σ²)/(3·E[σ⁴] − E[σ²]²) (Timmermann, Journal of Econometrics 96, 2000).
#[test]
fn regimes_have_their_shares_their_kurtosis_and_their_memory() {
    let spec = two_regimes(None);
    let shares = spec.stationary().unwrap();
    assert!((shares[1] - 0.2).abs() < 1e-12);
    let dt = f64::from(HOUR_SECS) / YEAR_SECS;
    let n = 400_000;
    let r = &log_returns(vec![PriceSpec::RegimeSwitching(spec)], None, 900, 4, n, 24)[0];
    let (v0, v1) = (0.25 * dt, 3.24 * dt);
    let mean = 0.8 * v0 + 0.2 * v1;
    let square = 0.8 * v0 * v0 + 0.2 * v1 * v1;
    let found = moments(r);
    let squares: Vec<f64> = r.iter().map(|r| r * r).collect();
    // The squares' sum has the variance of independent ones times 1 + 2Σρ.
    let first = (square - mean * mean) / (3.0 * square - mean * mean);
    let inflation = (1.0 + 2.0 * first * 0.85 / (1.0 - 0.85)).sqrt();
    let error = 4.0 * moments(&squares).sd / (n as f64).sqrt() * inflation;
    assert!((found.sd * found.sd - mean).abs() < error);
    assert!(error < 0.05 * mean);
    let kurtosis = 3.0 * square / (mean * mean) - 3.0;
    assert!((found.excess_kurtosis / kurtosis - 1.0).abs() < 0.05, "{}", found.excess_kurtosis);
    for lag in [1, 2, 5, 10] {
        let expected = first * libm::pow(0.85, lag as f64);
        let found = autocorrelation(&squares, lag);
        assert!((found - expected).abs() < 0.015, "{lag}: {found} {expected}");
    }
    assert!(autocorrelation(r, 1).abs() < 4.0 / (n as f64).sqrt() * 2.0);
}

#[test]
fn assets_of_one_chain_are_turbulent_together() {
    let specs = || PriceSpec::RegimeSwitching(two_regimes(None));
    let r = log_returns(vec![specs(), specs()], None, 900, 4, 100_000, 25);
    // Independent returns, but one chain: only their magnitudes are correlated.
    let squares = |r: &[f64]| r.iter().map(|r| r * r).collect::<Vec<_>>();
    let (a, b) = (squares(&r[0]), squares(&r[1]));
    let of_squares = covariance(&a, &b) / (covariance(&a, &a) * covariance(&b, &b)).sqrt();
    let of_returns =
        covariance(&r[0], &r[1]) / (covariance(&r[0], &r[0]) * covariance(&r[1], &r[1])).sqrt();
    assert!(of_squares > 0.15 && of_returns.abs() < 0.03, "{of_squares} {of_returns}");
}

#[test]
fn a_regime_that_is_given_is_the_first() {
    let mut joint = JointPrices::new(
        vec![PriceSpec::RegimeSwitching(two_regimes(Some(1)))],
        vec![1.0],
        None,
        60,
    )
    .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(26);
    let mut first_hours = Vec::new();
    for _ in 0..400 {
        joint.reset();
        let mut last = 1.0;
        for _ in 0..60 {
            joint.step(&mut rng);
            first_hours.push(libm::log(joint.prices()[0] / last));
            last = joint.prices()[0];
        }
    }
    let expected = 1.8 * (60.0 / YEAR_SECS).sqrt();
    let sd = moments(&first_hours).sd;
    assert!((sd / expected - 1.0).abs() < 4.0 / (2.0 * 24_000_f64).sqrt(), "{sd} {expected}");
}

/// Shot noise (Campbell, 1909): mean −λ·f/κ, variance λ·f²·2/(2κ); its autocorrelation halves every
/// half-life.
#[test]
fn depegs_recover_with_their_half_life() {
    let (per_year, fall, half_life) = (2_000.0, 0.01, 7_200.0);
    let depeg = Depeg { per_year, mean_log_fall: fall, half_life_secs: half_life };
    let stable = Stable { half_life_secs: 600.0, vol_per_sqrt_year: 0.0, depeg: Some(depeg) };
    let mut joint = JointPrices::new(vec![PriceSpec::Stable(stable)], vec![1.0], None, 60).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(27);
    let n = 1_000_000;
    let y: Vec<f64> = (0..n)
        .map(|_| {
            joint.step(&mut rng);
            libm::log(joint.prices()[0])
        })
        .collect();
    let kappa = std::f64::consts::LN_2 / half_life * YEAR_SECS;
    let (mean, sd) = (-per_year * fall / kappa, (per_year * fall * fall / kappa).sqrt());
    let found = moments(&y);
    // Values decorrelate over 2/κ: n blocks hold n·Δκ/2 independent ones.
    let independent = n as f64 * 60.0 / YEAR_SECS * kappa / 2.0;
    let error = 4.0 * sd / independent.sqrt();
    // A block's fall does not decay within its block: the mean is off by less than Δκ/2 of it.
    let discrete = mean.abs() * 60.0 / YEAR_SECS * kappa;
    assert!((found.mean - mean).abs() < error + discrete, "{} {mean}", found.mean);
    assert!(error < 0.1 * mean.abs());
    assert!((found.sd / sd - 1.0).abs() < 0.05, "{} {sd}", found.sd);
    let lag = autocorrelation(&y, 120);
    assert!((lag - 0.5).abs() < 4.0 / independent.sqrt(), "{lag}");
}

#[test]
fn a_pegged_asset_follows_and_its_deviation_reverts() {
    let (half_life, sd, growth) = (3_600.0, 0.002, 0.03);
    let vol = ou::vol_per_sqrt_year(sd, half_life);
    let pegged = Pegged {
        on: 1,
        growth_per_year: growth,
        half_life_secs: half_life,
        vol_per_sqrt_year: vol,
        depeg: None,
    };
    let gbm = PriceSpec::Gbm(Gbm { drift_per_year: 0.0, vol_per_sqrt_year: 0.8 });
    let specs = vec![PriceSpec::Pegged(pegged), gbm];
    let mut joint = JointPrices::new(specs, vec![1_100.0, 1_000.0], None, 360).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(28);
    let n = 300_000;
    let mut deviations = Vec::with_capacity(n);
    for block in 1..=n {
        joint.step(&mut rng);
        let peg = 1.1 * libm::exp(growth * block as f64 * 360.0 / YEAR_SECS);
        deviations.push(libm::log(joint.prices()[0] / joint.prices()[1] / peg));
    }
    let found = moments(&deviations);
    let independent = n as f64 / 29.0;
    assert!((found.sd / sd - 1.0).abs() < 4.0 / (2.0 * independent).sqrt(), "{}", found.sd);
    assert!(found.mean.abs() < 4.0 * sd / independent.sqrt());
    assert!((autocorrelation(&deviations, 10) - 0.5).abs() < 4.0 / independent.sqrt());
    // Back at the start, the deviation is too.
    joint.reset();
    assert_eq!(joint.prices(), [1_100.0, 1_000.0]);
}

#[test]
fn processes_that_cannot_be_are_refused_with_their_parameter() {
    let build = |spec| JointPrices::new(vec![spec], vec![1.0], None, 12);
    let refused = |spec, parameter: &str| match build(spec) {
        Err(PriceError::Asset {
            reason: SpecError::OutOfRange { parameter: found, .. }, ..
        }) => {
            assert_eq!(found, parameter);
        }
        other => panic!("{parameter}: {other:?}"),
    };
    let jumps = |f: fn(&mut JumpDiffusion)| {
        let mut spec = merton(false);
        f(&mut spec);
        PriceSpec::JumpDiffusion(spec)
    };
    refused(jumps(|s| s.drift_per_year = f64::NAN), "drift_per_year");
    refused(jumps(|s| s.vol_per_sqrt_year = -1.0), "vol_per_sqrt_year");
    refused(jumps(|s| s.jumps_per_year = -1.0), "jumps_per_year");
    refused(jumps(|s| s.jumps_per_year = 1e12), "jumps_per_year");
    refused(jumps(|s| s.mean_log_jump = 11.0), "mean_log_jump");
    refused(jumps(|s| s.log_jump_sd = -0.1), "log_jump_sd");
    refused(PriceSpec::RegimeSwitching(two_regimes(Some(2))), "start");
    let own = Pegged {
        on: 0,
        growth_per_year: 0.0,
        half_life_secs: 1.0,
        vol_per_sqrt_year: 0.0,
        depeg: None,
    };
    let circle = build(PriceSpec::Pegged(own)).unwrap_err();
    assert!(circle.to_string().contains("depends on itself"), "{circle}");
}

#[test]
fn an_impossible_correlation_is_refused_in_words() {
    let impossible = [vec![1.0, 0.9, -0.9], vec![0.9, 1.0, 0.9], vec![-0.9, 0.9, 1.0]];
    let message = Cholesky::new(&impossible).unwrap_err().to_string();
    assert!(message.contains("not positive semi-definite: row 2"), "{message}");
}

#[test]
fn a_serialised_copy_of_every_process_continues_identically() {
    let specs = vec![
        PriceSpec::JumpDiffusion(merton(true)),
        PriceSpec::RegimeSwitching(two_regimes(None)),
        PriceSpec::Pegged(Pegged {
            on: 0,
            growth_per_year: 0.01,
            half_life_secs: 900.0,
            vol_per_sqrt_year: 0.1,
            depeg: Some(Depeg { per_year: 5_000.0, mean_log_fall: 0.02, half_life_secs: 900.0 }),
        }),
    ];
    let mut joint = JointPrices::new(specs, vec![1.0, 2.0, 3.0], None, 60).unwrap();
    let mut fresh = joint.clone();
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    for _ in 0..90 {
        joint.step(&mut rng);
    }
    let bytes = postcard::to_allocvec(&joint).unwrap();
    let mut copy: JointPrices = postcard::from_bytes(&bytes).unwrap();
    let mut other = rng.clone();
    for _ in 0..200 {
        joint.step(&mut rng);
        copy.step(&mut other);
    }
    assert_eq!(joint, copy);
    // Reset, it plays what a new one plays.
    joint.reset();
    let mut other = rng.clone();
    for _ in 0..200 {
        joint.step(&mut rng);
        fresh.step(&mut other);
    }
    assert_eq!(joint, fresh);
}

/// Everything that jumps, switches or is pegged: jumps both rare and many a block, common and each asset's own.
fn jumps_regimes_and_pegs() -> JointPrices {
    let depeg = Depeg { per_year: 40_000.0, mean_log_fall: 0.02, half_life_secs: 900.0 };
    let many = JumpDiffusion { jumps_per_year: 2e6, log_jump_sd: 0.001, ..merton(false) };
    let often = JumpDiffusion { jumps_per_year: 2e5, ..merton(true) };
    let specs = vec![
        PriceSpec::JumpDiffusion(often),
        PriceSpec::JumpDiffusion(JumpDiffusion { mean_log_jump: 0.02, ..often }),
        PriceSpec::JumpDiffusion(JumpDiffusion { common_jumps: false, ..often }),
        PriceSpec::JumpDiffusion(many),
        PriceSpec::RegimeSwitching(two_regimes(None)),
        PriceSpec::RegimeSwitching(two_regimes(Some(0))),
        PriceSpec::Pegged(Pegged {
            on: 0,
            growth_per_year: 0.1,
            half_life_secs: 900.0,
            vol_per_sqrt_year: 0.1,
            depeg: Some(depeg),
        }),
    ];
    JointPrices::new(specs, vec![1.0, 20.0, 300.0, 4_000.0, 5.0, 6.0, 7.0], None, 60).unwrap()
}

/// The same on every machine and in every version, to the last bit, as `prices.rs` has it of the other
/// processes; the tests above say that it is right.
#[test]
fn a_seed_gives_the_jumps_and_regimes_that_it_always_gave() {
    let mut joint = jumps_regimes_and_pegs();
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let found = [1, 300, 2_000].map(|steps| {
        (0..steps).for_each(|_| joint.step(&mut rng));
        joint.prices().to_vec()
    });
    let expected = [
        [
            1.0140332370112095,
            20.650849434660877,
            301.35230421595105,
            4033.3228602619693,
            5.005422907825741,
            6.001651928914615,
            7.097989666013517,
        ],
        [
            0.8165939119442833,
            21.832036232864123,
            422.5679777666976,
            3701.678808130726,
            4.7300853537911935,
            6.0040172961152125,
            5.554170480096055,
        ],
        [
            0.2746105621083067,
            1.9309087181411357,
            397.7357708189009,
            15591.55274081832,
            4.717137534416847,
            5.869236590101343,
            1.830928978374915,
        ],
    ];
    assert_eq!(found, expected);
    assert_eq!((joint.blocks(), joint.elapsed_secs()), (2_301, 138_060));
}

/// By hand: σ = 0.5, λ = 4, m = −0.1, s = 0.2, μ = 0.1; k = e^(−0.08) − 1.
#[test]
fn variance_and_drift_of_jumps_are_as_by_hand() {
    let spec = JumpDiffusion {
        drift_per_year: 0.1,
        vol_per_sqrt_year: 0.5,
        jumps_per_year: 4.0,
        mean_log_jump: -0.1,
        log_jump_sd: 0.2,
        common_jumps: false,
    };
    assert!((spec.variance_per_year() - 0.45).abs() < 1e-15);
    assert!((spec.log_drift_per_year() - -0.117_465_385_546_544).abs() < 1e-12);
}

#[test]
fn a_jump_s_parameters_may_be_as_far_as_their_bounds() {
    let build = |spec| JointPrices::new(vec![PriceSpec::JumpDiffusion(spec)], vec![1.0], None, 60);
    let still = JumpDiffusion {
        drift_per_year: 0.0,
        vol_per_sqrt_year: 0.0,
        jumps_per_year: 0.0,
        mean_log_jump: 0.0,
        log_jump_sd: 0.0,
        common_jumps: true,
    };
    // Fifty a block of a minute.
    let most = 50.0 * 525_600.0;
    let within = [
        still,
        JumpDiffusion { mean_log_jump: 10.0, ..still },
        JumpDiffusion { mean_log_jump: -10.0, log_jump_sd: 10.0, ..still },
        JumpDiffusion { jumps_per_year: most, ..still },
    ];
    for spec in within {
        assert!(build(spec).is_ok(), "{spec:?}");
    }
    let beyond = [
        JumpDiffusion { mean_log_jump: 10.01, ..still },
        JumpDiffusion { mean_log_jump: -10.01, ..still },
        JumpDiffusion { log_jump_sd: 10.01, ..still },
        JumpDiffusion { jumps_per_year: most * 1.01, ..still },
    ];
    for spec in beyond {
        assert!(build(spec).is_err(), "{spec:?}");
    }
}
