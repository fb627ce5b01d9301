//! Vaults in Maker's shape: collateral locked against dai drawn at a fee, liquidated by auction.
//!
//! Sources: Maker's public documentation of the core modules (`vat`, `jug`, `spotter`, `cat`, `dog`,
//! `vow`). Units as there: collateral and normalised debt in wad (10¹⁸), rates and unit prices in ray
//! (10²⁷), dai inside the system in rad (10⁴⁵). Every internal balance is a ledger column: dai and bad
//! debt (`sin`) in rad; per collateral type the free collateral (`gem`), the locked (`ink`) and the
//! normalised debt (`art`). What a column adds up to is what the contract stores beside it.
//!
//! Every operation reads `&self` and a view and returns a [`Change`]; the chain performs its flows and
//! stores the rest.
//!
//! Not here: the surplus and debt auctions, the vow's queue and its waiting times (bad debt can be healed
//! at once), the savings rate, permissions (`hope`), `fork`, `cage` and the shutdown module.

mod cat;
mod check;
mod dog;
mod error;
mod int;
mod params;
mod vat;

pub use check::INVARIANTS;
pub use error::VaultError;
pub use int::Int;
pub use params::Param;
pub use vat::UrnView;

use crate::LendingView;
use crate::auction::dutch::{Dutch, Sale};
use crate::auction::english::{Bid, English};
use arrayvec::ArrayVec;
use markets::units::{AccountId, Amount, AssetId, FeedId, Flow, RAY, Ray, U256, Wad};
use serde::{Deserialize, Serialize};

/// Most flows that one operation asks for.
pub const MAX_FLOWS: usize = 8;

/// How a collateral type is liquidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum House {
    /// By `bite` and English auctions (Liquidation 1.2).
    English(English),
    /// By `bark` and Dutch auctions (Liquidation 2.0).
    Dutch(Dutch),
}

/// A collateral type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ilk {
    /// The collateral token.
    pub token: AssetId,
    /// Its decimals, at most 18: inside, collateral is in wad.
    pub decimals: u8,
    /// Ledger column of free collateral (`gem`).
    pub gem: AssetId,
    /// Ledger column of locked collateral (`ink`).
    pub ink: AssetId,
    /// Ledger column of normalised debt (`art`); all of it is `Art`.
    pub art: AssetId,
    /// Prices the collateral in dai.
    pub feed: FeedId,
    /// Least ratio of collateral to debt (`mat`).
    pub mat: Ray,
    /// Most debt of this type, in rad (`line`).
    pub line: Amount,
    /// Least debt of a vault that has any, in rad (`dust`).
    pub dust: Amount,
    /// The stability fee: what a second multiplies debts by (`duty`).
    pub duty: Ray,
    /// What a liquidation multiplies the debt by to get what is to be raised (`chop`).
    pub chop: Wad,
    /// Dutch: most in auction of this type, in rad (`hole`). English: most in one auction (`dunk`).
    pub hole: Amount,
    /// How it is liquidated.
    pub house: House,
    /// What a normalised debt of one stands for now (`rate`).
    pub rate: Ray,
    /// When the fee was last collected (`rho`).
    pub rho: u64,
    /// The most debt that a unit of collateral carries, safety included (`spot`); zero without a price.
    pub spot: Ray,
    /// In Dutch auctions of this type, in rad (`dirt`).
    pub dirt: Amount,
}

/// What changes in the system besides collateral types and auctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Most debt of all, in rad (`Line`).
    pub line: Amount,
    /// Added to every stability fee, per second (`base`).
    pub base: Ray,
    /// Most in English auctions, in rad (`box`).
    pub box_limit: Amount,
    /// In English auctions, in rad (`litter`).
    pub litter: Amount,
    /// Most in Dutch auctions, in rad (`Hole`).
    pub hole: Amount,
    /// In Dutch auctions, in rad (`Dirt`).
    pub dirt: Amount,
    /// Auctions ever started (`kicks`).
    pub kicks: u64,
}

/// What an auction sells, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lot {
    /// By rising bids.
    English(Bid),
    /// At a falling price.
    Dutch(Sale),
}

/// A running auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auction {
    /// Its number; numbers are not used again.
    pub id: u64,
    /// The collateral type sold.
    pub ilk: u16,
    /// What, and how.
    pub lot: Lot,
}

/// Vaults of several collateral types, and their auctions.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {
    /// Holds the collateral tokens, and the internal dai that dai tokens stand for (the joins).
    pub account: AccountId,
    /// Holds the collateral in auction.
    pub house: AccountId,
    /// Earns fees and raised dai, owes bad debt (`vow`).
    pub vow: AccountId,
    /// May change parameters.
    pub owner: AccountId,
    /// The dai token, 18 decimals; this system mints and burns it.
    pub dai: AssetId,
    /// Ledger column of dai inside, in rad.
    pub internal: AssetId,
    /// Ledger column of bad debt, in rad (`sin`).
    pub sin: AssetId,
    /// Limits and counters.
    pub state: State,
    /// Collateral types, by index.
    pub ilks: Vec<Ilk>,
    /// Running auctions, oldest first.
    pub auctions: Vec<Auction>,
}

