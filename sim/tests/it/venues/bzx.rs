//! The two bZx attacks of February 2020 in the model of Qin, Zhou, Livshits, Gervais (Attacking the DeFi
//! Ecosystem with Flash Loans for Fun and Profit, FC 2021, §5), as atomic bundles, against its closed
//! forms; and the recorded trades of the first.
//!
//! A: pump and arbitrage through a margin desk. B: oracle manipulation with a Uniswap pair, Kyber's reserve
//! and Synthetix's depot.

use super::lender::{units, wei};
use super::{E18, NOW, assert_every_cut_is_undone, exact, execute, fixed_feed, lender};
use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::oracle::lowest::LowestFeed;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price, Wad};
use protocols::margin_desk::{DeskError, MarginDesk, PriceCheck};
use sim::chain::call::{AmountExpr, Call, DeskCall, Log, Outcome, Revert};
use sim::chain::{Chain, Feed, Market, Pool};

fn ether(amount: Amount) -> f64 {
    amount.to_f64() / 1e18
}

struct Pumped {
    chain: Chain,
    eth: AssetId,
    btc: AssetId,
    btc_decimals: usize,
    trader: AccountId,
    dydx: MarketId,
    compound: MarketId,
    desk: MarketId,
    pool: PoolId,
    depot: PoolId,
    feeds: [FeedId; 2],
}

/// The world of A: a lender of flash loans, Compound, the desk, Uniswap, and a market that sells WBTC at
/// p_m = 39.08 ETH.
fn pumped(btc_decimals: usize, fee: Pips, reserves: (u128, u128)) -> Pumped {
    let mut chain = Chain::new("GAS", NOW - 12, 0);
    let eth = chain.add_asset("WETH", 18);
    let btc = chain.add_asset("WBTC", btc_decimals as u8);
    let [lp, itoken] = ["LP", "iETH"].map(|symbol| chain.add_asset(symbol, 18));
    let [trader, provider, pool_account, desk_account, depot_account] =
        ["trader", "provider", "uniswap", "desk", "depot"].map(|name| chain.add_account(name));
    // er = 36.48 ETH for a WBTC, in a numeraire fine enough not to round.
    let ether = 1_000_000_000_000_u128;
    let feeds = [ether, ether * 3_648 / 100].map(|p| fixed_feed(&mut chain, provider, Price(p)));
    let eth_reserve = (eth, feeds[0], 18, 7_500);
    let btc_reserve = (btc, feeds[1], btc_decimals as u8, 7_500);
    let dydx = lender(&mut chain, "dydx", &[eth_reserve]);
    let dydx = chain.add_market(Market::Pooled(dydx));
    let compound = lender(&mut chain, "compound", &[eth_reserve, btc_reserve]);
    let compound = chain.add_market(Market::Pooled(compound));
    let pair = ConstantProduct::new(eth, btc, lp, pool_account, fee);
    let pool = chain.add_pool(Pool::ConstantProduct(pair));
    let depot = chain.add_pool(Pool::FixedPrice(FixedPrice {
        base: btc,
        quote: eth,
        base_decimals: btc_decimals as u8,
        account: depot_account,
        price: Amount::new(wei("39.08")),
    }));
    // ℓ = 5, ocr = 1.153.
    let desk =
        MarginDesk::new(desk_account, itoken, (eth, btc), pool, Bps(50_000), Bps(11_530), NOW);
    let desk = chain.add_market(Market::MarginDesk(desk));
    let plenty = 100_000 * 10_u128.pow(btc_decimals as u32);
    chain.genesis_mint(provider, eth, Amount::new(100_000 * E18)).unwrap();
    chain.genesis_mint(provider, btc, Amount::new(plenty)).unwrap();
    chain.genesis_mint(depot_account, btc, Amount::new(plenty)).unwrap();
    chain.begin_block(NOW, 0);
    let seed = [
        Call::AddLiquidity { pool, max0: Amount::new(reserves.0), max1: Amount::new(reserves.1) },
        // v_X = 10,000; z_Y = 155.70; w_X = 4,858.74.
        Call::Supply { market: dydx, asset: eth, amount: exact(10_000 * E18) },
        Call::Supply { market: compound, asset: btc, amount: exact(units("155.70", btc_decimals)) },
        Call::Supply { market: desk, asset: eth, amount: exact(wei("4858.74")) },
    ];
    assert_eq!(execute(&mut chain, provider, &seed), Outcome::Success);
    Pumped { chain, eth, btc, btc_decimals, trader, dydx, compound, desk, pool, depot, feeds }
}

