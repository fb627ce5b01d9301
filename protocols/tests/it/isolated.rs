//! Isolated markets: by hand, in closed form, and as properties.

use markets::math::Rounding;
use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, FeedId, Flow, Price, U256, WAD, Wad};
use proptest::prelude::*;
use protocols::LendingView;
use protocols::isolated::irm::{self, Irm};
use protocols::isolated::shares::{assets_from_shares, shares_from_assets};
use protocols::isolated::{Change, INVARIANTS, Isolated, IsolatedError, Quantity, Seize};
use std::collections::BTreeMap;

const E18: u128 = 10_u128.pow(18);
const E6: u128 = 10_u128.pow(6);
const MARKET: AccountId = AccountId(0);
const OWNER: AccountId = AccountId(1);
const LENDER: AccountId = AccountId(2);
const BORROWER: AccountId = AccountId(3);
const LIQUIDATOR: AccountId = AccountId(4);
const RECIPIENT: AccountId = AccountId(5);
const LOAN: AssetId = AssetId(0);
const COLLATERAL: AssetId = AssetId(1);
const YEAR: u64 = 365 * 86_400;

/// Balances, a clock and a price.
#[derive(Clone)]
struct World {
    market: Isolated,
    balances: BTreeMap<(AccountId, AssetId), U256>,
    price: Price,
    now: u64,
}

impl LendingView for World {
    fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        Amount(self.balances.get(&(account, asset)).copied().unwrap_or_default())
    }
    fn total_supply(&self, asset: AssetId) -> Amount {
        let of = self.balances.iter().filter(|((_, a), _)| *a == asset);
        Amount(of.fold(U256::ZERO, |sum, (_, balance)| sum + balance))
    }
    fn price(&self, _: FeedId) -> Result<Price, OracleError> {
        if self.price.0 == 0 { Err(OracleError::ZeroPrice) } else { Ok(self.price) }
    }
    fn now(&self) -> u64 {
        self.now
    }
}

impl World {
    /// 6-decimal loan asset against an 18-decimal collateral worth 2,000; everybody is rich.
    fn new(lltv: u128, irm: Irm) -> Self {
        let market = Isolated {
            account: MARKET,
            owner: OWNER,
            loan: LOAN,
            collateral: COLLATERAL,
            supply_share: AssetId(2),
            debt_share: AssetId(3),
            collateral_share: AssetId(4),
            loan_decimals: 6,
            collateral_decimals: 18,
            collateral_feed: FeedId(0),
            loan_feed: None,
            lltv: Wad::new(lltv),
            irm,
            state: Isolated::created(1_700_000_000, RECIPIENT, &irm),
        };
        let mut balances = BTreeMap::new();
        for account in [LENDER, BORROWER, LIQUIDATOR] {
            balances.insert((account, LOAN), U256::from(E6 * E18));
            balances.insert((account, COLLATERAL), U256::from(E6 * E18));
        }
        Self { market, balances, price: Price(2_000 * 100_000_000), now: 1_700_000_000 }
    }
    /// Performs a change, and looks at every invariant.
    fn apply(&mut self, change: Change) -> Result<Change, IsolatedError> {
        for flow in &change.flows {
            let (debit, credit, asset, amount) = match *flow {
                Flow::Move { from, to, asset, amount } => (Some(from), Some(to), asset, amount),
                Flow::Mint { to, asset, amount } => (None, Some(to), asset, amount),
                Flow::Burn { from, asset, amount } => (Some(from), None, asset, amount),
            };
            if let Some(from) = debit {
                let balance = self.balances.entry((from, asset)).or_default();
                *balance = balance.checked_sub(amount.0).ok_or(IsolatedError::Arithmetic)?;
            }
            if let Some(to) = credit {
                *self.balances.entry((to, asset)).or_default() += amount.0;
            }
        }
        self.market.state = change.state;
        self.market
            .check(self)
            .map_err(|(i, detail)| format!("{}: {}: {detail}", INVARIANTS[i].0, INVARIANTS[i].1))
            .unwrap();
        Ok(change)
    }
    fn supply(&mut self, q: Quantity) -> Result<Change, IsolatedError> {
        let change = self.market.supply(self, LENDER, LENDER, q)?;
        self.apply(change)
    }
    fn withdraw(&mut self, q: Quantity) -> Result<Change, IsolatedError> {
        let change = self.market.withdraw(self, LENDER, q)?;
        self.apply(change)
    }
    fn deposit(&mut self, amount: u128) -> Result<Change, IsolatedError> {
        let amount = Amount::new(amount);
        let change = self.market.supply_collateral(self, BORROWER, BORROWER, amount)?;
        self.apply(change)
    }
    fn take_back(&mut self, amount: u128) -> Result<Change, IsolatedError> {
        let change = self.market.withdraw_collateral(self, BORROWER, Amount::new(amount))?;
        self.apply(change)
    }
    fn borrow(&mut self, q: Quantity) -> Result<Change, IsolatedError> {
        let change = self.market.borrow(self, BORROWER, q)?;
        self.apply(change)
    }
    fn repay(&mut self, q: Quantity) -> Result<Change, IsolatedError> {
        let change = self.market.repay(self, BORROWER, BORROWER, q)?;
        self.apply(change)
    }
    fn liquidate(&mut self, seize: Seize) -> Result<Change, IsolatedError> {
        let change = self.market.liquidate(self, LIQUIDATOR, BORROWER, seize)?;
        self.apply(change)
    }
    fn at(mut self, seconds: u64) -> Self {
        self.now += seconds;
        self
    }
}

