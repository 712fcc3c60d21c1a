// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls to tools.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::priory::agent::tools;
use crate::{Failure, Pending};

pub use crate::bindings::priory::agent::types::Tool;

/// Lists the tools that are granted, ordered by name.
pub fn list() -> Result<Vec<Tool>, Failure> {
    Ok(tools::list()?)
}

/// Calls a tool, `plugin.function`, and waits for its result.
///
/// The arguments are an object with one property a parameter, under its name in WIT.
pub fn call<T: DeserializeOwned>(name: &str, arguments: &(impl Serialize + ?Sized)) -> Result<T, Failure> {
    read(name, &tools::call(name, &serde_json::to_string(arguments)?)?)
}

/// Starts a call and returns at once.
pub fn start<T: DeserializeOwned>(name: &str, arguments: &(impl Serialize + ?Sized)) -> Result<Pending<T>, Failure> {
    Ok(Pending::new(name, tools::start(name, &serde_json::to_string(arguments)?)?))
}

/// Reads a result into the type that the caller expects.
pub(crate) fn read<T: DeserializeOwned>(name: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::invalid(format!("result of {name}"), "", error.to_string()))
}