/// The model's pool, without a fee: u_X = 2,817.77 ETH and u_Y = 77.08 WBTC.
fn model(btc_decimals: usize) -> Pumped {
    pumped(btc_decimals, Pips(0), (wei("2817.77"), units("77.08", btc_decimals)))
}

impl Pumped {
    /// b = p1 · cf / er, floored to WBTC's smallest unit.
    fn borrowed(&self, p1: u128) -> u128 {
        let unit = 10_u128.pow(self.btc_decimals as u32);
        // p1 · 0.75 / 36.48 = p1 · 75 / 3648, and ethers have 18 decimals.
        let exact = ruint::aliases::U256::from(p1) * ruint::aliases::U256::from(75 * unit)
            / ruint::aliases::U256::from(3_648 * E18);
        u128::try_from(exact).unwrap()
    }
    /// The whole attack in one flash loan: collateral to Compound, WBTC from it, the desk pumps the pool
    /// with the margin, the WBTC go into the pumped pool; then the loan is bought back at p_m, repaid, and
    /// the collateral withdrawn.
    fn bundle(&self, p1: u128, p2: u128) -> Vec<Call> {
        let (eth, btc, compound) = (self.eth, self.btc, self.compound);
        let borrowed = self.borrowed(p1);
        let unit = 10_u128.pow(self.btc_decimals as u32);
        let cost = ruint::aliases::U256::from(borrowed) * ruint::aliases::U256::from(wei("39.08"));
        let cost = cost.div_ceil(ruint::aliases::U256::from(unit));
        let swap =
            |pool, asset_in, amount| Call::Swap { pool, asset_in, amount, min_out: Amount::ZERO };
        let body = [
            Call::Supply { market: compound, asset: eth, amount: exact(p1) },
            Call::Borrow { market: compound, asset: btc, amount: exact(borrowed) },
            Call::Desk(DeskCall::Open { market: self.desk, margin: exact(p2) }),
            swap(self.pool, btc, AmountExpr::All),
            swap(self.depot, eth, AmountExpr::Exact(Amount(cost))),
            Call::Repay { market: compound, asset: btc, amount: AmountExpr::All },
            Call::Withdraw { market: compound, asset: eth, amount: AmountExpr::All },
        ];
        let mut calls = vec![Call::FlashLoan {
            market: self.dydx,
            asset: eth,
            amount: Amount::new(10_000 * E18),
            body: body.len() as u16,
        }];
        calls.extend(body);
        calls
    }
    fn profit(&mut self, p1: u128, p2: u128) -> f64 {
        let calls = self.bundle(p1, p2);
        assert_eq!(execute(&mut self.chain, self.trader, &calls), Outcome::Success);
        ether(self.chain.balance(self.trader, self.eth))
    }
}

/// u_X + p2·ℓ/ocr − x4 − p2 − p1·cf·p_m/er.
fn closed_form_a(p1: f64, p2: f64) -> f64 {
    let (u_x, u_y, sold) = (2_817.77, 77.08, p2 * 5.0 / 1.153);
    let x3 = u_x + sold;
    let y3 = u_x * u_y / x3;
    let borrowed = p1 * 0.75 / 36.48;
    let x4 = x3 * y3 / (y3 + borrowed);
    x3 - x4 - p2 - borrowed * 39.08
}

