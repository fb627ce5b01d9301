//! The margin desk's interest and invariants by hand.

use markets::units::{
    AccountId, Amount, AssetId, Bps, FeedId, PoolId, Price, RAY, Ray, SECONDS_PER_YEAR, U256,
};
use protocols::margin_desk::{DeskBooks, DeskError, DeskPosition, MarginDesk, PriceCheck};

fn desk(start: u64) -> MarginDesk {
    MarginDesk::new(
        AccountId(0),
        AssetId(2),
        (AssetId(0), AssetId(1)),
        PoolId(0),
        Bps(50_000),
        Bps(11_530),
        start,
    )
}

#[test]
fn debts_grow_by_the_rate_and_the_pool_owns_what_they_grow_by() {
    let start = 1_600_000_000;
    let mut desk = desk(start);
    desk.rate_per_year = Bps(1_000);
    (desk.books.cash, desk.books.scaled_debt) = (Amount::new(50), Amount::new(1_000));
    let percent = |x: u64| Ray(RAY * U256::from(x) / U256::from(100));
    let half = start + SECONDS_PER_YEAR / 2;
    let books = desk.accrued(half).unwrap();
    let expected = DeskBooks { borrow_index: percent(105), updated_at: half, ..desk.books };
    assert_eq!(books, expected);
    assert_eq!(MarginDesk::assets(&books), Ok(Amount::new(1_100)));
    // Interest on interest from one accrual to the next: 1.05 · 1.1.
    desk.books = books;
    let year = half + SECONDS_PER_YEAR;
    let index = Ray(RAY * U256::from(1_155) / U256::from(1_000));
    let expected = DeskBooks { borrow_index: index, updated_at: year, ..books };
    assert_eq!(desk.accrued(year), Ok(expected));
    // A second of 10 % a year is 1.05 · 10²⁷ · 0.1 / 31,536,000, rounded up in the pool's favour.
    let second = desk.accrued(half + 1).unwrap().borrow_index.0;
    let exact = percent(105).0 / U256::from(10 * SECONDS_PER_YEAR);
    assert_eq!(second - percent(105).0, exact + U256::from(1));
    assert_eq!(desk.accrued(half), Ok(books), "no time, no interest");
}

#[test]
fn each_invariant_holds_to_the_unit_and_no_further() {
    let mut desk = desk(0);
    let position = |scaled_debt, held| DeskPosition {
        margin: Amount::ZERO,
        scaled_debt: Amount::new(scaled_debt),
        held: Amount::new(held),
    };
    desk.positions = vec![(AccountId(1), position(30, 7)), (AccountId(2), position(40, 5))];
    (desk.books.cash, desk.books.scaled_debt) = (Amount::new(100), Amount::new(70));
    let broken = |desk: &MarginDesk, loan, held| {
        desk.check(Amount::new(loan), Amount::new(held)).err().map(|(index, _)| index)
    };
    assert_eq!(broken(&desk, 100, 12), None);
    assert_eq!(broken(&desk, 101, 13), None, "donations are no breach");
    assert_eq!(broken(&desk, 99, 12), Some(0));
    assert_eq!(broken(&desk, 100, 11), Some(1));
    for owed in [69, 71] {
        desk.books.scaled_debt = Amount::new(owed);
        assert_eq!(broken(&desk, 100, 12), Some(2));
    }
    desk.books.scaled_debt = Amount::new(70);
    desk.books.borrow_index = Ray(RAY + U256::from(1));
    assert_eq!(broken(&desk, 100, 12), None);
    desk.books.borrow_index = Ray(RAY - U256::from(1));
    assert_eq!(broken(&desk, 100, 12), Some(3));
}

#[test]
fn a_purchase_may_lose_all_the_slippage_and_not_a_unit_more() {
    // 1,000 of six decimals at 2 USD for what is at 5 USD with eight: 400 less 1 %.
    let check = |percent: u32, bought| {
        let check = PriceCheck {
            loan_feed: FeedId(0),
            position_feed: FeedId(1),
            max_slippage: Bps(percent * 100),
        };
        let prices = (Price(2 * 100_000_000), Price(5 * 100_000_000));
        let sold = Amount::new(1_000_000_000);
        MarginDesk::check_price(&check, sold, Amount::new(bought), (6, 8), prices)
    };
    assert_eq!(check(0, 40_000_000_000), Ok(()));
    assert_eq!(check(0, 39_999_999_999), Err(DeskError::SlippageTooHigh));
    assert_eq!(check(1, 39_600_000_000), Ok(()));
    assert_eq!(check(1, 39_599_999_999), Err(DeskError::SlippageTooHigh));
}
