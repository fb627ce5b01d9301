//! The chain: everything a transaction can change, as one value.
//!
//! Rules, each with a test:
//! - Mechanisms never touch balances: they return flows, the [`ledger`] performs them.
//! - [`Chain::execute`] is atomic and never returns an error: a failed transaction leaves no trace
//!   but the gas it paid.
//! - Accrual is on touch: only calls accrue; views project to now.
//! - State in flight is visible to oracles: a spot feed reads the pool as it is now,
//!   mid-transaction; a push feed changes only by `PushPrice` from its reporter; a TWAP has
//!   accumulators updated on touch and checkpoints written by a call.

pub mod call;
mod contract;
mod execute;
mod feed;
mod fork;
pub mod gas;
pub mod invariants;
pub mod ledger;
mod market;
mod pool;
mod price;
#[cfg(test)]
mod rules;
mod undo;

use crate::chain::call::{Log, Revert};
use crate::chain::invariants::Watch;
use crate::chain::ledger::Ledger;
use crate::chain::undo::Journal;
use bevy_ecs::prelude::Resource;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, Asset, AssetId, FeedId, Flow, MarketId, PoolId, Price};
use protocols::LendingView;
use protocols::health::Health;
use protocols::lending::{Change, LendingError, Pooled};
use serde::{Deserialize, Serialize};

pub use contract::CONTRACT;
pub use execute::{Session, SessionMark};
pub use feed::Feed;
pub use fork::Fork;
pub use invariants::Violation;
pub use market::Market;
pub use pool::Pool;
pub use undo::Checkpoint;

/// A 32-byte name of a state or of a history.
pub type Digest = [u8; 32];

/// Block number, time and fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Block number; the first block that agents act in is 1.
    pub block: u64,
    /// Unix time of the block, in seconds.
    pub timestamp: u64,
    /// Base fee of the block, in wei per gas.
    pub base_fee: u64,
    /// Gas used in this block so far, the rest of the world's (`background_gas`) included.
    pub gas_used: u64,
    /// Gas that a block may use.
    pub gas_limit: u64,
}

/// Everything a transaction can change, as one value. `clone()` is a snapshot, equality is state
/// equality, and [`Chain::state_hash`] names a state.
#[derive(Resource, Debug, Serialize, Deserialize)]
pub struct Chain {
    clock: Clock,
    gas_asset: AssetId,
    outside: AccountId,
    builder: AccountId,
    assets: Vec<Asset>,
    decimals: Vec<u8>,
    accounts: Vec<String>,
    ledger: Ledger,
    pools: Vec<Pool>,
    markets: Vec<Market>,
    feeds: Vec<Feed>,
    #[serde(skip)]
    journal: Journal,
    #[serde(skip)]
    logs: Vec<Log>,
    #[serde(skip)]
    scratch: Option<Box<Change>>,
    /// Open checkpoints: while there are any, the journal is kept.
    #[serde(skip)]
    open_checkpoints: u32,
    /// What the last audit of everything saw; nothing where nobody asks for one.
    #[serde(skip)]
    watch: Watch,
}

impl Clone for Chain {
    fn clone(&self) -> Self {
        Self {
            clock: self.clock,
            gas_asset: self.gas_asset,
            outside: self.outside,
            builder: self.builder,
            assets: self.assets.clone(),
            decimals: self.decimals.clone(),
            accounts: self.accounts.clone(),
            ledger: self.ledger.clone(),
            pools: self.pools.clone(),
            markets: self.markets.clone(),
            feeds: self.feeds.clone(),
            journal: Journal::default(),
            logs: self.logs.clone(),
            scratch: None,
            open_checkpoints: 0,
            watch: Watch::default(),
        }
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            clock,
            gas_asset,
            outside,
            builder,
            assets,
            decimals,
            accounts,
            ledger,
            pools,
            markets,
            feeds,
            journal: _,
            logs: _,
            scratch: _,
            open_checkpoints: _,
            watch: _,
        } = self;
        *clock == other.clock
            && *gas_asset == other.gas_asset
            && *outside == other.outside
            && *builder == other.builder
            && *assets == other.assets
            && *decimals == other.decimals
            && *accounts == other.accounts
            && ledger.same_state(&other.ledger)
            && *pools == other.pools
            && *markets == other.markets
            && *feeds == other.feeds
    }
}

