//! An attacker's seat: an attacker that is told what to do, by a learner or by a written plan, instead of
//! looking for its own chance.
//!
//! An order has two heads: what ([`Act`]) and how much ([`SIZES`]). A strike is its family's bundle, sized
//! against the chain as it stands; a template ([`Template`]) is one that a search found; everything else is a plain
//! call that moves what others see (the pool's price, the use of caps and reserves), so that a policy that reads
//! them may be misled before the strike.

use super::spot_oracle::{Sight, Target};
use super::template::{self, TEMPLATE_FIELDS, Template};
use super::{Attacker, owes};
use crate::scripted::{Token, gas_bid, gas_of, wei};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, Amount, U256};
use protocols::risk_params::RiskParam;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, GasBid, Outbox, Wallet};
use sim::chain::call::{AmountExpr, Call};
use sim::config::{Config, Episode};
use sim::environment::ActionSpace;

/// What a seated attacker may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Nothing.
    Wait,
    /// Its family's atomic bundle, from an account without debt, with this share of the flash liquidity and
    /// of the loot; only where it pays.
    Strike,
    /// Buys the collateral in its pool with this share of its cash.
    Buy,
    /// Sells this share of the collateral it holds to the pool.
    Sell,
    /// Supplies this share of the collateral it holds.
    Supply,
    /// Withdraws this share of what it supplied of it.
    Withdraw,
    /// Supplies this share of its cash.
    Lend,
    /// Withdraws this share of the cash it supplied.
    Recall,
    /// Borrows cash: this share of what its collateral allows.
    Borrow,
    /// Repays this share of the cash it owes.
    Repay,
    /// A template of its world, by its number, at this share of its size; only where it pays.
    Template(u8),
}

impl Act {
    /// All that every seat has; a choice of the first head is a position here, and templates follow.
    pub const ALL: [Self; 10] = [
        Self::Wait,
        Self::Strike,
        Self::Buy,
        Self::Sell,
        Self::Supply,
        Self::Withdraw,
        Self::Lend,
        Self::Recall,
        Self::Borrow,
        Self::Repay,
    ];
}

/// Shares of what there is, by choice of the second head.
pub const SIZES: [f64; 4] = [0.125, 0.25, 0.5, 1.0];
/// Most templates of a seat.
pub const MOST_TEMPLATES: usize = 16;

/// Choices of the first head where there are so many templates.
#[must_use]
pub const fn acts(templates: usize) -> usize {
    Act::ALL.len() + templates
}
/// Entries of a mask.
#[must_use]
pub const fn logits(templates: usize) -> usize {
    acts(templates) + SIZES.len()
}
/// Values that an attacker sees of itself: [`FIELDS`], then [`TEMPLATE_FIELDS`] of each template.
#[must_use]
pub const fn fields(templates: usize) -> usize {
    FIELDS.len() + TEMPLATE_FIELDS * templates
}

/// The attacker's action space.
#[must_use]
pub fn space(templates: usize) -> ActionSpace {
    ActionSpace::MultiDiscrete { heads: vec![acts(templates) as u32, SIZES.len() as u32] }
}

/// What a seated attacker is told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What.
    pub act: Act,
    /// How much of what there is.
    pub size: f64,
}

impl Order {
    /// The order of an action, one choice per head; what is no choice waits.
    #[must_use]
    pub fn of(action: &[f32]) -> Self {
        let choice = |head: usize| action.get(head).map_or(0, |a| a.round().max(0.0) as usize);
        let template = |number: usize| u8::try_from(number).map_or(Act::Wait, Act::Template);
        let act = choice(0);
        Self {
            act: Act::ALL.get(act).copied().unwrap_or_else(|| template(act - Act::ALL.len())),
            size: SIZES.get(choice(1)).copied().unwrap_or(1.0),
        }
    }
}

/// Whether the world's attackers take orders. The first with a ground obeys; all others rest.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// Orders come from outside; without it attackers look for themselves.
    pub taken: bool,
    /// What is to be done in this block.
    pub order: Option<Order>,
}

/// Whether the seat has a turn in the open block: in the last block before each of the risk policy's decisions
/// and in the first after it, once `idle_blocks` are over.
#[must_use]
pub const fn is_turn(episode: &Episode, decision_every_blocks: u32, idle_blocks: u64) -> bool {
    let before = Episode { block: episode.block.saturating_sub(1), ..*episode };
    let beside =
        episode.decides_next(decision_every_blocks) || before.decision_due(decision_every_blocks);
    episode.block > idle_blocks && beside
}

