//! The greedy policy's estimate: a market as observed, and what it is worth over a step.

use crate::baselines::sight::{Seen, market_usd, years};
use crate::policy::seen_of_market;
use libm::{atan, exp, sqrt};
use sim::observe::{HEALTH_EDGES, HealthShares};
use sim::reward::Objective;
use std::f64::consts::{FRAC_1_PI, PI};

/// Part of the room that is drawn within a step, and of what is supplied that arrives: judgement.
pub(super) const DRAWN: f64 = 0.05;
/// Health factor that stands for all below one, from which on Aave lets everything be liquidated.
const BELOW_ONE: f64 = 0.95;

/// The observed shares of debt by health factor, but for the highest.
const SHARES: [&str; HEALTH_EDGES.len()] = [
    "debt_hf_below_1",
    "debt_hf_1_1.05",
    "debt_hf_1.05_1.1",
    "debt_hf_1.1_1.2",
    "debt_hf_1.2_1.4",
    "debt_hf_1.4_1.7",
    "debt_hf_1.7_2.2",
];

/// What a policy may move of a reserve, and of the market.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stance {
    /// Loan to value.
    pub(super) ltv: f64,
    /// Liquidation threshold.
    pub(super) threshold: f64,
    /// Liquidation bonus beyond par.
    pub(super) bonus: f64,
    /// Supply cap, in USD; infinite where the row shows none.
    pub(super) supply_cap_usd: f64,
    /// Borrow cap, in USD; infinite where the row shows none.
    pub(super) borrow_cap_usd: f64,
    /// Whether new supply and borrowing are off.
    pub(super) frozen: bool,
    /// The market's close factor.
    pub(super) close_factor: f64,
}

/// A reserve as observed, and how it would stand.
#[derive(Clone, Copy, Debug, Default)]
struct Reserve {
    seen: Seen,
    stance: Stance,
    /// Whether it can be borrowed at all.
    lends: bool,
    /// The market's debt that stands against it, in USD.
    debt_usd: f64,
}

/// A market as observed, and how it would stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlook {
    reserves: Vec<Reserve>,
    /// Shares of the debt by health factor.
    shares: HealthShares,
    close_factor: f64,
}

impl Outlook {
    /// Reads a row of a market whose reserves can be borrowed, or not.
    pub(super) fn read(&mut self, obs: &[f32], lends: impl Iterator<Item = bool>) {
        self.close_factor = seen_of_market(obs, "close_factor").unwrap_or(0.0);
        let mut rest = 1.0;
        for (share, name) in self.shares.iter_mut().zip(SHARES) {
            *share = seen_of_market(obs, name).unwrap_or(0.0);
            rest -= *share;
        }
        self.shares[SHARES.len()] = rest.max(0.0);
        self.reserves.clear();
        let read = |(i, lends)| Reserve::of(Seen::read(obs, i), lends);
        self.reserves.extend(lends.enumerate().map(read));
        let carried = |r: &Reserve| r.seen.threshold * r.seen.collateral_usd;
        let carried_usd: f64 = self.reserves.iter().map(carried).sum();
        let debt_usd = market_usd(obs, "borrowed").max(0.0);
        if carried_usd > 0.0 {
            for reserve in &mut self.reserves {
                reserve.debt_usd = debt_usd * carried(reserve) / carried_usd;
            }
        }
    }

    /// How a reserve stands, with the market's own part; none for the market alone.
    pub(super) fn stance(&self, reserve: Option<usize>) -> Stance {
        let own = reserve.and_then(|i| self.reserves.get(i)).map(|r| r.stance);
        Stance { close_factor: self.close_factor, ..own.unwrap_or_default() }
    }
    /// Lets it stand so.
    pub(super) fn take(&mut self, reserve: Option<usize>, stance: &Stance) {
        self.close_factor = stance.close_factor;
        if let Some(slot) = reserve.and_then(|i| self.reserves.get_mut(i)) {
            slot.stance = *stance;
        }
    }

    /// The estimate of [`super::Greedy`] over so many seconds, in USD.
    pub(super) fn estimate_usd(&self, objective: &Objective, secs: f64) -> f64 {
        let room_usd: f64 = self.reserves.iter().map(Reserve::room_usd).sum();
        let lendable_usd: f64 = self.reserves.iter().map(Reserve::lendable_usd).sum();
        let drawn_usd = DRAWN * room_usd.min(lendable_usd);
        let usage = objective.usage_value_per_year * years(secs);
        let mut worth_usd = 0.0;
        for reserve in &self.reserves {
            let fall = self.fall(reserve, secs);
            let own_usd = reserve.room_usd();
            if own_usd > 0.0 {
                let loss = objective.bad_debt_price * fall.loss(1.0 / reserve.stance.ltv);
                worth_usd += drawn_usd * own_usd / room_usd * (usage - loss);
            }
            if reserve.debt_usd > 0.0 {
                let loss = self.standing_loss(reserve, &fall);
                worth_usd -= objective.bad_debt_price * reserve.debt_usd * loss;
            }
        }
        worth_usd
    }

