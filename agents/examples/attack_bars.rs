//! What the attack search finds in the worlds of bZx-1 and bZx-2, how fast, and beside random search and
//! CMA-ES at the same number of simulations: `cargo run --release -p agents --example attack_bars`.

#![expect(clippy::print_stdout, reason = "that is what an example is for")]
#![expect(clippy::disallowed_methods, reason = "an example may look at the clock")]

#[path = "../tests/attacks/worlds.rs"]
mod worlds;

use agents::attack::play::Ground;
use agents::attack::synthesis::{Options, random_search, rivals, search};
use std::time::Instant;

fn show(name: &str, ground: &Ground, known: f64, simulations: u64) {
    for seed in 1..=3 {
        let options = Options { simulations, seed, ..Options::default() };
        let started = Instant::now();
        let report = search(ground, &options);
        let secs = started.elapsed().as_secs_f64();
        let Some(best) = &report.best else {
            println!("{name}: nothing");
            continue;
        };
        let profit = best.record.played.profit_usd;
        println!(
            "{name} seed {seed}: {profit:.2} of {known} ({:.2} %), {} simulations, {secs:.2} s; loss {:.2}",
            100.0 * profit / known,
            report.simulations,
            best.record.played.loss_usd,
        );
        if seed == 1 {
            for (step, size) in best.steps.iter().zip(&best.record.sizes) {
                println!("    {:?} {:.6} used {:.3}", step.action, step.share, size.used / 1e18);
            }
        }
        let last = |curve: &[(u64, f64)]| curve.last().map_or(0.0, |(_, profit)| *profit);
        let random = random_search(ground, &options);
        let others = rivals(ground, &best.steps, &options);
        println!(
            "    random search {:.2}; on the same moves random amounts {:.2}, CMA-ES {:.2}",
            last(&random),
            last(&others.random),
            last(&others.evolution)
        );
    }
}

fn main() {
    let simulations = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60_000);
    show("bZx-1", &worlds::pump(), 2_779.09, simulations);
    for (oracle, lendable, known) in worlds::VARIANTS {
        let name = format!("bZx-2 {oracle:?} {lendable}");
        show(&name, &worlds::manipulation(oracle, lendable), known, simulations);
    }
}
