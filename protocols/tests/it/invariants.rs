//! Properties of the market over random operation sequences.

use crate::common::{
    MANAGER, Refused, TREASURY, USER, World, a_token, debt_token, underlying, usd,
};
use markets::units::{AccountId, Amount, U256};
use proptest::prelude::*;
use protocols::LendingView;
use protocols::lending::LendingError;
use protocols::liquidation::MIN_LEFTOVER_BASE;
use protocols::risk_params::{Direction, RiskChange, RiskParam, RiskRegime};

const USERS: u32 = 4;
const RESERVES: u16 = 3;
const WEALTH: u128 = 1_000_000;

#[derive(Clone, Debug)]
enum Op {
    Supply(u32, u16, u64),
    Withdraw(u32, u16, u64),
    Borrow(u32, u16, u64),
    Repay(u32, u16, u64),
    Collateral(u32, u16, bool),
    Transfer(u32, u32, u16, u64),
    Liquidate(u32, u32, u16, u16, u64, bool),
    Flash(u32, u16, u64),
    MintToTreasury,
    Cover(u16, u64),
    Wait(u32),
    Price(u16, u32),
    Risk(Option<u16>, usize, bool),
}

/// A size as a part of 2⁶⁴: spans wei to everything; the top sixteenth means "all".
fn amount(part: u64, decimals: u8) -> Amount {
    if part > u64::MAX / 16 * 15 {
        return Amount::MAX;
    }
    let unit = 10_u128.pow(u32::from(decimals));
    let log = part % 64;
    Amount::new((((u128::from(part) * unit) >> 64) * WEALTH) >> (log / 2))
}

fn op() -> impl Strategy<Value = Op> {
    let (u, r) = (0..USERS, 0..RESERVES);
    let s = any::<u64>();
    prop_oneof![
        4 => (u.clone(), r.clone(), s).prop_map(|(u, r, s)| Op::Supply(u, r, s)),
        3 => (u.clone(), r.clone(), s).prop_map(|(u, r, s)| Op::Withdraw(u, r, s)),
        5 => (u.clone(), r.clone(), s).prop_map(|(u, r, s)| Op::Borrow(u, r, s)),
        3 => (u.clone(), r.clone(), s).prop_map(|(u, r, s)| Op::Repay(u, r, s)),
        1 => (u.clone(), r.clone(), any::<bool>()).prop_map(|(u, r, e)| Op::Collateral(u, r, e)),
        1 => (u.clone(), u.clone(), r.clone(), s).prop_map(|(a, b, r, s)| Op::Transfer(a, b, r, s)),
        5 => (u.clone(), u.clone(), r.clone(), r.clone(), s, any::<bool>())
            .prop_map(|(a, b, c, d, s, e)| Op::Liquidate(a, b, c, d, s, e)),
        1 => (u, r.clone(), s).prop_map(|(u, r, s)| Op::Flash(u, r, s)),
        1 => Just(Op::MintToTreasury),
        1 => (r.clone(), s).prop_map(|(r, s)| Op::Cover(r, s)),
        3 => (1_u32..40_000_000).prop_map(Op::Wait),
        3 => (r.clone(), 300_u32..3000).prop_map(|(r, p)| Op::Price(r, p)),
        1 => (prop::option::of(r), 0..RiskParam::COUNT, any::<bool>())
            .prop_map(|(r, p, up)| Op::Risk(r, p, up)),
    ]
}

fn world() -> World {
    let mut w = World::three(RiskRegime::guardian());
    for u in 0..USERS {
        for r in 0..RESERVES {
            let unit = 10_u128.pow(u32::from(w.market.reserves[usize::from(r)].decimals));
            w.fund(AccountId(USER + u), r, WEALTH * unit);
        }
    }
    w
}