const NO_INTEREST: Irm = Irm::Fixed { rate: Wad::ZERO };

fn assets(amount: u128) -> Quantity {
    Quantity::Assets(Amount::new(amount))
}
fn shares(amount: u128) -> Quantity {
    Quantity::Shares(Amount::new(amount))
}

#[test]
fn the_incentive_follows_the_threshold() {
    // Published table: LLTV 98 %, 96.5 %, 94.5 %, 91.5 %, 86 %, 77 %, 62.5 %, 38.5 %.
    for (lltv, factor) in [
        (980, "1006036217303822937"),
        (965, "1010611419909044972"),
        (945, "1016776817488561260"),
        (915, "1026167265264238070"),
        (860, "1043841336116910229"),
        (770, "1074113856068743286"),
        (625, "1126760563380281690"),
        (385, "1150000000000000000"),
    ] {
        let w = World::new(lltv * E18 / 1_000, NO_INTEREST);
        assert_eq!(w.market.liquidation_incentive_factor().to_string(), factor, "{lltv}");
    }
}

#[test]
fn the_first_supply_mints_a_million_shares_a_unit() {
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    let change = w.supply(assets(1_000)).unwrap();
    assert_eq!(change.shares, Amount::new(1_000 * E6));
    // (1,000 + 1) / (10⁹ + 10⁶) is 10⁻⁶: the price has not moved.
    let change = w.supply(shares(1)).unwrap();
    assert_eq!(change.assets, Amount::new(1), "ceil, in the market's favour");
    let change = w.withdraw(shares(1)).unwrap();
    assert_eq!(change.assets, Amount::ZERO, "floor, in the market's favour");
}

#[test]
fn exactly_one_of_assets_and_shares() {
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    let refused = Err(IsolatedError::InconsistentInput);
    assert_eq!(w.supply(assets(0)), refused);
    assert_eq!(w.withdraw(shares(0)), refused);
    assert_eq!(w.borrow(assets(0)), refused);
    assert_eq!(w.repay(shares(0)), refused);
    assert_eq!(w.liquidate(Seize::Collateral(Amount::ZERO)), refused);
    assert_eq!(w.deposit(0), Err(IsolatedError::ZeroAssets));
    assert_eq!(w.take_back(0), Err(IsolatedError::ZeroAssets));
    let open = w.market.flash_open(BORROWER, LOAN, Amount::ZERO);
    assert_eq!(open, Err(IsolatedError::ZeroAssets));
    let big = Amount(U256::from(1) << 128_usize);
    assert_eq!(w.supply(Quantity::Assets(big)), Err(IsolatedError::MaxUint128Exceeded));
}

#[test]
fn a_borrower_stops_at_the_threshold() {
    // One whole collateral is 2,000; at 86 % it carries 1,720 exactly.
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    w.supply(assets(10_000 * E6)).unwrap();
    w.deposit(E18).unwrap();
    let over = Err(IsolatedError::InsufficientCollateral);
    assert_eq!(w.borrow(assets(1_720 * E6 + 1)), over);
    w.borrow(assets(1_720 * E6)).unwrap();
    assert_eq!(w.borrow(shares(1)), over, "no assets, but a share more of debt");
    assert_eq!(w.take_back(1), over);
    assert!(w.market.is_healthy(&w, BORROWER).unwrap());
    assert_eq!(
        w.liquidate(Seize::RepaidShares(Amount::new(1))),
        Err(IsolatedError::HealthyPosition)
    );
    w.price = Price(0);
    let blind = IsolatedError::Oracle(OracleError::ZeroPrice);
    assert_eq!(w.borrow(assets(1)), Err(blind));
    w.repay(w.market.whole_debt(&w, BORROWER)).unwrap();
    assert_eq!(w.take_back(E18).unwrap().assets, Amount::new(E18), "no debt needs no price");
}

