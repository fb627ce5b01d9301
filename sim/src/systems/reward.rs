//! Reward: the block's contribution to the objective.

use crate::chain::Chain;
use crate::config::Config;
use crate::further::FurtherMarkets;
use crate::mempool::Mempool;
use crate::perpetuals::Perpetuals;
use crate::prices::FairPrices;
use crate::reward::{EpisodeTotals, RewardState};
use crate::score::{AttackerBooks, TreasuryBook, score};
use crate::views::{MarketViews, PositionViews};
use bevy_ecs::prelude::*;

/// Adds the block to the episode's totals and the learner's account.
#[expect(clippy::too_many_arguments, reason = "a system's arguments are what it looks at")]
pub fn score_block(
    config: Res<Config>,
    chain: Res<Chain>,
    prices: Res<FairPrices>,
    mempool: Res<Mempool>,
    positions: Res<PositionViews>,
    mut market: ResMut<MarketViews>,
    mut further: ResMut<FurtherMarkets>,
    mut perpetuals: ResMut<Perpetuals>,
    mut treasury: ResMut<TreasuryBook>,
    mut attackers: ResMut<AttackerBooks>,
    mut totals: ResMut<EpisodeTotals>,
    mut reward: ResMut<RewardState>,
) {
    score(&config, &chain, &prices, &mempool, &mut market, &mut totals);
    further.count(&chain, &prices);
    perpetuals.count(&chain, &prices);
    totals.latent_bad_debt_usd = positions.shortfall_total_usd - treasury.latent_at_start_usd;
    if !mempool.executed.is_empty() {
        totals.revenue_usd += treasury.collect(&chain, &market);
        totals.attacker_profit_usd += attackers.settle(&chain, &prices, &market, &positions);
    }
    totals.mark_equity();
    reward.objective_usd = config.objective.value(&totals);
    reward.elapsed_blocks += 1;
}
