//! Leveraged traders: positions of a perpetual future larger than the money behind them.
//!
//! - **Entry.** A trader without a position waits an exponential time, then draws direction, money and leverage.
//!   It is long with probability `long_share`, plus `trend_per_percent` for each percent that the index stands
//!   above its mean over `trend_hours`.
//! - **Thin margin.** Below `trigger` times the maintenance margin those who react either pay in, while savings
//!   last, or close. The others wait for the keeper.
//! - **Exit.** A position is held for an exponential time.
//!
//! Money comes from and returns to the outside world; see [`scripted`](super::super).

use super::super::{
    NextLook, SizeLaw, SpawnError, Token, before_genesis, endow, gas_bid, next_actor_id, uniform,
    waiting_blocks, wei,
};
use super::maker::Makers;
use super::{Contract, MARGIN_USE, Sight, fund, refill};
use bevy_ecs::prelude::*;
use libm::{exp, log};
use markets::units::{AccountId, MarketId};
use protocols::perpetual::PerpetualAccount;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call, PerpetualCall};
use sim::config::{Config, Episode};
use sim::rng::{Purpose, Streams};

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 600_000;
/// Offers further from the index are left alone: the contract has no limit price.
const MOST_SLIPPAGE: f64 = 0.02;
/// Looks after which an entry that nobody takes the other side of is given up.
const PATIENCE_LOOKS: u32 = 10;

/// A cohort of leveraged traders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeveragedTradersConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// How many.
    pub count: u32,
    /// Money behind a position.
    pub equity: SizeLaw,
    /// Smallest leverage at entry.
    pub leverage_min: f64,
    /// Largest leverage at entry; drawn log-uniformly between the two, and at most what nine tenths of the
    /// money carry at the initial margin.
    pub leverage_max: f64,
    /// Share of the cohort that has a position at the start.
    pub open_share: f64,
    /// Probability that an entry is long while the index stands at its mean.
    pub long_share: f64,
    /// Time constant of the index's mean, in hours.
    pub trend_hours: f64,
    /// Added to the probability of a long for each percent that the index stands above its mean.
    pub trend_per_percent: f64,
    /// Mean time from one position to the next, in hours.
    pub idle_hours: f64,
    /// Mean time that a position is held, in hours.
    pub holding_hours: f64,
    /// Share that never reacts to thin margin.
    pub never_react_share: f64,
    /// Share of those who react that pays in before it closes.
    pub top_up_share: f64,
    /// Margin over the maintenance margin below which they react.
    pub trigger: f64,
    /// Money for paying in, relative to that behind the position.
    pub savings_ratio: f64,
    /// Blocks between two looks.
    pub every_blocks: u32,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei; three times as much where margin is thin.
    pub priority_fee_gwei: f64,
}

impl Default for LeveragedTradersConfig {
    /// Judgement throughout: no record of accounts at a perpetual contract was found. Sizes have the tail of
    /// borrowers' debts.
    fn default() -> Self {
        Self {
            cohort: "leveraged traders".to_owned(),
            count: 100,
            equity: SizeLaw {
                median_usd: 5_000.0,
                log_sd: 1.3,
                tail_share: 0.1,
                tail_from_usd: 100_000.0,
                tail_exponent: 1.3,
                cap_usd: 1_000_000.0,
            },
            leverage_min: 2.0,
            leverage_max: 15.0,
            open_share: 0.6,
            long_share: 0.6,
            trend_hours: 6.0,
            trend_per_percent: 0.1,
            idle_hours: 24.0,
            holding_hours: 48.0,
            never_react_share: 0.5,
            top_up_share: 0.5,
            trigger: 1.5,
            savings_ratio: 0.5,
            every_blocks: 5,
            gas_purse_tokens: 1.0,
            priority_fee_gwei: 1.0,
        }
    }
}

/// What a trader does, drawn once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Habits {
    contract: Contract,
    gas: Token,
    equity: SizeLaw,
    /// Logarithms of smallest and largest leverage.
    leverage: (f64, f64),
    long_share: f64,
    /// Weight of a look in the index's mean.
    trend_weight: f64,
    trend_per_percent: f64,
    idle_blocks: f64,
    holding_blocks: f64,
    reacts: bool,
    tops_up: bool,
    trigger: f64,
    savings_ratio: f64,
    every_blocks: u64,
    purse: f64,
    priority_fee_wei: u64,
}

/// A position that is wanted or held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Plan {
    /// Wanted, long above zero.
    lots: i64,
    /// Money behind it, in USD.
    equity_usd: f64,
    /// Left to pay in, in USD.
    savings_usd: f64,
    leaves_at: u64,
    /// Whether there has been a position.
    is_open: bool,
    /// Looks so far without one.
    looks: u32,
}