#[test]
fn the_original_pump_earns_its_closed_form() {
    // WBTC has eight decimals: the pool's output, the loan and the repurchase are each floored to 10⁻⁸ WBTC,
    // which is worth less than 10⁻⁶ ETH even in the pumped pool. With 18 decimals nothing is left to round
    // but wei.
    for (decimals, tolerance) in [(8, 3e-6), (18, 1e-9)] {
        let profit = model(decimals).profit(5_500 * E18, 1_300 * E18);
        let closed = closed_form_a(5_500.0, 1_300.0);
        assert!((profit - closed).abs() < tolerance, "{profit} against {closed}");
        assert!((profit - 1_171.03).abs() < 0.005, "{profit}");
    }
}

#[test]
fn the_best_pump_is_where_the_desk_runs_dry() {
    // p2·ℓ/ocr = w_X + p2 binds: p2 = 4,858.74 / (5/1.153 − 1) = 1,456.2327060046….
    let (p1, p2) = (wei("2469.351"), wei("1456.232706004678"));
    for (decimals, tolerance) in [(8, 3e-6), (18, 1e-9)] {
        let profit = model(decimals).profit(p1, p2);
        let closed = closed_form_a(2_469.351, 1_456.232_706_004_678);
        assert!((profit - closed).abs() < tolerance, "{profit} against {closed}");
        assert!((profit - 2_779.09).abs() < 0.005, "{profit}");
        // At the rounded figures that the paper prints, too.
        let printed = model(decimals).profit(wei("2470.08"), wei("1456.23"));
        assert!((printed - 2_779.09).abs() < 0.005, "{printed}");
        // A wei more of margin than the pool can lever, and the desk refuses.
        let mut dry = model(decimals);
        let calls = dry.bundle(p1, wei("1456.233"));
        let outcome = execute(&mut dry.chain, dry.trader, &calls);
        let reason = Revert::Desk(DeskError::InsufficientLiquidity);
        assert_eq!(outcome, Outcome::Reverted { call: 3, reason });
    }
    // No neighbour within the constraints does better.
    let best = model(18).profit(p1, p2);
    for (dp1, dp2) in [(5 * E18, 0), (0, 5 * E18), (5 * E18, 5 * E18)] {
        assert!(model(18).profit(p1 + dp1, p2 - dp2) < best);
        assert!(model(18).profit(p1 - dp1, p2 - dp2) <= best);
    }
}

#[test]
fn a_desk_that_compares_its_price_with_an_oracle_refuses_the_pump() {
    let mut w = model(8);
    let Market::MarginDesk(desk) = &w.chain.markets()[w.desk.index()] else { unreachable!() };
    let [loan_feed, position_feed] = w.feeds;
    let mut checked = desk.clone();
    checked.price_check = Some(PriceCheck { loan_feed, position_feed, max_slippage: Bps(1_000) });
    checked.account = w.chain.add_account("careful desk");
    checked.share = w.chain.add_asset("careful iETH", 18);
    checked.books.cash = Amount::ZERO;
    let careful = w.chain.add_market(Market::MarginDesk(checked));
    let provider = AccountId(3);
    let supply = Call::Supply { market: careful, asset: w.eth, amount: exact(wei("4858.74")) };
    assert_eq!(execute(&mut w.chain, provider, &[supply]), Outcome::Success);
    w.desk = careful;
    let calls = w.bundle(5_500 * E18, 1_300 * E18);
    let reason = Revert::Desk(DeskError::SlippageTooHigh);
    let outcome = execute(&mut w.chain, w.trader, &calls);
    assert_eq!(outcome, Outcome::Reverted { call: 3, reason });
    // It is not closed for business: at the market's own price the check passes.
    let margin = Call::Desk(DeskCall::Open { market: careful, margin: exact(E18) });
    assert_eq!(execute(&mut w.chain, provider, &[margin]), Outcome::Success);
}

