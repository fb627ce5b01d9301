//! What worlds of the two bZx attacks are made of; the tests of searched attacks build them from it too.

use markets::oracle::push::PushFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, Price};
use protocols::interest::RateStrategy;
use protocols::lending::Pooled;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::AmountExpr;
use sim::chain::{Chain, Feed};

pub(crate) const E18: u128 = 1_000_000_000_000_000_000;
pub(crate) const NOW: u64 = 1_600_000_012;

pub(crate) fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}

/// A number of the model in smallest units, exactly as its decimals say.
pub(crate) fn units(decimal: &str, decimals: usize) -> u128 {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits: String = part.chars().chain(std::iter::repeat('0')).take(decimals).collect();
    whole.parse::<u128>().expect("a number") * 10_u128.pow(decimals as u32)
        + digits.parse::<u128>().unwrap_or(0)
}
pub(crate) fn wei(decimal: &str) -> u128 {
    units(decimal, 18)
}

/// A feed that says one price for ever.
pub(crate) fn fixed_feed(chain: &mut Chain, reporter: AccountId, price: Price) -> FeedId {
    chain.add_feed(Feed::Push(PushFeed {
        reporter,
        price,
        updated_at: NOW,
        heartbeat_secs: 0,
        deviation_bps: 0,
        max_age_secs: 0,
    }))
}

/// A lending market without fees or interest: an asset, its feed, its decimals and its LTV for each reserve.
pub(crate) fn lender(
    chain: &mut Chain,
    name: &str,
    reserves: &[(AssetId, FeedId, u8, u32)],
) -> Pooled {
    let shares: Vec<_> = reserves
        .iter()
        .map(|(asset, _, decimals, _)| {
            let symbol = chain.asset(*asset).symbol.clone();
            let share = chain.add_asset(&format!("{name}-a{symbol}"), *decimals);
            (share, chain.add_asset(&format!("{name}-d{symbol}"), *decimals))
        })
        .collect();
    let [account, treasury, manager] =
        ["", "-treasury", "-manager"].map(|part| chain.add_account(&format!("{name}{part}")));
    let mut market = Pooled::new(account, treasury, manager, RiskRegime::guardian());
    market.flash_premium = Bps(0);
    for ((asset, feed, decimals, ltv), (share, debt)) in reserves.iter().zip(shares) {
        let config = ReserveConfig {
            ltv: Bps(*ltv),
            liquidation_threshold: Bps(*ltv),
            liquidation_bonus: Bps(500),
            liquidation_protocol_fee: Bps(0),
            reserve_factor: Bps(0),
            supply_cap: 0,
            borrow_cap: 0,
            rates: RateStrategy {
                optimal_usage_bps: Bps(9_000),
                base_bps: Bps(0),
                slope1_bps: Bps(0),
                slope2_bps: Bps(0),
            },
            ..ReserveConfig::OPEN
        };
        market.add_reserve(Reserve::new(*asset, share, debt, *feed, *decimals, config, NOW));
    }
    market
}
