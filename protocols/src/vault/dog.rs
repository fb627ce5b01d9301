//! Liquidation 2.0: a vault is barked at, its collateral goes to a Dutch auction (`dog`, `clip`).

use super::cat::{dart_for, dink_for};
use super::{
    Auction, Change, Edit, House, Ilk, Lot, Vault, VaultError, feed_price, minus, plus, times,
};
use crate::LendingView;
use crate::auction::dutch::{Dutch, Sale, Taken};
use crate::fixed::wmul;
use markets::units::{AccountId, Amount, Flow, Ray, WAD};

impl Vault {
    /// Liquidates an unsafe vault, or as much of it as the holes hold (`Dog.bark`, `Clipper.kick`), and
    /// pays the keeper. What would be left as dust is taken too. All floored.
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn bark(
        &self,
        view: &impl LendingView,
        index: u16,
        urn: AccountId,
        keeper: AccountId,
    ) -> Result<Change, VaultError> {
        let mut ilk = *self.ilk(index)?;
        let House::Dutch(rules) = ilk.house else { return Err(VaultError::WrongAuctionKind) };
        let (ink, art) = (view.balance(urn, ilk.ink), view.balance(urn, ilk.art));
        if !Self::is_unsafe(&ilk, ink, art)? {
            return Err(VaultError::NotUnsafe);
        }
        let room =
            self.state.hole.saturating_sub(self.state.dirt).min(ilk.hole.saturating_sub(ilk.dirt));
        if room.is_zero() {
            return Err(VaultError::LiquidationLimitHit);
        }
        let dart = whole_or_part(&ilk, art, art.min(dart_for(&ilk, room)?))?;
        let dink = dink_for(ink, art, dart)?;
        if dink.is_zero() {
            return Err(VaultError::NullAuction);
        }
        let mut change = Change::new(self.state);
        self.grab(&mut change, &ilk, urn, dink, dart)?;
        let tab = Amount(times(change.due.0, ilk.chop.0)? / WAD);
        change.state.dirt = plus(change.state.dirt, tab)?;
        ilk.dirt = plus(ilk.dirt, tab)?;
        change.state.kicks += 1;
        let sale = rules.kick(urn, tab, dink, feed_price(&ilk, view)?, view.now())?;
        self.suck(&mut change, keeper, rules.incentive(tab)?);
        change.ilk = Some((index, ilk));
        let lot = Lot::Dutch(sale);
        change.edit = Edit::Open(Auction { id: change.state.kicks, ilk: index, lot });
        Ok(change)
    }

    /// A Dutch auction with its rules.
    fn dutch(&self, id: u64) -> Result<(usize, u16, &Dutch, &Sale), VaultError> {
        let (at, auction) = self.find(id)?;
        match (&self.ilk(auction.ilk)?.house, &auction.lot) {
            (House::Dutch(rules), Lot::Dutch(sale)) => Ok((at, auction.ilk, rules, sale)),
            _ => Err(VaultError::WrongAuctionKind),
        }
    }

    /// Opens a purchase of up to `most` of a lot, in wad, where the price is at most `max`, in ray
    /// (`Clipper.take`, up to the call of the buyer): the collateral comes first. Then the call's body
    /// runs, the house locked for it, and [`Self::take_close`] does the rest.
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn take_open(
        &self,
        view: &impl LendingView,
        by: AccountId,
        id: u64,
        most: Amount,
        max: Ray,
    ) -> Result<(Change, Taken), VaultError> {
        let (_, index, rules, sale) = self.dutch(id)?;
        let taken = rules.take(sale, most, max, view.now())?;
        let mut change = Change::new(self.state);
        let (from, asset) = (self.house, self.ilk(index)?.gem);
        change.flow(Flow::Move { from, to: by, asset, amount: taken.slice });
        change.seized = taken.slice;
        Ok((change, taken))
    }

    /// Closes a purchase: pulls the dai inside that is owed, frees the limits, and hands back what is left
    /// of the lot where the tab is met.
    ///
    /// # Errors
    /// No such auction, or overflow.
    pub fn take_close(&self, by: AccountId, id: u64, taken: &Taken) -> Result<Change, VaultError> {
        let (at, index, _, sale) = self.dutch(id)?;
        let mut ilk = *self.ilk(index)?;
        let mut change = Change::new(self.state);
        let (to, asset) = (self.vow, self.internal);
        change.flow(Flow::Move { from: by, to, asset, amount: taken.owe });
        change.state.dirt = minus(change.state.dirt, taken.dug)?;
        ilk.dirt = minus(ilk.dirt, taken.dug)?;
        change.ilk = Some((index, ilk));
        let (from, to, asset) = (self.house, sale.usr, ilk.gem);
        change.flow(Flow::Move { from, to, asset, amount: taken.returned });
        (change.due, change.seized) = (taken.owe, taken.slice);
        change.edit = match taken.sale {
            Some(sale) => Edit::Replace(at, Auction { id, ilk: index, lot: Lot::Dutch(sale) }),
            None => Edit::Remove(at),
        };
        Ok(change)
    }

    /// Starts an auction that is too old or too cheap over again, and pays the keeper (`Clipper.redo`).
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn redo(
        &self,
        view: &impl LendingView,
        id: u64,
        keeper: AccountId,
    ) -> Result<Change, VaultError> {
        let (at, index, rules, sale) = self.dutch(id)?;
        let price = feed_price(self.ilk(index)?, view);
        if !rules.status(sale, view.now())?.0 {
            return Err(crate::auction::AuctionError::CannotReset.into());
        }
        let (sale, incentive) = rules.redo(sale, price?, view.now())?;
        let mut change = Change::new(self.state);
        self.suck(&mut change, keeper, incentive);
        change.edit = Edit::Replace(at, Auction { id, ilk: index, lot: Lot::Dutch(sale) });
        Ok(change)
    }

    /// Stores what is dust in an auction: dust with the penalty, floored (`Clipper.upchost`).
    ///
    /// # Errors
    /// No such type, the other kind of auction, or overflow.
    pub fn upchost(&self, index: u16) -> Result<Change, VaultError> {
        let mut ilk = *self.ilk(index)?;
        let House::Dutch(rules) = &mut ilk.house else { return Err(VaultError::WrongAuctionKind) };
        rules.chost = wmul(ilk.dust.0, ilk.chop.0).map(Amount).ok_or(VaultError::Arithmetic)?;
        let mut change = Change::new(self.state);
        change.ilk = Some((index, ilk));
        Ok(change)
    }

    /// The price of a Dutch auction now and whether it must be reset (`Clipper.getStatus`).
    ///
    /// # Errors
    /// No such auction, the other kind, or overflow.
    pub fn status(&self, id: u64, now: u64) -> Result<(bool, Ray), VaultError> {
        let (_, _, rules, sale) = self.dutch(id)?;
        Ok(rules.status(sale, now)?)
    }
}

/// Takes the whole debt where the rest would be dust, and refuses a part that is.
fn whole_or_part(ilk: &Ilk, art: Amount, dart: Amount) -> Result<Amount, VaultError> {
    if art <= dart {
        return Ok(dart);
    }
    if times(minus(art, dart)?.0, ilk.rate.0)? < ilk.dust.0 {
        return Ok(art);
    }
    if times(dart.0, ilk.rate.0)? < ilk.dust.0 {
        return Err(VaultError::DustyAuctionFromPartialLiquidation);
    }
    Ok(dart)
}
