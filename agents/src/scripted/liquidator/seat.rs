//! A liquidator's seat: one that is told what to bid, by a learner or by a frozen policy, in place of its own rules.
//!
//! In a block in which it looks and somebody is worth liquidating, an order says for each of the [`RANKS`] best
//! chances, by expected profit, which share of the profit is offered as the tip ([`BIDS`], or nothing at all) and
//! how much of what could be repaid is ([`SIZES`]). Routes, means, guards and the sale of what was seized stay as
//! every liquidator has them, and so do its attention, its outages and its failures: nobody sees more for learning.
//! It does not speculate, nor bid behind reports.

use super::conduct::Luck;
use super::{Attempt, Bidding, GAS_PLAIN, Liquidator, Route, Scene, means, reported};
use bevy_ecs::prelude::*;
use markets::price::draw;
use markets::units::{AccountId, Amount, FeedId, MarketId};
use protocols::position::MAX_RESERVES;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::call::Call;
use sim::chain::{Chain, Feed};
use sim::config::{Config, Episode};
use sim::environment::{ActionSpace, Rows, Spec};
use sim::exchange::Exchange;
use sim::prices::FairPrices;
use sim::rng::{Purpose, Streams};
use sim::views::{MarketViews, PositionViews};

/// Chances that an order speaks of: as many as a liquidator bids on in a block.
pub const RANKS: usize = super::MAX_ATTEMPTS;
/// Shares of the profit after the base fee that may be offered as the tip; a choice of 0 leaves the chance.
pub const BIDS: [f64; 7] = [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95];
/// Shares of what could be repaid.
pub const SIZES: [f64; 3] = [0.25, 0.5, 1.0];
/// Choices of a chance's first head.
const OFFERS: usize = BIDS.len() + 1;
/// Choices of each head of a chance: its offer, its size.
pub const HEADS: [u32; 2] = [OFFERS as u32, SIZES.len() as u32];
/// Entries of a mask.
pub const LOGITS: usize = RANKS * (OFFERS + SIZES.len());

/// The seat's action space: an offer and a size for each chance, one chance after the other.
#[must_use]
pub fn space() -> ActionSpace {
    ActionSpace::MultiDiscrete { heads: HEADS.repeat(RANKS) }
}

/// Shapes of the seat. Its chances are rows: what is learned of one position can go for any.
#[must_use]
pub(super) fn spec() -> Spec {
    let (start, width) = (FIELDS.len(), CHANCE_FIELDS.len());
    let rows = Rows { start, room: RANKS, width, present: Some(0), heads: HEADS.len() };
    Spec { rows: Some(rows), ..Spec::new(OBS_DIM, space()) }
}

/// What a seated liquidator is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Share of the profit offered, by rank; none to leave the chance.
    pub offers: [Option<f64>; RANKS],
    /// Share of what could be repaid, by rank.
    pub sizes: [f64; RANKS],
}

impl Order {
    /// The order of an action, one choice per head; what is no choice leaves the chance, or takes all of it.
    #[must_use]
    pub fn of(action: &[f32]) -> Self {
        let choice = |head: usize| action.get(head).map_or(0, |a| a.round().max(0.0) as usize);
        let mut order = Self { offers: [None; RANKS], sizes: [1.0; RANKS] };
        for rank in 0..RANKS {
            let first = HEADS.len() * rank;
            let bid = choice(first).checked_sub(1);
            order.offers[rank] = bid.and_then(|bid| BIDS.get(bid).copied());
            order.sizes[rank] = SIZES.get(choice(first + 1)).copied().unwrap_or(1.0);
        }
        order
    }
}

/// The best chances of a block, the most profitable first.
pub(super) type Chances = [Option<Attempt>; RANKS];

/// Whether the first liquidator of the scored market takes orders; without it, or where it is not taken, all
/// follow their own rules.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct Desk {
    /// Orders come from outside.
    pub(super) taken: bool,
    /// What is to be done in this block, and the chances that it speaks of.
    pub(super) order: Option<(Order, Chances)>,
}

