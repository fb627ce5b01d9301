//! The kernel's rules, a test each, on a small world: USD, a thin token, their pool, a spot feed on
//! it, a market that lends both.

use markets::amm::constant_product::ConstantProduct;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price};
use proptest::prelude::*;
use protocols::interest::RateStrategy;
use protocols::lending::Pooled;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::{RiskChange, RiskParam, RiskRegime};
use sim::chain::call::{AmountExpr, Call, Log, Outcome, PairCall, Revert, Transaction, TxHeader};
use sim::chain::{Chain, Feed, Fork, Market, Pool};

const E18: u128 = 1_000_000_000_000_000_000;
const E6: u128 = 1_000_000;

struct World {
    chain: Chain,
    eth: AssetId,
    usd: AssetId,
    tok: AssetId,
    pool: PoolId,
    market: MarketId,
    usd_feed: FeedId,
    tok_feed: FeedId,
    alice: AccountId,
    bob: AccountId,
    reporter: AccountId,
    manager: AccountId,
}

fn config(ltv: u32, threshold: u32) -> ReserveConfig {
    ReserveConfig {
        ltv: Bps(ltv),
        liquidation_threshold: Bps(threshold),
        liquidation_bonus: Bps(500),
        liquidation_protocol_fee: Bps(1_000),
        reserve_factor: Bps(1_000),
        supply_cap: 0,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: Bps(9_000),
            base_bps: Bps(0),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        ..ReserveConfig::OPEN
    }
}

fn world() -> World {
    let mut chain = Chain::new("ETH", 1_600_000_000, 10_000_000_000);
    let eth = chain.gas_asset();
    let [usd, tok] = [chain.add_asset("USD", 6), chain.add_asset("TOK", 18)];
    let share = chain.add_asset("LP", 18);
    let tokens: Vec<_> = ["aUSD", "vdUSD", "aTOK", "vdTOK"]
        .iter()
        .zip([6, 6, 18, 18])
        .map(|(symbol, decimals)| chain.add_asset(symbol, decimals))
        .collect();
    let names = ["alice", "bob", "reporter", "manager", "pool", "market", "treasury", "lp"];
    let ids: Vec<_> = names.iter().map(|name| chain.add_account(name)).collect();
    let [alice, bob, reporter, manager, pool_account, market_account, treasury, provider] = ids[..]
    else {
        unreachable!("eight names")
    };
    for account in [alice, bob, reporter, manager, provider] {
        chain.genesis_mint(account, eth, Amount::new(1_000 * E18)).unwrap();
        chain.genesis_mint(account, usd, Amount::new(10_000_000 * E6)).unwrap();
        chain.genesis_mint(account, tok, Amount::new(10_000_000 * E18)).unwrap();
    }
    let pool = chain.add_pool(Pool::ConstantProduct(ConstantProduct::new(
        usd,
        tok,
        share,
        pool_account,
        Pips(3_000),
    )));
    let usd_feed = chain.add_feed(Feed::Push(PushFeed {
        reporter,
        price: Price::ONE,
        updated_at: 1_600_000_000,
        heartbeat_secs: 3_600,
        deviation_bps: 50,
        max_age_secs: 0,
    }));
    let tok_feed = chain.add_feed(Feed::Spot(SpotFeed { pool, asset: tok, quote: Some(usd_feed) }));
    let reserve = |underlying, feed, decimals, i: usize, ltv, threshold| {
        let (shares, debt) = (tokens[2 * i], tokens[2 * i + 1]);
        let config = config(ltv, threshold);
        Reserve::new(underlying, shares, debt, feed, decimals, config, 1_600_000_000)
    };
    let mut pooled = Pooled::new(market_account, treasury, manager, RiskRegime::guardian());
    pooled.add_reserve(reserve(usd, usd_feed, 6, 0, 7_500, 8_000));
    pooled.add_reserve(reserve(tok, tok_feed, 18, 1, 6_000, 7_000));
    let market = chain.add_market(Market::Pooled(pooled));
    chain.begin_block(1_600_000_012, 15_000_000);
    let mut w = World {
        chain,
        eth,
        usd,
        tok,
        pool,
        market,
        usd_feed,
        tok_feed,
        alice,
        bob,
        reporter,
        manager,
    };
    let seed = [
        Call::AddLiquidity {
            pool,
            max0: Amount::new(1_000_000 * E6),
            max1: Amount::new(1_000_000 * E18),
        },
        Call::Supply { market, asset: usd, amount: exact(5_000_000 * E6) },
    ];
    assert_eq!(w.run(provider, &seed), Outcome::Success);
    w
}

fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}

fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: 5_000_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        system: false,
    }
}

impl World {
    fn run(&mut self, sender: AccountId, calls: &[Call]) -> Outcome {
        let outcome = self.chain.execute(Transaction { header: &header(sender), calls }).outcome;
        self.chain.audit_all().unwrap();
        outcome
    }
    /// Flash loan, pump, supply, borrow, dump, repay: six calls and a check.
    fn attack(&self, min_gain: u128) -> Vec<Call> {
        let (market, pool, usd, tok) = (self.market, self.pool, self.usd, self.tok);
        vec![
            Call::Mark { mark: 0, asset: usd },
            Call::FlashLoan { market, asset: usd, amount: Amount::new(2_000_000 * E6), body: 4 },
            Call::Swap {
                pool,
                asset_in: usd,
                amount: exact(2_000_000 * E6),
                min_out: Amount::ZERO,
            },
            Call::Supply { market, asset: tok, amount: exact(1_000_000 * E18) },
            Call::Borrow { market, asset: usd, amount: AmountExpr::MaxBorrow },
            Call::Swap { pool, asset_in: tok, amount: exact(600_000 * E18), min_out: Amount::ZERO },
            Call::RequireGain { mark: 0, asset: usd, min_gain: Amount::new(min_gain) },
        ]
    }
}

#[test]
fn a_spot_oracle_sees_the_pool_in_flight() {
    let mut w = world();
    let before = w.chain.price(w.tok_feed).unwrap().usd();
    let pump = [Call::Swap {
        pool: w.pool,
        asset_in: w.usd,
        amount: exact(1_000_000 * E6),
        min_out: Amount::ZERO,
    }];
    let h = header(w.bob);
    let (_, during) = w.chain.simulate(Transaction { header: &h, calls: &pump }, |c, _| {
        c.price(w.tok_feed).unwrap().usd()
    });
    assert!(during > 3.9 * before, "{during} against {before}");
    assert_eq!(w.chain.price(w.tok_feed).unwrap().usd(), before);
}

#[test]
fn a_flash_loan_attack_pays_and_conserves() {
    let mut w = world();
    let calls = w.attack(1);
    let before = w.chain.balance(w.bob, w.usd);
    assert_eq!(w.run(w.bob, &calls), Outcome::Success);
    assert!(w.chain.balance(w.bob, w.usd) > before);
    let premium = w.chain.logs().iter().any(|l| matches!(l, Log::FlashLoan { .. }));
    assert!(premium);
}

#[test]
fn require_gain_reverts_an_attack_that_earns_too_little() {
    let mut w = world();
    let before = w.chain.clone();
    let calls = w.attack(1_000_000_000 * E6);
    let outcome = w.run(w.bob, &calls);
    assert_eq!(outcome, Outcome::Reverted { call: 6, reason: Revert::GainTooSmall });
    // Only gas is gone.
    assert!(w.chain.balance(w.bob, w.eth) < before.balance(w.bob, w.eth));
    assert_eq!(w.chain.balance(w.bob, w.usd), before.balance(w.bob, w.usd));
    assert_eq!(w.chain.pool(w.pool), before.pool(w.pool));
    assert_eq!(w.chain.pooled(w.market), before.pooled(w.market));
}

