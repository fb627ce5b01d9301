//! The world's own systems, one thin file per set: gather, call one function, write back.

pub mod act;
pub mod audit;
pub mod exchange;
pub mod execute;
pub mod observe;
pub mod order;
pub mod prices;
pub mod record;
pub mod reward;
pub mod settle;
pub mod tick;
pub mod views;

use crate::schedule::{CloseSystems, OpenSystems};
use bevy_ecs::prelude::*;

/// Adds the world's own systems to a block's halves. Participants' systems go to
/// [`OpenSystems::Oracles`], [`CloseSystems::Act`] and, of books, between [`exchange::open_books`] and
/// [`exchange::fill_orders`]; the learned action is submitted before the
/// latter.
pub fn install(open: &mut Schedule, close: &mut Schedule) {
    open.add_systems((
        tick::tick.in_set(OpenSystems::Tick),
        prices::step_prices.in_set(OpenSystems::Prices),
        exchange::open_books.in_set(OpenSystems::Exchanges).before(exchange::fill_orders),
        exchange::fill_orders.in_set(OpenSystems::Exchanges),
        views::refresh_views.in_set(OpenSystems::Views),
        observe::observe.in_set(OpenSystems::Observe),
    ));
    close.add_systems((
        act::submit_learned_action.before(CloseSystems::Act),
        order::order_block.in_set(CloseSystems::Order),
        execute::execute_block.in_set(CloseSystems::Execute),
        settle::settle_block.in_set(CloseSystems::Settle),
        audit::audit_block.in_set(CloseSystems::Audit),
        reward::score_block.in_set(CloseSystems::Reward),
        record::record_block.in_set(CloseSystems::Record),
    ));
}
