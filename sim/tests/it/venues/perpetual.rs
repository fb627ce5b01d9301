//! A perpetual market as transactions: trades, funding, liquidation, deleveraging, and a mark that a trader moves.

use super::{NOW, assert_every_cut_is_undone, exact, execute, fixed_feed};
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, Pips, PoolId, Price};
use protocols::perpetual::{
    FundingTerms, Perpetual, PerpetualAccount, PerpetualError, PerpetualMarket, PerpetualTerms,
};
use sim::chain::call::{AmountExpr, Call, Log, Outcome, PerpetualCall, PerpetualLog, Revert};
use sim::chain::{Chain, Feed, Market, Pool};
use sim::worth::Fair;

const E6: u128 = 1_000_000;

/// A token at 5 cents in a pair without a fee, and two contracts on it: lots of a token, ticks of a hundredth of
/// a cent, so that a quote unit is a hundred of the dollar's smallest, and the first mark is 500.
struct World {
    chain: Chain,
    usd: AssetId,
    token: AssetId,
    pair: PoolId,
    push: FeedId,
    admin: AccountId,
    /// A, B, and one who has money in both markets.
    people: [AccountId; 3],
    /// By the push feed, collateral alone paid out; by the pair's spot, with cross margin.
    markets: [MarketId; 2],
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new("GAS", NOW - 12, 0);
        let usd = chain.add_asset("USD", 6);
        let token = chain.add_asset("TOK", 6);
        let share = chain.add_asset("LP", 18);
        let [admin, provider, pool] = ["admin", "provider", "pool"].map(|n| chain.add_account(n));
        let people = ["a", "b", "c"].map(|name| chain.add_account(name));
        let pair = ConstantProduct::new(usd, token, share, pool, Pips(0));
        let pair = chain.add_pool(Pool::ConstantProduct(pair));
        let push = fixed_feed(&mut chain, admin, Price(5_000_000));
        let spot = chain.add_feed(Feed::Spot(SpotFeed { pool: pair, asset: token, quote: None }));
        let markets = [(push, false), (spot, true)].map(|(feed, profit_backs_withdrawals)| {
            let terms = PerpetualTerms {
                initial_margin_bps: 2_000,
                maintenance_margin_bps: 1_000,
                liquidation_fee_bps: 50,
                funding: FundingTerms::default(),
                profit_backs_withdrawals,
            };
            let contract = Perpetual::new(terms, 0, 500, NOW).expect("possible terms");
            let account = chain.add_account("venue");
            chain.add_market(Market::Perpetual(PerpetualMarket {
                account,
                quote: usd,
                quote_unit: 100,
                underlying: token,
                lot_units: Amount::new(E6),
                feed,
                contract,
                offers: Vec::new(),
            }))
        });
        for who in [provider, people[0], people[1], people[2]] {
            chain.genesis_mint(who, usd, Amount::new(1_000_000 * E6)).expect("fits");
        }
        chain.genesis_mint(provider, token, Amount::new(1_000_000 * E6)).expect("fits");
        chain.begin_block(NOW, 0);
        let [max0, max1] = [50_000, 1_000_000].map(|tokens| Amount::new(tokens * E6));
        let mut world = Self { chain, usd, token, pair, push, admin, people, markets };
        world.must(provider, Call::AddLiquidity { pool: pair, max0, max1 });
        for market in markets {
            for who in people {
                world.must(who, Call::Supply { market, asset: usd, amount: exact(5_000 * E6) });
            }
        }
        world
    }
    fn must(&mut self, by: AccountId, call: Call) {
        assert_eq!(execute(&mut self.chain, by, &[call]), Outcome::Success, "{call:?}");
    }
    fn refused(&mut self, by: AccountId, call: Call, why: PerpetualError) {
        let reason = Revert::Perpetual(why);
        assert_eq!(execute(&mut self.chain, by, &[call]), Outcome::Reverted { call: 0, reason });
    }
    fn market(&self, i: usize) -> &PerpetualMarket {
        self.chain.markets()[self.markets[i].index()].perpetual().expect("a perpetual market")
    }
    fn account(&self, i: usize, who: AccountId) -> PerpetualAccount {
        self.market(i).contract.accounts[who.index()]
    }
    fn held(&self, i: usize) -> u128 {
        self.chain.balance(self.market(i).account, self.usd).0.to()
    }
    fn says(&mut self, ticks: u128) {
        let price = Price(ticks * 10_000);
        self.must(self.admin, Call::PushPrice { feed: self.push, price });
    }
    fn supply(&self, i: usize, amount: u128) -> Call {
        Call::Supply { market: self.markets[i], asset: self.usd, amount: exact(amount) }
    }
    fn withdraw(&self, i: usize, amount: AmountExpr) -> Call {
        Call::Withdraw { market: self.markets[i], asset: self.usd, amount }
    }
    fn offer(&self, i: usize, lots: i64, tick: u64) -> Call {
        Call::Perpetual(PerpetualCall::Offer { market: self.markets[i], lots, tick })
    }
    fn take(&self, i: usize, maker: AccountId, lots: u64) -> Call {
        Call::Perpetual(PerpetualCall::Take { market: self.markets[i], maker, lots })
    }
    fn liquidate(&self, i: usize, account: AccountId, lots: u64) -> Call {
        Call::Perpetual(PerpetualCall::Liquidate { market: self.markets[i], account, lots })
    }
    fn deleverage(&self, i: usize, account: AccountId) -> Call {
        Call::Perpetual(PerpetualCall::Deleverage { market: self.markets[i], account })
    }
    fn touch(&self, i: usize) -> Call {
        Call::Perpetual(PerpetualCall::Touch { market: self.markets[i] })
    }
    /// Buys the token with so many dollars.
    fn pump(&self, usd: u128) -> Call {
        let (asset_in, min_out) = (self.usd, Amount::ZERO);
        Call::Swap { pool: self.pair, asset_in, amount: exact(usd * E6), min_out }
    }
    /// B is long so many lots, A short, at the mark of 500.
    fn trade(&mut self, i: usize, lots: u64) {
        let [a, b, _] = self.people;
        self.must(a, self.offer(i, -(lots as i64), 500));
        self.must(b, self.take(i, a, lots));
    }
}

