//! Perpetual futures: hand-computed funding, mark prices and liquidations, and what always holds.

use markets::units::{AccountId, Amount, AssetId, FeedId, Price};
use proptest::prelude::*;
use protocols::perpetual::{
    Basis, FundingTerms, MOST, Perpetual, PerpetualAccount, PerpetualError, PerpetualMarket,
    PerpetualOffer, PerpetualTerms, mark_tick, premium_e8,
};

const TERMS: PerpetualTerms = PerpetualTerms {
    initial_margin_bps: 1_000,
    maintenance_margin_bps: 500,
    liquidation_fee_bps: 50,
    funding: FundingTerms {
        interest_e8: 10_000,
        clamp_e8: 50_000,
        cap_e8: 750_000,
        interval_secs: 28_800,
    },
    profit_backs_withdrawals: false,
};

/// Three accounts with 100,000 units each, the mark at 1,000 ticks.
fn contract() -> Perpetual {
    let mut perpetual = Perpetual::new(TERMS, 3, 1_000, 0).expect("possible terms");
    for account in 0..3 {
        perpetual.deposit(account, 100_000).expect("it exists");
    }
    perpetual
}

#[test]
fn the_rate_is_interest_within_the_clamp_and_the_premium_beyond() {
    let rate = |premium| TERMS.funding.rate_e8(premium);
    // Premiums from −0.04 % to 0.06 % leave the interest rate of 0.01 %.
    for premium in [-40_000, 0, 10_000, 60_000] {
        assert_eq!(rate(premium), 10_000, "{premium}");
    }
    // 0.2 % less the clamp of 0.05 %; −0.2 % plus it; and no more than the cap.
    assert_eq!(rate(200_000), 150_000);
    assert_eq!(rate(-200_000), -150_000);
    assert_eq!((rate(5_000_000), rate(-5_000_000)), (750_000, -750_000));
}

#[test]
fn terms_that_no_contract_can_have_are_refused() {
    let funding = TERMS.funding;
    let terms = |funding| PerpetualTerms { funding, ..TERMS };
    let refused = [
        terms(FundingTerms { cap_e8: -1, ..funding }),
        terms(FundingTerms { cap_e8: 100_000_001, ..funding }),
        terms(FundingTerms { clamp_e8: -1, ..funding }),
        terms(FundingTerms { clamp_e8: 100_000_001, ..funding }),
        terms(FundingTerms { interest_e8: i64::MIN, ..funding }),
        terms(FundingTerms { interest_e8: -100_000_001, ..funding }),
        terms(FundingTerms { interval_secs: 0, ..funding }),
        PerpetualTerms { liquidation_fee_bps: 10_001, ..TERMS },
        PerpetualTerms { initial_margin_bps: 10_001, ..TERMS },
        PerpetualTerms { maintenance_margin_bps: 1_001, ..TERMS },
    ];
    for terms in refused {
        assert_eq!(
            Perpetual::new(terms, 1, 1_000, 0),
            Err(PerpetualError::OutOfRange),
            "{terms:?}"
        );
    }
    let widest = FundingTerms {
        interest_e8: -100_000_000,
        clamp_e8: 100_000_000,
        cap_e8: 100_000_000,
        ..funding
    };
    let mut perpetual = Perpetual::new(terms(widest), 1, 1_000, 0).expect("possible terms");
    perpetual.clock.note(i64::MIN, 28_800);
    assert_eq!(perpetual.pay_funding(28_800), Some(-100_000_000));
}

#[test]
fn the_premium_is_that_of_the_impact_prices() {
    assert_eq!(premium_e8(1_002, 1_003, 1_000), 200_000);
    assert_eq!(premium_e8(997, 998, 1_000), -200_000);
    assert_eq!(premium_e8(999, 1_001, 1_000), 0, "the index lies within the spread");
    assert_eq!(premium_e8(u64::MAX, u64::MAX, 1), 100_000_000);
}

