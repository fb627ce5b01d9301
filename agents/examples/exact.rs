//! Prints what is known exactly of the learners' worlds, computed here beside the figures to be met: the exact part of
//! docs/learner-evidence.md. Needs no libtorch.
//!
//! `cargo run --release -p agents --example exact`
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::error::Error;
use std::process::ExitCode;

use agents::learn::game_theory::anytime::Anytime;
use agents::learn::game_theory::cfr::Cfr;
use agents::learn::game_theory::matrix::{MetaSolver, Payoffs};
use agents::learn::game_theory::oracle::Oracle;
use agents::learn::game_theory::{Kuhn, Leduc, Tabular, expected_value, nash_conv};
use agents::learn::games::BettingPlan;

/// Steps of either double oracle on Leduc hold'em.
const STEPS: usize = 20;

/// The table, line by line; whether every line holds.
struct Table {
    holds: bool,
}

impl Table {
    /// A figure that must be `known` within `tolerance`.
    fn line(&mut self, what: &str, found: f64, known: f64, tolerance: f64) {
        self.print(what, &known.to_string(), found, (found - known).abs() <= tolerance);
    }

    /// A figure that must reach `bar`.
    fn reach(&mut self, what: &str, found: f64, bar: f64) {
        self.print(what, &format!("at least {bar}"), found, found >= bar);
    }

    /// A figure that must not pass `bar`, but for rounding.
    fn stay(&mut self, what: &str, found: f64, bar: f64) {
        self.print(what, &format!("at most {bar}"), found, found <= bar + 1e-6);
    }

    fn print(&mut self, what: &str, known: &str, found: f64, holds: bool) {
        self.holds &= holds;
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        println!("| {what} | {known} | {found:.6} | {verdict} |");
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    println!("| what | known | computed | |");
    println!("|---|---|---|---|");
    let mut table = Table { holds: true };
    poker(&mut table);
    double_oracle(&mut table)?;
    anytime(&mut table)?;
    let rows = vec![vec![0.0, -1.0, 1.0], vec![1.0, 0.0, -1.0], vec![-1.0, 1.0, 0.0]];
    let value = Payoffs { rows }.solve(MetaSolver::Nash)?.value;
    table.line("rock-paper-scissors, value", value, 0.0, 1e-9);
    betting(&mut table);
    Ok(if table.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn poker(table: &mut Table) {
    let uniform = Tabular::default();
    let pass = Tabular::read(|_: &Kuhn| vec![1.0, 0.0]);
    let distance = |policy: &Tabular| nash_conv::<Kuhn>([policy, policy]);
    table.line("Kuhn, NashConv of uniform", distance(&uniform), 0.916667, 1e-6);
    table.line("Kuhn, NashConv of always pass", distance(&pass), 2.0, 1e-6);
    let leduc = nash_conv::<Leduc>([&uniform, &uniform]);
    table.line("Leduc, NashConv of uniform", leduc, 4.747222, 1e-6);
    let mut cfr = Cfr::<Kuhn>::new();
    let mut done = 0;
    for (iterations, known) in [(10, 0.1374), (100, 0.01645), (1_000, 0.001875)] {
        while done < iterations {
            cfr.iterate();
            done += 1;
        }
        let what = format!("Kuhn, NashConv of CFR after {iterations} iterations");
        table.line(&what, distance(&cfr.average()), known, 0.005 * known);
    }
}

fn double_oracle(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let mut oracle = Oracle::<Kuhn>::new(MetaSolver::Nash)?;
    let mut path = vec![oracle.nash_conv()];
    while oracle.expand()? {
        path.push(oracle.nash_conv());
    }
    for (i, known) in [0.916667, 0.833333].into_iter().enumerate() {
        table.line(&format!("Kuhn, NashConv of double oracle, step {i}"), path[i], known, 1e-6);
    }
    let last = path.len() - 1;
    table.line(&format!("the same, step {last}, the last"), path[last], 0.0, 1e-6);
    let [first, second] = oracle.mixture();
    let value = expected_value::<Kuhn>([&first, &second]);
    table.line("Kuhn, value to who moves first", value, -0.055556, 1e-6);
    Ok(())
}

fn anytime(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let mut anytime = Anytime::<Kuhn>::new()?;
    let mut path = vec![anytime.nash_conv()];
    while anytime.expand()? {
        path.push(anytime.nash_conv());
    }
    let what = "Kuhn, greatest rise of NashConv in a step of anytime double oracle";
    table.stay(what, greatest_rise(&path), 0.0);
    let last = path.len() - 1;
    table.line(&format!("its NashConv, step {last}, the last"), path[last], 0.0, 1e-6);

    let mut plain = Oracle::<Leduc>::new(MetaSolver::Nash)?;
    let mut anytime = Anytime::<Leduc>::new()?;
    let mut paths = [vec![plain.nash_conv()], vec![anytime.nash_conv()]];
    for _ in 0..STEPS {
        plain.expand()?;
        paths[0].push(plain.nash_conv());
        anytime.expand()?;
        paths[1].push(anytime.nash_conv());
    }
    let [plainly, surely] = paths;
    let rise = |name: &str| format!("Leduc, greatest rise of NashConv in a step of {name}");
    println!("| {} | | {:.6} | |", rise("double oracle"), greatest_rise(&plainly));
    println!("| its NashConv, step {STEPS} | | {:.6} | |", plainly[STEPS]);
    table.stay(&rise("anytime double oracle"), greatest_rise(&surely), 0.0);
    let what = format!("its NashConv, step {STEPS}");
    let less = surely[STEPS] < plainly[STEPS];
    table.print(&what, "less than double oracle's", surely[STEPS], less);
    let [first, second] = anytime.answers();
    println!("| best responses found for it | | {} | |", first + second);
    Ok(())
}

/// By how much a figure grows in one step at most; negative where it always falls.
fn greatest_rise(path: &[f64]) -> f64 {
    path.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::NEG_INFINITY, f64::max)
}

fn betting(table: &mut Table) {
    let neutral = BettingPlan::best_mean(0.2);
    table.line("betting game, greatest mean", neutral.mean(), 167.52, 0.005);
    table.reach("the same, CVaR at 0.2, best of equals", neutral.cvar(0.2), 16.07);
    for (share, bar) in [(0.2, 39.86), (0.05, 22.77)] {
        let plan = BettingPlan::best_cvar(share);
        table.reach(&format!("betting game, greatest CVaR at {share}"), plan.cvar(share), bar);
        println!("| its mean | | {:.6} | |", plan.mean());
    }
}
