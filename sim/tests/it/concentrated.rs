//! Concentrated liquidity on the chain: rollback, conservation, solvency, bodies, feeds.

use markets::amm::concentrated::tick_math::{MAX_SQRT_RATIO, MIN_SQRT_RATIO, sqrt_ratio_at_tick};
use markets::amm::concentrated::{Concentrated, ConcentratedError, FEE_TIERS};
use markets::oracle::OracleError;
use markets::oracle::concentrated::ConcentratedTwapFeed;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, FeedId, Pips, PoolId, U256};
use proptest::prelude::*;
use sim::chain::call::{
    AmountExpr, Call, ConcentratedCall, Log, Outcome, Revert, Transaction, TxHeader,
};
use sim::chain::{Chain, Feed, Pool};

const E18: u128 = 1_000_000_000_000_000_000;
const START: u64 = 1_600_000_000;

struct World {
    chain: Chain,
    pool: PoolId,
    account: AccountId,
    tokens: [AssetId; 2],
    owner: AccountId,
    users: [AccountId; 2],
    spot: FeedId,
    twap: FeedId,
}

/// Two tokens of 18 decimals, a pool of the tier at a price of one, two rich users.
fn world(tier: usize) -> World {
    let mut chain = Chain::new("ETH", START, 0);
    let tokens = ["TOK", "USD"].map(|symbol| chain.add_asset(symbol, 18));
    let [account, owner, alice, bob] =
        ["pool", "owner", "alice", "bob"].map(|name| chain.add_account(name));
    for who in [alice, bob] {
        for token in tokens {
            chain.genesis_mint(who, token, Amount::new(1_000_000_000 * E18)).unwrap();
        }
    }
    let (fee, spacing) = FEE_TIERS[tier];
    let concentrated =
        Concentrated::new(tokens[0], tokens[1], account, Some(owner), Pips(fee), spacing);
    let pool = chain.add_pool(Pool::Concentrated(concentrated));
    let spot = chain.add_feed(Feed::Spot(SpotFeed { pool, asset: tokens[0], quote: None }));
    let twap = chain.add_feed(Feed::ConcentratedTwap(ConcentratedTwapFeed {
        pool,
        asset: tokens[0],
        quote: None,
        window_secs: 600,
    }));
    let mut world = World { chain, pool, account, tokens, owner, users: [alice, bob], spot, twap };
    let sqrt_price = sqrt_ratio_at_tick(0).unwrap();
    assert_eq!(world.one(alice, ConcentratedCall::Initialize { pool, sqrt_price }), Ok(()));
    world
}

impl World {
    fn run(&mut self, sender: AccountId, calls: &[Call]) -> Result<(), (u16, Revert)> {
        let header = TxHeader {
            sender,
            actor: 0,
            sequence: 0,
            gas_limit: 100_000_000,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            system: true,
        };
        match self.chain.execute(Transaction { header: &header, calls }).outcome {
            Outcome::Success => Ok(()),
            Outcome::Reverted { call, reason } => Err((call, reason)),
            other => panic!("{other:?}"),
        }
    }
    fn one(&mut self, sender: AccountId, call: ConcentratedCall) -> Result<(), Revert> {
        self.run(sender, &[Call::Concentrated(call)]).map_err(|(_, reason)| reason)
    }
    fn pool(&self) -> &Concentrated {
        self.chain.pool(self.pool).concentrated().unwrap()
    }
    fn mint(&mut self, who: AccountId, lower: i32, upper: i32, liquidity: u128) {
        let pool = self.pool;
        let mint = ConcentratedCall::Mint { pool, owner: who, lower, upper, liquidity, body: None };
        assert_eq!(self.one(who, mint), Ok(()));
    }
    fn swap(&self, zero_for_one: bool, amount: u128) -> ConcentratedCall {
        ConcentratedCall::Swap {
            pool: self.pool,
            zero_for_one,
            exact_out: false,
            amount: AmountExpr::Exact(Amount::new(amount)),
            sqrt_price_limit: limit(zero_for_one),
            body: None,
        }
    }
    fn transfer(&self, token: usize, amount: AmountExpr) -> Call {
        Call::Transfer { to: self.account, asset: self.tokens[token], amount }
    }
    fn wait(&mut self, secs: u64) {
        let now = self.chain.clock().timestamp;
        self.chain.begin_block(now + secs, 0);
    }
    fn wealth(&self, who: AccountId) -> [Amount; 2] {
        self.tokens.map(|token| self.chain.balance(who, token))
    }

