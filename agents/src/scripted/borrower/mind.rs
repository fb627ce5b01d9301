//! What a borrower makes of what it sees: pure functions of its habits, its draws and the market.

use super::{Borrower, BorrowerConfig};
use crate::scripted::{Listed, SizeLaw, SpawnError, Token, uniform, waiting_blocks, wei};
use libm::{exp, log};
use markets::units::MarketId;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::chain::Chain;
use sim::factors::Factors;

/// Share of what LTV allows that they use at most: a loan at the very limit is refused by rounding.
const LTV_USE: f64 = 0.98;
/// Relative change of desired debt that makes the rate worth a transaction.
const RATE_BAND: f64 = 0.1;
/// Smallest adjustment, in USD.
const MIN_MOVE_USD: f64 = 50.0;

/// What a cohort's members have in common.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Habits {
    pub(super) market: MarketId,
    pub(super) collateral: Listed,
    pub(super) debt: Listed,
    /// Gas money, in whole tokens of the gas asset: neither supplied nor paid out.
    pub(super) purse: f64,
    pub(super) gas: Token,
    pub(super) size: SizeLaw,
    pub(super) health: (f64, f64),
    pub(super) never_react_share: f64,
    pub(super) top_up_share: f64,
    pub(super) trigger: (f64, f64),
    pub(super) savings_ratio: f64,
    pub(super) releverage: f64,
    pub(super) errand_probability: f64,
    pub(super) errand_max_ratio: f64,
    pub(super) rate_reference: f64,
    pub(super) rate_semi_elasticity: f64,
    /// Position of the stream that leverage follows, and by how much per unit.
    pub(super) appetite: Option<(u16, f64)>,
    pub(super) holding_blocks: f64,
    pub(super) absence_blocks: f64,
    pub(super) every_blocks: u64,
    pub(super) priority_fee_wei: u64,
}

/// What one borrower drew on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Temper {
    pub(super) debt_usd: f64,
    pub(super) health_target: f64,
    /// Share of the way from health 1 to the target.
    pub(super) trigger: f64,
    pub(super) reacts: bool,
    pub(super) tops_up: bool,
    pub(super) savings_usd: f64,
    /// Desired debt, relative to the reference rate, when it was last acted upon.
    pub(super) rate_factor: f64,
    pub(super) leaves_at: u64,
}

impl Temper {
    /// The health factor that it wants in a mood.
    fn in_mood(&self, caution: f64) -> f64 {
        // Without a mood the drawn one, to the last bit.
        if caution == 1.0 { self.health_target } else { 1.0 + (self.health_target - 1.0) * caution }
    }
}

/// Whether the account has a borrower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Phase {
    Away { returns_at: u64 },
    In(Temper),
}

/// What a borrower sees: whole tokens, USD at oracle prices, ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sight {
    pub(super) collateral: f64,
    pub(super) collateral_usd: f64,
    pub(super) debt: f64,
    pub(super) debt_usd: f64,
    pub(super) ltv: f64,
    pub(super) threshold: f64,
    /// Borrow rate per year.
    pub(super) rate: f64,
    /// Room for new supply, in whole tokens.
    pub(super) supply_room: f64,
    /// Room for new debt, in whole tokens.
    pub(super) borrow_room: f64,
    /// What the mood makes of the distance of the target from health 1; 1 for nothing.
    pub(super) caution: f64,
}

/// What a borrower does, in whole tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Decision {
    Stay,
    Forget,
    Open { collateral: f64, debt: f64 },
    Borrow { debt: f64 },
    Repay { debt: f64 },
    TopUp { collateral: f64 },
    Leave,
}

impl Habits {
    pub(super) fn new(
        chain: &Chain,
        factors: &Factors,
        market: MarketId,
        block_secs: u32,
        config: &BorrowerConfig,
    ) -> Result<Self, SpawnError> {
        let collateral = Listed::of(chain, market, &config.collateral)?;
        let appetite = match &config.appetite {
            None => None,
            Some(a) => {
                let unknown = || SpawnError::UnknownFactor(a.factor.clone());
                Some((factors.position(&a.factor).ok_or_else(unknown)?, a.leverage_per_unit))
            }
        };
        let blocks_per_day = 86_400.0 / f64::from(block_secs);
        Ok(Self {
            market,
            collateral,
            debt: Listed::of(chain, market, &config.debt)?,
            purse: config.gas_purse_tokens,
            gas: Token::of_id(chain, chain.gas_asset()),
            size: config.debt_size,
            health: (config.health_target_min, config.health_target_max),
            never_react_share: config.never_react_share,
            top_up_share: config.top_up_share,
            trigger: (config.trigger_min, config.trigger_max),
            savings_ratio: config.savings_ratio,
            releverage: config.releverage_band,
            errand_probability: config.errand_probability,
            errand_max_ratio: config.errand_max_ratio,
            rate_reference: config.rate_reference_percent,
            rate_semi_elasticity: config.rate_semi_elasticity_per_percent,
            appetite,
            holding_blocks: config.holding_days * blocks_per_day,
            absence_blocks: config.absence_days * blocks_per_day,
            every_blocks: u64::from(config.every_blocks.max(1)),
            priority_fee_wei: wei(config.priority_fee_gwei),
        })
    }

