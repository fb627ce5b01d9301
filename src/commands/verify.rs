//! `ballast verify`: does this bundle still say what it said when it was exported?

use crate::output::{Failure, Output, Verdict};
use agents::export::bundle::{self, BundleError};
use serde_json::json;
use std::path::PathBuf;

/// Options of `verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Policy bundle (a folder).
    bundle: PathBuf,
}

/// A bundle that cannot be read is an error; one that answers differently is a "no".
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    match bundle::verify(&args.bundle) {
        Ok(report) => {
            output.result(&json!({"verified": true, "report": report}), || {
                format!(
                    "{}: holds ({} files, {} golden cases, largest logit error {:e})",
                    args.bundle.display(),
                    report.files,
                    report.cases,
                    report.max_logit_error
                )
            });
            Ok(Verdict::Yes)
        }
        Err(error @ BundleError::Golden { .. }) => {
            let reason = error.to_string();
            output.result(&json!({"verified": false, "reason": reason}), || {
                format!("{}: does not hold: {reason}", args.bundle.display())
            });
            Ok(Verdict::No)
        }
        Err(error) => Err(Failure::Message(format!("{}: {error}", args.bundle.display()))),
    }
}
