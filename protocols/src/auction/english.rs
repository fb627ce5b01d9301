//! The English auction of Liquidation 1.2 (`flip`): bids rise until the tab is met (`tend`), then the
//! lot falls (`dent`); what the winner does not take goes back to the vault.
//!
//! Nothing sets a floor under the first bid: one rad (10⁻⁴⁵ DAI) takes the lot where nobody bids against
//! it, as on 12 March 2020.

use super::AuctionError;
use crate::fixed::mul_div_256;
use markets::math::Rounding;
use markets::units::{AccountId, Amount, U256, WAD, Wad};
use serde::{Deserialize, Serialize};

/// The rules of a house of English auctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct English {
    /// A bid is at least the last one times this (`beg`): 1.05 at first, 1.03 later.
    pub beg: Wad,
    /// Seconds that a bid must stand to win (`ttl`).
    pub ttl_secs: u64,
    /// Seconds that an auction lasts at most (`tau`).
    pub tau_secs: u64,
}

/// An English auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bid {
    /// The highest bid, in rad.
    pub bid: Amount,
    /// Collateral that the bidder gets for it, in wad.
    pub lot: Amount,
    /// Who bid; nobody at first.
    pub guy: Option<AccountId>,
    /// When the last bid wins; zero where there is none (`tic`).
    pub tic: u64,
    /// When the auction ends (`end`).
    pub end: u64,
    /// Whose vault it was: gets back what is left of the lot.
    pub usr: AccountId,
    /// What is to be raised, in rad.
    pub tab: Amount,
}

/// What a bid moves: the sender pays `refund` to the last bidder and `paid` to the vow, and `returned`
/// of the lot goes back to the vault's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The auction after it.
    pub auction: Bid,
    /// For the last bidder, whose bid it replaces, in rad; zero where the sender was the last.
    pub refund: Amount,
    /// For the vow, in rad.
    pub paid: Amount,
    /// For the vault's owner, in wad.
    pub returned: Amount,
}

impl English {
    /// Opens an auction (`kick`, with a bid of zero).
    ///
    /// # Errors
    /// The time overflows.
    pub fn kick(
        &self,
        usr: AccountId,
        tab: Amount,
        lot: Amount,
        now: u64,
    ) -> Result<Bid, AuctionError> {
        let end = now.checked_add(self.tau_secs).ok_or(AuctionError::Arithmetic)?;
        Ok(Bid { bid: Amount::ZERO, lot, guy: None, tic: 0, end, usr, tab })
    }

    /// Refuses bids on an auction that is over.
    fn require_open(auction: &Bid, now: u64) -> Result<(), AuctionError> {
        if auction.tic <= now && auction.tic != 0 {
            return Err(AuctionError::AlreadyFinishedTic);
        }
        if auction.end <= now {
            return Err(AuctionError::AlreadyFinishedEnd);
        }
        Ok(())
    }

    /// Bids more for the whole lot (`tend`).
    ///
    /// # Errors
    /// One variant of [`AuctionError`] per rule.
    pub fn tend(
        &self,
        auction: &Bid,
        by: AccountId,
        lot: Amount,
        bid: Amount,
        now: u64,
    ) -> Result<Placed, AuctionError> {
        Self::require_open(auction, now)?;
        if lot != auction.lot {
            return Err(AuctionError::LotNotMatching);
        }
        if bid > auction.tab {
            return Err(AuctionError::HigherThanTab);
        }
        if bid <= auction.bid {
            return Err(AuctionError::BidNotHigher);
        }
        if times(bid.0, WAD)? < times(self.beg.0, auction.bid.0)? && bid != auction.tab {
            return Err(AuctionError::InsufficientIncrease);
        }
        let refund = if auction.guy == Some(by) { Amount::ZERO } else { auction.bid };
        Ok(Placed {
            auction: Bid { bid, guy: Some(by), tic: self.standing(now)?, ..*auction },
            refund,
            paid: bid.saturating_sub(auction.bid),
            returned: Amount::ZERO,
        })
    }

    /// Bids the tab for less of the lot (`dent`).
    ///
    /// # Errors
    /// One variant of [`AuctionError`] per rule.
    pub fn dent(
        &self,
        auction: &Bid,
        by: AccountId,
        lot: Amount,
        bid: Amount,
        now: u64,
    ) -> Result<Placed, AuctionError> {
        Self::require_open(auction, now)?;
        if bid != auction.bid {
            return Err(AuctionError::NotMatchingBid);
        }
        if bid != auction.tab {
            return Err(AuctionError::TendNotFinished);
        }
        if lot >= auction.lot {
            return Err(AuctionError::LotNotLower);
        }
        if times(self.beg.0, lot.0)? > times(auction.lot.0, WAD)? {
            return Err(AuctionError::InsufficientDecrease);
        }
        let refund = if auction.guy == Some(by) { Amount::ZERO } else { bid };
        Ok(Placed {
            auction: Bid { lot, guy: Some(by), tic: self.standing(now)?, ..*auction },
            refund,
            paid: Amount::ZERO,
            returned: auction.lot.saturating_sub(lot),
        })
    }

    /// Starts an auction that nobody bid in over again (`tick`).
    ///
    /// # Errors
    /// It is not over, or it has a bid.
    pub fn tick(&self, auction: &Bid, now: u64) -> Result<Bid, AuctionError> {
        if auction.end >= now {
            return Err(AuctionError::NotFinished);
        }
        if auction.tic != 0 {
            return Err(AuctionError::BidAlreadyPlaced);
        }
        let end = now.checked_add(self.tau_secs).ok_or(AuctionError::Arithmetic)?;
        Ok(Bid { end, ..*auction })
    }

    fn standing(&self, now: u64) -> Result<u64, AuctionError> {
        now.checked_add(self.ttl_secs).ok_or(AuctionError::Arithmetic)
    }
}

impl Bid {
    /// Who takes the lot, once the last bid has stood or the auction is over (`deal`).
    ///
    /// # Errors
    /// Neither, or nobody bid.
    pub fn winner(&self, now: u64) -> Result<AccountId, AuctionError> {
        let over = self.tic != 0 && (self.tic < now || self.end < now);
        self.guy.filter(|_| over).ok_or(AuctionError::NotFinished)
    }

    /// The least that the next tend must bid, in rad.
    #[must_use]
    pub fn least_bid(&self, rules: &English) -> Amount {
        let raised = mul_div_256(self.bid.0, rules.beg.0, WAD, Rounding::Ceil).map(Amount);
        let more = self.bid.checked_add(Amount::new(1));
        raised.zip(more).map_or(self.tab, |(raised, more)| raised.max(more).min(self.tab))
    }
}

/// A product that fits 256 bits.
fn times(a: U256, b: U256) -> Result<U256, AuctionError> {
    a.checked_mul(b).ok_or(AuctionError::Arithmetic)
}
