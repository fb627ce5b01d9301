//! Liquidation auctions in Maker's shape: English ([`english`], Liquidation 1.2's `flip`) and Dutch
//! ([`dutch`], Liquidation 2.0's `clip`, with the price curves of [`curve`]).
//!
//! Sources: Maker's public documentation of the auction modules. Quantities: bids, debts and prices of
//! lots in rad (10⁴⁵), lots in wad, unit prices in ray. Pure: an auction is a value, a bid returns the
//! value after it and what must move; the [`crate::vault`] moves it.
//!
//! Not here: the debt (`flop`) and surplus (`flap`) auctions, `yank` at shutdown, the circuit-breaker
//! levels (`stopped`).

pub mod curve;
pub mod dutch;
pub mod english;

use serde::{Deserialize, Serialize};

/// Why an auction refuses, one variant per rule; names after the require strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum AuctionError {
    /// `already-finished-tic`: the last bid has stood for its time.
    #[error("the last bid has stood for its time")]
    AlreadyFinishedTic,
    /// `already-finished-end`: the auction's time is over.
    #[error("the auction's time is over")]
    AlreadyFinishedEnd,
    /// `lot-not-matching`: a tend offers for the whole lot.
    #[error("the lot is not the auction's")]
    LotNotMatching,
    /// `higher-than-tab`: more is offered than is to be raised.
    #[error("the bid is higher than the tab")]
    HigherThanTab,
    /// `bid-not-higher`.
    #[error("the bid is not higher")]
    BidNotHigher,
    /// `insufficient-increase`: less than the minimum increase, and not the tab.
    #[error("the bid increases too little")]
    InsufficientIncrease,
    /// `not-matching-bid`: a dent offers the same bid for less.
    #[error("the bid is not the auction's")]
    NotMatchingBid,
    /// `tend-not-finished`: a dent comes only after the tab is bid.
    #[error("the tab is not bid yet")]
    TendNotFinished,
    /// `lot-not-lower`.
    #[error("the lot is not lower")]
    LotNotLower,
    /// `insufficient-decrease`: less than the minimum decrease.
    #[error("the lot decreases too little")]
    InsufficientDecrease,
    /// `not-finished`: it cannot be dealt or ticked yet.
    #[error("the auction is not finished")]
    NotFinished,
    /// `bid-already-placed`: it has a bid, so it cannot be ticked.
    #[error("a bid has been placed")]
    BidAlreadyPlaced,
    /// `zero-tab`, `zero-lot`: there is nothing to raise, or nothing to sell.
    #[error("nothing to raise or to sell")]
    NullAuction,
    /// `zero-top-price`: the starting price would be zero.
    #[error("the starting price is zero")]
    ZeroTopPrice,
    /// `needs-reset`: too old, or its price has fallen too far.
    #[error("the auction must be reset first")]
    NeedsReset,
    /// `cannot-reset`: neither too old nor too cheap.
    #[error("the auction cannot be reset yet")]
    CannotReset,
    /// `too-expensive`: the price is above the buyer's most.
    #[error("the price is above the buyer's most")]
    TooExpensive,
    /// `no-partial-purchase`: what would be left to raise is dust, and so is the whole.
    #[error("only the whole can be bought")]
    NoPartialPurchase,
    /// Checked arithmetic overflowed.
    #[error("arithmetic overflow or underflow")]
    Arithmetic,
}