    /// Desired debt relative to that at the reference rate.
    fn rate_factor(&self, rate: f64) -> f64 {
        exp(-self.rate_semi_elasticity * (rate * 100.0 - self.rate_reference))
    }

    /// What the mood makes of the distance of the target from health 1.
    pub(super) fn caution(&self, factors: &Factors) -> f64 {
        self.appetite.map_or(1.0, |(factor, per_unit)| exp(-per_unit * factors.value(factor)))
    }

    /// The health factor aimed at: the drawn one in the present mood, but no closer than LTV lets a new loan
    /// be.
    fn target(&self, temper: &Temper, sight: &Sight) -> f64 {
        temper.in_mood(sight.caution).max(sight.threshold / (sight.ltv * LTV_USE))
    }

    /// A newcomer's draws: always seven words.
    fn arrive(&self, rng: &mut impl Rng, block: u64) -> Temper {
        let debt_usd = self.size.sample(rng);
        // Uniform in the logarithm: more borrowers near the line than far from it.
        let health_target = exp(uniform(rng, log(self.health.0), log(self.health.1)));
        let trigger = uniform(rng, self.trigger.0, self.trigger.1);
        let reacts = uniform(rng, 0.0, 1.0) >= self.never_react_share;
        let tops_up = uniform(rng, 0.0, 1.0) < self.top_up_share;
        Temper {
            debt_usd,
            health_target,
            trigger,
            reacts,
            tops_up,
            savings_usd: self.savings_ratio * debt_usd,
            rate_factor: 1.0,
            leaves_at: block + waiting_blocks(rng, self.holding_blocks),
        }
    }

    /// What somebody who is in already is like: as a newcomer, but with the debt and the health that it
    /// has.
    pub(super) fn settled(&self, sight: &Sight, rng: &mut impl Rng, block: u64) -> Temper {
        let drawn = self.arrive(rng, block);
        let health = sight.collateral_usd * sight.threshold / sight.debt_usd;
        Temper {
            debt_usd: sight.debt_usd,
            health_target: health.max(super::ADOPTED_HEALTH),
            savings_usd: self.savings_ratio * sight.debt_usd,
            rate_factor: self.rate_factor(sight.rate),
            ..drawn
        }
    }

    /// What a newcomer opens with; nothing where the market takes less than a tenth of it.
    fn opening(&self, temper: &Temper, sight: &Sight, prices: (f64, f64)) -> Decision {
        if sight.ltv <= 0.0 || sight.threshold <= 0.0 {
            return Decision::Stay;
        }
        let wanted_usd = temper.debt_usd * self.rate_factor(sight.rate);
        let health = self.target(temper, sight);
        let collateral_of_debt = health / sight.threshold;
        let most_usd =
            (sight.borrow_room * prices.1).min(sight.supply_room * prices.0 / collateral_of_debt);
        let debt_usd = wanted_usd.min(0.9 * most_usd);
        if debt_usd < 0.1 * wanted_usd || debt_usd < MIN_MOVE_USD {
            return Decision::Stay;
        }
        Decision::Open {
            collateral: debt_usd * collateral_of_debt / prices.0,
            debt: debt_usd / prices.1,
        }
    }

