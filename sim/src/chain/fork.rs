//! What-if on a copy.

use super::Chain;
use bevy_ecs::prelude::Resource;

/// A scratch copy of the chain for what-if: strategies hold a fork, never the live chain.
#[derive(Resource, Clone, Debug)]
pub struct Fork(pub Chain);

impl Fork {
    /// Makes the fork equal to the chain, reusing its memory.
    pub fn sync(&mut self, chain: &Chain) {
        self.0.copy_state(chain);
    }
}

impl Chain {
    /// Makes this chain equal to another that grew from the same genesis, reusing its memory.
    pub(super) fn copy_state(&mut self, chain: &Self) {
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
        } = chain;
        let fork = self;
        fork.clock = *clock;
        fork.gas_asset = *gas_asset;
        fork.outside = *outside;
        fork.builder = *builder;
        if fork.assets.len() != assets.len() || fork.accounts.len() != accounts.len() {
            fork.assets.clone_from(assets);
            fork.decimals.clone_from(decimals);
            fork.accounts.clone_from(accounts);
        }
        fork.ledger.clone_from(ledger);
        fork.pools.clone_from(pools);
        fork.markets.clone_from(markets);
        fork.feeds.clone_from(feeds);
        fork.journal.clear();
        fork.logs.clear();
        fork.open_checkpoints = 0;
        fork.watch.forget();
    }
}
