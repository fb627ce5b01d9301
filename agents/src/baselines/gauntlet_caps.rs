//! Caps that follow what liquidations could sell.

use super::choose;
use super::sight::{Seen, cap_step, head_for};
use crate::policy::RiskPolicy;
use libm::log;
use protocols::lending::Pooled;
use protocols::risk_params::{Direction, RiskParam, RiskRegime};
use sim::action::{DOWN, HOLD, UP};

/// How many times over the market is thought to take a sale: Gauntlet's 10.
const REFILLS: f64 = 10.0;
/// Fall of the price up to which liquidity is counted: Gauntlet's 2 %.
const LIQUIDITY_FALL: f64 = 0.02;
/// Part of a cap from which on it is raised: Gauntlet's three quarters.
const RAISE_FROM_USED: f64 = 0.75;
/// Seconds that a liquidator is thought to hold what was seized: judgement.
const HOLDING_SECS: f64 = 3_600.0;

/// Steps supply and borrow caps towards what the venues could take from liquidators, as Gauntlet and Chaos Labs
/// publish for Aave v3.
///
/// The supply cap aimed at, in USD, is the lesser of
///
/// - `10 · V(2 %)`, V(2 %) being the USD that move the price by 2 % over all venues (Gauntlet, *Borrow and Supply
///   Cap Methodology*, governance.aave.com/t/11487, the rule for Ethereum's mainnet: "10 × 2 % aggregate liquidity
///   across all centralized and decentralized sources");
/// - `10 · W(b − σ √h)`, W(s) being the USD that can be sold at an average slippage of s, b the liquidation bonus
///   and σ √h the price's standard deviation over the time h that a liquidator holds what was seized: slippage
///   has to leave liquidators an incentive (Chaos Labs, *Updated Supply and Borrow Cap Methodology*,
///   governance.aave.com/t/11602: what can be sold "while keeping the slippage below the liquidation penalty";
///   Gauntlet argues so for Compound v3, comp.xyz/t/7539).
///
/// The borrow cap aimed at is that times the reserve's optimal utilisation (Chaos Labs, *Aave V3 Borrow Caps
/// Methodology*, governance.aave.com/t/10925). A cap is raised only where three quarters of it are used
/// (Gauntlet, governance.aave.com/t/11488/14), and moved by the regime's step, every decision, only where that
/// lands nearer.
///
/// Judgements: the volatility in the second term, h of an hour, σ the larger of the hour's and the day's, and the
/// factor 10 in it, which is taken over from the first. Left out, because a policy does not observe it: what a
/// long or short attack needs to break even, average daily volume, and the circulating supply, which is all that
/// Gauntlet's rule for stablecoins knows; these are treated as any other token. The bonus is the whole one, also where a
/// market's design pays a part of it.
///
/// The row shows a cap by the part of it that is used. One of which nothing is used is left as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct GauntletCaps {
    regime: RiskRegime,
    reserves: Vec<Deployed>,
}

/// What a reserve was deployed with.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Deployed {
    supply_cap_tokens: u64,
    borrow_cap_tokens: u64,
    optimal_utilisation: f64,
}

impl GauntletCaps {
    /// For a market as it was deployed: its regime, its caps, its rate curves.
    #[must_use]
    pub fn new(market: &Pooled) -> Self {
        let reserves = market.reserves.iter().map(|reserve| Deployed {
            supply_cap_tokens: reserve.config.supply_cap,
            borrow_cap_tokens: reserve.config.borrow_cap,
            optimal_utilisation: reserve.config.rates.optimal_usage_bps.ratio(),
        });
        Self { regime: market.regime, reserves: reserves.collect() }
    }

    /// The supply cap aimed at, in USD.
    fn supply_goal_usd(seen: &Seen) -> f64 {
        let liquidity = seen.usd_to_displace(-log(1.0 - LIQUIDITY_FALL));
        let incentive = seen.bonus - seen.deviation(HOLDING_SECS);
        REFILLS * liquidity.min(seen.usd_within(incentive))
    }
}

/// A cap: what is in it, which part of it that is, and where it should be.
struct Cap {
    filled_usd: f64,
    used: f64,
    goal_usd: f64,
}

impl Cap {
    /// Which way a step goes that lands nearer to the goal, steps being multiples of the cap.
    fn choice(&self, down: f64, up: f64) -> usize {
        if self.used <= 0.0 || self.filled_usd <= 0.0 {
            return HOLD;
        }
        // The goal as a multiple of the cap.
        let goal = self.goal_usd * self.used / self.filled_usd;
        let nearer = |landing: f64| (landing - goal).abs() < (1.0 - goal).abs();
        if goal < 1.0 && nearer(down) {
            DOWN
        } else if goal > 1.0 && self.used >= RAISE_FROM_USED && nearer(up) {
            UP
        } else {
            HOLD
        }
    }
}

