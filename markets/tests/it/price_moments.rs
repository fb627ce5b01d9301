//! Price processes: moments within four standard errors, fixed seeds.

use crate::returns::log_returns;
use markets::price::{Beta, Depeg, Garch, Gbm, HOUR_SECS, JointPrices, PriceSpec, Stable};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const YEAR_SECS: f64 = 365.0 * 86_400.0;

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (mean(a), mean(b));
    a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>() / a.len() as f64
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt()
}

#[test]
fn gbm_has_its_drift_volatility_and_correlation() {
    let (mu, sigma, n) = (0.3, 0.8, 200_000);
    let gbm = PriceSpec::Gbm(Gbm { drift_per_year: mu, vol_per_sqrt_year: sigma });
    let matrix = [vec![1.0, 0.8], vec![0.8, 1.0]];
    // Hours as blocks, so that the drift can be seen at all.
    let r = log_returns(vec![gbm.clone(), gbm], Some(&matrix), HOUR_SECS, 1, n, 11);
    let dt = f64::from(HOUR_SECS) / YEAR_SECS;
    let root_n = (n as f64).sqrt();
    let sd = sigma * dt.sqrt();
    assert!((mean(&r[0]) - (mu - sigma * sigma / 2.0) * dt).abs() < 4.0 * sd / root_n);
    assert!((covariance(&r[0], &r[0]) / (sd * sd) - 1.0).abs() < 4.0 * 2_f64.sqrt() / root_n);
    // Standard error of a correlation: (1 − ρ²)/√n.
    assert!((correlation(&r[0], &r[1]) - 0.8).abs() < 4.0 * (1.0 - 0.64) / root_n);
    // Successive returns are independent.
    assert!(correlation(&r[0][1..], &r[0][..n - 1]).abs() < 4.0 / root_n);
}

#[test]
fn garch_hours_have_the_targeted_variance_and_persistence() {
    // ν = 12 and a small α, so that the sample variance itself has a small error.
    let (alpha, beta) = (0.05, 0.90);
    let spec = Garch::targeting(0.979, alpha, beta, 12.0);
    assert!((spec.unconditional_variance().sqrt() - 0.979).abs() < 1e-12);
    let n = 200_000;
    let r = &log_returns(vec![PriceSpec::Garch(spec)], None, 900, 4, n, 12)[0];
    let sd_percent = 100.0 * covariance(r, r).sqrt();
    // Hours' variances are correlated over ~1/(1 − α − β) = 20 hours: 1 % is four standard errors.
    assert!((sd_percent / 0.979 - 1.0).abs() < 0.01, "{sd_percent}");
    let squares: Vec<_> = r.iter().map(|r| r * r).collect();
    let lag = |k: usize| correlation(&squares[k..], &squares[..n - k]);
    // The squares' autocorrelation decays by α + β an hour.
    assert!(lag(1) > 0.05, "{}", lag(1));
    let decay = libm::pow(lag(20) / lag(10), 0.1);
    assert!((decay - 0.95).abs() < 0.02, "{decay}");
    assert!(correlation(&r[1..], &r[..n - 1]).abs() < 0.01);
}

#[test]
fn garch_hours_are_student_t_however_many_blocks_they_have() {
    // No feedback: h is constant, hours are independent t of ν = 4 and unit variance.
    for (block_secs, blocks) in [(900, 4), (60, 60)] {
        let spec = Garch::targeting(1.0, 0.0, 0.0, 4.0);
        let n = 40_000;
        let r = &log_returns(vec![PriceSpec::Garch(spec)], None, block_secs, blocks, n, 13)[0];
        let beyond = |t: f64| {
            let limit = t / 2_f64.sqrt() / 100.0;
            r.iter().filter(|r| r.abs() > limit).count() as f64 / n as f64
        };
        for (t, p) in [(0.740_697, 0.5), (2.776_445, 0.05), (4.604_095, 0.01)] {
            let error: f64 = 4.0 * (p * (1.0 - p) / n as f64).sqrt();
            assert!((beyond(t) - p).abs() < error, "{} {p}", beyond(t));
        }
    }
}

