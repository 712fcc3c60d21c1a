// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent passes the task on to another, with what is known so far, until one of them finishes it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::progress::{Progress, Stall};
use crate::reply::{Reply, consult, opened, question, unreadable};
use crate::roster::Roster;
use crate::stop::{Stop, at_most};

/// Hand-offs of one task.
pub const HANDOFFS_MAX: usize = 1_000;
/// Things that are known of one task.
pub const KNOWN_MAX: usize = 4_096;

/// A task that agents hand on, and how often they may.
#[derive(Debug, Clone, PartialEq)]
pub struct Handoffs {
    /// What is to be done.
    pub task: Value,
    /// Who begins.
    pub first: String,
    /// Who there is.
    pub roster: Roster,
    /// To whom each may hand it; who is not in it may hand it to nobody. `None`: everybody to everybody.
    pub routes: Option<BTreeMap<String, BTreeSet<String>>>,
    /// What is known in the beginning.
    pub knows: Map<String, Value>,
    /// How often it may be handed on.
    pub handoffs_max: usize,
    /// How often in a row it may go back to the one from whom it came; the last of them is refused.
    pub bounces_max: usize,
}

/// What came of a task that was handed on.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The result.
    pub output: Value,
    /// Everybody who had it, in their order. The last of them finished it.
    pub path: Vec<String>,
    /// What was known in the end.
    pub knows: Map<String, Value>,
}

enum Step {
    Finished(Value),
    On(Onward),
}

struct Onward {
    to: String,
    task: Option<Value>,
    knows: Map<String, Value>,
}

/// Lets agents hand a task on until one of them replies with a result.
///
/// The agent in charge gets `{task, from, knows, peers: [{name, description}]}` and replies with its result, or with
/// `{"handoff": {"to": peer, "task": any, "knows": {…}}}`; without `task` it stays the same. What is known accumulates by
/// key. Whoever fails ends it.
pub async fn handoff<F, Work, Fut>(order: Handoffs, work: Work) -> Result<Finished, F>
where
    F: Fault,
    Work: Fn(String, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let Handoffs { mut task, first, roster, routes, mut knows, handoffs_max, bounces_max } = order;
    at_most("hand-offs", handoffs_max, HANDOFFS_MAX).and(roster.check(&first)).map_err(F::stopped)?;
    let mut watch = Progress::new(usize::MAX, bounces_max.max(1));
    let (mut path, mut agent) = (Vec::new(), first);
    watch.saw(agent.clone());
    loop {
        let peers = peers(&roster, routes.as_ref(), &agent);
        let from = path.last().cloned();
        path.push(agent.clone());
        let asked = json!({ "task": task, "from": from, "knows": knows, "peers": peers.to_value() });
        let call = |input| work(agent.clone(), input);
        let on = match consult(&call, question(asked), |value| read(&agent, value, &peers)).await? {
            Step::Finished(output) => return Ok(Finished { output, path, knows }),
            Step::On(on) => on,
        };
        if path.len() > handoffs_max {
            return Err(F::stopped(Stop::TurnsSpent { pattern: "the hand-off", most: handoffs_max }));
        }
        if let Some(Stall::Bounced { times } | Stall::Repeated { times }) = watch.saw(on.to.clone()) {
            return Err(F::stopped(Stop::Bounced { between: (agent, on.to), times }));
        }
        knows.extend(on.knows);
        at_most("things known", knows.len(), KNOWN_MAX).map_err(F::stopped)?;
        task = on.task.unwrap_or(task);
        agent = on.to;
    }
}

/// Returns to whom an agent may hand its task.
fn peers(roster: &Roster, routes: Option<&BTreeMap<String, BTreeSet<String>>>, agent: &str) -> Roster {
    let leads = |to: &str| routes.is_none_or(|routes| routes.get(agent).is_some_and(|peers| peers.contains(to)));
    roster.only(|name| name != agent && leads(name))
}

fn read(agent: &str, value: Value, peers: &Roster) -> Result<Step, Stop> {
    // A result is passed on as it is: only what holds a hand-off is opened.
    let Value::Object(mut fields) = opened(value.clone()) else { return Ok(Step::Finished(value)) };
    let Some(handoff) = fields.remove("handoff").filter(|handoff| !handoff.is_null()) else {
        return Ok(Step::Finished(value));
    };
    let mut reply = Reply::read(agent, handoff)?;
    let to = reply.text("to")?;
    peers.check(&to)?;
    let knows = match reply.take("knows") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(knows)) => knows,
        Some(_) => return Err(unreadable(agent, "`knows` must be an object: what is known accumulates by key")),
    };
    Ok(Step::On(Onward { to, task: reply.take("task").filter(|task| !task.is_null()), knows }))
}
