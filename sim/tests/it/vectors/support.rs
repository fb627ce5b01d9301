//! Reading vectors, and comparing with them.

use markets::units::{Amount, U256};
use serde_json::Value;
use std::io::Write;

/// A field that differs.
#[derive(Clone, Debug)]
pub struct Mismatch {
    pub field: String,
    pub expected: String,
    pub got: String,
}

/// The first step that differs: as many before it were equal.
#[derive(Clone, Debug)]
pub struct Failed {
    pub step: usize,
    pub mismatch: Mismatch,
}

impl Mismatch {
    /// In this step.
    pub fn at(self, step: usize) -> Failed {
        Failed { step, mismatch: self }
    }
}

/// A number or string as text.
pub fn text(v: &Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}
/// An integer of 64 bits, written as a number or a string.
pub fn number(v: &Value) -> u64 {
    text(v).parse().unwrap_or_else(|_| panic!("not an integer of 64 bits: {v}"))
}
/// An integer of 256 bits, written as a number or a string.
pub fn integer(v: &Value) -> U256 {
    U256::from_str_radix(&text(v), 10).unwrap_or_else(|_| panic!("not an integer of 256 bits: {v}"))
}
/// The same as an amount.
pub fn amount(v: &Value) -> Amount {
    Amount(integer(v))
}

/// Compares one field, as text: integers are printed in full on both sides.
pub fn same(
    field: impl Into<String>,
    expected: &Value,
    got: impl ToString,
) -> Result<(), Mismatch> {
    let (expected, got) = (text(expected), got.to_string());
    if expected == got { Ok(()) } else { Err(Mismatch { field: field.into(), expected, got }) }
}

/// Prints past the test runner's capture: these figures are what the test is run for.
pub fn say(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").expect("standard error takes a line");
}
