//! Families of attacks, a small world each: the search finds the attack there, and nothing in the world's twin,
//! which differs in the one thing that the attack lives on, with the same number of simulations.

use super::worlds::lender::{E18, NOW, exact, fixed_feed, lender};
use agents::attack::moves::Move;
use agents::attack::play::{Ground, Player, Step};
use agents::attack::synthesis::{Attack, Options, search};
use markets::amm::constant_product::ConstantProduct;
use markets::amm::stable_swap::MAX_COINS;
use markets::oracle::lp::LpFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price};
use protocols::perpetual::{FundingTerms, Perpetual, PerpetualMarket, PerpetualTerms};
use protocols::risk_params::{PendingChange, RiskChange, RiskParam};
use sim::chain::call::{AmountExpr, Call, Outcome, PerpetualCall, Transaction, TxBuffer, TxHeader};
use sim::chain::{Chain, Feed, Market, Pool};
use sim::worth::Fair;

const E6: u128 = 1_000_000;
const USD: AssetId = AssetId(1);
const TOKEN: AssetId = AssetId(2);
const LP: AssetId = AssetId(3);
const POOL: PoolId = PoolId(0);
const MARKET: MarketId = MarketId(0);
/// Simulations of a search.
const BUDGET: u64 = 60_000;
/// More than what searches make of rounding and prices that are not quite equal, in USD.
const LEAST: f64 = 100.0;

/// What says the token's price.
#[derive(Clone, Copy, Debug)]
enum Oracle {
    /// A reporter, these dollars.
    Reported(f64),
    /// The pair, this instant.
    Spot,
    /// The pair's average over ten minutes.
    Average,
}

/// A pair of USD and TOKEN with 2 M dollars in it, and a market that lends both at an LTV of 75 %.
struct World {
    chain: Chain,
    provider: AccountId,
    borrower: AccountId,
    attacker: AccountId,
    token_feed: FeedId,
    /// What a token is worth, in USD.
    fair: f64,
    pending: TxBuffer,
    wait_blocks: u32,
}