    /// What must hold of the pool at any time.
    fn check(&mut self) {
        let pool = self.pool().clone();
        let state = &pool.state;
        assert!(state.unlocked);
        // Ticks ascend, are what their positions make of them, and say what liquidity is in range.
        assert!(pool.ticks.windows(2).all(|pair| pair[0].tick < pair[1].tick));
        for tick in &pool.ticks {
            let (mut gross, mut net) = (0, 0_i128);
            for p in &pool.positions {
                if p.lower == tick.tick {
                    gross += p.liquidity;
                    net += p.liquidity as i128;
                }
                if p.upper == tick.tick {
                    gross += p.liquidity;
                    net -= p.liquidity as i128;
                }
            }
            assert_eq!((tick.gross, tick.net), (gross, net), "tick {}", tick.tick);
            assert!(gross > 0 && tick.sqrt_price == sqrt_ratio_at_tick(tick.tick).unwrap());
        }
        let below = pool.ticks.iter().filter(|t| t.tick <= state.tick).map(|t| t.net).sum::<i128>();
        assert_eq!(below, state.liquidity as i128);
        let active = pool
            .positions
            .iter()
            .filter(|p| p.lower <= state.tick && state.tick < p.upper)
            .map(|p| p.liquidity)
            .sum::<u128>();
        assert_eq!(active, state.liquidity);
        // The price lies in its tick; a fall that ended on a tick leaves the tick one lower.
        let at = |tick| sqrt_ratio_at_tick(tick).unwrap();
        assert!(at(state.tick) <= state.sqrt_price && state.sqrt_price <= at(state.tick + 1));
        // Everyone could leave: what is owed after all have burned is there.
        let mut leaving = self.chain.clone();
        std::mem::swap(&mut self.chain, &mut leaving);
        let id = self.pool;
        for p in &pool.positions {
            let (lower, upper, liquidity) = (p.lower, p.upper, p.liquidity);
            if liquidity > 0 {
                let burn = ConcentratedCall::Burn { pool: id, lower, upper, liquidity };
                assert_eq!(self.one(p.owner, burn), Ok(()));
            }
            let (max0, max1) = (u128::MAX, u128::MAX);
            let collect = ConcentratedCall::Collect { pool: id, lower, upper, max0, max1 };
            assert_eq!(self.one(p.owner, collect), Ok(()));
        }
        assert!(self.pool().ticks.is_empty() && self.pool().state.liquidity == 0);
        let left = self.wealth(self.account);
        let (fees0, fees1) = (state.protocol_fees0, state.protocol_fees1);
        assert!(left[0] >= Amount::new(fees0) && left[1] >= Amount::new(fees1));
        self.chain.audit_all().unwrap();
        std::mem::swap(&mut self.chain, &mut leaving);
    }
}

fn limit(zero_for_one: bool) -> U256 {
    let one = U256::from(1);
    if zero_for_one { MIN_SQRT_RATIO + one } else { MAX_SQRT_RATIO - one }
}