#[test]
fn a_trade_moves_lots_and_no_money() {
    let mut w = World::new();
    let [a, b, c] = w.people;
    let market = w.markets[0];
    w.must(a, w.offer(0, -100_000, 500));
    w.must(b, w.take(0, a, 60_000));
    let trade = PerpetualLog::Trade { market, buyer: b, seller: a, lots: 60_000, tick: 500 };
    assert_eq!(w.chain.logs().last(), Some(&Log::Perpetual(trade)));
    let (long, short) = (w.account(0, b), w.account(0, a));
    assert_eq!((long.lots, long.cost, long.collateral), (60_000, 30_000_000, 50_000_000));
    assert_eq!((short.lots, short.cost, short.collateral), (-60_000, -30_000_000, 50_000_000));
    assert_eq!(w.market(0).contract.open_interest_lots(), 60_000);
    assert_eq!(w.held(0), 15_000 * E6);
    // What is left is 40,000; another offer takes its place, none withdraws it.
    w.refused(b, w.take(0, a, 40_001), PerpetualError::Offer { left: 40_000 });
    w.must(a, w.offer(0, -7, 501));
    assert_eq!(w.market(0).offer_of(a).map(|offer| offer.lots), Some(-7));
    w.refused(a, w.take(0, a, 7), PerpetualError::SameAccount);
    w.must(a, w.offer(0, 0, 0));
    w.refused(b, w.take(0, a, 1), PerpetualError::Offer { left: 0 });
    // 5,000 dollars carry 25,000 at a fifth, 500,000 lots at 500.
    let short_of = PerpetualError::Margin { equity: 50_000_000, required: 50_000_100 };
    w.refused(c, w.offer(0, 500_001, 500), short_of);
    w.must(c, w.offer(0, 500_000, 500));
}