#[test]
fn longs_pay_shorts_by_the_mean_premium_every_eight_hours() {
    let mut perpetual = contract();
    perpetual.trade(0, 1, 300, 1_000).expect("both have margin");
    // A quarter of the interval at 0.4 %, the rest at none: 0.1 % in the mean, 0.05 % after the clamp.
    perpetual.clock.note(400_000, 7_200);
    perpetual.clock.note(0, 28_799);
    assert_eq!(perpetual.pay_funding(28_799), None);
    perpetual.clock.note(0, 28_800);
    assert_eq!(perpetual.clock.mean_e8(), 100_000);
    assert_eq!(perpetual.pay_funding(28_800), Some(50_000));
    // 300 lots at 1,000: 150 of 300,000.
    assert_eq!(perpetual.accounts[0].collateral, 100_000 - 150);
    assert_eq!(perpetual.accounts[1].collateral, 100_000 + 150);
    assert_eq!(perpetual.clock.due_secs, 57_600);
    assert_eq!(perpetual.clock.mean_e8(), 0, "a new interval begins");
    // Two intervals late is one payment.
    assert_eq!(perpetual.pay_funding(57_600 + 30_000), Some(10_000));
    assert_eq!(perpetual.clock.due_secs, 57_600 + 57_600);
    perpetual.check().expect("a sound contract");
}

#[test]
fn fractions_of_funding_go_to_the_insurance_fund() {
    let mut perpetual = contract();
    perpetual.trade(0, 1, 1, 1_000).expect("both have margin");
    // 0.01 % of 1,000 is a tenth of a unit: the payer pays one, the receiver gets none.
    assert_eq!(perpetual.pay_funding(28_800), Some(10_000));
    assert_eq!(perpetual.accounts[0].collateral, 99_999);
    assert_eq!(perpetual.accounts[1].collateral, 100_000);
    assert_eq!(perpetual.insurance, 1);
    perpetual.check().expect("a sound contract");
}

#[test]
fn the_mark_is_the_median_of_three_prices() {
    let mut basis = Basis::default();
    let mark = |basis: &Basis, last| mark_tick(10_000, basis, last, 100_000, (14_400, 28_800));
    // Funded: 10,000 · (1 + 0.1 % / 2) = 10,005.
    assert_eq!(mark(&basis, 10_500), 10_005, "a wild last trade does not move it");
    assert_eq!(mark(&basis, 9_000), 10_000);
    basis.note(10_100, 10_000, 75, 300);
    assert_eq!(basis.ticks(), 25);
    assert_eq!(mark(&basis, 10_500), 10_025);
    assert_eq!(mark(&basis, 10_010), 10_010);
    basis.note(9_000, 10_000, 900, 300);
    assert_eq!(basis.ticks(), -1_000, "older than the window is forgotten");
}

#[test]
fn a_position_takes_its_initial_margin_and_keeps_its_maintenance_margin() {
    let mut perpetual = contract();
    // 100,000 units carry a million at 10 %.
    let refused = PerpetualError::Margin { equity: 100_000, required: 100_100 };
    assert_eq!(perpetual.trade(0, 1, 1_001, 1_000), Err(refused));
    perpetual.trade(0, 1, 1_000, 1_000).expect("just enough");
    assert_eq!(perpetual.open_interest_lots(), 1_000);
    assert!(perpetual.withdraw(0, 1).is_err());
    // At 948 the long has 48,000 left, of 47,400 needed; at 947 47,000 of 47,350.
    perpetual.set_mark(948).expect("a price");
    assert_eq!(perpetual.liquidate(0, 2, 10, 948), Err(PerpetualError::Healthy));
    perpetual.set_mark(947).expect("a price");
    assert_eq!(perpetual.liquidate(0, 2, 1_001, 947), Err(PerpetualError::TooMuch));
    let closed = perpetual.liquidate(0, 2, 1_000, 947).expect("it is due");
    // Half a percent of 947,000 goes to the fund.
    assert_eq!((closed.lots, closed.fee, closed.covered), (1_000, 4_735, 0));
    assert_eq!(perpetual.accounts[0].collateral, 47_000 - 4_735);
    assert_eq!((perpetual.insurance, perpetual.accounts[2].lots), (4_735, 1_000));
    // Who gained cannot take out what is not realised yet.
    assert!(perpetual.withdraw(1, 100_001).is_err());
    perpetual.check().expect("a sound contract");
}

