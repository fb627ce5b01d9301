//! Isolated markets in Morpho Blue's shape.

use super::support::*;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, Pips, PoolId, U256, WAD, Wad};
use protocols::isolated::irm::{self, INITIAL_RATE_AT_TARGET};
use protocols::isolated::{Irm, Isolated, IsolatedError, Quantity, Seize};
use sim::chain::call::{AmountExpr, Call, IsolatedCall, Log, Outcome, Revert};
use sim::chain::{Chain, Market, Pool};

pub(crate) const USDC: AssetId = AssetId(1);
pub(crate) const COL: AssetId = AssetId(2);
const LP: AssetId = AssetId(3);
pub(crate) const SUPPLIED: AssetId = AssetId(4);
pub(crate) const OWED: AssetId = AssetId(5);
pub(crate) const DEPOSITED: AssetId = AssetId(6);
pub(crate) const MARKET: MarketId = MarketId(0);
const POOL: PoolId = PoolId(0);
pub(crate) const FEED: FeedId = FeedId(0);
pub(crate) const BLUE: AccountId = AccountId(2);
const PAIR: AccountId = AccountId(3);
pub(crate) const OWNER: AccountId = AccountId(4);
pub(crate) const LENDER: AccountId = AccountId(5);
pub(crate) const BORROWER: AccountId = AccountId(6);
pub(crate) const KEEPER: AccountId = AccountId(7);
pub(crate) const RECIPIENT: AccountId = AccountId(8);
pub(crate) const REPORTER: AccountId = AccountId(9);

const NO_INTEREST: Irm = Irm::Fixed { rate: Wad::ZERO };
/// 86 %: one whole collateral at 2,000 carries 1,720.
const LLTV: u128 = E18 * 86 / 100;

/// A market of a 6-decimal loan asset against an 18-decimal collateral at 2,000, and a pool of both.
pub(crate) fn world(irm: Irm) -> Chain {
    let mut chain = Chain::new("ETH", GENESIS, 0);
    for (symbol, decimals) in
        [("USDC", 6), ("COL", 18), ("LP", 18), ("supply", 12), ("debt", 12), ("collateral", 18)]
    {
        chain.add_asset(symbol, decimals);
    }
    for name in ["blue", "pair", "owner", "lender", "borrower", "keeper", "recipient", "reporter"] {
        chain.add_account(name);
    }
    for who in [LENDER, BORROWER] {
        chain.genesis_mint(who, USDC, units(10_000_000 * E6)).unwrap();
        chain.genesis_mint(who, COL, units(10_000 * E18)).unwrap();
    }
    chain.add_feed(push(REPORTER, usd(2_000)));
    chain.add_pool(Pool::ConstantProduct(ConstantProduct::new(USDC, COL, LP, PAIR, Pips(3_000))));
    chain.add_market(Market::Isolated(Isolated {
        account: BLUE,
        owner: OWNER,
        loan: USDC,
        collateral: COL,
        supply_share: SUPPLIED,
        debt_share: OWED,
        collateral_share: DEPOSITED,
        loan_decimals: 6,
        collateral_decimals: 18,
        collateral_feed: FEED,
        loan_feed: None,
        lltv: Wad::new(LLTV),
        irm,
        state: Isolated::created(GENESIS, OWNER, &irm),
    }));
    let (max0, max1) = (units(2_000_000 * E6), units(1_000 * E18));
    done(&mut chain, LENDER, &[Call::AddLiquidity { pool: POOL, max0, max1 }]);
    chain
}

pub(crate) fn market(chain: &Chain) -> &Isolated {
    chain.markets()[MARKET.index()].isolated().unwrap()
}
fn supply(asset: AssetId, amount: u128) -> Call {
    Call::Supply { market: MARKET, asset, amount: exact(amount) }
}
fn borrow(amount: u128) -> Call {
    Call::Borrow { market: MARKET, asset: USDC, amount: exact(amount) }
}
fn repay(amount: AmountExpr) -> Call {
    Call::Repay { market: MARKET, asset: USDC, amount }
}
fn withdraw(asset: AssetId, amount: AmountExpr) -> Call {
    Call::Withdraw { market: MARKET, asset, amount }
}
fn liquidate(amount: AmountExpr) -> Call {
    Call::Liquidate { market: MARKET, borrower: BORROWER, collateral: COL, debt: USDC, amount }
}
fn isolated(call: IsolatedCall) -> Call {
    Call::Isolated(call)
}
/// 10,000 supplied, 1,720 owed on one whole collateral.
fn lent() -> Chain {
    let mut chain = world(NO_INTEREST);
    done(&mut chain, LENDER, &[supply(USDC, 10_000 * E6)]);
    done(&mut chain, BORROWER, &[supply(COL, E18), borrow(1_720 * E6)]);
    chain
}

