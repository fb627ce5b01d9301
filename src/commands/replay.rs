//! `ballast replay`: the tape again, without agents.

use super::run::tape_name;
use super::{Audit, bundle_name, explain_broken};
use crate::output::{Failure, Output, Verdict};
use scenarios::episode::{hex, joint_digest};
use scenarios::manifest::{Manifest, RunKind};
use scenarios::reproduction::write_tape;
use serde_json::json;
use sim::chain::{Digest, Violation};
use sim::tape::{TapeError, TapeReader, replay};
use std::path::{Path, PathBuf};

/// Options of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A finished run, or the bundle that a broken invariant left: it is opened at the block.
    run: PathBuf,
    /// Stop after this block of the episode; else at the end.
    #[arg(long)]
    to: Option<u64>,
    #[command(flatten)]
    audit: Audit,
}

/// Replays every lane's tape; a digest that differs from the recorded one is a "no".
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let manifest = Manifest::read(&args.run)?;
    if manifest.kind == RunKind::Broken && args.to.is_none() {
        return super::reproduce::run(&args.run, &manifest, output);
    }
    let mut digests = Vec::new();
    let (mut block, mut first, mut last) = (0, 0, 0);
    for lane in 0.. {
        let name = tape_name(lane);
        let listed = manifest.files.iter().any(|(file, _)| *file == name);
        if !listed && lane > 0 {
            break;
        }
        if !listed && manifest.kind == RunKind::StagedAttack {
            return Err(Failure::Message(format!(
                "{}: the search found no attack that pays, so none was taped; search with a larger --budget or \
                 another --seed",
                args.run.display()
            )));
        }
        let tape = open(&args.run, &manifest, &name)?;
        (first, last) = (tape.first_block(), tape.last_block());
        match play(&args.run.join(&name), &tape, args)? {
            Played::To(digest, at) => {
                digests.push(digest);
                block = at;
            }
            Played::Broken(block, violation) => {
                let target = bundle_name(&args.run);
                let written = write_tape(&target, &tape, block, &violation, manifest);
                return Err(explain_broken(block, lane, &violation, written));
            }
            Played::Diverged(block) => {
                output.result(&json!({"run": args.run, "block": block, "matches": false}), || {
                    format!("block {block}: the replayed digest differs from the recorded one")
                });
                return Ok(Verdict::No);
            }
        }
    }
    let digest = hex(&joint_digest(&digests));
    let whole = args.to.is_none_or(|to| to >= last);
    let matches = whole.then(|| digest == manifest.end_digest);
    let value = json!({
        "run": args.run,
        "block": block,
        "first_block": first,
        "last_block": last,
        "digest": digest,
        "recorded_digest": manifest.end_digest,
        "matches": matches,
    });
    output.result(&value, || {
        let verdict = match matches {
            Some(true) => "as recorded",
            Some(false) => "NOT as recorded",
            None => "part of the run",
        };
        format!("block {block}: {digest} ({verdict})")
    });
    Ok(if matches == Some(false) { Verdict::No } else { Verdict::Yes })
}

/// A tape whose bytes are those that were recorded.
pub(crate) fn open(run: &Path, manifest: &Manifest, name: &str) -> Result<TapeReader, Failure> {
    let bytes = manifest.read_file(run, name)?;
    let path = run.join(name);
    TapeReader::open(bytes).map_err(|error| {
        Failure::Message(format!("{}: {error}; the tape is damaged, run again", path.display()))
    })
}

/// How far a tape was played.
enum Played {
    /// To this digest after this block.
    To(Digest, u64),
    /// To the first block whose digest differs from the tape's.
    Diverged(u64),
    /// To the block after which an invariant does not hold.
    Broken(u64, Violation),
}

/// Replays to a block, looking at everything after each if that was asked for.
fn play(path: &Path, tape: &TapeReader, args: &Args) -> Result<Played, Failure> {
    if let Some(to) = args.to
        && (to < tape.first_block() || to > tape.last_block())
    {
        return Err(Failure::Message(format!(
            "{}: has blocks {} to {}, not {to}; choose --to among them",
            path.display(),
            tape.first_block(),
            tape.last_block()
        )));
    }
    let played = if args.audit.audit { audited(tape, args.to) } else { plain(tape, args.to) };
    match played {
        Err(TapeError::Diverged { block }) => Ok(Played::Diverged(block)),
        Err(error) => Err(Failure::Message(format!("{}: {error}; run again", path.display()))),
        Ok(played) => Ok(played),
    }
}

fn plain(tape: &TapeReader, to: Option<u64>) -> Result<Played, TapeError> {
    replay(tape, to).map(|player| Played::To(player.digest(), player.block()))
}

fn audited(tape: &TapeReader, to: Option<u64>) -> Result<Played, TapeError> {
    let to = to.unwrap_or(tape.last_block());
    let mut player = tape.play()?;
    loop {
        if let Err(violation) = player.audit() {
            return Ok(Played::Broken(player.block(), violation));
        }
        if player.block() >= to || !player.step()? {
            return Ok(Played::To(player.digest(), player.block()));
        }
    }
}