#[test]
fn nothing_lent_can_be_withdrawn() {
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    w.supply(assets(1_000 * E6)).unwrap();
    w.deposit(E18).unwrap();
    w.borrow(assets(600 * E6)).unwrap();
    let short = Err(IsolatedError::InsufficientLiquidity);
    assert_eq!(w.withdraw(assets(400 * E6 + 1)), short);
    assert_eq!(w.borrow(assets(400 * E6 + 1)), short);
    w.withdraw(assets(400 * E6)).unwrap();
    assert_eq!(w.withdraw(assets(601 * E6)), Err(IsolatedError::Arithmetic), "not its shares");
}

#[test]
fn interest_is_the_third_order_of_the_exponential() {
    // 5 % a year for a year: x + x²/2 + x³/6, floored term by term.
    let rate = U256::from(E18 / 20 / u128::from(YEAR));
    let x = rate * U256::from(YEAR);
    let (two, three) = (U256::from(2) * WAD, U256::from(3) * WAD);
    let by_hand = x + x * x / two + (x * x / two) * x / three;
    assert_eq!(irm::taylor_compounded(rate, YEAR).unwrap(), by_hand);
    let excess = by_hand.saturating_sub(U256::from(51_270_833_000_000_000_u64));
    assert!(excess < U256::from(1_000_000_000_u64), "0.05 + 0.00125 + 0.0000208333…: {by_hand}");
}

#[test]
fn the_fee_is_worth_its_share_of_the_interest() {
    let rate = Wad::new(E18 / 10 / u128::from(YEAR));
    let mut w = World::new(E18 * 86 / 100, Irm::Fixed { rate });
    let fee = Wad::new(E18 / 5);
    assert_eq!(w.market.set_fee(&w, LENDER, fee), Err(IsolatedError::NotOwner));
    let most = Wad::new(E18 / 4 + 1);
    assert_eq!(w.market.set_fee(&w, OWNER, most), Err(IsolatedError::MaxFeeExceeded));
    let change = w.market.set_fee(&w, OWNER, fee).unwrap();
    w.apply(change).unwrap();
    assert_eq!(w.market.set_fee(&w, OWNER, fee), Err(IsolatedError::AlreadySet));
    w.supply(assets(1_000_000 * E6)).unwrap();
    w.deposit(1_000 * E18).unwrap();
    w.borrow(assets(900_000 * E6)).unwrap();
    let mut w = w.at(YEAR);
    let change = w.market.accrue(&w).unwrap();
    w.apply(change).unwrap();
    let interest = w.market.state.total_borrow_assets.0 - U256::from(900_000 * E6);
    assert_eq!(w.market.state.total_supply_assets.0, U256::from(1_000_000 * E6) + interest);
    let received = w.market.position(&w, RECIPIENT).unwrap().supplied.0;
    let due = interest / U256::from(5);
    assert!(received <= due && due - received <= U256::from(1), "{received} of {due}");
    let again = w.market.accrue(&w).unwrap();
    assert!(again.flows.is_empty(), "a second touch in the same second changes nothing");
}

#[test]
fn who_receives_the_fee_may_take_out_what_this_second_brings() {
    let rate = Wad::new(E18 / 10 / u128::from(YEAR));
    let mut w = World::new(E18 * 86 / 100, Irm::Fixed { rate });
    w.market.state.fee = Wad::new(E18 / 5);
    w.market.state.fee_recipient = LENDER;
    w.supply(assets(1_000_000 * E6)).unwrap();
    let more = w.market.supply(&w, LIQUIDATOR, LIQUIDATOR, assets(2_000_000 * E6)).unwrap();
    w.apply(more).unwrap();
    w.deposit(1_000 * E18).unwrap();
    w.borrow(assets(900_000 * E6)).unwrap();
    let mut w = w.at(YEAR);
    let had = w.balance(LENDER, w.market.supply_share).0;
    let fresh = w.market.accrue(&w).unwrap();
    let minted = fresh.flows.iter().find_map(|flow| match flow {
        Flow::Mint { to, asset, amount } if *to == LENDER && *asset == w.market.supply_share => {
            Some(amount.0)
        }
        _ => None,
    });
    let minted = minted.expect("a fee is due");
    let one_more = had + U256::from(1);
    assert!(minted > U256::ZERO);
    let shares = |amount: U256| Quantity::Shares(Amount(amount));
    assert!(w.market.withdraw(&w, LENDER, shares(one_more)).is_ok());
    // Nobody else has them.
    w.market.state.fee_recipient = RECIPIENT;
    assert_eq!(
        w.market.withdraw(&w, LENDER, shares(one_more)).err(),
        Some(IsolatedError::Arithmetic)
    );
}

