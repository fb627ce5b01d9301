//! A pair at the contract's level: what is sent lies there for whoever asks, a flash swap is judged by
//! what is there at its end, and nothing of a failed one remains.

use markets::amm::PoolError;
use markets::amm::constant_product::ConstantProduct;
use markets::units::{AccountId, Amount, AssetId, Pips, PoolId};
use sim::chain::call::{AmountExpr, Call, Log, Outcome, PairCall, Revert, Transaction, TxHeader};
use sim::chain::{Chain, Pool};

const POOL: PoolId = PoolId(0);
const USD: AssetId = AssetId(1);
const TOK: AssetId = AssetId(2);
const LP: AssetId = AssetId(3);
const PAIR: AccountId = AccountId(2);
const ALICE: AccountId = AccountId(3);
const BOB: AccountId = AccountId(4);
const FEE_TO: AccountId = AccountId(5);

/// A pool of a million each, Alice's.
fn chain() -> Chain {
    let mut chain = Chain::new("ETH", 1_600_000_000, 0);
    assert_eq!([USD, TOK, LP], ["USD", "TOK", "LP"].map(|symbol| chain.add_asset(symbol, 18)));
    let accounts = ["pair", "alice", "bob", "fee to"].map(|name| chain.add_account(name));
    assert_eq!([PAIR, ALICE, BOB, FEE_TO], accounts);
    for account in [ALICE, BOB] {
        for asset in [USD, TOK] {
            chain.genesis_mint(account, asset, Amount::new(10_000_000)).unwrap();
        }
    }
    let mut pair = ConstantProduct::new(USD, TOK, LP, PAIR, Pips(3_000));
    pair.fee_to = Some(FEE_TO);
    chain.add_pool(Pool::ConstantProduct(pair));
    let deposit = [send(USD, 1_000_000), send(TOK, 1_000_000), MINT];
    assert_eq!(run(&mut chain, ALICE, &deposit), Outcome::Success);
    assert_eq!(chain.balance(ALICE, LP), Amount::new(999_000));
    chain
}

const MINT: Call = Call::Pair(PairCall::Mint { pool: POOL, to: ALICE });

fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}
fn send(asset: AssetId, amount: u128) -> Call {
    Call::Transfer { to: PAIR, asset, amount: exact(amount) }
}
fn swap(out0: u128, out1: u128, body: u16) -> Call {
    let (out0, out1) = (Amount::new(out0), Amount::new(out1));
    Call::Pair(PairCall::Swap { pool: POOL, out0, out1, to: BOB, body })
}

/// As the chain's own: no gas, so that a revert may change nothing at all.
fn run(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Outcome {
    let header = TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: u64::MAX,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    };
    let outcome = chain.execute(Transaction { header: &header, calls }).outcome;
    chain.audit_all().unwrap();
    outcome
}

fn refused(call: u16, reason: PoolError) -> Outcome {
    Outcome::Reverted { call, reason: Revert::Pool(reason) }
}

#[test]
fn a_flash_swap_costs_a_little_over_the_fee() {
    let mut chain = chain();
    let repay = |amount| [swap(100_000, 0, 1), Call::Transfer { to: PAIR, asset: USD, amount }];
    assert_eq!(run(&mut chain, BOB, &repay(exact(100_300))), refused(0, PoolError::ProductFell));
    assert_eq!(run(&mut chain, BOB, &repay(AmountExpr::FlashDebt)), Outcome::Success);
    assert_eq!(chain.balance(BOB, USD), Amount::new(10_000_000 - 301));
    // Or in the other asset, as any swap.
    let pay = [swap(90_661, 0, 1), send(TOK, 100_000)];
    let before = chain.balance(BOB, TOK);
    assert_eq!(run(&mut chain, BOB, &pay), Outcome::Success);
    assert_eq!(before.0 - chain.balance(BOB, TOK).0, Amount::new(100_000).0);
    let swaps = chain.logs().iter().map(|log| match log {
        Log::PairSwap { ins, outs, .. } => (ins[0], outs[0]),
        Log::Swap { amount_in, amount_out, .. } => (*amount_in, *amount_out),
        _ => unreachable!("swaps only"),
    });
    let a = Amount::new;
    assert_eq!(swaps.collect::<Vec<_>>(), [(a(100_301), a(100_000)), (a(100_000), a(90_661))]);
    // Of two assets at once there is no one debt.
    let both =
        [swap(1, 1, 1), Call::Transfer { to: PAIR, asset: USD, amount: AmountExpr::FlashDebt }];
    let outcome = run(&mut chain, BOB, &both);
    assert_eq!(outcome, Outcome::Reverted { call: 1, reason: Revert::BadAmount });
}

#[test]
fn a_pair_whose_flash_swap_is_open_refuses_every_call_of_its_own() {
    let mut chain = chain();
    assert_eq!(run(&mut chain, BOB, &[send(LP, 0)]), Outcome::Success);
    let amount = exact(1_000);
    let (min_out, max_in) = (Amount::ZERO, Amount::MAX);
    for inner in [
        MINT,
        Call::Pair(PairCall::Burn { pool: POOL, to: BOB }),
        swap(1, 0, 0),
        swap(1, 0, 1),
        Call::Pair(PairCall::Sync { pool: POOL }),
        Call::Pair(PairCall::Skim { pool: POOL, to: BOB }),
        Call::Swap { pool: POOL, asset_in: USD, amount, min_out },
        Call::SwapExactOut { pool: POOL, asset_out: USD, amount, max_in },
        Call::AddLiquidity { pool: POOL, max0: max_in, max1: max_in },
        Call::RemoveLiquidity { pool: POOL, shares: amount },
    ] {
        let before = chain.clone();
        let calls = [swap(1_000, 0, 2), inner, send(USD, 1_004)];
        assert_eq!(run(&mut chain, BOB, &calls), refused(1, PoolError::Locked), "{inner:?}");
        assert!(chain == before);
    }
    // Its reserves are still the old ones to whoever reads them in the body, as deployed.
    let peek = [swap(1_000, 0, 1), send(USD, 1_004)];
    assert_eq!(run(&mut chain, BOB, &peek), Outcome::Success);
}