impl World {
    fn new(oracle: Oracle, fair: f64) -> Self {
        Self::listing(oracle, fair, None)
    }
    /// The market also takes the pair's shares, at the price of such a feed.
    fn listing(oracle: Oracle, fair: f64, shares: Option<fn(LpFeed) -> Feed>) -> Self {
        let mut chain = Chain::new("GAS", NOW - 12, 0);
        assert_eq!([chain.add_asset("USD", 6), chain.add_asset("TOKEN", 18)], [USD, TOKEN]);
        assert_eq!(chain.add_asset("LP", 18), LP);
        let [provider, borrower, attacker, pair] =
            ["provider", "borrower", "attacker", "pair"].map(|name| chain.add_account(name));
        let pair = ConstantProduct::new(USD, TOKEN, LP, pair, Pips(3_000));
        assert_eq!(chain.add_pool(Pool::ConstantProduct(pair)), POOL);
        let dollar = fixed_feed(&mut chain, provider, Price::ONE);
        let (pool, asset, quote) = (POOL, TOKEN, Some(dollar));
        let token_feed = match oracle {
            Oracle::Reported(usd) => fixed_feed(&mut chain, provider, Price::from_usd(usd)),
            Oracle::Spot => chain.add_feed(Feed::Spot(SpotFeed { pool, asset, quote })),
            Oracle::Average => chain.add_feed(Feed::Twap(TwapFeed::new(pool, asset, quote, 600))),
        };
        let mut listed = vec![(USD, dollar, 6, 7_500), (TOKEN, token_feed, 18, 7_500)];
        if let Some(shares) = shares {
            let mut coins = [None; MAX_COINS];
            (coins[0], coins[1]) = (Some(dollar), Some(token_feed));
            listed.push((LP, chain.add_feed(shares(LpFeed { pool, coins })), 18, 7_500));
        }
        let pooled = lender(&mut chain, "market", &listed);
        assert_eq!(chain.add_market(Market::Pooled(pooled)), MARKET);
        let tokens = 1e6 / fair;
        let [all, most] = [4.0 * tokens, tokens].map(|n| Amount::from_f64_floor(n * 1e18));
        chain.genesis_mint(provider, USD, Amount::new(20_000_000 * E6)).expect("tokens");
        chain.genesis_mint(provider, TOKEN, all).expect("tokens");
        chain.begin_block(NOW, 0);
        let mut world = Self {
            chain,
            provider,
            borrower,
            attacker,
            token_feed,
            fair,
            pending: TxBuffer::default(),
            wait_blocks: 0,
        };
        let max0 = Amount::new(1_000_000 * E6);
        world.must(provider, Call::AddLiquidity { pool, max0, max1: most });
        world.supply(provider, USD, Amount::new(6_000_000 * E6));
        world.supply(provider, TOKEN, most);
        if matches!(oracle, Oracle::Average) {
            for _ in 0..3 {
                world.must(provider, Call::Checkpoint { feed: token_feed });
                let now = world.chain.clock().timestamp;
                world.chain.begin_block(now + 1_200, 0);
            }
            assert_eq!(world.chain.price(token_feed).map(Price::usd), Ok(1.0));
        }
        world
    }
    fn must(&mut self, by: AccountId, call: Call) {
        let receipt =
            self.chain.execute(Transaction { header: &TxHeader::free(by), calls: &[call] });
        assert_eq!(receipt.outcome, Outcome::Success, "{call:?}");
    }
    fn supply(&mut self, by: AccountId, asset: AssetId, amount: Amount) {
        let amount = AmountExpr::Exact(amount);
        self.must(by, Call::Supply { market: MARKET, asset, amount });
    }
    fn give(&mut self, to: AccountId, asset: AssetId, amount: u128) {
        self.must(self.provider, Call::Transfer { to, asset, amount: exact(amount) });
    }
    /// Somebody supplies one asset and owes the other.
    fn borrowed(mut self, (asset, amount): (AssetId, u128), (debt, owed): (AssetId, u128)) -> Self {
        self.give(self.borrower, asset, amount);
        self.supply(self.borrower, asset, Amount::new(amount));
        self.must(self.borrower, Call::Borrow { market: MARKET, asset: debt, amount: exact(owed) });
        self
    }
    /// The market lends no more but in flash, so that nothing is to be had for a distorted price but a
    /// liquidation.
    fn closed(mut self) -> Self {
        let pooled = self.chain.genesis_market(MARKET).expect("a pooled market");
        for reserve in &mut pooled.reserves {
            reserve.config.borrowing_enabled = false;
        }
        self
    }
    /// A perpetual market on the token by the pair's spot, with a million dollars of others' in it, and an offer
    /// of two million tokens at a dollar. The attacker has half a million.
    fn with_perpetual(mut self, profit_backs_withdrawals: bool) -> Self {
        let (pool, asset, quote) = (POOL, TOKEN, None);
        let feed = self.chain.add_feed(Feed::Spot(SpotFeed { pool, asset, quote }));
        let terms = PerpetualTerms {
            initial_margin_bps: 2_000,
            maintenance_margin_bps: 1_000,
            liquidation_fee_bps: 50,
            funding: FundingTerms::default(),
            profit_backs_withdrawals,
        };
        let account = self.chain.add_account("venue");
        // Lots of a token at ticks of a tenth of a cent.
        let market = self.chain.add_market(Market::Perpetual(PerpetualMarket {
            account,
            quote: USD,
            quote_unit: 1_000,
            underlying: TOKEN,
            lot_units: Amount::new(E18),
            feed,
            contract: Perpetual::new(terms, 0, 1_000, NOW).expect("possible terms"),
            offers: Vec::new(),
        }));
        self.give(self.attacker, USD, 500_000 * E6);
        self.give(self.borrower, USD, 1_000_000 * E6);
        let amount = exact(1_000_000 * E6);
        self.must(self.borrower, Call::Supply { market, asset: USD, amount });
        let offer = PerpetualCall::Offer { market, lots: -2_000_000, tick: 1_000 };
        self.must(self.borrower, Call::Perpetual(offer));
        self
    }
    fn with_pending(mut self, by: AccountId, call: Call) -> Self {
        self.pending.push(TxHeader::free(by), &[call]);
        self
    }
    fn ground(&self) -> Ground {
        let mut fair = vec![0.0; self.chain.assets().len()];
        (fair[USD.index()], fair[TOKEN.index()]) = (1.0, self.fair);
        // A pair's shares are worth what is in it.
        fair[LP.index()] = 2e6 / (self.chain.ledger().total_supply(LP).to_f64() / 1e18);
        Ground {
            fair: Fair::new(&self.chain, &fair),
            chain: self.chain.clone(),
            attacker: self.attacker,
            pending: self.pending.clone(),
            block_secs: 12,
            wait_blocks: self.wait_blocks,
        }
    }
}