    /// Expected loss of a dollar of the debt that stands, over all healths.
    fn standing_loss(&self, reserve: &Reserve, fall: &Fall) -> f64 {
        let health = std::iter::once(BELOW_ONE).chain(HEALTH_EDGES);
        let loss = |(share, h): (&f64, f64)| share * fall.loss(h / reserve.seen.threshold);
        self.shares.iter().zip(health).map(loss).sum()
    }

    /// The fall that a collateral is held against.
    fn fall(&self, reserve: &Reserve, secs: f64) -> Fall {
        let Reserve { seen, stance, debt_usd, .. } = reserve;
        let near = self.shares[0] + self.shares[1];
        let sold_usd = self.close_factor * (1.0 + stance.bonus) * debt_usd * near;
        let displacement = seen.displacement(sold_usd);
        let comes = stance.bonus >= 1.0 - exp(-0.5 * displacement);
        Fall {
            kept: exp(-displacement) * seen.fair_over_oracle(),
            bonus: stance.bonus,
            deviation: seen.deviation(if comes { secs } else { 2.0 * secs }),
        }
    }
}

impl Reserve {
    fn of(seen: Seen, lends: bool) -> Self {
        let cap = |filled_usd: f64, used: f64| {
            if used > 0.0 { filled_usd / used } else { f64::INFINITY }
        };
        let stance = Stance {
            ltv: seen.ltv,
            threshold: seen.threshold,
            bonus: seen.bonus,
            supply_cap_usd: cap(seen.supplied_usd, seen.supply_cap_used),
            borrow_cap_usd: cap(seen.borrowed_usd, seen.borrow_cap_used),
            frozen: seen.frozen,
            close_factor: 0.0,
        };
        Self { seen, stance, lends, debt_usd: 0.0 }
    }

    /// What may still be borrowed against it, in USD.
    fn room_usd(&self) -> f64 {
        let Self { seen, stance, debt_usd, .. } = self;
        if stance.frozen {
            return 0.0;
        }
        let left_usd = (stance.supply_cap_usd - seen.supplied_usd).max(0.0);
        let arriving_usd = left_usd.min(DRAWN * seen.supplied_usd);
        (stance.ltv * (seen.collateral_usd + arriving_usd) - debt_usd).max(0.0)
    }
    /// What may still be borrowed of it, in USD.
    fn lendable_usd(&self) -> f64 {
        let Self { seen, stance, lends, .. } = self;
        if stance.frozen || !lends {
            return 0.0;
        }
        let at_hand_usd = seen.supplied_usd - seen.borrowed_usd;
        at_hand_usd.min(stance.borrow_cap_usd - seen.borrowed_usd).max(0.0)
    }
}

/// What becomes of a collateral's price over a step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fall {
    /// What a dollar by the oracle is worth before the return, sold.
    kept: f64,
    /// The bonus that goes off it.
    bonus: f64,
    /// Standard deviation of the return.
    deviation: f64,
}

impl Fall {
    /// Expected loss of a dollar owed with so many dollars of collateral by the oracle: of `max(0, 1 − q(1 + r))`,
    /// where `q` is what the collateral would cover, and r has Student's law with 3 degrees of freedom.
    fn loss(&self, cover: f64) -> f64 {
        let q = cover * self.kept / (1.0 + self.bonus);
        // Student's law has the variance 3.
        let scale = self.deviation / sqrt(3.0);
        if scale <= 0.0 {
            return (1.0 - q).max(0.0);
        }
        q * scale * mean_excess((1.0 - 1.0 / q) / scale)
    }
}