/// Performs an operation; checks what must hold of it alone.
fn perform(w: &mut World, op: &Op) -> Result<Amount, Refused> {
    let id = |u: u32| AccountId(USER + u);
    let decimals: Vec<u8> = w.market.reserves.iter().map(|r| r.decimals).collect();
    let size = |s: u64, r: u16| amount(s, decimals[usize::from(r)]);
    match *op {
        Op::Supply(u, r, s) => w.supply(id(u), r, size(s, r)),
        Op::Withdraw(u, r, s) => w.withdraw(id(u), r, size(s, r)),
        Op::Borrow(u, r, s) => {
            let max = w.market.max_borrow(&w.ledger, id(u), r);
            let asked = size(s, r);
            if max.is_zero() && asked == Amount::MAX {
                return Ok(Amount::ZERO);
            }
            let done = w.borrow(id(u), r, asked);
            if asked == Amount::MAX || (asked <= max && !asked.is_zero()) {
                assert!(done.is_ok(), "what max_borrow says can be borrowed: {max} {done:?}");
            }
            done
        }
        Op::Repay(u, r, s) => w.repay(id(u), r, size(s, r)),
        Op::Collateral(u, r, e) => w.act(|m, v, c| m.set_collateral(v, id(u), r, e, c)),
        Op::Transfer(a, b, r, s) => {
            w.act(|m, v, c| m.transfer_supply(v, id(a), id(b), r, size(s, r), c))
        }
        Op::Liquidate(by, whom, coll, debt, s, receive_shares) => {
            liquidate(w, id(by), id(whom), coll, debt, size(s, debt), receive_shares)
        }
        Op::Flash(u, r, s) => {
            let before = w.clone();
            let amount = size(s, r);
            let done = w
                .act(|m, v, c| m.flash_open(v, id(u), r, amount, c))
                .and_then(|_| w.act(|m, v, c| m.flash_close(v, id(u), r, amount, c)));
            if done.is_err() {
                *w = before;
            }
            done
        }
        Op::MintToTreasury => w.act(|m, v, c| m.mint_to_treasury(v, c)),
        Op::Cover(r, s) => w.act(|m, v, c| m.cover_deficit(v, TREASURY, r, size(s, r), c)),
        Op::Wait(secs) => {
            w.ledger.now += u64::from(secs);
            Ok(Amount::ZERO)
        }
        Op::Price(r, permille) => {
            let base = [usd(2_000), usd(1), usd(5)][usize::from(r)];
            w.ledger.prices[usize::from(r)] = base * u128::from(permille) / 1000;
            Ok(Amount::ZERO)
        }
        Op::Risk(r, p, up) => {
            let direction = if up { Direction::Up } else { Direction::Down };
            let param = RiskParam::ALL[p];
            match w.market.risk_step(r, param, direction, w.ledger.now) {
                Ok(change) => {
                    let done = w.act(|m, v, c| m.propose_risk(v, MANAGER, change, c));
                    assert!(done.is_ok(), "a legal step is accepted: {change:?} {done:?}");
                    done
                }
                Err(why) => Err(Refused::Risk(why)),
            }
        }
    }
}

/// LEND-03: a liquidation clears the debt, or the collateral, or leaves the minimum on both.
fn liquidate(
    w: &mut World,
    by: AccountId,
    borrower: AccountId,
    collateral: u16,
    debt: u16,
    amount: Amount,
    receive_shares: bool,
) -> Result<Amount, Refused> {
    let health = w.market.health(&w.ledger, borrower).unwrap();
    let call =
        protocols::lending::LiquidationCall { borrower, collateral, debt, amount, receive_shares };
    let supplied = w.market.supplied(&w.ledger, borrower, collateral);
    let quoted = w.market.quote_liquidation(&w.ledger, borrower, collateral, debt, amount);
    let done = w.act(|m, v, c| m.liquidate_with(v, by, call, c));
    let repaid = done?;
    assert!(health.is_liquidatable());
    assert_eq!(quoted.unwrap().repaid, repaid);
    let value = |amount: U256, r: u16| {
        let price = U256::from(w.ledger.prices[usize::from(r)]);
        amount * price / w.market.reserves[usize::from(r)].unit()
    };
    let debt_left = w.market.debt(&w.ledger, borrower, debt);
    let seized = w.change.seized;
    if seized < supplied && !debt_left.is_zero() {
        let left = value(supplied.0 - seized.0, collateral);
        assert!(left >= MIN_LEFTOVER_BASE, "collateral dust {left}");
        let left = value(debt_left.0, debt) + U256::from(1);
        assert!(left >= MIN_LEFTOVER_BASE, "debt dust {left}");
    }
    done
}

