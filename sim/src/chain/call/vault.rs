//! What only vaults and their liquidation auctions in Maker's shape understand.
//!
//! The common verbs work too, as Maker's proxy actions do: `Supply` joins and locks collateral,
//! `Withdraw` frees it and takes it out, `Borrow` draws dai and takes it out, `Repay` brings it in and
//! wipes, `Liquidate` starts the auction of the collateral's kind.

use super::AmountExpr;
use markets::units::{AccountId, Amount, MarketId, Ray};
use protocols::vault::{Int, Param};
use serde::{Deserialize, Serialize};

/// What only vaults and their liquidation auctions in Maker's shape understand. Collateral types by index;
/// `wad` is 10¹⁸ a unit, `rad` 10⁴⁵.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum VaultCall {
    /// Brings collateral tokens in, in their own decimals.
    Join { market: MarketId, ilk: u16, amount: AmountExpr },
    /// Takes collateral tokens out, in their own decimals; `All` is all that is free.
    Exit { market: MarketId, ilk: u16, amount: AmountExpr },
    /// Brings dai tokens in.
    JoinDai { market: MarketId, amount: AmountExpr },
    /// Takes dai tokens out; `All` is every whole unit inside.
    ExitDai { market: MarketId, amount: AmountExpr },
    /// Moves dai inside.
    Move { market: MarketId, to: AccountId, rad: Amount },
    /// Moves free collateral.
    Flux { market: MarketId, ilk: u16, to: AccountId, wad: Amount },
    /// Locks or frees collateral and draws or wipes normalised debt.
    Frob { market: MarketId, ilk: u16, dink: Int, dart: Int },
    /// Collects the stability fee (anyone).
    Drip { market: MarketId, ilk: u16 },
    /// Stores the safety price (anyone).
    Poke { market: MarketId, ilk: u16 },
    /// Cancels the vow's dai against its bad debt (anyone).
    Heal { market: MarketId, rad: Amount },
    /// Starts an English auction of an unsafe vault (anyone).
    Bite { market: MarketId, ilk: u16, urn: AccountId },
    /// Starts a Dutch auction of an unsafe vault (anyone, and is paid for it).
    Bark { market: MarketId, ilk: u16, urn: AccountId },
    /// Bids more dai for the whole lot of an English auction.
    Tend { market: MarketId, auction: u64, lot: Amount, bid: Amount },
    /// Bids the tab for less of the lot of an English auction.
    Dent { market: MarketId, auction: u64, lot: Amount, bid: Amount },
    /// Starts an English auction without a bid over again (anyone).
    Tick { market: MarketId, auction: u64 },
    /// Hands the lot of a finished English auction to its winner (anyone).
    Deal { market: MarketId, auction: u64 },
    /// Buys up to `most` of a Dutch auction's lot at a price of at most `max`. The collateral comes first,
    /// the next `body` calls run, then the dai inside is pulled; in the body `FlashDebt` is what must be
    /// brought in, in dai tokens.
    Take { market: MarketId, auction: u64, most: Amount, max: Ray, body: u16 },
    /// Starts a Dutch auction that is too old or too cheap over again (anyone, and is paid for it).
    Redo { market: MarketId, auction: u64 },
    /// Stores what is dust in an auction (anyone).
    Upchost { market: MarketId, ilk: u16 },
    /// Changes a parameter (owner only); the value in the parameter's unit.
    File { market: MarketId, ilk: u16, param: Param, value: Amount },
}

/// What auctions report; lots in wad, dai in rad. (What starts one is a [`super::Log::Liquidation`].)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a log's sentence names its fields")]
pub enum VaultLog {
    /// A bid in an English auction.
    Bid { market: MarketId, auction: u64, by: AccountId, lot: Amount, bid: Amount },
    /// An English auction's lot went to its winner.
    Dealt { market: MarketId, auction: u64, lot: Amount },
    /// Collateral of a Dutch auction was bought.
    Taken { market: MarketId, auction: u64, by: AccountId, lot: Amount, paid: Amount },
    /// An auction was started over.
    Restarted { market: MarketId, auction: u64 },
}

impl VaultCall {
    /// How many of the following calls are this call's body; `None` where it has none.
    #[must_use]
    pub const fn body(&self) -> Option<usize> {
        match self {
            Self::Take { body, .. } => Some(*body as usize),
            _ => None,
        }
    }
    /// Gas, its body not included: typical mainnet costs, less the transaction's own.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Join { .. } | Self::Exit { .. } => 60_000,
            Self::JoinDai { .. } | Self::ExitDai { .. } => 50_000,
            Self::Move { .. } | Self::Flux { .. } => 30_000,
            Self::Frob { .. } => 100_000,
            Self::Drip { .. } => 60_000,
            Self::Poke { .. } => 55_000,
            Self::Heal { .. } => 50_000,
            Self::Bite { .. } => 320_000,
            Self::Bark { .. } => 390_000,
            Self::Tend { .. } | Self::Dent { .. } => 90_000,
            Self::Tick { .. } => 30_000,
            Self::Deal { .. } => 70_000,
            Self::Take { .. } => 170_000,
            Self::Redo { .. } => 120_000,
            Self::Upchost { .. } => 40_000,
            Self::File { .. } => 40_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Join { .. } => "vault_join",
            Self::Exit { .. } => "vault_exit",
            Self::JoinDai { .. } => "vault_join_dai",
            Self::ExitDai { .. } => "vault_exit_dai",
            Self::Move { .. } => "vault_move",
            Self::Flux { .. } => "vault_flux",
            Self::Frob { .. } => "vault_frob",
            Self::Drip { .. } => "vault_drip",
            Self::Poke { .. } => "vault_poke",
            Self::Heal { .. } => "vault_heal",
            Self::Bite { .. } => "vault_bite",
            Self::Bark { .. } => "vault_bark",
            Self::Tend { .. } => "auction_tend",
            Self::Dent { .. } => "auction_dent",
            Self::Tick { .. } => "auction_tick",
            Self::Deal { .. } => "auction_deal",
            Self::Take { .. } => "auction_take",
            Self::Redo { .. } => "auction_redo",
            Self::Upchost { .. } => "auction_upchost",
            Self::File { .. } => "vault_file",
        }
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match self {
            Self::Move { to, .. } | Self::Flux { to, .. } => Some(*to),
            Self::Bite { urn, .. } | Self::Bark { urn, .. } => Some(*urn),
            _ => None,
        }
    }
}
