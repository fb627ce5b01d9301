//! What becomes of a crowd in an episode: its liquidations, who made them, and what was left of the bonus.

use super::{quantile, sorted};
use markets::units::{AccountId, Amount, AssetId, MarketId};
use serde::Serialize;
use sim::chain::Chain;
use sim::chain::call::{Call, Log, Outcome};
use sim::lane::Lane;
use sim::prices::FairPrices;
use sim::views::PositionViews;
use std::collections::{BTreeMap, BTreeSet};

/// Moments of an episode's liquidations. USD at the oracles' prices at the end of each block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Episode {
    /// Blocks played.
    pub blocks: u64,
    /// Liquidation calls that succeeded.
    pub events: u64,
    /// Accounts that were liquidated at least once.
    pub accounts: u64,
    /// Debt repaid by liquidators, in USD.
    pub repaid_usd: f64,
    /// The same as a share of all debt at the start.
    pub repaid_share: f64,
    /// Debt repaid by a call, in USD: mean.
    pub event_mean_usd: f64,
    /// Median of the same.
    pub event_median_usd: f64,
    /// Calls per liquidated account.
    pub events_per_account: f64,
    /// Times that an account fell below the line.
    pub falls: u64,
    /// Share of those that were liquidated, not saved by the price, the borrower or the episode's end.
    pub falls_liquidated: f64,
    /// Of those that were liquidated, share in the first block in which they could be.
    pub immediate_share: f64,
    /// Of those, time from falling below the line to the first call, in seconds: mean.
    pub wait_mean_secs: f64,
    /// Ninetieth percentile of the same.
    pub wait_p90_secs: f64,
    /// Collateral taken beyond the debt repaid, over that debt: the bonus, the protocol's share included.
    pub bonus_ratio: f64,
    /// The bonus less all gas of transactions that tried to liquidate, over the debt repaid.
    pub bonus_net_of_gas_ratio: f64,
    /// Tips of those transactions, as a share of the bonus.
    pub tips_of_bonus: f64,
    /// Share of successful liquidations that tipped more than the average transaction of their block.
    pub above_average_tip_share: f64,
    /// Transactions that tried to liquidate and failed, as a share of all that tried.
    pub failed_share: f64,
    /// Accounts that liquidated.
    pub liquidators: u64,
    /// Share of the debt repaid by the largest.
    pub largest_liquidator_share: f64,
    /// Sum of the squares of these shares (Herfindahl and Hirschman).
    pub concentration: f64,
    /// Bad debt written off, over the debt repaid.
    pub deficit_ratio: f64,
}

/// Counters of an episode in play.
#[derive(Debug, Default)]
struct Counting {
    /// Accounts below the line, and since which block.
    below: BTreeMap<AccountId, u64>,
    waits: Vec<f64>,
    falls: u64,
    immediate: u64,
    sizes: Vec<f64>,
    accounts: BTreeSet<AccountId>,
    liquidators: BTreeMap<AccountId, f64>,
    seized_usd: f64,
    written_off_usd: f64,
    gas_usd: f64,
    tips_usd: f64,
    above_average: u64,
    tried: u64,
    failed: u64,
}

/// Plays a lane's episode to its end, or `blocks` of it, without a risk policy.
pub fn play(lane: &mut Lane, blocks: u64, progress: &dyn Fn(u64)) -> Episode {
    let market = lane.config().market;
    let secs = f64::from(lane.config().block_secs);
    let at_start = super::population(lane.chain(), market).debt_usd;
    let mut counting = Counting::default();
    let mut played = 0;
    while played < blocks && !lane.is_over() {
        lane.open_block();
        let block = lane.chain().clock().block;
        counting.falls(&lane.world().resource::<PositionViews>().at_risk, block);
        lane.close_block(None);
        counting.block(lane, market, block, secs);
        played += 1;
        progress(1);
    }
    counting.finish(played, at_start)
}

impl Counting {
    /// Who is below the line now, and who no longer is.
    fn falls(&mut self, at_risk: &[AccountId], block: u64) {
        let now: BTreeSet<AccountId> = at_risk.iter().copied().collect();
        self.below.retain(|account, _| now.contains(account));
        for account in now {
            self.below.entry(account).or_insert_with(|| {
                self.falls += 1;
                block
            });
        }
    }

