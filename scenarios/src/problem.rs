//! What is wrong with an input: where it stands, what it says, how to mend it.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, NamedSource, SourceSpan};
use serde::Serialize;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// One thing wrong with a file.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Problem {
    message: String,
    #[source_code]
    text: Option<NamedSource<Arc<String>>>,
    #[label("here")]
    at: Option<SourceSpan>,
    #[help]
    help: Option<String>,
    place: Place,
}

/// A problem as plain values, for machines.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// The file, as named by the caller.
    pub file: String,
    /// Line, from 1; zero where the problem has no place.
    pub line: usize,
    /// Column in characters, from 1; zero where the problem has no place.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// A file and its text, to point into.
#[derive(Clone, Debug)]
pub struct Source {
    /// As named by the caller.
    pub name: String,
    /// The text.
    pub text: Arc<String>,
}

impl Source {
    /// A problem at bytes of this text.
    pub(crate) fn problem(
        &self,
        at: Option<Range<usize>>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        let message = message.into();
        let (line, column) = at.as_ref().map_or((0, 0), |range| self.position(range.start));
        let place = Place {
            file: self.name.clone(),
            line,
            column,
            message: message.clone(),
            help: help.clone(),
        };
        let text = NamedSource::new(&self.name, Arc::clone(&self.text)).with_language("RON");
        Problem { message, text: Some(text), at: at.map(SourceSpan::from), help, place }
    }

    /// Line and column of a byte, both from 1.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..byte.min(self.text.len())];
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }

    /// The byte of a line and column, both from 1.
    pub(crate) fn byte(&self, line: usize, column: usize) -> usize {
        let start: usize =
            self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = self.text[start..].chars().take(column.saturating_sub(1));
        (start + rest.map(char::len_utf8).sum::<usize>()).min(self.text.len())
    }
}

/// An input that cannot be used, with everything that is wrong with it.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
#[error("{file}: {} {}", problems.len(), if problems.len() == 1 { "problem" } else { "problems" })]
pub struct Rejected {
    /// The file.
    pub file: String,
    /// All of it, in the order of the file.
    #[related]
    pub problems: Vec<Problem>,
}

impl Rejected {
    /// A file with one problem and no place in it.
    pub fn whole(path: &Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::at_line(path, 0, message, help)
    }

    /// A file with one problem on a line that cannot be shown; 0 where it is on none.
    pub fn at_line(
        path: &Path,
        line: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let file = path.display().to_string();
        let (message, help) = (message.into(), help.into());
        let place = Place {
            file: file.clone(),
            line,
            column: 0,
            message: message.clone(),
            help: Some(help.clone()),
        };
        let at = if line > 0 { format!("{file}:{line}") } else { file.clone() };
        let problem = Problem {
            message: format!("{at}: {message}"),
            text: None,
            at: None,
            help: Some(help),
            place,
        };
        Self { file, problems: vec![problem] }
    }

    /// The problems as plain values.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        self.problems.iter().map(|p| p.place.clone()).collect()
    }
}

impl Problem {
    /// This problem as plain values.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }
}

/// A rejected file for people: each problem with its line, a caret and a fix.
#[must_use]
pub fn render(rejected: &Rejected, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut text = String::new();
    for problem in &rejected.problems {
        if handler.render_report(&mut text, problem).is_err() {
            text += &problem.message;
        }
        text.push('\n');
    }
    text + &rejected.to_string()
}

/// The candidate nearest to what was written, if any is near.
pub(crate) fn nearest<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let stem = |s: &str| s.split('_').next().unwrap_or(s).to_owned();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let mut distance = edit_distance(found, candidate);
        // A wrong unit (`heartbeat_hours` for `heartbeat_secs`) shares all but the last word.
        let common = found.chars().zip(candidate.chars()).take_while(|(a, b)| a == b).count();
        if stem(found) == stem(candidate) && common >= 4 {
            distance = distance.min(3);
        }
        if best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.filter(|(d, _)| *d <= 3.max(found.len() / 3)).map(|(_, c)| c)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_unit_and_a_typo_both_find_the_field_meant() {
        let fields = ["heartbeat_secs", "deviation_bps", "lag_secs"];
        assert_eq!(nearest("heartbeat_hours", fields), Some("heartbeat_secs"));
        assert_eq!(nearest("deviaton_bps", fields), Some("deviation_bps"));
        assert_eq!(nearest("zebra", fields), None);
    }

    #[test]
    fn positions_and_bytes_are_inverse() {
        let source = Source { name: "x".into(), text: Arc::new("ab\nçd\n\nz".into()) };
        for (byte, place) in [(0, (1, 1)), (3, (2, 1)), (5, (2, 2)), (8, (4, 1))] {
            assert_eq!(source.position(byte), place);
            assert_eq!(source.byte(place.0, place.1), byte);
        }
    }
}