#[test]
fn money_comes_and_goes_in_whole_units_of_one_asset() {
    let mut w = World::new();
    let [_, _, c] = w.people;
    let (market, token, had) = (w.markets[0], w.token, w.chain.balance(c, w.usd));
    w.must(c, w.supply(0, 199));
    assert_eq!(w.held(0), 15_000 * E6 + 100);
    w.refused(c, w.supply(0, 99), PerpetualError::OutOfRange);
    w.refused(c, w.withdraw(0, exact(99)), PerpetualError::OutOfRange);
    let other = Call::Supply { market, asset: token, amount: exact(100) };
    w.refused(c, other, PerpetualError::UnknownAsset);
    w.must(c, w.withdraw(0, exact(199)));
    assert_eq!((w.held(0), w.chain.balance(c, w.usd)), (15_000 * E6, had));
    w.must(c, w.withdraw(0, AmountExpr::All));
    assert_eq!(w.held(0), 10_000 * E6);
    w.refused(c, w.withdraw(0, AmountExpr::All), PerpetualError::OutOfRange);
    let (asset, amount) = (w.usd, exact(100));
    let unsupported = Outcome::Reverted { call: 0, reason: Revert::Unsupported };
    for call in [Call::Borrow { market, asset, amount }, Call::Repay { market, asset, amount }] {
        assert_eq!(execute(&mut w.chain, c, &[call]), unsupported);
    }
}

#[test]
fn funding_is_exchanged_to_the_unit() {
    let mut w = World::new();
    let [a, b, c] = w.people;
    w.trade(0, 60_001);
    // Two percent over the index, capped at 0.75 %.
    w.must(c, w.offer(0, 10, 510));
    w.chain.begin_block(NOW + 28_799, 0);
    w.must(c, w.touch(0));
    assert_eq!(w.account(0, b).collateral, 50_000_000, "not yet");
    w.chain.begin_block(NOW + 28_800, 0);
    w.must(c, w.touch(0));
    let funding = PerpetualLog::Funding { market: w.markets[0], rate_e8: 750_000, mark: 500 };
    assert_eq!(w.chain.logs(), [Log::Perpetual(funding)]);
    // 60,001 · 500 · 0.75 % is 225,003.75.
    assert_eq!(w.account(0, b).collateral, 50_000_000 - 225_004);
    assert_eq!(w.account(0, a).collateral, 50_000_000 + 225_003);
    let contract = &w.market(0).contract;
    assert_eq!((contract.insurance, contract.clock.last_rate_e8), (1, 750_000));
    assert_eq!(w.held(0), 15_000 * E6);
}

#[test]
fn a_purchase_in_the_pool_that_the_feed_reads_moves_the_mark() {
    let mut w = World::new();
    let [_, b, c] = w.people;
    w.trade(1, 60_000);
    // Half of the tokens for as many dollars as are there: four times the price.
    w.must(c, w.pump(50_000));
    assert_eq!(w.market(1).contract.mark, 500, "until somebody looks");
    w.must(c, w.touch(1));
    assert_eq!(w.market(1).contract.mark, 2_000);
    assert_eq!(w.account(1, b).equity(2_000), 50_000_000 + 60_000 * 1_500);
}