/// Names of the values that a seated attacker sees of itself, in order.
pub const FIELDS: [&str; 13] = [
    "cash",
    "collateral_held",
    "collateral_supplied",
    "cash_lent",
    "cash_owed",
    "strike_bound",
    "free_accounts",
    "attacks",
    "pool_gap",
    "pending_ltv",
    "pending_freeze",
    "policy_next",
    "episode_left",
];

/// What an account has where it may attack, in whole tokens.
struct Means {
    cash: f64,
    held: f64,
    supplied: f64,
    lent: f64,
    owed: f64,
    /// What could still be borrowed against all that is supplied.
    credit: f64,
}

impl Target {
    fn means(&self, sight: &Sight<'_>, account: AccountId) -> Means {
        let chain = sight.chain;
        let pooled = chain.pooled(self.market);
        let cash_reserve = self.cash_reserve();
        let cash = |amount: Amount| self.quote.tokens(amount);
        let health = chain.health(self.market, account).ok();
        let credit_usd = health.map_or(0.0, |h| {
            let base = |value: U256| f64::from(value) / 1e8;
            base(h.collateral_base) * h.avg_ltv.ratio() - base(h.debt_base)
        });
        let price = cash_reserve.map_or(0.0, |r| sight.views.reserves[usize::from(r)].oracle_usd);
        Means {
            cash: self.quote.held(chain, account),
            held: self.tail.held(chain, account),
            supplied: self.tail.tokens(pooled.supplied(chain, account, self.tail_reserve)),
            lent: cash_reserve.map_or(0.0, |r| cash(pooled.supplied(chain, account, r))),
            owed: cash_reserve.map_or(0.0, |r| cash(pooled.debt(chain, account, r))),
            credit: if price > 0.0 { (credit_usd / price).max(0.0) } else { 0.0 },
        }
    }

    /// The reserve of the pool's other asset, where it can be borrowed.
    fn cash_reserve(&self) -> Option<u16> {
        self.loot[0].filter(|(token, _)| *token == self.quote).map(|(_, reserve)| reserve)
    }

    /// What an act has to go by, in whole tokens of its asset.
    fn at_hand(&self, act: Act, means: &Means) -> (Token, f64) {
        match act {
            Act::Wait | Act::Strike | Act::Template(_) => (self.quote, 0.0),
            Act::Buy => (self.quote, means.cash),
            Act::Sell | Act::Supply => (self.tail, means.held),
            Act::Withdraw => (self.tail, means.supplied),
            Act::Lend if self.cash_reserve().is_some() => (self.quote, means.cash),
            Act::Lend => (self.quote, 0.0),
            Act::Recall => (self.quote, means.lent),
            Act::Borrow => (self.quote, means.credit),
            Act::Repay => (self.quote, means.owed.min(means.cash)),
        }
    }

    /// The call of an act that is no strike.
    fn call(&self, order: Order, means: &Means) -> Option<(Call, u64)> {
        let (token, at_hand) = self.at_hand(order.act, means);
        let (market, asset) = (self.market, token.asset);
        let exact = token.amount(at_hand * order.size);
        if exact.is_zero() {
            return None;
        }
        let amount = match order.act {
            // All of it by name: a rounded figure may be a unit more than there is, and interest accrues.
            Act::Borrow if order.size >= 1.0 => AmountExpr::MaxBorrow,
            Act::Repay if means.owed > means.cash => {
                AmountExpr::Exact(exact.min(self.quote.amount(means.cash * FLOOR)))
            }
            _ if order.size >= 1.0 => AmountExpr::All,
            _ => AmountExpr::Exact(exact),
        };
        let swap =
            |asset_in| Call::Swap { pool: self.pool, asset_in, amount, min_out: Amount::ZERO };
        let call = match order.act {
            Act::Wait | Act::Strike | Act::Template(_) => return None,
            Act::Buy | Act::Sell => swap(asset),
            Act::Supply | Act::Lend => Call::Supply { market, asset, amount },
            Act::Withdraw | Act::Recall => Call::Withdraw { market, asset, amount },
            Act::Borrow => Call::Borrow { market, asset, amount },
            Act::Repay => Call::Repay { market, asset, amount },
        };
        let gas = gas_of::TRANSACTION + gas_of::SWAP.max(gas_of::BORROW).max(gas_of::SUPPLY);
        Some((call, gas))
    }
}

/// What a rounded figure of a whole balance is cut to.
const FLOOR: f64 = 1.0 - 1e-9;
/// Tip of a plain call, in gwei: above the crowd's.
const TIP_GWEI: f64 = 5.0;

