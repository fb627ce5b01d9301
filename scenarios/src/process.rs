//! Generated processes: the same parameters stand in an asset's own `price` and in a kind of path; here is
//! what is checked of them and what they are built as, once.

use crate::check::Checker;
use crate::schema::{DepegSpec, PathKind, PriceSource, RegimeSpec};
use markets::price::{
    Beta, Depeg, Garch, Gbm, HOUR_SECS, JumpDiffusion, Pegged, PriceSpec, Regime, RegimeSwitching,
    Stable,
};

/// Hours in a year of 365 days.
const HOURS_PER_YEAR: f64 = 24.0 * 365.0;

/// A process with its parameters, wherever in a scenario they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Process<'a> {
    Gbm { drift: f64, vol: f64 },
    Garch { omega: f64, alpha: f64, beta: f64, nu: f64 },
    Jumps { drift: f64, vol: f64, per_year: f64, mean: f64, sd: f64, common: bool },
    Regimes { regimes: &'a [RegimeSpec], transition: &'a [Vec<f64>], start: Option<u32> },
}

/// The process of a kind of path; `None` for those made of records.
pub(crate) fn of_path(kind: &PathKind) -> Option<Process<'_>> {
    Some(match kind {
        PathKind::Window { .. } | PathKind::Bootstrap { .. } => return None,
        PathKind::Garch { omega_percent2, alpha, beta, nu, weight: _ } => {
            Process::Garch { omega: *omega_percent2, alpha: *alpha, beta: *beta, nu: *nu }
        }
        PathKind::Gbm { drift_percent_per_year, vol_percent_per_sqrt_hour, weight: _ } => {
            Process::Gbm { drift: *drift_percent_per_year, vol: *vol_percent_per_sqrt_hour }
        }
        PathKind::JumpDiffusion {
            drift_percent_per_year,
            vol_percent_per_sqrt_hour,
            jumps_per_year,
            jump_mean_percent,
            jump_sd_percent,
            common_jumps,
            weight: _,
        } => Process::Jumps {
            drift: *drift_percent_per_year,
            vol: *vol_percent_per_sqrt_hour,
            per_year: *jumps_per_year,
            mean: *jump_mean_percent,
            sd: *jump_sd_percent,
            common: *common_jumps,
        },
        PathKind::RegimeSwitching { regimes, hourly_transition, start, weight: _ } => {
            Process::Regimes { regimes, transition: hourly_transition, start: *start }
        }
    })
}

/// The process of an asset's own price; `None` where it follows something else.
pub(crate) fn of_source(source: &PriceSource) -> Option<Process<'_>> {
    Some(match source {
        PriceSource::Paths
        | PriceSource::Beta { .. }
        | PriceSource::Stable { .. }
        | PriceSource::Pegged { .. } => return None,
        PriceSource::Garch { omega_percent2, alpha, beta, nu } => {
            Process::Garch { omega: *omega_percent2, alpha: *alpha, beta: *beta, nu: *nu }
        }
        PriceSource::Gbm { drift_percent_per_year, vol_percent_per_sqrt_hour } => {
            Process::Gbm { drift: *drift_percent_per_year, vol: *vol_percent_per_sqrt_hour }
        }
        PriceSource::JumpDiffusion {
            drift_percent_per_year,
            vol_percent_per_sqrt_hour,
            jumps_per_year,
            jump_mean_percent,
            jump_sd_percent,
            common_jumps,
        } => Process::Jumps {
            drift: *drift_percent_per_year,
            vol: *vol_percent_per_sqrt_hour,
            per_year: *jumps_per_year,
            mean: *jump_mean_percent,
            sd: *jump_sd_percent,
            common: *common_jumps,
        },
        PriceSource::RegimeSwitching { regimes, hourly_transition, start } => {
            Process::Regimes { regimes, transition: hourly_transition, start: *start }
        }
    })
}

