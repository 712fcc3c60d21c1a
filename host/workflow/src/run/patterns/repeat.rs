// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loop: one node again and again, until a condition holds.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use priory_core::effect::Level;
use priory_patterns::repeat::{self, repeat};

use super::{task, tree};
use crate::expression::{Expression, Scope, Value};
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// What is repeated, and how often.
pub(super) struct Rounds<'a> {
    pub(super) body: &'a str,
    pub(super) until: Option<&'a Expression>,
    pub(super) most: u32,
    pub(super) carry: Option<&'a Expression>,
    pub(super) last_will_do: bool,
}

/// In its first round the body is given what the loop is given; later, what `carry` says, or what it came to.
pub(super) async fn run(execution: &Execution, at: &At<'_>, rounds: Rounds<'_>) -> Result<Value, Broken> {
    let most = usize::try_from(rounds.most).unwrap_or(usize::MAX);
    let limits = repeat::Rounds { most, last_is_fine: rounds.last_will_do || rounds.until.is_none() };
    let ended = AtomicUsize::new(0);
    // What the expressions of a round may use: the state may change between two of them.
    let after = Mutex::new(at.scope.clone());
    let body = |round: usize, last: serde_json::Value| {
        let (after, rounds) = (&after, &rounds);
        async move {
            let scope = scope(&at.scope, round, if round == 0 { Value::Null } else { Value::from(last.clone()) });
            let given = match rounds.carry.filter(|_| round > 0) {
                None => last,
                Some(carry) => {
                    let scope = after.lock().clone();
                    let carried = carry.evaluate(&scope);
                    tree(&carried.map_err(|error| execution.wrong(at.name, "loop.carry", &error))?)?
                }
            };
            let output = execution.child(rounds.body, &scope, given).await?;
            let held = scope.child().with("output", Value::from(output.clone()));
            *after.lock() = execution.with_state(&at.prepared.reads, held).await?;
            Ok(output)
        }
    };
    let until = |round: usize, _: &serde_json::Value| {
        ended.store(round + 1, Ordering::Relaxed);
        match rounds.until {
            None => Ok(false),
            Some(until) => {
                let scope = after.lock().clone();
                until.holds(&scope).map_err(|error| execution.wrong(at.name, "loop.until", &error))
            }
        }
    };
    let output = repeat(limits, task(at)?, body, until).await?;
    execution.note(Level::Info, &format!("node {} ended after {} rounds", at.name, ended.load(Ordering::Relaxed)));
    Ok(Value::from(output))
}

fn scope(around: &Scope, round: usize, last: Value) -> Scope {
    let round = Value::Int(i64::try_from(round).unwrap_or(i64::MAX));
    around.child().with("round", round).with("last", last)
}