#[test]
fn the_fund_covers_a_bankrupt_account_and_the_winners_do_when_it_cannot() {
    let mut perpetual = contract();
    perpetual.trade(0, 1, 600, 1_000).expect("margin");
    perpetual.trade(0, 2, 400, 1_000).expect("margin");
    perpetual.set_mark(890).expect("a price");
    // 110,000 lost of 100,000.
    perpetual.deposit(1, 1_000_000).expect("it exists");
    let short = perpetual.liquidate(0, 1, 1_000, 890);
    assert_eq!(short, Err(PerpetualError::Margin { equity: 0, required: 10_000 }));
    perpetual.check().expect("a refused liquidation leaves no trace");
    let mut insured = perpetual.clone();
    insured.insure(10_000);
    let closed = insured.liquidate(0, 1, 1_000, 890).expect("the fund has it");
    assert_eq!((closed.covered, insured.insurance), (10_000, 0));
    assert_eq!(insured.accounts[0].collateral, 0);
    insured.check().expect("a sound contract");
    // Without: closed at 900, where nothing is left; the more levered winner first.
    assert_eq!(perpetual.deleverage(1), Err(PerpetualError::Solvent));
    let closed = perpetual.deleverage(0).expect("bankrupt");
    assert_eq!(closed.lots, 1_000);
    let states: Vec<(i128, i64)> =
        perpetual.accounts.iter().map(|a| (a.collateral, a.lots)).collect();
    assert_eq!(states, [(0, 0), (1_160_000, 0), (140_000, 0)]);
    perpetual.check().expect("a sound contract");
}

#[test]
fn deleveraging_begins_with_profit_and_leverage() {
    let mut perpetual = Perpetual::new(TERMS, 4, 1_000, 0).expect("possible terms");
    // Two longs of equal size and profit, the second with less behind it; two shorts, the last one rich.
    for (account, amount) in [(0, 500_000), (1, 60_000), (2, 60_000), (3, 500_000)] {
        perpetual.deposit(account, amount).expect("it exists");
    }
    perpetual.trade(0, 2, 500, 1_000).expect("margin");
    perpetual.trade(1, 3, 500, 1_000).expect("margin");
    perpetual.set_mark(1_150).expect("a price");
    let closed = perpetual.deleverage(2).expect("bankrupt");
    assert_eq!(closed.lots, 500);
    let lots: Vec<i64> = perpetual.accounts.iter().map(|a| a.lots).collect();
    assert_eq!(lots, [500, 0, 0, -500]);
    // Closed at 1,120, where the short has nothing left.
    assert_eq!(perpetual.accounts[1].collateral, 60_000 + 500 * 120);
    perpetual.check().expect("a sound contract");
    assert_eq!(perpetual.set_mark(MOST + 1), Err(PerpetualError::OutOfRange));
}

#[test]
fn the_largest_profit_of_the_smallest_cost_is_ranked() {
    let free = PerpetualTerms { initial_margin_bps: 0, maintenance_margin_bps: 0, ..TERMS };
    let mut perpetual = Perpetual::new(free, 3, MOST, 0).expect("possible terms");
    // All of the profit but one unit was paid as funding.
    let (lots, profit) = (MOST as i64, i128::from(MOST) * i128::from(MOST));
    let lucky = PerpetualAccount { collateral: 1 - profit, lots, cost: 0 };
    let bankrupt = PerpetualAccount { collateral: -1, lots: -2, cost: -2 * i128::from(MOST) };
    perpetual.accounts =
        vec![bankrupt, PerpetualAccount { collateral: 9, lots: 1, cost: 1 }, lucky];
    assert_eq!(perpetual.deleverage(0).expect("bankrupt").lots, 2);
    assert_eq!(perpetual.accounts[2].lots, lots - 2, "the luckiest first");
}

