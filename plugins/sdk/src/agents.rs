// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls to other agents. A called agent holds at most what its caller holds or may lend.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::priory::agent::agents;
use crate::{Failure, Pending, Report, tools};

pub use crate::bindings::priory::agent::types::AgentInfo;

/// Lists the agents that are granted, ordered by name.
pub fn list() -> Result<Vec<AgentInfo>, Failure> {
    Ok(agents::list()?)
}

/// Gives an agent a task and waits for its report.
///
/// `feedback` tells why a previous attempt at the same task was refused.
pub fn call<T: DeserializeOwned>(
    name: &str,
    input: &(impl Serialize + ?Sized),
    feedback: Option<&str>,
) -> Result<Report<T>, Failure> {
    let report = agents::call(name, &serde_json::to_string(input)?, feedback)?;
    Ok(Report { output: tools::read(name, &report.output)?, summary: report.summary })
}

/// Gives an agent a task and returns at once. Waiting yields the output of its report.
pub fn start<T: DeserializeOwned>(
    name: &str,
    input: &(impl Serialize + ?Sized),
    feedback: Option<&str>,
) -> Result<Pending<T>, Failure> {
    Ok(Pending::new(name, agents::start(name, &serde_json::to_string(input)?, feedback)?))
}