    /// What a borrower does who is in.
    fn tend(&self, temper: &Temper, sight: &Sight, block: u64) -> Decision {
        let Sight { collateral, collateral_usd, debt, debt_usd, ltv, threshold, .. } = *sight;
        if debt_usd <= 0.0 {
            return if collateral_usd > 0.0 { Decision::Leave } else { Decision::Forget };
        }
        if block >= temper.leaves_at {
            return Decision::Leave;
        }
        if threshold <= 0.0 || collateral_usd <= 0.0 {
            return Decision::Stay;
        }
        let tokens_of_debt = debt / debt_usd;
        let health = collateral_usd * threshold / debt_usd;
        let wanted = temper.in_mood(sight.caution);
        if health < 1.0 + temper.trigger * (wanted - 1.0) {
            if !temper.reacts || temper.savings_usd < MIN_MOVE_USD {
                return Decision::Stay;
            }
            let missing_collateral_usd =
                (wanted * debt_usd / threshold - collateral_usd).min(temper.savings_usd);
            let top_up = missing_collateral_usd * collateral / collateral_usd;
            if temper.tops_up && ltv > 0.0 && top_up < sight.supply_room {
                return Decision::TopUp { collateral: top_up };
            }
            let excess_usd = debt_usd - collateral_usd * threshold / wanted;
            return Decision::Repay { debt: excess_usd.min(temper.savings_usd) * tokens_of_debt };
        }
        let factor = self.rate_factor(sight.rate);
        if temper.reacts && factor < temper.rate_factor * (1.0 - RATE_BAND) {
            return Decision::Repay { debt: debt * (1.0 - factor / temper.rate_factor) };
        }
        if ltv <= 0.0 {
            return Decision::Stay;
        }
        let target = self.target(temper, sight);
        let rate_allows = factor >= temper.rate_factor * (1.0 - RATE_BAND);
        if health > target * (1.0 + self.releverage) && rate_allows {
            // Desired debt at the target, less what the rate takes off.
            let desired_usd = collateral_usd * threshold / target * factor.min(1.0);
            let limit_usd = collateral_usd * ltv * LTV_USE;
            let more_usd = desired_usd.min(limit_usd) - debt_usd;
            let more = (more_usd * tokens_of_debt).min(0.9 * sight.borrow_room);
            if more > 0.02 * debt && more_usd > MIN_MOVE_USD {
                return Decision::Borrow { debt: more };
            }
        }
        Decision::Stay
    }

    /// A small need or surplus of money; always two words. None where LTV, health or liquidity would
    /// not let the need be met.
    fn errand(&self, temper: &Temper, sight: &Sight, rng: &mut impl Rng) -> Decision {
        let happens = uniform(rng, 0.0, 1.0) < self.errand_probability;
        let share = uniform(rng, -self.errand_max_ratio, self.errand_max_ratio);
        let (tokens, usd) = (share.abs() * sight.debt, share.abs() * sight.debt_usd);
        if !happens || usd < MIN_MOVE_USD {
            return Decision::Stay;
        }
        let after_usd = sight.debt_usd + usd;
        // Halfway between the trigger and the target at least: an errand is no gamble.
        let wanted = temper.in_mood(sight.caution);
        let floor = 1.0 + 0.5 * (1.0 + temper.trigger) * (wanted - 1.0);
        let healthy = sight.collateral_usd * sight.threshold > floor * after_usd;
        let covered = sight.collateral_usd * sight.ltv * LTV_USE > after_usd;
        // Who could not borrow does not repay either: else errands would deleverage whoever is in need.
        if !healthy || !covered || tokens > 0.5 * sight.borrow_room {
            Decision::Stay
        } else if share > 0.0 {
            Decision::Borrow { debt: tokens }
        } else {
            Decision::Repay { debt: tokens }
        }
    }
}

