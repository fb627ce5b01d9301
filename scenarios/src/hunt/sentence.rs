//! A transaction's calls in words.

use markets::units::{AccountId, AssetId, MarketId, PoolId};
use sim::chain::call::{AmountExpr, Call, CompoundCall, DeskCall, PairCall, PerpetualCall};
use sim::chain::{Chain, Market};

/// A call in words, amounts in whole tokens.
#[must_use]
pub fn sentence(chain: &Chain, call: &Call) -> String {
    let symbol = |asset: AssetId| chain.asset(asset).symbol.clone();
    let much = |asset: AssetId, amount: AmountExpr| match amount {
        AmountExpr::Exact(exact) => {
            let unit = sim::prices::unit(chain.asset(asset).decimals);
            format!("{:.6} {}", exact.to_f64() * unit, symbol(asset))
        }
        AmountExpr::All => format!("all {}", symbol(asset)),
        other => format!("{other:?} {}", symbol(asset)),
    };
    let account = |id: AccountId| chain.accounts()[id.index()].clone();
    let pool = |id: PoolId| account(chain.pool(id).account());
    let market = |id: MarketId| {
        account(match &chain.markets()[id.index()] {
            Market::Pooled(market) => market.account,
            Market::Compound(market) => market.admin,
            Market::MarginDesk(market) => market.account,
            Market::Isolated(market) => market.account,
            Market::Vault(market) => market.account,
            Market::Perpetual(market) => market.account,
        })
    };
    match *call {
        Call::FlashLoan { market: id, asset, amount, .. } => {
            format!("flash loan of {} from {}", much(asset, AmountExpr::Exact(amount)), market(id))
        }
        Call::Swap { pool: id, asset_in, amount, .. } => {
            format!("sell {} to {}", much(asset_in, amount), pool(id))
        }
        Call::Supply { market: id, asset, amount } => {
            format!("supply {} to {}", much(asset, amount), market(id))
        }
        Call::Withdraw { market: id, asset, amount } => {
            format!("withdraw {} from {}", much(asset, amount), market(id))
        }
        Call::Borrow { market: id, asset, amount } => {
            format!("borrow {} from {}", much(asset, amount), market(id))
        }
        Call::Repay { market: id, asset, amount } => {
            format!("repay {} to {}", much(asset, amount), market(id))
        }
        Call::Transfer { to, asset, amount } => {
            format!("transfer {} to {}", much(asset, amount), account(to))
        }
        Call::Liquidate { market: id, borrower, collateral, debt, amount } => format!(
            "liquidate {} at {}: {} for {}",
            account(borrower),
            market(id),
            much(debt, amount),
            symbol(collateral)
        ),
        Call::Desk(call) => match call {
            DeskCall::Open { market: id, margin } => {
                let asset = chain.markets()[id.index()].margin_desk().map(|desk| desk.loan);
                let margin = asset.map_or_else(String::new, |asset| much(asset, margin));
                format!("open a position at {} with a margin of {margin}", market(id))
            }
            DeskCall::Close { market: id } => {
                format!("close the position at {}", market(id))
            }
        },
        Call::Perpetual(PerpetualCall::Take { market: id, maker, lots }) => {
            format!("take {lots} lots of {}'s offer at {}", account(maker), market(id))
        }
        Call::Pair(PairCall::Swap { pool: id, out0, out1, body, .. }) if body > 0 => {
            let taken = chain.pool(id).constant_product().map(|pair| {
                let (asset, out) =
                    if out1.is_zero() { (pair.token0, out0) } else { (pair.token1, out1) };
                much(asset, AmountExpr::Exact(out))
            });
            format!("flash swap of {} from {}", taken.unwrap_or_default(), pool(id))
        }
        Call::Compound(CompoundCall::Redeem { market: id, asset, .. }) => {
            format!("redeem all but the first shares of {} at {}", symbol(asset), market(id))
        }
        Call::SetCollateral { market: id, asset, enabled: true } => {
            format!("enter {} at {}", symbol(asset), market(id))
        }
        Call::AddLiquidity { pool: id, .. } => format!("add liquidity to {}", pool(id)),
        Call::RemoveLiquidity { pool: id, .. } => format!("remove liquidity from {}", pool(id)),
        ref other => other.kind().replace('_', " "),
    }
}