impl Chain {
    /// An empty chain whose gas is paid in an asset of this symbol and 18 decimals. Two accounts
    /// exist from the start: the outside world, which every external token comes from and returns
    /// to, and the block builder, which earns priority fees.
    #[must_use]
    pub fn new(gas_symbol: &str, timestamp: u64, base_fee: u64) -> Self {
        let mut chain = Self {
            clock: Clock {
                block: 0,
                timestamp,
                base_fee,
                gas_used: 0,
                gas_limit: gas::BLOCK_LIMIT,
            },
            gas_asset: AssetId(0),
            outside: AccountId(0),
            builder: AccountId(1),
            assets: Vec::new(),
            decimals: Vec::new(),
            accounts: Vec::new(),
            ledger: Ledger::default(),
            pools: Vec::new(),
            markets: Vec::new(),
            feeds: Vec::new(),
            journal: Journal::default(),
            logs: Vec::new(),
            scratch: None,
            open_checkpoints: 0,
            watch: Watch::default(),
        };
        chain.gas_asset = chain.add_asset(gas_symbol, 18);
        chain.outside = chain.add_account("outside");
        chain.builder = chain.add_account("builder");
        chain
    }

    // Genesis: building the world before its first block.

    /// Adds a ledger column.
    pub fn add_asset(&mut self, symbol: &str, decimals: u8) -> AssetId {
        self.watch.forget();
        self.assets.push(Asset { symbol: symbol.to_owned(), decimals });
        self.decimals.push(decimals);
        self.ledger.add_asset(self.accounts.len())
    }
    /// Adds a ledger row.
    pub fn add_account(&mut self, name: &str) -> AccountId {
        self.watch.forget();
        let id = AccountId(self.accounts.len() as u32);
        self.accounts.push(name.to_owned());
        self.ledger.add_account();
        self.size_positions();
        id
    }
    /// Adds an empty pool: its reserves come from the first [`call::Call::AddLiquidity`].
    pub fn add_pool(&mut self, pool: Pool) -> PoolId {
        self.watch.forget();
        self.pools.push(pool);
        PoolId((self.pools.len() - 1) as u16)
    }
    /// Adds a lending market.
    pub fn add_market(&mut self, market: Market) -> MarketId {
        self.watch.forget();
        self.markets.push(market);
        self.size_positions();
        MarketId((self.markets.len() - 1) as u16)
    }
    /// Adds an oracle feed.
    pub fn add_feed(&mut self, feed: Feed) -> FeedId {
        self.watch.forget();
        self.feeds.push(feed);
        FeedId((self.feeds.len() - 1) as u16)
    }
    /// Creates tokens before the first block.
    ///
    /// # Errors
    /// The account or asset does not exist, or 256 bits overflow.
    pub fn genesis_mint(
        &mut self,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Revert> {
        self.watch.forget();
        self.ledger.perform(&Flow::Mint { to, asset, amount }, &mut self.journal)?;
        self.journal.clear();
        Ok(())
    }
    /// Changes a pooled market before the first block (a static policy's parameters, say).
    pub fn genesis_market(&mut self, market: MarketId) -> Option<&mut Pooled> {
        self.watch.forget();
        self.markets.get_mut(market.index()).and_then(Market::pooled_mut)
    }
    /// Changes a feed before the first block, or in a copy that is asked "what if?": no transaction can.
    pub fn genesis_feed(&mut self, feed: FeedId) -> Option<&mut Feed> {
        self.watch.forget();
        self.feeds.get_mut(feed.index())
    }
    /// A position per account, so that no block grows a vector.
    fn size_positions(&mut self) {
        for market in &mut self.markets {
            market.size_accounts(self.accounts.len());
        }
    }

    // Views.

    /// Block, time and fees.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }
    /// The asset that pays for gas.
    #[must_use]
    pub const fn gas_asset(&self) -> AssetId {
        self.gas_asset
    }
    /// The outside world's account: exchanges hold their tokens here, and only it may `Settle`.
    #[must_use]
    pub const fn outside(&self) -> AccountId {
        self.outside
    }
    /// The block builder's account: earns priority fees.
    #[must_use]
    pub const fn builder(&self) -> AccountId {
        self.builder
    }
    /// The balance; zero where the account or asset does not exist.
    #[inline]
    #[must_use]
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        self.ledger.balance(account, asset)
    }
    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// All assets, by id.
    #[must_use]
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }
    /// An asset's description.
    ///
    /// # Panics
    /// Where there is no such asset.
    #[must_use]
    pub fn asset(&self, id: AssetId) -> &Asset {
        &self.assets[id.index()]
    }
    /// The asset of a symbol.
    #[must_use]
    pub fn asset_by_symbol(&self, symbol: &str) -> Option<AssetId> {
        self.assets.iter().position(|a| a.symbol == symbol).map(|i| AssetId(i as u16))
    }
    /// Account names, by id.
    #[must_use]
    pub fn accounts(&self) -> &[String] {
        &self.accounts
    }
    /// All pools, by id.
    #[must_use]
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }
    /// A pool.
    ///
    /// # Panics
    /// Where there is no such pool.
    #[inline]
    #[must_use]
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.pools[id.index()]
    }
    /// A constant-product pool.
    ///
    /// # Panics
    /// Where there is no such pool, or it is of another kind: ask [`Pool::constant_product`] where it
    /// may be.
    #[inline]
    #[must_use]
    pub fn pair(&self, id: PoolId) -> &ConstantProduct {
        self.pools[id.index()]
            .constant_product()
            .expect("Invariant: the pool is a constant-product one")
    }
    /// All markets, by id.
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }
    /// A pooled market.
    ///
    /// # Panics
    /// Where there is no such market, or it is of another kind: ask [`Market::pooled`] where it may be.
    #[inline]
    #[must_use]
    pub fn pooled(&self, id: MarketId) -> &Pooled {
        self.markets[id.index()].pooled().expect("Invariant: the market is a pooled one")
    }
    /// All feeds, by id.
    #[must_use]
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }
    /// A feed.
    ///
    /// # Panics
    /// Where there is no such feed.
    #[must_use]
    pub fn feed(&self, id: FeedId) -> &Feed {
        &self.feeds[id.index()]
    }
    /// An account's health in a market, projected to now.
    ///
    /// # Errors
    /// An oracle has no usable price.
    pub fn health(&self, market: MarketId, account: AccountId) -> Result<Health, LendingError> {
        self.pooled(market).health(self, account)
    }
    /// What calls reported in this block so far, in order.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    // Time.

    /// Begins the next block: its time, the base fee from the last block's gas (EIP-1559), and the
    /// gas that the rest of the world uses in it (`background_gas`, clamped to the limit). A tape
    /// records both arguments in the block's header.
    pub fn begin_block(&mut self, timestamp: u64, background_gas: u64) {
        let Clock { block, base_fee, gas_used, gas_limit, .. } = self.clock;
        self.clock = Clock {
            block: block + 1,
            timestamp,
            base_fee: gas::next_base_fee(base_fee, gas_used, gas_limit),
            gas_used: background_gas.min(gas_limit),
            gas_limit,
        };
        self.logs.clear();
        self.journal.clear();
        self.watch.begin_block();
    }

    /// [`Self::begin_block`] at a number further on: nothing happens in the blocks between.
    pub fn begin_block_at(&mut self, block: u64, timestamp: u64, background_gas: u64) {
        self.begin_block(timestamp, background_gas);
        self.clock.block = block;
    }

    /// The hash of the whole state. Not for the hot loop: it serialises everything.
    ///
    /// # Panics
    /// Never: the state is plain values.
    #[must_use]
    pub fn state_hash(&self) -> Digest {
        let bytes = postcard::to_stdvec(self).expect("plain values serialise");
        *blake3::hash(&bytes).as_bytes()
    }
}