/// What must hold of every state.
fn check(w: &World, before: &World, op: &Op) {
    let writes_off = matches!(op, Op::Liquidate(..));
    for r in 0..RESERVES {
        let (book, was) =
            (&w.market.reserves[usize::from(r)], &before.market.reserves[usize::from(r)]);
        // LEND-01: indexes never fall.
        assert!(book.liquidity_index >= was.liquidity_index);
        assert!(book.borrow_index >= was.borrow_index);
        assert!(book.last_update >= was.last_update);
        // LEND-02: what is at hand, lent and written off covers what is owed, but for rounding: each
        // operation may cost a few units of the underlying (indexes round half up).
        let (has, owes) = w.market.solvency(&w.ledger, r).unwrap();
        let covered = has.0 + slack(book);
        assert!(covered >= owes.0, "reserve {r}: {covered} covers {owes}");
        // LEND-04: the books agree with the ledger.
        assert_eq!(w.ledger.balance(crate::common::POOL, underlying(r)), book.virtual_balance);
        for token in [underlying(r), a_token(r), debt_token(r)] {
            let held: U256 = w
                .ledger
                .balances
                .iter()
                .filter(|((_, a), _)| *a == token)
                .fold(U256::ZERO, |sum, (_, b)| sum + b);
            assert_eq!(held, w.ledger.total_supply(token).0);
        }
        // LEND-05: a deficit grows only by a liquidation.
        assert!(writes_off || book.deficit <= was.deficit);
        assert!(book.config.check().is_ok());
    }
    for u in 0..USERS {
        let who = AccountId(USER + u);
        let position = w.market.position(who);
        for r in 0..RESERVES {
            // LEND-06: flags say where to look.
            let owes = !w.ledger.balance(who, debt_token(r)).is_zero();
            assert_eq!(position.borrows(r), owes, "user {u} reserve {r}");
            if position.uses_as_collateral(r) {
                assert!(!w.ledger.balance(who, a_token(r)).is_zero());
            }
        }
    }
}

/// What rounding may have cost a reserve so far: generous in units, nothing in value.
fn slack(book: &protocols::reserve::Reserve) -> U256 {
    U256::from(100) * (U256::from(1) + book.borrow_index.0 / markets::units::RAY)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_operations_keep_every_invariant(ops in prop::collection::vec(op(), 1..120)) {
        let mut w = world();
        for op in &ops {
            let before = w.clone();
            let done = perform(&mut w, op);
            if done.is_err() {
                assert_eq!(w.ledger.balances, before.ledger.balances);
                assert_eq!(w.market, before.market);
            }
            check(&w, &before, op);
        }
    }

    #[test]
    fn who_supplies_and_withdraws_at_once_never_gains(
        ops in prop::collection::vec(op(), 1..60),
        sizes in prop::collection::vec(any::<u64>(), 1..20),
    ) {
        let mut w = world();
        for op in &ops {
            let _ignored: Result<Amount, Refused> = perform(&mut w, op);
        }
        let (who, r) = (AccountId(USER + USERS), 0);
        w.fund(who, r, 10_u128.pow(24));
        let start = w.wallet(who, r);
        for pair in sizes.chunks(2) {
            let _ignored = w.supply(who, r, Amount::new(u128::from(pair[0])));
            let out = pair.get(1).map_or(Amount::MAX, |s| Amount::new(u128::from(*s)));
            let _ignored = w.withdraw(who, r, out);
        }
        let _ignored = w.withdraw(who, r, Amount::MAX);
        prop_assert!(w.wallet(who, r) <= start);
    }

    #[test]
    fn who_borrows_and_repays_at_once_never_gains(
        sizes in prop::collection::vec(1_u64..1_000_000_000, 1..20),
        secs in 0_u32..30_000_000,
    ) {
        let mut w = world();
        let (lender, who) = (AccountId(USER), AccountId(USER + 1));
        w.supply(lender, 1, Amount::new(500_000_000_000)).unwrap();
        w.supply(who, 0, Amount::new(10_u128.pow(21))).unwrap();
        w.borrow(who, 1, Amount::new(400_000_000_000)).unwrap();
        w.ledger.now += u64::from(secs);
        let start = (w.wallet(who, 1), w.market.debt(&w.ledger, who, 1));
        for size in &sizes {
            w.borrow(who, 1, Amount::new(u128::from(*size))).unwrap();
            w.repay(who, 1, Amount::new(u128::from(*size))).unwrap();
        }
        let end = (w.wallet(who, 1), w.market.debt(&w.ledger, who, 1));
        prop_assert!(end.0 <= start.0);
        prop_assert!(end.1 >= start.1);
    }
}

#[test]
fn a_freeze_blocks_supply_and_borrow_and_nothing_else() {
    let mut w = world();
    let (lender, who, bot) = (AccountId(USER), AccountId(USER + 1), AccountId(USER + 2));
    w.supply(lender, 1, Amount::new(900_000_000_000)).unwrap();
    w.supply(who, 0, Amount::new(10 * 10_u128.pow(18))).unwrap();
    w.borrow(who, 1, Amount::new(14_000_000_000)).unwrap();
    for r in [0, 1] {
        let freeze = RiskChange { reserve: Some(r), param: RiskParam::Frozen, value: 1 };
        w.act(|m, v, c| m.propose_risk(v, MANAGER, freeze, c)).unwrap();
    }
    let frozen = Err(Refused::Lending(LendingError::ReserveFrozen));
    assert_eq!(w.supply(who, 0, Amount::new(1)), frozen);
    assert_eq!(w.borrow(who, 1, Amount::new(1)), frozen);
    // It backs no new debt elsewhere either.
    let backs = w.borrow(who, 2, Amount::new(1));
    assert!(backs.is_err());
    assert_eq!(w.repay(who, 1, Amount::new(1_000_000)), Ok(Amount::new(1_000_000)));
    assert!(w.withdraw(lender, 1, Amount::new(1_000_000)).is_ok());
    w.ledger.prices[0] = usd(1_600);
    assert!(w.liquidate(bot, who, 0, 1, Amount::MAX).is_ok());
    let thaw = RiskChange { reserve: Some(1), param: RiskParam::Frozen, value: 0 };
    let early = w.act(|m, v, c| m.propose_risk(v, MANAGER, thaw, c));
    assert!(matches!(early, Err(Refused::Risk(_))), "{early:?}");
    w.ledger.now += 3_600;
    w.act(|m, v, c| m.propose_risk(v, MANAGER, thaw, c)).unwrap();
    assert!(w.supply(lender, 1, Amount::new(1_000_000)).is_ok());
}