/// Names of the values that a seated liquidator sees of itself and of the block, in order.
pub const FIELDS: [&str; 8] = [
    "cash",
    "inventory",
    "unsold",
    "gas_purse",
    "base_fee",
    "at_risk",
    "reports_waiting",
    "episode_left",
];
/// Names of the values that it sees of each chance, in order; all are 0 where there is none.
pub const CHANCE_FIELDS: [&str; 16] = [
    "present",
    "health_factor",
    "debt",
    "repay",
    "repay_of_debt",
    "bonus",
    "profit",
    "profit_of_repay",
    "gas_of_profit",
    "slippage",
    "sold_in_pool",
    "flash_loan",
    "oracle_gap",
    "oracle_age",
    "reported_collateral",
    "reported_debt",
];
/// Values of its observation.
pub const OBS_DIM: usize = FIELDS.len() + RANKS * CHANCE_FIELDS.len();

/// What a liquidator looks at in a world.
pub(super) fn scene<'w>(world: &'w World, liquidator: &Liquidator) -> Scene<'w> {
    let (chain, prices) = (world.resource::<Chain>(), world.resource::<FairPrices>());
    Scene {
        chain,
        exchange: world.resource::<Exchange>(),
        prices,
        views: world.resource::<MarketViews>(),
        positions: world.resource::<PositionViews>(),
        gas_usd: liquidator.gas_usd(chain, prices),
    }
}

/// Liquidators, and who they are.
pub(super) type Members = QueryState<(&'static Actor, &'static Wallet, &'static Liquidator)>;

/// A liquidator, and who it is.
type Member<'w> = (&'w Actor, &'w Wallet, &'w Liquidator);

/// The first liquidator of a market.
pub(super) fn first<'w>(
    members: impl Iterator<Item = Member<'w>>,
    market: MarketId,
) -> Option<Member<'w>> {
    let here = members.filter(|(_, _, l)| l.market == market);
    here.min_by_key(|(actor, _, _)| actor.id)
}

/// The liquidator that takes orders where any does: the first of the scored market.
pub(super) fn seated<'w>(members: &mut Members, world: &'w World) -> Option<Member<'w>> {
    first(members.iter(world), world.resource::<MarketViews>().market)
}

/// The chances of the open block, where the seat has a turn in it: somebody is worth liquidating, and its
/// liquidator looks.
pub(super) fn turn(members: &mut Members, world: &World) -> Option<Chances> {
    if world.resource::<PositionViews>().at_risk.is_empty() {
        return None;
    }
    let (actor, wallet, liquidator) = seated(members, world)?;
    let scene = scene(world, liquidator);
    let luck = Luck {
        streams: world.resource::<Streams>(),
        episode: world.resource::<Episode>(),
        block_secs: world.resource::<Config>().block_secs,
    };
    if !liquidator.looks(actor, &luck) {
        return None;
    }
    let chances = liquidator.chances(&scene, *wallet);
    chances[0].is_some().then_some(chances)
}

impl Liquidator {
    /// Whether it looks in this block, by the draws by which it always does.
    fn looks(&self, actor: &Actor, luck: &Luck<'_>) -> bool {
        let Luck { streams, episode, .. } = luck;
        let mut rng = streams.at(Purpose::Behaviour, actor.key, episode.number, episode.block);
        !self.conduct.is_out(luck, self.cohort_key, actor.key)
            && draw::uniform(rng.next_u64()) < self.attention
    }

    /// The best chances, the most profitable first.
    fn chances(&self, scene: &Scene<'_>, wallet: Wallet) -> Chances {
        let means = means(self, scene, wallet.0);
        let is_full = self.conduct.is_full(self.unsold_usd(scene, wallet.0));
        let mut best = [None; RANKS];
        for borrower in &scene.positions.at_risk {
            let found = self.best_attempt(scene, *borrower, &means);
            let mut next = found.filter(|a| !(is_full && a.route == Route::Exchange));
            for slot in &mut best {
                let profit = |attempt: &Option<Attempt>| attempt.map_or(0.0, |a| a.profit_usd);
                if profit(&next) > profit(slot) {
                    std::mem::swap(&mut next, slot);
                }
            }
        }
        best
    }

