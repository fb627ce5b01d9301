//! The ledger: value moves, and is neither made nor lost.

use super::{Checked, Family, Invariant, Step, nothing};
use crate::chain::{Chain, Market, Pool};
use markets::units::AssetId;

const SUM: Invariant = Invariant::new(
    "ledger-column-sums",
    "the sum of every column is what was minted less what was burned",
);
const TOTALS: Invariant = Invariant::new(
    "ledger-totals-rise",
    "what was ever minted and ever burned of an asset never falls",
);
const OUTSIDE: Invariant = Invariant::new(
    "ledger-outside-tokens-conserved",
    "a token that no mechanism issues is neither minted nor burned, but for gas",
);

pub(super) const FAMILY: Family = Family {
    name: "ledger",
    catalogue: &[&[SUM, TOTALS, OUTSIDE]],
    state: nothing,
    whole: nothing,
    step,
};

impl Chain {
    /// Whether some pool, market or other mechanism issues an asset.
    pub(super) fn is_issued(&self, asset: AssetId) -> bool {
        let of_pool = |pool: &Pool| match pool {
            Pool::ConstantProduct(pair) => pair.share == asset,
            Pool::StableSwap(pool) => pool.share == asset,
            Pool::ShareVault(vault) => vault.share == asset,
            Pool::Concentrated(_) | Pool::Exponential(_) | Pool::FixedPrice(_) => false,
        };
        let of_market = |market: &Market| match market {
            Market::Vault(vault) => vault.dai == asset || market.is_share(asset),
            Market::MarginDesk(desk) => desk.share == asset,
            Market::Perpetual(_) => false,
            Market::Pooled(_) | Market::Compound(_) | Market::Isolated(_) => market.is_share(asset),
        };
        self.pools.iter().any(of_pool) || self.markets.iter().any(of_market)
    }

    /// Conservation, on what was written since the last audit or on every balance.
    pub(super) fn audit_ledger(&mut self, all: bool) -> Checked {
        let Some((asset, sum)) = self.ledger.broken_column(all) else { return Ok(()) };
        let (minted, burned) = (self.ledger.minted(asset), self.ledger.burned(asset));
        let symbol = &self.assets[asset.index()].symbol;
        Err(SUM.broken(format!("{symbol}: sum {sum}, minted {minted}, burned {burned}")))
    }
}

fn assets(chain: &Chain) -> impl Iterator<Item = (AssetId, &str)> {
    let symbols = chain.assets.iter().enumerate();
    symbols.map(|(i, asset)| (AssetId(i as u16), asset.symbol.as_str()))
}

fn step(Step { before, after, logs: _ }: &Step<'_>) -> Checked {
    for (asset, symbol) in assets(before) {
        let (minted, burned) = (after.ledger.minted(asset), after.ledger.burned(asset));
        let (was_minted, was_burned) = (before.ledger.minted(asset), before.ledger.burned(asset));
        let detail = || {
            format!("{symbol}: minted {was_minted} and {minted}, burned {was_burned} and {burned}")
        };
        TOTALS.require(minted >= was_minted && burned >= was_burned, detail)?;
        if !after.is_issued(asset) {
            let is_gas = asset == after.gas_asset;
            let burns = burned == was_burned || is_gas;
            OUTSIDE.require(minted == was_minted && burns, detail)?;
        }
    }
    Ok(())
}