#[test]
fn bad_debt_in_every_reserve_becomes_its_deficit_and_can_be_covered() {
    let mut w = world();
    let (lender, who, bot) = (AccountId(USER), AccountId(USER + 1), AccountId(USER + 2));
    w.supply(lender, 1, Amount::new(900_000_000_000)).unwrap();
    w.supply(lender, 0, Amount::new(10_u128.pow(20))).unwrap();
    // 10,000 of the thin token, 50,000 USD, carries 20,000 USD: 15,000 USDC and 2 WETH.
    w.supply(who, 2, Amount::new(10_u128.pow(22))).unwrap();
    w.borrow(who, 1, Amount::new(15_000_000_000)).unwrap();
    w.borrow(who, 0, Amount::new(2 * 10_u128.pow(18))).unwrap();
    w.ledger.prices[2] = usd(11) / 10; // 11,000 USD of collateral
    let repaid = w.liquidate(bot, who, 2, 1, Amount::MAX).unwrap();
    assert_eq!(repaid, Amount::new(10_000_000_000)); // 11,000 / 1.1
    assert_eq!(w.change.seized, Amount::new(10_u128.pow(22)));
    let bad = w.change.bad_debt.clone();
    assert_eq!(bad, [(1, Amount::new(5_000_000_000)), (0, Amount::new(2 * 10_u128.pow(18)))]);
    assert!(w.market.position(who).is_empty());
    assert_eq!(w.market.reserves[1].deficit, Amount::new(5_000_000_000));
    assert_eq!(w.market.health(&w.ledger, who).unwrap().debt_base, U256::ZERO);
    // The lender's own supply pays for it.
    let paid = w.act(|m, v, c| m.cover_deficit(v, lender, 1, Amount::MAX, c)).unwrap();
    assert_eq!(paid, Amount::new(5_000_000_000));
    assert_eq!(w.market.reserves[1].deficit, Amount::ZERO);
}

#[test]
fn a_flash_premium_is_ceiled_and_the_treasurys() {
    let mut w = world();
    let lender = AccountId(USER);
    w.supply(lender, 1, Amount::new(1_000_000)).unwrap();
    let premium = w.act(|m, v, c| m.flash_open(v, lender, 1, Amount::new(100_001), c)).unwrap();
    assert_eq!(premium, Amount::new(51)); // 50.0005 up
    w.act(|m, v, c| m.flash_close(v, lender, 1, Amount::new(100_001), c)).unwrap();
    assert_eq!(w.market.reserves[1].accrued_to_treasury, Amount::new(51));
    w.act(|m, v, c| m.mint_to_treasury(v, c)).unwrap();
    assert_eq!(w.ledger.balance(TREASURY, a_token(1)), Amount::new(51));
    assert_eq!(w.withdraw(TREASURY, 1, Amount::MAX), Ok(Amount::new(51)));
}

#[test]
fn caps_hold_to_the_unit() {
    let mut w = world();
    let (lender, who) = (AccountId(USER), AccountId(USER + 1));
    w.market.reserves[1].config.supply_cap = 1_000;
    w.market.reserves[1].config.borrow_cap = 10;
    let refused = |e| Err(Refused::Lending(e));
    assert_eq!(
        w.supply(lender, 1, Amount::new(1_000_000_001)),
        refused(LendingError::SupplyCapExceeded)
    );
    w.supply(lender, 1, Amount::new(1_000_000_000)).unwrap();
    w.supply(who, 0, Amount::new(10_u128.pow(18))).unwrap();
    assert_eq!(w.borrow(who, 1, Amount::new(10_000_001)), refused(LendingError::BorrowCapExceeded));
    assert_eq!(w.borrow(who, 1, Amount::MAX), Ok(Amount::new(10_000_000)));
}
