//! An agent: a component, a spawn, a system that appends to the outbox, and a setup that adds them to a
//! bundled world.

use crate::fair_lane::FairLane;
use ballast::agents::attack::attack_markets;
use ballast::markets::units::{Amount, PoolId};
use ballast::sim::actor::{Actor, GasBid, Outbox, Wallet};
use ballast::sim::builder::Builder;
use ballast::sim::chain::Chain;
use ballast::sim::chain::call::{AmountExpr, Call};
use ballast::sim::lane::{EpisodePlan, Lane, LaneSetup};
use ballast::sim::rng::actor_key;
use ballast::sim::schedule::CloseSystems;
use ballast::sim::snapshot::SnapshotRegistry;
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Sells a fixed amount of the pool's first asset every so often.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Whale {
    pool: PoolId,
    amount: Amount,
    every_blocks: u64,
    sales: u32,
}

/// A bundled world and a whale in it.
pub(crate) struct WithWhale {
    /// The scenario's own setup.
    pub(crate) bundled: Arc<dyn LaneSetup>,
    /// Size of a sale, in whole tokens.
    pub(crate) sells_tokens: f64,
    /// Blocks between two sales.
    pub(crate) every_blocks: u64,
}

impl LaneSetup for WithWhale {
    fn build(&self, plan: &EpisodePlan, world: &mut World) {
        self.bundled.build(plan, world);
        world.insert_resource(Builder(Box::new(FairLane)));
        // Ids order ties: a newcomer takes the next.
        let id = world.query::<&Actor>().iter(world).count() as u32;
        let mut chain = world.resource_mut::<Chain>();
        let pool = PoolId(0);
        let token = chain.pair(pool).token0;
        let unit = 10_f64.powi(i32::from(chain.asset(token).decimals));
        let amount = Amount::from_f64_floor(self.sells_tokens * unit);
        let account = chain.add_account("whale");
        let gas = chain.gas_asset();
        for (asset, wealth) in
            [(token, amount.0 * Amount::new(1_000).0), (gas, Amount::new(10_u128.pow(20)).0)]
        {
            chain.genesis_mint(account, asset, Amount(wealth)).expect("the account exists");
        }
        let actor = Actor { id, key: actor_key("whale", 0) };
        let whale = Whale { pool, amount, every_blocks: self.every_blocks, sales: 0 };
        world.spawn((actor, Wallet(account), whale));
    }

    fn install(&self, open: &mut Schedule, close: &mut Schedule) {
        self.bundled.install(open, close);
        // Two systems that write to the outbox need an order: ambiguity is an error.
        close.add_systems(sell.in_set(CloseSystems::Act).after(attack_markets));
    }

    fn register(&self, registry: &mut SnapshotRegistry) {
        self.bundled.register(registry);
        registry.component::<Whale>("own.whale");
    }
}

/// Lets whales sell.
fn sell(
    chain: Res<Chain>,
    mut outbox: ResMut<Outbox>,
    mut whales: Query<(&Actor, &Wallet, &mut Whale)>,
) {
    let clock = chain.clock();
    for (actor, wallet, mut whale) in &mut whales {
        if !clock.block.is_multiple_of(whale.every_blocks) {
            continue;
        }
        let asset_in = chain.pair(whale.pool).token0;
        let amount = AmountExpr::Exact(whale.amount);
        let swap = Call::Swap { pool: whale.pool, asset_in, amount, min_out: Amount::ZERO };
        let gas = GasBid {
            limit: 150_000,
            max_fee_per_gas: clock.base_fee * 2,
            max_priority_fee_per_gas: 1_000_000_000,
        };
        outbox.submit(actor, *wallet, gas, &[swap]);
        whale.sales += 1;
    }
}

/// Sales submitted so far.
pub(crate) fn sales(lane: &Lane) -> u32 {
    let world = lane.world();
    world.try_query::<&Whale>().map_or(0, |mut whales| whales.iter(world).map(|w| w.sales).sum())
}