impl Borrower {
    /// Decides, and updates what the borrower remembers.
    pub(super) fn decide(
        &mut self,
        sight: &Sight,
        prices: (f64, f64),
        block: u64,
        rng: impl Fn() -> ChaCha8Rng,
    ) -> Decision {
        let habits = self.habits;
        match &mut self.phase {
            Phase::Away { returns_at } if block < *returns_at => Decision::Stay,
            Phase::Away { .. } => {
                if sight.collateral_usd > 0.0 || sight.debt_usd > 0.0 {
                    // The last departure failed: liquidity was short.
                    return Decision::Leave;
                }
                let mut temper = habits.arrive(&mut rng(), block);
                let decision = habits.opening(&temper, sight, prices);
                if matches!(decision, Decision::Open { .. }) {
                    temper.rate_factor = habits.rate_factor(sight.rate);
                    self.phase = Phase::In(temper);
                }
                decision
            }
            Phase::In(temper) => {
                let decision = habits.tend(temper, sight, block);
                if decision == Decision::Stay && habits.errand_probability > 0.0 {
                    return habits.errand(temper, sight, &mut rng());
                }
                let spent_usd = match decision {
                    Decision::Repay { debt } => debt * prices.1,
                    Decision::TopUp { collateral } => collateral * prices.0,
                    Decision::Borrow { .. } | Decision::Stay | Decision::Open { .. } => 0.0,
                    Decision::Forget | Decision::Leave => {
                        let mut rng = rng();
                        let returns_at = block + waiting_blocks(&mut rng, habits.absence_blocks);
                        self.phase = Phase::Away { returns_at };
                        return decision;
                    }
                };
                temper.savings_usd = (temper.savings_usd - spent_usd).max(0.0);
                if matches!(decision, Decision::Repay { .. } | Decision::Borrow { .. }) {
                    temper.rate_factor = habits.rate_factor(sight.rate);
                }
                decision
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::units::AssetId;
    use sim::rng::{Purpose, Streams};

    fn habits() -> Habits {
        let listed =
            |asset, unit, reserve| Listed { token: Token { asset: AssetId(asset), unit }, reserve };
        let config = BorrowerConfig::default();
        Habits {
            market: MarketId(0),
            collateral: listed(0, 1e18, 0),
            debt: listed(1, 1e6, 1),
            purse: 3.0,
            gas: Token { asset: AssetId(0), unit: 1e18 },
            size: config.debt_size,
            health: (1.2, 2.9),
            never_react_share: 0.3,
            top_up_share: 0.5,
            trigger: (0.2, 0.5),
            savings_ratio: 0.4,
            releverage: 0.15,
            errand_probability: 0.0,
            errand_max_ratio: 0.03,
            rate_reference: 4.0,
            rate_semi_elasticity: 0.03,
            appetite: None,
            holding_blocks: 1_000.0,
            absence_blocks: 100.0,
            every_blocks: 50,
            priority_fee_wei: 1,
        }
    }

    const TEMPER: Temper = Temper {
        debt_usd: 1_000.0,
        health_target: 2.0,
        trigger: 0.3,
        reacts: true,
        tops_up: false,
        savings_usd: 400.0,
        rate_factor: 1.0,
        leaves_at: 10_000,
    };

    /// One token of 2,000 USD against 830 USD: health 2.0 at a threshold of 0.83.
    const SIGHT: Sight = Sight {
        collateral: 1.0,
        collateral_usd: 2_000.0,
        debt: 830.0,
        debt_usd: 830.0,
        ltv: 0.8,
        threshold: 0.83,
        rate: 0.04,
        supply_room: 1e9,
        borrow_room: 1e9,
        caution: 1.0,
    };

    fn at_price(usd: f64) -> Sight {
        Sight { collateral_usd: usd, ..SIGHT }
    }

    #[test]
    fn nothing_is_done_at_the_target() {
        assert_eq!(habits().tend(&TEMPER, &SIGHT, 1), Decision::Stay);
    }

    #[test]
    fn below_the_trigger_the_target_is_restored_from_savings() {
        // Health 1.3 is the trigger; at 1,250 USD it is 1.25. Target debt: 1,250 · 0.83 / 2 = 518.75.
        let Decision::Repay { debt } = habits().tend(&TEMPER, &at_price(1_250.0), 1) else {
            panic!("repays");
        };
        assert!((debt - 311.25).abs() < 1e-9, "{debt}");
        // Missing collateral: 2 · 830 / 0.83 − 1,250 = 750 USD, of which savings pay 400: 0.32 tokens.
        let temper = Temper { tops_up: true, ..TEMPER };
        let Decision::TopUp { collateral } = habits().tend(&temper, &at_price(1_250.0), 1) else {
            panic!("tops up");
        };
        assert!((collateral - 0.32).abs() < 1e-12, "{collateral}");
        let idle = Temper { reacts: false, ..TEMPER };
        assert_eq!(habits().tend(&idle, &at_price(1_250.0), 1), Decision::Stay);
        let broke = Temper { savings_usd: 0.0, ..TEMPER };
        assert_eq!(habits().tend(&broke, &at_price(1_250.0), 1), Decision::Stay);
    }

    #[test]
    fn a_rise_is_levered_up_as_far_as_ltv_allows() {
        // At 3,000 USD the target allows 3,000 · 0.83 / 2 = 1,245.
        let Decision::Borrow { debt } = habits().tend(&TEMPER, &at_price(3_000.0), 1) else {
            panic!("borrows");
        };
        assert!((debt - 415.0).abs() < 1e-9, "{debt}");
        // An LTV of 0.3 makes the nearest target 0.83 / (0.3 · 0.98), so debt 882.
        let cut = Sight { ltv: 0.3, ..at_price(3_000.0) };
        assert_eq!(habits().tend(&TEMPER, &cut, 1), Decision::Stay);
        let more = Sight { ltv: 0.3, ..at_price(4_000.0) };
        let Decision::Borrow { debt } = habits().tend(&TEMPER, &more, 1) else {
            panic!("borrows");
        };
        assert!((debt - (4_000.0 * 0.3 * 0.98 - 830.0)).abs() < 1e-9, "{debt}");
        let none = Sight { ltv: 0.0, ..at_price(4_000.0) };
        assert_eq!(habits().tend(&TEMPER, &none, 1), Decision::Stay);
    }

    #[test]
    fn confidence_levers_up_and_fear_defends_sooner() {
        // At the target nothing is done; a target of 1 + 1 · 0.5 allows 2,000 · 0.83 / 1.5.
        let keen = Sight { caution: 0.5, ..SIGHT };
        let Decision::Borrow { debt } = habits().tend(&TEMPER, &keen, 1) else {
            panic!("borrows");
        };
        assert!((debt - (2_000.0 * 0.83 / 1.5 - 830.0)).abs() < 1e-9, "{debt}");
        // Health 1.35 is above the trigger of 1.3, and below that of 1 + 0.3 · 1.5 at a target of 2.5.
        let near = at_price(1_350.0);
        assert_eq!(habits().tend(&TEMPER, &near, 1), Decision::Stay);
        let afraid = Sight { caution: 1.5, ..near };
        assert!(matches!(habits().tend(&TEMPER, &afraid, 1), Decision::Repay { .. }));
    }

    #[test]
    fn debt_falls_with_the_rate_by_the_stated_elasticity() {
        // Ten points more: exp(−0.3) of the debt is still wanted.
        let dear = Sight { rate: 0.14, ..SIGHT };
        let Decision::Repay { debt } = habits().tend(&TEMPER, &dear, 1) else {
            panic!("repays");
        };
        assert!((debt - 830.0 * (1.0 - exp(-0.3))).abs() < 1e-9, "{debt}");
        let little = Sight { rate: 0.06, ..SIGHT };
        assert_eq!(habits().tend(&TEMPER, &little, 1), Decision::Stay);
    }

    #[test]
    fn time_and_liquidation_end_a_loan() {
        assert_eq!(habits().tend(&TEMPER, &SIGHT, 10_000), Decision::Leave);
        let freed = Sight { debt: 0.0, debt_usd: 0.0, ..SIGHT };
        assert_eq!(habits().tend(&TEMPER, &freed, 1), Decision::Leave);
        let gone = Sight { collateral: 0.0, collateral_usd: 0.0, ..freed };
        assert_eq!(habits().tend(&TEMPER, &gone, 1), Decision::Forget);
    }

    #[test]
    fn errands_have_mean_zero_and_spare_those_in_need() {
        let habits = Habits { errand_probability: 1.0, errand_max_ratio: 0.2, ..habits() };
        let mut rng = Streams::new(3, 0).at(Purpose::Test, 0, 0, 0);
        let (mut sum, mut count) = (0.0, 0.0);
        for _ in 0..4_000 {
            match habits.errand(&TEMPER, &at_price(3_000.0), &mut rng) {
                Decision::Borrow { debt } => (sum, count) = (sum + debt, count + 1.0),
                Decision::Repay { debt } => (sum, count) = (sum - debt, count + 1.0),
                _ => {}
            }
        }
        assert!(count > 2_000.0, "{count}");
        // Uniform in ±166, smallest ones left out: standard error about 2.
        assert!((sum / count).abs() < 8.0, "{}", sum / count);
        for _ in 0..100 {
            assert_eq!(habits.errand(&TEMPER, &at_price(1_400.0), &mut rng), Decision::Stay);
        }
    }

    #[test]
    fn a_newcomer_opens_within_ltv_and_room() {
        let (prices, none) = ((2_000.0, 1.0), Sight { collateral: 0.0, debt: 0.0, ..SIGHT });
        let Decision::Open { collateral, debt } = habits().opening(&TEMPER, &none, prices) else {
            panic!("opens");
        };
        assert!(
            (debt - 1_000.0).abs() < 1e-9 && (collateral * 2_000.0 - 2_000.0 / 0.83).abs() < 1e-9
        );
        let tight = Sight { borrow_room: 500.0, ..none };
        let opened = habits().opening(&TEMPER, &tight, prices);
        assert!(matches!(opened, Decision::Open { debt, .. } if (debt - 450.0).abs() < 1e-9));
        let shut = Sight { borrow_room: 50.0, ..none };
        assert_eq!(habits().opening(&TEMPER, &shut, prices), Decision::Stay);
        let frozen = Sight { ltv: 0.0, ..none };
        assert_eq!(habits().opening(&TEMPER, &frozen, prices), Decision::Stay);
    }
}
