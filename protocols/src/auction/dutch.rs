//! The Dutch auction of Liquidation 2.0 (`clip`): the price starts above the oracle's and falls; whoever
//! takes, takes at once, any part of it that leaves no dust.

use super::AuctionError;
use super::curve::Curve;
use crate::fixed::{rdiv, rmul, wmul};
use markets::units::{AccountId, Amount, Ray, Wad};
use serde::{Deserialize, Serialize};

/// The rules of a house of Dutch auctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dutch {
    /// The starting price is the oracle's times this (`buf`).
    pub buf: Ray,
    /// Seconds before an auction must be reset (`tail`).
    pub tail_secs: u64,
    /// Share of the starting price below which it must be reset (`cusp`).
    pub cusp: Ray,
    /// Share of the tab that the keeper is paid (`chip`).
    pub chip: Wad,
    /// What the keeper is paid besides, in rad (`tip`).
    pub tip: Amount,
    /// How the price falls (`calc`).
    pub curve: Curve,
    /// Least worth raising, in rad: dust with the penalty (`chost`).
    pub chost: Amount,
}

/// A Dutch auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// What is still to be raised, in rad.
    pub tab: Amount,
    /// Collateral still for sale, in wad.
    pub lot: Amount,
    /// Whose vault it was: gets back what is left.
    pub usr: AccountId,
    /// When it (re)started (`tic`).
    pub tic: u64,
    /// Its starting price (`top`).
    pub top: Ray,
}

/// What a purchase does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Collateral bought, in wad.
    pub slice: Amount,
    /// Paid for it, in rad.
    pub owe: Amount,
    /// Collateral that goes back to the vault's owner, in wad.
    pub returned: Amount,
    /// What no longer counts against the limits, in rad.
    pub dug: Amount,
    /// The sale after it; `None` where it is over.
    pub sale: Option<Sale>,
}

impl Dutch {
    /// Opens an auction (`kick`): its top is the oracle's price times `buf`, floored.
    ///
    /// # Errors
    /// Nothing to raise or sell, a price of zero, or overflow.
    pub fn kick(
        &self,
        usr: AccountId,
        tab: Amount,
        lot: Amount,
        feed_price: Ray,
        now: u64,
    ) -> Result<Sale, AuctionError> {
        if tab.is_zero() || lot.is_zero() {
            return Err(AuctionError::NullAuction);
        }
        Ok(Sale { tab, lot, usr, tic: now, top: self.top(feed_price)? })
    }

    fn top(&self, feed_price: Ray) -> Result<Ray, AuctionError> {
        let top = rmul(feed_price.0, self.buf.0).ok_or(AuctionError::Arithmetic)?;
        if top.is_zero() { Err(AuctionError::ZeroTopPrice) } else { Ok(Ray(top)) }
    }

    /// What a keeper is paid for starting an auction: `tip + chip · tab`, floored, in rad.
    ///
    /// # Errors
    /// Overflow.
    pub fn incentive(&self, tab: Amount) -> Result<Amount, AuctionError> {
        wmul(tab.0, self.chip.0)
            .and_then(|chip| Amount(chip).checked_add(self.tip))
            .ok_or(AuctionError::Arithmetic)
    }

    /// Whether an auction must be reset, and its price now.
    ///
    /// # Errors
    /// Overflow.
    pub fn status(&self, sale: &Sale, now: u64) -> Result<(bool, Ray), AuctionError> {
        let overflow = AuctionError::Arithmetic;
        let elapsed = now.checked_sub(sale.tic).ok_or(overflow)?;
        let price = self.curve.price(sale.top, elapsed).ok_or(overflow)?;
        let left = rdiv(price.0, sale.top.0).ok_or(overflow)?;
        Ok((elapsed > self.tail_secs || left < self.cusp.0, price))
    }

    /// Starts an auction over at the oracle's price now (`redo`); the keeper is paid where neither what is
    /// to be raised nor what is for sale is dust.
    ///
    /// # Errors
    /// It need not be reset, a price of zero, or overflow.
    pub fn redo(
        &self,
        sale: &Sale,
        feed_price: Ray,
        now: u64,
    ) -> Result<(Sale, Amount), AuctionError> {
        if !self.status(sale, now)?.0 {
            return Err(AuctionError::CannotReset);
        }
        let top = self.top(feed_price)?;
        let worth = sale.lot.0.checked_mul(feed_price.0).ok_or(AuctionError::Arithmetic)?;
        let worthwhile = sale.tab >= self.chost && worth >= self.chost.0;
        let incentive = if worthwhile { self.incentive(sale.tab)? } else { Amount::ZERO };
        Ok((Sale { tic: now, top, ..*sale }, incentive))
    }

    /// Buys up to `most` of the lot at the price now, if it is at most `max` (`take`). Never more than the
    /// tab is raised; and where what would be left to raise is dust, less is bought so that just enough
    /// is left. What is left of the lot when the tab is met goes back.
    ///
    /// # Errors
    /// It must be reset, is too expensive, only the whole can be bought, or overflow.
    pub fn take(
        &self,
        sale: &Sale,
        most: Amount,
        max: Ray,
        now: u64,
    ) -> Result<Taken, AuctionError> {
        let overflow = AuctionError::Arithmetic;
        let (done, price) = self.status(sale, now)?;
        if done {
            return Err(AuctionError::NeedsReset);
        }
        if max < price {
            return Err(AuctionError::TooExpensive);
        }
        let mut slice = sale.lot.0.min(most.0);
        let mut owe = slice.checked_mul(price.0).ok_or(overflow)?;
        let tab = sale.tab.0;
        if owe > tab {
            // Floor: the buyer gets no more than the tab pays for.
            (owe, slice) = (tab, tab / price.0);
        } else if owe < tab && slice < sale.lot.0 && tab - owe < self.chost.0 {
            if tab <= self.chost.0 {
                return Err(AuctionError::NoPartialPurchase);
            }
            owe = tab - self.chost.0;
            slice = owe.checked_div(price.0).ok_or(overflow)?;
        }
        let (tab, lot) = (Amount(tab - owe), Amount(sale.lot.0 - slice));
        let (slice, owe) = (Amount(slice), Amount(owe));
        let over = lot.is_zero() || tab.is_zero();
        let returned = if over { lot } else { Amount::ZERO };
        // Where nothing is left to sell, what was not raised no longer counts either.
        let dug = if lot.is_zero() { sale.tab } else { owe };
        let sale = (!over).then_some(Sale { tab, lot, ..*sale });
        Ok(Taken { slice, owe, returned, dug, sale })
    }
}