#[test]
fn a_loan_from_supply_to_repayment_leaves_everybody_as_before() {
    let mut chain = world(NO_INTEREST);
    let before = balances(&chain);
    done(&mut chain, LENDER, &[supply(USDC, 10_000 * E6)]);
    // A million virtual shares stand beside one virtual asset: a million shares a unit.
    assert_eq!(chain.balance(LENDER, SUPPLIED), units(10_000 * E6 * E6));
    let most = Call::Borrow { market: MARKET, asset: USDC, amount: AmountExpr::MaxBorrow };
    let calls = [Call::Mark { mark: 0, asset: USDC }, supply(COL, E18), most];
    done(&mut chain, BORROWER, &calls);
    // 86 % of 2,000, less the unit that rounding may take.
    let borrowed = 1_720 * E6 - 1;
    assert_eq!(chain.balance(BORROWER, USDC), units(10_000_000 * E6 + borrowed));
    assert_eq!(chain.balance(BORROWER, OWED), units(borrowed * E6));
    assert_eq!(chain.balance(BORROWER, DEPOSITED), units(E18));
    assert_eq!(chain.balance(BLUE, USDC), units(10_000 * E6 - borrowed));
    done(&mut chain, BORROWER, &[repay(AmountExpr::All), withdraw(COL, AmountExpr::All)]);
    done(&mut chain, LENDER, &[withdraw(USDC, AmountExpr::All)]);
    assert_eq!(balances(&chain), before);
    let state = market(&chain).state;
    assert!(state.total_supply_assets.is_zero() && state.total_borrow_assets.is_zero());
}

#[test]
fn a_quantity_in_shares_is_rounded_against_who_names_it() {
    let rate = Wad::new(E18 / 10 / u128::from(YEAR));
    let mut chain = world(Irm::Fixed { rate });
    done(&mut chain, LENDER, &[supply(USDC, 1_000_000 * E6)]);
    done(&mut chain, BORROWER, &[supply(COL, 1_000 * E18), borrow(900_000 * E6)]);
    wait(&mut chain, YEAR);
    done(&mut chain, KEEPER, &[isolated(IsolatedCall::Accrue { market: MARKET })]);
    // A share is worth more than 10⁻⁶ now: one supplied costs a unit, one withdrawn brings none.
    let one = Quantity::Shares(units(1));
    let cost = |chain: &mut Chain, who, call| {
        let before = chain.balance(who, USDC);
        done(chain, who, &[isolated(call)]);
        chain.balance(who, USDC).0.wrapping_sub(before.0)
    };
    let give = IsolatedCall::Supply { market: MARKET, on_behalf: LENDER, quantity: one };
    assert_eq!(cost(&mut chain, LENDER, give), U256::ZERO.wrapping_sub(U256::from(1)));
    let take = IsolatedCall::Withdraw { market: MARKET, quantity: one };
    assert_eq!(cost(&mut chain, LENDER, take), U256::ZERO);
    let lend = IsolatedCall::Borrow { market: MARKET, quantity: one };
    assert_eq!(cost(&mut chain, BORROWER, lend), U256::ZERO);
    let back = IsolatedCall::Repay { market: MARKET, borrower: BORROWER, quantity: one };
    assert_eq!(cost(&mut chain, LENDER, back), U256::ZERO.wrapping_sub(U256::from(1)));
}

/// `e^(x·n) − 1` to the third order, floored term by term, as the whitepaper gives it.
fn taylor(rate: U256, secs: u64) -> U256 {
    let x = rate * U256::from(secs);
    let second = x * x / (U256::from(2) * WAD);
    x + second + second * x / (U256::from(3) * WAD)
}