/// The attack found in the world; none is found in its twin.
pub(crate) fn found(world: &Ground, twin: &Ground) -> Attack {
    found_within(BUDGET, world, twin)
}
fn found_within(simulations: u64, world: &Ground, twin: &Ground) -> Attack {
    let options = Options { simulations, ..Options::default() };
    let best = |ground: &Ground| search(ground, &options).best;
    let profit = |attack: &Attack| attack.record.played.profit_usd;
    let safe = best(twin).map_or(0.0, |attack| {
        assert!(profit(&attack) < LEAST, "the twin loses: {attack:?}");
        profit(&attack)
    });
    let attack = best(world).expect("something goes through");
    assert!(profit(&attack) > LEAST.max(10.0 * safe), "{attack:?}");
    attack
}
pub(crate) fn earns(attack: &Attack, at_least: f64) {
    assert!(attack.record.played.profit_usd > at_least, "{attack:?}");
}
pub(crate) fn uses(attack: &Attack, what: fn(&Move) -> bool) {
    assert!(attack.steps.iter().any(|step| what(&step.action)), "{attack:?}");
}

#[test]
fn a_spot_price_is_pumped_and_a_reported_one_is_not() {
    let attack = found(
        &World::new(Oracle::Spot, 1.0).ground(),
        &World::new(Oracle::Reported(1.0), 1.0).ground(),
    );
    earns(&attack, 500_000.0);
    uses(&attack, |action| matches!(action, Move::Borrow { .. }));
}

#[test]
fn profit_on_paper_is_pumped_and_withdrawn_where_it_backs_withdrawals() {
    let world = |lends| World::new(Oracle::Reported(1.0), 1.0).closed().with_perpetual(lends);
    let attack = found(&world(true).ground(), &world(false).ground());
    earns(&attack, 100_000.0);
    uses(&attack, |action| matches!(action, Move::TakeOffer { .. }));
    uses(&attack, |action| matches!(action, Move::Withdraw { .. }));
}

/// Nobody offers anything: the other side of the contract is the attacker's second account.
#[test]
fn who_has_two_accounts_loses_in_one_what_nobody_has_and_wins_it_in_the_other() {
    let world = |lends, second: bool| {
        let mut world = World::new(Oracle::Reported(1.0), 1.0).closed().with_perpetual(lends);
        let (market, lots, tick) = (MarketId(1), 0, 1_000);
        world.must(world.borrower, Call::Perpetual(PerpetualCall::Offer { market, lots, tick }));
        if second {
            world.chain.add_contract(world.attacker);
        }
        world.ground()
    };
    for twin in [world(false, true), world(true, false)] {
        let attack = found(&world(true, true), &twin);
        earns(&attack, 100_000.0);
        uses(&attack, |action| matches!(action, Move::DealApart { .. }));
        uses(&attack, |action| matches!(action, Move::Withdraw { .. }));
    }
}

/// A market lends up to the LTV and lets go of collateral up to the threshold: what is posted is as much as the
/// threshold asks for, and no more where there is less to lend than it would carry.
#[test]
fn a_contract_keeps_posted_what_its_debt_needs() {
    for (tokens, lent) in [(1_000_000, 750_000), (20_000_000, 6_000_000)] {
        let mut world = World::new(Oracle::Reported(1.0), 1.0);
        let pooled = world.chain.genesis_market(MARKET).expect("a pooled market");
        pooled.reserves[1].config.liquidation_threshold = Bps(8_000);
        world.chain.genesis_mint(world.attacker, TOKEN, Amount::new(tokens * E18)).expect("fits");
        let contract = world.chain.add_contract(world.attacker);
        let ground = world.ground();
        let (market, collateral, debt) = (MARKET, TOKEN, USD);
        let steps = [Step::of(Move::BorrowApart { market, collateral, debt }, 1.0)];
        let record = Player::new(&ground).record(&steps).expect("it goes through");
        assert!(record.played.profit_usd.abs() < 1e-3 && record.played.bad_debt_usd == 0.0);
        let mut chain = ground.chain.clone();
        let header = TxHeader::free(ground.attacker);
        let calls = &record.parts[0].calls;
        assert_eq!(chain.execute(Transaction { header: &header, calls }).outcome, Outcome::Success);
        assert_eq!(chain.balance(ground.attacker, USD), Amount::new(lent * E6));
        assert_eq!([USD, TOKEN].map(|asset| chain.balance(contract, asset)), [Amount::ZERO; 2]);
        let health = chain.pooled(MARKET).health(&chain, contract).expect("it has a position");
        let health = health.health_factor.to_f64() / 1e18;
        assert!((1.0..1.000_001).contains(&health), "{health}");
    }
}