/// One of each call that can change a pool, all of which succeed in this order.
fn every_call(w: &World) -> Vec<Call> {
    let pool = w.pool;
    let (alice, exact) = (w.users[0], |amount: u128| AmountExpr::Exact(Amount::new(amount)));
    let mint = |lower, upper, body| ConcentratedCall::Mint {
        pool,
        owner: alice,
        lower,
        upper,
        liquidity: 1_000 * E18,
        body,
    };
    let mut calls: Vec<Call> = [
        ConcentratedCall::IncreaseCardinality { pool, cardinality: 5 },
        mint(-600, 600, None),
        mint(-60, 1_200, None),
        w.swap(true, 200 * E18),
        mint(-600, 600, None),
        w.swap(false, 300 * E18),
        ConcentratedCall::Burn { pool, lower: -60, upper: 1_200, liquidity: 1_000 * E18 },
        ConcentratedCall::Burn { pool, lower: -600, upper: 600, liquidity: 0 },
        ConcentratedCall::Collect { pool, lower: -600, upper: 600, max0: 7, max1: u128::MAX },
        mint(60, 120, Some(2)),
    ]
    .into_iter()
    .map(Call::Concentrated)
    .collect();
    // The mint's body: more than is owed is not taken back.
    calls.extend([w.transfer(0, exact(E18 * 10)), w.transfer(1, exact(E18 * 10))]);
    calls.push(Call::Swap {
        pool,
        asset_in: w.tokens[1],
        amount: exact(E18),
        min_out: Amount::new(1),
    });
    calls.push(Call::Concentrated(ConcentratedCall::Flash {
        pool,
        amount0: Amount::new(E18),
        amount1: Amount::ZERO,
        body: 1,
    }));
    calls.push(w.transfer(0, AmountExpr::FlashDebt));
    let swap = w.swap(false, E18);
    let ConcentratedCall::Swap { zero_for_one, exact_out, amount, sqrt_price_limit, .. } = swap
    else {
        unreachable!("a swap")
    };
    calls.push(Call::Concentrated(ConcentratedCall::Swap {
        pool,
        zero_for_one,
        exact_out,
        amount,
        sqrt_price_limit,
        body: Some(1),
    }));
    calls.push(w.transfer(1, AmountExpr::FlashDebt));
    calls
}

#[test]
fn a_forced_revert_at_every_call_leaves_no_trace() {
    let mut w = world(2);
    let (alice, pool) = (w.users[0], w.pool);
    w.mint(alice, -6_000, 6_000, 500 * E18);
    let set = ConcentratedCall::SetFeeProtocol { pool, fee0: 4, fee1: 10 };
    assert_eq!(w.one(w.owner, set), Ok(()));
    w.wait(12);
    let calls = every_call(&w);
    let before = w.chain.state_hash();
    // Whatever the body needs is part of the cut: a call cut off from its body is malformed.
    let fail = Call::RequireGain { mark: 0, asset: w.tokens[0], min_gain: Amount::ZERO };
    for end in 0..=calls.len() {
        let mut cut = calls[..end].to_vec();
        cut.push(fail);
        let (_, reason) = w.run(alice, &cut).unwrap_err();
        assert!(matches!(reason, Revert::BadAmount | Revert::MalformedBody), "{end}: {reason:?}");
        assert_eq!(w.chain.state_hash(), before, "cut at {end}");
    }
    let header = TxHeader {
        sender: alice,
        actor: 0,
        sequence: 0,
        gas_limit: 100_000_000,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    };
    let tx = Transaction { header: &header, calls: &calls };
    let (_, inside) = w.chain.simulate(tx, |chain, receipt| {
        assert_eq!(receipt.outcome, Outcome::Success);
        chain.state_hash()
    });
    assert_eq!(w.chain.state_hash(), before);
    assert_eq!(w.run(alice, &calls), Ok(()));
    assert_eq!(w.chain.state_hash(), inside);
    w.check();
    // The calls that only the owner makes, and the one that can be made once.
    let after = w.chain.state_hash();
    let (max0, max1) = (u128::MAX, u128::MAX);
    let owners = [
        ConcentratedCall::CollectProtocol { pool, max0, max1 },
        ConcentratedCall::SetFeeProtocol { pool, fee0: 0, fee1: 5 },
    ];
    for call in owners {
        let _reverted = w.run(w.owner, &[Call::Concentrated(call), fail]).unwrap_err();
        assert_eq!(w.chain.state_hash(), after);
        assert_eq!(w.one(alice, call), Err(ConcentratedError::NotOwner.into()));
    }
}

