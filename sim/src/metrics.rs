//! What is measured in every block: a fixed row, and columns of rows where a run keeps them.

use crate::perpetuals::{PerpetualTotals, PerpetualView, Perpetuals};
use crate::reward::EpisodeTotals;
use crate::views::MarketViews;
use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

/// One block.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockMetrics {
    /// Blocks of the episode so far, this one included.
    pub block: u64,
    /// Unix time, in seconds.
    pub timestamp: u64,
    /// Base fee, in wei per gas.
    pub base_fee_wei: u64,
    /// Gas used, the rest of the world's included.
    pub gas_used: u64,
    /// Transactions included.
    pub transactions: u64,
    /// Those that reverted.
    pub reverted: u64,
    /// Transactions not included.
    pub dropped: u64,
    /// Liquidations.
    pub liquidations: u64,
    /// Accounts that are liquidatable, before the block's transactions.
    pub at_risk: u64,
    /// Supplied at the exchange's mid, in USD.
    pub supplied_usd: f64,
    /// Borrowed at the exchange's mid, in USD.
    pub borrowed_usd: f64,
    /// The episode so far.
    pub totals: EpisodeTotals,
    /// The objective so far, in USD.
    pub objective_usd: f64,
}

/// A column: name, unit and where its value comes from.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name; columns of reserves are prefixed with the reserve's symbol.
    pub name: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Its value in a row.
    pub value: fn(&BlockMetrics) -> f64,
}

/// A column that each reserve has.
#[derive(Clone, Copy, Debug)]
pub struct ReserveColumn {
    /// Name, without the reserve's symbol.
    pub name: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Its value for reserve `i`.
    pub value: fn(&MarketViews, usize) -> f64,
}

/// A column that each perpetual future has.
#[derive(Clone, Copy, Debug)]
pub struct PerpetualColumn {
    /// Name, without the symbol of the contract's underlying.
    pub name: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Its value: the contract before the block's transactions, and what has happened at it so far.
    pub value: fn(&PerpetualView, &PerpetualTotals) -> f64,
}

macro_rules! columns {
    ($kind:ident: $(($name:literal, $unit:literal, $value:expr)),* $(,)?) => {
        &[$($kind { name: $name, unit: $unit, value: $value }),*]
    };
}

/// Columns of the block.
pub const COLUMNS: &[Column] = columns!(Column:
    ("block", "blocks", |m| m.block as f64),
    ("timestamp", "s", |m| m.timestamp as f64),
    ("base_fee", "wei", |m| m.base_fee_wei as f64),
    ("gas_used", "gas", |m| m.gas_used as f64),
    ("transactions", "count", |m| m.transactions as f64),
    ("reverted", "count", |m| m.reverted as f64),
    ("dropped", "count", |m| m.dropped as f64),
    ("liquidations", "count", |m| m.liquidations as f64),
    ("at_risk", "accounts", |m| m.at_risk as f64),
    ("supplied", "USD", |m| m.supplied_usd),
    ("borrowed", "USD", |m| m.borrowed_usd),
    ("objective", "USD", |m| m.objective_usd),
    ("bad_debt", "USD", |m| m.totals.bad_debt_usd()),
    ("written_off", "USD", |m| m.totals.written_off_usd),
    ("attacker_profit", "USD", |m| m.totals.attacker_profit_usd),
    ("largest_protocol_loss", "USD", |m| m.totals.largest_protocol_loss_usd),
    ("liquidated", "USD", |m| m.totals.liquidated_usd),
    ("borrower_losses", "USD", |m| m.totals.borrower_losses_usd),
    ("usage", "USD·years", |m| m.totals.usage_usd_years),
    ("revenue", "USD", |m| m.totals.revenue_usd),
    ("changes", "count", |m| m.totals.changes as f64),
);

