//! A mechanism: who orders a block is a trait, so another market design is one `impl`.

use ballast::sim::builder::{BlockBuilder, OrderContext};
use ballast::sim::chain::call::Call;

/// A reserved lane: oracle reports and risk changes first, liquidations next, then by tip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FairLane;

impl BlockBuilder for FairLane {
    fn name(&self) -> &'static str {
        "fair lane"
    }
    fn order(&self, context: &OrderContext<'_>, order: &mut [u32]) {
        order.sort_unstable_by_key(|i| {
            let tx = context.transactions.get(*i as usize);
            let class = match tx.calls.first() {
                Some(Call::PushPrice { .. } | Call::ProposeRisk { .. }) => 0,
                Some(Call::Liquidate { .. }) => 1,
                _ => 2,
            };
            let tip = std::cmp::Reverse(context.tip(tx.header));
            (class, tip, tx.header.actor, tx.header.sequence)
        });
    }
}
