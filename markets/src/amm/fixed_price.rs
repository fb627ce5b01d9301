//! The fixed-price depot: sells its inventory of one token for another at one price, until it has none.
//!
//! Source: the public behaviour of Synthetix's `Depot` (`exchangeEtherForSynths`): what the payment is
//! worth, as far as the deposits go, and the rest of the payment is returned. One way only. The price is an
//! oracle's there; here it is the pool's parameter, and the depositors' queue is one inventory.

use super::reserve::{ReserveError, Trade, power_of_ten};
use crate::math::{Rounding, mul_div};
use crate::units::{AccountId, Amount, AssetId};
use serde::{Deserialize, Serialize};

/// A depot that sells `base` for `quote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedPrice {
    /// The token sold.
    pub base: AssetId,
    /// The asset paid.
    pub quote: AssetId,
    /// Decimals of the token sold.
    pub base_decimals: u8,
    /// The ledger account whose balance is the inventory; payments arrive here too.
    pub account: AccountId,
    /// Price of one whole base token, in the quote asset's smallest units; above zero.
    pub price: Amount,
}

impl FixedPrice {
    /// The other asset.
    ///
    /// # Errors
    /// [`ReserveError::UnknownAsset`].
    pub fn other(&self, asset: AssetId) -> Result<AssetId, ReserveError> {
        if asset == self.base {
            Ok(self.quote)
        } else if asset == self.quote {
            Ok(self.base)
        } else {
            Err(ReserveError::UnknownAsset)
        }
    }

    /// What offering `amount_in` of the quote asset would do, with this inventory in the depot. The output
    /// is floored; where the inventory does not reach, all of it goes and `amount_in` is what it costs,
    /// raised: both in the depot's favour.
    ///
    /// # Errors
    /// [`ReserveError`]: the base token offered ([`ReserveError::OneWay`]), unknown asset, zero input or output,
    /// an empty inventory, overflow.
    pub fn quote_exact_in(
        &self,
        asset_in: AssetId,
        amount_in: Amount,
        base_balance: Amount,
    ) -> Result<Trade, ReserveError> {
        self.other(asset_in)?;
        if asset_in == self.base {
            return Err(ReserveError::OneWay);
        }
        if amount_in.is_zero() {
            return Err(ReserveError::ZeroInput);
        }
        if base_balance.is_zero() {
            return Err(ReserveError::InsufficientInventory);
        }
        let unit = power_of_ten(self.base_decimals)?;
        let worth = mul_div(amount_in.0, unit, self.price.0, Rounding::Floor);
        let (amount_in, amount_out) = match worth.map(Amount) {
            Some(worth) if worth <= base_balance => (amount_in, worth),
            _ => {
                let cost = mul_div(base_balance.0, self.price.0, unit, Rounding::Ceil);
                (Amount(cost.ok_or(ReserveError::Overflow)?).min(amount_in), base_balance)
            }
        };
        if amount_out.is_zero() {
            return Err(ReserveError::ZeroOutput);
        }
        Ok(Trade { amount_in, amount_out })
    }
}
