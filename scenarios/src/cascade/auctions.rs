//! Auctions of vaults' collateral: bites, bids, deals.

use super::book::{Member, keepers_of, opportunist_of};
use super::schema::{Bidders, Friction, Keepers};
use crate::stage::{Names, Played, Refusal, execute};
use markets::oracle::composed::ComposedFeed;
use markets::price::draw::normal;
use markets::units::FeedId;
use markets::units::{AccountId, Amount, MarketId, RAY, U256};
use protocols::auction::english::{Bid, English};
use protocols::vault::{House, Lot, Vault};
use rand::Rng;
use sim::chain::call::{AmountExpr, Call, OracleCall, Outcome, VaultCall};
use sim::chain::{Chain, Feed};
use sim::prices::unit;
use sim::rng::{Purpose, Streams, actor_key};

/// Most bites of one vault within a step: each takes one auction's worth of its debt.
const MOST_BITES: u32 = 10_000;

/// The auctions of one market of vaults, and who bids there.
#[derive(Clone, Debug)]
pub(super) struct Room {
    market: MarketId,
    by: AccountId,
    opportunist: AccountId,
    bidders: Bidders,
    /// Most that each pays for gas, in gwei.
    caps: Vec<f64>,
    margin: f64,
    streams: Streams,
    key: u64,
}

impl Room {
    pub(super) fn new(
        spec: &Keepers,
        bidders: Bidders,
        names: &Names,
        friction: &Friction,
    ) -> Result<Self, Refusal> {
        let sound = (1..=1_000).contains(&bidders.count)
            && bidders.gas_cap_gwei > 0.0
            && (0.0..=10.0).contains(&bidders.gas_cap_log_sd)
            && (0.0..=10.0).contains(&bidders.gas_log_sd);
        if !sound {
            let help = "1 to 1,000 bidders, a cap above zero, deviations from 0 to 10";
            return Err(("bidders that cannot be".to_owned(), help.to_owned()));
        }
        let streams = Streams::new(friction.seed, 0);
        let caps = (0..bidders.count).map(|i| {
            let key = actor_key("bidder", u64::from(i));
            let drawn = normal(streams.at(Purpose::Setup, key, 0, 0).next_u64());
            bidders.gas_cap_gwei * libm::exp(bidders.gas_cap_log_sd * drawn)
        });
        Ok(Self {
            market: names.market(&spec.market)?,
            by: names.account(&keepers_of(&spec.market))?,
            opportunist: names.account(&opportunist_of(&spec.market))?,
            bidders,
            caps: caps.collect(),
            margin: if friction.on { spec.min_margin_bps / 1e4 } else { 0.0 },
            key: actor_key("inclusion", 0),
            streams,
        })
    }

    /// Brings the bidders' dai in, and hands the opportunist one.
    pub(super) fn open(&self, played: &mut Played) -> Result<(), Refusal> {
        let market = self.market;
        let one = Amount(U256::from(10).pow(U256::from(45)));
        let calls = [
            Call::Vault(VaultCall::JoinDai { market, amount: AmountExpr::All }),
            Call::Vault(VaultCall::Move { market, to: self.opportunist, rad: one }),
        ];
        execute(&mut played.after, self.by, &calls)
    }

    /// Whether any bidder's transaction is included in a step.
    fn included(&self, step: u64, gas_gwei: f64, friction: &Friction) -> bool {
        if !friction.on {
            return true;
        }
        let mut rng = self.streams.at(Purpose::Gas, self.key, 0, step);
        self.caps.iter().any(|cap| {
            let costs = gas_gwei * libm::exp(self.bidders.gas_log_sd * normal(rng.next_u64()));
            costs <= *cap
        })
    }

    /// A step: what can be bitten is, and every auction moves on.
    pub(super) fn step(
        &self,
        step: u64,
        gas_gwei: f64,
        friction: &Friction,
        members: &[Member],
        moved: bool,
        played: &mut Played,
    ) {
        if moved {
            for member in members.iter().filter(|m| m.market == self.market) {
                self.bite(member.account, played);
            }
        }
        let included = self.included(step, gas_gwei, friction);
        let calls: Vec<(AccountId, Call)> = match vault(&played.after.chain, self.market) {
            Some(vault) => vault
                .auctions
                .iter()
                .filter_map(|auction| {
                    let Lot::English(bid) = &auction.lot else { return None };
                    let ilk = vault.ilks.get(usize::from(auction.ilk))?;
                    let House::English(rules) = &ilk.house else { return None };
                    let usd =
                        played.after.fair[ilk.token.index()] / played.after.fair[vault.dai.index()];
                    self.turn(auction.id, bid, rules, usd, included, &played.after.chain)
                })
                .collect(),
            None => return,
        };
        for (by, call) in calls {
            // What came too late for its auction is lost: gas, no more.
            let _outcome: Outcome = played.try_run(by, &[call]);
        }
    }