#[test]
fn initialising_is_undone_and_happens_once() {
    let mut w = world(1);
    let sqrt_price = sqrt_ratio_at_tick(5).unwrap();
    let again = ConcentratedCall::Initialize { pool: w.pool, sqrt_price };
    assert_eq!(w.one(w.users[0], again), Err(ConcentratedError::AlreadyInitialized.into()));
    let [a, b] = w.tokens;
    let fresh = Concentrated::new(a, b, w.account, None, Pips(500), 10);
    let pool = w.chain.add_pool(Pool::Concentrated(fresh));
    let before = w.chain.state_hash();
    let swap = ConcentratedCall::Swap {
        pool,
        zero_for_one: true,
        exact_out: false,
        amount: AmountExpr::Exact(Amount::new(1)),
        sqrt_price_limit: limit(true),
        body: None,
    };
    let calls = [ConcentratedCall::Initialize { pool, sqrt_price }, again].map(Call::Concentrated);
    assert_eq!(w.one(w.users[0], swap), Err(ConcentratedError::Locked.into()));
    let failed = w.run(w.users[0], &calls).unwrap_err();
    assert_eq!(failed, (1, ConcentratedError::AlreadyInitialized.into()));
    assert_eq!(w.chain.state_hash(), before);
}

#[test]
fn a_body_must_pay_what_is_owed_and_finds_the_pool_locked() {
    let mut w = world(2);
    let [alice, bob] = w.users;
    w.mint(alice, -6_000, 6_000, 500 * E18);
    let pool = w.pool;
    let before = w.chain.state_hash();
    let flash = |body| {
        let (amount0, amount1) = (Amount::new(E18), Amount::new(E18));
        Call::Concentrated(ConcentratedCall::Flash { pool, amount0, amount1, body })
    };
    let exact = |amount: u128| AmountExpr::Exact(Amount::new(amount));
    let (owed, short) = (E18 + E18 * 3 / 1_000, E18 + E18 * 3 / 1_000 - 1);
    let (to, tokens) = (w.account, w.tokens);
    let pay =
        |token: usize, amount| Call::Transfer { to, asset: tokens[token], amount: exact(amount) };
    let cases = [
        (vec![flash(0)], (0, ConcentratedError::Flash0)),
        (vec![flash(2), pay(0, owed), pay(1, short)], (0, ConcentratedError::Flash1)),
        (vec![flash(2), pay(0, short), pay(1, owed)], (0, ConcentratedError::Flash0)),
        (vec![flash(1), flash(0)], (1, ConcentratedError::Locked)),
        (vec![flash(1), Call::Concentrated(w.swap(true, 1_000))], (1, ConcentratedError::Locked)),
        (
            vec![
                flash(1),
                Call::Concentrated(ConcentratedCall::Burn {
                    pool,
                    lower: -6_000,
                    upper: 6_000,
                    liquidity: 0,
                }),
            ],
            (1, ConcentratedError::Locked),
        ),
    ];
    for (calls, (call, reason)) in cases {
        assert_eq!(w.run(bob, &calls), Err((call, reason.into())));
        assert_eq!(w.chain.state_hash(), before);
    }
    let body = |call, body| match call {
        ConcentratedCall::Swap {
            pool, zero_for_one, exact_out, amount, sqrt_price_limit, ..
        } => Call::Concentrated(ConcentratedCall::Swap {
            pool,
            zero_for_one,
            exact_out,
            amount,
            sqrt_price_limit,
            body: Some(body),
        }),
        _ => unreachable!("a swap"),
    };
    let unpaid = body(w.swap(true, E18), 0);
    assert_eq!(w.run(bob, &[unpaid]), Err((0, ConcentratedError::InsufficientInput.into())));
    let mint = Call::Concentrated(ConcentratedCall::Mint {
        pool,
        owner: bob,
        lower: -60,
        upper: 60,
        liquidity: E18,
        body: Some(1),
    });
    let plenty = exact(E18);
    let calls = [mint, w.transfer(1, plenty)];
    assert_eq!(w.run(bob, &calls), Err((0, ConcentratedError::Mint0.into())));
    let calls = [mint, w.transfer(0, plenty)];
    assert_eq!(w.run(bob, &calls), Err((0, ConcentratedError::Mint1.into())));
    let too_much = ConcentratedCall::Flash {
        pool,
        amount0: Amount::new(1_000_000 * E18),
        amount1: Amount::ZERO,
        body: 0,
    };
    assert_eq!(w.one(bob, too_much), Err(ConcentratedError::Transfer.into()));
    assert_eq!(w.chain.state_hash(), before);
    // Paid in full, each goes through; what comes on top of the fee is a fee too.
    assert_eq!(w.run(bob, &[flash(2), pay(0, owed + 5), pay(1, owed)]), Ok(()));
    let paid = body(w.swap(true, E18), 1);
    assert_eq!(w.run(bob, &[paid, w.transfer(0, AmountExpr::FlashDebt)]), Ok(()));
    w.check();
}