#[test]
fn a_position_closes_at_the_pools_price_and_the_suppliers_bear_the_rest() {
    let mut w = model(8);
    let provider = AccountId(3);
    let before = w.chain.balance(provider, w.eth);
    let desk =
        |chain: &Chain, id: MarketId| chain.markets()[id.index()].margin_desk().unwrap().clone();
    // In and out of a pool without a fee: the margin comes back but for what the floor of the WBTC bought
    // left in the pool, less than one smallest unit, which is worth x/y at most, and the floor of the wei.
    let open = Call::Desk(DeskCall::Open { market: w.desk, margin: exact(10 * E18) });
    let close = Call::Desk(DeskCall::Close { market: w.desk });
    assert_eq!(execute(&mut w.chain, provider, &[open]), Outcome::Success);
    let position = *desk(&w.chain, w.desk).position_of(provider).unwrap();
    assert_eq!(position.margin, Amount::new(10 * E18));
    // 10 · 5 / 1.153 = 43.3651344319167389…, less the margin.
    assert_eq!(position.scaled_debt, Amount::new(33_365_134_431_916_738_941));
    let pumped = w.chain.pool(w.pool).constant_product().unwrap();
    let unit_of_btc = Amount::new(pumped.reserve0 / pumped.reserve1 + 1);
    assert_eq!(execute(&mut w.chain, provider, &[close]), Outcome::Success);
    let lost = before.saturating_sub(w.chain.balance(provider, w.eth));
    assert!(lost <= unit_of_btc && unit_of_btc < Amount::new(E18 / 1_000_000), "{lost}");
    assert!(desk(&w.chain, w.desk).position_of(provider).is_none());
    let twice = execute(&mut w.chain, provider, &[close]);
    let reason = Revert::Desk(DeskError::NoPosition);
    assert_eq!(twice, Outcome::Reverted { call: 0, reason });
    // After a dump the proceeds do not cover the debt: the trader gets nothing, the suppliers lose.
    assert_eq!(execute(&mut w.chain, provider, &[open]), Outcome::Success);
    let dump = Call::Swap {
        pool: w.pool,
        asset_in: w.btc,
        amount: exact(units("100", 8)),
        min_out: Amount::ZERO,
    };
    assert_eq!(execute(&mut w.chain, provider, &[dump]), Outcome::Success);
    let before = w.chain.balance(provider, w.eth);
    assert_eq!(execute(&mut w.chain, provider, &[close]), Outcome::Success);
    assert_eq!(w.chain.balance(provider, w.eth), before);
    let lost = w.chain.logs().iter().find_map(|log| match log {
        Log::BadDebt { amount, .. } => Some(*amount),
        _ => None,
    });
    let books = desk(&w.chain, w.desk).books;
    assert_eq!(books.cash.checked_add(lost.unwrap()), Some(Amount::new(wei("4858.74"))));
    // Who leaves takes what is left.
    let leave = Call::Withdraw { market: w.desk, asset: w.eth, amount: AmountExpr::All };
    assert_eq!(execute(&mut w.chain, provider, &[leave]), Outcome::Success);
    let emptied = desk(&w.chain, w.desk);
    assert_eq!(emptied.books.cash, Amount::ZERO);
    // Were there a share left, nobody could buy another: it would be worth nothing.
    let another = emptied.quote_supply(provider, Amount::new(E18), Amount::new(1), NOW);
    assert_eq!(another, Err(DeskError::WorthlessShares));
}

#[test]
fn every_cut_of_the_pump_is_undone() {
    let w = model(8);
    assert_every_cut_is_undone(&w.chain, w.trader, &w.bundle(5_500 * E18, 1_300 * E18));
    // Closing, and the lending pool.
    let provider = AccountId(3);
    let calls = [
        Call::Desk(DeskCall::Open { market: w.desk, margin: exact(E18) }),
        Call::Desk(DeskCall::Open { market: w.desk, margin: exact(2 * E18) }),
        Call::Supply { market: w.desk, asset: w.eth, amount: exact(E18) },
        Call::Desk(DeskCall::Close { market: w.desk }),
        Call::Withdraw { market: w.desk, asset: w.eth, amount: AmountExpr::All },
    ];
    assert_every_cut_is_undone(&w.chain, provider, &calls);
    let mut run = w.chain.clone();
    assert_eq!(execute(&mut run, provider, &calls), Outcome::Success);
}