impl RiskPolicy for GauntletCaps {
    fn name(&self) -> &str {
        "Gauntlet-style caps"
    }
    fn reset(&mut self) {}
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        action.fill(HOLD as f32);
        for (reserve, deployed) in self.reserves.iter().enumerate() {
            let seen = Seen::read(obs, reserve);
            let goal_usd = Self::supply_goal_usd(&seen);
            let supply =
                Cap { filled_usd: seen.supplied_usd, used: seen.supply_cap_used, goal_usd };
            let borrow = Cap {
                filled_usd: seen.borrowed_usd,
                used: seen.borrow_cap_used,
                goal_usd: goal_usd * deployed.optimal_utilisation,
            };
            for (cap, param, tokens) in [
                (supply, RiskParam::SupplyCap, deployed.supply_cap_tokens),
                (borrow, RiskParam::BorrowCap, deployed.borrow_cap_tokens),
            ] {
                let step = |direction| cap_step(self.regime.rule(param), tokens, direction);
                let choice = cap.choice(step(Direction::Down), step(Direction::Up));
                if let Some(head) = head_for(reserve, param) {
                    choose(mask, action, head, choice);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::tests::{asked, market};

    #[test]
    fn the_goal_by_hand() {
        let calm = Seen { exchange_depth_usd: 1e6, bonus: 0.05, ..Seen::default() };
        // 10 · −ln 0.98 / ln 1.01; the bonus would let 103 M be sold.
        assert!((GauntletCaps::supply_goal_usd(&calm) - 20.303_555e6).abs() < 50.0);
        // σ √(1/8760) = 0.0480796 leaves 0.0019204 of the bonus: 10 · −2 ln(1 − 0.0019204) / ln 1.01.
        let wild = Seen { volatility: 4.5, ..calm };
        let goal = GauntletCaps::supply_goal_usd(&wild);
        assert!((goal / 3.863_8e6 - 1.0).abs() < 1e-3, "{goal}");
        let gone = Seen { volatility: 5.0, ..calm };
        assert_eq!(GauntletCaps::supply_goal_usd(&gone), 0.0, "no incentive is left");
    }

    #[test]
    fn caps_are_stepped_where_that_lands_nearer() {
        // A goal of 20.3 M for supply, of 0.9 · 20.3 M for borrowing (the market's optimum is 90 %).
        let with = |used: f64, supplied: f64, name: &'static str| {
            let depth = [("B_exchange_depth", 1.0), ("B_pool_depth", -5.0), ("B_bonus", 0.05)];
            let filled = if name == "B_supply_cap_used" { "B_supplied" } else { "B_borrowed" };
            // 100 M in the market.
            let mut row =
                vec![("supplied", 2.0), ("borrowed", 2.0), (filled, supplied), (name, used)];
            row.extend(depth);
            asked(&mut GauntletCaps::new(&market()), &row)
        };
        let (supply, borrow) = (RiskParam::SupplyCap, RiskParam::BorrowCap);
        let head = |param| head_for(1, param).expect("a head");
        // A cap of 100 M, 40 % used: half of it is nearer to 20.3 M; 28 M is nearer than 14 M.
        assert_eq!(with(0.4, 0.4, "B_supply_cap_used"), [(head(supply), DOWN)]);
        assert_eq!(with(0.4, 0.112, "B_supply_cap_used"), [(head(supply), DOWN)]);
        assert_eq!(with(0.4, 0.108, "B_supply_cap_used"), []);
        // A cap of 10 M is doubled once three quarters of it are used.
        assert_eq!(with(0.76, 0.076, "B_supply_cap_used"), [(head(supply), UP)]);
        assert_eq!(with(0.74, 0.074, "B_supply_cap_used"), []);
        // 18.3 M for borrowing: a cap of 13 M would land at 26 M, one of 12 M at 24 M.
        assert_eq!(with(0.8, 0.8 * 0.13, "B_borrow_cap_used"), []);
        assert_eq!(with(0.8, 0.8 * 0.12, "B_borrow_cap_used"), [(head(borrow), UP)]);
        // Of a cap of which nothing is used nothing is known.
        assert_eq!(with(0.0, 0.4, "B_supply_cap_used"), []);
    }
}