#[test]
fn the_common_verbs_sell_and_buy_exactly() {
    let mut w = world(1);
    let [alice, bob] = w.users;
    w.mint(alice, -1_000, 1_000, 1_000 * E18);
    let sell = |asset_in, min_out| Call::Swap {
        pool: w.pool,
        asset_in,
        amount: AmountExpr::Exact(Amount::new(E18)),
        min_out,
    };
    let [a, b] = w.tokens;
    let (floor, greedy) = (Amount::new(E18 * 99 / 100), Amount::new(E18));
    let sells = [sell(a, floor), sell(b, floor), sell(a, greedy)];
    let [first, second, third] = sells;
    assert_eq!(w.run(bob, &[first, second]), Ok(()));
    let logs = w.chain.logs().to_vec();
    assert!(matches!(
        logs[..],
        [.., Log::Swap { asset_in: x, .. }, Log::Swap { asset_in: y, .. }] if (x, y) == (a, b)
    ));
    let too_little = markets::amm::PoolError::TooLittleReceived.into();
    assert_eq!(w.run(bob, &[third]), Err((0, too_little)));
    let pool = w.pool;
    let buy = |asset_out, max_in| Call::SwapExactOut {
        pool,
        asset_out,
        amount: AmountExpr::Exact(floor),
        max_in,
    };
    let before = w.chain.balance(bob, b);
    assert_eq!(w.run(bob, &[buy(b, greedy)]), Ok(()));
    assert_eq!(w.chain.balance(bob, b), before.checked_add(floor).unwrap());
    let excessive = markets::amm::PoolError::ExcessiveInput.into();
    assert_eq!(w.run(bob, &[buy(b, floor)]), Err((0, excessive)));
    let stranger = w.chain.gas_asset();
    let unknown = markets::amm::PoolError::UnknownAsset.into();
    let call = Call::Swap {
        pool: w.pool,
        asset_in: stranger,
        amount: AmountExpr::Exact(Amount::new(1)),
        min_out: Amount::ZERO,
    };
    assert_eq!(w.run(bob, &[call]), Err((0, unknown)));
    w.check();
}