    /// An attempt at a share of its size; none where the market takes no such part, or it does not pay.
    fn part(
        &self,
        scene: &Scene<'_>,
        attempt: Attempt,
        share: f64,
        means: &[Amount; MAX_RESERVES],
    ) -> Option<Attempt> {
        if share >= 1.0 {
            return Some(attempt);
        }
        let own = means.get(usize::from(attempt.debt)).copied().unwrap_or(Amount::ZERO);
        let most = Amount::from_f64_floor(attempt.repay.to_f64() * share);
        let pair = (attempt.collateral, attempt.debt);
        self.quote(scene, attempt.borrower, pair, attempt.route, own, Some(most))
    }

    /// Submits what an order says of chances.
    pub(super) fn obey(
        &self,
        (order, chances): &(Order, Chances),
        scene: &Scene<'_>,
        bidding: &mut Bidding<'_>,
        outbox: &mut Outbox,
        buffer: &mut Vec<Call>,
    ) {
        for (rank, chance) in chances.iter().enumerate() {
            let (Some(chance), Some(share)) = (chance, order.offers[rank]) else { continue };
            // With what those before it leave.
            let attempt = self.best_attempt(scene, chance.borrower, &bidding.means);
            let attempt =
                attempt.and_then(|a| self.part(scene, a, order.sizes[rank], &bidding.means));
            if let Some(attempt) = attempt {
                self.place(&attempt, share, scene, bidding, outbox, buffer);
            }
        }
    }

    /// Writes what it sees into `row` (`[OBS_DIM]`) and what it may order of chances into `mask` (`[LOGITS]`).
    pub(super) fn look(
        &self,
        world: &World,
        wallet: Wallet,
        chances: &Chances,
        row: &mut [f32],
        mask: &mut [f32],
    ) {
        row.fill(0.0);
        mask.fill(0.0);
        let scene = scene(world, self);
        let (episode, config) = (world.resource::<Episode>(), world.resource::<Config>());
        let outbox = world.resource::<Outbox>();
        let means = means(self, &scene, wallet.0);
        let (own, of_chances) = row.split_at_mut(FIELDS.len());
        let held_usd = |asset| scene.prices.value_usd(asset, scene.chain.balance(wallet.0, asset));
        let worth: f64 = scene.views.reserves.iter().map(|r| held_usd(r.asset)).sum();
        let cash = self.treasury.cash().map_or(0.0, |token| held_usd(token.asset));
        let reports = outbox.transactions.iter().filter(|tx| reported(tx.calls).is_some()).count();
        let values = [
            log10(cash),
            log10(worth - cash),
            log10(self.treasury.surplus_usd(scene.chain, scene.prices, wallet.0)),
            self.gas.held(scene.chain, wallet.0) / self.purse.max(1e-9),
            libm::log10(1.0 + scene.chain.clock().base_fee as f64 * 1e-9),
            libm::log10(1.0 + scene.positions.at_risk.len() as f64),
            reports as f64,
            1.0 - episode.block as f64 / config.episode_blocks.max(1) as f64,
        ];
        write(own, &values);
        let rows = of_chances.chunks_exact_mut(CHANCE_FIELDS.len());
        let masks = mask.chunks_exact_mut(OFFERS + SIZES.len());
        for ((chance, row), mask) in chances.iter().zip(rows).zip(masks) {
            let (offers, sizes) = mask.split_at_mut(OFFERS);
            offers[0] = 1.0;
            sizes[SIZES.len() - 1] = 1.0;
            let Some(attempt) = chance else { continue };
            write(row, &self.of_chance(&scene, outbox, attempt));
            let gas_usd = scene.gas_usd * attempt.route.gas() as f64;
            for (slot, share) in offers.iter_mut().skip(1).zip(BIDS) {
                let left_usd = (attempt.profit_usd - gas_usd) * (1.0 - share);
                *slot = f32::from(u8::from(left_usd >= self.min_profit_usd));
            }
            for (slot, share) in sizes.iter_mut().zip(SIZES) {
                let part = self.part(&scene, *attempt, share, &means);
                *slot = f32::from(u8::from(part.is_some()));
            }
        }
    }