#[test]
fn interest_and_the_fee_are_what_the_model_says() {
    let rate = Wad::new(E18 / 20 / u128::from(YEAR));
    let mut chain = world(Irm::Fixed { rate });
    let fee = Wad::new(E18 / 5);
    let set = [
        isolated(IsolatedCall::SetFee { market: MARKET, fee }),
        isolated(IsolatedCall::SetFeeRecipient { market: MARKET, recipient: RECIPIENT }),
    ];
    done(&mut chain, OWNER, &set);
    done(&mut chain, LENDER, &[supply(USDC, 1_000_000 * E6)]);
    done(&mut chain, BORROWER, &[supply(COL, 1_000 * E18), borrow(900_000 * E6)]);
    wait(&mut chain, YEAR);
    done(&mut chain, KEEPER, &[isolated(IsolatedCall::Accrue { market: MARKET })]);
    let interest = U256::from(900_000 * E6) * taylor(rate.0, YEAR) / WAD;
    // 5 % a year compounded to the third order is 5.12708333… %.
    assert!(interest / U256::from(E6) == U256::from(46_143), "{interest}");
    let state = market(&chain).state;
    assert_eq!(state.total_borrow_assets.0, U256::from(900_000 * E6) + interest);
    assert_eq!(state.total_supply_assets.0, U256::from(1_000_000 * E6) + interest);
    // A fifth of it, as shares at the price without it.
    let part = interest / U256::from(5);
    let (assets, shares) = (state.total_supply_assets.0, U256::from(1_000_000 * E6 * E6));
    let minted = part * (shares + U256::from(E6)) / (assets - part + U256::from(1));
    assert_eq!(chain.balance(RECIPIENT, SUPPLIED).0, minted);
    done(&mut chain, BORROWER, &[repay(AmountExpr::All)]);
    done(&mut chain, RECIPIENT, &[withdraw(USDC, AmountExpr::All)]);
    let received = chain.balance(RECIPIENT, USDC).0;
    assert!(received <= part && part - received <= U256::from(1), "{received} of {part}");
    done(&mut chain, LENDER, &[withdraw(USDC, AmountExpr::All)]);
    // What rounding left is the market's: a unit or two.
    assert!(chain.balance(BLUE, USDC) <= units(3), "{}", chain.balance(BLUE, USDC));
}

#[test]
fn the_adaptive_curve_rests_on_target_and_doubles_in_five_days_at_full_use() {
    // On target, 90 %: 4 % a year, which is 1,268,391,679 per second and WAD, and stays.
    assert_eq!(INITIAL_RATE_AT_TARGET, 1_268_391_679);
    let accrue = [isolated(IsolatedCall::Accrue { market: MARKET })];
    let mut chain = world(Irm::AdaptiveCurve);
    done(&mut chain, LENDER, &[supply(USDC, 1_000_000 * E6)]);
    done(&mut chain, BORROWER, &[supply(COL, 1_000 * E18), borrow(900_000 * E6)]);
    let day = taylor(U256::from(1_268_391_679), DAY);
    wait(&mut chain, DAY);
    done(&mut chain, KEEPER, &accrue);
    let state = market(&chain).state;
    assert_eq!(state.rate_at_target, 1_268_391_679);
    assert_eq!(
        state.total_borrow_assets.0 - U256::from(900_000 * E6),
        U256::from(900_000 * E6) * day / WAD
    );
    // All of it lent: four times the rate at target, which grows by exp(50 · t/year).
    for (borrowed, days, factor) in
        [(1_000_000, 5, 1.983_64), (0, 5, 1.0 / 1.983_64), (450_000, 10, 1.0 / 1.983_64)]
    {
        let mut chain = world(Irm::AdaptiveCurve);
        done(&mut chain, LENDER, &[supply(USDC, 1_000_000 * E6)]);
        if borrowed > 0 {
            done(&mut chain, BORROWER, &[supply(COL, 1_000 * E18), borrow(borrowed * E6)]);
        }
        wait(&mut chain, days * DAY);
        done(&mut chain, KEEPER, &accrue);
        let state = market(&chain).state;
        let moved = state.rate_at_target as f64 / 1_268_391_679.0;
        // The exponential is of the second order between powers of two: within 0.5 %.
        assert!((moved / factor - 1.0).abs() < 5e-3, "{borrowed} for {days} days: {moved}");
        // Exactly: the model's exponential of its integer exponent.
        let (speed, target) = (irm::ADJUSTMENT_SPEED, 9 * E18 as i128 / 10);
        let used = borrowed as i128 * E18 as i128 / 1_000_000;
        let room = if used > target { E18 as i128 - target } else { target };
        let error = (used - target) * E18 as i128 / room;
        let exponent = speed * error / E18 as i128 * (days * DAY) as i128;
        let by_hand = U256::from(1_268_391_679) * irm::exp(exponent) / WAD;
        assert_eq!(U256::from(state.rate_at_target), by_hand);
    }
}

