//! `ballast attack`: the most profitable bundle in a world, found by search.

use super::{Audit, FEATURES, Play, out_folder, reproducible};
use crate::output::{Failure, Output, Verdict};
use agents::attack::control::Control;
use agents::attack::play::{Ground, Sized};
use agents::attack::synthesis::{Attack, Options, Report, Rivals, random_search, rivals, search};
use scenarios::episode::{hex, write_tables};
use scenarios::folder::Folder;
use scenarios::hunt::{self, Hunt, Staged, sentence};
use scenarios::load::is_incident;
use scenarios::manifest::{Build, Manifest, RunError, RunKind};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Blocks played after an attack, so that what it leaves behind is liquidated or written off: an hour.
const AFTERMATH_BLOCKS: u64 = 300;
/// Blocks that a scenario is played before the search, where nothing is said: an hour.
const WARM_UP_BLOCKS: u64 = 300;
/// Points of a curve that are printed.
const POINTS: usize = 12;

/// Options of `attack`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file, or an incident's: its stage is searched as it stood before anybody moved.
    scenario: PathBuf,
    #[command(flatten)]
    play: Play,
    #[command(flatten)]
    audit: Audit,
    /// Candidate bundles that may be simulated.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    budget: u64,
    /// Blocks before the search: of a scenario played without its scripted attackers, 300 where this is left
    /// out; of an incident gone by with nobody moving, at least one.
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    blocks: Option<u64>,
    /// Blocks that an attack may let go by at a time; 0: all of it in one block.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    wait: u32,
    /// Give the attacker a contract: a second account, with positions of its own, in the same transaction.
    #[arg(long)]
    contract: bool,
    /// Let the attack see what waits for its block, and stand before and behind it (scenarios only).
    #[arg(long)]
    mempool: bool,
    /// Least profit, in USD, that counts as an attack.
    #[arg(long, default_value_t = 1_000.0, value_parser = dollars)]
    least: f64,
    /// Folder to write; it must not exist. Default: the next free name under `runs/`.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Everything that was searched.
struct Searched {
    report: Report,
    random: Vec<(u64, f64)>,
    rivals: Option<Rivals>,
    control: Control,
}

/// Searches, and strikes where it pays. "No" where nothing pays.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let seed = args.play.seed.unwrap_or(1);
    if is_incident(&args.scenario) {
        if args.mempool {
            let why = "an incident's stage has no mempool: leave --mempool out";
            return Err(Failure::Message(format!("{}: {why}", args.scenario.display())));
        }
        return on_stage(args, seed, output);
    }
    let blocks = args.blocks.unwrap_or(WARM_UP_BLOCKS);
    let loaded = hunt::quiet(&args.scenario, &args.play.set, args.contract)?;
    let worlds = args.audit.own_worlds(&loaded)?;
    let scenario = &loaded.scenario;
    let episode_blocks = u64::from(scenario.episode_hours) * 3_600 / u64::from(scenario.block_secs);
    if blocks >= episode_blocks {
        let path = args.scenario.display();
        let why = format!("an episode has {episode_blocks} blocks: give --blocks less than that");
        return Err(Failure::Message(format!("{path}: {why}")));
    }
    let threads = args.play.start_threads()?;
    let stem = format!("attack-{}-s{seed}-{}", loaded.scenario.name, &loaded.hash[..8]);
    let folder = Folder::create(&out_folder(args.out.as_ref(), &stem))?;
    let broken = |failure: Failure| reproducible(failure, &worlds, &loaded, folder.target());
    let tape = folder.path().join(super::run::tape_name(0));
    let mut hunt =
        Hunt::begin(&worlds, &loaded, seed, blocks, &tape).map_err(|error| broken(error.into()))?;
    // An episode on recorded prices may be shorter than the scenario's.
    let blocks = hunt.lane().totals().blocks;
    let ground = hunt.ground(args.wait, args.mempool);
    let searched = searched(args, &ground, seed);
    let mut value = facts(args, &loaded.scenario.name, blocks, &ground, &searched);
    let struck = match &searched.report.best {
        Some(attack) if pays(args, attack) => {
            let block = hunt.lane().chain().clock().block;
            let succeeded = hunt.strike(&attack.record.parts, &ground.pending);
            value["block"] = json!(block);
            value["succeeded"] = json!(succeeded);
            let then = hunt.lane().totals().blocks;
            hunt.play(AFTERMATH_BLOCKS);
            Some(hunt.lane().totals().blocks - then)
        }
        _ => None,
    };
    if struck.is_none() {
        hunt.strike(&[], &ground.pending);
    }
    let recorded = hunt.finish(&loaded).map_err(|error| broken(error.into()))?;
    value["aftermath"] = json!({
        "blocks": struck.unwrap_or(0),
        "bad_debt_usd": recorded.totals.bad_debt_usd,
        "attacker_profit_usd": recorded.totals.attacker_profit_usd,
        "liquidated_usd": recorded.totals.liquidated_usd,
        "further_markets": recorded.further,
    });
    value["scenario_hash"] = json!(loaded.hash);
    write_tables(folder.path(), std::slice::from_ref(&recorded))?;
    std::fs::write(folder.path().join("attack.json"), format!("{value:#}\n"))
        .map_err(RunError::io(&folder.path().join("attack.json")))?;
    let build = Build::this(FEATURES);
    let target = folder.finish(Manifest {
        start_digest: hex(&recorded.start),
        end_digest: hex(&recorded.end),
        blocks: recorded.totals.blocks,
        ..Manifest::begin(RunKind::Attack, &loaded, seed, threads as u32, build)
    })?;
    value["run"] = json!(target);
    output.result(&value, || text(&value));
    Ok(verdict(args, &searched.report))
}