#[test]
fn who_does_not_cover_the_maintenance_margin_is_taken_over_at_the_mark() {
    let mut w = World::new();
    let [a, b, c] = w.people;
    w.trade(0, 500_000);
    w.refused(c, w.liquidate(0, b, 1), PerpetualError::Healthy);
    // Long 25,000 dollars with 5,000: at 445, 2,250 for a tenth of 22,250; at 444, 2,200 for 2,220.
    w.says(445);
    w.refused(c, w.liquidate(0, b, 1), PerpetualError::Healthy);
    w.says(444);
    w.refused(c, w.liquidate(0, b, 500_001), PerpetualError::TooMuch);
    w.must(c, w.liquidate(0, b, 200_000));
    // Half a percent of 8,880 dollars.
    let (fee, lots) = (444_000, 200_000_i64);
    assert_eq!(w.account(0, b).lots, 300_000);
    assert_eq!(w.account(0, b).equity(444), 50_000_000 - 500_000 * 56 - fee);
    assert_eq!((w.account(0, c).lots, w.account(0, c).equity(444)), (lots, 50_000_000));
    assert_eq!(w.market(0).contract.insurance, fee);
    let reported = w.chain.logs().iter().find_map(|log| match log {
        Log::Liquidation { borrower, seized, repaid, bad_debt, .. } => {
            Some((*borrower, *seized, *repaid, *bad_debt))
        }
        _ => None,
    });
    let amounts = [fee, i128::from(lots) * 444].map(|units| Amount::new(units as u128 * 100));
    assert_eq!(reported, Some((b, amounts[0], amounts[1], Amount::ZERO)));
    // At 370 the rest owes what the fund does not have.
    w.must(c, w.supply(0, 10_000 * E6));
    w.says(370);
    let owes = -w.account(0, b).equity(370);
    assert!(owes > fee);
    let bounded = PerpetualError::Margin { equity: fee, required: owes };
    w.refused(c, w.liquidate(0, b, 300_000), bounded);
    assert_eq!(w.account(0, a).lots, -500_000);
}

#[test]
fn what_the_fund_has_pays_for_a_bankrupt_account() {
    let mut w = World::new();
    let [a, b, c] = w.people;
    w.trade(0, 500_000);
    // The first one pays the fund a fee of half a percent of 22,150 dollars.
    w.says(443);
    w.must(c, w.supply(0, 100_000 * E6));
    w.must(c, w.liquidate(0, b, 500_000));
    assert_eq!(w.market(0).contract.insurance, 1_107_500);
    // The short owes, at 602, 102 a lot less 5,000 dollars.
    w.says(602);
    let owes = -w.account(0, a).equity(602);
    assert_eq!(owes, 500_000 * 102 - 50_000_000);
    w.must(c, w.liquidate(0, a, 500_000));
    assert_eq!(w.account(0, a), PerpetualAccount::default());
    assert_eq!(w.market(0).contract.insurance, 1_107_500 - owes);
    let amount = Amount::new(owes as u128 * 100);
    let lost = Log::BadDebt { market: w.markets[0], borrower: a, asset: w.usd, amount };
    assert!(w.chain.logs().contains(&lost));
}

#[test]
fn a_bankrupt_position_is_closed_against_the_other_side() {
    let mut w = World::new();
    let [a, b, c] = w.people;
    w.trade(0, 500_000);
    w.refused(c, w.deleverage(0, b), PerpetualError::Solvent);
    w.says(380);
    w.must(c, w.deleverage(0, b));
    // Long at 500 with 5,000 dollars: nothing is left at 400, where the short is bought back.
    assert_eq!(w.account(0, b), PerpetualAccount::default());
    let winner = w.account(0, a);
    assert_eq!((winner.lots, winner.collateral), (0, 50_000_000 + 500_000 * 100));
    let amount = Amount::new(500_000 * 20 * 100);
    let borne = Log::BadDebt { market: w.markets[0], borrower: b, asset: w.usd, amount };
    assert_eq!(w.chain.logs().last(), Some(&borne));
    assert_eq!(w.market(0).contract.open_interest_lots(), 0);
}

