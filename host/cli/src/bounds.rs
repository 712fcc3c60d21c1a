// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options that bound what a run may do and spend, and what it is given.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use priory::core::amounts::BudgetSpec;
use priory::core::grant::GrantTemplate;
use priory::core::money::Dollars;
use priory::core::{Dimension, GrantSet, LimitSpec};

use crate::amount::{parse_duration, parse_fuel, parse_size};
use crate::ui::error::{Error, Result};

/// What a run may do and spend.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Bounds {
    /// Compute that may be burnt altogether, such as 500M or 2G; one unit is about one instruction
    #[arg(long, value_name = "N", value_parser = parse_fuel, help_heading = "Bounds")]
    pub(crate) fuel: Option<u64>,
    /// Memory that may be held, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Bounds")]
    pub(crate) memory: Option<u64>,
    /// Time that may pass, such as 500ms or 2m
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Bounds")]
    pub(crate) timeout: Option<u64>,
    /// What models may cost altogether, in dollars, such as 0.50
    #[arg(long, value_name = "DOLLARS", value_parser = parse_money, help_heading = "Bounds")]
    pub(crate) money: Option<u64>,
    /// What is allowed, such as `file=./docs:read`, `http=GET https://example.org/*` or `log`; with a manifest,
    /// nothing else of what it grants. May be given many times
    #[arg(long = "grant", value_name = "KIND=VALUE", help_heading = "Bounds")]
    pub(crate) grants: Vec<String>,
}

/// What a run is given.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Given {
    /// A value that the manifest declares under `[inputs]`; `--NAME VALUE` means the same. May be given many times
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = parse_input)]
    pub(crate) inputs: Vec<(String, String)>,
}

impl Bounds {
    /// Returns the limits of the frame that a run begins with.
    pub(crate) fn limits(&self) -> LimitSpec {
        let set =
            [(Dimension::Fuel, self.fuel), (Dimension::MemoryBytes, self.memory), (Dimension::TimeMs, self.timeout)];
        set.into_iter().filter_map(|(dimension, value)| Some((dimension, value?))).collect()
    }

    /// Returns what the whole run may spend.
    pub(crate) fn budget(&self) -> BudgetSpec {
        let money_microusd = self.money;
        BudgetSpec { fuel: self.fuel, memory_bytes: self.memory, money_microusd, ..BudgetSpec::default() }
    }

    /// Reads the grants. Relative paths start from the current folder.
    pub(crate) fn templates(&self) -> Result<Vec<GrantTemplate>> {
        let base = current_dir()?;
        let read = |text: &String| {
            let mut template: GrantTemplate = text.parse().map_err(|error| usage(&error))?;
            template.base.clone_from(&base);
            Ok(template)
        };
        self.grants.iter().map(read).collect()
    }

    /// Reads the grants as the most that a caller allows; `None` where none was given, which allows all that is
    /// configured.
    pub(crate) fn narrowed(&self, inputs: &BTreeMap<String, String>) -> Result<Option<GrantSet>> {
        if self.grants.is_empty() {
            return Ok(None);
        }
        let held =
            self.templates()?.into_iter().map(|template| template.resolve(inputs).map_err(|error| usage(&error)));
        held.collect::<Result<GrantSet>>().map(Some)
    }
}

impl Given {
    /// Returns the inputs by name; the last value counts.
    pub(crate) fn by_name(&self) -> BTreeMap<String, String> {
        self.inputs.iter().cloned().collect()
    }
}

/// Returns the current folder.
pub(crate) fn current_dir() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::io("the current folder cannot be found", &error))
}

/// Reads a seed of at most 64 hexadecimal digits, as a number.
pub(crate) fn parse_seed(text: &str) -> Result<[u8; 32], String> {
    let wrong = || "at most 64 hexadecimal digits are expected".to_owned();
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let full = format!("{text:0>64}");
    let mut seed = [0; 32];
    for (byte, digits) in seed.iter_mut().zip(full.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(seed)
}

/// Reads an amount of dollars, in micro-dollars.
fn parse_money(text: &str) -> Result<u64, String> {
    text.parse::<Dollars>().map(|dollars| dollars.0).map_err(|error| error.to_string())
}

fn parse_input(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE is expected".to_owned()),
    }
}

fn usage(error: &priory::core::grant::RuleError) -> Error {
    Error::usage(format!("--grant {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers() {
        let mut one = [0; 32];
        one[31] = 0x1f;
        assert_eq!(parse_seed("1f").unwrap(), one);
        assert_eq!(parse_seed(&"f".repeat(64)).unwrap(), [0xff; 32]);
        for wrong in ["", "xyz", "é", &"0".repeat(65)] {
            assert!(parse_seed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn inputs_are_names_and_values() {
        assert_eq!(parse_input("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(parse_input("a").is_err());
        assert!(parse_input("=b").is_err());
    }

    #[test]
    fn grants_are_read_as_they_are_written() {
        let bounds = Bounds { grants: vec!["file=docs:read".into(), "log".into()], ..Bounds::default() };
        let narrowed = bounds.narrowed(&BTreeMap::new()).unwrap().unwrap();
        let texts: Vec<_> = narrowed.iter().map(|held| held.grant.to_string()).collect();
        assert!(texts[0].starts_with("file=/") && texts[0].contains("/docs:read"), "{texts:?}");
        assert_eq!(texts[1], "log");
        assert!(Bounds::default().narrowed(&BTreeMap::new()).unwrap().is_none());
        let wrong = Bounds { grants: vec!["files=docs".into()], ..Bounds::default() };
        assert!(wrong.templates().is_err());
    }
}
