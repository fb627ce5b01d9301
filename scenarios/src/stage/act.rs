//! From calls by name to calls by id.

use super::names::{Names, Refusal};
use super::perpetual::call as perpetual;
use super::schema::{Act, Much};
use markets::amm::stable_swap::MAX_COINS;
use markets::units::{AccountId, Amount, MarketId};
use protocols::vault::{Lot, Vault};
use sim::chain::call::{
    AmountExpr, Call, CompoundCall, DeskCall, OracleCall, PairCall, StableSwapCall, VaultCall,
};
use sim::chain::{Chain, Feed, Market, Pool};

/// On which chain, by which names, who.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    pub(super) chain: &'a Chain,
    pub(super) names: &'a Names,
    pub(super) by: AccountId,
}

/// Appends the calls, each body after its call.
///
/// # Errors
/// The first name or number that cannot be used.
pub(super) fn translate(on: On<'_>, acts: &[Act], calls: &mut Vec<Call>) -> Result<(), Refusal> {
    for act in acts {
        one(on, act, calls)?;
    }
    Ok(())
}

/// Appends a call whose body is not known yet, the body, and tells the call its length.
fn with_body(
    on: On<'_>,
    body: &[Act],
    calls: &mut Vec<Call>,
    call: impl FnOnce(u16) -> Call,
) -> Result<(), Refusal> {
    let mut inner = Vec::new();
    translate(on, body, &mut inner)?;
    let Ok(length) = u16::try_from(inner.len()) else {
        let help = "a body has at most 65,535 calls".to_owned();
        return Err(("a body that is too long".to_owned(), help));
    };
    calls.push(call(length));
    calls.append(&mut inner);
    Ok(())
}

/// The vault system of an id.
fn vaults(chain: &Chain, market: MarketId) -> Result<&Vault, Refusal> {
    match &chain.markets()[market.index()] {
        Market::Vault(vault) => Ok(vault),
        _ => unsupported("only Vaults have auctions: this market"),
    }
}

fn unsupported<T>(what: &str) -> Result<T, Refusal> {
    Err((format!("{what} cannot do this"), "see docs/writing-a-scenario.md".to_owned()))
}