#[test]
fn sizes_and_prices_go_up_to_the_most_and_no_further() {
    // Without margins, at the mark, the largest position costs nothing to hold.
    let free = PerpetualTerms { initial_margin_bps: 0, maintenance_margin_bps: 0, ..TERMS };
    let mut perpetual = Perpetual::new(free, 3, MOST, 0).expect("possible terms");
    let refused = Err(PerpetualError::OutOfRange);
    for (lots, tick) in [(0, 1), (1, 0), (MOST + 1, 1), (1, MOST + 1), (u64::MAX, 1)] {
        assert_eq!(perpetual.trade(0, 1, lots, tick), refused, "{lots} at {tick}");
    }
    assert_eq!(perpetual.set_mark(MOST), Ok(()));
    assert_eq!(perpetual.trade(0, 1, MOST, MOST), Ok(()));
    assert_eq!(perpetual.trade(0, 2, 1, MOST), refused, "a position is no larger either");
    assert_eq!(perpetual.trade(2, 1, 1, MOST), refused);
    assert_eq!(perpetual.open_interest_lots(), MOST);
    assert_eq!(MOST, 1_099_511_627_776);
}

#[test]
fn who_adds_or_turns_needs_margin_and_who_reduces_does_not() {
    // The mark moves so far against account `who`, 500 lots long or short, that 20,000 are left of 100,000;
    // the other side is rich.
    for (long, mark) in [(true, 840), (false, 1_160)] {
        let mut start = contract();
        start.deposit(1, 10_000_000).expect("it exists");
        let way = |p: &mut Perpetual, adds: bool, lots| {
            let (buyer, seller) = if long == adds { (0, 1) } else { (1, 0) };
            p.trade(buyer, seller, lots, mark)
        };
        let (buyer, seller) = if long { (0, 1) } else { (1, 0) };
        start.trade(buyer, seller, 500, 1_000).expect("margin");
        start.set_mark(mark).expect("a price");
        let margin = |lots: u64| PerpetualError::Margin {
            equity: 20_000,
            required: i128::from(lots * mark / 10),
        };
        assert_eq!(way(&mut start.clone(), true, 1), Err(margin(501)));
        assert_eq!(way(&mut start.clone(), false, 1), Ok(()));
        assert_eq!(way(&mut start.clone(), false, 500), Ok(()));
        // Turned round: 400 the other way are fewer than 500, and need their margin all the same.
        assert_eq!(way(&mut start.clone(), false, 900), Err(margin(400)));
        assert_eq!(way(&mut start.clone(), false, 510), Ok(()));
    }
}

#[test]
fn nobody_leaves_a_debt_by_closing_at_a_bad_price() {
    // Two accounts of one owner: the first buys at 1,000 and would sell to the second at 700, so as to leave
    // 50,000 of debt with the one and 150,000 of profit with the other.
    let mut perpetual = contract();
    perpetual.deposit(0, 50_000).expect("it exists");
    perpetual.trade(0, 1, 1_000, 1_000).expect("margin");
    for (lots, tick, equity, required) in [
        (1_000, 700, -150_000, 0),
        (1_000, 849, -1_000, 0),
        // 150,000 stand behind a million; of half of it at least 75,000 must remain where that is more than
        // its initial margin of 50,000.
        (500, 799, 49_500, 50_000),
    ] {
        let refused = PerpetualError::Margin { equity, required };
        assert_eq!(perpetual.trade(1, 0, lots, tick), Err(refused), "{lots} at {tick}");
    }
    assert_eq!(perpetual.clone().trade(1, 0, 500, 800), Ok(()), "its initial margin is left");
    assert_eq!(perpetual.clone().trade(1, 0, 1_000, 850), Ok(()), "nothing is left, nothing owed");

    // 60,000 behind 910,000, less than the initial margin: a part may be closed at the mark or better only.
    perpetual.set_mark(910).expect("a price");
    let refused = PerpetualError::Margin { equity: 29_500, required: 45_500 };
    assert_eq!(perpetual.trade(1, 0, 500, 849), Err(refused));
    assert_eq!(perpetual.clone().trade(1, 0, 500, 850), Ok(()), "half for half");
    assert_eq!(perpetual.trade(1, 0, 500, 910), Ok(()));
    perpetual.check().expect("a sound contract");
}