#[test]
fn a_collateral_that_just_suffices_is_named_by_the_debt() {
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    w.supply(assets(10_000 * E6)).unwrap();
    w.deposit(E18).unwrap();
    w.borrow(assets(1_720 * E6)).unwrap();
    w.price = Price(1_900 * 100_000_000);
    let half = Amount::new(860 * E6);
    let named = w.market.seize_for(&w, BORROWER, half).unwrap();
    let Seize::RepaidShares(_) = named else { panic!("{named:?}") };
    // 897.703549 USD at 1,900, as in the liquidation by hand.
    let taken = 897_703_549 * E18 / (1_900 * E6);
    for (collateral, expected) in
        [(taken, named), (taken - 1, Seize::Collateral(Amount::new(taken - 1)))]
    {
        w.balances.insert((BORROWER, w.market.collateral_share), U256::from(collateral));
        assert_eq!(w.market.seize_for(&w, BORROWER, half), Ok(expected));
    }
}

#[test]
fn a_liquidation_by_hand() {
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    w.supply(assets(10_000 * E6)).unwrap();
    w.deposit(E18).unwrap();
    w.borrow(assets(1_720 * E6)).unwrap();
    w.price = Price(1_900 * 100_000_000);
    // Half the debt, by shares: 860 · 1.043841336116910229 / 1,900 collateral.
    let half = w.balance(BORROWER, w.market.debt_share).0 / U256::from(2);
    let change = w.liquidate(Seize::RepaidShares(Amount(half))).unwrap();
    assert_eq!(change.assets, Amount::new(860 * E6));
    // Floored to the loan's smallest unit first: 897.703549.
    assert_eq!(change.seized, Amount::new(897_703_549 * E18 / (1_900 * E6)));
    assert_eq!(change.bad_debt, Amount::ZERO);
    // By collateral: 0.1 at 1,800 is worth 180, and 180 / 1.0438… = 180 · 0.958 and a trifle, ceiled.
    w.price = Price(1_800 * 100_000_000);
    let change = w.liquidate(Seize::Collateral(Amount::new(E18 / 10))).unwrap();
    assert_eq!(change.assets, Amount::new(172_440_001));
}

#[test]
fn bad_debt_is_the_suppliers_loss_at_once() {
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    w.supply(assets(10_000 * E6)).unwrap();
    w.deposit(E18).unwrap();
    w.borrow(assets(1_720 * E6)).unwrap();
    w.price = Price(1_000 * 100_000_000);
    let whole = w.market.seize_for(&w, BORROWER, Amount::MAX).unwrap();
    assert_eq!(whole, Seize::Collateral(Amount::new(E18)));
    let change = w.liquidate(whole).unwrap();
    // 1,000 / 1.043841336116910229 is 958 and a trifle, ceiled; the rest is lost.
    assert_eq!(change.assets, Amount::new(958_000_001));
    assert_eq!(change.bad_debt, Amount::new(761_999_999));
    assert_eq!(w.market.state.total_supply_assets, Amount::new(9_238_000_001));
    assert_eq!(w.market.state.total_borrow_assets, Amount::ZERO);
    assert_eq!(w.total_supply(w.market.debt_share), Amount::ZERO);
    assert_eq!(w.market.position(&w, LENDER).unwrap().supplied, Amount::new(9_238_000_001));
}

#[test]
fn a_repayment_stops_at_what_the_borrower_has() {
    let mut w = World::new(E18 * 86 / 100, NO_INTEREST);
    w.supply(assets(10_000 * E6)).unwrap();
    w.deposit(E18).unwrap();
    w.borrow(assets(1_000 * E6)).unwrap();
    assert_eq!(w.repay(assets(1_001 * E6)), Err(IsolatedError::Arithmetic));
    let change = w.repay(w.market.whole_debt(&w, BORROWER)).unwrap();
    assert_eq!(change.assets, Amount::new(1_000 * E6));
    assert_eq!(w.balance(BORROWER, w.market.debt_share), Amount::ZERO);
}