    /// The block that has just closed.
    fn block(&mut self, lane: &Lane, market: MarketId, block: u64, secs: f64) {
        let chain = lane.chain();
        for log in chain.logs() {
            match *log {
                Log::Liquidation {
                    market: of,
                    by,
                    borrower,
                    collateral,
                    debt,
                    seized,
                    repaid,
                    ..
                } if of == market => {
                    let repaid = value(chain, market, debt, repaid);
                    self.seized_usd += value(chain, market, collateral, seized);
                    self.sizes.push(repaid);
                    self.accounts.insert(borrower);
                    *self.liquidators.entry(by).or_default() += repaid;
                    self.waited(borrower, block, secs);
                }
                Log::BadDebt { market: of, asset, amount, .. } if of == market => {
                    self.written_off_usd += value(chain, market, asset, amount);
                }
                _ => {}
            }
        }
        self.gas(lane);
    }

    /// The first call on an account since it fell below the line; one that fell within the block did not
    /// wait.
    fn waited(&mut self, borrower: AccountId, block: u64, secs: f64) {
        let since = self.below.remove(&borrower).unwrap_or_else(|| {
            self.falls += 1;
            block
        });
        self.immediate += u64::from(since == block);
        self.waits.push((block - since) as f64 * secs);
    }

    /// What was paid for gas.
    fn gas(&mut self, lane: &Lane) {
        let chain = lane.chain();
        let eth = lane.world().resource::<FairPrices>().usd(chain.gas_asset());
        let base = chain.clock().base_fee;
        let usd = |wei: f64| wei * 1e-18 * eth;
        let tip = |paid: Amount, used: u64| {
            if used == 0 { 0.0 } else { paid.to_f64() / used as f64 - base as f64 }
        };
        let (mut tips, mut paying) = (0.0, 0.0);
        for (_, receipt) in lane.block().included().filter(|(tx, _)| !tx.header.system) {
            tips += tip(receipt.gas_paid, receipt.gas_used);
            paying += 1.0;
        }
        for (tx, receipt) in lane.block().included().filter(|(tx, _)| !tx.header.system) {
            if !tx.calls.iter().any(is_liquidation) {
                continue;
            }
            let mine = tip(receipt.gas_paid, receipt.gas_used);
            self.tried += 1;
            self.gas_usd += usd(receipt.gas_paid.to_f64());
            self.tips_usd += usd(mine * receipt.gas_used as f64);
            if receipt.outcome == Outcome::Success {
                self.above_average += u64::from(mine > tips / paying);
            } else {
                self.failed += 1;
            }
        }
    }

    fn finish(self, blocks: u64, debt_usd: f64) -> Episode {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        let sizes = sorted(self.sizes);
        let waits = sorted(self.waits);
        let (events, waited) = (sizes.len() as f64, waits.len() as f64);
        let repaid: f64 = sizes.iter().sum();
        let bonus = self.seized_usd - repaid;
        let shares = self.liquidators.values().map(|usd| ratio(*usd, repaid));
        Episode {
            blocks,
            events: sizes.len() as u64,
            accounts: self.accounts.len() as u64,
            repaid_usd: repaid,
            repaid_share: ratio(repaid, debt_usd),
            event_mean_usd: ratio(repaid, events),
            event_median_usd: quantile(&sizes, 0.5),
            events_per_account: ratio(events, self.accounts.len() as f64),
            falls: self.falls,
            falls_liquidated: ratio(waited, self.falls as f64),
            immediate_share: ratio(self.immediate as f64, waited),
            wait_mean_secs: ratio(waits.iter().sum(), waited),
            wait_p90_secs: quantile(&waits, 0.9),
            bonus_ratio: ratio(bonus, repaid),
            bonus_net_of_gas_ratio: ratio(bonus - self.gas_usd, repaid),
            tips_of_bonus: ratio(self.tips_usd, bonus),
            above_average_tip_share: ratio(
                self.above_average as f64,
                (self.tried - self.failed) as f64,
            ),
            failed_share: ratio(self.failed as f64, self.tried as f64),
            liquidators: self.liquidators.len() as u64,
            largest_liquidator_share: shares.clone().fold(0.0, f64::max),
            concentration: shares.map(|share| share * share).fold(0.0, |sum, square| sum + square),
            deficit_ratio: ratio(self.written_off_usd, repaid),
        }
    }
}

fn is_liquidation(call: &Call) -> bool {
    call.kind() == "liquidate"
}

/// An amount at the market's oracle, in USD; nothing while it is silent.
fn value(chain: &Chain, market: MarketId, asset: AssetId, amount: Amount) -> f64 {
    let pooled = chain.pooled(market);
    let reserve = pooled.reserve_of(asset).and_then(|r| pooled.reserves.get(usize::from(r)));
    let price = reserve.and_then(|r| Some((r.decimals, chain.price(r.feed).ok()?.usd())));
    price.map_or(0.0, |(decimals, usd)| amount.to_f64() * sim::prices::unit(decimals) * usd)
}