/// A leveraged trader.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeveragedTrader {
    habits: Habits,
    plan: Option<Plan>,
    /// The next entry, while there is no plan.
    enters_at: u64,
    /// Mean of the index, in ticks.
    mean: f64,
}

/// What a trader does now.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Stay,
    /// Pays in this much and trades so many lots.
    Enter {
        pays_usd: f64,
        lots: i64,
    },
    /// Pays in.
    TopUp {
        usd: f64,
    },
    /// Trades the position away.
    Close {
        is_urgent: bool,
    },
    /// Takes its money out.
    Leave,
}

impl Habits {
    /// Draws a position.
    fn draw(&self, sight: &Sight<'_>, mean: f64, block: u64, rng: &mut impl Rng) -> Plan {
        let above_percent = 100.0 * (sight.index as f64 / mean - 1.0);
        let chance = self.long_share + self.trend_per_percent * above_percent;
        let is_long = uniform(rng, 0.0, 1.0) < chance;
        let equity_usd = self.equity.sample(rng);
        let leverage = exp(uniform(rng, self.leverage.0, self.leverage.1));
        let lots = self.contract.lots(equity_usd * leverage, sight.index);
        Plan {
            lots: if is_long { lots } else { -lots },
            equity_usd,
            savings_usd: self.savings_ratio * equity_usd,
            leaves_at: block + waiting_blocks(rng, self.holding_blocks),
            is_open: false,
            looks: 0,
        }
    }
}

impl LeveragedTrader {
    /// Decides, given an account; draws from `rng` only for a new position.
    fn decide<R: Rng>(
        &mut self,
        sight: &Sight<'_>,
        account: &PerpetualAccount,
        block: u64,
        rng: impl FnOnce() -> R,
    ) -> Step {
        let habits = self.habits;
        self.mean += habits.trend_weight * (sight.index as f64 - self.mean);
        let Some(plan) = &mut self.plan else {
            if account.lots != 0 {
                return Step::Close { is_urgent: false };
            }
            if account.collateral > 0 {
                return Step::Leave;
            }
            if block < self.enters_at {
                return Step::Stay;
            }
            let plan = habits.draw(sight, self.mean, block, &mut rng());
            self.plan = Some(plan);
            return Step::Enter { pays_usd: plan.equity_usd, lots: plan.lots };
        };
        if account.lots == 0 {
            plan.looks += 1;
            if plan.is_open || plan.looks > PATIENCE_LOOKS || plan.lots == 0 {
                self.plan = None;
                self.enters_at = block + waiting_blocks(&mut rng(), habits.idle_blocks);
                return if account.collateral > 0 { Step::Leave } else { Step::Stay };
            }
            let paid_usd = account.collateral as f64 * habits.contract.unit_usd;
            let pays_usd = (plan.equity_usd - paid_usd).max(0.0);
            return Step::Enter { pays_usd, lots: plan.lots };
        }
        plan.is_open = true;
        if block >= plan.leaves_at {
            return Step::Close { is_urgent: false };
        }
        let size_usd = sight.usd(account.lots).abs();
        let thin = habits.trigger * habits.contract.maintenance;
        if !habits.reacts || sight.equity_usd(account) > thin * size_usd {
            return Step::Stay;
        }
        // Twice as much as makes the margin thin.
        let wanted = (2.0 * thin * size_usd - sight.equity_usd(account)).min(plan.savings_usd);
        if habits.tops_up && wanted > 0.01 * size_usd {
            plan.savings_usd -= wanted;
            return Step::TopUp { usd: wanted };
        }
        Step::Close { is_urgent: true }
    }
}

/// The transaction of a step; nothing where there is none to send.
fn calls(sight: &Sight<'_>, by: AccountId, outside: AccountId, step: Step, out: &mut Vec<Call>) {
    let contract = sight.contract;
    out.clear();
    match step {
        Step::Stay => {}
        Step::Enter { pays_usd, lots } => {
            if pays_usd > 0.0 {
                out.push(contract.pay_in(pays_usd));
            }
            if sight.take(by, lots, MOST_SLIPPAGE, out) == 0 {
                out.clear();
            }
        }
        Step::TopUp { usd } => out.push(contract.pay_in(usd)),
        Step::Close { .. } => {
            sight.take(by, -sight.account(by).lots, MOST_SLIPPAGE, out);
        }
        Step::Leave => {
            let (market, asset) = (contract.market, contract.quote.asset);
            let all = AmountExpr::All;
            out.extend([
                Call::Mark { mark: 0, asset },
                Call::Withdraw { market, asset, amount: all },
                Call::Transfer { to: outside, asset, amount: AmountExpr::DeltaSince(0) },
            ]);
        }
    }
}

