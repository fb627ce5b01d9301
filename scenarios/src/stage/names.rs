//! What the names and numbers of a stage file stand for.

use super::schema::{Decimal, FeedSpec, StageMarket, StagePool};
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PoolId, Price, U256, Wad};

/// What the names of a file stand for; a feed's, pool's or market's place in its list is its id.
#[derive(Clone, Debug)]
pub struct Names {
    pub(super) assets: Vec<String>,
    pub(super) ids: Vec<AssetId>,
    pub(super) decimals: Vec<u8>,
    pub(super) accounts: Vec<(String, AccountId)>,
    pub(super) feeds: Vec<String>,
    pub(super) pools: Vec<String>,
    pub(super) markets: Vec<String>,
    /// Sends everything that nobody else does.
    pub(super) world: AccountId,
}

/// Why a name or a number of a file cannot be used: what, and how to mend it.
pub(crate) type Refusal = (String, String);

pub(super) fn find(what: &str, list: &[String], name: &str) -> Result<usize, Refusal> {
    list.iter().position(|known| known == name).ok_or_else(|| {
        let near = crate::problem::nearest(name, list.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
        (format!("unknown {what} \"{name}\""), format!("{near}known: {}", list.join(", ")))
    })
}

impl Names {
    /// An asset.
    pub fn asset(&self, name: &str) -> Result<AssetId, Refusal> {
        find("asset", &self.assets, name).map(|i| self.ids[i])
    }
    /// A feed.
    pub fn feed(&self, name: &str) -> Result<FeedId, Refusal> {
        find("feed", &self.feeds, name).map(|i| FeedId(i as u16))
    }
    /// A pool.
    pub fn pool(&self, name: &str) -> Result<PoolId, Refusal> {
        find("pool", &self.pools, name).map(|i| PoolId(i as u16))
    }
    /// A market.
    pub fn market(&self, name: &str) -> Result<MarketId, Refusal> {
        find("market", &self.markets, name).map(|i| MarketId(i as u16))
    }
    /// An account: a person, or `pool:NAME`, `market:NAME`.
    pub fn account(&self, name: &str) -> Result<AccountId, Refusal> {
        let found = self.accounts.iter().find(|(known, _)| known == name);
        found.map(|(_, id)| *id).ok_or_else(|| {
            let known: Vec<&str> = self.accounts.iter().map(|(known, _)| known.as_str()).collect();
            (format!("unknown account \"{name}\""), format!("known: {}", known.join(", ")))
        })
    }
    /// Names of the feeds, by id.
    #[must_use]
    pub fn feeds(&self) -> &[String] {
        &self.feeds
    }
    /// Who sends what nobody else does.
    #[must_use]
    pub const fn world(&self) -> AccountId {
        self.world
    }
    /// The people that the file names.
    pub(crate) fn people(&self) -> Vec<AccountId> {
        let people = self.accounts.iter().filter(|(name, _)| !name.contains(':'));
        people.map(|(_, id)| *id).collect()
    }
    /// Smallest units of an asset, exactly.
    pub(super) fn units(&self, asset: &str, tokens: &Decimal) -> Result<Amount, Refusal> {
        let at = find("asset", &self.assets, asset)?;
        tokens.units(self.decimals[at]).map(Amount)
    }
    /// Decimals of an asset; 18 where the file does not place it.
    #[must_use]
    pub fn decimals(&self, asset: AssetId) -> u8 {
        let at = self.ids.iter().position(|id| *id == asset);
        at.map_or(18, |at| self.decimals[at])
    }
}

impl Decimal {
    /// The number times ten to the power of `decimals`, where that is whole.
    pub(super) fn units(&self, decimals: u8) -> Result<U256, Refusal> {
        let text = self.0.replace('_', "");
        let refuse = |why: &str| {
            let fix = "write a decimal number in quotation marks, \"5637.623762\"";
            (format!("\"{}\" {why}", self.0), fix.to_owned())
        };
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        if whole.is_empty() || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(refuse("is no decimal number"));
        }
        let part = part.trim_end_matches('0');
        let Some(zeros) = usize::from(decimals).checked_sub(part.len()) else {
            return Err(refuse(&format!("has more than the asset's {decimals} decimals")));
        };
        let digits = format!("{whole}{part}{}", "0".repeat(zeros));
        U256::from_str_radix(&digits, 10).map_err(|_too_large| refuse("exceeds 256 bits"))
    }
    /// The number in 18 decimals.
    pub(super) fn wad(&self) -> Result<Wad, Refusal> {
        self.units(18).map(Wad)
    }
    /// A percentage in 18 decimals: 75 is 0.75.
    pub(super) fn percent(&self) -> Result<Wad, Refusal> {
        self.units(16).map(Wad)
    }
}

impl FeedSpec {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Push { name, .. }
            | Self::Spot { name, .. }
            | Self::Twap { name, .. }
            | Self::Window { name, .. }
            | Self::LpNaive { name, .. }
            | Self::LpFair { name, .. }
            | Self::Lowest { name, .. }
            | Self::Median { name, .. }
            | Self::Delayed { name, .. }
            | Self::Fallback { name, .. }
            | Self::Balances { name, .. }
            | Self::Share { name, .. }
            | Self::ConcentratedTwap { name, .. }
            | Self::Capped { name, .. }
            | Self::Anchored { name, .. }
            | Self::Breaker { name, .. } => name,
        }
    }
}
impl StagePool {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ConstantProduct { name, .. }
            | Self::StableSwap { name, .. }
            | Self::Exponential { name, .. }
            | Self::FixedPrice { name, .. }
            | Self::Concentrated { name, .. }
            | Self::ShareVault { name, .. } => name,
        }
    }
}
impl StageMarket {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pooled { name, .. }
            | Self::Compound { name, .. }
            | Self::Isolated { name, .. }
            | Self::Desk { name, .. }
            | Self::Perpetual { name, .. }
            | Self::Vaults { name, .. } => name,
        }
    }
}

/// What and how to mend it, as an error.
pub(super) fn refuse<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Refusal> {
    Err((message.into(), help.into()))
}
/// A price as a feed holds it.
pub(crate) fn price(usd: f64) -> Result<Price, Refusal> {
    if usd.is_finite() && (0.0..=1e24).contains(&usd) {
        Ok(Price::from_usd(usd))
    } else {
        refuse(format!("{usd} USD is no price"), "write a number from 0 to 1e24")
    }
}