impl Process<'_> {
    /// Refuses what cannot be, at the dotted path `at`.
    pub(crate) fn check(&self, at: &str, checker: &mut Checker<'_>) {
        let within = |checker: &mut Checker<'_>, field: &str, value: f64, min: f64, max: f64| {
            checker.within(&format!("{at}.{field}"), value, min, max);
        };
        match *self {
            Self::Gbm { drift, vol } => {
                within(checker, "drift_percent_per_year", drift, -1e5, 1e5);
                within(checker, "vol_percent_per_sqrt_hour", vol, 0.0, 100.0);
            }
            Self::Garch { omega, alpha, beta, nu } => {
                within(checker, "omega_percent2", omega, 1e-12, 1e4);
                within(checker, "alpha", alpha, 0.0, 1.0);
                within(checker, "beta", beta, 0.0, 1.0);
                within(checker, "nu", nu, 2.01, 1e3);
                if alpha + beta >= 1.0 {
                    checker.refuse(
                        &format!("{at}.beta"),
                        format!("alpha + beta is {}: the variance has no mean", alpha + beta),
                        "keep the sum below 1",
                    );
                }
            }
            Self::Jumps { drift, vol, per_year, mean, sd, common: _ } => {
                within(checker, "drift_percent_per_year", drift, -1e5, 1e5);
                within(checker, "vol_percent_per_sqrt_hour", vol, 0.0, 100.0);
                // A jump an hour is no longer rare.
                within(checker, "jumps_per_year", per_year, 0.0, HOURS_PER_YEAR);
                within(checker, "jump_mean_percent", mean, -300.0, 300.0);
                within(checker, "jump_sd_percent", sd, 0.0, 300.0);
            }
            Self::Regimes { regimes, transition: _, start: _ } => {
                for (i, regime) in regimes.iter().enumerate() {
                    let RegimeSpec { drift_percent_per_year, vol_percent_per_sqrt_hour } = regime;
                    let field = format!("regimes.{i}.drift_percent_per_year");
                    within(checker, &field, *drift_percent_per_year, -1e5, 1e5);
                    let field = format!("regimes.{i}.vol_percent_per_sqrt_hour");
                    within(checker, &field, *vol_percent_per_sqrt_hour, 0.0, 100.0);
                }
                self.check_chain(at, checker);
            }
        }
    }

    fn check_chain(&self, at: &str, checker: &mut Checker<'_>) {
        let Self::Regimes { regimes, transition: _, start } = *self else { return };
        if regimes.len() < 2 {
            checker.refuse(
                &format!("{at}.regimes"),
                format!("{} regimes: there is nothing to switch between", regimes.len()),
                "list at least two, or use Gbm",
            );
            return;
        }
        if let Some(start) = start {
            within_regimes(&format!("{at}.start"), start, regimes.len(), checker);
        }
        let PriceSpec::RegimeSwitching(chain) = self.spec() else { return };
        if let Err(error) = chain.check() {
            checker.refuse(
                &format!("{at}.hourly_transition"),
                error.to_string(),
                "write a row for each regime, each of non-negative numbers that sum to 1",
            );
        }
    }

    /// The process as it is built.
    pub(crate) fn spec(&self) -> PriceSpec {
        match *self {
            Self::Gbm { drift, vol } => PriceSpec::Gbm(Gbm {
                drift_per_year: drift / 100.0,
                vol_per_sqrt_year: per_sqrt_year(vol),
            }),
            Self::Garch { omega, alpha, beta, nu } => {
                let variance = omega / (1.0 - alpha - beta);
                PriceSpec::Garch(Garch::targeting(variance.sqrt(), alpha, beta, nu))
            }
            Self::Jumps { drift, vol, per_year, mean, sd, common } => {
                PriceSpec::JumpDiffusion(JumpDiffusion {
                    drift_per_year: drift / 100.0,
                    vol_per_sqrt_year: per_sqrt_year(vol),
                    jumps_per_year: per_year,
                    mean_log_jump: mean / 100.0,
                    log_jump_sd: sd / 100.0,
                    common_jumps: common,
                })
            }
            Self::Regimes { regimes, transition, start } => {
                let regime = |spec: &RegimeSpec| Regime {
                    log_drift_per_year: spec.drift_percent_per_year / 100.0,
                    vol_per_sqrt_year: per_sqrt_year(spec.vol_percent_per_sqrt_hour),
                };
                PriceSpec::RegimeSwitching(RegimeSwitching {
                    regimes: regimes.iter().map(regime).collect(),
                    hourly_transition: transition.to_vec(),
                    start: start.map(|start| start as usize),
                })
            }
        }
    }
}

fn within_regimes(path: &str, start: u32, regimes: usize, checker: &mut Checker<'_>) {
    if start as usize >= regimes {
        checker.refuse(
            path,
            format!("`start` is {start}, but regimes are counted from 0 to {}", regimes - 1),
            "write the position of a regime, or leave it out",
        );
    }
}

/// How an asset's own price is built; `paths` is the scenario's path, `on` the position of the asset that
/// this one follows.
pub(crate) fn source_spec(source: &PriceSource, on: usize, paths: &PriceSpec) -> PriceSpec {
    match source {
        PriceSource::Paths => paths.clone(),
        PriceSource::Beta { beta, residual_percent_per_sqrt_hour, residual_nu, on: _ } => {
            PriceSpec::Beta(Beta {
                on,
                beta: *beta,
                residual_vol_per_sqrt_year: per_sqrt_year(*residual_percent_per_sqrt_hour),
                residual_t_nu: Some(*residual_nu),
            })
        }
        PriceSource::Stable { half_life_hours, shock_percent_per_sqrt_hour } => {
            PriceSpec::Stable(Stable {
                half_life_secs: half_life_hours * f64::from(HOUR_SECS),
                vol_per_sqrt_year: per_sqrt_year(*shock_percent_per_sqrt_hour),
                depeg: None,
            })
        }
        PriceSource::Pegged {
            to,
            growth_percent_per_year,
            half_life_hours,
            shock_percent_per_sqrt_hour,
            depeg,
        } => {
            let half_life_secs = half_life_hours * f64::from(HOUR_SECS);
            let vol_per_sqrt_year = per_sqrt_year(*shock_percent_per_sqrt_hour);
            let depeg = depeg.map(depeg_spec);
            match to {
                None => PriceSpec::Stable(Stable { half_life_secs, vol_per_sqrt_year, depeg }),
                Some(_) => PriceSpec::Pegged(Pegged {
                    on,
                    growth_per_year: growth_percent_per_year / 100.0,
                    half_life_secs,
                    vol_per_sqrt_year,
                    depeg,
                }),
            }
        }
        PriceSource::Gbm { .. }
        | PriceSource::Garch { .. }
        | PriceSource::JumpDiffusion { .. }
        | PriceSource::RegimeSwitching { .. } => {
            let process = of_source(source);
            process.as_ref().map_or_else(|| paths.clone(), Process::spec)
        }
    }
}

fn depeg_spec(spec: DepegSpec) -> Depeg {
    Depeg {
        per_year: spec.per_year,
        mean_log_fall: spec.mean_fall_percent / 100.0,
        half_life_secs: spec.half_life_hours * f64::from(HOUR_SECS),
    }
}

/// Percent per √hour as a fraction per √year.
fn per_sqrt_year(percent_per_sqrt_hour: f64) -> f64 {
    percent_per_sqrt_hour / 100.0 * f64::sqrt(HOURS_PER_YEAR)
}
