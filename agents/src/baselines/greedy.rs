//! A greedy policy: one step ahead, by a formula.

mod outlook;

use super::{choose, head_of};
use crate::policy::{RiskPolicy, is_legal};
use outlook::{Outlook, Stance};
use protocols::lending::Pooled;
use protocols::risk_params::{Direction, RiskParam, RiskRegime};
use sim::action::{ActionField, DOWN, HOLD, MARKET_ACTIONS, RESERVE_ACTIONS, UP, stepped};
use sim::reward::Objective;

/// At every decision takes the legal choice that most improves a one-step estimate of the objective, then the next
/// one given the first, until none improves it by more than the changes cost.
///
/// **The estimate**, in USD, over a horizon H: what will be drawn earns its usage, and drawn and standing debt may
/// be lost to a fall of the price.
///
/// ```text
/// J(H) = Σ_i N_i · (usage_value_per_year · H − bad_debt_price · ℓ_i(1 / LTV_i))
///      − bad_debt_price · Σ_i D_i · Σ_k share_k · ℓ_i(h_k / t_i)
/// ```
///
/// - `H`, in years: until the head may move again, which is the time between two decisions or its rule's least
///   interval, whichever is longer.
/// - `D_i`, in USD: the market's debt, divided over the collaterals by what each lets be owed (threshold `t_i` times
///   collateral).
/// - `N_i`, in USD: what is drawn against collateral i within H, a twentieth of the room: of
///   `max(0, LTV_i · (collateral_i + arriving_i) − D_i)`, summed over collaterals and no more than what can still be
///   borrowed, which of each reserve is the lesser of what is at hand and what its cap leaves. `arriving_i` is a
///   twentieth of what is supplied, no more than its cap leaves. A frozen reserve takes nothing in,
///   lends nothing and backs no new debt.
/// - `ℓ_i(c)`, the loss of a dollar owed with c dollars of collateral i by the oracle, a ratio: that of
///   `D − C(1 − g)/(1 + b)` where it is above zero (docs/numbers.md, *Who is hit*), at g's expectation, `1 − g =
///   (1 + r) · exp(−oracle gap) · exp(−displacement)`. The return r over H has the observed volatility (the larger
///   of the hour's and the day's) and Student's law with 3 degrees of freedom; the displacement is that of selling
///   what stands below a health factor of 1.05, as far as the close factor lets it be seized, at the observed
///   depths.
/// - Liquidators come where the bonus covers that sale's average slippage. Where it does not, the price has another
///   H to fall before they do.
/// - `share_k`: the observed shares of debt by health factor, `h_k` each bucket's lower edge, 0.95 of the lowest.
///
/// **The price of a change** is the objective's `churn_price_usd` for each parameter that moves.
///
/// Judgements: the twentieth that is drawn or arrives within a step, whatever H is; Student's law with 3 degrees of
/// freedom (fits of hourly returns find 2.7 to 3.4, scenarios/library/data/calibration.ron); all debt as if in
/// dollars; 0.95; new debt at the line of its LTV. Left out: second oracles and designs of liquidations, which
/// it leaves as they are and whose bonus it takes for the whole; revenue, borrowers' losses to liquidations, the tail
/// term (what has been lost so far is not observed), and everything beyond H. So thresholds, which move who is
/// liquidated when and not what a sudden fall leaves, hold for ever, and what was cut in a crash is seldom given
/// back: a step's usage is worth less than a change costs.
#[derive(Clone, Debug)]
pub struct Greedy {
    regime: RiskRegime,
    objective: Objective,
    /// Seconds between two decisions.
    decision_secs: u64,
    /// Caps as deployed, in tokens, supply and borrow, by reserve.
    caps_tokens: Vec<[u64; 2]>,
    /// Whether each can be borrowed at all.
    lends: Vec<bool>,
    outlook: Outlook,
}

/// A head's choice, and what it moves.
#[derive(Clone, Copy, Debug)]
struct Move {
    head: usize,
    choice: usize,
    /// Which reserve, none for the market.
    reserve: Option<usize>,
    field: &'static ActionField,
}

impl Greedy {
    /// For a market as it was deployed, an objective, and so many seconds between two decisions.
    #[must_use]
    pub fn new(market: &Pooled, objective: Objective, decision_secs: u64) -> Self {
        let caps = market.reserves.iter().map(|r| [r.config.supply_cap, r.config.borrow_cap]);
        Self {
            regime: market.regime,
            objective,
            decision_secs,
            caps_tokens: caps.collect(),
            lends: market.reserves.iter().map(|r| r.config.borrowing_enabled).collect(),
            outlook: Outlook::default(),
        }
    }

    /// Every move that there is, legal or not.
    fn moves(reserves: usize) -> impl Iterator<Item = Move> {
        let of_reserves = (0..reserves).flat_map(|reserve| {
            RESERVE_ACTIONS
                .iter()
                .enumerate()
                .map(move |(offset, field)| (head_of(reserve, offset), Some(reserve), field))
        });
        let first = head_of(reserves, 0);
        let of_market =
            MARKET_ACTIONS.iter().enumerate().map(move |(i, field)| (first + i, None, field));
        of_reserves.chain(of_market).flat_map(|(head, reserve, field)| {
            [DOWN, UP].map(|choice| Move { head, choice, reserve, field })
        })
    }