/// A world whose utilisation is `bps`, and no interest yet.
fn lent(bps: u128) -> World {
    let mut w = World::new(E18 * 86 / 100, Irm::AdaptiveCurve);
    w.supply(assets(1_000_000 * E6)).unwrap();
    w.deposit(1_000 * E18).unwrap();
    if bps > 0 {
        w.borrow(assets(bps * 100 * E6)).unwrap();
    }
    w
}

fn rate(w: &World) -> (f64, f64) {
    let (rate, at_target) = w.market.irm.borrow_rate(&w.market.state, w.now).unwrap();
    let per_year = YEAR as f64 / 1e18;
    (Amount(rate).to_f64() * per_year, at_target as f64 * per_year)
}

fn near(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= b.abs() * relative
}

#[test]
fn the_curve_is_a_quarter_at_none_and_four_times_at_all() {
    for (bps, expected) in [(0, 0.01), (4_500, 0.025), (9_000, 0.04), (9_500, 0.1), (10_000, 0.16)]
    {
        let (rate, at_target) = rate(&lent(bps));
        assert!(near(rate, expected, 1e-6), "{bps}: {rate}");
        assert!(near(at_target, 0.04, 1e-9));
    }
}

#[test]
fn the_rate_at_target_doubles_in_about_five_days_at_full_utilisation() {
    // exp(50 · 5/365) = 1.98364; the mean over the five days by the three-point rule is 1.45012.
    let (mean, end) = rate(&lent(10_000).at(5 * 86_400));
    assert!(near(end, 0.04 * 1.983_64, 2e-2), "{end}: the exponential is of the second order");
    assert!(near(mean, 4.0 * 0.04 * 1.450_12, 2e-2), "{mean}");
    // At none it falls at the same pace; on target it rests.
    let (_, end) = rate(&lent(0).at(5 * 86_400));
    assert!(near(end, 0.04 / 1.983_64, 2e-2), "{end}");
    let (rest, end) = rate(&lent(9_000).at(5 * 86_400));
    assert!(near(end, 0.04, 1e-9) && near(rest, 0.04, 1e-6));
}

#[test]
fn the_rate_at_target_stays_within_its_bounds() {
    let (_, end) = rate(&lent(10_000).at(10 * YEAR));
    assert!(near(end, 2.0, 1e-6), "{end}");
    let (_, end) = rate(&lent(0).at(10 * YEAR));
    assert!(near(end, 0.001, 1e-6), "{end}");
}

#[test]
fn the_exponential_is_exact_at_powers_of_two() {
    let ln_2 = 693_147_180_559_945_309_i128;
    for q in 0..20_usize {
        assert_eq!(irm::exp(ln_2 * q as i128), WAD << q);
        assert_eq!(irm::exp(-ln_2 * q as i128), WAD >> q);
    }
    assert_eq!(irm::exp(-41_446_531_673_892_822_313), U256::ZERO);
    let most = "57716089161558943949701069502944508345128422502756744429568";
    assert_eq!(irm::exp(93_859_467_695_000_404_319).to_string(), most);
}

#[test]
fn the_curve_s_constants_are_those_of_the_contract() {
    // `ConstantsLib`: 4e18, 50e18 / 365 days, 0.9e18, 0.04e18, 0.001e18 and 2e18 / 365 days.
    assert_eq!(irm::CURVE_STEEPNESS, 4_000_000_000_000_000_000);
    assert_eq!(irm::ADJUSTMENT_SPEED, 1_585_489_599_188);
    assert_eq!(irm::TARGET_UTILIZATION, 900_000_000_000_000_000);
    assert_eq!(irm::INITIAL_RATE_AT_TARGET, 1_268_391_679);
    assert_eq!(irm::MIN_RATE_AT_TARGET, 31_709_791);
    assert_eq!(irm::MAX_RATE_AT_TARGET, 63_419_583_967);
    assert_eq!(irm::exp(i128::MIN / 2), U256::ZERO);
    assert_eq!(irm::exp(i128::MIN), U256::ZERO, "however far below");
}

