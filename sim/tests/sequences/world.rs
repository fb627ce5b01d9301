//! A chain that holds every family of mechanisms, each with liquidity and debts.

use markets::amm::concentrated::Concentrated;
use markets::amm::concentrated::tick_math::sqrt_ratio_at_tick;
use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::stable_swap::{FEE_DENOMINATOR, StableSwap};
use markets::oracle::concentrated::ConcentratedTwapFeed;
use markets::oracle::lowest::LowestFeed;
use markets::oracle::lp::LpFeed;
use markets::oracle::mantissa::MantissaFeed;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::units::{
    AccountId, Amount, AssetId, Bps, FeedId, Pips, Price, PriceMantissa, U256, Wad,
};
use protocols::compound::{Book, CToken, Compound, Policy, RateModel, TokenConfig, YearlyRates};
use protocols::interest::RateStrategy;
use protocols::lending::Pooled;
use protocols::margin_desk::MarginDesk;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::{
    AmountExpr, Call, ConcentratedCall, Outcome, StableSwapCall, Transaction, TxHeader,
};
use sim::chain::{Chain, Feed, Market, Pool};

const E18: u128 = 1_000_000_000_000_000_000;
const E6: u128 = 1_000_000;
/// The first block's time.
pub(crate) const NOW: u64 = 1_600_000_012;
/// Accounts that send: users, a provider, and whoever may report, manage and own. They come right after
/// the two that every chain has.
pub(crate) const SENDERS: u32 = 5;

/// A header of a sender who pays for gas, or of the system, which does not.
pub(crate) fn header(sender: AccountId, system: bool) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: 30_000_000,
        max_fee_per_gas: 1_000_000_000_000,
        max_priority_fee_per_gas: 1_000,
        system,
    }
}

fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}

fn reserve_config() -> ReserveConfig {
    ReserveConfig {
        ltv: Bps(7_500),
        liquidation_threshold: Bps(8_000),
        liquidation_bonus: Bps(500),
        liquidation_protocol_fee: Bps(1_000),
        reserve_factor: Bps(1_000),
        supply_cap: 0,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: Bps(9_000),
            base_bps: Bps(0),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        active: true,
        frozen: false,
        paused: false,
        borrowing_enabled: true,
        flash_loan_enabled: true,
    }
}

struct Building {
    chain: Chain,
    reporter: AccountId,
}

impl Building {
    fn push(&mut self, price: u128) -> FeedId {
        let reporter = self.reporter;
        let price = Price(price * Price::ONE.0);
        self.chain.add_feed(Feed::Push(PushFeed {
            reporter,
            price,
            updated_at: NOW,
            heartbeat_secs: 3_600,
            deviation_bps: 50,
            max_age_secs: 0,
        }))
    }
    fn account(&mut self, name: &str) -> AccountId {
        self.chain.add_account(name)
    }
    fn pooled(&mut self, manager: AccountId, listed: &[(AssetId, FeedId, u8)]) -> Market {
        let [account, treasury] = ["market", "treasury"].map(|name| self.account(name));
        let mut market = Pooled::new(account, treasury, manager, RiskRegime::guardian());
        for (asset, feed, decimals) in listed {
            let symbol = self.chain.asset(*asset).symbol.clone();
            let share = self.chain.add_asset(&format!("a{symbol}"), *decimals);
            let debt = self.chain.add_asset(&format!("vd{symbol}"), *decimals);
            let config = reserve_config();
            market.add_reserve(Reserve::new(*asset, share, debt, *feed, *decimals, config, NOW));
        }
        Market::Pooled(market)
    }
    fn compound(&mut self, admin: AccountId, listed: &[(AssetId, u8, u128)]) -> Market {
        let wad = |percent: u128| Wad(U256::from(percent * (E18 / 100)));
        let policy = Policy {
            close_factor: wad(50),
            liquidation_incentive: wad(108),
            transfer_paused: false,
            seize_paused: false,
        };
        let mut market = Compound::new(admin, policy);
        let rates = YearlyRates {
            base: wad(2),
            multiplier: wad(10),
            jump_multiplier: wad(300),
            kink: wad(80),
        };
        for (asset, decimals, dollars) in listed {
            let symbol = self.chain.asset(*asset).symbol.clone();
            let scale = U256::from(10).pow(U256::from(36 - decimals));
            let mantissa = PriceMantissa(U256::from(*dollars) * scale);
            let feed = MantissaFeed { reporter: self.reporter, decimals: *decimals, mantissa };
            market.add_token(CToken {
                underlying: *asset,
                c_token: self.chain.add_asset(&format!("c{symbol}"), 8),
                account: self.account(&format!("c{symbol}")),
                feed: self.chain.add_feed(Feed::Mantissa(feed)),
                decimals: *decimals,
                initial_exchange_rate: Wad(
                    U256::from(2) * U256::from(10).pow(U256::from(8 + decimals))
                ),
                config: TokenConfig {
                    rate_model: RateModel::jump(rates),
                    reserve_factor: wad(10),
                    collateral_factor: wad(75),
                    borrow_cap: Amount::ZERO,
                    mint_paused: false,
                    borrow_paused: false,
                },
                book: Book::new(0),
            });
        }
        Market::Compound(market)
    }
}

