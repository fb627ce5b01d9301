//! `ballast replay`: the tape again, without agents.

use super::run::tape_name;
use crate::output::{Failure, Output, Verdict};
use scenarios::episode::{hex, joint_digest};
use scenarios::manifest::Manifest;
use serde_json::json;
use sim::chain::Digest;
use sim::tape::{TapeError, TapeReader, replay};
use std::path::{Path, PathBuf};

/// Options of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A finished run.
    run: PathBuf,
    /// Stop after this block of the episode; else at the end.
    #[arg(long)]
    to: Option<u64>,
}

/// Replays every lane's tape; a digest that differs from the recorded one is a "no".
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let manifest = Manifest::read(&args.run)?;
    let mut digests = Vec::new();
    let (mut block, mut first, mut last) = (0, 0, 0);
    for lane in 0.. {
        let name = tape_name(lane);
        let listed = manifest.files.iter().any(|(file, _)| *file == name);
        if !listed && lane > 0 {
            break;
        }
        let tape = open(&args.run, &manifest, &name)?;
        (first, last) = (tape.first_block(), tape.last_block());
        match play(&args.run.join(&name), &tape, args.to)? {
            Ok((digest, at)) => {
                digests.push(digest);
                block = at;
            }
            Err(block) => {
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
fn open(run: &Path, manifest: &Manifest, name: &str) -> Result<TapeReader, Failure> {
    let bytes = manifest.read_file(run, name)?;
    let path = run.join(name);
    TapeReader::open(bytes).map_err(|error| {
        Failure::Message(format!("{}: {error}; the tape is damaged, run again", path.display()))
    })
}

/// Replays to a block: digest and block, or the first block whose digest differs from the tape's.
fn play(
    path: &Path,
    tape: &TapeReader,
    to: Option<u64>,
) -> Result<Result<(Digest, u64), u64>, Failure> {
    if let Some(to) = to
        && (to < tape.first_block() || to > tape.last_block())
    {
        return Err(Failure::Message(format!(
            "{}: has blocks {} to {}, not {to}; choose --to among them",
            path.display(),
            tape.first_block(),
            tape.last_block()
        )));
    }
    match replay(tape, to) {
        Ok(player) => Ok(Ok((player.digest(), player.block()))),
        Err(TapeError::Diverged { block }) => Ok(Err(block)),
        Err(error) => Err(Failure::Message(format!("{}: {error}; run again", path.display()))),
    }
}
