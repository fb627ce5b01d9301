//! A perpetual contract with a custodian: money that comes and goes in an asset, an index that a feed says, and
//! one resting offer an account.
//!
//! The mark is the index, which is what Mango v3 margins positions by. A venue's own trades do not move it;
//! whoever moves what the feed reads does. An offer is checked against its account's margin when it is placed
//! and when it is taken, and counts for the premium only while the margin would cover it.

use super::{MOST, Perpetual, PerpetualError, premium_e8};
use markets::math::{Rounding, mul_div};
use markets::units::{AccountId, Amount, AssetId, FeedId, Price, U256};
use serde::{Deserialize, Serialize};

/// A resting offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerpetualOffer {
    /// Buys so many lots, or sells them below zero.
    pub lots: i64,
    /// At this price, in ticks.
    pub tick: u64,
}

/// A perpetual contract, what it is margined in and what it is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerpetualMarket {
    /// The ledger account that holds what was paid in.
    pub account: AccountId,
    /// What positions are margined and paid in; it counts as a dollar.
    pub quote: AssetId,
    /// Smallest units of the quote asset in a quote unit, which is a lot at a tick. Money moves in whole ones.
    pub quote_unit: u64,
    /// What the contract is on.
    pub underlying: AssetId,
    /// Smallest units of the underlying in a lot.
    pub lot_units: Amount,
    /// The index: USD per whole token of the underlying.
    pub feed: FeedId,
    /// Positions, by account, and the contract's books.
    pub contract: Perpetual,
    /// Resting offers, by account.
    pub offers: Vec<(AccountId, PerpetualOffer)>,
}

impl PerpetualMarket {
    /// What the feed's price is in ticks: rounded down, at least one. Decimals as (of the underlying, of the
    /// quote asset).
    ///
    /// # Errors
    /// [`PerpetualError::OutOfRange`] beyond [`MOST`].
    pub fn index_ticks(
        &self,
        price: Price,
        (underlying, quote): (u8, u8),
    ) -> Result<u64, PerpetualError> {
        let ten = |n: u8| U256::from(10).checked_pow(U256::from(n));
        let ticks = || {
            let given = self.lot_units.0.checked_mul(ten(quote)?)?;
            let unit = ten(underlying)?.checked_mul(U256::from(self.quote_unit))?;
            let per = unit.checked_mul(U256::from(Price::ONE.0)).filter(|per| !per.is_zero())?;
            mul_div(U256::from(price.0), given, per, Rounding::Floor)
        };
        let ticks = ticks().and_then(|ticks| u64::try_from(ticks).ok());
        ticks.filter(|ticks| *ticks <= MOST).map(|t| t.max(1)).ok_or(PerpetualError::OutOfRange)
    }

    /// Whole quote units in an amount of the quote asset; what is left over stays where it is.
    ///
    /// # Errors
    /// [`PerpetualError::OutOfRange`] where there is none, or more than 64 bits of them.
    pub fn whole_units(&self, amount: Amount) -> Result<u64, PerpetualError> {
        let units = amount.0.checked_div(U256::from(self.quote_unit));
        let units = units.and_then(|units| u64::try_from(units).ok());
        units.filter(|units| *units > 0).ok_or(PerpetualError::OutOfRange)
    }
    /// So many quote units, of the quote asset; none for less than none.
    #[must_use]
    pub fn amount(&self, units: i128) -> Amount {
        Amount(U256::from(units.max(0).unsigned_abs()) * U256::from(self.quote_unit))
    }

    /// An account's offer.
    #[must_use]
    pub fn offer_of(&self, account: AccountId) -> Option<PerpetualOffer> {
        let found = self.offers.binary_search_by_key(&account, |(owner, _)| *owner);
        found.ok().map(|i| self.offers[i].1)
    }
    /// Writes an account's offer, or withdraws it; returns the old one.
    pub fn set_offer(
        &mut self,
        account: AccountId,
        new: Option<PerpetualOffer>,
    ) -> Option<PerpetualOffer> {
        let found = self.offers.binary_search_by_key(&account, |(owner, _)| *owner);
        match (found, new) {
            (Ok(i), Some(new)) => Some(std::mem::replace(&mut self.offers[i].1, new)),
            (Ok(i), None) => Some(self.offers.remove(i).1),
            (Err(i), Some(new)) => {
                self.offers.insert(i, (account, new));
                None
            }
            (Err(_), None) => None,
        }
    }

    /// Whether an offer can rest: its margin covers it now.
    ///
    /// # Errors
    /// As [`Perpetual::trade`] of its account.
    pub fn check_offer(
        &self,
        account: AccountId,
        offer: &PerpetualOffer,
    ) -> Result<(), PerpetualError> {
        let within = |most: u64| (1..=MOST).contains(&most);
        if !within(offer.lots.unsigned_abs()) || !within(offer.tick) {
            return Err(PerpetualError::OutOfRange);
        }
        self.contract.after(account.index(), offer.lots, offer.tick, false).map(drop)
    }

    /// The highest bid and the lowest ask whose margins cover them; `None` where there is none.
    #[must_use]
    pub fn best(&self) -> (Option<u64>, Option<u64>) {
        let (mut bid, mut ask) = (None, None);
        for (account, offer) in &self.offers {
            if self.check_offer(*account, offer).is_err() {
                continue;
            }
            if offer.lots > 0 {
                bid = bid.max(Some(offer.tick));
            } else {
                ask = Some(ask.map_or(offer.tick, |best: u64| best.min(offer.tick)));
            }
        }
        (bid, ask)
    }

    /// The premium of the best offers over an index; none on a side without offers.
    #[must_use]
    pub fn premium_e8(&self, index: u64) -> i64 {
        let (bid, ask) = self.best();
        premium_e8(bid.unwrap_or(0), ask.unwrap_or(u64::MAX), index)
    }

    /// Takes the index for the mark, notes the premium of the best offers over it as having held since the last
    /// touch, and pays funding where it is due; returns the rate then.
    ///
    /// Source: Mango v3, `update_funding`, which likewise takes the present book and index for the time passed.
    ///
    /// # Errors
    /// [`PerpetualError::OutOfRange`] of an index.
    pub fn touch(&mut self, index: u64, now_secs: u64) -> Result<Option<i64>, PerpetualError> {
        self.contract.set_mark(index)?;
        self.contract.clock.note(self.premium_e8(index), now_secs);
        Ok(self.contract.pay_funding(now_secs))
    }

    /// Lets `taker` trade so many lots against `maker`'s offer, at its price; returns buyer, seller and price.
    ///
    /// # Errors
    /// [`PerpetualError::Offer`]; those of [`Perpetual::trade`]. Nothing has then happened.
    pub fn take(
        &mut self,
        taker: AccountId,
        maker: AccountId,
        lots: u64,
    ) -> Result<(AccountId, AccountId, u64), PerpetualError> {
        let offer = self.offer_of(maker).ok_or(PerpetualError::Offer { left: 0 })?;
        let left = offer.lots.unsigned_abs();
        if lots > left {
            return Err(PerpetualError::Offer { left });
        }
        let (buyer, seller) = if offer.lots > 0 { (maker, taker) } else { (taker, maker) };
        self.contract.trade(buyer.index(), seller.index(), lots, offer.tick)?;
        let rest = offer.lots - offer.lots.signum() * lots as i64;
        let rest = (rest != 0).then_some(PerpetualOffer { lots: rest, ..offer });
        self.set_offer(maker, rest);
        Ok((buyer, seller, offer.tick))
    }
}