#[test]
fn a_flash_loan_that_is_not_repaid_leaves_no_trace() {
    let mut w = world();
    let usd = w.chain.balance(w.bob, w.usd);
    let calls = [
        Call::FlashLoan { market: w.market, asset: w.usd, amount: Amount::new(E6), body: 1 },
        Call::Transfer { to: w.alice, asset: w.usd, amount: AmountExpr::All },
    ];
    let outcome = w.run(w.bob, &calls);
    assert_eq!(outcome, Outcome::Reverted { call: 0, reason: Revert::FlashLoanNotRepaid });
    assert_eq!(w.chain.balance(w.bob, w.usd), usd);
    assert!(w.chain.logs().iter().all(|l| !matches!(l, Log::FlashLoan { .. })));
}

#[test]
fn a_forced_revert_at_every_call_index_changes_nothing() {
    let w = world();
    let calls = w.attack(1);
    for cut in 0..=calls.len() {
        let mut broken = calls[..cut].to_vec();
        if let Some(Call::FlashLoan { body, .. }) = broken.get_mut(1) {
            *body = (cut as u16 - 2).min(4) + u16::from(cut < 6);
        }
        broken.push(Call::Transfer {
            to: w.alice,
            asset: w.tok,
            amount: AmountExpr::Exact(Amount::MAX),
        });
        let mut chain = w.chain.clone();
        let mut system = header(w.bob);
        system.system = true; // no gas, so that nothing at all may change
        let receipt = chain.execute(Transaction { header: &system, calls: &broken });
        assert!(matches!(receipt.outcome, Outcome::Reverted { .. }), "{cut}: {receipt:?}");
        assert!(chain == w.chain, "state differs after a revert at call {cut}");
        assert_eq!(chain.state_hash(), w.chain.state_hash());
        assert_eq!(chain.logs(), w.chain.logs());
    }
}

#[test]
fn simulating_leaves_no_trace_and_tells_the_truth() {
    let mut w = world();
    let calls = w.attack(1);
    let before = w.chain.clone();
    let h = header(w.bob);
    let (foretold, gain) =
        w.chain.simulate(Transaction { header: &h, calls: &calls }, |c, _| c.balance(w.bob, w.usd));
    assert!(w.chain == before && w.chain.clock() == before.clock());
    let mut fork = Fork(w.chain.clone());
    fork.sync(&w.chain);
    assert!(fork.0 == w.chain);
    let receipt = w.chain.execute(Transaction { header: &h, calls: &calls });
    assert_eq!(receipt, foretold);
    assert_eq!(w.chain.balance(w.bob, w.usd), gain);
}

#[test]
fn gas_is_charged_burned_and_paid_even_when_reverted() {
    let mut w = world();
    let before = w.chain.balance(w.bob, w.eth).0;
    let receipt = w.chain.execute(Transaction {
        header: &header(w.bob),
        calls: &[Call::Transfer {
            to: w.alice,
            asset: w.usd,
            amount: AmountExpr::Exact(Amount::MAX),
        }],
    });
    assert!(matches!(receipt.outcome, Outcome::Reverted { call: 0, .. }));
    assert_eq!(before - w.chain.balance(w.bob, w.eth).0, receipt.gas_paid.0);
    assert_eq!(receipt.gas_used, 51_000);
    // 10 gwei base (half-full parent: unchanged is not exact after genesis) plus 1 gwei tip.
    let fee = w.chain.clock().base_fee + 1_000_000_000;
    assert_eq!(receipt.gas_paid, Amount::new(51_000 * u128::from(fee)));
    assert_eq!(w.chain.ledger().burned(w.eth).0 + w.chain.balance(w.chain.builder(), w.eth).0, {
        // The provider's seeding transaction paid too.
        let spent: ruint::aliases::U256 = w.chain.ledger().minted(w.eth).0
            - (0..w.chain.accounts().len())
                .filter(|i| AccountId(*i as u32) != w.chain.builder())
                .map(|i| w.chain.balance(AccountId(i as u32), w.eth).0)
                .sum::<ruint::aliases::U256>();
        spent
    });
}

