//! Who trades a perpetual future: makers, leveraged traders, keepers that liquidate, basis traders.
//!
//! All of them have accounts on the chain and send transactions. The contract has one offer an account and no
//! order book, so makers quote by offers and everybody else names the makers whose offers are taken, best
//! first. What makers take on they lay off at the exchange: that is how leverage at the contract comes to move
//! the price that other markets liquidate by.

pub mod basis;
pub mod keeper;
pub mod maker;
pub mod trader;

use super::{SpawnError, Token, transfer};
use basis::BasisTradersConfig;
use bevy_ecs::prelude::*;
use keeper::PerpetualKeepersConfig;
use maker::PerpetualMakersConfig;
use markets::units::{AccountId, MarketId};
use protocols::perpetual::{PerpetualAccount, PerpetualMarket, PerpetualOffer};
use serde::{Deserialize, Serialize};
use sim::actor::Outbox;
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call, PerpetualCall};
use trader::LeveragedTradersConfig;

/// Most offers that one transaction takes.
pub(super) const MOST_TAKES: usize = 4;
/// Share of what the initial margin allows that participants use at most: the index may move before they are
/// in the block.
pub(super) const MARGIN_USE: f64 = 0.9;

/// The participants of one perpetual future.
#[derive(Clone, Copy, Debug)]
pub struct PerpetualCrowd<'a> {
    /// Makers.
    pub makers: &'a PerpetualMakersConfig,
    /// Keepers.
    pub keepers: &'a PerpetualKeepersConfig,
    /// Leveraged traders.
    pub traders: &'a [LeveragedTradersConfig],
    /// Basis traders.
    pub basis: &'a [BasisTradersConfig],
}

/// A perpetual future as participants handle it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// Its market.
    pub market: MarketId,
    /// What it is margined in; it counts as a dollar.
    pub quote: Token,
    /// What it is on.
    pub underlying: Token,
    /// Whole tokens of the quote asset in a quote unit, which is a lot at a tick.
    pub unit_usd: f64,
    /// Whole tokens of the underlying in a lot.
    pub lot_tokens: f64,
    /// Initial margin, as a share of a position's value.
    pub initial: f64,
    /// Maintenance margin, likewise.
    pub maintenance: f64,
}

impl Contract {
    /// The contract of a market.
    ///
    /// # Errors
    /// [`SpawnError::NotPerpetual`].
    pub fn of(chain: &Chain, market: MarketId) -> Result<Self, SpawnError> {
        let found = chain.markets().get(market.index()).and_then(|m| m.perpetual());
        let perpetual = found.ok_or(SpawnError::NotPerpetual)?;
        let quote = Token::of_id(chain, perpetual.quote);
        let underlying = Token::of_id(chain, perpetual.underlying);
        let terms = &perpetual.contract.terms;
        Ok(Self {
            market,
            quote,
            underlying,
            unit_usd: perpetual.quote_unit as f64 / quote.unit,
            lot_tokens: underlying.tokens(perpetual.lot_units),
            initial: f64::from(terms.initial_margin_bps) / 1e4,
            maintenance: f64::from(terms.maintenance_margin_bps) / 1e4,
        })
    }

    /// The market, and what its feed says now, in ticks; `None` while the feed is silent.
    pub(super) fn look<'a>(&self, chain: &'a Chain) -> Option<Sight<'a>> {
        let perpetual = chain.markets().get(self.market.index())?.perpetual()?;
        let index = chain.perpetual_index(perpetual).ok()?;
        Some(Sight { contract: *self, perpetual, index })
    }

    /// Pays quote tokens in.
    pub(super) fn pay_in(&self, usd: f64) -> Call {
        let amount = AmountExpr::Exact(self.quote.amount(usd));
        Call::Supply { market: self.market, asset: self.quote.asset, amount }
    }
    /// Lots of a value at a price in ticks, floored.
    pub(super) fn lots(&self, usd: f64, tick: u64) -> i64 {
        (usd / (self.unit_usd * tick as f64)).clamp(0.0, 1e12) as i64
    }
    /// Replaces an account's offer.
    pub(super) const fn offer(&self, offer: PerpetualOffer) -> Call {
        let PerpetualOffer { lots, tick } = offer;
        Call::Perpetual(PerpetualCall::Offer { market: self.market, lots, tick })
    }
}