#[test]
fn a_good_price_makes_up_for_a_debt_but_not_for_a_margin() {
    // 500 lots at 1,000; at 840 20,000 are left, at 780 10,000 are owed.
    let at = |mark| {
        let mut perpetual = contract();
        perpetual.deposit(1, 10_000_000).expect("it exists");
        perpetual.trade(0, 1, 500, 1_000).expect("margin");
        perpetual.set_mark(mark).expect("a price");
        perpetual
    };
    // One lot more at one tick: more of the value is left than before, and less than the initial margin.
    let refused = PerpetualError::Margin { equity: 20_839, required: 42_084 };
    assert_eq!(at(840).trade(0, 1, 1, 1), Err(refused));
    // One lot sold at 20,000 pays the debt.
    let mut perpetual = at(780);
    assert_eq!(perpetual.accounts[0].equity(780), -10_000);
    assert_eq!(perpetual.trade(1, 0, 1, 20_000), Ok(()));
    assert_eq!(perpetual.accounts[0].equity(780), 9_220);
}

#[test]
fn a_short_needs_margin_as_a_long_does() {
    let mut perpetual = contract();
    perpetual.deposit(0, 10_000_000).expect("it exists");
    let refused = PerpetualError::Margin { equity: 100_000, required: 100_100 };
    assert_eq!(perpetual.trade(0, 1, 1_001, 1_000), Err(refused));
}

#[test]
fn margins_round_against_the_account_and_suffice_at_equality() {
    // A tenth of 1,001 is 100.1.
    let mut perpetual = Perpetual::new(TERMS, 2, 1_001, 0).expect("possible terms");
    perpetual.deposit(0, 100).expect("it exists");
    perpetual.deposit(1, 1_000).expect("it exists");
    let refused = PerpetualError::Margin { equity: 100, required: 101 };
    assert_eq!(perpetual.trade(0, 1, 1, 1_001), Err(refused));
    perpetual.deposit(0, 1).expect("it exists");
    assert_eq!(perpetual.trade(0, 1, 1, 1_001), Ok(()));

    // 107,000 less 60,000 lost at 940: the 47,000 that 940,000 need.
    let mut perpetual = contract();
    perpetual.deposit(0, 7_000).expect("it exists");
    perpetual.trade(0, 1, 1_000, 1_000).expect("margin");
    perpetual.set_mark(940).expect("a price");
    assert!(!perpetual.is_liquidatable(&perpetual.accounts[0]));
    perpetual.accounts[0].collateral -= 1;
    assert!(perpetual.is_liquidatable(&perpetual.accounts[0]));
}

#[test]
fn all_that_was_paid_in_comes_out_and_no_profit_before_it_is_realised() {
    let mut perpetual = contract();
    assert_eq!(perpetual.withdraw(2, 40_000), Ok(()));
    assert_eq!(perpetual.withdraw(2, 60_000), Ok(()));
    assert_eq!(perpetual.deposits, 200_000);
    perpetual.trade(0, 1, 10, 1_000).expect("margin");
    perpetual.set_mark(50_000).expect("a price");
    let account = perpetual.accounts[0];
    assert_eq!((account.profit(50_000), account.equity(50_000)), (490_000, 590_000));
    let refused = PerpetualError::Margin { equity: -1, required: 0 };
    assert_eq!(perpetual.withdraw(0, 100_001), Err(refused));
    assert_eq!(perpetual.withdraw(0, 100_000), Ok(()));
}

#[test]
fn profit_at_the_mark_is_lent_against_where_the_terms_say_so() {
    let terms = PerpetualTerms { profit_backs_withdrawals: true, ..TERMS };
    let mut perpetual = Perpetual::new(terms, 3, 1_000, 0).expect("possible terms");
    for account in 0..3 {
        perpetual.deposit(account, 100_000).expect("it exists");
    }
    perpetual.trade(0, 1, 100, 1_000).expect("margin");
    perpetual.set_mark(3_000).expect("a price");
    // 100,000 and 200,000 of profit, less a tenth of 300,000.
    assert_eq!(perpetual.withdrawable(0), 270_000);
    assert_eq!((perpetual.withdrawable(1), perpetual.withdrawable(2)), (0, 100_000));
    let refused = PerpetualError::Margin { equity: 29_999, required: 30_000 };
    assert_eq!(perpetual.clone().withdraw(0, 270_001), Err(refused));
    assert_eq!(perpetual.withdraw(0, 270_000), Ok(()));
    assert_eq!((perpetual.accounts[0].collateral, perpetual.deposits), (-170_000, 30_000));
    // The other depositor has 100,000 there, of which 30,000 are left.
    assert_eq!(perpetual.withdrawable(2), 30_000);
    assert_eq!(perpetual.withdraw(2, 30_001), Err(PerpetualError::Liquidity { left: 30_000 }));
    perpetual.set_mark(1_000).expect("a price");
    assert_eq!(perpetual.uncovered(), 170_000);
    perpetual.check().expect("a sound contract");
}

