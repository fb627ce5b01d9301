//! Inventories: what a trading participant wants to hold, and its way back there at the exchange.

use super::Token;
use markets::units::AccountId;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, ExchangeOrder, Outbox};
use sim::chain::Chain;
use sim::prices::FairPrices;

/// A target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wants {
    /// What.
    pub(crate) token: Token,
    /// How much, in whole tokens.
    pub(crate) tokens: f64,
}

/// Targets in several tokens, and what keeps the participant from ordering twice for one gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Treasury {
    /// The first is cash: what everything is turned into and bought from.
    wants: Vec<Wants>,
    /// Smallest gap that is traded, in USD.
    min_order_usd: f64,
    /// Smallest gap that is traded, as a share of the target.
    band: f64,
    /// No order before this block: the last one has not settled.
    busy_until: u64,
}

impl Treasury {
    /// Targets, the cash token first.
    pub(crate) fn new(wants: Vec<Wants>, min_order_usd: f64, band: f64) -> Self {
        Self { wants, min_order_usd, band, busy_until: 0 }
    }

    /// What everything is turned into.
    pub(crate) fn cash(&self) -> Option<Token> {
        self.wants.first().map(|want| want.token)
    }

    /// Sends no order before a block.
    pub(crate) const fn hold(&mut self, until_block: u64) {
        if self.busy_until < until_block {
            self.busy_until = until_block;
        }
    }

    /// Value of what is held beyond the targets of all but cash, in USD at fair prices.
    pub(crate) fn surplus_usd(
        &self,
        chain: &Chain,
        prices: &FairPrices,
        account: AccountId,
    ) -> f64 {
        let beyond = |want: &Wants| {
            let gap = want.token.held(chain, account) - want.tokens;
            gap.max(0.0) * prices.usd(want.token.asset)
        };
        self.wants.iter().skip(1).map(beyond).sum()
    }

    /// Sends orders that lead every token but cash back to its target: what is above is sold for
    /// cash, what is below is bought while there is cash. An order fills in the next block and is on
    /// chain after it, so the next look at balances that counts is two blocks away.
    pub(crate) fn rebalance(
        &mut self,
        chain: &Chain,
        prices: &FairPrices,
        actor: &Actor,
        account: AccountId,
        outbox: &mut Outbox,
    ) {
        let block = chain.clock().block;
        if block < self.busy_until {
            return;
        }
        let Some((cash, others)) = self.wants.split_first() else { return };
        for want in others {
            let gap = want.token.held(chain, account) - want.tokens;
            let price = prices.usd(want.token.asset);
            let size = gap.abs();
            if size * price < self.min_order_usd || size < self.band * want.tokens {
                continue;
            }
            let (sell, buy, tokens) = if gap > 0.0 {
                (want.token, cash.token, size)
            } else {
                let cost = size * price / prices.usd(cash.token.asset);
                // Leave most of the cash to work: at most half of it buys back a target.
                (cash.token, want.token, cost.min(0.5 * cash.token.held(chain, account)))
            };
            let amount = sell.amount(tokens);
            if amount.is_zero() {
                continue;
            }
            outbox.order(ExchangeOrder {
                trader: account,
                actor: actor.id,
                sell: sell.asset,
                buy: buy.asset,
                amount,
            });
            self.busy_until = block + 2;
        }
    }
}