#[test]
fn a_fee_below_the_base_fee_is_invalid_and_free() {
    let mut w = world();
    let before = w.chain.clone();
    let mut h = header(w.bob);
    h.max_fee_per_gas = 1;
    let receipt = w.chain.execute(Transaction { header: &h, calls: &[] });
    assert_eq!(receipt.outcome, Outcome::Invalid);
    assert!(w.chain == before);
}

#[test]
fn only_the_authorised_may_push_settle_and_propose() {
    let mut w = world();
    let push = [Call::PushPrice { feed: w.usd_feed, price: Price(99_000_000) }];
    assert_eq!(w.run(w.bob, &push), Outcome::Reverted { call: 0, reason: Revert::NotAuthorised });
    assert_eq!(w.run(w.reporter, &push), Outcome::Success);
    assert_eq!(w.chain.price(w.usd_feed).unwrap(), Price(99_000_000));
    let settle = [Call::Settle {
        trader: w.alice,
        pays_asset: w.usd,
        pays: Amount::new(1),
        receives_asset: w.usd,
        receives: Amount::ZERO,
    }];
    assert_eq!(w.run(w.bob, &settle), Outcome::Reverted { call: 0, reason: Revert::NotAuthorised });
    let (pooled, pool) = (w.chain.pooled(w.market), w.chain.pools()[0].account());
    let (custodian, share) = (pooled.account, pooled.reserves[1].a_token);
    // The world's operator pays no gas.
    let operator = TxHeader { system: true, ..header(w.chain.outside()) };
    for (trader, pays_asset, receives_asset, reason) in [
        (custodian, w.usd, w.usd, Revert::NotAuthorised),
        (pool, w.usd, w.usd, Revert::NotAuthorised),
        (w.alice, share, w.usd, Revert::NotTransferable),
        (w.alice, w.usd, share, Revert::NotTransferable),
    ] {
        let (pays, receives) = (Amount::new(1), Amount::ZERO);
        let calls = [Call::Settle { trader, pays_asset, pays, receives_asset, receives }];
        let receipt = w.chain.execute(Transaction { header: &operator, calls: &calls });
        assert_eq!(receipt.outcome, Outcome::Reverted { call: 0, reason });
    }
    let receipt = w.chain.execute(Transaction { header: &operator, calls: &settle });
    assert_eq!(receipt.outcome, Outcome::Success);
    let freeze = [Call::ProposeRisk {
        market: w.market,
        change: RiskChange { reserve: Some(1), param: RiskParam::Frozen, value: 1 },
    }];
    assert!(matches!(w.run(w.bob, &freeze), Outcome::Reverted { .. }));
    assert_eq!(w.run(w.manager, &freeze), Outcome::Success);
    assert!(w.chain.pooled(w.market).reserves[1].config.frozen);
    // Frozen collateral stops the attack.
    let calls = w.attack(1);
    assert!(matches!(w.run(w.bob, &calls), Outcome::Reverted { call: 3, .. }));
}

#[test]
fn a_borrower_cannot_give_away_collateral_or_debt() {
    let mut w = world();
    let calls = [
        Call::Supply { market: w.market, asset: w.tok, amount: exact(1_000 * E18) },
        Call::Borrow { market: w.market, asset: w.usd, amount: AmountExpr::MaxBorrow },
    ];
    assert_eq!(w.run(w.alice, &calls), Outcome::Success);
    let (shares, debt) = {
        let reserves = &w.chain.pooled(w.market).reserves;
        (reserves[1].a_token, reserves[0].debt_token)
    };
    for asset in [shares, debt] {
        let give = [Call::Transfer { to: w.bob, asset, amount: AmountExpr::All }];
        let refused = Outcome::Reverted { call: 0, reason: Revert::NotTransferable };
        assert_eq!(w.run(w.alice, &give), refused);
    }
}