#[test]
fn the_funds_money_is_not_withdrawn_and_no_account_outgrows_the_largest_position() {
    let mut perpetual = contract();
    perpetual.insure(50);
    perpetual.trade(0, 1, 1_000, 1_000).expect("margin");
    // Long at 1,000 with 100,000; at 800 it owes 100,000, and the short has twice as much as it paid in.
    perpetual.set_mark(800).expect("a price");
    perpetual.deposit(2, 100_000).expect("it exists");
    perpetual.trade(1, 2, 1_000, 800).expect("margin");
    assert_eq!(perpetual.withdrawable(1), 300_000);
    assert_eq!(perpetual.withdraw(1, 300_000), Ok(()));
    assert_eq!(perpetual.withdrawable(2), 100_000);
    assert_eq!(perpetual.withdraw(2, 100_000), Ok(()));
    assert_eq!((perpetual.deposits, perpetual.withdrawable(2)), (50, 0));
    perpetual.check().expect("a sound contract");
    let most = MOST * 1_000;
    let mut perpetual = contract();
    perpetual.accounts[0].collateral = i128::from(MOST) * i128::from(MOST) - i128::from(most);
    assert_eq!(perpetual.clone().deposit(0, most), Ok(()));
    assert_eq!(perpetual.deposit(0, most + 1), Err(PerpetualError::OutOfRange));
}

/// A market of lots of a thousandth of a token of 18 decimals, at ticks of a cent of a dollar of 6.
fn market() -> PerpetualMarket {
    PerpetualMarket {
        account: AccountId(9),
        quote: AssetId(0),
        quote_unit: 10,
        underlying: AssetId(1),
        lot_units: Amount::new(1_000_000_000_000_000),
        feed: FeedId(0),
        contract: contract(),
        offers: Vec::new(),
    }
}

#[test]
fn the_index_is_in_ticks_rounded_down_and_at_least_one() {
    let market = market();
    let ticks = |price| market.index_ticks(Price(price), (18, 6));
    // A lot is two dollars, which are 200,000 units of ten millionths.
    assert_eq!(ticks(200_000_000_000), Ok(200_000));
    assert_eq!((ticks(200_000_999_999), ticks(200_001_000_000)), (Ok(200_000), Ok(200_001)));
    assert_eq!((ticks(0), ticks(1)), (Ok(1), Ok(1)));
    let most = u128::from(MOST) * 1_000_000;
    assert_eq!((ticks(most), ticks(most + 1_000_000)), (Ok(MOST), Err(PerpetualError::OutOfRange)));
    assert_eq!(ticks(u128::MAX), Err(PerpetualError::OutOfRange));
    let none = PerpetualMarket { quote_unit: 0, ..market };
    assert_eq!(none.index_ticks(Price::ONE, (18, 6)), Err(PerpetualError::OutOfRange));
    assert_eq!(none.whole_units(Amount::new(1)), Err(PerpetualError::OutOfRange));
}

#[test]
fn money_moves_in_whole_units() {
    let market = market();
    let units = |amount: u128| market.whole_units(Amount::new(amount));
    assert_eq!((units(19), units(20)), (Ok(1), Ok(2)));
    assert_eq!(
        (units(9), units(u128::MAX)),
        (Err(PerpetualError::OutOfRange), Err(PerpetualError::OutOfRange))
    );
    assert_eq!(market.amount(2), Amount::new(20));
}