#[test]
fn garch_assets_of_one_nu_crash_together() {
    let spec = || PriceSpec::Garch(Garch::targeting(1.0, 0.0, 0.0, 5.0));
    let matrix = [vec![1.0, 0.8], vec![0.8, 1.0]];
    let n = 100_000;
    let r = log_returns(vec![spec(), spec()], Some(&matrix), 900, 4, n, 14);
    assert!((correlation(&r[0], &r[1]) - 0.8).abs() < 0.015);
    // Given that one is beyond its 0.1 % quantile, the other is beyond its own in two cases of five;
    // normals of this correlation would manage one in four.
    let quantile = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[n / 1_000]
    };
    let limits = [quantile(&r[0]), quantile(&r[1])];
    let both = r[0].iter().zip(&r[1]).filter(|(a, b)| **a < limits[0] && **b < limits[1]).count();
    assert!(both > 36, "{both} of {}", n / 1_000);
}

#[test]
fn beta_has_its_slope_and_its_residual() {
    let (beta, vol, n) = (1.4, 0.9, 100_000);
    let dt = f64::from(HOUR_SECS) / YEAR_SECS;
    let gbm = PriceSpec::Gbm(Gbm { drift_per_year: 0.0, vol_per_sqrt_year: 0.7 });
    let tail = Beta { on: 1, beta, residual_vol_per_sqrt_year: vol, residual_t_nu: Some(8.0) };
    let r = log_returns(vec![PriceSpec::Beta(tail), gbm], None, 900, 4, n, 15);
    let slope = covariance(&r[0], &r[1]) / covariance(&r[1], &r[1]);
    let error = vol / 0.7 / (n as f64).sqrt();
    assert!((slope - beta).abs() < 4.0 * error, "{slope}");
    let residual: Vec<_> = r[0].iter().zip(&r[1]).map(|(own, on)| own - beta * on).collect();
    let sd = covariance(&residual, &residual).sqrt();
    // Kurtosis of t₈ is 4.5: standard error of the variance √(3.5/n), of the deviation half of it.
    assert!((sd / (vol * dt.sqrt()) - 1.0).abs() < 2.0 * (3.5 / n as f64).sqrt(), "{sd}");
}

#[test]
fn a_stablecoin_reverts_with_its_half_life() {
    let (half_life, vol) = (3_600.0, 0.02);
    let stable = Stable { half_life_secs: half_life, vol_per_sqrt_year: vol, depeg: None };
    let mut joint =
        JointPrices::new(vec![PriceSpec::Stable(stable)], vec![1.0], None, 360).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(16);
    let n = 300_000;
    let x: Vec<f64> = (0..n)
        .map(|_| {
            joint.step(&mut rng);
            libm::log(joint.prices()[0])
        })
        .collect();
    let kappa = std::f64::consts::LN_2 / half_life * YEAR_SECS;
    let sd = vol / (2.0 * kappa).sqrt();
    // Ten blocks to a half-life: about n/29 independent values.
    let independent = n as f64 / 29.0;
    assert!((covariance(&x, &x).sqrt() / sd - 1.0).abs() < 4.0 / (2.0 * independent).sqrt());
    assert!(mean(&x).abs() < 4.0 * sd / independent.sqrt());
    let lag = correlation(&x[10..], &x[..n - 10]);
    assert!((lag - 0.5).abs() < 4.0 / independent.sqrt(), "{lag}");
}

#[test]
fn depegs_come_as_often_and_as_deep_as_stated() {
    let depeg = Depeg { per_year: 400.0, mean_log_fall: 0.05, half_life_secs: 600.0 };
    let stable = Stable { half_life_secs: 600.0, vol_per_sqrt_year: 0.0, depeg: Some(depeg) };
    let n = 20 * 365 * 24;
    let r = &log_returns(vec![PriceSpec::Stable(stable)], None, HOUR_SECS, 1, n, 17)[0];
    let falls: Vec<f64> = r.iter().filter(|r| **r < 0.0).map(|r| -r).collect();
    let expected = n as f64 * (1.0 - libm::exp(-400.0 / 8_760.0));
    assert!((falls.len() as f64 - expected).abs() < 4.0 * expected.sqrt(), "{}", falls.len());
    // Exponential falls: the mean's standard error is 1/√count of it. Those on top of an earlier one
    // not yet recovered (1/64 of it after an hour) are a little smaller.
    let depth = mean(&falls) / 0.05;
    assert!((depth - 1.0).abs() < 4.0 / expected.sqrt(), "{depth}");
}
