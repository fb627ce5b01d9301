//! The command line: one file per subcommand under `commands`.
//!
//! Results go to standard output (one JSON value with `--json`), progress and messages to standard
//! error. Exit codes: 0 the answer is yes or the work is done, 1 the answer is no, 2 could not run.

mod commands;
mod output;
#[cfg(feature = "learn")]
mod training;

use clap::{Parser, Subcommand};
use commands::{
    attack, bench, calibrate, check, crowd, eval, experiment, exploit, export, impact, incidents,
    liquidate, replay, run, train, verify, view,
};
use output::{Failure, Output};
use std::process::ExitCode;

/// A simulator of DeFi lending for training and judging risk policies under attack.
#[derive(Debug, Parser)]
#[command(name = "ballast", version, about)]
struct Cli {
    /// Print one JSON value on standard output instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check scenario files without running them.
    Check(check::Args),
    /// Play one episode of a scenario with its parameters as deployed, and tape it.
    Run(run::Args),
    /// Search a world for the most profitable attack, and tape it.
    Attack(attack::Args),
    /// Replay a taped run without agents and compare digests.
    Replay(replay::Args),
    /// Train a risk policy under attack, compare it with its baselines, export it.
    Train(train::Args),
    /// Compare policies and baselines on unseen paths.
    Eval(eval::Args),
    /// Train, compare and attack policies as an experiment file says, and answer its question.
    Experiment(experiment::Args),
    /// Train attackers against a policy that no longer learns, and say how far they get.
    Exploit(exploit::Args),
    /// Train a liquidator, and say whether it earns more than the scripted one.
    Liquidate(liquidate::Args),
    /// Hold the generated population and its liquidations against published figures.
    Crowd(crowd::Args),
    /// Say which accounts a change of parameters or a price shock makes liquidatable.
    Impact(impact::Args),
    /// Export the policy of a training run as a bundle.
    Export(export::Args),
    /// Simulate incidents of the past, beside what was recorded.
    Incidents(incidents::Args),
    /// Hold a policy bundle against its own record.
    Verify(verify::Args),
    /// Fit price processes to a record of prices and write a fragment of a scenario.
    Calibrate(calibrate::Args),
    /// Open a run or a scenario in a window, or render it to a picture.
    View(view::Args),
    /// Measure the simulator's speed on this machine.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    let verdict = match cli.command {
        Command::Check(args) => check::run(&args, output),
        Command::Run(args) => run::run(&args, output),
        Command::Attack(args) => attack::run(&args, output),
        Command::Replay(args) => replay::run(&args, output),
        Command::Train(args) => train::run(&args, output),
        Command::Eval(args) => eval::run(&args, output),
        Command::Experiment(args) => experiment::run(&args, output),
        Command::Exploit(args) => exploit::run(&args, output),
        Command::Liquidate(args) => liquidate::run(&args, output),
        Command::Crowd(args) => crowd::run(&args, output),
        Command::Impact(args) => impact::run(&args, output),
        Command::Export(args) => export::run(&args, output),
        Command::Incidents(args) => incidents::run(&args, output),
        Command::Verify(args) => verify::run(&args, output),
        Command::Calibrate(args) => calibrate::run(&args, output),
        Command::View(args) => view::run(&args, output),
        Command::Bench(args) => bench::run(&args, output),
    };
    match verdict {
        Ok(verdict) => verdict.into(),
        Err(failure) => {
            output.fail(&failure);
            Failure::exit_code()
        }
    }
}