#[test]
fn a_fee_of_a_quarter_is_the_highest() {
    let mut w = World::new(800_000_000_000_000_000, NO_INTEREST);
    let quarter = 250_000_000_000_000_000;
    let beyond = w.market.set_fee(&w, OWNER, Wad::new(quarter + 1));
    assert_eq!(beyond, Err(IsolatedError::MaxFeeExceeded));
    let change = w.market.set_fee(&w, OWNER, Wad::new(quarter)).unwrap();
    w.apply(change).unwrap();
    assert_eq!(w.market.state.fee, Wad::new(quarter));
    w.market.state.fee = Wad::new(quarter + 1);
    assert_eq!(w.market.check(&w).map_err(|(i, _)| i), Err(3));
}

#[derive(Clone, Debug)]
enum Step {
    Supply(Quantity),
    Withdraw(Quantity),
    Deposit(u128),
    TakeBack(u128),
    Borrow(Quantity),
    Repay(Quantity),
    Seize(Seize),
    Price(u64),
    Wait(u64),
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![(1..2_000 * E6).prop_map(assets), (1..2_000 * E6 * E6).prop_map(shares)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        quantity().prop_map(Step::Supply),
        quantity().prop_map(Step::Withdraw),
        (1..2 * E18).prop_map(Step::Deposit),
        (1..2 * E18).prop_map(Step::TakeBack),
        quantity().prop_map(Step::Borrow),
        quantity().prop_map(Step::Repay),
        (1..2 * E18).prop_map(|c| Step::Seize(Seize::Collateral(Amount::new(c)))),
        (1..2_000 * E6 * E6).prop_map(|s| Step::Seize(Seize::RepaidShares(Amount::new(s)))),
        (500_u64..4_000).prop_map(Step::Price),
        (1_u64..YEAR / 4).prop_map(Step::Wait),
    ]
}

/// What a supply share is worth: (assets + 1) / (shares + 10⁶).
fn share_price(w: &World) -> (U256, U256) {
    let shares = w.total_supply(w.market.supply_share).0;
    (w.market.state.total_supply_assets.0 + U256::from(1), shares + U256::from(E6))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn shares_and_assets_never_gain(
        amount in 1_u128..10_u128.pow(30), total in 0_u128..10_u128.pow(30),
        shares in 0_u128..10_u128.pow(36),
    ) {
        let (amount, total, shares) = (U256::from(amount), U256::from(total), U256::from(shares));
        let minted = shares_from_assets(amount, total, shares, Rounding::Floor).unwrap();
        let back = assets_from_shares(minted, total + amount, shares + minted, Rounding::Floor);
        prop_assert!(back.unwrap() <= amount);
        let burned = shares_from_assets(amount, total, shares, Rounding::Ceil).unwrap();
        let worth = assets_from_shares(burned, total, shares, Rounding::Ceil).unwrap();
        prop_assert!(worth >= amount);
    }

    #[test]
    fn no_sequence_breaks_the_market(steps in prop::collection::vec(step(), 1..60), fee in 0_u128..3) {
        let mut w = World::new(E18 * 86 / 100, Irm::AdaptiveCurve);
        w.market.state.fee = Wad::new(fee * E18 / 10);
        w.supply(assets(3_000 * E6)).unwrap();
        w.deposit(2 * E18).unwrap();
        for step in steps {
            let before = w.clone();
            let done = match step {
                Step::Supply(q) => w.supply(q),
                Step::Withdraw(q) => w.withdraw(q),
                Step::Deposit(c) => w.deposit(c),
                Step::TakeBack(c) => w.take_back(c),
                Step::Borrow(q) => w.borrow(q),
                Step::Repay(q) => w.repay(q),
                Step::Seize(s) => w.liquidate(s),
                Step::Price(usd) => { w.price = Price(u128::from(usd) * 100_000_000); continue; }
                Step::Wait(secs) => { w.now += secs; continue; }
            };
            let Ok(change) = done else { w = before; continue };
            // The price of a supply share falls by bad debt alone.
            let (was, is) = (share_price(&before), share_price(&w));
            let fell = is.0 * was.1 < was.0 * is.1;
            prop_assert!(!fell || !change.bad_debt.is_zero(), "{was:?} {is:?}");
            // Whoever borrows or withdraws collateral is healthy after it.
            prop_assert!(
                !matches!(step, Step::Borrow(_) | Step::TakeBack(_))
                    || w.market.is_healthy(&w, BORROWER).unwrap()
            );
            let most = w.market.max_borrow(&w, BORROWER);
            if !most.is_zero() {
                let borrowed = w.market.borrow(&w, BORROWER, Quantity::Assets(most));
                prop_assert!(borrowed.is_ok(), "{borrowed:?}");
            }
        }
    }
}