impl Attacker {
    /// Submits the call of an order that is no strike, from the account that no strike uses while there is
    /// another.
    pub(super) fn obey(&self, order: Order, sight: &Sight<'_>, actor: &Actor, outbox: &mut Outbox) {
        let Some(ground) = self.ground else { return };
        let account = self.accounts[0];
        let Some((call, gas)) = ground.call(order, &ground.means(sight, account)) else { return };
        let clock = sight.chain.clock();
        let bid: GasBid = gas_bid(&clock, gas + gas / 4, wei(TIP_GWEI));
        outbox.submit(actor, Wallet(account), bid, &[call]);
    }

    /// Whether there is anything that it could attack.
    #[must_use]
    pub const fn has_ground(&self) -> bool {
        self.ground.is_some()
    }

    /// What its strike may earn at most now, in USD; zero where it cannot strike.
    fn strike_bound_usd(&self, sight: &Sight<'_>) -> f64 {
        let Some(ground) = self.ground else { return 0.0 };
        let account = self.accounts[self.current];
        if owes(sight.chain, account) {
            return 0.0;
        }
        ground.setting(sight, account).map_or(0.0, |setting| setting.bound_usd().max(0.0))
    }

    /// Writes what it sees of itself into `row` (`[fields(templates)]`) and what it may do now into `mask`
    /// (`[logits(templates)]`).
    pub(super) fn look(
        &self,
        sight: &Sight<'_>,
        (episode, config): (&Episode, &Config),
        templates: &[Template],
        (row, mask): (&mut [f32], &mut [f32]),
    ) {
        row.fill(0.0);
        mask.fill(0.0);
        mask[0] = 1.0;
        mask[acts(templates.len())..].fill(1.0);
        let Some(ground) = self.ground else { return };
        let means = ground.means(sight, self.accounts[0]);
        let bound = self.strike_bound_usd(sight);
        let pooled = sight.chain.pooled(ground.market);
        let free = |account: &&AccountId| !owes(sight.chain, **account);
        // Cuts and freezes that wait count down, raises and thaws up.
        let pending = |param: RiskParam, now: u64| {
            let mine = pooled.state.pending.iter().filter(|p| {
                p.change.reserve == Some(ground.tail_reserve) && p.change.param == param
            });
            mine.map(|p| (p.change.value as f64 - now as f64).signum()).sum::<f64>()
        };
        let tail = &pooled.reserves[usize::from(ground.tail_reserve)].config;
        let view = &sight.views.reserves[usize::from(ground.tail_reserve)];
        let log10 = |x: f64| libm::log10(1.0 + x.max(0.0)) / 6.0;
        let worth = |tokens: f64| tokens * view.mid_usd;
        let gap = if view.pool_usd > 0.0 && view.mid_usd > 0.0 {
            libm::log(view.pool_usd / view.mid_usd)
        } else {
            0.0
        };
        let values = [
            log10(means.cash),
            log10(worth(means.held)),
            log10(worth(means.supplied)),
            log10(means.lent),
            log10(means.owed),
            log10(bound),
            self.accounts.iter().filter(free).count() as f64 / self.accounts.len() as f64,
            f64::from(self.attacks) / self.accounts.len() as f64,
            (gap * 20.0).clamp(-10.0, 10.0),
            pending(RiskParam::Ltv, u64::from(tail.ltv.0)),
            pending(RiskParam::Frozen, u64::from(tail.frozen)),
            f64::from(u8::from(episode.decides_next(config.decision_every_blocks))),
            1.0 - episode.block as f64 / config.episode_blocks.max(1) as f64,
        ];
        for (slot, value) in row.iter_mut().zip(values) {
            *slot = value as f32;
        }
        for (slot, act) in mask.iter_mut().zip(Act::ALL).skip(1) {
            let possible = match act {
                Act::Strike => bound >= self.min_profit_usd,
                other => {
                    let (token, at_hand) = ground.at_hand(other, &means);
                    !token.amount(at_hand * SIZES[0]).is_zero()
                }
            };
            *slot = f32::from(u8::from(possible));
        }
        let account = self.accounts[self.current];
        if owes(sight.chain, account) {
            return;
        }
        template::look(templates, sight, account, |i, chance| {
            let seen = &mut row[FIELDS.len() + TEMPLATE_FIELDS * i..];
            (seen[0], seen[1]) = (log10(chance.usd) as f32, chance.size as f32);
            // What is left of it once the tip is paid.
            let possible = (1.0 - self.bid_share) * chance.usd >= self.min_profit_usd;
            mask[Act::ALL.len() + i] = f32::from(u8::from(possible));
        });
    }
}