#[test]
fn the_recorded_trades_lie_within_the_published_reserves_rounding() {
    // 5,637.623762 ETH bought 51.345576 WBTC, and 112 WBTC then bought 6,871.412739 ETH, of a pool whose
    // reserves are published to four places: 2,817.7717 ETH and 77.0861 WBTC.
    let half = (50_000_000_000_000, 5_000);
    let (x, y) = (wei("2817.7717"), units("77.0861", 8));
    let mut outs: Vec<(u128, u128)> = Vec::new();
    for x in [x - half.0, x + half.0] {
        for y in [y - half.1, y + half.1] {
            let mut w = pumped(8, Pips(3_000), (x, y));
            let provider = AccountId(3);
            let swap = |asset_in, amount| Call::Swap {
                pool: w.pool,
                asset_in,
                amount: exact(amount),
                min_out: Amount::ZERO,
            };
            let calls = [swap(w.eth, wei("5637.623762")), swap(w.btc, units("112", 8))];
            assert_eq!(execute(&mut w.chain, provider, &calls), Outcome::Success);
            let got: Vec<_> = w
                .chain
                .logs()
                .iter()
                .filter_map(|log| match log {
                    Log::Swap { amount_out, .. } => Some(u128::try_from(amount_out.0).unwrap()),
                    _ => None,
                })
                .collect();
            outs.push((got[0], got[1]));
        }
    }
    // Each output is monotone in either reserve, so the corners bound it.
    let bounds = |pick: fn(&(u128, u128)) -> u128| {
        let all = outs.iter().map(pick);
        (all.clone().min().unwrap(), all.max().unwrap())
    };
    let (low, high) = bounds(|out| out.0);
    assert!((low..=high).contains(&units("51.345576", 8)), "{low} {high}");
    assert!(high - low < units("0.0001", 8));
    let (low, high) = bounds(|out| out.1);
    assert!((low..=high).contains(&wei("6871.412739")), "{low} {high}");
    assert!(high - low < wei("0.01"));
}

struct Manipulated {
    chain: Chain,
    eth: AssetId,
    usd: AssetId,
    trader: AccountId,
    dydx: MarketId,
    bzx: MarketId,
    pools: [PoolId; 3],
}

/// Which oracle the lender of B believes.
#[derive(Clone, Copy, Debug)]
enum Oracle {
    /// The pair's spot price.
    Amm,
    /// The lower of that and Kyber's.
    Lowest,
}

/// The world of B. `lendable` is what the lender has, in wei: the borrow cap.
fn manipulated(oracle: Oracle, lendable: u128) -> Manipulated {
    let mut chain = Chain::new("GAS", NOW - 12, 0);
    let [eth, usd, lp] = ["WETH", "sUSD", "LP"].map(|symbol| chain.add_asset(symbol, 18));
    let [trader, provider, uniswap, kyber_account, depot_account] =
        ["trader", "provider", "uniswap", "kyber", "depot"].map(|name| chain.add_account(name));
    let pair = ConstantProduct::new(eth, usd, lp, uniswap, Pips(0));
    let pair = chain.add_pool(Pool::ConstantProduct(pair));
    let kyber = chain.add_pool(Pool::Exponential(Exponential {
        base: usd,
        quote: eth,
        base_decimals: 18,
        quote_decimals: 18,
        account: kyber_account,
        liquidity_rate: Wad::new(wei("0.00252")),
        min_price: Wad::new(wei("0.0037")),
        max_price: Wad::new(wei("0.0148")),
    }));
    let depot = chain.add_pool(Pool::FixedPrice(FixedPrice {
        base: usd,
        quote: eth,
        base_decimals: 18,
        account: depot_account,
        price: Amount::new(wei("0.00372719")),
    }));
    // Prices in a numeraire in which an ether is 10¹⁸: floors are below 10⁻¹⁵ of a price.
    let ether = fixed_feed(&mut chain, provider, Price(E18));
    let [spot, curve] = [pair, kyber]
        .map(|pool| chain.add_feed(Feed::Spot(SpotFeed { pool, asset: usd, quote: Some(ether) })));
    let lowest = chain.add_feed(Feed::Lowest(LowestFeed { feeds: [spot, curve] }));
    let feed = match oracle {
        Oracle::Amm => spot,
        Oracle::Lowest => lowest,
    };
    let dydx = lender(&mut chain, "dydx", &[(eth, ether, 18, 6_670)]);
    let dydx = chain.add_market(Market::Pooled(dydx));
    // cf = 0.667.
    let bzx = lender(&mut chain, "bzx", &[(eth, ether, 18, 6_670), (usd, feed, 18, 6_670)]);
    let bzx = chain.add_market(Market::Pooled(bzx));
    for asset in [eth, usd] {
        chain.genesis_mint(provider, asset, Amount::new(100_000_000 * E18)).unwrap();
    }
    // k_X = 0.90658 ETH in Kyber's reserve, 943,837.59 sUSD in the depot.
    chain.genesis_mint(kyber_account, eth, Amount::new(wei("0.90658"))).unwrap();
    chain.genesis_mint(kyber_account, usd, Amount::new(1_000_000 * E18)).unwrap();
    chain.genesis_mint(depot_account, usd, Amount::new(wei("943837.59"))).unwrap();
    chain.begin_block(NOW, 0);
    let seed = [
        Call::AddLiquidity {
            pool: pair,
            max0: Amount::new(wei("879.757")),
            max1: Amount::new(wei("243441.12")),
        },
        Call::Supply { market: dydx, asset: eth, amount: exact(7_500 * E18) },
        Call::Supply { market: bzx, asset: eth, amount: exact(lendable) },
    ];
    assert_eq!(execute(&mut chain, provider, &seed), Outcome::Success);
    Manipulated { chain, eth, usd, trader, dydx, bzx, pools: [pair, kyber, depot] }
}