    /// Horizon of a move, in seconds.
    fn horizon_secs(&self, asked: &Move) -> u64 {
        self.regime.rule(asked.field.param).min_interval_secs.max(self.decision_secs)
    }

    /// The stance that a move would bring, and how many parameters change; `None` where the estimate knows nothing
    /// of what it moves.
    fn after(&self, asked: &Move, stance: &Stance) -> Option<(Stance, u32)> {
        let direction = if asked.choice == UP { Direction::Up } else { Direction::Down };
        let param = asked.field.param;
        let step = |ratio: f64| self.step_ratio(param, ratio, direction);
        let mut after = *stance;
        match (param, asked.field.is_brake) {
            (RiskParam::Ltv, true) if asked.choice == DOWN => {
                after.ltv = self.regime.ltv.brake_value()? as f64 / 1e4;
            }
            (_, true) => return self.caps_braked(asked.reserve?, stance),
            (RiskParam::Ltv, false) => after.ltv = step(stance.ltv).min(stance.threshold),
            (RiskParam::LiquidationBonus, false) => after.bonus = step(stance.bonus),
            (RiskParam::CloseFactor, false) => after.close_factor = step(stance.close_factor),
            (RiskParam::SupplyCap, false) => {
                after.supply_cap_usd *= self.cap_step(0, asked.reserve?, direction);
            }
            (RiskParam::BorrowCap, false) => {
                after.borrow_cap_usd *= self.cap_step(1, asked.reserve?, direction);
            }
            (RiskParam::Frozen, false) => after.frozen = asked.choice == UP,
            (_, false) => return None,
        }
        Some((after, 1))
    }

    /// A ratio after a step of a parameter in bps.
    fn step_ratio(&self, param: RiskParam, ratio: f64, direction: Direction) -> f64 {
        let now_bps = (ratio * 1e4).round() as u64;
        stepped(self.regime.rule(param), now_bps, direction) as f64 / 1e4
    }

    /// Where a step takes the supply cap (0) or the borrow cap (1) of a reserve, as a multiple of it.
    fn cap_step(&self, which: usize, reserve: usize, direction: Direction) -> f64 {
        let rule = [&self.regime.supply_cap, &self.regime.borrow_cap][which];
        self.caps_tokens
            .get(reserve)
            .map_or(1.0, |caps| super::sight::cap_step(rule, caps[which], direction))
    }

    /// Both caps at the floors that they may reach at once.
    fn caps_braked(&self, reserve: usize, stance: &Stance) -> Option<(Stance, u32)> {
        let caps = self.caps_tokens.get(reserve)?;
        let mut after = *stance;
        let mut changes = 0;
        let slots = [&mut after.supply_cap_usd, &mut after.borrow_cap_usd];
        let rules = [&self.regime.supply_cap, &self.regime.borrow_cap];
        for ((cap_usd, rule), tokens) in slots.into_iter().zip(rules).zip(caps) {
            if let (Some(floor), true) = (rule.brake_value(), *tokens > 0) {
                *cap_usd *= floor as f64 / *tokens as f64;
                changes += 1;
            }
        }
        (changes > 0).then_some((after, changes))
    }

    /// What a move is worth as the market stands, in USD, the price of its changes paid; `None` where the estimate
    /// has no say.
    fn worth(&mut self, asked: &Move) -> Option<f64> {
        let stance = self.outlook.stance(asked.reserve);
        let (after, changes) = self.after(asked, &stance)?;
        let secs = self.horizon_secs(asked) as f64;
        let before_usd = self.outlook.estimate_usd(&self.objective, secs);
        self.outlook.take(asked.reserve, &after);
        let after_usd = self.outlook.estimate_usd(&self.objective, secs);
        self.outlook.take(asked.reserve, &stance);
        Some(after_usd - before_usd - self.objective.churn_price_usd * f64::from(changes))
    }

    /// The legal move of a head that still holds with the highest worth above zero; the first of equals.
    fn best(&mut self, mask: &[f32], action: &[f32]) -> Option<Move> {
        let mut best: Option<(f64, Move)> = None;
        for asked in Self::moves(self.caps_tokens.len()) {
            let holds = action.get(asked.head).is_some_and(|a| *a == HOLD as f32);
            if !holds || !is_legal(mask, asked.head, asked.choice) {
                continue;
            }
            let worth = self.worth(&asked).unwrap_or(0.0);
            if worth > best.map_or(0.0, |(usd, _)| usd) {
                best = Some((worth, asked));
            }
        }
        best.map(|(_, asked)| asked)
    }
}

