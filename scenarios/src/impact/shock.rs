//! A price that jumps.

use super::ImpactError;
use markets::oracle::push::PushFeed;
use markets::units::{MarketId, Price};
use serde::Serialize;
use sim::chain::{Chain, Feed};
use std::str::FromStr;

/// A millionth is the finest change.
const MILLION: i64 = 1_000_000;
/// No price rises by more: a hundredfold.
const MOST_PPM: i64 = 100 * MILLION;

/// What the oracle of an asset says moves by this much. The asset alone: name each that moves with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shock {
    /// The asset.
    pub asset: String,
    /// Change in millionths of the price: −100,000 is a fall by 10 %.
    pub ppm: i64,
}

/// What is wrong with a shock as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}`: a shock is written ASSET=-10%, from -99.9999% to +10000%, to four decimals")]
pub struct ShockError(String);

impl FromStr for Shock {
    type Err = ShockError;

    fn from_str(text: &str) -> Result<Self, ShockError> {
        let wrong = || ShockError(text.to_owned());
        let (asset, change) = text.split_once('=').ok_or_else(wrong)?;
        let percent = change.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
        let (sign, number) = match percent.as_bytes().first() {
            Some(b'-') => (-1, &percent[1..]),
            Some(b'+') => (1, &percent[1..]),
            _ => (1, percent),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction:0<4}");
        let is_number = !whole.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if asset.trim().is_empty() || fraction.len() > 4 || !is_number {
            return Err(wrong());
        }
        let ppm = sign * digits.parse::<i64>().map_err(|_too_long| wrong())?;
        if ppm <= -MILLION || ppm > MOST_PPM {
            return Err(wrong());
        }
        Ok(Self { asset: asset.trim().to_owned(), ppm })
    }
}

impl Shock {
    /// Makes the market's oracle of the asset say so, in a copy of a chain. A feed that reads this one
    /// (a pool's price in the asset) moves with it.
    pub(super) fn apply(&self, chain: &mut Chain, market: MarketId) -> Result<(), ImpactError> {
        let pooled = chain.pooled(market);
        let of = |r: &&protocols::reserve::Reserve| chain.asset(r.underlying).symbol == self.asset;
        let Some(reserve) = pooled.reserves.iter().find(of) else {
            let listed = pooled.reserves.iter().map(|r| chain.asset(r.underlying).symbol.clone());
            let listed = listed.collect::<Vec<_>>().join(", ");
            return Err(ImpactError::NotListed { asset: self.asset.clone(), listed });
        };
        let feed = reserve.feed;
        let silent = |reason| ImpactError::Oracle { asset: self.asset.clone(), reason };
        let old = chain.price(feed).map_err(silent)?;
        // Floored: a unit of 10⁻⁸ USD at most.
        let price = Price(moved(old.0, self.ppm));
        let (reporter, updated_at) = (chain.outside(), chain.clock().timestamp);
        if let Some(feed) = chain.genesis_feed(feed) {
            *feed = Feed::Push(PushFeed {
                reporter,
                price,
                updated_at,
                heartbeat_secs: 0,
                deviation_bps: 0,
                max_age_secs: 0,
            });
        }
        Ok(())
    }
}

/// A price moved by millionths; at least the smallest one.
fn moved(price: u128, ppm: i64) -> u128 {
    let factor = u128::from((MILLION + ppm).unsigned_abs());
    let million = u128::from(MILLION.unsigned_abs());
    (price.saturating_mul(factor) / million).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shock_is_exact_to_a_millionth() {
        let ppm = |text: &str| text.parse::<Shock>().map(|s| s.ppm);
        assert_eq!(ppm("WETH=-10%"), Ok(-100_000));
        assert_eq!(ppm("WETH=-3.5088 %"), Ok(-35_088));
        assert_eq!(ppm("WETH = +25%"), Ok(250_000));
        assert_eq!(ppm("WETH=0.5%"), Ok(5_000));
        for text in
            ["WETH", "WETH=-10", "=-10%", "WETH=-100%", "WETH=x%", "WETH=1.23456%", "WETH=--1%"]
        {
            assert!(ppm(text).is_err(), "{text}");
        }
        assert_eq!(moved(180_000_000_000, -35_088), 173_684_160_000);
        assert_eq!(moved(3, -999_999), 1);
    }
}
