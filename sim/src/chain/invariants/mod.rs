//! Invariants of the chain, each with an id and a sentence; the same code runs in tests and in runs.
//!
//! One file per family, and a row of [`FAMILIES`] each. A family looks at a state in two depths
//! (`Family::state` after every block of every run, `Family::whole` where everything is audited)
//! and at a step from one audited state to the next (`Family::step`): indexes never fall, time never
//! goes back. What can only be seen while it happens (was the borrower below the line *when* it was
//! liquidated?) is witnessed between two calls, and reported by the next audit.

mod clock;
mod compound;
mod concentrated;
mod desk;
mod flash_loan;
mod isolated;
mod ledger;
mod liquidation;
mod oracle;
mod pair;
mod perpetual;
mod pooled;
mod stable_swap;
mod vault;
mod watch;

#[cfg(test)]
pub(in crate::chain) mod bites;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod edges;

use super::Chain;
use super::call::Log;
use serde::{Deserialize, Serialize};

pub(super) use flash_loan::Closing;
pub(super) use watch::Watch;

/// A property, by its stable id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Stable id, such as `ledger-column-sums`.
    pub id: &'static str,
    /// The property in a plain sentence.
    pub sentence: &'static str,
}

impl Invariant {
    /// A property.
    #[must_use]
    pub const fn new(id: &'static str, sentence: &'static str) -> Self {
        Self { id, sentence }
    }
    /// That it does not hold, and where.
    #[must_use]
    pub fn broken(&self, detail: String) -> Violation {
        Violation { id: self.id.to_owned(), sentence: self.sentence.to_owned(), detail }
    }
    /// Nothing where it holds; else that it does not, and where.
    ///
    /// # Errors
    /// It does not hold.
    #[inline]
    pub fn require(&self, holds: bool, detail: impl FnOnce() -> String) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.broken(detail())) }
    }
}

/// A broken invariant: which, and with what numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{id}: {sentence}: {detail}")]
pub struct Violation {
    /// Stable id, such as `ledger-column-sums`.
    pub id: String,
    /// The property in a plain sentence.
    pub sentence: String,
    /// Where, and the figures.
    pub detail: String,
}

/// What a check says.
pub(super) type Checked = Result<(), Violation>;

/// Two audited states, one after the other, and what calls reported between them.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// The state of the last audit.
    before: &'a Chain,
    /// The state now.
    after: &'a Chain,
    /// What was reported between them; `None` where some of it is lost, as when a block was never
    /// audited at its end.
    logs: Option<&'a [Log]>,
}

/// Properties that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What they are about.
    pub name: &'static str,
    /// The properties.
    pub catalogue: &'static [&'static [Invariant]],
    /// Looks at a state, in the time of a training run's block.
    state: fn(&Chain) -> Checked,
    /// Looks at everything else about a state.
    whole: fn(&Chain) -> Checked,
    /// Looks at two states.
    step: fn(&Step<'_>) -> Checked,
}

/// Every family, in the order in which they are checked.
pub const FAMILIES: &[Family] = &[
    ledger::FAMILY,
    clock::FAMILY,
    pair::FAMILY,
    concentrated::FAMILY,
    stable_swap::FAMILY,
    pooled::FAMILY,
    compound::FAMILY,
    isolated::FAMILY,
    vault::FAMILY,
    desk::FAMILY,
    perpetual::FAMILY,
    liquidation::FAMILY,
    oracle::FAMILY,
    flash_loan::FAMILY,
];

/// Every property, in the order in which they are checked.
pub fn catalogue() -> impl Iterator<Item = &'static Invariant> {
    FAMILIES.iter().flat_map(|family| family.catalogue.iter().copied().flatten())
}

/// Properties that a mechanism lists beside its own check.
const fn listed<const N: usize>(table: [(&'static str, &'static str); N]) -> [Invariant; N] {
    let mut all = [Invariant::new("", ""); N];
    let mut i = 0;
    while i < N {
        all[i] = Invariant::new(table[i].0, table[i].1);
        i += 1;
    }
    all
}

/// What a mechanism's own check says, by its place in the list.
fn by_mechanism(
    catalogue: &[Invariant],
    place: impl Fn() -> String,
    checked: Result<(), (usize, String)>,
) -> Checked {
    checked.map_err(|(i, detail)| catalogue[i].broken(format!("{}: {detail}", place())))
}

/// Nothing to look at.
const fn nothing(_: &Chain) -> Checked {
    Ok(())
}
/// Nothing to compare.
const fn no_step(_: &Step<'_>) -> Checked {
    Ok(())
}

impl Chain {
    /// Checks what every block of every run can afford: the books. Balances that no transaction wrote
    /// since the last audit hold by induction and are passed over, except every thousandth time;
    /// [`Chain::audit_all`] looks at all.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn audit(&mut self) -> Result<(), Violation> {
        self.audit_ledger(false)?;
        FAMILIES.iter().try_for_each(|family| (family.state)(self))
    }

    /// Checks every invariant on all state, and on the step from the last state that was so checked.
    /// From the first time on, the chain also watches what can only be seen between two calls.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn audit_all(&mut self) -> Result<(), Violation> {
        self.audit_ledger(true)?;
        if let Some(violation) = self.watch.witnessed() {
            return Err(violation.clone());
        }
        for family in FAMILIES {
            (family.state)(self)?;
            (family.whole)(self)?;
        }
        if let Some(step) = self.watch.step(self) {
            FAMILIES.iter().try_for_each(|family| (family.step)(&step))?;
        }
        let mut watch = std::mem::take(&mut self.watch);
        watch.remember(self);
        self.watch = watch;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_sentences_are_plain() {
        let mut ids = BTreeSet::new();
        for Invariant { id, sentence } in catalogue() {
            assert!(ids.insert(id), "{id} twice");
            let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(id.chars().all(kebab) && id.contains('-'), "{id}");
            assert!(sentence.len() > 20 && !sentence.ends_with('.'), "{id}: {sentence}");
        }
        assert!(ids.len() >= 40, "{} properties", ids.len());
    }

    /// The readable catalogue, as `docs/invariants.md` must have it.
    fn tables() -> String {
        let family = |family: &Family| {
            let rows = family.catalogue.iter().copied().flatten();
            let rows: String =
                rows.map(|row| format!("| `{}` | {} |\n", row.id, row.sentence)).collect();
            format!("## {}\n\n| id | property |\n|---|---|\n{rows}", family.name)
        };
        FAMILIES.iter().map(family).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_document_is_the_catalogue() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/invariants.md");
        let document = std::fs::read_to_string(path).expect("the document exists");
        let of_lane = document.find("## a lane").expect("the lane's own come last");
        let of_chain = document.find("## ledger").expect("the ledger's come first");
        let tables = tables();
        assert!(document[of_chain..of_lane].trim() == tables.trim(), "it should say:\n{tables}");
        for (id, sentence) in crate::audit::CATALOGUE {
            let row = format!("| `{id}` | {sentence} |");
            assert!(document[of_lane..].contains(&row), "it should say:\n{row}");
        }
    }
}