/// A number of dollars.
fn dollars(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(usd) if usd.is_finite() => Ok(usd),
        _ => Err("write a number of dollars, as 1000".to_owned()),
    }
}

/// Searches an incident's stage; what pays is played there and taped.
fn on_stage(args: &Args, seed: u64, output: Output) -> Result<Verdict, Failure> {
    let blocks = args.blocks.unwrap_or(1);
    let staged = Staged::load(&args.scenario, &args.play.set, blocks, args.wait, args.contract)?;
    let stem = format!("attack-{}-s{seed}-{}", staged.id, &staged.hash[..8]);
    let folder = Folder::create(&out_folder(args.out.as_ref(), &stem))?;
    let searched = searched(args, &staged.ground, seed);
    let mut value = facts(args, &staged.id, blocks, &staged.ground, &searched);
    value["scenario_hash"] = json!(staged.hash);
    let mut struck = None;
    if let Some(attack) = searched.report.best.as_ref().filter(|attack| pays(args, attack)) {
        let tape = folder.path().join(super::run::tape_name(0));
        let played = staged.strike(&attack.record.parts, &tape).map_err(Failure::from_error)?;
        value["block"] = json!(played.block);
        value["succeeded"] = json!(played.succeeded);
        struck = Some(played);
    }
    let file = folder.path().join("attack.json");
    std::fs::write(&file, format!("{value:#}\n")).map_err(RunError::io(&file))?;
    let manifest = staged.manifest(seed, struck.as_ref(), Build::this(FEATURES));
    value["run"] = json!(folder.finish(manifest)?);
    output.result(&value, || text(&value));
    Ok(verdict(args, &searched.report))
}

fn pays(args: &Args, attack: &Attack) -> bool {
    attack.record.played.profit_usd >= args.least
}

fn verdict(args: &Args, report: &Report) -> Verdict {
    let found = report.best.as_ref().is_some_and(|attack| pays(args, attack));
    if found { Verdict::Yes } else { Verdict::No }
}

/// The search, and what it is held against: random search with the same budget, other optimisers on the
/// same moves, the positive control.
fn searched(args: &Args, ground: &Ground, seed: u64) -> Searched {
    let options = Options { simulations: args.budget, seed, ..Options::default() };
    let report = search(ground, &options);
    let random = random_search(ground, &options);
    let rivals = report.best.as_ref().map(|attack| rivals(ground, &attack.steps, &options));
    let control = Control::run(&options);
    Searched { report, random, rivals, control }
}