#[test]
fn a_liquidation_by_hand() {
    let mut chain = lent();
    // The published incentive at 86 %: 1 / (1 − 0.3 · 0.14).
    let factor = market(&chain).liquidation_incentive_factor();
    assert_eq!(factor, Wad::new(1_043_841_336_116_910_229));
    chain.genesis_mint(KEEPER, USDC, units(10_000 * E6)).unwrap();
    refused(&mut chain, KEEPER, liquidate(AmountExpr::All), IsolatedError::HealthyPosition);
    report(&mut chain, REPORTER, FEED, usd(1_900));
    done(&mut chain, KEEPER, &[liquidate(exact(860 * E6))]);
    // 860 · 1.0438…, floored to the loan's unit, at 1,900.
    let seized = units(897_703_549 * E18 / (1_900 * E6));
    assert_eq!(chain.balance(KEEPER, COL), seized);
    assert_eq!(chain.balance(KEEPER, USDC), units(9_140 * E6));
    let log = chain.logs().last().unwrap();
    assert!(
        matches!(log, Log::Liquidation { repaid, bad_debt, .. } if *repaid == units(860 * E6) && bad_debt.is_zero()),
        "{log:?}"
    );
    // By collateral: 0.1 at 1,800 repays 180 / 1.0438…, ceiled.
    report(&mut chain, REPORTER, FEED, usd(1_800));
    let seize = Seize::Collateral(units(E18 / 10));
    done(
        &mut chain,
        KEEPER,
        &[isolated(IsolatedCall::Liquidate { market: MARKET, borrower: BORROWER, seize })],
    );
    assert_eq!(chain.balance(KEEPER, USDC), units(9_140 * E6 - 172_440_001));
}

#[test]
fn bad_debt_is_the_suppliers_loss_at_once() {
    let mut chain = lent();
    chain.genesis_mint(KEEPER, USDC, units(10_000 * E6)).unwrap();
    report(&mut chain, REPORTER, FEED, usd(1_000));
    done(&mut chain, KEEPER, &[liquidate(AmountExpr::All)]);
    // 1,000 / 1.0438… is 958 and a trifle, ceiled; the rest of 1,720 is lost.
    assert_eq!(chain.balance(KEEPER, USDC), units(10_000 * E6 - 958_000_001));
    assert_eq!(chain.balance(KEEPER, COL), units(E18));
    assert!(
        chain.balance(BORROWER, OWED).is_zero() && chain.balance(BORROWER, DEPOSITED).is_zero()
    );
    let bad = chain.logs().iter().find_map(|log| match log {
        Log::BadDebt { amount, .. } => Some(*amount),
        _ => None,
    });
    assert_eq!(bad, Some(units(761_999_999)));
    done(&mut chain, LENDER, &[withdraw(USDC, AmountExpr::All)]);
    let left = units(10_000_000 * E6 - 2_000_000 * E6 - 761_999_999);
    let got = chain.balance(LENDER, USDC);
    assert!(got == left, "{got} of {left}");
}

/// A keeper without money: a free loan of the market's own, a liquidation, a sale, and the gain.
fn flash_liquidation() -> [Call; 5] {
    [
        Call::Mark { mark: 0, asset: USDC },
        Call::FlashLoan { market: MARKET, asset: USDC, amount: units(2_000 * E6), body: 2 },
        liquidate(AmountExpr::All),
        Call::Swap { pool: POOL, asset_in: COL, amount: AmountExpr::All, min_out: Amount::ZERO },
        Call::RequireGain { mark: 0, asset: USDC, min_gain: units(1) },
    ]
}

