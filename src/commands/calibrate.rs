//! `ballast calibrate`: what process would a record of prices come from?

use crate::output::{Failure, Output, Verdict};
use scenarios::calibrate::{Range, Selection, calibrate};
use scenarios::dates::Utc;
use scenarios::klines;
use serde_json::json;
use std::path::PathBuf;

/// Options of `calibrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Candles, CSV or Parquet: columns by name, or Binance's order without a header.
    file: PathBuf,
    /// Only bars that open at this moment or later, UTC: 2020-03-12 or 2020-03-12T06:00:00Z.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Only bars that open before this moment.
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Leave out a stretch, the second date no longer part of it. May be given repeatedly.
    #[arg(long, value_name = "DATE..DATE")]
    without: Vec<String>,
    /// Write the fragment of a scenario to this file; without it, it is printed below the table.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Reads, fits, prints, writes.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let selection = Selection {
        from: args.from.as_deref().map(|text| date("--from", text)).transpose()?,
        to: args.to.as_deref().map(|text| date("--to", text)).transpose()?,
        without: args.without.iter().map(|text| stretch(text)).collect::<Result<_, _>>()?,
    };
    if selection.from.zip(selection.to).is_some_and(|(from, to)| from >= to) {
        return Err(Failure::Message("--from must be earlier than --to".to_owned()));
    }
    let klines = klines::read(&args.file).map_err(Failure::from_error)?;
    let found = calibrate(&klines, &selection).map_err(Failure::from_error)?;
    let fragment = found.fragment();
    if let Some(out) = &args.out {
        std::fs::write(out, &fragment).map_err(|error| {
            Failure::Message(format!("cannot write {}: {error}; name another --out", out.display()))
        })?;
    }
    output.result(&json!({"calibration": found, "fragment": fragment, "out": args.out}), || {
        let mut text = found.table();
        match &args.out {
            Some(out) => text += &format!("\nfragment written to {}\n", out.display()),
            None => text += &format!("\n{fragment}"),
        }
        text
    });
    Ok(Verdict::Yes)
}

fn date(option: &str, text: &str) -> Result<Utc, Failure> {
    Utc::parse(text).ok_or_else(|| {
        let message = format!("{option} {text}: no date; write 2020-03-12 or 2020-03-12T06:00:00Z");
        Failure::Message(message)
    })
}

fn stretch(text: &str) -> Result<Range, Failure> {
    let (start, end) = text.split_once("..").ok_or_else(|| {
        Failure::Message(format!("--without {text}: write 2020-03-05..2020-03-21"))
    })?;
    let range = Range { start: date("--without", start)?, end: date("--without", end)? };
    if range.start >= range.end {
        return Err(Failure::Message(format!("--without {text}: the first date must be earlier")));
    }
    Ok(range)
}