/// Everything that is reported.
fn facts(args: &Args, name: &str, blocks: u64, ground: &Ground, searched: &Searched) -> Value {
    let Searched { report, random, rivals, control } = searched;
    let best = |curve: &[(u64, f64)]| curve.last().map(|(_, profit)| *profit);
    let found = report.best.as_ref().filter(|attack| pays(args, attack));
    json!({
        "scenario": name,
        "seed": args.play.seed.unwrap_or(1),
        "budget": args.budget,
        "simulations": report.simulations,
        "warm_up_blocks": blocks,
        "wait_blocks": args.wait,
        "pending": ground.pending.len(),
        "contract": ground.chain.contract_of(ground.attacker).is_some(),
        "attacker": ground.chain.accounts()[ground.attacker.index()],
        "found": found.is_some(),
        "least_profit_usd": args.least,
        "best": report.best.as_ref().map(|attack| attack_facts(ground, attack)),
        "most_harmful": report.harm.as_ref().map(|attack| attack_facts(ground, attack)),
        "curve": report.curve,
        "random_search": {"best_usd": best(random), "curve": random},
        "same_moves": rivals.as_ref().map(|rivals| json!({
            "random_usd": best(&rivals.random),
            "cma_es_usd": best(&rivals.evolution),
        })),
        "control": {
            "known_usd": control.known_usd,
            "found_usd": control.found_usd,
            "share": control.share(),
            "simulations": control.simulations,
        },
    })
}

fn attack_facts(ground: &Ground, attack: &Attack) -> Value {
    let record = &attack.record;
    let played = &record.played;
    let mut steps: Vec<String> = Vec::new();
    for part in &record.parts {
        steps.extend(part.calls.iter().map(|call| sentence(&ground.chain, call)));
        if let Some(passed) = part.then_pending {
            let waiting = ground.pending.get(passed as usize);
            let sender = &ground.chain.accounts()[waiting.header.sender.index()];
            steps.push(format!("a waiting transaction of {sender} passes"));
        }
        if part.then_wait > 0 {
            steps.push(format!("{} blocks go by", part.then_wait));
        }
    }
    json!({
        "profit_usd": played.profit_usd,
        "gas_usd": record.gas_usd,
        "own_capital_usd": record.own_capital_usd,
        "flash_usd": record.flash_usd,
        "bad_debt_usd": played.bad_debt_usd,
        "protocol_loss_usd": played.loss_usd,
        "spent_usd": played.spent_usd(),
        "loss_per_usd_spent": (played.spent_usd() > 0.0).then(|| attack.harm_per_usd()),
        "steps": steps,
        "calls": record.parts,
        "moves": attack.steps.iter().zip(&record.sizes).map(|(step, size)| json!({
            "move": step.action,
            "share": step.share,
            "smallest_units": used(size),
        })).collect::<Vec<_>>(),
    })
}

fn used(size: &Sized) -> Option<f64> {
    (size.used > 0.0).then_some(size.used)
}

