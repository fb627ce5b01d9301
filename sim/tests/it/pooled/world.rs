//! A market of five reserves in either generation, with users who supply and borrow.

use markets::oracle::push::PushFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Price};
use protocols::interest::RateStrategy;
use protocols::lending::{EModeCategory, Pooled, Version};
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::{AmountExpr, Call, Outcome, PooledCall, Transaction, TxHeader};
use sim::chain::{Chain, Feed, Market};

pub const E8: u128 = 100_000_000;
pub const NOW: u64 = 1_700_000_000;
/// Symbol, decimals and price, in USD·10⁸.
const LISTED: [(&str, u8, u128); 5] = [
    ("USD", 6, E8),
    ("ETH", 18, 2_000 * E8),
    ("BTC", 8, 40_000 * E8),
    ("EUR", 18, 110_000_000),
    ("TAIL", 18, 3 * E8),
];

/// Who is who, and where.
pub struct World {
    pub chain: Chain,
    pub market: MarketId,
    pub assets: Vec<AssetId>,
    pub feeds: Vec<FeedId>,
    pub admin: AccountId,
    /// Supplies plenty of everything.
    pub lender: AccountId,
    /// Supplies a thousand USD's worth of each but the first, and borrows the first.
    pub user: AccountId,
    pub liquidator: AccountId,
}

fn config() -> ReserveConfig {
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
            base_bps: Bps(50),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        ..ReserveConfig::OPEN
    }
}

/// A transaction without gas.
pub fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: u64::MAX,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    }
}

pub fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}

impl World {
    pub fn new(version: Version) -> Self {
        let mut chain = Chain::new("GAS", NOW, 0);
        let [admin, holder, treasury, lender, user, liquidator] =
            ["admin", "market", "treasury", "lender", "user", "liquidator"]
                .map(|name| chain.add_account(name));
        let regime = RiskRegime::guardian();
        let mut pooled = Pooled::of_version(version, holder, treasury, admin, regime);
        let (mut assets, mut feeds) = (Vec::new(), Vec::new());
        for (symbol, decimals, price) in LISTED {
            let [token, a_token, debt_token] =
                ["", "a", "vd"].map(|p| chain.add_asset(&format!("{p}{symbol}"), decimals));
            let feed = chain.add_feed(Feed::Push(PushFeed {
                reporter: admin,
                price: Price(price),
                updated_at: NOW,
                heartbeat_secs: 0,
                deviation_bps: 0,
                max_age_secs: 0,
            }));
            pooled.add_reserve(Reserve::of_version(
                version,
                token,
                a_token,
                debt_token,
                feed,
                decimals,
                config(),
                NOW,
            ));
            for account in [lender, user, liquidator] {
                chain.genesis_mint(account, token, Amount::new(1 << 120)).unwrap();
            }
            assets.push(token);
            feeds.push(feed);
        }
        pooled.e_modes.push(EModeCategory {
            ltv: Bps(9_000),
            liquidation_threshold: Bps(9_300),
            liquidation_bonus: Bps(100),
            price_feed: None,
            collateral: 0b11111,
            borrowable: 0b11111,
            ltv_zero: 0,
        });
        let market = chain.add_market(Market::Pooled(pooled));
        let mut w = Self { chain, market, assets, feeds, admin, lender, user, liquidator };
        w.next_block();
        for i in 0..w.assets.len() {
            w.ok(lender, &[w.supply(i, 1_000_000_000 * w.dollar(i))]);
            if i > 0 {
                w.ok(user, &[w.supply(i, 1_000 * w.dollar(i))]);
            }
        }
        w.ok(user, &[w.borrow(0, 1_000 * w.dollar(0))]);
        for i in 0..w.assets.len() {
            // Rates above zero everywhere.
            w.ok(lender, &[w.borrow(i, 10_000_000 * w.dollar(i))]);
        }
        w.next_block();
        w
    }
    /// An amount worth a dollar at the first prices, about.
    pub fn dollar(&self, reserve: usize) -> u128 {
        let (_, decimals, price) = LISTED[reserve];
        10_u128.pow(u32::from(decimals)) * E8 / price
    }
    pub fn next_block(&mut self) {
        self.chain.begin_block(self.chain.clock().timestamp + 12, 0);
    }
    pub fn send(&mut self, sender: AccountId, calls: &[Call]) -> Outcome {
        self.chain.execute(Transaction { header: &header(sender), calls }).outcome
    }
    pub fn ok(&mut self, sender: AccountId, calls: &[Call]) {
        assert_eq!(self.send(sender, calls), Outcome::Success, "{calls:?}");
    }
    pub fn supply(&self, reserve: usize, amount: u128) -> Call {
        let (market, asset) = (self.market, self.assets[reserve]);
        Call::Supply { market, asset, amount: exact(amount) }
    }
    pub fn withdraw(&self, reserve: usize, amount: u128) -> Call {
        let (market, asset) = (self.market, self.assets[reserve]);
        Call::Withdraw { market, asset, amount: exact(amount) }
    }
    pub fn borrow(&self, reserve: usize, amount: u128) -> Call {
        let (market, asset) = (self.market, self.assets[reserve]);
        Call::Borrow { market, asset, amount: exact(amount) }
    }
    pub fn repay(&self, reserve: usize, amount: u128) -> Call {
        let (market, asset) = (self.market, self.assets[reserve]);
        Call::Repay { market, asset, amount: exact(amount) }
    }
    pub fn liquidate(&self, collateral: usize, debt: usize, amount: u128, shares: bool) -> Call {
        let (market, borrower) = (self.market, self.user);
        let (collateral, debt) = (self.assets[collateral], self.assets[debt]);
        let amount = exact(amount);
        if shares {
            let receive_shares = true;
            let call = PooledCall::Liquidate {
                market,
                borrower,
                collateral,
                debt,
                amount,
                receive_shares,
            };
            Call::Pooled(call)
        } else {
            Call::Liquidate { market, borrower, collateral, debt, amount }
        }
    }
    /// Moves a price to so many hundredths of its first.
    pub fn set_price(&mut self, reserve: usize, percent: u128) {
        let price = Price(LISTED[reserve].2 * percent / 100);
        let feed = self.feeds[reserve];
        self.ok(self.admin, &[Call::PushPrice { feed, price }]);
    }
}
