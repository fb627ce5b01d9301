//! What assets are worth: the joint price process, and the exchange's displacement of it.

use bevy_ecs::prelude::Resource;
use markets::price::JointPrices;
use markets::units::{Amount, Asset, AssetId};
use serde::{Deserialize, Serialize};

/// The joint price process and which asset each of its prices is of.
#[derive(Resource, Clone, Debug, Serialize, Deserialize)]
pub struct PriceSource {
    /// The process; one price per entry of `assets`.
    pub joint: JointPrices,
    /// The assets, in the process's order.
    pub assets: Vec<AssetId>,
}

/// Fair prices in USD per whole token, by [`AssetId::index`]; 0 where an asset has none (shares).
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FairPrices {
    /// What the price process says, quantised to 10⁻⁸.
    pub replayed: Vec<f64>,
    /// What trades are worth: `replayed · exp(impact)`, where the exchange's impact is on.
    pub fair: Vec<f64>,
    /// One smallest unit in whole tokens, by asset.
    unit: Vec<f64>,
}

impl FairPrices {
    /// The prices that a source starts from.
    #[must_use]
    pub fn new(source: &PriceSource, assets: &[Asset]) -> Self {
        let mut prices = Self {
            replayed: vec![0.0; assets.len()],
            fair: vec![0.0; assets.len()],
            unit: assets.iter().map(|a| unit(a.decimals)).collect(),
        };
        prices.take(source);
        prices.fair.copy_from_slice(&prices.replayed);
        prices
    }

    /// Takes over what the process says now, quantised to 10⁻⁸ as oracles quote.
    pub fn take(&mut self, source: &PriceSource) {
        for (asset, price) in source.assets.iter().zip(source.joint.prices()) {
            self.replayed[asset.index()] = (price * 1e8).round() / 1e8;
        }
    }

    /// Fair USD per whole token; 0 where there is none.
    #[inline]
    #[must_use]
    pub fn usd(&self, asset: AssetId) -> f64 {
        self.fair.get(asset.index()).copied().unwrap_or(0.0)
    }

    /// What the price process says, in USD per whole token: the price elsewhere, which trades here do not
    /// move; 0 where there is none.
    #[inline]
    #[must_use]
    pub fn usd_elsewhere(&self, asset: AssetId) -> f64 {
        self.replayed.get(asset.index()).copied().unwrap_or(0.0)
    }

    /// One smallest unit of an asset, in whole tokens; 0 where there is no such asset.
    #[inline]
    #[must_use]
    pub fn unit(&self, asset: AssetId) -> f64 {
        self.unit.get(asset.index()).copied().unwrap_or(0.0)
    }

    /// An amount in whole tokens.
    #[inline]
    #[must_use]
    pub fn tokens(&self, asset: AssetId, amount: Amount) -> f64 {
        amount.to_f64() * self.unit(asset)
    }

    /// An amount's fair value, in USD.
    #[inline]
    #[must_use]
    pub fn value_usd(&self, asset: AssetId, amount: Amount) -> f64 {
        self.tokens(asset, amount) * self.usd(asset)
    }

    /// The most whole smallest units that `usd` buys at the fair price; zero where there is none.
    #[must_use]
    pub fn amount_of_usd(&self, asset: AssetId, usd: f64) -> Amount {
        let price = self.usd(asset);
        if price > 0.0 { self.amount_of_tokens(asset, usd / price) } else { Amount::ZERO }
    }

    /// Whole tokens as an amount, floored; zero where negative or not a number.
    #[must_use]
    pub fn amount_of_tokens(&self, asset: AssetId, tokens: f64) -> Amount {
        match self.unit.get(asset.index()) {
            Some(unit) => Amount::from_f64_floor(tokens / unit),
            None => Amount::ZERO,
        }
    }
}

/// One smallest unit in whole tokens.
#[must_use]
pub fn unit(decimals: u8) -> f64 {
    POWERS[usize::from(decimals).min(POWERS.len() - 1)]
}

/// 10⁻ⁿ.
const POWERS: [f64; 31] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27,
    1e-28, 1e-29, 1e-30,
];
