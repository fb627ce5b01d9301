//! What an attack earns at each size: the recorded markets, simulated.

use crate::market::{BLOCK_SECS, Market, Oracle, execute};
use markets::units::{Amount, U256};
use serde_json::Value;

/// The markets of the recorded attacks, from `scripts/attack_markets.py`.
const MARKETS: &str = include_str!("markets.json");
/// Sizes are simulated from a fiftieth of the pair's dollars up to twelve times them.
const SMALLEST: U256 = U256::from_limbs([50, 0, 0, 0]);
const LARGEST: U256 = U256::from_limbs([12, 0, 0, 0]);

/// Ways to attack, in the order of the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    SpotDumped,
    SpotSupplied,
    AverageAtOnce,
    AverageHeld,
    AverageArbitraged,
}

/// All of them.
pub const ATTACKS: [Attack; 5] = [
    Attack::SpotDumped,
    Attack::SpotSupplied,
    Attack::AverageAtOnce,
    Attack::AverageHeld,
    Attack::AverageArbitraged,
];

impl Attack {
    pub const fn label(self) -> &'static str {
        match self {
            Self::SpotDumped => "spot, one transaction: pump, borrow, dump",
            Self::SpotSupplied => "spot, one transaction: buy, supply, borrow",
            Self::AverageAtOnce => "TWAP, one transaction: pump, borrow, dump",
            Self::AverageHeld => "TWAP, price held a window, nobody arbitrages",
            Self::AverageArbitraged => "TWAP, held, arbitraged in the next block",
        }
    }
    const fn is_spot(self) -> bool {
        matches!(self, Self::SpotDumped | Self::SpotSupplied)
    }
}

/// Size and profit, in USD.
pub type Point = (f64, f64);

/// A way to attack a market: what was simulated, and what was recorded.
pub struct Curve {
    pub attack: Attack,
    pub simulated: Vec<Point>,
    pub recorded: Vec<Point>,
}

impl Curve {
    /// The best that was simulated.
    pub fn best(&self) -> Option<Point> {
        self.simulated.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// A market of the recorded attacks.
pub struct Plotted {
    pub id: String,
    pub pair_usd: f64,
    pub lent_usd: f64,
    pub ltv_percent: u64,
    pub window_secs: u32,
    pub curves: Vec<Curve>,
}

fn integer(value: &Value) -> i128 {
    value.as_str().and_then(|text| text.parse().ok()).expect("an integer")
}
fn micro(value: &Value) -> f64 {
    integer(value) as f64 / 1e6
}

/// Simulates every market.
///
/// # Panics
/// Where a recorded attack earns anything else than was recorded.
pub fn all() -> Vec<Plotted> {
    let markets: Vec<Value> = serde_json::from_str(MARKETS).expect("the markets are JSON");
    markets.iter().map(plotted).collect()
}

fn plotted(market: &Value) -> Plotted {
    let init = &market["init"];
    let opens = init["t0"].as_u64().expect("seconds");
    // A market recorded under a spot oracle has no window: the shortest of the recorded ones.
    let window_secs = init["window"].as_u64().map_or(600, |secs| secs as u32);
    let average = Oracle::Average { window_secs, every_secs: 60, last_checkpoint: opens - 60 };
    let [spot, average] = [Oracle::Spot, average].map(|oracle| Market::new(init, oracle, execute));
    let pair: U256 = init["pairUsd"].as_str().and_then(|t| t.parse().ok()).expect("an integer");
    let mut sizes = vec![pair / SMALLEST];
    while let Some(last) = sizes.last().copied().filter(|last| *last < pair * LARGEST) {
        sizes.push(last * U256::from(108) / U256::from(100));
    }
    let recorded_spot = init["oracle"] == "spot";
    let curves = ATTACKS.map(|attack| {
        let start = if attack.is_spot() { &spot } else { &average };
        let simulated = sizes
            .iter()
            .filter_map(|size| {
                let profit = profit(start.clone(), attack, Amount(*size), window_secs)?;
                Some((size.to::<u128>() as f64 / 1e6, profit as f64 / 1e6))
            })
            .collect();
        let kind = match attack {
            Attack::SpotDumped | Attack::AverageAtOnce => "dumped",
            Attack::SpotSupplied => "supplied",
            Attack::AverageHeld => "held",
            Attack::AverageArbitraged => "arbitraged",
        };
        let points = market["recorded"].as_array().expect("points").iter();
        let recorded = points
            .filter(|point| attack.is_spot() == recorded_spot && point[0] == kind)
            .map(|point| {
                let (size, earned) = (integer(&point[1]), integer(&point[2]));
                let ours = profit(start.clone(), attack, Amount(U256::from(size)), window_secs);
                assert_eq!(ours, Some(earned), "{} {attack:?} of {size}", market["id"]);
                (size as f64 / 1e6, earned as f64 / 1e6)
            })
            .collect();
        Curve { attack, simulated, recorded }
    });
    Plotted {
        id: market["id"].as_str().expect("a name").replace("attack-", "").replace("-dev", ""),
        pair_usd: micro(&init["pairUsd"]),
        lent_usd: micro(&init["poolUsdLiquidity"]),
        ltv_percent: init["ltv"].as_u64().expect("bps") / 100,
        window_secs,
        curves: curves.into(),
    }
}

/// What an attack of a size earns, in 10⁻⁶ dollars, with the position kept where it is worth something;
/// `None` where a transaction of it is refused.
fn profit(mut market: Market, attack: Attack, size: Amount, window_secs: u32) -> Option<i128> {
    market.wait(BLOCK_SECS);
    match attack {
        Attack::SpotDumped | Attack::AverageAtOnce => {
            market.attack_at_once(size, true).ok()?;
        }
        Attack::SpotSupplied => {
            market.attack_at_once(size, false).ok()?;
        }
        Attack::AverageHeld | Attack::AverageArbitraged => {
            let hold = u64::from(window_secs);
            market.endow(size);
            market.pump(size).ok()?;
            if attack == Attack::AverageHeld {
                market.wait(hold);
            } else {
                market.wait(BLOCK_SECS);
                market.arbitrage().ok()?;
                market.wait(hold - BLOCK_SECS);
            }
            market.borrow_and_dump().ok()?;
        }
    }
    Some(market.profit().1)
}
