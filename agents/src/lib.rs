//! Who acts: scripted participants, attackers, risk policies, learners and their export.
//!
//! - [`scripted`]: borrowers, lenders, yield farmers, arbitrageurs, liquidators, loopers, oracle nodes, the risk manager's
//!   seat, and whoever trades at the exchange's books or a perpetual future.
//! - [`attack`]: searchers of atomic bundles that cost the protocol money.
//! - [`policy`], [`baselines`] and [`frozen`]: risk policies, written down or trained, in plain Rust;
//!   [`partner`]: one that holds the heads that another leaves; [`bounds`]: of actions that are numbers; [`set`]: a reader of rows;
//!   [`evolution`]: a maximiser for attackers and for static parameters.
//! - [`learn`]: the trainer (its steps need feature `tch`). [`export`]: what a trained policy ships as.
//!
//! Participants read a world's resources and append to its outbox; [`install`] adds their systems to a
//! block's halves, [`register`] their state to its snapshots.

mod account;
pub mod attack;
pub mod baselines;
pub mod bounds;
pub mod evolution;
pub mod export;
pub mod frozen;
pub mod learn;
pub mod partner;
pub mod policy;
pub mod scripted;
pub mod set;
#[cfg(test)]
mod test_world;

use bevy_ecs::prelude::*;
use scripted::{
    arbitrageur, book, borrower, farmer, lender, liquidator, looper, oracle_node, perpetual,
    risk_manager,
};
use sim::schedule::{CloseSystems, OpenSystems};
use sim::snapshot::SnapshotRegistry;
use sim::systems::{act, exchange};

/// Adds every participant's system to a block's halves. Systems of absent participants cost nothing to
/// speak of. Their order does not matter for what happens (the mempool sorts by actor), only for what
/// first-come builders see.
pub fn install(open: &mut Schedule, close: &mut Schedule) {
    open.add_systems((
        book::trade_at_books
            .in_set(OpenSystems::Exchanges)
            .after(exchange::open_books)
            .before(exchange::fill_orders),
        oracle_node::report_prices.in_set(OpenSystems::Oracles),
    ));
    close.add_systems(partner::decide_rest.before(act::submit_learned_action));
    close.add_systems(
        (
            borrower::tend_borrowers,
            lender::tend_lenders,
            arbitrageur::arbitrage_pools,
            attack::hunter::hunt_liquidations,
            liquidator::mind::think,
            liquidator::liquidate_positions,
            looper::tend_loopers,
            farmer::tend_farmers,
            perpetual::maker::make_perpetuals,
            perpetual::trader::trade_perpetuals,
            perpetual::basis::trade_basis,
            perpetual::keeper::keep_perpetuals,
            attack::mind::think,
            attack::attack_markets,
        )
            .chain()
            .in_set(CloseSystems::Act),
    );
}

/// Registers what participants remember, for snapshots.
pub fn register(registry: &mut SnapshotRegistry) {
    registry.component::<scripted::NextLook>("agents.next_look");
    registry.component::<borrower::Borrower>("agents.borrower");
    registry.component::<lender::Lender>("agents.lender");
    registry.component::<arbitrageur::Arbitrageur>("agents.arbitrageur");
    registry.component::<liquidator::Liquidator>("agents.liquidator");
    registry.component::<looper::Looper>("agents.looper");
    registry.component::<farmer::Farmer>("agents.farmer");
    registry.component::<perpetual::maker::PerpetualMaker>("agents.perpetual_maker");
    registry.component::<perpetual::trader::LeveragedTrader>("agents.leveraged_trader");
    registry.component::<perpetual::keeper::PerpetualKeeper>("agents.perpetual_keeper");
    registry.component::<perpetual::basis::BasisTrader>("agents.basis_trader");
    registry.component::<oracle_node::OracleNode>("agents.oracle_node");
    registry.component::<risk_manager::RiskManager>("agents.risk_manager");
    registry.component::<attack::Attacker>("agents.attacker");
    registry.component::<attack::hunter::Hunter>("agents.hunter");
    registry.resource::<attack::seat::Seat>("agents.seat");
    registry.resource::<attack::mind::Turns>("agents.turns");
    registry.component::<book::market_maker::MarketMaker>("agents.market_maker");
    registry.component::<book::noise_trader::NoiseTraders>("agents.noise_traders");
    registry.component::<book::trend_follower::TrendFollower>("agents.trend_follower");
    registry.component::<book::whale::Whales>("agents.whales");
}
