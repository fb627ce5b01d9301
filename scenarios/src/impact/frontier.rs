//! How far prices may fall: liquidatable debt and bad debt by the size of a fall.

use super::{ImpactError, Question, Shock, borrowers, clear, crowd, liquidatable, what_if};
use serde::Serialize;
use sim::chain::Chain;

/// Falls that are tried, in millionths: 2.5 % apart, to one half.
const STEP_PPM: i64 = 25_000;
const STEPS: i64 = 20;
/// The deepest fall that is looked for, in millionths.
const DEEPEST_PPM: i64 = 990_000;

/// What a fall does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FrontierPoint {
    /// By how much the prices fall, as a ratio.
    pub fall: f64,
    /// Debt of whoever is liquidatable then, in USD: with the parameters before, and after.
    pub liquidatable_debt_usd: [f64; 2],
    /// Debt that nothing covers once all are liquidated, in USD: with the parameters before, and after.
    pub bad_debt_usd: [f64; 2],
}

/// Liquidatable and bad debt by the size of a fall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frontier {
    /// Whose prices fall together: those that were shocked, or the largest collateral.
    pub assets: Vec<String>,
    /// The falls.
    pub points: Vec<FrontierPoint>,
    /// Smallest fall that makes somebody liquidatable, with the parameters before and after; none up to
    /// 99 %. To a millionth.
    pub first_liquidatable_fall: [Option<f64>; 2],
    /// Smallest fall that leaves bad debt, found by bisection: exact where deeper falls leave more.
    pub first_bad_debt_fall: [Option<f64>; 2],
}

/// Sweeps.
pub(super) fn frontier(q: &Question<'_>) -> Result<Frontier, ImpactError> {
    let mut assets: Vec<String> = q.shocks.iter().map(|s| s.asset.clone()).collect();
    if assets.is_empty() {
        assets.extend(largest_collateral(q));
    }
    let at = |ppm: i64, is_after: bool| -> Result<Chain, ImpactError> {
        let fall = |asset: &String| Shock { asset: asset.clone(), ppm: -ppm };
        let shocks: Vec<Shock> = assets.iter().map(fall).collect();
        what_if(q, &shocks, is_after)
    };
    let mut points = Vec::new();
    for step in 0..=STEPS {
        let ppm = step * STEP_PPM;
        let mut point = FrontierPoint {
            fall: ppm as f64 / 1e6,
            liquidatable_debt_usd: [0.0; 2],
            bad_debt_usd: [0.0; 2],
        };
        for (side, is_after) in [(0, false), (1, true)] {
            let chain = at(ppm, is_after)?;
            let everybody = borrowers(&chain, q.market)?;
            point.liquidatable_debt_usd[side] = crowd(liquidatable(&everybody)).debt_usd;
            point.bad_debt_usd[side] = clear(&chain, q.market).bad_debt_usd;
        }
        points.push(point);
    }
    let mut first_liquidatable_fall = [None; 2];
    let mut first_bad_debt_fall = [None; 2];
    for (side, is_after) in [(0, false), (1, true)] {
        first_liquidatable_fall[side] = first(|ppm| {
            let chain = at(ppm, is_after)?;
            Ok(liquidatable(&borrowers(&chain, q.market)?).next().is_some())
        })?;
        first_bad_debt_fall[side] =
            first(|ppm| Ok(clear(&at(ppm, is_after)?, q.market).bad_debt_usd > 0.0))?;
    }
    Ok(Frontier { assets, points, first_liquidatable_fall, first_bad_debt_fall })
}

/// The smallest fall that is enough, where every deeper one is.
fn first(
    mut enough: impl FnMut(i64) -> Result<bool, ImpactError>,
) -> Result<Option<f64>, ImpactError> {
    if enough(0)? {
        return Ok(Some(0.0));
    }
    let (mut low, mut high) = (0, DEEPEST_PPM);
    if !enough(high)? {
        return Ok(None);
    }
    while high - low > 1 {
        let middle = (low + high) / 2;
        if enough(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high as f64 / 1e6))
}

/// The asset with most collateral behind debts.
fn largest_collateral(q: &Question<'_>) -> Option<String> {
    let pooled = q.chain.pooled(q.market);
    let mut best: Option<(f64, String)> = None;
    for (r, reserve) in pooled.reserves.iter().enumerate() {
        let price = q.chain.price(reserve.feed).ok()?.usd();
        let mut sum = 0.0;
        for (i, position) in pooled.positions.iter().enumerate() {
            if position.is_borrowing_any() && position.uses_as_collateral(r as u16) {
                let account = markets::units::AccountId(i as u32);
                sum += pooled.supplied(q.chain, account, r as u16).to_f64();
            }
        }
        let value = sum * sim::prices::unit(reserve.decimals) * price;
        if best.as_ref().is_none_or(|(most, _)| value > *most) {
            best = Some((value, q.chain.asset(reserve.underlying).symbol.clone()));
        }
    }
    best.map(|(_, symbol)| symbol)
}
