//! Liquidation 1.2: a vault is bitten, its collateral goes to an English auction (`cat`, `flip`).

use super::{Auction, Change, Edit, House, Ilk, Lot, Vault, VaultError, minus, plus, times};
use crate::LendingView;
use crate::auction::english::{Bid, English, Placed};
use markets::units::{AccountId, Amount, Flow, WAD};

impl Vault {
    /// Liquidates an unsafe vault, or as much of it as one auction and the box hold (`Cat.bite`): the
    /// debt becomes the vow's, the collateral in proportion is put up. All floored.
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn bite(
        &self,
        view: &impl LendingView,
        index: u16,
        urn: AccountId,
    ) -> Result<Change, VaultError> {
        let ilk = self.ilk(index)?;
        let House::English(rules) = &ilk.house else { return Err(VaultError::WrongAuctionKind) };
        let (ink, art) = (view.balance(urn, ilk.ink), view.balance(urn, ilk.art));
        if !Self::is_unsafe(ilk, ink, art)? {
            return Err(VaultError::NotUnsafe);
        }
        let room = self.state.box_limit.saturating_sub(self.state.litter);
        if room.is_zero() || room < ilk.dust {
            return Err(VaultError::LiquidationLimitHit);
        }
        let dart = art.min(dart_for(ilk, ilk.hole.min(room))?);
        let dink = dink_for(ink, art, dart)?;
        if dart.is_zero() || dink.is_zero() {
            return Err(VaultError::NullAuction);
        }
        let mut change = Change::new(self.state);
        self.grab(&mut change, ilk, urn, dink, dart)?;
        let tab = Amount(times(change.due.0, ilk.chop.0)? / WAD);
        change.state.litter = plus(change.state.litter, tab)?;
        change.state.kicks += 1;
        let bid = rules.kick(urn, tab, dink, view.now())?;
        let lot = Lot::English(bid);
        change.edit = Edit::Open(Auction { id: change.state.kicks, ilk: index, lot });
        Ok(change)
    }

    /// An English auction with its rules.
    fn english(&self, id: u64) -> Result<(usize, u16, &English, &Bid), VaultError> {
        let (at, auction) = self.find(id)?;
        match (&self.ilk(auction.ilk)?.house, &auction.lot) {
            (House::English(rules), Lot::English(bid)) => Ok((at, auction.ilk, rules, bid)),
            _ => Err(VaultError::WrongAuctionKind),
        }
    }

    /// Bids more dai for the whole lot (`Flip.tend`); amounts in rad and wad.
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn tend(
        &self,
        view: &impl LendingView,
        by: AccountId,
        id: u64,
        lot: Amount,
        bid: Amount,
    ) -> Result<Change, VaultError> {
        let (at, ilk, rules, auction) = self.english(id)?;
        let placed = rules.tend(auction, by, lot, bid, view.now())?;
        self.placed(at, id, ilk, auction, &placed, by)
    }

    /// Bids the tab for less of the lot (`Flip.dent`); amounts in rad and wad.
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn dent(
        &self,
        view: &impl LendingView,
        by: AccountId,
        id: u64,
        lot: Amount,
        bid: Amount,
    ) -> Result<Change, VaultError> {
        let (at, ilk, rules, auction) = self.english(id)?;
        let placed = rules.dent(auction, by, lot, bid, view.now())?;
        self.placed(at, id, ilk, auction, &placed, by)
    }

    /// What a bid moves.
    fn placed(
        &self,
        at: usize,
        id: u64,
        ilk: u16,
        before: &Bid,
        placed: &Placed,
        by: AccountId,
    ) -> Result<Change, VaultError> {
        let mut change = Change::new(self.state);
        let asset = self.internal;
        if let Some(to) = before.guy {
            change.flow(Flow::Move { from: by, to, asset, amount: placed.refund });
        }
        change.flow(Flow::Move { from: by, to: self.vow, asset, amount: placed.paid });
        let (from, to, gem) = (self.house, before.usr, self.ilk(ilk)?.gem);
        change.flow(Flow::Move { from, to, asset: gem, amount: placed.returned });
        change.edit = Edit::Replace(at, Auction { id, ilk, lot: Lot::English(placed.auction) });
        Ok(change)
    }

    /// Starts an auction without a bid over again (`Flip.tick`).
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn tick(&self, view: &impl LendingView, id: u64) -> Result<Change, VaultError> {
        let (at, ilk, rules, auction) = self.english(id)?;
        let lot = Lot::English(rules.tick(auction, view.now())?);
        let mut change = Change::new(self.state);
        change.edit = Edit::Replace(at, Auction { id, ilk, lot });
        Ok(change)
    }

    /// Hands the lot to the winner (`Flip.deal`); anyone may.
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn deal(&self, view: &impl LendingView, id: u64) -> Result<Change, VaultError> {
        let (at, ilk, _, auction) = self.english(id)?;
        let to = auction.winner(view.now())?;
        let mut change = Change::new(self.state);
        change.state.litter = minus(change.state.litter, auction.tab)?;
        let (from, asset, amount) = (self.house, self.ilk(ilk)?.gem, auction.lot);
        change.flow(Flow::Move { from, to, asset, amount });
        change.seized = amount;
        change.edit = Edit::Remove(at);
        Ok(change)
    }
}

/// The normalised debt whose worth with the penalty is at most this many rad, floored twice.
pub(super) fn dart_for(ilk: &Ilk, rad: Amount) -> Result<Amount, VaultError> {
    let overflow = VaultError::Arithmetic;
    let normalised = times(rad.0, WAD)?.checked_div(ilk.rate.0).ok_or(overflow)?;
    normalised.checked_div(ilk.chop.0).map(Amount).ok_or(overflow)
}

/// Collateral in proportion to a part of the debt, floored.
pub(super) fn dink_for(ink: Amount, art: Amount, dart: Amount) -> Result<Amount, VaultError> {
    let part = times(ink.0, dart.0)?.checked_div(art.0).ok_or(VaultError::Arithmetic)?;
    Ok(ink.min(Amount(part)))
}
