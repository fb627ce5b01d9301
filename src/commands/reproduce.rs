//! `ballast replay BUNDLE`: a broken invariant, opened at the block.

use crate::output::{Failure, Output, Verdict};
use scenarios::assemble::Worlds;
use scenarios::episode::hex;
use scenarios::load::from_text;
use scenarios::manifest::Manifest;
use scenarios::receipts::outcome;
use scenarios::reproduction::{BROKEN_TAPE, Reproduction};
use serde_json::{Value, json};
use sim::chain::Violation;
use sim::tape::{Player, TapeError, TapeReader, replay};
use std::path::Path;

/// Plays up to the block before, shows the block, and looks whether the invariant breaks again.
pub(crate) fn run(bundle: &Path, manifest: &Manifest, output: Output) -> Result<Verdict, Failure> {
    let fault = Reproduction::read(bundle, manifest)?;
    let tape = super::replay::open(bundle, manifest, BROKEN_TAPE)?;
    let opened = open(bundle, &tape, fault.block)?;
    let same = |found: &Option<Violation>| {
        found.as_ref().is_some_and(|violation| violation.id == fault.violation.id)
    };
    let mut found = opened.broken.clone();
    let mut by = "the tape, without agents";
    // What only a lane can see (a fair price, a belief) takes the participants too.
    if !same(&found)
        && let Some(again) = lane(manifest, &fault)?
    {
        found = Some(again);
        by = "the lane, with its agents and the recorded decisions";
    }
    let again = same(&found) && !opened.diverged;
    let value = json!({
        "bundle": bundle,
        "scenario": manifest.scenario,
        "seed": fault.seed,
        "lane": fault.lane,
        "episode": fault.episode,
        "block": fault.block,
        "recorded": violation(&fault.violation),
        "before": opened.before,
        "transactions": opened.transactions,
        "after": opened.after,
        "reproduced_when_written": fault.reproduced,
        "diverged": opened.diverged,
        "found": found.as_ref().map(violation),
        "found_by": found.as_ref().map(|_| by),
        "again": again,
    });
    output.result(&value, || text(&fault, &value, found.as_ref(), by, again));
    Ok(if again { Verdict::Yes } else { Verdict::No })
}

/// A block, between the state before it and the state after it.
struct Opened {
    before: Value,
    after: Value,
    transactions: Vec<Value>,
    /// What the whole catalogue says after the block; else before it.
    broken: Option<Violation>,
    diverged: bool,
}

fn open(bundle: &Path, tape: &TapeReader, block: u64) -> Result<Opened, Failure> {
    let named = |error: TapeError| {
        Failure::Message(format!("{}: {error}", bundle.join(BROKEN_TAPE).display()))
    };
    // A block that ended in a panic is not on the tape: what it began from is.
    let ends = block == tape.first_block() || block > tape.last_block();
    let start = if ends { block.min(tape.last_block()) } else { block - 1 };
    let mut player = replay(tape, Some(start)).map_err(named)?;
    let mut broken = player.audit().err();
    let before = state(&player);
    let mut diverged = false;
    if !ends {
        diverged = match player.step() {
            Ok(_) => false,
            Err(TapeError::Diverged { .. }) => true,
            Err(error) => return Err(named(error)),
        };
        broken = player.audit().err().or(broken);
    }
    let transactions = if ends { Vec::new() } else { transactions(&player) };
    Ok(Opened { before, after: state(&player), transactions, broken, diverged })
}

/// The name of a state.
fn state(player: &Player<'_>) -> Value {
    let clock = player.chain().clock();
    json!({
        "block": clock.block,
        "timestamp": clock.timestamp,
        "state_hash": hex(&player.chain().state_hash()),
        "digest": hex(&player.digest()),
    })
}

/// The block that was played, transaction by transaction.
fn transactions(player: &Player<'_>) -> Vec<Value> {
    let names = player.chain().accounts();
    let rows = player.transactions().iter().zip(player.receipts());
    rows.map(|(tx, receipt)| {
        let (kind, reason) = outcome(receipt);
        let calls: Vec<String> = tx.calls.iter().map(|call| format!("{call:?}")).collect();
        json!({
            "sender": names.get(tx.header.sender.index()),
            "calls": calls,
            "outcome": kind,
            "reason": reason,
            "gas_used": receipt.gas_used,
        })
    })
    .collect()
}

/// What broke when the lane was played again; `None` where nothing did or the bundle has no lane.
fn lane(manifest: &Manifest, fault: &Reproduction) -> Result<Option<Violation>, Failure> {
    if fault.lane_again.is_none() {
        return Ok(None);
    }
    let loaded = from_text(&manifest.scenario_path, &manifest.scenario_text, &[])?;
    let worlds = Worlds::new(&loaded).map_err(Failure::from_error)?;
    Ok(fault.play_lane(&worlds).and_then(|lane| lane.violation().cloned()))
}

fn violation(violation: &Violation) -> Value {
    let Violation { id, sentence, detail } = violation;
    json!({"id": id, "sentence": sentence, "detail": detail})
}

fn text(
    fault: &Reproduction,
    value: &Value,
    found: Option<&Violation>,
    by: &str,
    again: bool,
) -> String {
    let Violation { id, sentence, detail } = &fault.violation;
    let (block, lane) = (fault.block, fault.lane);
    let mut text = format!("{id} broken at block {block} of lane {lane}: {sentence}\n  {detail}\n");
    let state = |value: &Value| {
        let hash = value["state_hash"].as_str().unwrap_or_default();
        format!("block {}, state {hash}\n", value["block"])
    };
    text += &format!("before: {}", state(&value["before"]));
    for (index, tx) in value["transactions"].as_array().into_iter().flatten().enumerate() {
        let word = |key: &str| tx[key].as_str().unwrap_or_default().to_owned();
        let gas = &tx["gas_used"];
        text += &format!(
            "  {index}: {} {} {} ({gas} gas)\n",
            word("sender"),
            word("outcome"),
            word("reason")
        );
        for call in tx["calls"].as_array().into_iter().flatten() {
            text += &format!("       {}\n", call.as_str().unwrap_or_default());
        }
    }
    text += &format!("after:  {}", state(&value["after"]));
    if value["diverged"] == true {
        text +=
            "The block plays differently in this program: the digest is not the recorded one.\n";
    }
    match found {
        Some(found) if again => text += &format!("broken again, by {by}:\n  {found}"),
        Some(found) => text += &format!("NOT the recorded one, but broken, by {by}:\n  {found}"),
        None if fault.reproduced => {
            text += "NOT broken again: this program holds the invariant";
        }
        None => {
            text += "UNKNOWN: when this folder was written, playing the lane again did not come to the fault (who \
                decides beside the recorded policy, such as a learned attacker in a seat, is not played). The \
                command that left the folder plays up to it again";
        }
    }
    text
}
