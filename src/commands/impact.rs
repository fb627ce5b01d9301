//! `ballast impact`: whom a change of parameters or a price shock makes liquidatable.

use crate::output::{Failure, Output, Verdict};
use scenarios::arena::WorldAddress;
use scenarios::assemble::Worlds;
use scenarios::impact::{Question, Shock, changed, impact, svg, text};
use scenarios::load::{Loaded, load};
use scenarios::statics::StaticParams;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Options of `impact`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file.
    scenario: PathBuf,
    /// The change: a parameter of the market, `market.reserves.WETH.threshold_bps=8100`. May be given
    /// repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Override a value of the scenario before and after the change. May be given repeatedly.
    #[arg(long, value_name = "PATH=VALUE")]
    assume: Vec<String>,
    /// A price that jumps: `WETH=-10%`. May be given repeatedly.
    #[arg(long, value_name = "ASSET=-10%")]
    shock: Vec<Shock>,
    /// Accounts from a file (account,asset,collateral,debt) in place of the scenario's borrowers.
    #[arg(long, value_name = "FILE")]
    positions: Option<PathBuf>,
    /// Blocks that are played before the question is asked.
    #[arg(long, default_value_t = 0)]
    blocks: u64,
    /// Begin on this recorded window instead of a drawn path.
    #[arg(long)]
    window: Option<String>,
    /// Seed of the population.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the plot here.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Asks and prints.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    if args.set.is_empty() && args.shock.is_empty() {
        return Err(Failure::Message(
            "nothing changes: give --set market.reserves.ASSET.threshold_bps=… or --shock ASSET=-10%"
                .to_owned(),
        ));
    }
    let mut assume = args.assume.clone();
    if let Some(file) = &args.positions {
        assume.push("agents.borrowers=[]".to_owned());
        assume.push(positions(file)?);
    }
    let before = load(&args.scenario, &assume)?;
    let set: Vec<String> = assume.iter().chain(&args.set).cloned().collect();
    let parameters = if args.set.is_empty() {
        None
    } else {
        let after = load(&args.scenario, &set)?;
        let said = args.set.join(" ");
        let changed = changed(&before.scenario, &after.scenario, &said);
        Some(changed.map_err(Failure::from_error)?)
    };
    let worlds = Worlds::new(&before).map_err(Failure::from_error)?;
    let path = super::run::path_choice(&worlds, &before, args.window.as_deref())?;
    let address = WorldAddress { seed: args.seed, instance: 0, path };
    let mut lane = worlds.lane(address, StaticParams::default(), false);
    lane.run(args.blocks, None);
    let question = Question {
        chain: lane.chain(),
        market: lane.config().market,
        after: parameters.as_ref(),
        shocks: &args.shock,
    };
    let answer = impact(&question).map_err(Failure::from_error)?;
    let said = said(args);
    if let Some(file) = &args.svg {
        let title = format!("{}: {said}", before.scenario.name);
        let picture = svg(&answer, &title).map_err(Failure::from_error)?;
        std::fs::write(file, picture)
            .map_err(|error| Failure::Message(format!("{}: {error}", file.display())))?;
    }
    let value = json!({
        "scenario": before.scenario.name,
        "scenario_hash": before.hash,
        "change": said,
        "seed": args.seed,
        "impact": answer,
    });
    output.result(&value, || head(&before, args) + &text(&answer, &said));
    Ok(Verdict::Yes)
}

/// The change in the user's words.
fn said(args: &Args) -> String {
    let shocks = args.shock.iter().map(|s| format!("{} {:+} %", s.asset, s.ppm as f64 / 1e4));
    args.set.iter().cloned().chain(shocks).collect::<Vec<_>>().join(", ")
}

fn head(loaded: &Loaded, args: &Args) -> String {
    let from = args.positions.as_deref().map_or_else(
        || "its own borrowers".to_owned(),
        |file: &Path| format!("the accounts of {}", file.display()),
    );
    format!("{}, {from}; ", loaded.scenario.name)
}

/// The override that loads a file of positions. Accounts above LTV are there: loans were made at other
/// prices.
fn positions(file: &Path) -> Result<String, Failure> {
    let unread =
        |error| Failure::Message(format!("{}: cannot read the positions: {error}", file.display()));
    let file = file.canonicalize().map_err(unread)?;
    let name = file.to_str().ok_or_else(|| Failure::Message("the path is no UTF-8".to_owned()))?;
    Ok(format!("positions=[(name: \"file\", csv: {name:?}, above_ltv: Keep)]"))
}
