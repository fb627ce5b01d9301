//! A transaction's calls in words.

use markets::units::{AccountId, Amount, AssetId, MarketId, PoolId};
use sim::chain::call::{
    AmountExpr, Call, CompoundCall, DeskCall, PairCall, PerpetualCall, StableSwapCall,
};
use sim::chain::{Chain, Market};
use sim::worth::backing;

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
    let c_token = |id: MarketId, asset: AssetId| {
        let market = chain.markets()[id.index()].compound()?;
        market.token(market.token_of(asset)?).ok()
    };
    // Compound's markets are accounts of their own, one per asset.
    let lender = |id: MarketId, asset: AssetId| {
        account(match &chain.markets()[id.index()] {
            Market::Pooled(market) => market.account,
            Market::Compound(market) => {
                c_token(id, asset).map_or(market.admin, |token| token.account)
            }
            Market::MarginDesk(market) => market.account,
            Market::Isolated(market) => market.account,
            Market::Vault(market) => market.account,
            Market::Perpetual(market) => market.account,
        })
    };
    let market = |id: MarketId| lender(id, AssetId(0));
    let coins = |id: PoolId, amounts: &[Amount]| {
        let coins = backing(chain, chain.pool(id)).map(|(_, coins)| coins).unwrap_or_default();
        let given = coins.iter().zip(amounts).filter(|(_, amount)| !amount.is_zero());
        let words = given.map(|((coin, _), amount)| much(*coin, AmountExpr::Exact(*amount)));
        words.collect::<Vec<_>>().join(" and ")
    };
    let shares = |id: PoolId, amount: AmountExpr| match (backing(chain, chain.pool(id)), amount) {
        (_, AmountExpr::All) => "all shares".to_owned(),
        (Some((share, _)), amount) => much(share, amount),
        (None, other) => format!("{other:?} shares"),
    };
    match *call {
        Call::FlashLoan { market: id, asset, amount, .. } => {
            format!("flash loan of {} from {}", much(asset, AmountExpr::Exact(amount)), market(id))
        }
        Call::Swap { pool: id, asset_in, amount, .. } => {
            format!("sell {} to {}", much(asset_in, amount), pool(id))
        }
        Call::Supply { market: id, asset, amount } => {
            format!("supply {} to {}", much(asset, amount), lender(id, asset))
        }
        Call::Withdraw { market: id, asset, amount } => {
            format!("withdraw {} from {}", much(asset, amount), lender(id, asset))
        }
        Call::Borrow { market: id, asset, amount } => {
            format!("borrow {} from {}", much(asset, amount), lender(id, asset))
        }
        Call::Repay { market: id, asset, amount } => {
            format!("repay {} to {}", much(asset, amount), lender(id, asset))
        }
        Call::Transfer { to, asset, amount } => {
            format!("transfer {} to {}", much(asset, amount), account(to))
        }
        Call::Liquidate { market: id, borrower, collateral, debt, amount } => format!(
            "liquidate {} at {}: {} for {}",
            account(borrower),
            lender(id, debt),
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
        Call::By { body: 1, .. } => "the next one by its contract".to_owned(),
        Call::By { body, .. } => format!("the next {body} by its contract"),
        Call::Perpetual(PerpetualCall::Offer { market: id, lots, tick }) => {
            let side = if lots < 0 { "sell" } else { "buy" };
            format!(
                "offer to {side} {} lots at {tick} ticks at {}",
                lots.unsigned_abs(),
                market(id)
            )
        }
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
        Call::Compound(CompoundCall::Redeem { market: id, asset, tokens }) => {
            let token = c_token(id, asset);
            let what = token.map_or_else(|| symbol(asset), |token| much(token.c_token, tokens));
            format!("redeem {what} at {}", lender(id, asset))
        }
        Call::SetCollateral { market: id, asset, enabled: true } => {
            format!("enter {} at {}", symbol(asset), lender(id, asset))
        }
        Call::AddLiquidity { pool: id, max0, max1 } => {
            format!("add at most {} to {}", coins(id, &[max0, max1]), pool(id))
        }
        Call::RemoveLiquidity { pool: id, shares: amount } => {
            format!("remove the liquidity of {} from {}", shares(id, amount), pool(id))
        }
        Call::StableSwap(ref call) => match *call {
            StableSwapCall::Exchange { pool: id, asset_in, asset_out, amount, .. } => {
                format!("sell {} for {} to {}", much(asset_in, amount), symbol(asset_out), pool(id))
            }
            StableSwapCall::AddLiquidity { pool: id, ref amounts, .. } => {
                format!("add {} to {}", coins(id, amounts), pool(id))
            }
            StableSwapCall::RemoveLiquidity { pool: id, shares: amount, .. } => {
                format!("remove the liquidity of {} from {}", shares(id, amount), pool(id))
            }
            StableSwapCall::RemoveLiquidityOneCoin {
                pool: id, shares: amount, asset_out, ..
            } => {
                let amount = shares(id, amount);
                format!(
                    "remove the liquidity of {amount} from {} in {}",
                    pool(id),
                    symbol(asset_out)
                )
            }
            ref other => other.kind().replace('_', " "),
        },
        ref other => other.kind().replace('_', " "),
    }
}
