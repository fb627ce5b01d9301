//! Invariants of the chain, each with an id and a sentence; the same code runs in tests and in runs.

use super::Chain;
use markets::units::{Amount, Ray};
use protocols::lending::Version;
use serde::{Deserialize, Serialize};

/// A broken invariant: which, and with what numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{id}: {sentence}: {detail}")]
pub struct Violation {
    /// Stable id, such as `LEDGER-01`.
    pub id: String,
    /// The property in a plain sentence.
    pub sentence: String,
    /// Where, and the figures.
    pub detail: String,
}

/// Every invariant that [`Chain::audit`] checks: id and sentence.
pub const CATALOGUE: [(&str, &str); 7] = [
    ("LEDGER-01", "the sum of every column is what was minted less what was burned"),
    ("AMM-01", "a pool's account holds at least its reserves"),
    ("LEND-01", "a market holds at least what its reserves count as available"),
    ("LEND-02", "liquidity and borrow indexes are at least one"),
    ("LEND-03", "the liquidation threshold is at least the LTV"),
    ("LEND-04", "threshold times one plus bonus is at most one"),
    (
        "LEND-05",
        "what is available, lent and in deficit covers what suppliers and treasury own, but for shares \
         that the deployed rules book twice (not of 3.0.2, which rounds half up)",
    ),
];

fn violation(index: usize, detail: String) -> Violation {
    let (id, sentence) = CATALOGUE[index];
    Violation { id: id.to_owned(), sentence: sentence.to_owned(), detail }
}

impl Chain {
    /// Checks every invariant. Balances that no transaction wrote since the last audit hold by induction
    /// and are passed over, except every thousandth time; [`Chain::audit_all`] looks at all.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn audit(&mut self) -> Result<(), Violation> {
        self.check(false)
    }

    /// Checks every invariant on every balance.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn audit_all(&mut self) -> Result<(), Violation> {
        self.check(true)
    }

    fn check(&mut self, all: bool) -> Result<(), Violation> {
        if let Some((asset, sum)) = self.ledger.broken_column(all) {
            let (minted, burned) = (self.ledger.minted(asset), self.ledger.burned(asset));
            let symbol = &self.assets[asset.index()].symbol;
            let detail = format!("{symbol}: sum {sum}, minted {minted}, burned {burned}");
            return Err(violation(0, detail));
        }
        for (i, pool) in self.pools.iter().enumerate() {
            let Some(pool) = pool.constant_product() else { continue };
            for (token, reserve) in [(pool.token0, pool.reserve0), (pool.token1, pool.reserve1)] {
                let held = self.balance(pool.account, token);
                if held < Amount::new(reserve) {
                    return Err(violation(1, format!("pool {i}: holds {held}, reserve {reserve}")));
                }
            }
        }
        for (m, market) in self.markets.iter().enumerate() {
            let Some(market) = market.pooled() else { continue };
            for (r, reserve) in market.reserves.iter().enumerate() {
                let held = self.balance(market.account, reserve.underlying);
                if held < reserve.virtual_balance {
                    let detail = format!(
                        "market {m} reserve {r}: holds {held}, available {}",
                        reserve.virtual_balance
                    );
                    return Err(violation(2, detail));
                }
                if reserve.liquidity_index < Ray::ONE || reserve.borrow_index < Ray::ONE {
                    let detail = format!(
                        "market {m} reserve {r}: {} and {}",
                        reserve.liquidity_index, reserve.borrow_index
                    );
                    return Err(violation(3, detail));
                }
                let config = &reserve.config;
                if config.liquidation_threshold < config.ltv {
                    let detail = format!(
                        "market {m} reserve {r}: LTV {:?}, threshold {:?}",
                        config.ltv, config.liquidation_threshold
                    );
                    return Err(violation(4, detail));
                }
                let (threshold, bonus) =
                    (config.liquidation_threshold.0, config.liquidation_bonus.0);
                if u64::from(threshold) * (10_000 + u64::from(bonus)) > 100_000_000 {
                    let detail =
                        format!("market {m} reserve {r}: threshold {threshold}, bonus {bonus} bps");
                    return Err(violation(5, detail));
                }
                // At the indexes of the last accrual: a block that touches nothing costs nothing.
                let supply = self.ledger.total_supply(reserve.a_token);
                let debt = self.ledger.total_supply(reserve.debt_token);
                let books = reserve.solvency(supply, debt);
                // Half-up rounding (3.0.2) may favour either side.
                if market.version == Version::V3_6 && books.is_none_or(|(has, owes)| has < owes) {
                    let detail = match books {
                        Some((has, owes)) => format!("{has} covers {owes}"),
                        None => "more than 256 bits".to_owned(),
                    };
                    return Err(violation(6, format!("market {m} reserve {r}: {detail}")));
                }
            }
        }
        self.check_families()
    }
}