#[test]
fn a_keeper_without_money_liquidates_with_a_free_loan() {
    let mut chain = lent();
    report(&mut chain, REPORTER, FEED, usd(1_990));
    assert_undone_at_every_call(&chain, KEEPER, &flash_liquidation());
    done(&mut chain, KEEPER, &flash_liquidation());
    // It owed 1,720 and the incentive on it: 1,795.4 of collateral at 1,990 sold into a pool at 2,000.
    let gain = chain.balance(KEEPER, USDC).to_f64() / 1e6;
    let (seized, reserve) = (1_720.0 * 1.043_841_336_116_91 / 1_990.0, 1_000.0);
    let sold = seized * 0.997;
    let expected = 2_000_000.0 * sold / (reserve + sold) - 1_720.0;
    assert!((gain - expected).abs() < 1e-4, "{gain} for {expected}");
    assert!(chain.balance(BORROWER, OWED).is_zero());
    let free = |log: &Log| matches!(log, Log::FlashLoan { premium, .. } if premium.is_zero());
    assert!(chain.logs().iter().any(free));
}

#[test]
fn a_loan_that_is_not_given_back_leaves_no_trace() {
    let mut chain = lent();
    let before = chain.clone();
    let amount = units(100 * E6);
    let calls = [
        Call::FlashLoan { market: MARKET, asset: USDC, amount, body: 1 },
        Call::Transfer { to: LENDER, asset: USDC, amount: exact(1) },
    ];
    let outcome = run(&mut chain, KEEPER, &calls);
    assert_eq!(outcome, Outcome::Reverted { call: 0, reason: Revert::FlashLoanNotRepaid });
    assert!(chain == before);
    // The collateral at hand can be borrowed just so, and what is owed is what was lent.
    let calls = [
        Call::FlashLoan { market: MARKET, asset: COL, amount: units(E18), body: 2 },
        Call::Transfer { to: LENDER, asset: COL, amount: AmountExpr::FlashDebt },
        Call::Transfer { to: LENDER, asset: COL, amount: exact(0) },
    ];
    let outcome = run(&mut chain, KEEPER, &calls);
    assert_eq!(outcome, Outcome::Reverted { call: 0, reason: Revert::FlashLoanNotRepaid });
    let amount = units(20_000 * E6);
    let more = Call::FlashLoan { market: MARKET, asset: USDC, amount, body: 0 };
    refused(&mut chain, KEEPER, more, Revert::InsufficientBalance);
}

#[test]
fn every_rule_has_its_reason() {
    let mut chain = lent();
    let wad = |part| Wad::new(E18 / part);
    let fee = |fee| isolated(IsolatedCall::SetFee { market: MARKET, fee });
    refused(&mut chain, LENDER, fee(wad(5)), IsolatedError::NotOwner);
    refused(&mut chain, OWNER, fee(Wad::ZERO), IsolatedError::AlreadySet);
    refused(&mut chain, OWNER, fee(wad(3)), IsolatedError::MaxFeeExceeded);
    let recipient =
        |recipient| isolated(IsolatedCall::SetFeeRecipient { market: MARKET, recipient });
    refused(&mut chain, LENDER, recipient(LENDER), IsolatedError::NotOwner);
    refused(&mut chain, OWNER, recipient(OWNER), IsolatedError::AlreadySet);
    refused(&mut chain, LENDER, supply(USDC, 0), IsolatedError::InconsistentInput);
    refused(&mut chain, LENDER, supply(COL, 0), IsolatedError::ZeroAssets);
    refused(&mut chain, LENDER, supply(LP, 1), IsolatedError::UnknownAsset);
    refused(&mut chain, BORROWER, borrow(1), IsolatedError::InsufficientCollateral);
    refused(&mut chain, BORROWER, withdraw(COL, exact(1)), IsolatedError::InsufficientCollateral);
    let out = withdraw(USDC, AmountExpr::All);
    refused(&mut chain, LENDER, out, IsolatedError::InsufficientLiquidity);
    refused(&mut chain, BORROWER, out, IsolatedError::InconsistentInput);
    refused(&mut chain, BORROWER, repay(exact(1_721 * E6)), IsolatedError::Arithmetic);
    let deposit = |amount| supply(COL, amount);
    refused(&mut chain, KEEPER, deposit(1), Revert::InsufficientBalance);
    refused(&mut chain, KEEPER, borrow(1), IsolatedError::InsufficientCollateral);
    let big = Quantity::Assets(Amount(U256::from(1) << 128_usize));
    let too_much = IsolatedCall::Supply { market: MARKET, on_behalf: LENDER, quantity: big };
    refused(&mut chain, LENDER, isolated(too_much), IsolatedError::MaxUint128Exceeded);
    let none = Call::FlashLoan { market: MARKET, asset: USDC, amount: Amount::ZERO, body: 0 };
    refused(&mut chain, KEEPER, none, IsolatedError::ZeroAssets);
    let wrong = Call::Liquidate {
        market: MARKET,
        borrower: BORROWER,
        collateral: USDC,
        debt: COL,
        amount: exact(1),
    };
    refused(&mut chain, KEEPER, wrong, IsolatedError::UnknownAsset);
    for asset in [SUPPLIED, OWED, DEPOSITED] {
        let give = Call::Transfer { to: KEEPER, asset, amount: exact(1) };
        refused(&mut chain, BORROWER, give, Revert::NotTransferable);
    }
    let nowhere = isolated(IsolatedCall::Accrue { market: MarketId(9) });
    refused(&mut chain, KEEPER, nowhere, Revert::UnknownId);
    report(&mut chain, REPORTER, FEED, usd(0));
    let blind = IsolatedError::Oracle(OracleError::ZeroPrice);
    refused(&mut chain, BORROWER, borrow(1), blind);
    refused(&mut chain, KEEPER, liquidate(AmountExpr::All), blind);
    // Who owes nothing needs no price.
    done(&mut chain, BORROWER, &[repay(AmountExpr::All), withdraw(COL, AmountExpr::All)]);
}

