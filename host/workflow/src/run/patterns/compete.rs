// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compete: several attempt the same task, and one wins; the others are withdrawn, and what they did not spend goes back.

use priory_patterns::compete;

use super::{task, unfit};
use crate::definition::{Compete, Pick};
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Comes to `{winner, output}`, with `why` where a judge decided and `scores` where a score did.
pub(super) async fn run(execution: &Execution, at: &At<'_>, says: &Compete) -> Result<Value, Broken> {
    let contenders = execution.roster(&says.contenders)?;
    let given = &task(at)?;
    let work = |name: String| async move { execution.child(&name, &at.scope, given.clone()).await };
    let won = match &says.pick {
        // What breaks its contract has failed already.
        Pick::First => compete::first(contenders, work, |_, _| Ok(true)).await?,
        Pick::Score(score) => {
            let scored = |_: &str, output: &serde_json::Value| {
                let scope = at.scope.child().with("output", Value::from(output.clone()));
                let value = score.evaluate(&scope);
                let value = value.map_err(|error| execution.wrong(at.name, "compete.score", &error))?;
                number(&value).ok_or_else(|| {
                    unfit(at, "compete.score", format!("a number is expected, and it is {}", value.kind()))
                })
            };
            compete::scored(contenders, work, scored).await?
        }
        Pick::Judge(judge) => {
            let judge = |asked| execution.child(judge, &at.scope, asked);
            compete::judged(given.clone(), contenders, work, judge).await?
        }
    };
    Ok(Value::from(won.to_value()))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}