/// Puts a cohort into a world; those who have a position at the start have it against the makers.
///
/// # Errors
/// [`SpawnError`].
pub(super) fn spawn(
    world: &mut World,
    market: MarketId,
    config: &LeveragedTradersConfig,
    makers: &mut Makers,
) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world) + makers.count();
    let block_secs = f64::from(world.resource::<Config>().block_secs);
    let episode = world.resource::<Episode>().number;
    let streams = world.resource::<Streams>().clone();
    let mut chain = world.resource_mut::<Chain>();
    let contract = Contract::of(&chain, market)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let block = chain.clock().block;
    let blocks = |hours: f64| hours * 3_600.0 / block_secs;
    let every_blocks = u64::from(config.every_blocks.max(1));
    let most = log(MARGIN_USE / contract.initial);
    let leverage = (log(config.leverage_min).min(most), log(config.leverage_max).min(most));
    let look_secs = every_blocks as f64 * block_secs;
    let mut members = Vec::with_capacity(config.count as usize);
    for index in 0..config.count {
        let (actor, wallet) =
            super::super::enrol(&mut chain, first_id + index, &config.cohort, index);
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        let mut rng = streams.at(Purpose::Setup, actor.key, episode, 0);
        let reacts = uniform(&mut rng, 0.0, 1.0) >= config.never_react_share;
        let tops_up = uniform(&mut rng, 0.0, 1.0) < config.top_up_share;
        let is_open = uniform(&mut rng, 0.0, 1.0) < config.open_share;
        let habits = Habits {
            contract,
            gas,
            equity: config.equity,
            leverage,
            long_share: config.long_share,
            trend_weight: 1.0 - exp(-look_secs / (3_600.0 * config.trend_hours)),
            trend_per_percent: config.trend_per_percent,
            idle_blocks: blocks(config.idle_hours),
            holding_blocks: blocks(config.holding_hours),
            reacts,
            tops_up,
            trigger: config.trigger,
            savings_ratio: config.savings_ratio,
            every_blocks,
            purse: config.gas_purse_tokens,
            priority_fee_wei: wei(config.priority_fee_gwei),
        };
        let enters_at = block + waiting_blocks(&mut rng, habits.idle_blocks);
        let mut trader = LeveragedTrader { habits, plan: None, enters_at, mean: 1.0 };
        let index_now = contract.look(&chain).map(|sight| {
            let mean = sight.index as f64;
            (mean, habits.draw(&sight, mean, block, &mut rng))
        });
        if let Some((mean, plan)) = index_now {
            trader.mean = mean;
            if is_open && opens(&mut chain, wallet.0, &contract, &plan, makers)? {
                trader.plan = Some(Plan { is_open: true, ..plan });
            }
        }
        let next = NextLook { block: block + 1 + u64::from(index) % every_blocks };
        members.push((actor, wallet, next, trader));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Opens a position before the first block; returns whether a maker had room.
fn opens(
    chain: &mut Chain,
    account: AccountId,
    contract: &Contract,
    plan: &Plan,
    makers: &mut Makers,
) -> Result<bool, SpawnError> {
    if plan.lots == 0 {
        return Ok(false);
    }
    let Some(maker) = makers.offer(chain, plan.lots) else { return Ok(false) };
    endow(chain, account, contract.quote, plan.equity_usd)?;
    let (market, lots) = (contract.market, plan.lots.unsigned_abs());
    let take = Call::Perpetual(PerpetualCall::Take { market, maker, lots });
    let is_open = before_genesis(chain, account, &[contract.pay_in(plan.equity_usd), take]);
    if !is_open {
        Makers::withdraw(chain, contract, maker);
    }
    Ok(is_open)
}

/// Lets the traders look whose turn it is.
pub fn trade_perpetuals(
    chain: Res<Chain>,
    streams: Res<Streams>,
    episode: Res<Episode>,
    mut outbox: ResMut<Outbox>,
    mut traders: Query<(&mut NextLook, &Actor, &Wallet, &mut LeveragedTrader)>,
    mut buffer: Local<Vec<Call>>,
) {
    let clock = chain.clock();
    for (mut next, actor, wallet, mut trader) in &mut traders {
        if clock.block < next.block {
            continue;
        }
        let habits = trader.habits;
        next.block = clock.block + habits.every_blocks;
        let Some(sight) = habits.contract.look(&chain) else { continue };
        let account = sight.account(wallet.0);
        let rng = || streams.at(Purpose::Behaviour, actor.key, episode.number, episode.block);
        let step = trader.decide(&sight, &account, clock.block, rng);
        calls(&sight, wallet.0, chain.outside(), step, &mut buffer);
        if buffer.is_empty() {
            continue;
        }
        match step {
            Step::Enter { pays_usd: usd, .. } | Step::TopUp { usd } => {
                fund(&chain, &mut outbox, wallet.0, &habits.contract, usd);
            }
            Step::Stay | Step::Close { .. } | Step::Leave => {}
        }
        refill(&chain, &mut outbox, wallet.0, habits.gas, habits.purse);
        let urgent = matches!(step, Step::TopUp { .. } | Step::Close { is_urgent: true });
        let tip = habits.priority_fee_wei * if urgent { 3 } else { 1 };
        outbox.submit(actor, *wallet, gas_bid(&clock, GAS_LIMIT, tip), &buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{INDEX, contract, market, sight};
    use super::*;
    use markets::units::AssetId;
    use rand_chacha::ChaCha8Rng;

    /// A long of 2,000 dollars.
    const LONG: Plan = Plan {
        lots: 1_000,
        equity_usd: 400.0,
        savings_usd: 100.0,
        leaves_at: 1_000,
        is_open: true,
        looks: 0,
    };

    fn trader() -> LeveragedTrader {
        let habits = Habits {
            contract: contract(),
            gas: Token { asset: AssetId(0), unit: 1e18 },
            equity: LeveragedTradersConfig::default().equity,
            leverage: (log(5.0), log(5.0)),
            long_share: 0.6,
            trend_weight: 0.0,
            trend_per_percent: 0.1,
            idle_blocks: 100.0,
            holding_blocks: 100.0,
            reacts: true,
            tops_up: true,
            trigger: 1.5,
            savings_ratio: 0.5,
            every_blocks: 5,
            purse: 1.0,
            priority_fee_wei: 1,
        };
        LeveragedTrader { habits, plan: None, enters_at: 0, mean: INDEX as f64 }
    }

    fn rng() -> ChaCha8Rng {
        Streams::new(1, 1).at(Purpose::Test, 0, 0, 0)
    }

    #[test]
    fn entries_have_the_stated_leverage_and_follow_the_trend() {
        let market = market(&[]);
        let mut words = rng();
        let mut longs = |index: u64| {
            let mut longs = 0;
            for _ in 0..4_000 {
                let sight = sight(&market, index);
                let plan = trader().habits.draw(&sight, INDEX as f64, 0, &mut words);
                let leverage = sight.usd(plan.lots).abs() / plan.equity_usd;
                assert!(plan.equity_usd < 10.0 || (leverage / 5.0 - 1.0).abs() < 0.05, "{plan:?}");
                longs += u32::from(plan.lots > 0);
            }
            f64::from(longs) / 4_000.0
        };
        // Two percent above its mean: a chance of 0.8.
        let (level, up) = (longs(INDEX), longs(INDEX * 102 / 100));
        assert!((level - 0.6).abs() < 0.03 && (up - 0.8).abs() < 0.03, "{level} {up}");
    }

    #[test]
    fn thin_margin_is_paid_in_while_savings_last_and_then_closed() {
        let mut trader = LeveragedTrader { plan: Some(LONG), ..trader() };
        // 2,000 dollars' worth, thin below 90.
        let mut with = |usd: f64, block: u64| {
            let market = market(&[(usd, 1_000)]);
            let account = market.contract.accounts[0];
            trader.decide(&sight(&market, INDEX), &account, block, rng)
        };
        assert_eq!(with(91.0, 1), Step::Stay);
        // Twice that is 180.
        let Step::TopUp { usd } = with(89.0, 2) else { panic!("pays in") };
        assert!((usd - 91.0).abs() < 1e-6, "{usd}");
        // Nine dollars of savings are too little to matter.
        assert_eq!(with(89.0, 3), Step::Close { is_urgent: true });
        assert_eq!(with(400.0, 1_000), Step::Close { is_urgent: false });
    }

    #[test]
    fn what_is_left_of_a_closed_position_is_taken_out() {
        let mut trader = LeveragedTrader { plan: Some(LONG), ..trader() };
        let market = market(&[(12.0, 0)]);
        let account = market.contract.accounts[0];
        assert_eq!(trader.decide(&sight(&market, INDEX), &account, 7, rng), Step::Leave);
        assert!(trader.plan.is_none() && trader.enters_at > 7);
        // With nothing left it waits for its next entry.
        let nothing = PerpetualAccount::default();
        assert_eq!(trader.decide(&sight(&market, INDEX), &nothing, 8, rng), Step::Stay);
    }
}
