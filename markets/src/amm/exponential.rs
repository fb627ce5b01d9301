//! The exponential-curve reserve: a market maker whose price grows by a fixed factor with every unit of
//! the quote asset it takes in.
//!
//! Source: Kyber's automated price reserve (`LiquidityConversionRates`), in the notation of Qin, Zhou,
//! Livshits, Gervais, Attacking the DeFi Ecosystem with Flash Loans for Fun and Profit (FC 2021), §5: with
//! k the quote asset (ETH) in the reserve, the price of a base token is P(k) = minP · e^(lr·k), so that p
//! of the quote asset buy (1 − e^(−lr·p)) / (lr · P(k)) tokens, and s tokens sold return
//! ln(1 + lr · P(k) · s) / lr. The reserve's inventory is its account's balance, as deployed: a donation
//! moves the price.
//!
//! Integers throughout, over [`crate::exponent`]: each operand is rounded against the trader. Bought
//! tokens are at most one smallest unit below the exact value while the rate per smallest unit, lr · minP
//! and the trade are of any deployed magnitude (tested); never above.

use super::reserve::{ReserveError, Trade, power_of_ten};
use crate::exponent::{ONE_Q128, exp_bounds, ln_floor};
use crate::math::{Rounding, mul_div};
use crate::units::{AccountId, Amount, AssetId, U256, WAD, Wad};
use serde::{Deserialize, Serialize};

/// An exponential-curve reserve between a base token and a quote asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exponential {
    /// The token that is priced.
    pub base: AssetId,
    /// The asset that it is priced in.
    pub quote: AssetId,
    /// Decimals of the base token.
    pub base_decimals: u8,
    /// Decimals of the quote asset.
    pub quote_decimals: u8,
    /// The ledger account that holds both: its quote balance is the position on the curve.
    pub account: AccountId,
    /// lr: by how much the logarithm of the price grows per whole quote asset taken in.
    pub liquidity_rate: Wad,
    /// minP: quote per base at an empty reserve, and the lowest price.
    pub min_price: Wad,
    /// maxP: the reserve refuses to sell beyond this price.
    pub max_price: Wad,
}

impl Exponential {
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

    /// lr · `amount`, Q128.
    fn exponent(&self, amount: Amount, rounding: Rounding) -> Result<U256, ReserveError> {
        let scaled = amount.0.checked_mul(self.liquidity_rate.0).ok_or(ReserveError::Overflow)?;
        let unit =
            WAD.checked_mul(power_of_ten(self.quote_decimals)?).ok_or(ReserveError::Overflow)?;
        mul_div(scaled, ONE_Q128, unit, rounding).ok_or(ReserveError::Overflow)
    }

    /// Quote per base with `inventory` of the quote asset in the reserve, floored; not clamped.
    ///
    /// # Errors
    /// [`ReserveError::Overflow`] where the exponent is 88 or more.
    pub fn price_at(&self, inventory: Amount) -> Result<Wad, ReserveError> {
        let x = self.exponent(inventory, Rounding::Floor)?;
        let (lower, _) = exp_bounds(x).ok_or(ReserveError::Overflow)?;
        mul_div(self.min_price.0, lower, ONE_Q128, Rounding::Floor)
            .map(Wad)
            .ok_or(ReserveError::Overflow)
    }

    /// What selling exactly `amount_in` of either asset would give, with these balances in the reserve:
    /// floored, in the reserve's favour.
    ///
    /// # Errors
    /// [`ReserveError`]: unknown asset, zero input or output, more than the reserve holds, a price above the
    /// maximum afterwards ([`ReserveError::PriceOutOfBounds`]), overflow.
    pub fn quote_exact_in(
        &self,
        asset_in: AssetId,
        amount_in: Amount,
        base_balance: Amount,
        quote_balance: Amount,
    ) -> Result<Trade, ReserveError> {
        self.other(asset_in)?;
        if amount_in.is_zero() {
            return Err(ReserveError::ZeroInput);
        }
        let buys = asset_in == self.quote;
        let amount_out = if buys {
            self.tokens_for(amount_in, quote_balance)?
        } else {
            self.quote_for(amount_in, quote_balance)?
        };
        if amount_out.is_zero() {
            return Err(ReserveError::ZeroOutput);
        }
        let (held_in, held_out) =
            if buys { (quote_balance, base_balance) } else { (base_balance, quote_balance) };
        let new_in = held_in.checked_add(amount_in).ok_or(ReserveError::Overflow)?;
        if amount_out > held_out {
            return Err(ReserveError::InsufficientInventory);
        }
        if buys && self.price_at(new_in)? > self.max_price {
            return Err(ReserveError::PriceOutOfBounds);
        }
        Ok(Trade { amount_in, amount_out })
    }

    /// Tokens for `paid` of the quote asset: (1 − e^(−lr·paid)) / (lr · minP · e^(lr·k)), floored.
    fn tokens_for(&self, paid: Amount, inventory: Amount) -> Result<Amount, ReserveError> {
        let overflow = ReserveError::Overflow;
        let (grown, _) = exp_bounds(self.exponent(paid, Rounding::Floor)?).ok_or(overflow)?;
        let left = mul_div(ONE_Q128, ONE_Q128, grown, Rounding::Ceil).ok_or(overflow)?;
        let bought = ONE_Q128 - left;
        let at = self.exponent(inventory, Rounding::Ceil)?;
        let (_, price_factor) = exp_bounds(at).ok_or(overflow)?;
        // Scales: bought 2¹²⁸; rate and price 10¹⁸ each; the factor 2¹²⁸.
        let unit = WAD * WAD;
        let unit = unit.checked_mul(power_of_ten(self.base_decimals)?).ok_or(overflow)?;
        let rate = self.liquidity_rate.0.checked_mul(self.min_price.0).ok_or(overflow)?;
        let denominator = rate.checked_mul(price_factor).ok_or(overflow)?;
        mul_div(bought, unit, denominator, Rounding::Floor).map(Amount).ok_or(overflow)
    }

    /// Quote asset for `sold` tokens: ln(1 + lr · minP · e^(lr·k) · sold) / lr, floored.
    fn quote_for(&self, sold: Amount, inventory: Amount) -> Result<Amount, ReserveError> {
        let overflow = ReserveError::Overflow;
        let at = self.exponent(inventory, Rounding::Floor)?;
        let (price_factor, _) = exp_bounds(at).ok_or(overflow)?;
        let rate = self.liquidity_rate.0.checked_mul(self.min_price.0).ok_or(overflow)?;
        let unit = WAD * WAD;
        let unit = unit.checked_mul(power_of_ten(self.base_decimals)?).ok_or(overflow)?;
        let scaled = sold.0.checked_mul(rate).ok_or(overflow)?;
        let growth = mul_div(scaled, price_factor, unit, Rounding::Floor).ok_or(overflow)?;
        let ratio = growth.checked_add(ONE_Q128).ok_or(overflow)?;
        let ln = ln_floor(ratio).ok_or(overflow)?;
        let unit = WAD.checked_mul(power_of_ten(self.quote_decimals)?).ok_or(overflow)?;
        let rate = mul_div(self.liquidity_rate.0, ONE_Q128, U256::from(1), Rounding::Floor);
        mul_div(ln, unit, rate.ok_or(overflow)?, Rounding::Floor).map(Amount).ok_or(overflow)
    }
}