impl Manipulated {
    /// v_X = 7,500 ETH flash: sUSD from the pair, from Kyber and from the depot; all of it is collateral
    /// for as much ETH as the lender gives; the flash loan is repaid and the collateral abandoned.
    fn bundle(&self, paid: [u128; 3]) -> Vec<Call> {
        let mut calls = vec![Call::FlashLoan {
            market: self.dydx,
            asset: self.eth,
            amount: Amount::new(7_500 * E18),
            body: 5,
        }];
        calls.extend(self.pools.iter().zip(paid).map(|(pool, paid)| Call::Swap {
            pool: *pool,
            asset_in: self.eth,
            amount: exact(paid),
            min_out: Amount::ZERO,
        }));
        let (market, asset) = (self.bzx, self.usd);
        calls.push(Call::Supply { market, asset, amount: AmountExpr::All });
        calls.push(Call::Borrow { market, asset: self.eth, amount: AmountExpr::MaxBorrow });
        calls
    }
    fn profit(&mut self, paid: [u128; 3]) -> f64 {
        let calls = self.bundle(paid);
        assert_eq!(execute(&mut self.chain, self.trader, &calls), Outcome::Success);
        ether(self.chain.balance(self.trader, self.eth))
    }
}

/// Y·cf·P − p1 − p2 − p3, with Y what the three venues sold and P the oracle's price, at most the cap.
fn closed_form_b(oracle: Oracle, cap: f64, [p1, p2, p3]: [f64; 3]) -> f64 {
    let (u_x, u_y, lr, k, min_price) = (879.757, 243_441.12, 0.002_52, 0.906_58, 0.003_7);
    let from_curve = -libm::expm1(-lr * p2) / (lr * min_price * libm::exp(lr * k));
    let bought = u_y * p1 / (u_x + p1) + from_curve + p3 / 0.003_727_19;
    let spot = (u_x + p1) * (u_x + p1) / (u_x * u_y);
    let price = match oracle {
        Oracle::Amm => spot,
        Oracle::Lowest => spot.min(min_price * libm::exp(lr * (k + p2))),
    };
    (bought * 0.667 * price).min(cap) - p1 - p2 - p3
}

const CAP: &str = "11086.29";
/// The three payments, what the lender has, what it believes, the published profit.
const VARIANTS: [([&str; 3], &str, Oracle, f64); 3] = [
    // The lower of the two prices, without the cap. The depot is bought out, Kyber driven to its maximum.
    (
        ["900.608590331389", "549.210229968210", "3517.862027072099"],
        "50000",
        Oracle::Lowest,
        6_356.79,
    ),
    // The same with the cap.
    (["900.608590331298", "549.210229968170", "3427.933774495454"], CAP, Oracle::Lowest, 6_208.54),
    // The pair's price, with the cap, taken literally.
    (["2192.125649506054", "1.998887812497", "756.514334564138"], CAP, Oracle::Amm, 8_135.65),
];

