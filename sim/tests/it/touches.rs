//! Whose position a call may change besides its sender's: what a block has touched is found by it.

use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PoolId, U256, Wad};
use protocols::isolated::{Quantity, Seize};
use protocols::vault::Int;
use sim::chain::call::{
    AmountExpr, Call, CompoundCall, ConcentratedCall, IsolatedCall, PairCall, PerpetualCall,
    PooledCall, VaultCall,
};

const OTHER: AccountId = AccountId(7);
const MARKET: MarketId = MarketId(1);
const POOL: PoolId = PoolId(2);
const A: AssetId = AssetId(3);
const B: AssetId = AssetId(4);
const ALL: AmountExpr = AmountExpr::All;
const NOTHING: Amount = Amount::ZERO;

#[test]
fn calls_that_reach_another_account_name_it() {
    let (market, pool, asset, amount) = (MARKET, POOL, A, ALL);
    let (to, borrower, on_behalf, urn) = (OTHER, OTHER, OTHER, OTHER);
    let quantity = Quantity::Assets(NOTHING);
    let reaching = [
        Call::Liquidate { market, borrower, collateral: A, debt: B, amount },
        Call::Transfer { to, asset, amount },
        Call::Settle {
            trader: OTHER,
            pays_asset: A,
            pays: NOTHING,
            receives_asset: B,
            receives: NOTHING,
        },
        Call::Pair(PairCall::Mint { pool, to }),
        Call::Pair(PairCall::Burn { pool, to }),
        Call::Pair(PairCall::Swap { pool, out0: NOTHING, out1: NOTHING, to, body: 0 }),
        Call::Pair(PairCall::Skim { pool, to }),
        Call::Concentrated(ConcentratedCall::Mint {
            pool,
            owner: OTHER,
            lower: -1,
            upper: 1,
            liquidity: 1,
            body: None,
        }),
        Call::Pooled(PooledCall::Repay { market, borrower, asset, amount, with_shares: false }),
        Call::Pooled(PooledCall::Liquidate {
            market,
            borrower,
            collateral: A,
            debt: B,
            amount,
            receive_shares: true,
        }),
        Call::Pooled(PooledCall::TransferShares { market, to, asset, amount }),
        Call::Compound(CompoundCall::RepayBehalf { market, asset, borrower, amount }),
        Call::Compound(CompoundCall::Transfer { market, asset, to, tokens: amount }),
        Call::Isolated(IsolatedCall::Supply { market, on_behalf, quantity }),
        Call::Isolated(IsolatedCall::SupplyCollateral { market, on_behalf, amount }),
        Call::Isolated(IsolatedCall::Repay { market, borrower, quantity }),
        Call::Isolated(IsolatedCall::Liquidate {
            market,
            borrower,
            seize: Seize::Collateral(NOTHING),
        }),
        Call::Vault(VaultCall::Move { market, to, rad: NOTHING }),
        Call::Vault(VaultCall::Flux { market, ilk: 0, to, wad: NOTHING }),
        Call::Vault(VaultCall::Bite { market, ilk: 0, urn }),
        Call::Vault(VaultCall::Bark { market, ilk: 0, urn }),
        Call::Perpetual(PerpetualCall::Take { market, maker: OTHER, lots: 1 }),
        Call::Perpetual(PerpetualCall::Liquidate { market, account: OTHER, lots: 1 }),
        Call::Perpetual(PerpetualCall::Deleverage { market, account: OTHER }),
        Call::By { account: OTHER, body: 0 },
    ];
    for call in reaching {
        assert_eq!(call.touches(), Some(OTHER), "{call:?}");
    }
}

#[test]
fn calls_about_the_sender_alone_name_nobody() {
    let (market, pool, asset, amount) = (MARKET, POOL, A, ALL);
    let quantity = Quantity::Assets(NOTHING);
    let alone = [
        Call::Supply { market, asset, amount },
        Call::Borrow { market, asset, amount },
        Call::Checkpoint { feed: FeedId(0) },
        Call::Pair(PairCall::Sync { pool }),
        Call::Concentrated(ConcentratedCall::Initialize { pool, sqrt_price: U256::ZERO }),
        Call::Pooled(PooledCall::SetEMode { market, category: 1 }),
        Call::Compound(CompoundCall::Redeem { market, asset, tokens: amount }),
        Call::Isolated(IsolatedCall::Withdraw { market, quantity }),
        Call::Isolated(IsolatedCall::SetFee { market, fee: Wad::new(0) }),
        Call::Vault(VaultCall::Frob { market, ilk: 0, dink: Int::ZERO, dart: Int::ZERO }),
        Call::Perpetual(PerpetualCall::Offer { market, lots: 1, tick: 1 }),
        Call::Perpetual(PerpetualCall::Touch { market }),
    ];
    for call in alone {
        assert_eq!(call.touches(), None, "{call:?}");
    }
}
