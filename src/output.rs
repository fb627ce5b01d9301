//! What the program says, and to whom.

use indicatif::{ProgressBar, ProgressStyle};
use scenarios::episode::EpisodeError;
use scenarios::problem::Rejected;
use scenarios::reproduction::BrokenWorld;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

/// Where results go: JSON for machines, or text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether a machine reads.
    pub(crate) json: bool,
}

/// How a command that ran ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done, or the answer is yes.
    Yes,
    /// The answer is no.
    No,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Yes => Self::SUCCESS,
            Verdict::No => Self::from(1),
        }
    }
}

/// Why a command could not run.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file that cannot be used.
    Rejected(Vec<Rejected>),
    /// An invariant broke, and nothing has been written about it yet.
    Stopped(Box<BrokenWorld>),
    /// An invariant broke: what and where, as text and as JSON.
    Broken {
        /// For people.
        text: String,
        /// For machines.
        value: Value,
    },
    /// Anything else: what, and how to mend it.
    Message(String),
}

impl Failure {
    /// "Could not run".
    pub(crate) fn exit_code() -> ExitCode {
        ExitCode::from(2)
    }
    /// From anything that explains itself.
    pub(crate) fn from_error(error: impl std::fmt::Display) -> Self {
        Self::Message(error.to_string())
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(vec![rejected])
    }
}

impl From<Box<BrokenWorld>> for Failure {
    fn from(world: Box<BrokenWorld>) -> Self {
        Self::Stopped(world)
    }
}

impl From<EpisodeError> for Failure {
    fn from(error: EpisodeError) -> Self {
        match error {
            EpisodeError::Broken(world) => Self::Stopped(world),
            EpisodeError::Tape(_) => Self::from_error(error),
        }
    }
}

/// Anything that explains itself becomes a message.
macro_rules! from_error {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::from_error(error)
            }
        })*
    };
}
from_error!(scenarios::manifest::RunError);

impl Output {
    /// Prints a result: its JSON to a machine, its text to a person.
    pub(crate) fn result(self, value: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { value.to_string() } else { text() };
        let mut out = stdout().lock();
        // A closed pipe is the reader's choice, not an error.
        drop(writeln!(out, "{}", line.trim_end()));
    }

    /// Says something on the side.
    pub(crate) fn note(self, text: &str) {
        drop(writeln!(stderr().lock(), "{text}"));
    }

    /// Explains a failure on standard error, and as JSON where a machine reads.
    pub(crate) fn fail(self, failure: &Failure) {
        match failure {
            Failure::Rejected(files) => {
                for file in files {
                    self.note(&explain(file));
                }
                if self.json {
                    let problems: Vec<_> = files.iter().flat_map(Rejected::places).collect();
                    self.result(&json!({"error": "rejected", "problems": problems}), String::new);
                }
            }
            Failure::Broken { text, value } => {
                self.note(&format!("error: {text}"));
                if self.json {
                    self.result(value, String::new);
                }
            }
            Failure::Stopped(world) => self.fail(&Failure::from_error(world)),
            Failure::Message(message) => {
                self.note(&format!("error: {message}"));
                if self.json {
                    self.result(&json!({"error": message}), String::new);
                }
            }
        }
    }
}

/// A rejected file with carets, in colour on a terminal.
pub(crate) fn explain(rejected: &Rejected) -> String {
    scenarios::problem::render(rejected, stderr().is_terminal())
}

/// A bar on standard error that counts blocks; `len` 0 where the end is not known. Hidden where
/// standard error is no terminal.
pub(crate) fn progress_bar(what: &'static str, len: u64) -> ProgressBar {
    let template = if len == 0 {
        "{prefix:>9} {spinner} {human_pos} blocks, {per_sec} {msg}"
    } else {
        "{prefix:>9} {bar:30} {percent:>3} % {human_pos} blocks, {per_sec}, {eta} left {msg}"
    };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_template_error| ProgressStyle::default_bar());
    let bar = if len == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(len) };
    bar.with_style(style).with_prefix(what)
}