/// What the contract does not pay back, the attacker's own deposit does not get.
#[test]
fn a_debt_to_oneself_is_no_gain() {
    let mut world = World::new(Oracle::Reported(1.0), 1.0);
    world.give(world.attacker, USD, 1_000_000 * E6);
    world.give(world.attacker, TOKEN, 400_000 * E18);
    world.chain.add_contract(world.attacker);
    let ground = world.ground();
    let (market, collateral, debt) = (MARKET, TOKEN, USD);
    let steps = [
        Step::of(Move::Supply { market, asset: USD }, 1.0),
        Step::of(Move::BorrowApart { market, collateral, debt }, 1.0),
    ];
    let mut fair = vec![0.0; ground.chain.assets().len()];
    // The token is worth nothing: its loan is never paid back.
    fair[USD.index()] = 1.0;
    let ground = Ground { fair: Fair::new(&ground.chain, &fair), ..ground };
    let played = Player::new(&ground).play(&steps);
    assert!(played.is_feasible() && played.profit_usd.abs() < 1e-3, "{played:?}");
}

#[test]
fn an_average_is_moved_by_who_waits_and_not_within_a_block() {
    let mut patient = World::new(Oracle::Average, 1.0);
    patient.give(patient.attacker, USD, 2_000_000 * E6);
    let mut hasty = World::new(Oracle::Average, 1.0);
    hasty.give(hasty.attacker, USD, 2_000_000 * E6);
    patient.wait_blocks = 50;
    let attack = found(&patient.ground(), &hasty.ground());
    earns(&attack, 200_000.0);
    uses(&attack, |action| matches!(action, Move::Wait { .. }));
}

#[test]
fn a_swap_that_takes_any_price_is_sandwiched_and_one_that_does_not_is_left() {
    let world = |min_out| {
        let mut world = World::new(Oracle::Reported(1.0), 1.0);
        let victim = world.borrower;
        world.give(victim, USD, 100_000 * E6);
        world.give(world.attacker, USD, 500_000 * E6);
        let (asset_in, amount) = (USD, exact(100_000 * E6));
        let swap = Call::Swap { pool: POOL, asset_in, amount, min_out: Amount::new(min_out) };
        world.closed().with_pending(victim, swap)
    };
    // Undisturbed it gets 90,661 tokens.
    let attack = found(&world(0).ground(), &world(90_600 * E18).ground());
    earns(&attack, 1_000.0);
    uses(&attack, |action| matches!(action, Move::LetPass { .. }));
}

#[test]
fn a_report_to_come_is_run_ahead_of_while_it_waits() {
    // The token has fallen to half a dollar; the market has yet to hear of it.
    let late = World::new(Oracle::Reported(1.0), 0.5);
    let (feed, price) = (late.token_feed, Price::from_usd(0.5));
    let provider = late.provider;
    let late = late.with_pending(provider, Call::PushPrice { feed, price });
    let attack = found(&late.ground(), &World::new(Oracle::Reported(0.5), 0.5).ground());
    earns(&attack, 20_000.0);
    uses(&attack, |action| matches!(action, Move::Borrow { .. }));
    // Behind the report there is nothing to be had.
    let first = attack.steps.iter().position(|step| matches!(step.action, Move::LetPass { .. }));
    let borrows = attack.steps.iter().position(|step| matches!(step.action, Move::Borrow { .. }));
    assert!(first.is_none_or(|at| borrows < Some(at)), "{attack:?}");
}

