// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is there to be turned to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stop::{Stop, at_most, clip};

/// Entries of a roster: an agent that reads it has to choose among them.
pub const ROSTER_MAX: usize = 1_024;

/// One who can be turned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, unique in its roster.
    pub name: String,
    /// What it is good for; for the agent that chooses.
    pub description: String,
}

/// Those who can be turned to, each with a name of its own, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster(Vec<Entry>);

// === impl Entry ===

impl Entry {
    /// Makes an entry.
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self { name: name.into(), description: description.into() }
    }
}

// === impl Roster ===

impl Roster {
    /// Makes a roster; refuses more than [`ROSTER_MAX`] entries, and a name that stands twice.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Result<Self, Stop> {
        let entries: Vec<Entry> = entries.into_iter().take(ROSTER_MAX + 1).collect();
        at_most("entries of a roster", entries.len(), ROSTER_MAX)?;
        unique("worker", entries.iter().map(|entry| entry.name.as_str()))?;
        Ok(Self(entries))
    }

    /// Makes a roster of names alone.
    pub fn named<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Result<Self, Stop> {
        Self::new(names.into_iter().map(|name| Entry::new(name, "")))
    }

    /// Returns the entries.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Returns the names.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|entry| entry.name.clone()).collect()
    }

    /// Tells whether somebody of that name is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|entry| entry.name == name)
    }

    /// Refuses a name that nobody has.
    pub fn check(&self, name: &str) -> Result<(), Stop> {
        if self.has(name) {
            return Ok(());
        }
        Err(Stop::UnknownWorker { name: clip(name), roster: self.names() })
    }

    /// Returns the roster as agents are shown it: `[{"name": …, "description": …}, …]`.
    pub fn to_value(&self) -> Value {
        self.0.iter().map(|entry| json!({ "name": entry.name, "description": entry.description })).collect()
    }

    /// Returns the part of the roster that passes.
    pub(crate) fn only(&self, passes: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|entry| passes(&entry.name)).cloned().collect())
    }
}

/// Refuses a name that stands twice.
pub(crate) fn unique<'a>(what: &'static str, names: impl IntoIterator<Item = &'a str>) -> Result<(), Stop> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(Stop::Twice { what, name: clip(name) }),
        None => Ok(()),
    }
}