#[test]
fn interest_accrues_on_touch_and_views_project() {
    let mut w = world();
    let calls = [
        Call::Supply { market: w.market, asset: w.tok, amount: exact(1_000_000 * E18) },
        Call::Borrow { market: w.market, asset: w.usd, amount: exact(500_000 * E6) },
    ];
    assert_eq!(w.run(w.alice, &calls), Outcome::Success);
    let stored = w.chain.pooled(w.market).reserves[0];
    w.chain.begin_block(1_600_000_012 + 31_536_000, 15_000_000);
    assert_eq!(w.chain.pooled(w.market).reserves[0], stored, "time alone writes nothing");
    let owed = w.chain.pooled(w.market).debt(&w.chain, w.alice, 0);
    assert!(owed > Amount::new(500_000 * E6), "{owed}");
    assert_eq!(
        w.run(w.alice, &[Call::Repay { market: w.market, asset: w.usd, amount: AmountExpr::All }]),
        Outcome::Success
    );
    assert!(w.chain.pooled(w.market).reserves[0].last_update > stored.last_update);
    assert!(w.chain.pooled(w.market).debt(&w.chain, w.alice, 0).is_zero());
}

#[test]
fn what_a_liquidation_within_one_reserve_books_twice_does_not_break_the_books() {
    let mut w = world();
    let (market, usd, tok) = (w.market, w.usd, w.tok);
    let calls = [
        Call::Supply { market, asset: tok, amount: exact(100_000 * E18) },
        Call::Supply { market, asset: usd, amount: exact(50_000 * E6) },
        Call::Borrow { market, asset: usd, amount: AmountExpr::MaxBorrow },
    ];
    assert_eq!(w.run(w.alice, &calls), Outcome::Success);
    w.chain.begin_block(1_631_536_000, 15_000_000);
    let amount = exact(500_000 * E18);
    let dump = Call::Swap { pool: w.pool, asset_in: tok, amount, min_out: Amount::ZERO };
    let seize = Call::Liquidate {
        market,
        borrower: w.alice,
        collateral: usd,
        debt: usd,
        amount: exact(20_000 * E6),
    };
    assert_eq!(w.run(w.bob, &[dump, seize]), Outcome::Success);
    let book = w.chain.pooled(market).reserves[0];
    assert!(!book.booked_twice.is_zero());
    let supply = w.chain.ledger().total_supply(book.a_token);
    let debt = w.chain.ledger().total_supply(book.debt_token);
    let (has, owes) = book.solvency(supply, debt).unwrap();
    assert!(has >= owes);
    let (has, owes) =
        Reserve { booked_twice: Amount::ZERO, ..book }.solvency(supply, debt).unwrap();
    assert!(has < owes, "booked twice, and paid once");
}

/// Any call of the pair itself; its account is the sixth, which transfers go to.
fn any_pair_call() -> impl Strategy<Value = Call> {
    let (pool, to) = (PoolId(0), (2u32..8).prop_map(AccountId));
    let out0 = prop_oneof![Just(0), 0..1_000_000 * E6].prop_map(Amount::new);
    let out1 = prop_oneof![Just(0), 0..1_000_000 * E18].prop_map(Amount::new);
    prop_oneof![
        to.clone().prop_map(move |to| PairCall::Mint { pool, to }),
        to.clone().prop_map(move |to| PairCall::Burn { pool, to }),
        (out0, out1, to.clone(), 0u16..3).prop_map(move |(out0, out1, to, body)| PairCall::Swap {
            pool,
            out0,
            out1,
            to,
            body
        }),
        Just(PairCall::Sync { pool }),
        to.prop_map(move |to| PairCall::Skim { pool, to }),
    ]
    .prop_map(Call::Pair)
}