#[test]
fn a_liquidation_follows_the_report_that_makes_it_due() {
    let world = |usd: f64| {
        let mut world = World::new(Oracle::Reported(1.0), 0.95)
            .borrowed((TOKEN, 100_000 * E18), (USD, 72_000 * E6))
            .closed();
        world.give(world.attacker, USD, 100_000 * E6);
        let (by, feed) = (world.provider, world.token_feed);
        world.with_pending(by, Call::PushPrice { feed, price: Price::from_usd(usd) })
    };
    // 72,000 are owed, 75 % of 100,000 tokens are the line: at 95 cents they are below it.
    let attack = found(&world(0.95).ground(), &world(0.97).ground());
    earns(&attack, 1_000.0);
    uses(&attack, |action| matches!(action, Move::Liquidate { .. }));
    uses(&attack, |action| matches!(action, Move::LetPass { .. }));
}

#[test]
fn a_thin_pool_is_sold_down_to_liquidate_who_believes_it() {
    let world = |oracle| {
        World::new(oracle, 1.0).borrowed((TOKEN, 400_000 * E18), (USD, 290_000 * E6)).closed()
    };
    let attack = found(&world(Oracle::Spot).ground(), &world(Oracle::Reported(1.0)).ground());
    earns(&attack, 1_000.0);
    uses(&attack, |action| matches!(action, Move::Liquidate { .. }));
}

#[test]
fn whoever_owes_an_illiquid_token_is_squeezed_where_its_price_can_be_pushed() {
    let world = |oracle| {
        World::new(oracle, 1.0).borrowed((USD, 400_000 * E6), (TOKEN, 290_000 * E18)).closed()
    };
    let attack = found(&world(Oracle::Spot).ground(), &world(Oracle::Reported(1.0)).ground());
    earns(&attack, 1_000.0);
    uses(&attack, |action| matches!(action, Move::Liquidate { debt: TOKEN, .. }));
}

#[test]
fn a_decision_that_waits_in_the_timelock_is_used_when_it_takes_effect() {
    // A token of 80 cents that the market takes for a dollar: at an LTV of 75 % that costs nothing.
    let world = |ltv: u64| {
        let mut world = World::new(Oracle::Reported(1.0), 0.8);
        let ready_at = world.chain.clock().timestamp + 600;
        let pooled = world.chain.genesis_market(MARKET).expect("a pooled market");
        for (param, value) in [(RiskParam::LiquidationThreshold, 9_000), (RiskParam::Ltv, ltv)] {
            let change = RiskChange { reserve: Some(1), param, value };
            pooled.state.pending.push(PendingChange { change, ready_at });
        }
        world.wait_blocks = 50;
        world.give(world.attacker, TOKEN, 500_000 * E18);
        world
    };
    let attack = found(&world(9_000).ground(), &world(7_000).ground());
    earns(&attack, 10_000.0);
    uses(&attack, |action| matches!(action, Move::Wait { .. }));
    uses(&attack, |action| matches!(action, Move::ExecuteRisk { .. }));
}

#[test]
fn a_pool_share_that_is_priced_by_its_reserves_is_pumped_and_a_fair_price_is_not() {
    let world = |shares| {
        let mut world = World::listing(Oracle::Reported(1.0), 1.0, Some(shares));
        world.give(world.attacker, LP, E18 / 5);
        world
    };
    // Shares worth 400,000 dollars.
    let attack = found(&world(Feed::LpNaive).ground(), &world(Feed::LpFair).ground());
    earns(&attack, 200_000.0);
    uses(&attack, |action| matches!(action, Move::Supply { asset: LP, .. }));
    uses(&attack, |action| matches!(action, Move::Swap { .. }));
}

#[test]
fn a_pool_share_is_made_and_pumped_with_nothing_of_ones_own() {
    let world = |shares| World::listing(Oracle::Reported(1.0), 1.0, Some(shares)).ground();
    // Six moves.
    let attack = found_within(200_000, &world(Feed::LpNaive), &world(Feed::LpFair));
    earns(&attack, 200_000.0);
    uses(&attack, |action| matches!(action, Move::AddLiquidity { .. }));
    uses(&attack, |action| matches!(action, Move::Supply { asset: LP, .. }));
}
