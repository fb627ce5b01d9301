//! The two bZx attacks' worlds of Qin, Zhou, Livshits, Gervais (Attacking the DeFi Ecosystem with Flash
//! Loans for Fun and Profit, FC 2021, §5), as chains: venues and figures, and nothing about the attack.
//! One ether is worth one unit of account.

use agents::attack::play::Ground;
use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::oracle::lowest::LowestFeed;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, Pips, Price, Wad};
use protocols::margin_desk::MarginDesk;
use sim::chain::call::{Call, Outcome, Transaction, TxBuffer, TxHeader};
use sim::chain::{Chain, Feed, Market, Pool};
use sim::worth::Fair;

#[path = "../../../sim/tests/it/venues/lender.rs"]
pub(crate) mod lender;

use lender::{E18, NOW, exact, fixed_feed, lender, units, wei};

fn execute(chain: &mut Chain, sender: AccountId, calls: &[Call]) {
    let receipt = chain.execute(Transaction { header: &TxHeader::free(sender), calls });
    assert_eq!(receipt.outcome, Outcome::Success);
}

/// A ground whose only fair prices are these, in ether.
fn ground(chain: Chain, attacker: AccountId, prices: &[(AssetId, f64)]) -> Ground {
    let mut fair = vec![0.0; chain.assets().len()];
    for (asset, price) in prices {
        fair[asset.index()] = *price;
    }
    let fair = Fair::new(&chain, &fair);
    Ground { chain, attacker, fair, pending: TxBuffer::default(), block_secs: 12, wait_blocks: 0 }
}

/// The world of bZx-1: a lender of flash loans with 10,000 ETH, Compound with 155.70 WBTC and cf 0.75 at
/// 36.48 ETH, the margin desk (ℓ = 5, ocr = 1.153) with 4,858.74 ETH, Uniswap without a fee, and a market
/// that sells WBTC at 39.08 ETH.
pub(crate) fn pump() -> Ground {
    let mut chain = Chain::new("GAS", NOW - 12, 0);
    let eth = chain.add_asset("WETH", 18);
    let btc = chain.add_asset("WBTC", 8);
    let [lp, itoken] = ["LP", "iETH"].map(|symbol| chain.add_asset(symbol, 18));
    let [trader, provider, pool_account, desk_account, depot_account] =
        ["trader", "provider", "uniswap", "desk", "depot"].map(|name| chain.add_account(name));
    let ether = 1_000_000_000_000_u128;
    let feeds = [ether, ether * 3_648 / 100].map(|p| fixed_feed(&mut chain, provider, Price(p)));
    let dydx = lender(&mut chain, "dydx", &[(eth, feeds[0], 18, 7_500)]);
    let dydx = chain.add_market(Market::Pooled(dydx));
    let listed = [(eth, feeds[0], 18, 7_500), (btc, feeds[1], 8, 7_500)];
    let compound = lender(&mut chain, "compound", &listed);
    let compound = chain.add_market(Market::Pooled(compound));
    let pair = ConstantProduct::new(eth, btc, lp, pool_account, Pips(0));
    let pool = chain.add_pool(Pool::ConstantProduct(pair));
    chain.add_pool(Pool::FixedPrice(FixedPrice {
        base: btc,
        quote: eth,
        base_decimals: 8,
        account: depot_account,
        price: Amount::new(wei("39.08")),
    }));
    let desk =
        MarginDesk::new(desk_account, itoken, (eth, btc), pool, Bps(50_000), Bps(11_530), NOW);
    let desk = chain.add_market(Market::MarginDesk(desk));
    let plenty = Amount::new(units("100000", 8));
    for (account, asset, amount) in [
        (provider, eth, Amount::new(100_000 * E18)),
        (provider, btc, plenty),
        (depot_account, btc, plenty),
    ] {
        chain.genesis_mint(account, asset, amount).expect("tokens");
    }
    chain.begin_block(NOW, 0);
    let seed = [
        Call::AddLiquidity {
            pool,
            max0: Amount::new(wei("2817.77")),
            max1: Amount::new(units("77.08", 8)),
        },
        Call::Supply { market: dydx, asset: eth, amount: exact(10_000 * E18) },
        Call::Supply { market: compound, asset: btc, amount: exact(units("155.70", 8)) },
        Call::Supply { market: desk, asset: eth, amount: exact(wei("4858.74")) },
    ];
    execute(&mut chain, provider, &seed);
    ground(chain, trader, &[(eth, 1.0), (btc, 39.08)])
}

/// Which oracle the lender of bZx-2 believes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Oracle {
    /// The pair's spot price.
    Amm,
    /// The lower of that and Kyber's.
    Lowest,
}

/// The variants of bZx-2: what the lender believes, what it has in ETH, the best profit in ETH.
pub(crate) const VARIANTS: [(Oracle, &str, f64); 3] = [
    (Oracle::Lowest, "50000", 6_356.79),
    (Oracle::Lowest, "11086.29", 6_208.54),
    (Oracle::Amm, "11086.29", 8_135.65),
];

/// The world of bZx-2: 7,500 ETH to borrow in flash, a pair without a fee, Kyber's reserve, a depot, and a
/// lender (cf 0.667) with `lendable` ETH.
pub(crate) fn manipulation(oracle: Oracle, lendable: &str) -> Ground {
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
    chain.add_pool(Pool::FixedPrice(FixedPrice {
        base: usd,
        quote: eth,
        base_decimals: 18,
        account: depot_account,
        price: Amount::new(wei("0.00372719")),
    }));
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
    let listed = [(eth, ether, 18, 6_670), (usd, feed, 18, 6_670)];
    let bzx = lender(&mut chain, "bzx", &listed);
    let bzx = chain.add_market(Market::Pooled(bzx));
    for (account, asset, amount) in [
        (provider, eth, 100_000_000 * E18),
        (provider, usd, 100_000_000 * E18),
        (kyber_account, eth, wei("0.90658")),
        (kyber_account, usd, 1_000_000 * E18),
        (depot_account, usd, wei("943837.59")),
    ] {
        chain.genesis_mint(account, asset, Amount::new(amount)).expect("tokens");
    }
    chain.begin_block(NOW, 0);
    let seed = [
        Call::AddLiquidity {
            pool: pair,
            max0: Amount::new(wei("879.757")),
            max1: Amount::new(wei("243441.12")),
        },
        Call::Supply { market: dydx, asset: eth, amount: exact(7_500 * E18) },
        Call::Supply { market: bzx, asset: eth, amount: exact(wei(lendable)) },
    ];
    execute(&mut chain, provider, &seed);
    ground(chain, trader, &[(eth, 1.0), (usd, 0.003_727_19)])
}