#[test]
fn unrealised_profit_takes_the_other_depositors_money_only_under_cross_margin() {
    let mut w = World::new();
    let [_, b, c] = w.people;
    w.trade(0, 100_000);
    w.trade(1, 100_000);
    w.says(2_000);
    w.must(c, w.pump(50_000));
    // Collateral alone.
    let refused = PerpetualError::Margin { equity: -1, required: 0 };
    w.refused(b, w.withdraw(0, exact(5_000 * E6 + 100)), refused);
    w.must(b, w.withdraw(0, AmountExpr::All));
    assert_eq!(w.held(0), 10_000 * E6);
    // 5,000 and 15,000 of profit, less a fifth of 20,000, are more than there is.
    let short = PerpetualError::Liquidity { left: 150_000_000 };
    w.refused(b, w.withdraw(1, exact(16_000 * E6)), short);
    let had = w.chain.balance(b, w.usd);
    w.must(b, w.withdraw(1, AmountExpr::All));
    let got = w.chain.balance(b, w.usd).0 - had.0;
    assert_eq!((w.held(1), got.to::<u128>()), (0, 15_000 * E6));
    // Bad debt at fair prices, whatever the feed says.
    let bad_debt = |w: &World| {
        let fair = Fair::new(&w.chain, &[0.0, 1.0, 0.05]);
        fair.bad_debt_usd(&w.chain, w.markets[1])
    };
    assert!((bad_debt(&w) - 10_000.0).abs() < 1e-6, "{}", bad_debt(&w));
    let amount = AmountExpr::Exact(w.chain.balance(c, w.token));
    let (pool, asset_in, min_out) = (w.pair, w.token, Amount::ZERO);
    w.must(c, Call::Swap { pool, asset_in, amount, min_out });
    w.must(c, w.touch(1));
    assert_eq!(w.market(1).contract.mark, 500);
    assert_eq!(w.market(1).contract.uncovered(), 100_000_000);
    // Closed against the short, who has 5,000 dollars.
    w.must(c, w.deleverage(1, b));
    assert_eq!(w.market(1).contract.uncovered(), 50_000_000);
    assert!((bad_debt(&w) - 5_000.0).abs() < 1e-6, "{}", bad_debt(&w));
}

#[test]
fn every_call_is_undone_at_every_cut() {
    let mut w = World::new();
    let [a, b, c] = w.people;
    w.trade(1, 400_000);
    w.must(b, w.offer(1, 500, 510));
    // Funding is due: everybody's position changes.
    w.chain.begin_block(NOW + 40_000, 0);
    let calls = [
        w.touch(1),
        w.supply(1, 200_000 * E6),
        w.offer(1, -1_000, 505),
        w.take(1, b, 400),
        w.pump(50_000),
        w.take(1, b, 100),
        w.liquidate(1, a, 10_000),
        w.deleverage(1, a),
        w.withdraw(1, exact(700)),
        w.offer(1, 0, 0),
    ];
    let before = w.chain.clone();
    assert_every_cut_is_undone(&before, c, &calls);
    assert_eq!(execute(&mut w.chain, c, &calls), Outcome::Success);
    assert!(w.chain != before);
}

#[test]
fn a_feed_that_says_nothing_stops_the_market() {
    let mut w = World::new();
    let [_, _, c] = w.people;
    w.must(w.admin, Call::PushPrice { feed: w.push, price: Price(u128::MAX >> 8) });
    w.refused(c, w.touch(0), PerpetualError::OutOfRange);
    let nobody = AccountId(999);
    w.says(500);
    w.refused(c, w.liquidate(0, nobody, 1), PerpetualError::UnknownAccount);
    w.refused(c, w.deleverage(0, nobody), PerpetualError::UnknownAccount);
    let market = MarketId(9);
    let beyond = Call::Perpetual(PerpetualCall::Touch { market });
    let unknown = Outcome::Reverted { call: 0, reason: Revert::UnknownId };
    assert_eq!(execute(&mut w.chain, c, &[beyond]), unknown);
}