/// The report for people.
fn text(value: &Value) -> String {
    let usd = |value: &Value| value.as_f64().map_or_else(|| "-".to_owned(), money);
    let mut text = String::new();
    if let Some(run) = value["run"].as_str() {
        text += &format!("{run}\n");
    }
    text += &format!(
        "{}: {} of {} simulations, seed {}\n",
        value["scenario"].as_str().unwrap_or_default(),
        value["simulations"],
        value["budget"],
        value["seed"]
    );
    let found = value["found"].as_bool() == Some(true);
    let best = &value["best"];
    if found {
        text += &format!("attack found: profit {} USD after gas\n", usd(&best["profit_usd"]));
        text += &attack_text(best, &usd);
    } else {
        text += &format!(
            "no attack found that earns {} USD; the best candidate earns {}\n",
            usd(&value["least_profit_usd"]),
            usd(&best["profit_usd"])
        );
    }
    let harm = &value["most_harmful"];
    if harm.is_null() {
        text += "protocol loss per own dollar spent: no candidate costs the protocols anything\n";
    } else {
        let per = &harm["loss_per_usd_spent"];
        text += &format!(
            "protocol loss per own dollar spent: {}, {} USD lost for {} USD spent\n",
            if per.is_null() { "without bound (it pays for itself)".to_owned() } else { usd(per) },
            usd(&harm["protocol_loss_usd"]),
            usd(&harm["spent_usd"])
        );
    }
    if let Some(succeeded) = value["succeeded"].as_bool() {
        let outcome = if succeeded { "succeeded" } else { "FAILED" };
        text += &format!("submitted in block {}: {outcome}", value["block"]);
        // An incident's stage has nobody who would do anything afterwards.
        if let Some(after) = value.get("aftermath") {
            text += &format!(
                "; after {} further blocks bad debt {} USD in the first market, attackers' profit there {} USD",
                after["blocks"],
                usd(&after["bad_debt_usd"]),
                usd(&after["attacker_profit_usd"])
            );
            for further in after["further_markets"].as_array().into_iter().flatten() {
                let name = further["market"].as_str().unwrap_or_default();
                text += &format!("; bad debt {} USD in {name}", usd(&further["bad_debt_usd"]));
            }
        }
        text += "\n";
    }
    text += "best profit by simulations:\n";
    text += &curve_text("  search", &value["curve"]);
    text += &curve_text("  random search", &value["random_search"]["curve"]);
    let same = &value["same_moves"];
    if !same.is_null() {
        text += &format!(
            "  amounts of the found moves alone: random {} USD, CMA-ES {} USD\n",
            usd(&same["random_usd"]),
            usd(&same["cma_es_usd"])
        );
    }
    let by_chance = value["random_search"]["best_usd"].as_f64();
    if let Some(chance) =
        by_chance.filter(|usd| !found && value["least_profit_usd"].as_f64() < Some(*usd))
    {
        text += &format!(
            "random search found one that earns {} USD, which the search missed: give more with --budget, or another --seed\n",
            money(chance)
        );
    }
    let control = &value["control"];
    if !found && control["share"].as_f64().is_some_and(|share| share < 0.95) {
        text += "the positive control was not found either: that nothing was found says little; give more with --budget\n";
    }
    text += &format!(
        "positive control: found {} of a planted {} USD ({:.1} %)\n",
        usd(&control["found_usd"]),
        usd(&control["known_usd"]),
        100.0 * control["share"].as_f64().unwrap_or(0.0)
    );
    text
}

/// What an attack took from those who had deposited in vaults.
fn vaults_loss(attack: &Value) -> f64 {
    let usd = |key: &str| attack[key].as_f64().unwrap_or(0.0);
    usd("protocol_loss_usd") - usd("bad_debt_usd")
}

fn attack_text(attack: &Value, usd: &dyn Fn(&Value) -> String) -> String {
    let mut text = format!(
        "  own capital {} USD, flash loans {} USD, gas {} USD; bad debt left behind {} USD{}\n",
        usd(&attack["own_capital_usd"]),
        usd(&attack["flash_usd"]),
        usd(&attack["gas_usd"]),
        usd(&attack["bad_debt_usd"]),
        match vaults_loss(attack) {
            lost if lost > 0.0 => format!(", {} USD taken from a vault's depositors", money(lost)),
            _ => String::new(),
        }
    );
    for (i, step) in attack["steps"].as_array().into_iter().flatten().enumerate() {
        text += &format!("  {}. {}\n", i + 1, step.as_str().unwrap_or_default());
    }
    text
}

/// The last improvements before round numbers of simulations.
fn curve_text(name: &str, curve: &Value) -> String {
    let points: Vec<(u64, f64)> = curve
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|point| Some((point[0].as_u64()?, point[1].as_f64()?)))
        .collect();
    let mut at = 250;
    let mut shown = Vec::new();
    while shown.len() < POINTS {
        if let Some((_, best)) = points.iter().rev().find(|(simulations, _)| *simulations <= at) {
            shown.push(format!("{at}: {}", money(*best)));
        }
        if points.last().is_none_or(|(last, _)| *last <= at) {
            break;
        }
        at *= 2;
    }
    format!("{name}: {}\n", if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") })
}

/// Dollars with thousands apart.
fn money(usd: f64) -> String {
    let rounded = format!("{:.2}", usd.abs());
    let (whole, part) = rounded.split_once('.').unwrap_or((&rounded, "00"));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}{grouped}.{part}", if usd < 0.0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_grouped() {
        assert_eq!(money(1_234_567.891), "1,234,567.89");
        assert_eq!(money(-12.3), "-12.30");
        assert_eq!(money(999.999), "1,000.00");
    }
}