fn one(on: On<'_>, act: &Act, calls: &mut Vec<Call>) -> Result<(), Refusal> {
    let On { chain, names, by } = on;
    let much = |asset: &str, much: &Much| -> Result<AmountExpr, Refusal> {
        Ok(match much {
            Much::Tokens(tokens) => AmountExpr::Exact(names.units(asset, tokens)?),
            Much::All => AmountExpr::All,
            Much::MaxBorrow => AmountExpr::MaxBorrow,
        })
    };
    let loan = |market: &str, asset: &str, amount: &Much| -> Result<_, Refusal> {
        Ok((names.market(market)?, names.asset(asset)?, much(asset, amount)?))
    };
    let call = match act {
        Act::FlashLoan { market, asset, tokens, body } => {
            let (market, amount) = (names.market(market)?, names.units(asset, tokens)?);
            let asset = names.asset(asset)?;
            return with_body(on, body, calls, |body| Call::FlashLoan {
                market,
                asset,
                amount,
                body,
            });
        }
        Act::FlashSwap { pool, asset, tokens, body } => {
            let (id, amount) = (names.pool(pool)?, names.units(asset, tokens)?);
            let Pool::ConstantProduct(pair) = &chain.pools()[id.index()] else {
                return unsupported("only a pair lends by a swap: this pool");
            };
            let asset = names.asset(asset)?;
            let (out0, out1) = match asset {
                _ if asset == pair.token0 => (amount, Amount::ZERO),
                _ if asset == pair.token1 => (Amount::ZERO, amount),
                _ => return unsupported("the pair has no such asset: it"),
            };
            return with_body(on, body, calls, |body| {
                Call::Pair(PairCall::Swap { pool: id, out0, out1, to: by, body })
            });
        }
        Act::Swap { pool, give, much: amount, out } => {
            let (pool, amount) = (names.pool(pool)?, much(give, amount)?);
            let asset_in = names.asset(give)?;
            let min_out = Amount::ZERO;
            match out {
                Some(out) => {
                    let asset_out = names.asset(out)?;
                    let Pool::StableSwap(_) = &chain.pools()[pool.index()] else {
                        calls.push(Call::Swap { pool, asset_in, amount, min_out });
                        return Ok(());
                    };
                    let exchange =
                        StableSwapCall::Exchange { pool, asset_in, asset_out, amount, min_out };
                    Call::StableSwap(exchange)
                }
                None => Call::Swap { pool, asset_in, amount, min_out },
            }
        }
        Act::Buy { pool, take, tokens } => {
            let amount = AmountExpr::Exact(names.units(take, tokens)?);
            let (pool, asset_out) = (names.pool(pool)?, names.asset(take)?);
            Call::SwapExactOut { pool, asset_out, amount, max_in: Amount::MAX }
        }
        Act::AddLiquidity { pool, tokens } => {
            let id = names.pool(pool)?;
            let coins = match &chain.pools()[id.index()] {
                Pool::ConstantProduct(pair) => vec![pair.token0, pair.token1],
                Pool::StableSwap(pool) => pool.coins[..pool.n()].to_vec(),
                _ => return unsupported("this pool takes no deposits: it"),
            };
            if coins.len() != tokens.len() {
                let message = format!("{} amounts for {} assets", tokens.len(), coins.len());
                return Err((message, "give one for each, in the pool's order".to_owned()));
            }
            let mut amounts = [Amount::ZERO; MAX_COINS];
            for ((slot, coin), tokens) in amounts.iter_mut().zip(coins).zip(tokens) {
                *slot = Amount(tokens.units(names.decimals(coin))?);
            }
            if let Pool::ConstantProduct(_) = &chain.pools()[id.index()] {
                Call::AddLiquidity { pool: id, max0: amounts[0], max1: amounts[1] }
            } else {
                let min_shares = Amount::ZERO;
                Call::StableSwap(StableSwapCall::AddLiquidity { pool: id, amounts, min_shares })
            }
        }
        Act::RemoveLiquidity { pool, shares } => {
            let (id, shares) = (names.pool(pool)?, much(pool, shares)?);
            match &chain.pools()[id.index()] {
                Pool::StableSwap(_) => {
                    let min_amounts = [Amount::ZERO; MAX_COINS];
                    let burn = StableSwapCall::RemoveLiquidity { pool: id, shares, min_amounts };
                    Call::StableSwap(burn)
                }
                _ => Call::RemoveLiquidity { pool: id, shares },
            }
        }
        Act::Supply { market, asset, much } => {
            let (market, asset, amount) = loan(market, asset, much)?;
            Call::Supply { market, asset, amount }
        }
        Act::Withdraw { market, asset, much } => {
            let (market, asset, amount) = loan(market, asset, much)?;
            Call::Withdraw { market, asset, amount }
        }
        Act::Borrow { market, asset, much } => {
            let (market, asset, amount) = loan(market, asset, much)?;
            Call::Borrow { market, asset, amount }
        }
        Act::Repay { market, asset, much } => {
            let (market, asset, amount) = loan(market, asset, much)?;
            Call::Repay { market, asset, amount }
        }
        Act::Liquidate { market, borrower, collateral, debt, much: amount } => Call::Liquidate {
            market: names.market(market)?,
            borrower: names.account(borrower)?,
            collateral: names.asset(collateral)?,
            amount: much(debt, amount)?,
            debt: names.asset(debt)?,
        },
        Act::EnterMarket { market, asset } => Call::SetCollateral {
            market: names.market(market)?,
            asset: names.asset(asset)?,
            enabled: true,
        },
        Act::Transfer { to, asset, much: amount } => Call::Transfer {
            to: names.account(to)?,
            amount: much(asset, amount)?,
            asset: names.asset(asset)?,
        },
        Act::Sync { pool } => Call::Pair(PairCall::Sync { pool: names.pool(pool)? }),
        Act::OpenPosition { market, margin } => {
            let market = names.market(market)?;
            let Market::MarginDesk(desk) = &chain.markets()[market.index()] else {
                return unsupported("only a desk opens positions: this market");
            };
            let margin = AmountExpr::Exact(Amount(margin.units(names.decimals(desk.loan))?));
            Call::Desk(DeskCall::Open { market, margin })
        }
        Act::ClosePosition { market } => {
            Call::Desk(DeskCall::Close { market: names.market(market)? })
        }
        Act::Touch { feed } => {
            let feed = names.feed(feed)?;
            match chain.feed(feed) {
                Feed::Composed(_) => Call::Oracle(OracleCall::Poke { feed }),
                _ => Call::Checkpoint { feed },
            }
        }
        Act::Poke { market, collateral } => {
            let (market, token) = (names.market(market)?, names.asset(collateral)?);
            let Some(ilk) = vaults(chain, market)?.ilk_of(token) else {
                return unsupported("this is no collateral of the vaults: they");
            };
            Call::Vault(VaultCall::Poke { market, ilk })
        }
        Act::Bid { market, auction: id, dai, lot } => {
            let market = names.market(market)?;
            let Some(auction) = vaults(chain, market)?.auction(*id) else {
                return Err((format!("no auction {id} runs"), "count them from 1".to_owned()));
            };
            let Lot::English(standing) = &auction.lot else {
                return unsupported("nobody bids in a Dutch auction: Bid");
            };
            let (auction, bid) = (*id, Amount(dai.units(45)?));
            Call::Vault(match lot {
                None => VaultCall::Tend { market, auction, lot: standing.lot, bid },
                Some(lot) => {
                    let lot = Amount(lot.units(18)?);
                    VaultCall::Dent { market, auction, lot, bid }
                }
            })
        }
        Act::Deal { market, auction } => {
            Call::Vault(VaultCall::Deal { market: names.market(market)?, auction: *auction })
        }
        Act::Offer { .. }
        | Act::Take { .. }
        | Act::TakeOver { .. }
        | Act::Deleverage { .. }
        | Act::Mark { .. } => perpetual(on, act)?,
        Act::Redeem { market, asset, shares } => {
            let tokens = AmountExpr::Exact(Amount(shares.units(8)?));
            let (market, asset) = (names.market(market)?, names.asset(asset)?);
            Call::Compound(CompoundCall::Redeem { market, asset, tokens })
        }
    };
    calls.push(call);
    Ok(())
}
