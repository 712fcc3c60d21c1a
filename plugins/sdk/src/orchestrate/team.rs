// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agents that another agent leads: those that it is granted, or some of them.

use priory_patterns::{Entry, Fault, Roster};

use crate::Failure;
use crate::agents::AgentInfo;

/// Makes a roster of the agents that are granted, or of those of them that are named.
///
/// A name that is not granted is a failure, and so is nobody: who leads has to be told early that there is nobody to lead.
pub fn team(granted: Vec<AgentInfo>, named: Option<&[String]>) -> Result<Roster, Failure> {
    if let Some(missing) = named.into_iter().flatten().find(|name| granted.iter().all(|agent| agent.name != **name)) {
        return Err(Failure::unavailable(format!("agent {missing}"), "it is named as a worker and not granted"));
    }
    let is_one = |agent: &AgentInfo| named.is_none_or(|named| named.contains(&agent.name));
    let workers = granted.into_iter().filter(is_one).map(|agent| Entry::new(agent.name, agent.description));
    let roster = Roster::new(workers).map_err(Failure::stopped)?;
    if roster.entries().is_empty() {
        return Err(Failure::unavailable("workers", "no agents are granted; grant those that are to work"));
    }
    Ok(roster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_is_those_that_are_granted() {
        let granted = || ["a", "b"].map(|name| AgentInfo { name: name.into(), description: String::new() }).to_vec();
        assert_eq!(team(granted(), None).unwrap().names(), ["a", "b"]);
        assert_eq!(team(granted(), Some(&["b".into()])).unwrap().names(), ["b"]);
        assert!(team(granted(), Some(&["c".into()])).unwrap_err().to_string().contains("agent c"));
        assert!(team(Vec::new(), None).unwrap_err().to_string().contains("no agents are granted"));
    }
}