#[test]
fn a_spot_feed_moves_within_the_transaction_and_the_average_does_not() {
    let mut w = world(2);
    let [alice, bob] = w.users;
    w.mint(alice, -6_000, 6_000, 1_000 * E18);
    let cardinality = ConcentratedCall::IncreaseCardinality { pool: w.pool, cardinality: 100 };
    assert_eq!(w.one(alice, cardinality), Ok(()));
    assert_eq!(w.chain.price(w.spot).unwrap().usd(), 1.0);
    assert_eq!(w.chain.price(w.twap), Err(OracleError::WindowTooShort));
    w.wait(600);
    assert_eq!(w.chain.price(w.twap).unwrap().usd(), 1.0);
    // Buying token 0 lifts its price at once.
    let buy = w.swap(false, 100 * E18);
    assert_eq!(w.one(bob, buy), Ok(()));
    let spot = w.chain.price(w.spot).unwrap().usd();
    assert!((1.2..1.22).contains(&spot), "{spot}");
    assert_eq!(w.chain.price(w.twap).unwrap().usd(), 1.0);
    // After a third of the window the geometric mean is its cube root.
    w.wait(200);
    let third = w.chain.price(w.twap).unwrap().usd();
    assert!((third / libm_cbrt(spot) - 1.0).abs() < 2e-4, "{third} {spot}");
    w.wait(400);
    let whole = w.chain.price(w.twap).unwrap().usd();
    assert!((whole / spot - 1.0).abs() < 2e-4, "{whole} {spot}");
}

/// The cube root by Newton's method.
fn libm_cbrt(x: f64) -> f64 {
    (0..60).fold(1.0, |y, _| (2.0 * y + x / (y * y)) / 3.0)
}