/// Columns of each reserve.
pub const RESERVE_COLUMNS: &[ReserveColumn] = columns!(ReserveColumn:
    ("fair", "USD", |v, i| v.reserves[i].mid_usd),
    ("oracle", "USD", |v, i| v.reserves[i].oracle_usd),
    ("pool", "USD", |v, i| v.reserves[i].pool_usd),
    ("supplied", "tokens", |v, i| v.reserves[i].supplied),
    ("borrowed", "tokens", |v, i| v.reserves[i].borrowed),
    ("utilisation", "ratio", |v, i| v.reserves[i].utilisation),
    ("borrow_rate", "ratio/year", |v, i| v.reserves[i].borrow_rate),
    ("supply_rate", "ratio/year", |v, i| v.reserves[i].supply_rate),
    ("ltv", "ratio", |v, i| v.reserves[i].ltv),
    ("threshold", "ratio", |v, i| v.reserves[i].threshold),
    ("bonus", "ratio", |v, i| v.reserves[i].bonus),
    ("supply_cap", "tokens", |v, i| v.reserves[i].supply_cap),
    ("borrow_cap", "tokens", |v, i| v.reserves[i].borrow_cap),
    ("frozen", "0 or 1", |v, i| f64::from(u8::from(v.reserves[i].frozen))),
);

/// Columns of each perpetual future.
pub const PERPETUAL_COLUMNS: &[PerpetualColumn] = columns!(PerpetualColumn:
    ("perp_index", "USD", |v, _| v.index_usd()),
    ("perp_premium", "ratio", |v, _| v.premium),
    ("perp_funding_rate", "ratio/year", |v, _| v.funding_per_year),
    ("perp_open_interest", "USD", |v, _| v.open_interest_usd),
    ("perp_longs", "accounts", |v, _| f64::from(v.sides[0])),
    ("perp_shorts", "accounts", |v, _| f64::from(v.sides[1])),
    ("perp_near_longs", "USD", |v, _| v.near_usd[0]),
    ("perp_near_shorts", "USD", |v, _| v.near_usd[1]),
    ("perp_insurance", "USD", |v, _| v.insurance_usd),
    ("perp_uncovered", "USD", |v, _| v.uncovered_usd),
    ("perp_traded", "USD", |_, t| t.traded_usd),
    ("perp_liquidations", "count", |_, t| t.liquidations as f64),
    ("perp_liquidated", "USD", |_, t| t.liquidated_usd),
    ("perp_deleveraged", "count", |_, t| t.deleveraged as f64),
    ("perp_deficit", "USD", |_, t| t.deficit_usd),
    ("perp_funding", "USD", |_, t| t.funding_usd),
);

/// Columns kept over an episode: `columns[j][k]` is column `j` of row `k`, the columns of
/// [`COLUMNS`] first, then [`RESERVE_COLUMNS`] reserve by reserve and [`PERPETUAL_COLUMNS`] contract by contract.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The columns; empty where nothing is kept.
    pub columns: Vec<Vec<f64>>,
}

impl Metrics {
    /// Empty columns with room for an episode, so that no block allocates.
    #[must_use]
    pub fn with_capacity(reserves: usize, perpetuals: usize, rows: usize) -> Self {
        let each = reserves * RESERVE_COLUMNS.len() + perpetuals * PERPETUAL_COLUMNS.len();
        let n = COLUMNS.len() + each;
        Self { columns: (0..n).map(|_| Vec::with_capacity(rows)).collect() }
    }

    /// Appends a row.
    pub fn push(&mut self, row: &BlockMetrics, views: &MarketViews, perpetuals: &Perpetuals) {
        let mut columns = self.columns.iter_mut();
        for (column, slot) in COLUMNS.iter().zip(&mut columns) {
            slot.push((column.value)(row));
        }
        for reserve in 0..views.reserves.len() {
            for (column, slot) in RESERVE_COLUMNS.iter().zip(&mut columns) {
                slot.push((column.value)(views, reserve));
            }
        }
        for (view, totals) in perpetuals.views().iter().zip(perpetuals.totals()) {
            for (column, slot) in PERPETUAL_COLUMNS.iter().zip(&mut columns) {
                slot.push((column.value)(view, totals));
            }
        }
    }

    /// Names of the columns, `symbols` being those of the reserves and `perpetuals` those of the contracts'
    /// underlyings.
    #[must_use]
    pub fn names(symbols: &[&str], perpetuals: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = COLUMNS.iter().map(|c| c.name.to_owned()).collect();
        for symbol in symbols {
            names.extend(RESERVE_COLUMNS.iter().map(|c| format!("{symbol}_{}", c.name)));
        }
        for symbol in perpetuals {
            names.extend(PERPETUAL_COLUMNS.iter().map(|c| format!("{symbol}_{}", c.name)));
        }
        names
    }
}