/// Any call with small random ids and amounts: most fail, and that is the point.
fn any_call() -> impl Strategy<Value = Call> {
    let asset = (0u16..9).prop_map(AssetId);
    let amount = prop_oneof![
        (0u128..3_000_000 * E6).prop_map(exact),
        (0u128..3_000_000 * E18).prop_map(exact),
        Just(AmountExpr::All),
        Just(AmountExpr::MaxBorrow),
        Just(AmountExpr::FlashDebt),
        (0u8..6).prop_map(AmountExpr::DeltaSince),
    ];
    let (market, pool) = (MarketId(0), PoolId(0));
    prop_oneof![
        (asset.clone(), amount.clone()).prop_map(|(asset, amount)| Call::Transfer {
            to: AccountId(3),
            asset,
            amount
        }),
        (1u16..3, amount.clone()).prop_map(move |(a, amount)| Call::Swap {
            pool,
            asset_in: AssetId(a),
            amount,
            min_out: Amount::ZERO
        }),
        (1u16..3, amount.clone()).prop_map(move |(a, amount)| Call::SwapExactOut {
            pool,
            asset_out: AssetId(a),
            amount,
            max_in: Amount::MAX
        }),
        any_pair_call(),
        (1u16..4, amount.clone()).prop_map(|(a, amount)| Call::Transfer {
            to: AccountId(6),
            asset: AssetId(a),
            amount
        }),
        (0u128..E6 * E6, 0u128..E18 * E6).prop_map(move |(a, b)| Call::AddLiquidity {
            pool,
            max0: Amount::new(a),
            max1: Amount::new(b)
        }),
        amount.clone().prop_map(move |shares| Call::RemoveLiquidity { pool, shares }),
        (asset.clone(), amount.clone()).prop_map(move |(asset, amount)| Call::Supply {
            market,
            asset,
            amount
        }),
        (asset.clone(), amount.clone()).prop_map(move |(asset, amount)| Call::Withdraw {
            market,
            asset,
            amount
        }),
        (asset.clone(), amount.clone()).prop_map(move |(asset, amount)| Call::Borrow {
            market,
            asset,
            amount
        }),
        (asset.clone(), amount.clone()).prop_map(move |(asset, amount)| Call::Repay {
            market,
            asset,
            amount
        }),
        (asset.clone(), any::<bool>()).prop_map(move |(asset, enabled)| Call::SetCollateral {
            market,
            asset,
            enabled
        }),
        (2u32..6, 1u16..3, 1u16..3, amount).prop_map(move |(b, c, d, amount)| Call::Liquidate {
            market,
            borrower: AccountId(b),
            collateral: AssetId(c),
            debt: AssetId(d),
            amount
        }),
        (1u16..3, 0u128..2_000_000 * E6, 0u16..4).prop_map(move |(a, amount, body)| {
            Call::FlashLoan { market, asset: AssetId(a), amount: Amount::new(amount), body }
        }),
        (0u8..5, asset.clone()).prop_map(|(mark, asset)| Call::Mark { mark, asset }),
        (0u16..4, 0u128..3 * E6 * 100)
            .prop_map(|(feed, price)| Call::PushPrice { feed: FeedId(feed), price: Price(price) }),
        (0u16..4).prop_map(|feed| Call::Checkpoint { feed: FeedId(feed) }),
        Just(Call::ExecuteRisk { market }),
        Just(Call::MintToTreasury { market }),
        (asset, 0u128..E6 * E6).prop_map(move |(asset, amount)| Call::CoverDeficit {
            market,
            asset,
            amount: exact(amount)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Random transactions keep every invariant, and each one that reverts changes nothing but gas.
    #[test]
    fn random_transactions_keep_every_invariant(
        txs in prop::collection::vec((2u32..6, prop::collection::vec(any_call(), 1..6), 0u64..90_000), 1..40)
    ) {
        let mut w = world();
        for (sender, calls, wait) in &txs {
            let time = w.chain.clock().timestamp + 12 + wait;
            w.chain.begin_block(time, 15_000_000);
            let mut h = header(AccountId(*sender));
            h.system = true;
            let before = w.chain.clone();
            let receipt = w.chain.execute(Transaction { header: &h, calls });
            if receipt.outcome != Outcome::Success {
                prop_assert!(w.chain == before);
            }
            if let Err(violation) = w.chain.audit_all() {
                prop_assert!(false, "{violation} after {calls:?}");
            }
        }
    }
}