impl LendingView for Chain {
    #[inline]
    fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        self.ledger.balance(account, asset)
    }
    #[inline]
    fn total_supply(&self, asset: AssetId) -> Amount {
        self.ledger.total_supply(asset)
    }
    #[inline]
    fn price(&self, feed: FeedId) -> Result<Price, OracleError> {
        Chain::price(self, feed)
    }
    #[inline]
    fn now(&self) -> u64 {
        self.clock.timestamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::amm::fixed_price::FixedPrice;
    use markets::oracle::mantissa::MantissaFeed;
    use markets::units::{Bps, PriceMantissa};
    use protocols::margin_desk::MarginDesk;

    /// Two chains are one only where all of their state is: undoing is tested by comparing.
    #[test]
    fn a_difference_in_any_part_is_a_difference() {
        let mut chain = Chain::new("GAS", 1_000, 7);
        let asset = chain.add_asset("USD", 6);
        chain.add_account("somebody");
        assert!(chain == chain.clone());
        let pool = Pool::FixedPrice(FixedPrice {
            base: asset,
            quote: chain.gas_asset,
            base_decimals: 6,
            account: chain.outside,
            price: Amount::new(1),
        });
        let other = AccountId(2);
        let feed = Feed::Mantissa(MantissaFeed {
            reporter: other,
            decimals: 6,
            mantissa: PriceMantissa::new(1),
        });
        let desk = MarginDesk::new(
            other,
            asset,
            (asset, chain.gas_asset),
            PoolId(0),
            Bps(50_000),
            Bps(11_530),
            1_000,
        );
        let changes: [&dyn Fn(&mut Chain); 11] = [
            &|chain| chain.clock.gas_used += 1,
            &|chain| chain.gas_asset = asset,
            &|chain| chain.outside = other,
            &|chain| chain.builder = other,
            &|chain| chain.assets[0].symbol.push('!'),
            &|chain| chain.decimals[0] += 1,
            &|chain| chain.accounts[0].push('!'),
            &|chain| chain.ledger.add_account(),
            &|chain| chain.pools.push(pool.clone()),
            &|chain| chain.markets.push(Market::MarginDesk(desk.clone())),
            &|chain| chain.feeds.push(feed.clone()),
        ];
        for (part, change) in changes.iter().enumerate() {
            let mut changed = chain.clone();
            change(&mut changed);
            assert!(changed != chain, "part {part}");
            assert!(chain != changed, "part {part}");
        }
    }
}
