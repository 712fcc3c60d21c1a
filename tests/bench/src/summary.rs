// SPDX-License-Identifier: MIT OR Apache-2.0
//! The named figures: printed as they come, and kept in `target/bench/summary.json`.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::guests::workspace;

/// One figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The value.
    pub value: f64,
    /// How it came about, in words.
    pub note: String,
    /// What it should be at most; `None` where it is only reported.
    pub bar: Option<f64>,
}

/// The figures so far.
#[derive(Debug, Default)]
pub struct Summary(BTreeMap<String, Figure>);

impl Summary {
    /// Takes a figure and prints it.
    pub fn take(&mut self, name: &str, value: f64, bar: Option<f64>, note: impl Into<String>) {
        let note = note.into();
        let verdict = match bar {
            Some(bar) if value <= bar => format!("≤ {bar}"),
            Some(bar) => format!("MISSED ≤ {bar}"),
            None => "reported".to_owned(),
        };
        println!("{name:<28} {value:>12.2}  {verdict:<14} {note}");
        self.0.insert(name.to_owned(), Figure { value, note, bar });
    }

    /// Takes a figure that should not be below its bar, and prints it.
    pub fn take_at_least(&mut self, name: &str, value: f64, bar: f64, note: impl Into<String>) {
        let note = note.into();
        let verdict = if value >= bar { format!("≥ {bar}") } else { format!("MISSED ≥ {bar}") };
        println!("{name:<28} {value:>12.2}  {verdict:<14} {note}");
        self.0.insert(name.to_owned(), Figure { value, note, bar: Some(bar) });
    }

    /// Writes the figures, keeping those of earlier runs that were not measured in this one.
    pub fn write(&self) -> anyhow::Result<()> {
        let folder = workspace().join("target").join("bench");
        std::fs::create_dir_all(&folder).context("the folder of the summary cannot be made")?;
        let path = folder.join("summary.json");
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        let mut figures: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&old).unwrap_or_default();
        for (name, figure) in &self.0 {
            let entry = serde_json::json!({ "value": figure.value, "bar": figure.bar, "note": figure.note });
            figures.insert(name.clone(), entry);
        }
        std::fs::write(&path, serde_json::to_string_pretty(&figures)?).context("the summary cannot be written")?;
        println!("written to {}", path.strip_prefix(workspace()).unwrap_or(&path).display());
        Ok(())
    }
}
