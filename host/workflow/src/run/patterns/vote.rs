// SPDX-License-Identifier: MIT OR Apache-2.0
//! Vote: several decide together; it is over as soon as nobody can change it any more.

use priory_patterns::vote::{Ballot, Majority, Voter, vote};

use super::{task, unfit};
use crate::definition::Vote;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Comes to `{choice, votes, voters}`.
pub(super) async fn run(execution: &Execution, at: &At<'_>, says: &Vote) -> Result<Value, Broken> {
    let weight = |name: &String| says.weights.get(name).copied().unwrap_or(1);
    let voter = |name: &String| Voter { name: name.clone(), weight: u32::try_from(weight(name)).unwrap_or(u32::MAX) };
    let ballot = Ballot {
        voters: says.voters.iter().map(voter).collect(),
        quorum: says.quorum.unwrap_or(says.voters.len()),
        majority: says.majority.map_or(Majority::Plurality, Majority::Over),
    };
    let given = &task(at)?;
    let cast = |name: String| async move { execution.child(&name, &at.scope, given.clone()).await };
    let choice = |_: &str, output: &serde_json::Value| {
        let scope = at.scope.child().with("output", Value::from(output.clone()));
        let chosen = says.choice.evaluate(&scope);
        let chosen = chosen.map_err(|error| execution.wrong(at.name, "vote.choice", &error))?;
        match chosen.as_text() {
            Some(text) => Ok(text.to_owned()),
            None => Err(unfit(at, "vote.choice", format!("a text is expected, and it is {}", chosen.kind()))),
        }
    };
    Ok(Value::from(vote(ballot, cast, choice).await?.to_value()))
}