/// A step of a random life of a pool.
#[derive(Clone, Debug)]
enum Step {
    Mint(usize, i32, i32, u128),
    Burn(usize, usize, u128),
    Collect(usize, usize),
    Swap(usize, bool, bool, u128, i32),
    Flash(usize, u128, u128),
    Fees(u8, u8),
    Wait(u64),
    Cardinality(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0_usize..2;
    // Of every magnitude, up to 90 bits.
    let amount = (0_u32..90, any::<u128>()).prop_map(|(bits, x)| (x >> (127 - bits)).max(1));
    let step = prop_oneof![
        3 => (who.clone(), -60_i32..60, 1_i32..40, amount.clone())
            .prop_map(|(w, lower, width, l)| Step::Mint(w, lower, lower + width, l)),
        2 => (who.clone(), any::<usize>(), any::<u128>()).prop_map(|(w, i, l)| Step::Burn(w, i, l)),
        1 => (who.clone(), any::<usize>()).prop_map(|(w, i)| Step::Collect(w, i)),
        6 => (who.clone(), any::<bool>(), any::<bool>(), amount.clone(), -70_i32..70)
            .prop_map(|(w, z, e, a, limit)| Step::Swap(w, z, e, a, limit)),
        1 => (who, amount.clone(), amount).prop_map(|(w, a, b)| Step::Flash(w, a, b)),
        1 => (0_u8..12, 0_u8..12).prop_map(|(a, b)| Step::Fees(a, b)),
        2 => (1_u64..100_000).prop_map(Step::Wait),
        1 => (1_u16..20).prop_map(Step::Cardinality),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Takes a random step; a refusal must leave no trace, and a simulation none either.
fn take(w: &mut World, step: &Step) {
    let pool = w.pool;
    let spacing = w.pool().tick_spacing;
    let positions = w.pool().positions.clone();
    let of = |w: &World, who: usize, i: usize| {
        let mine: Vec<_> = positions.iter().filter(|p| p.owner == w.users[who]).collect();
        (!mine.is_empty()).then(|| *mine[i % mine.len()])
    };
    let (sender, calls) = match *step {
        Step::Mint(who, lower, upper, liquidity) => {
            let (owner, lower, upper) = (w.users[who], lower * spacing, upper * spacing);
            let mint = ConcentratedCall::Mint { pool, owner, lower, upper, liquidity, body: None };
            (owner, vec![Call::Concentrated(mint)])
        }
        Step::Burn(who, i, part) => {
            let Some(p) = of(w, who, i) else { return };
            let (lower, upper) = (p.lower, p.upper);
            let liquidity = if p.liquidity == 0 { 0 } else { part % (p.liquidity + 1) };
            let burn = ConcentratedCall::Burn { pool, lower, upper, liquidity };
            (p.owner, vec![Call::Concentrated(burn)])
        }
        Step::Collect(who, i) => {
            let Some(p) = of(w, who, i) else { return };
            let (lower, upper, max0, max1) = (p.lower, p.upper, u128::MAX, u128::MAX);
            let collect = ConcentratedCall::Collect { pool, lower, upper, max0, max1 };
            (p.owner, vec![Call::Concentrated(collect)])
        }
        Step::Swap(who, zero_for_one, exact_out, amount, limit) => {
            let swap = ConcentratedCall::Swap {
                pool,
                zero_for_one,
                exact_out,
                amount: AmountExpr::Exact(Amount::new(amount)),
                sqrt_price_limit: sqrt_ratio_at_tick(limit * spacing).unwrap(),
                body: None,
            };
            (w.users[who], vec![Call::Concentrated(swap)])
        }
        Step::Flash(who, amount0, amount1) => {
            let (pay0, pay1) = (amount0 + amount0 / 50, amount1 + amount1 / 50);
            let exact = |amount| AmountExpr::Exact(Amount::new(amount));
            let (amount0, amount1) = (Amount::new(amount0), Amount::new(amount1));
            let flash = ConcentratedCall::Flash { pool, amount0, amount1, body: 2 };
            let pays = [w.transfer(0, exact(pay0)), w.transfer(1, exact(pay1))];
            (w.users[who], vec![Call::Concentrated(flash), pays[0], pays[1]])
        }
        Step::Fees(fee0, fee1) => {
            let set = ConcentratedCall::SetFeeProtocol { pool, fee0, fee1 };
            (w.owner, vec![Call::Concentrated(set)])
        }
        Step::Wait(secs) => return w.wait(secs),
        Step::Cardinality(cardinality) => {
            let grow = ConcentratedCall::IncreaseCardinality { pool, cardinality };
            (w.owner, vec![Call::Concentrated(grow)])
        }
    };
    let before = w.chain.state_hash();
    let mut doomed = calls.clone();
    doomed.push(Call::RequireGain { mark: 0, asset: w.tokens[0], min_gain: Amount::ZERO });
    let _reverted = w.run(sender, &doomed).unwrap_err();
    assert_eq!(w.chain.state_hash(), before, "undoing {step:?}");
    if w.run(sender, &calls).is_err() {
        assert_eq!(w.chain.state_hash(), before, "refusing {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn random_lives_keep_the_books(tier in 0_usize..4, steps in steps()) {
        let mut w = world(tier);
        for step in &steps {
            take(&mut w, step);
        }
        w.check();
    }

    #[test]
    fn a_round_trip_never_gains(
        tier in 0_usize..4,
        steps in steps(),
        zero_for_one in any::<bool>(),
        shift in 0_u32..90,
    ) {
        let mut w = world(tier);
        for step in &steps {
            take(&mut w, step);
        }
        let bob = w.users[1];
        let before = w.wealth(bob);
        let sold = usize::from(!zero_for_one);
        let there = w.swap(zero_for_one, 1 << shift);
        if w.one(bob, there).is_err() {
            return Ok(());
        }
        let gained = w.wealth(bob)[1 - sold].saturating_sub(before[1 - sold]);
        let Ok(gained) = u128::try_from(gained.0) else { return Ok(()) };
        if gained > 0 {
            let back = w.swap(!zero_for_one, gained);
            let _either_way = w.one(bob, back);
        }
        let after = w.wealth(bob);
        prop_assert!(after[sold] <= before[sold], "{before:?} {after:?}");
        prop_assert!(after[1 - sold] <= before[1 - sold] || after[sold] < before[sold]);
    }
}