#[test]
fn a_forced_revert_at_every_call_index_changes_nothing() {
    let rate = Wad::new(E18 / 10 / u128::from(YEAR));
    let mut chain = world(Irm::Fixed { rate });
    let fee = Wad::new(E18 / 10);
    done(&mut chain, OWNER, &[isolated(IsolatedCall::SetFee { market: MARKET, fee })]);
    done(&mut chain, LENDER, &[supply(USDC, 10_000 * E6)]);
    done(&mut chain, BORROWER, &[supply(COL, E18), borrow(1_720 * E6)]);
    chain.genesis_mint(OWNER, USDC, units(10_000 * E6)).unwrap();
    chain.genesis_mint(OWNER, COL, units(10 * E18)).unwrap();
    wait(&mut chain, DAY);
    report(&mut chain, REPORTER, FEED, usd(1_500));
    let (market, on_behalf, borrower) = (MARKET, OWNER, OWNER);
    let of = |amount| Quantity::Assets(units(amount));
    let shares = |amount| Quantity::Shares(units(amount));
    let calls = [
        IsolatedCall::Accrue { market },
        IsolatedCall::Supply { market, on_behalf, quantity: of(1_000 * E6) },
        IsolatedCall::SetFee { market, fee: Wad::ZERO },
        IsolatedCall::SetFeeRecipient { market, recipient: RECIPIENT },
        IsolatedCall::SupplyCollateral { market, on_behalf, amount: exact(E18) },
        IsolatedCall::Borrow { market, quantity: of(500 * E6) },
        IsolatedCall::Borrow { market, quantity: shares(E6 * E6) },
        IsolatedCall::Repay { market, borrower, quantity: shares(E6 * E6) },
        IsolatedCall::WithdrawCollateral { market, amount: exact(E18 / 10) },
        IsolatedCall::Liquidate {
            market,
            borrower: BORROWER,
            seize: Seize::RepaidShares(units(100 * E6 * E6)),
        },
        IsolatedCall::Liquidate {
            market,
            borrower: BORROWER,
            seize: Seize::Collateral(units(E18 / 10)),
        },
        IsolatedCall::Withdraw { market, quantity: of(10 * E6) },
    ];
    let mut calls: Vec<Call> = calls.map(isolated).to_vec();
    calls.push(Call::FlashLoan { market, asset: USDC, amount: units(E6), body: 2 });
    // The rest of it, with a loss for the suppliers, inside a loan inside a loan.
    calls.push(Call::FlashLoan { market, asset: COL, amount: units(E18 / 10), body: 1 });
    calls.push(liquidate(AmountExpr::All));
    calls.push(repay(AmountExpr::All));
    calls.push(withdraw(COL, AmountExpr::All));
    calls.push(withdraw(USDC, exact(500 * E6)));
    assert_undone_at_every_call(&chain, OWNER, &calls);
}