#[test]
fn each_oracle_manipulation_earns_its_closed_form_and_the_published_optimum() {
    for (paid, cap, oracle, published) in VARIANTS {
        let profit = manipulated(oracle, wei(cap)).profit(paid.map(wei));
        let closed = closed_form_b(oracle, cap.parse().unwrap(), paid.map(|p| p.parse().unwrap()));
        // The closed form is a float of 11 digits before its own rounding; the chain floors wei.
        assert!((profit - closed).abs() < 1e-8, "{oracle:?}: {profit} against {closed}");
        assert!((profit - published).abs() < 0.005, "{oracle:?}: {profit}");
    }
}

#[test]
fn no_neighbour_within_the_constraints_manipulates_better() {
    // Kyber's price is at most maxP, which is 4 · minP; the depot sells what it has.
    let (most_kyber, most_depot) =
        (libm::log(4.0) / 0.002_52 - 0.906_58, 943_837.59 * 0.003_727_19);
    for (paid, cap, oracle, _) in VARIANTS {
        let (paid, cap) = (paid.map(|p| p.parse::<f64>().unwrap()), cap.parse().unwrap());
        let best = closed_form_b(oracle, cap, paid);
        let mut tried = 0;
        for size in [0.1, 5.0] {
            for place in 0..27 {
                let step = |axis| f64::from(place / 3_i32.pow(axis) % 3 - 1) * size;
                let near = [paid[0] + step(0), paid[1] + step(1), paid[2] + step(2)];
                let allowed = near[1] >= 0.0 && near[1] <= most_kyber && near[2] <= most_depot;
                if allowed && near != paid {
                    tried += 1;
                    let profit = closed_form_b(oracle, cap, near);
                    assert!(profit < best, "{oracle:?} {near:?}: {profit} against {best}");
                }
            }
        }
        assert!(tried >= 20, "{tried}");
    }
}

#[test]
fn the_published_optimum_breaks_its_own_borrow_cap() {
    let printed = ["898.58", "546.80", "3517.86"].map(wei);
    let free = manipulated(Oracle::Lowest, wei("50000")).profit(printed);
    let closed = closed_form_b(Oracle::Lowest, 50_000.0, [898.58, 546.80, 3_517.86]);
    assert!((free - closed).abs() < 1e-8, "{free} against {closed}");
    let capped = manipulated(Oracle::Lowest, wei(CAP)).profit(printed);
    assert!((capped - (11_086.29 - 898.58 - 546.80 - 3_517.86)).abs() < 1e-8, "{capped}");
    assert!(free > capped + 80.0);
}

#[test]
fn the_original_sizes_lie_around_what_was_earned() {
    // On chain: 540, 360 and 3,517.86 ETH, 6,799.27 ETH borrowed, 2,381.41 ETH earned. The lender's oracle was
    // neither variant of the model: they bracket it.
    let original = ["540", "360", "3517.86"].map(wei);
    let sizes = [540.0, 360.0, 3_517.86];
    let [low, high] = [Oracle::Lowest, Oracle::Amm].map(|oracle| {
        let profit = manipulated(oracle, wei(CAP)).profit(original);
        let closed = closed_form_b(oracle, 11_086.29, sizes);
        assert!((profit - closed).abs() < 1e-8, "{oracle:?}: {profit} against {closed}");
        profit
    });
    assert!((low - 2_324.31).abs() < 0.005 && (high - 2_489.07).abs() < 0.005, "{low} {high}");
    assert!(low < 2_381.41 && 2_381.41 < high);
}

#[test]
fn every_cut_of_the_manipulation_is_undone() {
    let w = manipulated(Oracle::Lowest, wei(CAP));
    assert_every_cut_is_undone(&w.chain, w.trader, &w.bundle(VARIANTS[1].0.map(wei)));
}
