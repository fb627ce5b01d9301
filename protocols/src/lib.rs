//! What can be owed: pooled lending, interest, liquidation, risk parameters.
//!
//! Everything here is a function of its arguments: a mechanism reads the world through a
//! [`LendingView`], writes what it wants into a [`lending::Change`], and never moves a token. The
//! chain performs the flows and stores the new state, or drops both.
//!
//! The shape is Aave v3 in two generations, 3.0.2 and 3.6; where they differ is said in
//! [`lending::Version`], one method a rule.

pub mod auction;
pub mod compound;
mod fixed;
pub mod flash_loan;
pub mod health;
pub mod interest;
pub mod isolated;
pub mod lending;
pub mod liquidation;
pub mod margin_desk;
pub mod math;
mod number;
pub mod perpetual;
pub mod position;
pub mod reserve;
pub mod risk_params;
pub mod stable_rates;
pub mod unit;
pub mod vault;

use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, FeedId, Price};

/// What a lending market may know of the world.
pub trait LendingView {
    /// An account's balance, in the asset's smallest unit; zero where there is none.
    fn balance(&self, account: AccountId, asset: AssetId) -> Amount;
    /// All that exists of an asset. Asked of the market's own shares only.
    fn total_supply(&self, asset: AssetId) -> Amount;
    /// What a feed says now, mid-transaction state included.
    ///
    /// # Errors
    /// The feed has no usable price.
    fn price(&self, feed: FeedId) -> Result<Price, OracleError>;
    /// Unix time, in seconds.
    fn now(&self) -> u64;
}