/// What becomes of the auctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Nothing.
    None,
    /// One starts, and is the youngest.
    Open(Auction),
    /// The one at this place changes.
    Replace(usize, Auction),
    /// The one at this place ends.
    Remove(usize),
}

/// What an operation wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Money to move, in order.
    pub flows: ArrayVec<Flow, MAX_FLOWS>,
    /// Limits and counters after.
    pub state: State,
    /// The collateral type that changes, and what it is after.
    pub ilk: Option<(u16, Ilk)>,
    /// What becomes of the auctions.
    pub edit: Edit,
    /// Collateral that a liquidation put up, or a buyer got, in wad.
    pub seized: Amount,
    /// Debt that a liquidation took off the vault, bad debt until it is raised; or what a buyer paid. In rad.
    pub due: Amount,
}

impl Change {
    fn new(state: State) -> Self {
        Self {
            flows: ArrayVec::new(),
            state,
            ilk: None,
            edit: Edit::None,
            seized: Amount::ZERO,
            due: Amount::ZERO,
        }
    }
    fn flow(&mut self, flow: Flow) {
        let (Flow::Move { amount, .. } | Flow::Mint { amount, .. } | Flow::Burn { amount, .. }) =
            &flow;
        if !amount.is_zero() {
            self.flows.push(flow);
        }
    }
    /// Mints or burns, by the sign.
    fn signed(&mut self, account: AccountId, asset: AssetId, delta: Int) {
        let amount = delta.magnitude();
        self.flow(if delta.is_negative() {
            Flow::Burn { from: account, asset, amount }
        } else {
            Flow::Mint { to: account, asset, amount }
        });
    }
}

impl Vault {
    /// Whether a ledger column is internal to the system. The dai token is not: it moves freely.
    #[must_use]
    pub fn is_share(&self, asset: AssetId) -> bool {
        asset == self.internal
            || asset == self.sin
            || self.ilks.iter().any(|ilk| [ilk.gem, ilk.ink, ilk.art].contains(&asset))
    }
    /// A collateral type.
    ///
    /// # Errors
    /// There is none.
    pub fn ilk(&self, index: u16) -> Result<&Ilk, VaultError> {
        self.ilks.get(usize::from(index)).ok_or(VaultError::IlkNotInit)
    }
    /// The collateral type of a token.
    #[must_use]
    pub fn ilk_of(&self, token: AssetId) -> Option<u16> {
        self.ilks.iter().position(|ilk| ilk.token == token).map(|i| i as u16)
    }
    /// Where an auction stands.
    fn find(&self, id: u64) -> Result<(usize, &Auction), VaultError> {
        let at = self.auctions.binary_search_by_key(&id, |auction| auction.id);
        at.map(|at| (at, &self.auctions[at])).ok().ok_or(VaultError::NoSuchAuction)
    }
    /// A running auction.
    #[must_use]
    pub fn auction(&self, id: u64) -> Option<&Auction> {
        self.find(id).ok().map(|(_, auction)| auction)
    }
}

impl Clone for Vault {
    fn clone(&self) -> Self {
        Self { ilks: self.ilks.clone(), auctions: self.auctions.clone(), ..*self }
    }
    /// Reuses the vectors' memory: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        let Self { account, house, vow, owner, dai, internal, sin, state, ilks, auctions } = source;
        self.ilks.clone_from(ilks);
        self.auctions.clone_from(auctions);
        self.account = *account;
        self.house = *house;
        self.vow = *vow;
        self.owner = *owner;
        self.dai = *dai;
        self.internal = *internal;
        self.sin = *sin;
        self.state = *state;
    }
}

/// A price in USD·10⁸ as a ray.
fn ray_from_price(price: markets::units::Price) -> Option<Ray> {
    U256::from(price.0).checked_mul(RAY / U256::from(100_000_000)).map(Ray)
}

/// The oracle's price of a collateral type, as a ray.
fn feed_price(ilk: &Ilk, view: &impl LendingView) -> Result<Ray, VaultError> {
    ray_from_price(view.price(ilk.feed)?).ok_or(VaultError::Arithmetic)
}

/// A product that fits 256 bits.
fn times(a: U256, b: U256) -> Result<U256, VaultError> {
    a.checked_mul(b).ok_or(VaultError::Arithmetic)
}
/// A sum that fits 256 bits.
fn plus(a: Amount, b: Amount) -> Result<Amount, VaultError> {
    a.checked_add(b).ok_or(VaultError::Arithmetic)
}
/// A difference that is not negative.
fn minus(a: Amount, b: Amount) -> Result<Amount, VaultError> {
    a.checked_sub(b).ok_or(VaultError::Arithmetic)
}
