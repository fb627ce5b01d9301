//! A fixed frame for tests and documentation: drawn by formulas, not by a simulation.

use crate::frame::{
    AccountView, AssetHistory, Axis, Event, EventKind, Frame, HEALTH_EDGES, HealthHistogram,
    Origin, PlayState, ReserveHistory, Speed, Totals,
};
use crate::series::Series;

const BLOCKS: u64 = 7200;

/// A crash over one day of 12-second blocks, with an attack on a thin asset.
#[must_use]
pub fn frame() -> Frame {
    let day = |t: u64| t as f64 / BLOCKS as f64;
    let wave = |t: u64, period: f64, phase: f64| (t as f64 / period + phase).sin();
    let crash = |t: u64| 1.0 - 0.34 / (1.0 + (-(day(t) - 0.62) * 38.0).exp());
    let price = |t: u64, start: f64, beta: f64, phase: f64| {
        let noise = 0.006 * wave(t, 180.0, phase) + 0.003 * wave(t, 37.0, 2.0 * phase);
        start * (1.0 + beta * (crash(t) - 1.0) + noise)
    };
    let pumped = |t: u64| if (5100..5130).contains(&t) { 2.4 } else { 1.0 };
    let asset = |symbol: &str, start: f64, beta: f64, phase: f64, has_pool: bool| {
        let thin = symbol == "TAIL";
        AssetHistory {
            symbol: symbol.to_owned(),
            fair: (0..=BLOCKS).map(|t| price(t, start, beta, phase)).collect(),
            pool: (0..=BLOCKS)
                .map(|t| match (has_pool, thin) {
                    (false, _) => f64::NAN,
                    (true, thin) => {
                        let lag = price(t.saturating_sub(2), start, beta, phase);
                        lag * (1.0 + 0.001 * wave(t, 5.0, phase))
                            * if thin { pumped(t) } else { 1.0 }
                    }
                })
                .collect(),
            oracle: (0..=BLOCKS)
                .map(|t| {
                    if thin {
                        price(t, start, beta, phase)
                            * (1.0 + (pumped(t.saturating_sub(8)) - 1.0) * 0.6)
                    } else {
                        price(t / 90 * 90, start, beta, phase)
                    }
                })
                .collect(),
        }
    };
    let stepped = |start: f64, step: f64, from: u64| -> Series {
        (0..=BLOCKS).map(|t| start + step * (t.saturating_sub(from) / 600).min(4) as f64).collect()
    };
    let reserve = |symbol: &str, u: f64, ltv: f64, threshold: f64, cap: f64, phase: f64| {
        let utilisation = |t: u64| {
            (u + 0.02 * wave(t, 700.0, phase) - 0.35 * u * (crash(t) - 1.0)).clamp(0.0, 1.0)
        };
        ReserveHistory {
            symbol: symbol.to_owned(),
            utilisation: (0..=BLOCKS).map(utilisation).collect(),
            borrow_rate: (0..=BLOCKS).map(|t| 0.05 * utilisation(t)).collect(),
            supply_rate: (0..=BLOCKS).map(|t| 0.04 * utilisation(t).powi(2)).collect(),
            ltv: stepped(ltv, -0.005, 4200),
            threshold: stepped(threshold, -0.0025, 4500),
            bonus: stepped(0.05, 0.0025, 4600),
            supply_cap: stepped(cap, -0.05 * cap, 4400),
            borrow_cap: stepped(cap * 0.8, -0.1 * cap, 4300),
            frozen: (0..=BLOCKS)
                .map(|t| f64::from(u8::from(symbol == "TAIL" && t > 5160)))
                .collect(),
        }
    };
    let events = events();
    let liquidations: Vec<u64> =
        events.iter().filter(|e| e.kind == EventKind::Liquidation).map(|e| e.block).collect();
    let sum_until = |kind: EventKind| -> Series {
        let mut sum = 0.0;
        let mut next = events.iter().filter(|e| e.kind == kind).peekable();
        (0..=BLOCKS)
            .map(|t| {
                while let Some(event) = next.next_if(|e| e.block <= t) {
                    sum += event.usd;
                }
                sum
            })
            .collect()
    };
    let mut health = HealthHistogram::new(&HEALTH_EDGES);
    for i in 0..256_u32 {
        let x = f64::from(i) / 256.0;
        health.add(0.985 + 0.12 * x + 3.2 * x.powi(3), 4.0e6 * (1.0 - x * 0.7));
    }
    Frame {
        scenario: "demo".to_owned(),
        policy: "deployed parameters".to_owned(),
        origin: Origin::Fixed,
        episode: 0,
        block: BLOCKS,
        last_block: Some(BLOCKS),
        timestamp: 1_584_057_600,
        block_secs: 12,
        axis: Axis::Blocks,
        holdings: Vec::new(),
        assets: vec![
            asset("WETH", 194.0, 1.0, 0.3, true),
            asset("WBTC", 7_930.0, 0.9, 1.1, false),
            asset("TAIL", 4.2, 1.3, 2.2, true),
            asset("USDC", 1.0, 0.0, 0.0, false),
        ],
        reserves: vec![
            reserve("WETH", 0.62, 0.805, 0.83, 1.8e6, 0.1),
            reserve("WBTC", 0.31, 0.73, 0.78, 43_000.0, 1.3),
            reserve("TAIL", 0.18, 0.53, 0.68, 1.5e7, 2.9),
            reserve("USDC", 0.79, 0.77, 0.80, 1.76e9, 4.0),
        ],
        close_factor: stepped(0.5, 0.0, 0),
        health,
        totals: Totals {
            supplied_usd: (0..=BLOCKS).map(|t| 4.1e8 * crash(t)).collect(),
            borrowed_usd: (0..=BLOCKS).map(|t| 2.2e8 * (0.3 + 0.7 * crash(t))).collect(),
            bad_debt_usd: sum_until(EventKind::BadDebt),
            liquidated_usd: sum_until(EventKind::Liquidation),
            attacker_profit_usd: sum_until(EventKind::Attack),
            objective_usd: (0..=BLOCKS)
                .map(|t| 2.6e4 * day(t) - if t > 5120 { 1.1e4 } else { 0.0 })
                .collect(),
            transactions: 31_204,
            reverted: 812,
            liquidations: liquidations.len() as u64,
        },
        events: events.into_iter().collect(),
        inspected: Some(AccountView {
            account: 17,
            name: "borrower 17".to_owned(),
            health_factor: 1.0312,
            reserves: vec![("WETH".to_owned(), 1_840.0, 0.0), ("USDC".to_owned(), 0.0, 171_400.0)],
            collateral_usd: 235_600.0,
            debt_usd: 171_400.0,
        }),
        play: PlayState { speed: Speed::BlocksPerSec(300), at_end: true, ..PlayState::default() },
    }
}