    /// The values of a chance.
    fn of_chance(
        &self,
        scene: &Scene<'_>,
        outbox: &Outbox,
        attempt: &Attempt,
    ) -> [f64; CHANCE_FIELDS.len()] {
        let (c, d) = (usize::from(attempt.collateral), usize::from(attempt.debt));
        let (of_c, of_d) = (&scene.views.reserves[c], &scene.views.reserves[d]);
        let belief = scene.positions.belief(attempt.borrower);
        let owed = scene.positions.debt_tokens(scene.views, attempt.borrower, d);
        let debt_usd = owed * of_d.oracle_usd;
        let repay_usd = attempt.repay.to_f64() * of_d.unit * of_d.oracle_usd;
        let gas_usd = scene.gas_usd * attempt.route.gas() as f64;
        let age_secs = age_secs(scene.chain, of_c.feed);
        let move_of = |feed: FeedId, oracle_usd: f64| {
            let latest = outbox.transactions.iter().filter_map(|tx| reported(tx.calls));
            let latest = latest.filter(|(f, _)| *f == feed).last();
            latest.map_or(0.0, |(_, usd)| ratio_log(usd, oracle_usd))
        };
        [
            1.0,
            belief.health_factor.clamp(0.0, 2.0),
            log10(debt_usd),
            log10(repay_usd),
            if debt_usd > 0.0 { repay_usd / debt_usd } else { 0.0 },
            scene.bonus(attempt.borrower, c) * 10.0,
            log10(attempt.profit_usd),
            (attempt.profit_usd / repay_usd.max(1.0)) * 10.0,
            (gas_usd / attempt.profit_usd.max(1e-9)).min(1.0),
            attempt.slippage * 10.0,
            f64::from(u8::from(attempt.route != Route::Exchange)),
            f64::from(u8::from(matches!(attempt.route, Route::Flash(_)))),
            ratio_log(of_c.mid_usd, of_c.oracle_usd) * 20.0,
            libm::log10(1.0 + age_secs as f64 / 60.0),
            move_of(of_c.feed, of_c.oracle_usd) * 20.0,
            move_of(of_d.feed, of_d.oracle_usd) * 20.0,
        ]
    }
}

impl Route {
    /// Gas of a bundle of this route.
    const fn gas(self) -> u64 {
        match self {
            Self::Exchange => GAS_PLAIN,
            Self::Pool(_) => super::GAS_SELL,
            Self::Flash(_) => super::GAS_FLASH,
        }
    }
}

/// Seconds since a feed was reported to; 0 of one that needs no reports.
fn age_secs(chain: &Chain, feed: FeedId) -> u64 {
    match chain.feed(feed) {
        Feed::Push(push) => chain.clock().timestamp.saturating_sub(push.updated_at),
        _ => 0,
    }
}

fn log10(usd: f64) -> f64 {
    libm::log10(1.0 + usd.max(0.0)) / 6.0
}

/// The logarithm of a ratio of prices; 0 where there is none.
fn ratio_log(over: f64, under: f64) -> f64 {
    if over > 0.0 && under > 0.0 { libm::log(over / under) } else { 0.0 }
}

fn write(row: &mut [f32], values: &[f64]) {
    for (slot, value) in row.iter_mut().zip(values) {
        *slot = if value.is_finite() { value.clamp(-10.0, 10.0) as f32 } else { 0.0 };
    }
}

/// Whole tokens that an account holds, by asset.
pub(super) fn holdings(world: &World, account: AccountId, out: &mut Vec<f64>) {
    let (chain, prices) = (world.resource::<Chain>(), world.resource::<FairPrices>());
    out.clear();
    let ids = (0..chain.assets().len()).map(|i| markets::units::AssetId(i as u16));
    out.extend(ids.map(|id| prices.tokens(id, chain.balance(account, id))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_an_offer_and_a_size_for_each_chance() {
        let action = [0.0, 2.0, 1.0, 0.0, 7.0, 1.0, 9.0, 9.0];
        let order = Order::of(&action);
        assert_eq!(order.offers, [None, Some(0.05), Some(0.95), None]);
        assert_eq!(order.sizes, [1.0, 0.25, 0.5, 1.0]);
        assert_eq!(Order::of(&[]).offers, [None; RANKS]);
        let spec = spec();
        assert_eq!((spec.action.dim(), spec.action.logits()), (2 * RANKS, LOGITS));
        let rows = spec.rows.expect("rows");
        assert!(rows.heads_are_alike(&spec.action) && rows.cells().end == spec.obs_dim);
        assert_eq!(rows.room * rows.outputs(&spec.action), LOGITS, "all heads are a chance's");
    }
}
