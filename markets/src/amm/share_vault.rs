//! A vault of one asset, whose shares are worth what it holds: the more it is given, the more they are.
//!
//! Source: EIP-4626 (`convertToShares`, `convertToAssets`, both rounded down in a deposit and a redemption),
//! which is also how the vaults before it counted (Yearn v2 `pricePerShare`, Harvest
//! `getPricePerFullShare`). What a vault has at hand is its account's balance, so a donation raises the
//! price of its shares. There are no virtual shares: the first deposit mints one for one.

use super::reserve::{ReserveError, Trade};
use crate::math::{Rounding, mul_div};
use crate::units::{AccountId, Amount, AssetId, PoolId};
use serde::{Deserialize, Serialize};

/// A vault of one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareVault {
    /// What is deposited.
    pub asset: AssetId,
    /// What is minted for it; as many decimals as the asset.
    pub share: AssetId,
    /// The ledger account that holds what is at hand, and the pool shares that the vault is invested in.
    pub account: AccountId,
    /// A StableSwap pool that the vault has shares of: they count as what they would be paid in the asset at
    /// this instant (`calc_withdraw_one_coin`, as Harvest's strategies counted).
    pub invested: Option<PoolId>,
}

/// What a vault has and owes, in smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// All that its shares are worth (`totalAssets`).
    pub total: Amount,
    /// The part of it that is there to be paid out.
    pub at_hand: Amount,
    /// Shares that exist.
    pub supply: Amount,
}

impl ShareVault {
    /// The other of the asset and the share.
    ///
    /// # Errors
    /// [`ReserveError::UnknownAsset`].
    pub fn other(&self, asset: AssetId) -> Result<AssetId, ReserveError> {
        match asset {
            _ if asset == self.asset => Ok(self.share),
            _ if asset == self.share => Ok(self.asset),
            _ => Err(ReserveError::UnknownAsset),
        }
    }

    /// What depositing so much of the asset, or redeeming so many shares, would do. What comes out is
    /// floored: in favour of those who stay.
    ///
    /// # Errors
    /// [`ReserveError`]: unknown asset, nothing in or out, more than is at hand, overflow, a deposit where
    /// there are shares of nothing.
    pub fn quote(
        &self,
        asset_in: AssetId,
        amount_in: Amount,
        holdings: Holdings,
    ) -> Result<Trade, ReserveError> {
        self.other(asset_in)?;
        if amount_in.is_zero() {
            return Err(ReserveError::ZeroInput);
        }
        let Holdings { total, at_hand, supply } = holdings;
        let deposit = asset_in == self.asset;
        let (numerator, denominator) = if deposit { (supply, total) } else { (total, supply) };
        let amount_out = if deposit && supply.is_zero() {
            amount_in
        } else if denominator.is_zero() {
            return Err(ReserveError::InsufficientInventory);
        } else {
            let out = mul_div(amount_in.0, numerator.0, denominator.0, Rounding::Floor);
            Amount(out.ok_or(ReserveError::Overflow)?)
        };
        if amount_out.is_zero() {
            return Err(ReserveError::ZeroOutput);
        }
        if !deposit && amount_out > at_hand {
            return Err(ReserveError::InsufficientInventory);
        }
        Ok(Trade { amount_in, amount_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: ShareVault =
        ShareVault { asset: AssetId(1), share: AssetId(2), account: AccountId(3), invested: None };

    fn holdings(total: u128, at_hand: u128, supply: u128) -> Holdings {
        let [total, at_hand, supply] = [total, at_hand, supply].map(Amount::new);
        Holdings { total, at_hand, supply }
    }
    fn out(asset: AssetId, amount: u128, holdings: Holdings) -> Result<u128, ReserveError> {
        let trade = VAULT.quote(asset, Amount::new(amount), holdings)?;
        Ok(u128::try_from(trade.amount_out.0).expect("fits 128 bits"))
    }

    #[test]
    fn a_donation_makes_shares_dearer_and_small_deposits_worthless() {
        let (asset, share) = (VAULT.asset, VAULT.share);
        assert_eq!(out(asset, 7, holdings(0, 0, 0)), Ok(7));
        // Ten shares of ten; then ten more are given.
        assert_eq!(out(asset, 4, holdings(10, 10, 10)), Ok(4));
        assert_eq!(out(asset, 5, holdings(20, 20, 10)), Ok(2));
        assert_eq!(out(share, 3, holdings(21, 21, 10)), Ok(6));
        // One share of two thousand: who brings less than that gets nothing.
        assert_eq!(out(asset, 1_999, holdings(2_000, 2_000, 1)), Err(ReserveError::ZeroOutput));
    }

    #[test]
    fn a_vault_pays_what_it_has_at_hand() {
        let short = holdings(100, 5, 100);
        assert_eq!(out(VAULT.share, 5, short), Ok(5));
        assert_eq!(out(VAULT.share, 6, short), Err(ReserveError::InsufficientInventory));
        assert_eq!(
            out(VAULT.asset, 1, holdings(0, 0, 9)),
            Err(ReserveError::InsufficientInventory)
        );
        assert_eq!(out(AssetId(9), 1, short), Err(ReserveError::UnknownAsset));
        assert_eq!(out(VAULT.share, 0, short), Err(ReserveError::ZeroInput));
    }
}