#[test]
fn what_lies_at_the_pair_belongs_to_whoever_asks_first() {
    let mut chain = chain();
    let skim = Call::Pair(PairCall::Skim { pool: POOL, to: BOB });
    assert_eq!(run(&mut chain, ALICE, &[send(USD, 500)]), Outcome::Success);
    assert_eq!(run(&mut chain, BOB, &[skim]), Outcome::Success);
    assert_eq!(chain.balance(BOB, USD), Amount::new(10_000_500));
    // Synced, it is the providers'.
    let sync = Call::Pair(PairCall::Sync { pool: POOL });
    assert_eq!(run(&mut chain, ALICE, &[send(USD, 500), sync, skim]), Outcome::Success);
    assert_eq!(chain.balance(BOB, USD), Amount::new(10_000_500));
    assert_eq!(chain.pair(POOL).reserve0, 1_000_500);
    // Shares sent to the pair are burned for anyone; those locked at the first deposit stay.
    let burn = Call::Pair(PairCall::Burn { pool: POOL, to: BOB });
    let nothing = run(&mut chain, BOB, &[burn]);
    assert_eq!(nothing, refused(0, PoolError::InsufficientLiquidityBurned));
    let send_all = Call::Transfer { to: PAIR, asset: LP, amount: AmountExpr::All };
    assert_eq!(run(&mut chain, ALICE, &[send_all]), Outcome::Success);
    assert_eq!(run(&mut chain, BOB, &[burn]), Outcome::Success);
    let left = chain.pair(POOL);
    // 1,000 of 1,000,000 shares and the protocol's, of 1,000,500 and 1,000,000.
    assert_eq!(chain.balance(PAIR, LP), Amount::new(1_000));
    assert!(left.reserve0 >= 1_000 && left.reserve1 >= 1_000);
    assert!(!chain.balance(FEE_TO, LP).is_zero());
}

#[test]
fn buying_an_exact_amount_costs_what_the_quote_says_or_nothing() {
    let mut chain = chain();
    let quote = chain.pair(POOL).quote_exact_out(USD, Amount::new(1_000)).unwrap();
    let buy =
        |max_in| Call::SwapExactOut { pool: POOL, asset_out: TOK, amount: exact(1_000), max_in };
    let short = Amount(quote.amount_in.0 - Amount::new(1).0);
    let outcome = run(&mut chain, BOB, &[buy(short)]);
    assert_eq!(outcome, refused(0, PoolError::ExcessiveInput));
    assert_eq!(run(&mut chain, BOB, &[buy(quote.amount_in)]), Outcome::Success);
    assert_eq!(chain.balance(BOB, TOK), Amount::new(10_001_000));
    let all = Call::SwapExactOut {
        pool: POOL,
        asset_out: TOK,
        amount: exact(chain.pair(POOL).reserve1),
        max_in: Amount::MAX,
    };
    assert_eq!(run(&mut chain, BOB, &[all]), refused(0, PoolError::DivisionByZero));
}

#[test]
fn a_forced_revert_at_every_call_of_a_pair_changes_nothing() {
    let genesis = chain();
    let calls = [
        send(USD, 7_000),
        Call::Pair(PairCall::Skim { pool: POOL, to: ALICE }),
        send(USD, 50_000),
        send(TOK, 50_000),
        MINT,
        swap(100_000, 100_000, 2),
        send(USD, 101_000),
        send(TOK, 101_000),
        Call::SwapExactOut { pool: POOL, asset_out: USD, amount: exact(500), max_in: Amount::MAX },
        send(TOK, 1_000),
        swap(900, 0, 0),
        send(TOK, 10),
        Call::Pair(PairCall::Sync { pool: POOL }),
        Call::RemoveLiquidity { pool: POOL, shares: exact(1_000) },
        send(LP, 2_000),
        Call::Pair(PairCall::Burn { pool: POOL, to: BOB }),
    ];
    let mut whole = genesis.clone();
    assert_eq!(run(&mut whole, ALICE, &calls), Outcome::Success);
    let poison = Call::Transfer { to: BOB, asset: TOK, amount: AmountExpr::Exact(Amount::MAX) };
    for cut in 0..=calls.len() {
        let mut broken = calls[..cut].to_vec();
        broken.push(poison);
        if let Some(Call::Pair(PairCall::Swap { body, .. })) = broken.get_mut(5) {
            *body = (cut - 5).min(2) as u16;
        }
        let mut chain = genesis.clone();
        let outcome = run(&mut chain, ALICE, &broken);
        let call = cut as u16;
        assert_eq!(outcome, Outcome::Reverted { call, reason: Revert::InsufficientBalance });
        assert!(chain == genesis, "state differs after a revert at call {cut}");
        assert_eq!(chain.state_hash(), genesis.state_hash());
        assert_eq!(chain.logs(), genesis.logs());
    }
}