/// `E[max(0, T − a)]` of Student's T with 3 degrees of freedom, by its density 2/(π√3) · (1 + t²/3)⁻².
fn mean_excess(a: f64) -> f64 {
    if a < 0.0 {
        return mean_excess(-a) - a;
    }
    let root = sqrt(3.0);
    let fade = 1.0 / (1.0 + a * a / 3.0);
    // atan(√3 / a), which is π/2 for zero.
    let angle = if a > 0.0 { atan(root / a) } else { 0.5 * PI };
    let beyond = FRAC_1_PI * (angle - a / root * fade);
    (root * FRAC_1_PI * fade - a * beyond).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: Objective = Objective {
        usage_value_per_year: 0.0365,
        revenue_weight: 0.0,
        bad_debt_price: 2.0,
        borrower_loss_price: 0.0,
        churn_price_usd: 0.0,
        cvar_weight: 0.0,
        cvar_alpha: 0.95,
        cvar_budget_usd: 0.0,
        reward_scale_usd: 1.0,
    };

    #[test]
    fn students_mean_excess_by_hand() {
        // √3/π; and at √3: √3/(2π) − √3 · (π/4 − 1/2)/π.
        assert!((mean_excess(0.0) - 0.551_328_9).abs() < 1e-7);
        assert!((mean_excess(sqrt(3.0)) - 0.118_316_1).abs() < 1e-7);
        assert!((mean_excess(-2.0) - mean_excess(2.0) - 2.0).abs() < 1e-12);
        // Far out 9 · 2/(π√3) / (6 a²).
        assert!((mean_excess(1e3) / 5.513_289e-7 - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_dollars_loss_by_hand() {
        let still = Fall { kept: 0.8, bonus: 0.05, deviation: 0.0 };
        // 1.25 dollars at 0.8 less the bonus: 1 − 1/1.05.
        assert!((still.loss(1.25) - 0.047_619).abs() < 1e-6);
        assert_eq!(still.loss(1.5), 0.0);
        // Just covered: q = 1, so the loss is the scale's mean excess at 0.
        let even = Fall { kept: 1.0, bonus: 0.25, deviation: 0.03 };
        assert!((even.loss(1.25) - 0.03 / sqrt(3.0) * 0.551_328_9).abs() < 1e-9);
        assert!(even.loss(1.3) < even.loss(1.25) && even.loss(1.3) > 0.0);
    }

    /// 10 M of collateral that is not lent, at an LTV of 0.8; 5 M owed, of another reserve 4 M at hand.
    fn outlook() -> Outlook {
        let collateral = Seen {
            supplied_usd: 20e6,
            collateral_usd: 10e6,
            exchange_depth_usd: 1e6,
            ltv: 0.8,
            threshold: 0.85,
            bonus: 0.1,
            ..Seen::default()
        };
        let lent = Seen { supplied_usd: 9e6, borrowed_usd: 5e6, ..Seen::default() };
        let mut outlook = Outlook {
            reserves: vec![Reserve::of(collateral, false), Reserve::of(lent, true)],
            shares: [0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9],
            close_factor: 0.5,
        };
        outlook.reserves[0].debt_usd = 5e6;
        outlook
    }

    #[test]
    fn room_and_worth_by_hand() {
        let mut outlook = outlook();
        // 1 M arrives: 0.8 · 11 M − 5 M; no more than 4 M at hand.
        assert!((outlook.reserves[0].room_usd() - 3.8e6).abs() < 1e-6);
        assert_eq!(outlook.reserves[1].lendable_usd(), 4e6);
        assert_eq!(outlook.reserves[0].lendable_usd(), 0.0);
        // 0.05 · 3.8 M drawn at 3.65 % for a day are 19 dollars; nothing falls.
        let day = outlook.estimate_usd(&OBJECTIVE, 86_400.0);
        assert!((day - 19.0).abs() < 1e-9, "{day}");
        // A borrow cap of 6 M leaves 1 M, a frozen reserve nothing.
        outlook.reserves[1].stance.borrow_cap_usd = 6e6;
        assert!((outlook.estimate_usd(&OBJECTIVE, 86_400.0) - 5.0).abs() < 1e-9);
        outlook.reserves[1].stance.frozen = true;
        assert_eq!(outlook.estimate_usd(&OBJECTIVE, 86_400.0), 0.0);
        // A supply cap that is reached lets nothing arrive: 0.8 · 10 M − 5 M.
        outlook.reserves[0].stance.supply_cap_usd = 20e6;
        assert_eq!(outlook.reserves[0].room_usd(), 3e6);
        // A frozen collateral backs no new debt.
        outlook.reserves[0].stance.frozen = true;
        assert_eq!(outlook.reserves[0].room_usd(), 0.0);
    }

    #[test]
    fn an_oracle_too_high_costs_what_is_drawn_and_what_stands() {
        let mut outlook = outlook();
        outlook.reserves[0].seen.oracle_gap = libm::log(1.25);
        // 0.5 · 1.1 · 5 M · 0.1 sold at a depth of 1 M: a displacement of 0.275 %.
        let kept = exp(-0.275 * 0.009_950_330_853_168_083) / 1.25;
        let drawn = 0.05 * 3.8e6 * (1e-4 - 2.0 * (1.0 - 1.25 * kept / 1.1));
        // Of what stands the tenth at a health factor of one loses, 1 / 0.85 of collateral a dollar.
        let stands = 5e6 * 2.0 * 0.1 * (1.0 - kept / 0.85 / 1.1);
        let estimate = outlook.estimate_usd(&OBJECTIVE, 86_400.0);
        assert!((estimate - (drawn - stands)).abs() < 1e-6, "{estimate}");
        assert!(stands > 0.0 && drawn < 0.0);
    }

    #[test]
    fn liquidators_whose_slippage_is_not_covered_leave_the_price_another_step() {
        let mut outlook = outlook();
        outlook.reserves[0].seen.volatility = 1.0;
        // 275,000 dollars at a depth of 10,000: 27 displacements of 1 %, an average loss of 13 %.
        let reserve = |outlook: &Outlook| outlook.fall(&outlook.reserves[0], 3_600.0);
        let thick = reserve(&outlook);
        assert!((thick.deviation - sqrt(1.0 / 8_760.0)).abs() < 1e-12 && thick.kept < 1.0);
        outlook.reserves[0].seen.exchange_depth_usd = 1e4;
        let thin = reserve(&outlook);
        assert!((thin.deviation - sqrt(2.0 / 8_760.0)).abs() < 1e-12);
        assert!(thin.kept < thick.kept);
        // A bonus of 20 % covers it.
        outlook.reserves[0].stance.bonus = 0.2;
        assert_eq!(reserve(&outlook).deviation, thick.deviation);
    }
}
