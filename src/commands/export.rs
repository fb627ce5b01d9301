//! `ballast export`: the policy of a training run, as a bundle.

use crate::output::{Failure, Output, Verdict};
use agents::export::bundle;
use scenarios::folder::Folder;
use scenarios::manifest::{Manifest, RunError, RunKind};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Options of `export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A finished training run.
    run: PathBuf,
    /// Folder to write; it must not exist.
    #[arg(long)]
    out: PathBuf,
    /// The policy of this training seed; else the one that training selected.
    #[arg(long)]
    train_seed: Option<u64>,
}

/// Copies a verified bundle out of a run.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let manifest = Manifest::read(&args.run)?;
    if manifest.kind != RunKind::Train {
        return Err(Failure::Message(format!(
            "{}: this run trained nothing; name one that `ballast train` made",
            args.run.display()
        )));
    }
    let name = args.train_seed.map_or("policy".to_owned(), |s| format!("policies/seed-{s}"));
    let source = args.run.join(&name);
    if !source.is_dir() {
        let prefix = "policies/seed-";
        let mut seeds: Vec<&str> = manifest
            .files
            .iter()
            .filter_map(|(file, _)| file.strip_prefix(prefix)?.split('/').next())
            .collect();
        seeds.dedup();
        return Err(Failure::Message(format!(
            "{}: no policy of that training seed; there are {}",
            args.run.display(),
            seeds.join(", ")
        )));
    }
    bundle::verify(&source)
        .map_err(|error| Failure::Message(format!("{}: {error}", source.display())))?;
    copy_bundle(&source, &args.out)?;
    let report = bundle::verify(&args.out)
        .map_err(|error| Failure::Message(format!("{}: {error}", args.out.display())))?;
    output.result(&json!({"bundle": args.out, "report": report}), || {
        format!("{}: {} (blake3 {})", args.out.display(), report.name, report.bundle)
    });
    Ok(Verdict::Yes)
}

/// Copies a flat folder under another name and renames it when complete.
pub(crate) fn copy_bundle(from: &Path, to: &Path) -> Result<(), Failure> {
    let folder = Folder::create(to)?;
    for entry in fs::read_dir(from).map_err(RunError::io(from))? {
        let path = entry.map_err(RunError::io(from))?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, folder.path().join(name)).map_err(RunError::io(&path))?;
        }
    }
    folder.rename()?;
    Ok(())
}