/// A contract as somebody sees it now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) contract: Contract,
    pub(super) perpetual: &'a PerpetualMarket,
    /// What the feed says now, in ticks.
    pub(super) index: u64,
}

impl Sight<'_> {
    /// An account's position; nothing where it has none.
    pub(super) fn account(&self, account: AccountId) -> PerpetualAccount {
        self.perpetual.contract.account(account.index()).copied().unwrap_or_default()
    }
    /// What an account has at the index, in USD.
    pub(super) fn equity_usd(&self, account: &PerpetualAccount) -> f64 {
        account.equity(self.index) as f64 * self.contract.unit_usd
    }
    /// Value of so many lots at the index, in USD.
    pub(super) fn usd(&self, lots: i64) -> f64 {
        lots as f64 * self.index as f64 * self.contract.unit_usd
    }
    /// The index, in USD per whole token.
    pub(super) fn index_usd(&self) -> f64 {
        self.index as f64 * self.contract.unit_usd / self.contract.lot_tokens
    }

    /// Writes calls that trade up to so many lots, bought above zero and sold below, against the best offers of
    /// others that are no more than `most_slippage` worse than the index. Returns the lots, signed.
    pub(super) fn take(
        &self,
        by: AccountId,
        lots: i64,
        most_slippage: f64,
        out: &mut Vec<Call>,
    ) -> i64 {
        let side = lots.signum();
        let index = self.index as f64;
        let mut left = lots.unsigned_abs();
        // Offers in order of price, ties by account: so few that looking through them again is cheapest.
        let mut last: Option<(u64, AccountId)> = None;
        for _ in 0..MOST_TAKES {
            let key = |tick: u64, owner: AccountId| {
                (if side > 0 { tick } else { u64::MAX - tick }, owner)
            };
            let open = self.perpetual.offers.iter().filter(|(owner, offer)| {
                let worse = (offer.tick as f64 / index - 1.0) * side as f64;
                *owner != by && offer.lots.signum() == -side && worse <= most_slippage
            });
            let next = open
                .filter(|(owner, offer)| last.is_none_or(|last| key(offer.tick, *owner) > last))
                .min_by_key(|(owner, offer)| key(offer.tick, *owner));
            let Some((maker, offer)) = next else { break };
            last = Some(key(offer.tick, *maker));
            let lots = left.min(offer.lots.unsigned_abs());
            if lots == 0 {
                break;
            }
            let market = self.contract.market;
            out.push(Call::Perpetual(PerpetualCall::Take { market, maker: *maker, lots }));
            left -= lots;
        }
        lots - side * left as i64
    }
}

/// Brings money of the outside world: what the wallet lacks of `usd` in the quote asset, beside what it keeps.
pub(super) fn fund(
    chain: &Chain,
    outbox: &mut Outbox,
    to: AccountId,
    contract: &Contract,
    usd: f64,
) {
    let lacks = usd - contract.quote.held(chain, to);
    if lacks > 0.0 {
        // A smallest unit more: amounts are floored.
        let tokens = lacks + 2.0 / contract.quote.unit;
        outbox.submit_system(chain.outside(), &[transfer(to, contract.quote, tokens)]);
    }
}

/// Brings gas money where less than a fifth of the purse is left.
pub(super) fn refill(
    chain: &Chain,
    outbox: &mut Outbox,
    to: AccountId,
    gas: Token,
    purse_tokens: f64,
) {
    if gas.held(chain, to) < 0.2 * purse_tokens {
        outbox.submit_system(chain.outside(), &[transfer(to, gas, purse_tokens)]);
    }
}

