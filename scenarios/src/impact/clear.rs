//! Liquidating everybody, by the market's own calls.

use super::{borrowers, liquidatable, usd};
use crate::genesis::before_first_block;
use markets::units::{AccountId, Amount, MarketId, U256, Wad};
use serde::Serialize;
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call, Log, Outcome, PooledCall};

/// More calls than this on one account mean that it does not end.
const MOST_CALLS: usize = 64;

/// What liquidating everybody at the oracles' prices comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cleared {
    /// Accounts that were liquidated.
    pub accounts: u64,
    /// Calls that it took.
    pub calls: u64,
    /// Debt repaid, in USD.
    pub repaid_usd: f64,
    /// Collateral taken, in USD.
    pub seized_usd: f64,
    /// Accounts that leave a debt which nothing covers.
    pub insolvent: u64,
    /// That debt, in USD: written off, or left beyond the collateral where no call is possible.
    pub bad_debt_usd: f64,
}

/// Liquidates everybody in a copy of the chain, by account, with all the money that it takes, until each
/// is above the line or has nothing left. Of several pairs the one with most to repay comes first. The
/// collateral is taken as supply shares, so that the reserve's liquidity sets no limit.
#[must_use]
pub fn clear(chain: &Chain, market: MarketId) -> Cleared {
    let Ok(everybody) = borrowers(chain, market) else { return Cleared::default() };
    let at_risk: Vec<AccountId> = liquidatable(&everybody).map(|a| a.id).collect();
    if at_risk.is_empty() {
        return Cleared::default();
    }
    let mut chain = chain.clone();
    let liquidator = chain.add_account("liquidator of all");
    let mut sum = Cleared::default();
    for account in at_risk {
        let before = owed_base(&chain, market);
        let mut calls = 0;
        while calls < MOST_CALLS && is_liquidatable(&chain, market, account) {
            if !once(&mut chain, market, liquidator, account, &mut sum) {
                break;
            }
            calls += 1;
        }
        sum.calls += calls as u64;
        sum.accounts += u64::from(calls > 0);
        let written_off = usd(owed_base(&chain, market).saturating_sub(before));
        let left = shortfall_usd(&chain, market, account);
        if written_off + left > 0.0 {
            sum.insolvent += 1;
            sum.bad_debt_usd += written_off + left;
        }
    }
    sum
}

/// Value of what has been written off, in USD·10⁸.
fn owed_base(chain: &Chain, market: MarketId) -> U256 {
    let of = |r: &protocols::reserve::Reserve| value_base(chain, market, r.underlying, r.deficit);
    chain.pooled(market).reserves.iter().map(of).fold(U256::ZERO, U256::saturating_add)
}

/// Value of an amount at the market's oracle, in USD·10⁸, floored.
fn value_base(
    chain: &Chain,
    market: MarketId,
    asset: markets::units::AssetId,
    amount: Amount,
) -> U256 {
    let pooled = chain.pooled(market);
    let reserve = pooled.reserve_of(asset).and_then(|r| pooled.reserves.get(usize::from(r)));
    let price = reserve.and_then(|r| chain.price(r.feed).ok());
    let (Some(reserve), Some(price)) = (reserve, price) else { return U256::ZERO };
    let unit = U256::from(10).pow(U256::from(reserve.decimals));
    amount.0.saturating_mul(U256::from(price.0)) / unit
}

fn is_liquidatable(chain: &Chain, market: MarketId, account: AccountId) -> bool {
    chain.health(market, account).is_ok_and(|h| h.health_factor < Wad::ONE)
}

/// Debt beyond collateral.
fn shortfall_usd(chain: &Chain, market: MarketId, account: AccountId) -> f64 {
    chain
        .health(market, account)
        .map_or(0.0, |h| usd(h.debt_base.saturating_sub(h.collateral_base)))
}

/// One call that the market takes, on the pair with most to repay. Returns whether there is one.
fn once(
    chain: &mut Chain,
    market: MarketId,
    liquidator: AccountId,
    borrower: AccountId,
    sum: &mut Cleared,
) -> bool {
    let pooled = chain.pooled(market);
    let position = pooled.position(borrower);
    let mut pairs = Vec::new();
    for c in position.collateral_reserves() {
        for d in position.borrowed_reserves() {
            let [of_c, of_d] = [c, d].map(|r| pooled.reserves[usize::from(r)].underlying);
            let has = value_base(chain, market, of_c, pooled.supplied(chain, borrower, c));
            let owes = value_base(chain, market, of_d, pooled.debt(chain, borrower, d));
            pairs.push((has.min(owes), of_c, of_d, pooled.debt(chain, borrower, d)));
        }
    }
    // Largest first; the order of reserves breaks ties.
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.0));
    for (_, collateral, debt, owed) in pairs {
        // All that is allowed; where that would leave dust, less.
        for share in 0..6_u8 {
            let amount = Amount(owed.0 >> usize::from(share));
            if amount.is_zero() || chain.genesis_mint(liquidator, debt, amount).is_err() {
                continue;
            }
            let call = Call::Pooled(PooledCall::Liquidate {
                market,
                borrower,
                collateral,
                debt,
                amount: AmountExpr::Exact(amount),
                receive_shares: true,
            });
            if before_first_block(chain, liquidator, &[call]) == Outcome::Success {
                let done = chain.logs().iter().rev().find_map(|log| match log {
                    Log::Liquidation { seized, repaid, .. } => Some((*seized, *repaid)),
                    _ => None,
                });
                let (seized, repaid) = done.unwrap_or_default();
                sum.repaid_usd += usd(value_base(chain, market, debt, repaid));
                sum.seized_usd += usd(value_base(chain, market, collateral, seized));
                return true;
            }
        }
    }
    false
}