    fn bite(&self, urn: AccountId, played: &mut Played) {
        let market = self.market;
        let kinds = vault(&played.after.chain, market).map_or(0, |vault| vault.ilks.len());
        for ilk in 0..kinds as u16 {
            for _ in 0..MOST_BITES {
                let held = vault(&played.after.chain, market).map_or(Amount::ZERO, |v| {
                    played.after.chain.balance(urn, v.ilks[usize::from(ilk)].art)
                });
                let call = Call::Vault(VaultCall::Bite { market, ilk, urn });
                if held.is_zero() || played.try_run(self.by, &[call]) != Outcome::Success {
                    break;
                }
            }
        }
    }

    /// What happens to an auction next, and by whom. `price` is in dai.
    fn turn(
        &self,
        auction: u64,
        bid: &Bid,
        rules: &English,
        price: f64,
        included: bool,
        chain: &Chain,
    ) -> Option<(AccountId, Call)> {
        let (market, now) = (self.market, chain.clock().timestamp);
        let call = |by, call| Some((by, Call::Vault(call)));
        if bid.winner(now).is_ok() {
            return call(self.by, VaultCall::Deal { market, auction });
        }
        if bid.end < now {
            return call(self.by, VaultCall::Tick { market, auction });
        }
        // On the last second of a bid, or of the auction, nothing can be done.
        if bid.tic == now || bid.end == now {
            return None;
        }
        // What the lot is worth to a bidder, in rad.
        let tokens = bid.lot.to_f64() / 1e18;
        let dai = Amount::from_f64_floor(tokens * price * (1.0 - self.margin) * 1e18);
        let worth = Amount(dai.0.saturating_mul(RAY));
        if included && bid.guy != Some(self.by) && worth >= bid.least_bid(rules) {
            let lot = bid.lot;
            return call(
                self.by,
                VaultCall::Tend { market, auction, lot, bid: worth.min(bid.tab) },
            );
        }
        // Bidders compete: a lot that is worth more than the tab goes down to what is.
        if included && bid.guy == Some(self.by) && bid.bid == bid.tab && self.caps.len() > 1 {
            let fair = bid.tab.to_f64() / 1e45 / (price * (1.0 - self.margin));
            let lot = Amount::from_f64_floor(fair * 1e18);
            if lot.to_f64() * rules.beg.0.saturating_to::<u128>() as f64 / 1e18 <= bid.lot.to_f64()
            {
                return call(self.by, VaultCall::Dent { market, auction, lot, bid: bid.tab });
            }
        }
        if bid.guy.is_none() {
            let (lot, least) = (bid.lot, bid.least_bid(rules));
            return call(self.opportunist, VaultCall::Tend { market, auction, lot, bid: least });
        }
        None
    }
}

fn vault(chain: &Chain, market: MarketId) -> Option<&Vault> {
    chain.markets().get(market.index()).and_then(|market| market.vault())
}

/// Pokes delayed feeds that are due, and every kind of vault after them; whether one moved.
pub(super) fn poke(played: &mut Played) -> bool {
    let by = played.after.names.world();
    let feeds: Vec<FeedId> = (0..played.after.chain.feeds().len())
        .map(|i| FeedId(i as u16))
        .filter(|feed| {
            let now = played.after.chain.clock().timestamp;
            let Feed::Composed(ComposedFeed::Delayed(delayed)) = played.after.chain.feed(*feed)
            else {
                return false;
            };
            now >= delayed.poked_at + delayed.hop_secs
        })
        .collect();
    let mut moved = false;
    for feed in feeds {
        moved |= played.try_run(by, &[Call::Oracle(OracleCall::Poke { feed })]) == Outcome::Success;
    }
    if moved {
        for i in 0..played.after.chain.markets().len() as u16 {
            let kinds = vault(&played.after.chain, MarketId(i)).map_or(0, |vault| vault.ilks.len());
            for ilk in 0..kinds as u16 {
                let call = VaultCall::Poke { market: MarketId(i), ilk };
                let _outcome: Outcome = played.try_run(by, &[Call::Vault(call)]);
            }
        }
    }
    moved
}

/// A member's health factor in a market of vaults, and its debt in whole dai; `None` without debt.
pub(super) fn health(chain: &Chain, vault: &Vault, member: &Member) -> Option<(f64, f64)> {
    vault.ilks.iter().find_map(|ilk| {
        let (ink, art) =
            (chain.balance(member.account, ilk.ink), chain.balance(member.account, ilk.art));
        let debt = art.to_f64() * Amount(ilk.rate.0).to_f64() / 1e27;
        let carries = ink.to_f64() * Amount(ilk.spot.0).to_f64() / 1e27;
        (debt > 0.0).then(|| (carries / debt, debt * unit(18)))
    })
}
