//! A risk policy: from a row of the observation table to a choice per head of the action table.

use ballast::sim::action::{CHOICES, Heads, UP, hold};
use ballast::sim::observe::{Visibility, names as fields};

/// Freezes whatever trades in a pool once its price has left the exchange's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cautious;

/// Symbols of the scenario's reserves, in order.
const SYMBOLS: [&str; 4] = ["WETH", "WBTC", "USDC", "TAIL"];

impl Cautious {
    /// Chooses.
    pub(crate) fn choose(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        hold(action);
        let fields = fields(&SYMBOLS, Visibility::Public);
        let heads = Heads::plain(SYMBOLS.len()).names(&SYMBOLS);
        for symbol in SYMBOLS {
            let gap = fields.iter().position(|f| *f == format!("{symbol}_pool_gap"));
            let head = heads.iter().position(|h| *h == format!("{symbol}_frozen"));
            let (Some(gap), Some(head)) = (gap, head) else { continue };
            // The row is scaled: one unit is two percent.
            if obs[gap].abs() > 2.5 && mask[head * CHOICES + UP] > 0.5 {
                action[head] = UP as f32;
            }
        }
    }
}