impl RiskPolicy for Greedy {
    fn name(&self) -> &str {
        "greedy"
    }
    fn reset(&mut self) {}
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        action.fill(HOLD as f32);
        self.outlook.read(obs, self.lends.iter().copied());
        while let Some(chosen) = self.best(mask, action) {
            choose(mask, action, chosen.head, chosen.choice);
            let stance = self.outlook.stance(chosen.reserve);
            if let Some((after, _)) = self.after(&chosen, &stance) {
                self.outlook.take(chosen.reserve, &after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::tests::{asked, market, row};
    use sim::action::{CHOICES, heads};

    const OBJECTIVE: Objective = Objective {
        usage_value_per_year: 0.05,
        revenue_weight: 1.0,
        bad_debt_price: 1.5,
        borrower_loss_price: 0.25,
        churn_price_usd: 20.0,
        cvar_weight: 0.0,
        cvar_alpha: 0.95,
        cvar_budget_usd: 0.0,
        reward_scale_usd: 1.0,
    };

    fn greedy(objective: Objective) -> Greedy {
        Greedy::new(&market(), objective, 600)
    }

    /// A is the collateral (10 M, no volatility, depth of 10 M), of B 20 M are supplied and 4 M borrowed, all
    /// above a health factor of 2.2.
    fn quiet() -> Vec<(&'static str, f64)> {
        vec![
            ("supplied", 1.477_121_3), // 30 M.
            ("borrowed", 0.602_06),    // 4 M.
            ("close_factor", 0.5),
            ("A_supplied", 1.0 / 3.0),
            ("A_exchange_depth", 2.0),
            ("A_pool_depth", -5.0),
            ("A_ltv", 0.8),
            ("A_threshold", 0.85),
            ("A_bonus", 0.05),
            ("B_supplied", 2.0 / 3.0),
            ("B_borrowed", 1.0),
            ("B_exchange_depth", 2.0),
            ("B_pool_depth", -5.0),
        ]
    }

    fn and(more: &[(&'static str, f64)]) -> Vec<(&'static str, f64)> {
        let mut row = quiet();
        row.extend(more);
        row
    }

    fn head(reserve: usize, name: &str) -> usize {
        let at = RESERVE_ACTIONS.iter().position(|f| f.name == name).expect("a head");
        head_of(reserve, at)
    }

    #[test]
    fn in_calm_a_change_costs_more_than_a_step_is_worth() {
        assert_eq!(asked(&mut greedy(OBJECTIVE), &quiet()), []);
        // For nothing it opens what room it may: 0.05 of (0.85 · 10.5 M − 4 M) at 5 % for an hour.
        let free = Objective { churn_price_usd: 0.0, ..OBJECTIVE };
        assert_eq!(asked(&mut greedy(free), &quiet()), [(head(0, "ltv"), UP)]);
    }

    #[test]
    fn an_oracle_that_is_far_too_high_closes_the_room_by_one_move() {
        // ln 1.5 over the exchange: a dollar at an LTV of 0.8 has 0.8333 of collateral, 0.7937 less the bonus.
        let pumped = and(&[("A_oracle_gap", 0.405_465)]);
        assert_eq!(asked(&mut greedy(OBJECTIVE), &pumped), [(head(0, "frozen"), UP)]);
        // Where it may not be frozen the brake comes to the same.
        let (mut policy, mut action) = (greedy(OBJECTIVE), vec![9.0; heads(2)]);
        let mut mask = vec![1.0; heads(2) * CHOICES];
        mask[head(0, "frozen") * CHOICES + UP] = 0.0;
        policy.act(&row(&pumped), &mask, &mut action);
        let moved: Vec<usize> = (0..action.len()).filter(|i| action[*i] != HOLD as f32).collect();
        assert_eq!((moved, action[head(0, "brake")]), (vec![head(0, "brake")], DOWN as f32));
        // And where a change costs more than all that may be lost, nothing is done.
        let dear = Objective { churn_price_usd: 1e6, ..OBJECTIVE };
        assert_eq!(asked(&mut greedy(dear), &pumped), []);
    }

    #[test]
    fn a_crash_at_a_thin_venue_lets_less_be_seized_and_nothing_be_drawn() {
        // 40 % of the debt is close to the line and the venue is thin: half of it, 0.84 M with the bonus, displaces
        // the price of a venue of 0.1 M by 0.0836, and the sale loses 4.1 % of the 5 %.
        let thin = [
            ("debt_hf_1_1.05", 0.4),
            ("A_exchange_depth", 0.0),
            ("A_collateral_over_depth", 2.0),
            ("A_volatility_1h", 6.0),
        ];
        let free = Objective { churn_price_usd: 0.0, ..OBJECTIVE };
        let moves = asked(&mut greedy(free), &and(&thin));
        let close_factor = head_of(2, 0);
        assert!(moves.contains(&(close_factor, DOWN)), "{moves:?}");
        assert!(moves.contains(&(head(0, "frozen"), UP)), "{moves:?}");
        assert!(!moves.iter().any(|(at, _)| *at == head(0, "threshold")), "{moves:?}");
    }
}