/// The chain, in its first block.
pub(crate) fn world() -> Chain {
    let mut chain = Chain::new("GAS", NOW - 12, 1_000_000_000);
    let people = ["alice", "bob", "whale", "provider", "boss"].map(|name| chain.add_account(name));
    let [alice, bob, whale, provider, boss] = people;
    let [weth, usdc, dai, usdt, tok] =
        [("WETH", 18), ("USDC", 6), ("DAI", 18), ("USDT", 6), ("TOK", 18)]
            .map(|(symbol, decimals)| chain.add_asset(symbol, decimals));
    let gas = chain.gas_asset();
    for account in people {
        for asset in [gas, weth, dai, tok] {
            chain.genesis_mint(account, asset, Amount::new(1_000_000_000 * E18)).unwrap();
        }
        for asset in [usdc, usdt] {
            chain.genesis_mint(account, asset, Amount::new(1_000_000_000_000 * E6)).unwrap();
        }
    }
    // One that comes near the ends of 128 bits.
    for asset in [weth, usdc, dai, tok] {
        chain.genesis_mint(whale, asset, Amount(U256::from(1) << 130)).unwrap();
    }
    let mut b = Building { chain, reporter: boss };
    let dollar = b.push(1);
    let ether = b.push(2_000);

    let (account, share) = (b.account("pair"), b.chain.add_asset("LP", 18));
    let pair = ConstantProduct::new(weth, usdc, share, account, Pips(3_000));
    let pair = b.chain.add_pool(Pool::ConstantProduct(pair));
    let (account, share) = (b.account("thin pair"), b.chain.add_asset("TLP", 18));
    let thin = ConstantProduct::new(tok, weth, share, account, Pips(3_000));
    let thin = b.chain.add_pool(Pool::ConstantProduct(thin));
    let account = b.account("concentrated");
    let concentrated = Concentrated::new(tok, dai, account, Some(boss), Pips(3_000), 60);
    let concentrated = b.chain.add_pool(Pool::Concentrated(concentrated));
    let mut stable = |coins: &[(AssetId, u8)], name: &str| {
        let (account, share) = (b.account(name), b.chain.add_asset(name, 18));
        let half = FEE_DENOMINATOR / 2;
        let pool = StableSwap::new(coins, share, account, boss, 200, 4_000_000, half);
        b.chain.add_pool(Pool::StableSwap(pool))
    };
    let two = stable(&[(dai, 18), (usdc, 6)], "2CRV");
    let three = stable(&[(dai, 18), (usdc, 6), (usdt, 6)], "3CRV");
    let curve = b.account("curve");
    b.chain.add_pool(Pool::Exponential(Exponential {
        base: tok,
        quote: weth,
        base_decimals: 18,
        quote_decimals: 18,
        account: curve,
        liquidity_rate: Wad(U256::from(E18 / 1_000)),
        min_price: Wad(U256::from(E18 / 2_000)),
        max_price: Wad(U256::from(E18)),
    }));
    let depot = b.account("depot");
    b.chain.add_pool(Pool::FixedPrice(FixedPrice {
        base: tok,
        quote: weth,
        base_decimals: 18,
        account: depot,
        price: Amount::new(E18 / 1_000),
    }));
    for reserve in [curve, depot] {
        b.chain.genesis_mint(reserve, tok, Amount::new(1_000_000 * E18)).unwrap();
    }

    let spot =
        b.chain.add_feed(Feed::Spot(SpotFeed { pool: thin, asset: tok, quote: Some(ether) }));
    let average = b.chain.add_feed(Feed::Twap(TwapFeed::new(pair, weth, Some(dollar), 600)));
    let ticks = ConcentratedTwapFeed {
        pool: concentrated,
        asset: tok,
        quote: Some(dollar),
        window_secs: 60,
    };
    let ticks = b.chain.add_feed(Feed::ConcentratedTwap(ticks));
    b.chain.add_feed(Feed::Lowest(LowestFeed { feeds: [average, ticks] }));
    let naive = LpFeed { pool: pair, coins: [Some(ether), Some(dollar), None] };
    let naive = b.chain.add_feed(Feed::LpNaive(naive));
    let fair = LpFeed { pool: three, coins: [Some(dollar); 3] };
    let fair = b.chain.add_feed(Feed::LpFair(fair));
    b.chain.add_feed(Feed::Lowest(LowestFeed { feeds: [naive, fair] }));

    let pooled = b.pooled(boss, &[(usdc, dollar, 6), (weth, ether, 18), (tok, spot, 18)]);
    let pooled = b.chain.add_market(pooled);
    let compound = b.compound(boss, &[(usdc, 6, 1), (weth, 18, 2_000)]);
    let compound = b.chain.add_market(compound);
    let (account, share) = (b.account("desk"), b.chain.add_asset("iWETH", 18));
    let desk = MarginDesk::new(account, share, (weth, usdc), pair, Bps(50_000), Bps(11_530), NOW);
    let desk = b.chain.add_market(Market::MarginDesk(desk));

    let mut chain = b.chain;
    chain.begin_block(NOW, 0);
    let coins = |amounts: [u128; 3]| amounts.map(Amount::new);
    let supply = |market, asset, amount| Call::Supply { market, asset, amount: exact(amount) };
    let seed = [
        Call::AddLiquidity {
            pool: pair,
            max0: Amount::new(10_000 * E18),
            max1: Amount::new(20_000_000 * E6),
        },
        Call::AddLiquidity {
            pool: thin,
            max0: Amount::new(1_000_000 * E18),
            max1: Amount::new(500 * E18),
        },
        Call::Concentrated(ConcentratedCall::Initialize {
            pool: concentrated,
            sqrt_price: sqrt_ratio_at_tick(0).unwrap(),
        }),
        Call::Concentrated(ConcentratedCall::IncreaseCardinality {
            pool: concentrated,
            cardinality: 8,
        }),
        Call::Concentrated(ConcentratedCall::Mint {
            pool: concentrated,
            owner: provider,
            lower: -60_000,
            upper: 60_000,
            liquidity: 10_000 * E18,
            body: None,
        }),
        Call::Concentrated(ConcentratedCall::Mint {
            pool: concentrated,
            owner: provider,
            lower: -600,
            upper: 600,
            liquidity: 50_000 * E18,
            body: None,
        }),
        Call::StableSwap(StableSwapCall::AddLiquidity {
            pool: two,
            amounts: coins([1_000_000 * E18, 1_000_000 * E6, 0]),
            min_shares: Amount::ZERO,
        }),
        Call::StableSwap(StableSwapCall::AddLiquidity {
            pool: three,
            amounts: coins([1_000_000 * E18, 1_000_000 * E6, 1_000_000 * E6]),
            min_shares: Amount::ZERO,
        }),
        supply(pooled, usdc, 5_000_000 * E6),
        supply(pooled, weth, 5_000 * E18),
        supply(compound, usdc, 5_000_000 * E6),
        supply(compound, weth, 5_000 * E18),
        supply(desk, weth, 5_000 * E18),
    ];
    run(&mut chain, provider, &seed);
    for (who, market) in [(alice, pooled), (bob, compound)] {
        let debts = [
            supply(market, weth, 100 * E18),
            Call::SetCollateral { market, asset: weth, enabled: true },
            Call::Borrow { market, asset: usdc, amount: exact(140_000 * E6) },
        ];
        run(&mut chain, who, &debts);
    }
    chain
}

fn run(chain: &mut Chain, sender: AccountId, calls: &[Call]) {
    let header = header(sender, true);
    let receipt = chain.execute(Transaction { header: &header, calls });
    assert_eq!(receipt.outcome, Outcome::Success, "of {sender:?}");
}