fn events() -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |block, kind, usd: f64, account, text: String| {
        events.push(Event { block, kind, text, usd, account });
    };
    for i in 0..5_u64 {
        let block = 4200 + 600 * i;
        let text = format!("WETH LTV to {:.2} %", 80.5 - 0.5 * i as f64);
        add(block, EventKind::RiskChange, 0.0, None, text);
    }
    for i in 0..120_u64 {
        let block = 4000 + i * 21 + i * i % 13;
        let usd = 18_000.0 + (i * i % 97) as f64 * 2_900.0;
        let text =
            format!("borrower {}: {} of USDC repaid for WETH", i % 61, crate::format::usd(usd));
        add(block, EventKind::Liquidation, usd, Some(i as u32 % 61), text);
    }
    for block in [1210, 2840, 4990] {
        let text = "pump TAIL, borrow USDC: gain below the required minimum".to_owned();
        add(block, EventKind::RevertedAttack, 0.0, Some(300), text);
    }
    add(
        5101,
        EventKind::Attack,
        412_300.0,
        Some(300),
        "pump TAIL with a flash loan, borrow USDC: gain $412,300".to_owned(),
    );
    add(5131, EventKind::BadDebt, 388_000.0, Some(300), "$388,000 of USDC written off".to_owned());
    add(6020, EventKind::BadDebt, 21_500.0, Some(44), "$21,500 of USDC written off".to_owned());
    events.sort_by_key(|event| event.block);
    events
}