/// Puts the participants of a perpetual market into a world; `symbol` is its underlying's. Positions that
/// traders have at the start are against the makers, who have laid them off.
///
/// # Errors
/// [`SpawnError`].
pub fn spawn(
    world: &mut World,
    market: MarketId,
    symbol: &str,
    crowd: PerpetualCrowd<'_>,
) -> Result<(), SpawnError> {
    let mut makers = maker::enrol(world, market, symbol, crowd.makers)?;
    for cohort in crowd.traders {
        trader::spawn(world, market, cohort, &mut makers)?;
    }
    maker::open(world, makers)?;
    keeper::spawn(world, market, symbol, crowd.keepers)?;
    for cohort in crowd.basis {
        basis::spawn(world, market, cohort)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::units::{Amount, AssetId, FeedId};
    use protocols::perpetual::{FundingTerms, Perpetual, PerpetualTerms};

    /// The index of the tests, in ticks of a cent: 2,000 dollars.
    pub(super) const INDEX: u64 = 200_000;

    /// Ether in thousandths, margins of 5 and 3 %.
    pub(super) fn contract() -> Contract {
        let token = |asset, unit| Token { asset: AssetId(asset), unit };
        Contract {
            market: MarketId(0),
            quote: token(1, 1e6),
            underlying: token(0, 1e18),
            unit_usd: 1e-5,
            lot_tokens: 1e-3,
            initial: 0.05,
            maintenance: 0.03,
        }
    }

    /// A market whose accounts have these (collateral in USD, lots), bought at the index.
    pub(super) fn market(accounts: &[(f64, i64)]) -> PerpetualMarket {
        let terms = PerpetualTerms {
            initial_margin_bps: 500,
            maintenance_margin_bps: 300,
            liquidation_fee_bps: 150,
            funding: FundingTerms::default(),
            profit_backs_withdrawals: false,
        };
        let mut contract = Perpetual::new(terms, 0, INDEX, 0).expect("possible terms");
        let account = |(usd, lots): &(f64, i64)| PerpetualAccount {
            collateral: (usd * 1e5) as i128,
            lots: *lots,
            cost: i128::from(*lots) * i128::from(INDEX),
        };
        contract.accounts = accounts.iter().map(account).collect();
        PerpetualMarket {
            account: AccountId(99),
            quote: AssetId(1),
            quote_unit: 10,
            underlying: AssetId(0),
            lot_units: Amount::new(10_u128.pow(15)),
            feed: FeedId(0),
            contract,
            offers: Vec::new(),
        }
    }

    pub(super) fn sight(perpetual: &PerpetualMarket, index: u64) -> Sight<'_> {
        Sight { contract: contract(), perpetual, index }
    }

    #[test]
    fn the_best_offers_of_others_are_taken_first_and_far_ones_left() {
        let mut market = market(&[(0.0, 0); 5]);
        for (account, lots, tick) in
            [(0, -10, 200_100), (1, -10, 200_050), (2, 10, 199_900), (3, -10, 210_000), (4, -10, 1)]
        {
            market.set_offer(AccountId(account), Some(PerpetualOffer { lots, tick }));
        }
        let mut out = Vec::new();
        // The cheapest is one's own.
        let taken = sight(&market, INDEX).take(AccountId(4), 25, 0.01, &mut out);
        let take = |maker, lots| {
            let (market, maker) = (MarketId(0), AccountId(maker));
            Call::Perpetual(PerpetualCall::Take { market, maker, lots })
        };
        assert_eq!((taken, &out[..]), (20, &[take(1, 10), take(0, 10)][..]));
        out.clear();
        assert_eq!(sight(&market, INDEX).take(AccountId(4), -4, 0.01, &mut out), -4);
        assert_eq!(out, [take(2, 4)]);
    }
}