#[test]
fn an_offer_is_taken_in_parts_and_counts_while_its_margin_covers_it() {
    let mut market = market();
    let [a, b, c] = [0, 1, 2].map(AccountId);
    let ask = PerpetualOffer { lots: -100, tick: 1_020 };
    let bid = PerpetualOffer { lots: 100, tick: 1_010 };
    for (who, offer) in [(b, ask), (c, bid)] {
        assert_eq!(market.check_offer(who, &offer), Ok(()));
        assert_eq!(market.set_offer(who, Some(offer)), None);
    }
    assert_eq!(market.best(), (Some(1_010), Some(1_020)));
    market.check(Amount::new(3_000_000)).expect("sound");
    assert_eq!(market.check(Amount::new(2_999_999)).map_err(|(i, _)| i), Err(0));
    // A bid of a percent over the index for eight hours: 1 % less the clamp of 0.05 %, capped at 0.75 %.
    assert_eq!(market.touch(1_000, 14_400), Ok(None));
    assert_eq!(market.contract.clock.mean_e8(), 1_000_000);
    assert_eq!(market.clone().touch(1_000, 28_800), Ok(Some(750_000)));

    assert_eq!(market.take(a, b, 60), Ok((a, b, 1_020)));
    assert_eq!(market.offer_of(b), Some(PerpetualOffer { lots: -40, ..ask }));
    assert_eq!(market.take(a, b, 41), Err(PerpetualError::Offer { left: 40 }));
    assert_eq!(market.take(b, b, 40), Err(PerpetualError::SameAccount));
    assert_eq!(market.take(a, c, 100), Ok((c, a, 1_010)));
    assert_eq!(
        (market.offer_of(c), market.take(a, c, 1)),
        (None, Err(PerpetualError::Offer { left: 0 }))
    );
    assert_eq!(
        market.contract.accounts.iter().map(|a| a.lots).collect::<Vec<_>>(),
        [-40, -60, 100]
    );
    // Who has no margin left offers nothing.
    let left = market.contract.withdrawable(1);
    market.contract.withdraw(1, left).expect("it covers");
    assert_eq!(market.best(), (None, None));
    assert_eq!(market.set_offer(b, None), Some(PerpetualOffer { lots: -40, ..ask }));
    for offer in [(0, 1), (1, 0), (MOST as i64 + 1, 1), (i64::MIN, 1), (1, MOST + 1)] {
        let offer = PerpetualOffer { lots: offer.0, tick: offer.1 };
        assert_eq!(market.check_offer(a, &offer), Err(PerpetualError::OutOfRange), "{offer:?}");
    }
}

#[test]
fn a_contract_whose_books_do_not_balance_is_found_out() {
    let mut sound = contract();
    sound.trade(0, 1, 10, 1_000).expect("margin");
    sound.check().expect("a sound contract");
    type Fault = fn(&mut Perpetual);
    let faults: [Fault; 5] = [
        |p| p.accounts[0].lots += 1,
        |p| p.accounts[0].collateral += 1,
        |p| p.accounts[0].cost += 1,
        |p| (p.insurance, p.accounts[0].collateral) = (-1, p.accounts[0].collateral + 1),
        |p| (p.accounts[2].cost, p.accounts[2].collateral) = (1, p.accounts[2].collateral + 1),
    ];
    for (i, fault) in faults.into_iter().enumerate() {
        let mut broken = sound.clone();
        fault(&mut broken);
        assert!(broken.check().is_err(), "fault {i}");
    }
}

/// A short: lots, the tick it was entered at, and equity in thousandths of its value at 1,000.
fn short() -> impl Strategy<Value = (i64, i128, i128)> {
    (10..2_000_i64, 500..1_800_i128, 10..2_000_i128)
}

