//! Rules of execution, sessions and what-ifs at their bounds.

use super::call::{
    AmountExpr, Call, CompoundCall, ConcentratedCall, Log, MAX_DEPTH, Outcome, PairCall,
    PooledCall, Revert, Transaction, TxBuffer, TxHeader, VaultCall,
};
use super::execute::Session;
use super::invariants::bites::mint;
use super::invariants::bites::world::{E8, E18, World, exact, header, unit};
use super::{Chain, Feed, Fork, Market, Pool, gas};
use markets::amm::PoolError;
use markets::amm::concentrated::tick_math::{MAX_SQRT_RATIO, MIN_SQRT_RATIO};
use markets::amm::share_vault::ShareVault;
use markets::oracle::OracleError;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PoolId, Price, RAY, U256};
use protocols::compound::Governance;
use protocols::risk_params::{RiskChange, RiskParam};

fn run(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Outcome {
    chain.execute(Transaction { header: &header(sender), calls }).outcome
}
fn pay(to: AccountId, asset: AssetId, amount: u128) -> Call {
    Call::Transfer { to, asset, amount: exact(amount) }
}
/// More than anybody has.
fn impossible(to: AccountId, asset: AssetId) -> Call {
    Call::Transfer { to, asset, amount: AmountExpr::Exact(Amount::MAX) }
}
/// A sender who pays 3 wei per gas more than the base fee, 2 of them to the builder.
fn paying(chain: &Chain, sender: AccountId, gas_limit: u64) -> TxHeader {
    let max_fee_per_gas = chain.clock().base_fee + 2;
    let max_priority_fee_per_gas = 2;
    TxHeader {
        gas_limit,
        max_fee_per_gas,
        max_priority_fee_per_gas,
        system: false,
        ..header(sender)
    }
}
const TRANSFER: u64 = gas::TRANSACTION + 30_000;

#[test]
fn a_what_if_undoes_its_own_and_no_more() {
    let w = World::new();
    let [from, to, ..] = w.users[..] else { unreachable!("five users") };
    let (usd, weth) = (w.tokens[0], w.tokens[3]);
    let mut chain = w.chain.clone();
    chain.what_if(|chain| {
        for amount in [1, 2] {
            assert_eq!(run(chain, from, &[pay(to, usd, amount)]), Outcome::Success);
        }
        let between = chain.clone();
        chain.what_if(|chain| {
            assert_eq!(run(chain, from, &[pay(to, weth, 3)]), Outcome::Success);
            assert!(*chain != between);
        });
        assert!(*chain == between);
        let failed = run(chain, from, &[impossible(to, usd)]);
        assert!(matches!(failed, Outcome::Reverted { call: 0, .. }));
        assert!(*chain == between, "a revert does not reach before its transaction");
    });
    assert!(chain == w.chain);
}

#[test]
fn the_journal_holds_one_transaction_at_a_time() {
    let mut w = World::new();
    let [from, to, ..] = w.users[..] else { unreachable!("five users") };
    let usd = w.tokens[0];
    let chain = &mut w.chain;
    assert_eq!(run(chain, from, &[pay(to, usd, 1)]), Outcome::Success);
    let one = chain.journal.entries.len();
    chain.what_if(|_| ());
    assert_eq!(chain.journal.entries.len(), 0);
    for _ in 0..2 {
        assert_eq!(run(chain, from, &[pay(to, usd, 1)]), Outcome::Success);
        assert_eq!(chain.journal.entries.len(), one);
    }
    let now = chain.clock().timestamp;
    chain.begin_block(now + 3_600, 0);
    let swap = ConcentratedCall::Swap {
        pool: w.concentrated,
        zero_for_one: true,
        exact_out: false,
        amount: exact(1_000_000_000),
        sqrt_price_limit: MIN_SQRT_RATIO + U256::from(1),
        body: None,
    };
    let calls = [
        Call::Compound(CompoundCall::Accrue { market: w.compound, asset: usd }),
        Call::Vault(VaultCall::Drip { market: w.vault, ilk: 0 }),
        Call::Concentrated(swap),
    ];
    assert_eq!(run(chain, from, &calls), Outcome::Success);
    let stacks = |chain: &Chain| {
        let (journal, v3) = (&chain.journal, &chain.journal.concentrated);
        [journal.compound.books.len(), journal.vaults.ilks.len(), v3.states.len()]
            .map(|kept| kept > 0)
    };
    assert_eq!(stacks(chain), [true; 3]);
    assert_eq!(run(chain, from, &[pay(to, usd, 1)]), Outcome::Success);
    assert_eq!(stacks(chain), [false; 3]);
}

#[test]
fn gas_suffices_at_the_limit_and_is_paid_for_in_full() {
    let mut w = World::new();
    let [from, to, ..] = w.users[..] else { unreachable!("five users") };
    let (usd, asset) = (w.tokens[0], w.chain.gas_asset());
    let chain = &mut w.chain;
    let short = paying(chain, from, TRANSFER - 1);
    let receipt = chain.execute(Transaction { header: &short, calls: &[pay(to, usd, 1)] });
    assert_eq!(receipt.outcome, Outcome::Reverted { call: 0, reason: Revert::OutOfGas });
    assert_eq!(receipt.gas_used, TRANSFER - 1);

    let enough = paying(chain, from, TRANSFER);
    let (base, burned) = (u128::from(chain.clock().base_fee), chain.ledger().burned(asset));
    let builder = chain.balance(chain.builder(), asset);
    let receipt = chain.execute(Transaction { header: &enough, calls: &[pay(to, usd, 1)] });
    assert_eq!(receipt.outcome, Outcome::Success);
    let gas = u128::from(TRANSFER);
    assert_eq!(receipt.gas_paid, Amount::new(gas * (base + 2)));
    let since = |now: Amount, then| now.checked_sub(then).expect("it rose");
    assert_eq!(since(chain.ledger().burned(asset), burned), Amount::new(gas * base));
    assert_eq!(since(chain.balance(chain.builder(), asset), builder), Amount::new(gas * 2));
}

#[test]
fn whoever_cannot_pay_for_all_of_the_limit_is_not_included() {
    let mut w = World::new();
    let [to, ..] = w.users[..] else { unreachable!("five users") };
    let asset = w.chain.gas_asset();
    let chain = &mut w.chain;
    let poor = chain.add_account("poor");
    let wanted = paying(chain, poor, 100_000);
    let worst = 100_000 * u128::from(wanted.max_fee_per_gas);
    mint(chain, poor, asset, worst - 1);
    let attempt = |chain: &mut Chain| {
        chain.execute(Transaction { header: &wanted, calls: &[pay(to, asset, 0)] }).outcome
    };
    assert_eq!(attempt(chain), Outcome::Invalid);
    mint(chain, poor, asset, 1);
    assert_eq!(attempt(chain), Outcome::Success);
}

#[test]
fn who_moved_the_gas_money_away_pays_what_is_left() {
    let w = World::new();
    let [_, to, ..] = w.users[..] else { unreachable!("five users") };
    let asset = w.chain.gas_asset();
    let mut start = w.chain.clone();
    let mover = start.add_account("mover");
    let builder = start.builder();
    let base = u128::from(start.clock().base_fee);
    let gas = u128::from(TRANSFER);
    let (burned, paid) = (gas * base, gas * (base + 2));
    // Enough for the base fee but not for the tip; not even enough for that; all of it.
    for (left, burns, tip) in [
        (paid - 1, paid - 1, 0),
        (burned, burned, 0),
        (burned - 1, burned - 1, 0),
        (paid, burned, paid - burned),
    ] {
        let mut chain = start.clone();
        mint(&mut chain, mover, asset, 100 * paid);
        let (before, had) = (chain.ledger().burned(asset), chain.balance(builder, asset));
        let header = paying(&chain, mover, 100_000);
        let away = [pay(to, asset, 100 * paid - left)];
        let receipt = chain.execute(Transaction { header: &header, calls: &away });
        assert_eq!(
            (receipt.outcome, receipt.gas_paid),
            (Outcome::Success, Amount::new(burns + tip))
        );
        let burned = chain.ledger().burned(asset).checked_sub(before).expect("it rose");
        let got = chain.balance(builder, asset).checked_sub(had).expect("it rose");
        assert_eq!((burned, got), (Amount::new(burns), Amount::new(tip)), "{left} left");
        assert_eq!(chain.balance(mover, asset), Amount::ZERO);
    }
    // The builder pays its tips to itself.
    let mut chain = start.clone();
    let own = chain.balance(builder, asset);
    assert_eq!(
        run(&mut chain, builder, &[Call::Transfer { to, asset, amount: AmountExpr::Exact(own) }]),
        Outcome::Success
    );
    let header = paying(&chain, builder, TRANSFER);
    mint(&mut chain, builder, asset, paid);
    let calls = [pay(to, asset, 0)];
    let receipt = chain.execute(Transaction { header: &header, calls: &calls });
    assert_eq!((receipt.outcome, receipt.gas_paid), (Outcome::Success, Amount::new(paid)));
    assert_eq!(chain.balance(builder, asset), Amount::new(paid - burned));
}

#[test]
fn a_fork_takes_over_new_assets_and_new_accounts() {
    let w = World::new();
    let mut chain = w.chain.clone();
    let mut fork = Fork(chain.clone());
    let account = chain.add_account("late");
    fork.sync(&chain);
    assert_eq!(fork.0.accounts(), chain.accounts());
    let mut fork = Fork(chain.clone());
    let asset = chain.add_asset("LATE", 3);
    mint(&mut chain, account, asset, 5);
    fork.sync(&chain);
    assert_eq!(fork.0.asset(asset).symbol, "LATE");
    assert!(fork.0 == chain);
    // And what every kind of market and pool has done since.
    let now = chain.clock().timestamp;
    chain.begin_block(now + 3_600, 0);
    let (user, usd, amount) = (w.users[0], w.tokens[0], exact(1_000_000));
    let calls = [
        Call::Borrow { market: w.pooled[0], asset: usd, amount },
        Call::Borrow { market: w.compound, asset: usd, amount },
        Call::Borrow { market: w.isolated[0], asset: usd, amount },
        Call::Vault(VaultCall::Drip { market: w.vault, ilk: 0 }),
        Call::Supply { market: w.desk, asset: w.tokens[3], amount },
        Call::Supply { market: w.perpetuals[0], asset: usd, amount },
    ];
    assert_eq!(run(&mut chain, user, &calls), Outcome::Success);
    for (pool, asset_in, ..) in trades(&w) {
        let swap = Call::Swap { pool, asset_in, amount: exact(unit(0)), min_out: Amount::ZERO };
        let _ = run(&mut chain, user, &[swap]);
    }
    assert!(fork.0 != chain);
    fork.sync(&chain);
    assert!(fork.0 == chain);
}

#[test]
fn nobody_has_anything_of_what_does_not_exist() {
    let w = World::new();
    let chain = &w.chain;
    let beyond = AssetId(chain.assets.len() as u16);
    for user in [w.provider, w.users[0]] {
        assert_eq!(chain.balance(user, beyond), Amount::ZERO);
        assert!(!chain.balance(user, chain.gas_asset()).is_zero(), "the next row begins with it");
    }
    assert_eq!(chain.ledger().total_supply(beyond), Amount::ZERO);
    let nobody = AccountId(chain.accounts().len() as u32);
    assert_eq!(chain.balance(nobody, AssetId(0)), Amount::ZERO);
}

#[test]
fn the_accounts_that_hold_a_markets_tokens_are_its_custodians() {
    let w = World::new();
    for market in w.chain.markets() {
        let held: Vec<AccountId> = match market {
            Market::Pooled(market) => vec![market.account],
            Market::Compound(market) => market.tokens.iter().map(|token| token.account).collect(),
            Market::MarginDesk(desk) => vec![desk.account],
            Market::Isolated(market) => vec![market.account],
            Market::Vault(market) => vec![market.account],
            Market::Perpetual(market) => vec![market.account],
        };
        assert!(!held.is_empty());
        for account in (0..w.chain.accounts().len() as u32).map(AccountId) {
            assert_eq!(market.is_custodian(account), held.contains(&account), "{account:?}");
        }
    }
}

#[test]
fn a_mark_is_of_one_asset_and_a_gain_may_be_just_enough() {
    let mut w = World::new();
    let [from, to, ..] = w.users[..] else { unreachable!("five users") };
    let (usd, dai) = (w.tokens[0], w.tokens[1]);
    let gain =
        |asset, min_gain| Call::RequireGain { mark: 0, asset, min_gain: Amount::new(min_gain) };
    let mark = Call::Mark { mark: 0, asset: usd };
    let bad = Outcome::Reverted { call: 1, reason: Revert::BadAmount };
    assert_eq!(run(&mut w.chain, from, &[mark, gain(dai, 0)]), bad);
    assert_eq!(run(&mut w.chain, from, &[mark, gain(usd, 0)]), Outcome::Success);
    let small = Outcome::Reverted { call: 2, reason: Revert::GainTooSmall };
    assert_eq!(run(&mut w.chain, from, &[mark, pay(to, usd, 1), gain(usd, 0)]), small);
}

/// Pools, what is sold and bought in them.
fn trades(w: &World) -> Vec<(PoolId, AssetId, u128, AssetId)> {
    let [usd, dai, _, weth, btc] = w.tokens;
    vec![
        (w.pairs[0], usd, 1_000 * unit(0), weth),
        (w.concentrated, usd, 1_000 * unit(0), weth),
        (w.concentrated, weth, E18, usd),
        (w.stables[0], dai, 1_000 * E18, usd),
        (w.reserves[0], weth, E18, btc),
        (w.reserves[1], weth, E18, btc),
    ]
}

#[test]
fn a_trader_gets_what_was_asked_for_or_nothing_happens() {
    let w = World::new();
    let user = w.users[0];
    for (pool, asset_in, amount, asset_out) in trades(&w) {
        let sell = |min_out| {
            let (mut chain, before) = (w.chain.clone(), w.chain.balance(user, asset_out));
            let call = Call::Swap { pool, asset_in, amount: exact(amount), min_out };
            let outcome = run(&mut chain, user, &[call]);
            (outcome, chain.balance(user, asset_out).checked_sub(before).expect("it rose"))
        };
        let (outcome, got) = sell(Amount::ZERO);
        assert!(outcome == Outcome::Success && !got.is_zero(), "{pool:?}: {outcome:?}");
        assert_eq!(sell(got), (Outcome::Success, got), "{pool:?}");
        let more = Amount(got.0 + U256::from(1));
        assert!(matches!(sell(more).0, Outcome::Reverted { .. }), "{pool:?}");
    }
}

#[test]
fn a_depositor_gets_the_shares_that_were_asked_for_or_nothing_happens() {
    let mut w = World::new();
    let (user, asset) = (w.users[0], w.tokens[0]);
    let (share, account) = (w.chain.add_asset("vUSD", 6), w.chain.add_account("vault"));
    let vault = ShareVault { asset, share, account, invested: None };
    let pool = w.chain.add_pool(Pool::ShareVault(vault));
    // As many shares as were deposited, the first time.
    for (min_out, success) in [(10_000, true), (9_999, true), (10_001, false)] {
        let mut chain = w.chain.clone();
        let (amount, min_out) = (exact(10_000), Amount::new(min_out));
        let outcome =
            run(&mut chain, user, &[Call::Swap { pool, asset_in: asset, amount, min_out }]);
        assert_eq!(outcome == Outcome::Success, success, "{outcome:?}");
        let expected = if success { 10_000 } else { 0 };
        assert_eq!(chain.balance(user, share), Amount::new(expected));
    }
}

#[test]
fn a_buyer_from_a_concentrated_pool_pays_at_most_so_much_for_all_of_it() {
    let w = World::new();
    let (user, pool) = (w.users[0], w.concentrated);
    let (usd, weth) = (w.tokens[0], w.tokens[3]);
    let buy = |amount, max_in| {
        let mut chain = w.chain.clone();
        let call = Call::SwapExactOut { pool, asset_out: weth, amount, max_in };
        let outcome = run(&mut chain, user, &[call]);
        let paid = w.chain.balance(user, usd).checked_sub(chain.balance(user, usd));
        let got = chain.balance(user, weth).checked_sub(w.chain.balance(user, weth));
        (outcome, paid.expect("it fell"), got.expect("it rose"))
    };
    let (outcome, paid, got) = buy(exact(E18), Amount::MAX);
    assert_eq!((outcome, got), (Outcome::Success, Amount::new(E18)));
    assert_eq!(buy(exact(E18), paid).0, Outcome::Success);
    let less = paid.checked_sub(Amount::new(1)).expect("something was paid");
    assert!(matches!(buy(exact(E18), less).0, Outcome::Reverted { .. }));
    // More than the pool sells, whatever is paid.
    let mut rich = w.chain.clone();
    mint(&mut rich, user, usd, 10_u128.pow(36));
    let amount = AmountExpr::Exact(rich.balance(rich.pools()[pool.index()].account(), weth));
    let all = Call::SwapExactOut { pool, asset_out: weth, amount, max_in: Amount::MAX };
    let reason = Revert::from(PoolError::TooLittleReceived);
    assert_eq!(run(&mut rich, user, &[all]), Outcome::Reverted { call: 0, reason });
}

#[test]
fn crossed_ticks_cost_gas_up_to_the_limit() {
    let mut w = World::new();
    let user = w.users[0];
    let chain = &mut w.chain;
    // Beyond the narrowest position's end, one tick.
    let swap = Call::Swap {
        pool: w.concentrated,
        asset_in: w.tokens[0],
        amount: exact(5_000_000 * unit(0)),
        min_out: Amount::ZERO,
    };
    let wide = paying(chain, user, 10_000_000);
    let (receipt, ()) = chain.simulate(Transaction { header: &wide, calls: &[swap] }, |_, _| ());
    assert_eq!(receipt.outcome, Outcome::Success);
    let plain = gas::TRANSACTION + gas::of(&swap);
    let crossed = (receipt.gas_used - plain) / ConcentratedCall::GAS_PER_TICK;
    assert!(crossed > 0, "the swap crosses ticks");
    assert_eq!(receipt.gas_used, plain + crossed * ConcentratedCall::GAS_PER_TICK);
    for (limit, enough) in [(receipt.gas_used, true), (receipt.gas_used - 1, false)] {
        let header = paying(chain, user, limit);
        let (again, ()) =
            chain.simulate(Transaction { header: &header, calls: &[swap] }, |_, _| ());
        assert_eq!(again.outcome == Outcome::Success, enough, "{again:?}");
    }
}

#[test]
fn a_concentrated_pool_is_locked_while_a_body_runs() {
    let mut w = World::new();
    let (user, pool) = (w.users[0], w.concentrated);
    let swap = |body| {
        Call::Concentrated(ConcentratedCall::Swap {
            pool,
            zero_for_one: false,
            exact_out: false,
            amount: exact(E18),
            sqrt_price_limit: MAX_SQRT_RATIO - U256::from(1),
            body,
        })
    };
    let deposit = pay(w.chain.pools()[pool.index()].account(), w.tokens[3], E18);
    let inside = run(&mut w.chain, user, &[swap(Some(2)), swap(None), deposit]);
    assert!(matches!(inside, Outcome::Reverted { call: 1, .. }), "{inside:?}");
    assert_eq!(run(&mut w.chain, user, &[swap(Some(1)), deposit]), Outcome::Success);
    assert_eq!(run(&mut w.chain, user, &[swap(None)]), Outcome::Success, "open again");
}

#[test]
fn only_a_swap_with_a_body_has_one() {
    let swap = |body| {
        let (pool, to) = (PoolId(0), AccountId(0));
        PairCall::Swap { pool, out0: Amount::ZERO, out1: Amount::new(1), to, body }
    };
    assert_eq!([0, 1, 2].map(|body| swap(body).body()), [None, Some(1), Some(2)]);
    let mut buffer = TxBuffer::default();
    assert!(buffer.is_empty());
    buffer.push(header(AccountId(0)), &[]);
    assert!(!buffer.is_empty());
}

/// A loan of 1,000 USD from the first pooled market.
fn flash_loan(w: &World, body: u16) -> Call {
    let (market, asset) = (w.pooled[0], w.tokens[0]);
    Call::FlashLoan { market, asset, amount: Amount::new(1_000 * unit(0)), body }
}

#[test]
fn a_session_writes_a_transaction_that_does_what_it_did() {
    let w = World::new();
    let [user, to, ..] = w.users[..] else { unreachable!("five users") };
    let (usd, pool) = (w.tokens[0], w.concentrated);
    let v3 = ConcentratedCall::Swap {
        pool,
        zero_for_one: false,
        exact_out: false,
        amount: exact(E18),
        sqrt_price_limit: MAX_SQRT_RATIO - U256::from(1),
        body: Some(0),
    };
    let deposit = pay(w.chain.pools()[pool.index()].account(), w.tokens[3], E18);
    let mut chain = w.chain.clone();
    let (calls, after) = chain.what_if(|chain| {
        let mut session = Session::begin(user, vec![deposit]);
        assert_eq!((session.calls().len(), session.depth(), session.owed()), (0, 0, None));
        assert_eq!(session.gas(), gas::TRANSACTION);
        assert_eq!(session.open(chain, deposit), Err(Revert::MalformedBody), "it has no body");
        assert_eq!(session.close(chain), Err(Revert::MalformedBody), "nothing is open");
        session.call(chain, pay(to, usd, 7)).expect("there is money");
        session.open(chain, flash_loan(&w, 0)).expect("there is liquidity");
        let premium = chain.pooled(w.pooled[0]).flash_premium_of(Amount::new(1_000 * unit(0)));
        let owed = Amount::new(1_000 * unit(0)).checked_add(premium.expect("it fits"));
        assert_eq!((session.depth(), session.owed()), (1, owed));
        session.open(chain, Call::Concentrated(v3)).expect("there is liquidity");
        assert_eq!(session.depth(), 2);
        assert!(session.call(chain, impossible(to, usd)).is_err(), "and is not written");
        let mark = session.mark(chain);
        session.call(chain, pay(to, usd, 1)).expect("there is money");
        session.back(chain, &mark);
        session.call(chain, deposit).expect("there is money");
        session.close(chain).expect("it is paid for");
        session.close(chain).expect("there is money");
        let gas = [pay(to, usd, 7), flash_loan(&w, 2), Call::Concentrated(v3), deposit];
        let expected = gas::TRANSACTION + gas.iter().map(gas::of).sum::<u64>();
        assert_eq!((session.gas(), session.depth()), (expected, 0));
        (session.into_calls(), chain.clone())
    });
    let bodies: Vec<Option<usize>> = calls.iter().map(Call::body).collect();
    assert_eq!(bodies, [None, Some(2), Some(1), None]);
    assert!(chain == w.chain);
    assert_eq!(run(&mut chain, user, &calls), Outcome::Success);
    assert!(chain == after);
}

#[test]
fn bodies_nest_so_deep_and_no_deeper() {
    let w = World::new();
    let user = w.users[0];
    let mut chain = w.chain.clone();
    chain.what_if(|chain| {
        let mut session = Session::begin(user, Vec::new());
        for _ in 0..MAX_DEPTH {
            session.open(chain, flash_loan(&w, 0)).expect("there is liquidity");
        }
        assert_eq!(session.open(chain, flash_loan(&w, 0)), Err(Revert::MalformedBody));
        for _ in 0..MAX_DEPTH {
            session.close(chain).expect("there is money");
        }
    });
    let nested =
        |depth: u16| -> Vec<Call> { (1..=depth).map(|at| flash_loan(&w, depth - at)).collect() };
    assert_eq!(run(&mut chain, user, &nested(MAX_DEPTH as u16)), Outcome::Success);
    let too_deep = run(&mut chain, user, &nested(MAX_DEPTH as u16 + 1));
    let reason = Revert::MalformedBody;
    assert_eq!(too_deep, Outcome::Reverted { call: MAX_DEPTH as u16, reason });
}

#[test]
fn a_contract_acts_for_its_owner_alone_with_its_own_money_and_marks() {
    let mut w = World::new();
    let [owner, other, ..] = w.users[..] else { unreachable!("five users") };
    let usd = w.tokens[0];
    let contract = w.chain.add_contract(owner);
    assert_eq!((w.chain.contract_of(owner), w.chain.contract_of(other)), (Some(contract), None));
    assert_eq!(w.chain.add_contract(owner), contract, "there is one already");
    let by = |account, body| Call::By { account, body };
    let refused = Outcome::Reverted { call: 0, reason: Revert::NotAuthorised };
    for (sender, account) in [(other, contract), (owner, other), (contract, owner), (owner, owner)]
    {
        assert_eq!(run(&mut w.chain, sender, &[by(account, 0)]), refused);
    }
    let all = Call::Transfer { to: other, asset: usd, amount: AmountExpr::All };
    let had = [owner, contract, other].map(|account| w.chain.balance(account, usd));
    let calls = [pay(contract, usd, 7), by(contract, 1), all, pay(contract, usd, 1)];
    assert_eq!(run(&mut w.chain, owner, &calls), Outcome::Success);
    let has = [owner, contract, other].map(|account| w.chain.balance(account, usd));
    assert_eq!(had[0].checked_sub(has[0]), Some(Amount::new(8)));
    assert_eq!(
        (has[1], has[2].checked_sub(had[2])),
        (Amount::new(1), had[1].checked_add(Amount::new(7)))
    );
    // What was marked before the contract's calls is the sender's again after them, and not theirs.
    let mark = Call::Mark { mark: 0, asset: usd };
    let gain = Call::RequireGain { mark: 0, asset: usd, min_gain: Amount::ZERO };
    let kept = run(&mut w.chain, owner, &[mark, by(contract, 1), mark, gain]);
    assert_eq!(kept, Outcome::Success);
    let reason = Revert::BadAmount;
    let theirs = run(&mut w.chain, owner, &[mark, by(contract, 1), gain]);
    assert_eq!(theirs, Outcome::Reverted { call: 2, reason });
    // In a flash loan it knows the loan's debt and may pay for it, and the loan is the sender's.
    let debt = Call::Transfer { to: owner, asset: usd, amount: AmountExpr::FlashDebt };
    let before = w.chain.balance(owner, usd);
    let calls = [flash_loan(&w, 3), pay(contract, usd, 2_000 * unit(0)), by(contract, 1), debt];
    assert_eq!(run(&mut w.chain, owner, &calls), Outcome::Success);
    let paid = w.chain.pooled(w.pooled[0]).flash_premium_of(Amount::new(1_000 * unit(0)));
    let owed = Amount::new(1_000 * unit(0)).checked_add(paid.expect("it fits")).expect("it fits");
    let left = w.chain.balance(contract, usd).checked_sub(has[1]);
    assert_eq!(left, Amount::new(2_000 * unit(0)).checked_sub(owed));
    assert!(w.chain.balance(owner, usd) < before);
}

#[test]
fn a_session_writes_a_contracts_calls() {
    let mut w = World::new();
    let [owner, to, ..] = w.users[..] else { unreachable!("five users") };
    let usd = w.tokens[0];
    let contract = w.chain.add_contract(owner);
    let mut chain = w.chain.clone();
    let (calls, after) = chain.what_if(|chain| {
        let mut session = Session::begin(owner, Vec::new());
        session.open(chain, flash_loan(&w, 0)).expect("there is liquidity");
        let owed = session.owed();
        session.call(chain, pay(contract, usd, 9)).expect("there is money");
        let mark = session.mark(chain);
        session.open(chain, Call::By { account: contract, body: 0 }).expect("it is its owner's");
        assert_eq!(session.owed(), owed);
        session.call(chain, pay(to, usd, 5)).expect("there is money");
        session.back(chain, &mark);
        session.open(chain, Call::By { account: contract, body: 0 }).expect("it is its owner's");
        session.call(chain, pay(to, usd, 4)).expect("there is money");
        session.close(chain).expect("nothing is owed");
        session.close(chain).expect("there is money");
        (session.into_calls(), chain.clone())
    });
    let bodies: Vec<Option<usize>> = calls.iter().map(Call::body).collect();
    assert_eq!(bodies, [Some(3), None, Some(1), None]);
    assert_eq!(run(&mut chain, owner, &calls), Outcome::Success);
    assert!(chain == after);
    let had = w.chain.balance(contract, usd);
    assert_eq!(chain.balance(contract, usd).checked_sub(had), Some(Amount::new(5)));
}

/// A loan of several assets, 1,000 dollars of each.
fn flash_loans(market: MarketId, assets: [AssetId; 3], loans: u8, keep: u8) -> Call {
    let amounts = [1_000 * unit(0), E18 / 2, 2_500_000];
    Call::Pooled(PooledCall::FlashLoan { market, loans, assets, amounts, keep, body: 0 })
}

#[test]
fn a_loan_of_several_assets_keeps_those_it_is_told_to() {
    let w = World::new();
    let (user, market) = (w.users[1], w.pooled[0]);
    let [usd, _, _, weth, btc] = w.tokens;
    let assets = [usd, weth, btc];
    // User 1 has 60,000 dollars of BTC there, and owes 30,000.
    for keep in 0..8_u8 {
        let mut chain = w.chain.clone();
        let before = chain.logs().len();
        let outcome = run(&mut chain, user, &[flash_loans(market, assets, 3, keep)]);
        assert_eq!(outcome, Outcome::Success, "{keep:03b}");
        let logs = &chain.logs()[before..];
        let kept = logs.iter().filter_map(|log| match log {
            Log::Borrow { asset, .. } => Some(*asset),
            _ => None,
        });
        let expected = (0..3).filter(|i| keep >> i & 1 == 1).map(|i| assets[i]);
        assert!(kept.eq(expected), "{keep:03b}: {logs:?}");
    }
    let refused = Outcome::Reverted { call: 0, reason: Revert::BadAmount };
    let mut chain = w.chain.clone();
    assert_eq!(run(&mut chain, user, &[flash_loans(market, [usd, weth, usd], 3, 0)]), refused);
    assert_eq!(
        run(&mut chain, user, &[flash_loans(market, [usd, weth, usd], 2, 0)]),
        Outcome::Success
    );
    assert_eq!(run(&mut chain, user, &[flash_loans(market, assets, 4, 0)]), refused);
}

#[test]
fn a_loan_of_several_assets_is_repaid_to_the_unit() {
    let w = World::new();
    let [_, other, ..] = w.users[..] else { unreachable!("five users") };
    let (usd, market) = (w.tokens[0], w.pooled[0]);
    let mut start = w.chain.clone();
    let poor = start.add_account("poor");
    start.begin_block(start.clock().timestamp + 12, 0);
    let lent = Amount::new(1_000 * unit(0));
    let premium = start.pooled(market).flash_premium_of(lent).expect("it fits");
    let assets = [usd, w.tokens[3], w.tokens[4]];
    for (had, outcome) in [
        (premium, Outcome::Success),
        (
            premium.checked_sub(Amount::new(1)).expect("there is a premium"),
            Outcome::Reverted { call: 0, reason: Revert::FlashLoanNotRepaid },
        ),
    ] {
        let mut chain = start.clone();
        let give = Call::Transfer { to: poor, asset: usd, amount: AmountExpr::Exact(had) };
        assert_eq!(run(&mut chain, other, &[give]), Outcome::Success);
        assert_eq!(run(&mut chain, poor, &[flash_loans(market, assets, 1, 0)]), outcome);
    }
}

#[test]
fn feeds_that_refer_to_each_other_in_a_ring_say_nothing() {
    let mut w = World::new();
    let (pool, asset) = (w.pairs[0], w.tokens[3]);
    let own = FeedId(w.chain.feeds().len() as u16);
    let ring = w.chain.add_feed(Feed::Spot(SpotFeed { pool, asset, quote: Some(own) }));
    assert_eq!(ring, own);
    assert_eq!(w.chain.price(ring), Err(OracleError::BrokenReference));
}

#[test]
fn what_markets_and_feeds_were_told_is_undone() {
    let mut w = World::new();
    let now = w.chain.clock().timestamp;
    w.chain.begin_block(now + 3_600, 0);
    let risk = RiskChange { reserve: Some(0), param: RiskParam::Frozen, value: 1 };
    // This one waits in the queue.
    let queued = RiskChange { reserve: Some(0), param: RiskParam::Ltv, value: 7_400 };
    let governance = Governance::PauseSeize(true);
    let told = [
        (w.users[0], Call::Checkpoint { feed: w.averages[0] }),
        (w.users[0], Call::Checkpoint { feed: w.averages[1] }),
        (w.admin, Call::ProposeRisk { market: w.pooled[0], change: risk }),
        (w.admin, Call::ProposeRisk { market: w.pooled[0], change: queued }),
        (w.admin, Call::Compound(CompoundCall::Govern { market: w.compound, governance })),
    ];
    let before = w.chain.clone();
    for (by, call) in told {
        w.chain.what_if(|chain| {
            assert_eq!(run(chain, by, &[call]), Outcome::Success, "{call:?}");
            assert!(*chain != before, "{call:?}");
        });
        assert!(w.chain == before, "{call:?}");
    }
}

#[test]
fn who_covers_a_deficit_lowers_it() {
    let mut w = World::new();
    let market = w.pooled[0];
    let pooled = w.chain.genesis_market(market).expect("a pooled market");
    pooled.reserves[0].deficit = Amount::new(5);
    // It is paid with supply.
    let asset = w.tokens[0];
    assert_eq!(run(&mut w.chain, w.users[0], &[pay(w.admin, asset, 10)]), Outcome::Success);
    let supply = Call::Supply { market, asset, amount: exact(10) };
    let cover = Call::CoverDeficit { market, asset, amount: exact(3) };
    assert_eq!(run(&mut w.chain, w.admin, &[supply, cover]), Outcome::Success);
    assert_eq!(w.chain.pooled(market).reserves[0].deficit, Amount::new(2));
}

#[test]
fn a_liquidation_reports_what_it_wrote_off() {
    let mut w = World::new();
    let [usd, _, _, weth, _] = w.tokens;
    let (market, borrower) = (w.pooled[0], w.users[0]);
    // WETH at 5 dollars: the collateral is gone before the debt is.
    let crash = Call::PushPrice { feed: w.pushes[1], price: Price(5 * E8) };
    assert_eq!(run(&mut w.chain, w.admin, &[crash]), Outcome::Success);
    let amount = AmountExpr::All;
    let liquidate = Call::Liquidate { market, borrower, collateral: weth, debt: usd, amount };
    assert_eq!(run(&mut w.chain, w.users[1], &[liquidate]), Outcome::Success);
    let (mut reported, mut lost) = (Amount::ZERO, Amount::ZERO);
    for log in w.chain.logs() {
        match log {
            Log::Liquidation { bad_debt, .. } => reported = *bad_debt,
            Log::BadDebt { asset, amount, .. } if *asset == usd => lost = *amount,
            _ => {}
        }
    }
    assert!(!lost.is_zero());
    assert_eq!(reported, lost);
    assert_eq!(w.chain.pooled(market).reserves[0].deficit, lost);
}

#[test]
fn all_that_is_inside_a_vault_is_its_whole_units() {
    let mut w = World::new();
    let (market, user, dai) = (w.vault, w.users[0], w.vault_dai());
    let Market::Vault(vault) = &w.chain.markets()[market.index()] else { unreachable!("a vault") };
    let inside = w.chain.balance(user, vault.internal).0;
    let before = w.chain.balance(user, dai).0;
    let exit = Call::Vault(VaultCall::ExitDai { market, amount: AmountExpr::All });
    assert_eq!(run(&mut w.chain, user, &[exit]), Outcome::Success);
    assert!(inside >= RAY);
    assert_eq!(w.chain.balance(user, dai).0 - before, inside / RAY);
}

#[test]
fn an_auction_reports_whom_it_liquidates() {
    let mut w = World::new();
    let (market, urn) = (w.vault, w.users[1]);
    // BTC at a dollar.
    let crash = Call::PushPrice { feed: w.pushes[2], price: Price(E8) };
    assert_eq!(run(&mut w.chain, w.admin, &[crash]), Outcome::Success);
    let ilk = 1;
    let calls = [VaultCall::Poke { market, ilk }, VaultCall::Bite { market, ilk, urn }];
    assert_eq!(run(&mut w.chain, w.users[0], &calls.map(Call::Vault)), Outcome::Success);
    let btc = w.tokens[4];
    let of = |log: &Log| match log {
        Log::Liquidation { borrower, collateral, seized, .. } => {
            Some((*borrower, *collateral, !seized.is_zero()))
        }
        _ => None,
    };
    assert_eq!(w.chain.logs().iter().filter_map(of).collect::<Vec<_>>(), [(urn, btc, true)]);
}

#[test]
fn a_pair_reports_a_swap_in_either_direction() {
    let w = World::new();
    let (pool, user) = (w.pairs[0], w.users[0]);
    let pair = *w.chain.pools()[pool.index()].constant_product().expect("a pair");
    for (asset, amount, out) in
        [(pair.token0, 1_000_000, [0, 100_000_000]), (pair.token1, E18, [1_000_000, 0])]
    {
        let [out0, out1] = out.map(Amount::new);
        let mut chain = w.chain.clone();
        // Paid in the body, as in a flash swap, or before.
        let swap = |body| Call::Pair(PairCall::Swap { pool, out0, out1, to: user, body });
        let paid = pay(pair.account, asset, amount);
        for calls in [[paid, swap(0)], [swap(1), paid]] {
            let before = chain.logs().len();
            assert_eq!(run(&mut chain, user, &calls), Outcome::Success);
            let swapped = chain.logs()[before..].iter().any(|log| {
                matches!(log, Log::Swap { asset_in, amount_in, .. }
                    if *asset_in == asset && *amount_in == Amount::new(amount))
            });
            assert!(swapped, "{:?}", &chain.logs()[before..]);
        }
    }
}

#[test]
fn a_feed_of_the_genesis_can_be_changed() {
    let mut w = World::new();
    let feed = w.pushes[1];
    let Some(Feed::Push(push)) = w.chain.genesis_feed(feed) else { unreachable!("a push feed") };
    push.price = Price(7);
    assert_eq!(w.chain.price(feed), Ok(Price(7)));
}