proptest! {
    /// Profit over cost times leverage (value over equity) for who wins, profit over cost for who loses.
    #[test]
    fn who_deleverages_first_has_the_larger_product((a, b) in (short(), short())) {
        let score = |(_, entry, equity): (i64, i128, i128)| {
            let gain = (entry - 1_000) as f64 / entry as f64;
            if gain > 0.0 { gain * 1_000.0 / equity as f64 } else { gain }
        };
        let (of_a, of_b) = (score(a), score(b));
        // The contract counts in integers: what lies closer together than those tell apart is left out.
        prop_assume!((of_a - of_b).abs() > 0.01 * of_a.abs().max(of_b.abs()));
        let account = |(lots, entry, equity): (i64, i128, i128)| {
            let (lots_, profit) = (i128::from(lots), i128::from(lots) * (entry - 1_000));
            let collateral = lots_ * equity - profit;
            PerpetualAccount { collateral, lots: -lots, cost: -lots_ * entry }
        };
        let bankrupt = PerpetualAccount { collateral: -1, lots: 10, cost: 10_000 };
        let mut perpetual = Perpetual::new(TERMS, 3, 1_000, 0).expect("possible terms");
        perpetual.accounts = vec![bankrupt, account(a), account(b)];
        perpetual.deleverage(0).expect("bankrupt");
        let first = [a, b].map(|(lots, ..)| -lots);
        let left = [perpetual.accounts[1].lots, perpetual.accounts[2].lots];
        let expected =
            if of_a > of_b { [first[0] + 10, first[1]] } else { [first[0], first[1] + 10] };
        prop_assert_eq!(left, expected, "{} against {}", of_a, of_b);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Trade { buyer: usize, seller: usize, lots: u64, tick: u64 },
    Mark(u64),
    Deposit(usize, u64),
    Withdraw(usize, u64),
    Liquidate { account: usize, taker: usize, lots: u64 },
    Deleverage(usize),
    Funding { premium_e8: i64, secs: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..5_usize;
    prop_oneof![
        4 => (who(), who(), 0..2_000_u64, 700..1_300_u64)
            .prop_map(|(buyer, seller, lots, tick)| Step::Trade { buyer, seller, lots, tick }),
        3 => (600..1_500_u64).prop_map(Step::Mark),
        1 => (who(), 0..200_000_u64).prop_map(|(who, amount)| Step::Deposit(who, amount)),
        1 => (who(), 0..200_000_u64).prop_map(|(who, amount)| Step::Withdraw(who, amount)),
        3 => (who(), who(), 1..2_000_u64)
            .prop_map(|(account, taker, lots)| Step::Liquidate { account, taker, lots }),
        1 => who().prop_map(Step::Deleverage),
        1 => (-3_000_000..3_000_000_i64, 0..40_000_u64)
            .prop_map(|(premium_e8, secs)| Step::Funding { premium_e8, secs }),
    ]
}

proptest! {
    #[test]
    fn nothing_is_made_or_lost_and_a_refusal_leaves_no_trace(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut perpetual = Perpetual::new(TERMS, 4, 1_000, 0).expect("possible terms");
        for account in 0..4 {
            perpetual.deposit(account, 150_000).expect("it exists");
        }
        perpetual.insure(20_000);
        let mut now = 0;
        for step in steps {
            let before = perpetual.clone();
            let outcome = match step {
                Step::Trade { buyer, seller, lots, tick } => {
                    perpetual.trade(buyer, seller, lots, tick)
                }
                Step::Mark(tick) => perpetual.set_mark(tick),
                Step::Deposit(who, amount) => perpetual.deposit(who, amount),
                Step::Withdraw(who, amount) => perpetual.withdraw(who, amount),
                Step::Liquidate { account, taker, lots } => {
                    perpetual.liquidate(account, taker, lots, before.mark).map(|_| ())
                }
                Step::Deleverage(who) => perpetual.deleverage(who).map(|_| ()),
                Step::Funding { premium_e8, secs } => {
                    now += secs;
                    perpetual.clock.note(premium_e8, now);
                    perpetual.pay_funding(now);
                    Ok(())
                }
            };
            perpetual.check().map_err(|(_, why)| TestCaseError::fail(why))?;
            if matches!(step, Step::Trade { .. }) {
                // Whoever has no less than nothing at the mark has no less after a trade.
                let owes = |p: &Perpetual, i: usize| p.accounts[i].equity(p.mark) < 0;
                prop_assert!((0..4).all(|i| owes(&before, i) || !owes(&perpetual, i)));
            }
            if outcome.is_err() {
                prop_assert_eq!(&perpetual, &before);
            }
        }
    }
}
