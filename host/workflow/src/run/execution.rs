// SPDX-License-Identifier: MIT OR Apache-2.0
//! One execution of a workflow, from its input to its end.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use priory_core::effect::{self, Level};
use priory_core::event::Label;
use priory_core::failure::LimitHit;
use priory_core::ports::FrameHost;
use priory_core::{Dimension, Effect, Failure, Json, Outcome};
use priory_patterns::{Asked, Desk};

use super::around::Undoing;
use super::broken::Broken;
use super::pace::Pace;
use super::workflow::Workflow;
use crate::expression::{Scope, Value};

/// How many different calls are watched for whether they come to the same again and again. More than that at once is no
/// standstill.
const WATCHED_MAX: usize = 10_000;

/// One execution of a workflow.
pub(crate) struct Execution {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) desk: Desk<Effect, Outcome>,
    pub(crate) label: Label,
    /// What has to be undone when the whole fails, the oldest first.
    pub(crate) undoing: Mutex<Vec<Undoing>>,
    /// What it may do between two effects.
    pub(crate) pace: Arc<Pace>,
    host: Arc<dyn FrameHost>,
    seed: u64,
    /// How many of its effects may go on at once.
    width: u64,
    tally: Mutex<Tally>,
}

/// What is counted for the rules that stop the whole.
#[derive(Default)]
struct Tally {
    steps: u64,
    /// What each call came to the last time, and how often in a row.
    came: HashMap<u64, (u64, u32)>,
}

impl Execution {
    pub(crate) fn new(
        workflow: Arc<Workflow>,
        host: Arc<dyn FrameHost>,
        label: Label,
        seed: [u8; 32],
        width: u64,
    ) -> Self {
        let seed = seed.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte));
        Self {
            workflow,
            desk: Desk::new(),
            label,
            undoing: Mutex::default(),
            pace: Arc::default(),
            host,
            seed,
            width,
            tally: Mutex::default(),
        }
    }

    /// Runs the workflow. When it fails or is cancelled, what its nodes did is undone first, as far as they say how.
    pub(crate) async fn run(&self, input: Json) -> Result<Json, Failure> {
        let definition = &self.workflow.definition;
        if let Some(schema) = &self.workflow.input {
            schema.validate(&input, || format!("input of workflow {}", definition.name))?;
        }
        let has_undo = definition.nodes.values().any(|node| node.undo.is_some());
        if has_undo && self.width < 2 {
            return Err(self.over(Dimension::Pending, 2, self.width));
        }
        let main = self.main(Value::from(input.to_value()));
        // Listened to until all is undone: whoever cancels meanwhile does not keep it from that.
        let mut cancelled = has_undo.then(|| self.desk.ask(Effect::AwaitCancel));
        let result = match &mut cancelled {
            Some(cancelled) => self.unless_cancelled(main, cancelled).await,
            None => main.await,
        };
        match result {
            Ok(output) => Ok(output),
            Err(Broken(failure)) => {
                self.undo_all(&failure).await;
                Err(failure)
            }
        }
    }

    async fn main(&self, input: Value) -> Result<Json, Broken> {
        let workflow = &*self.workflow;
        let scope = Scope::new().with("input", input.clone()).with("given", input.clone());
        let nodes = workflow.tree.top();
        let outputs = self.graph(nodes, &scope, &input).await?;
        let output = match workflow.definition.result_place() {
            None => self.last_outputs(nodes, &outputs),
            Some(place) => {
                let mut scope = scope;
                for name in place.expression.names() {
                    if let Some(output) = outputs.get(&*name.root) {
                        scope.set(&name.root, output.clone());
                    }
                }
                let keys = workflow.reads_of_result();
                let scope = self.with_state(keys, scope).await?;
                place.expression.evaluate(&scope).map_err(|error| self.wrong("", "result", &error))?
            }
        };
        let output = written(&output)?;
        if let Some(schema) = &workflow.output {
            schema.validate(&output, || format!("result of workflow {}", workflow.definition.name))?;
        }
        Ok(output)
    }

    /// Does something until the run is cancelled: then it is dropped, when this returns.
    async fn unless_cancelled(
        &self,
        main: impl Future<Output = Result<Json, Broken>>,
        cancelled: &mut Asked<Effect, Outcome>,
    ) -> Result<Json, Broken> {
        match select(pin!(main), cancelled).await {
            Either::Left((result, _)) => result,
            Either::Right((Ok(effect::Value::Json(json)), _)) => {
                let by = json.to_value().get("by").and_then(|by| by.as_str().map(str::to_owned));
                Err(Failure::Cancelled { by: by.unwrap_or_else(|| "somebody".to_owned()) }.into())
            }
            Either::Right((_, main)) => main.await,
        }
    }

    /// Performs an effect, and stops the whole when that is the rule.
    pub(crate) async fn ask(&self, effect: Effect) -> Result<effect::Value, Broken> {
        self.pace.asked();
        let stop = &self.workflow.definition.stop;
        let is_call = matches!(effect, Effect::ToolCall { .. } | Effect::AgentCall { .. } | Effect::ModelCall { .. });
        if let (true, Some(most)) = (is_call, stop.steps) {
            let mut tally = self.tally.lock();
            tally.steps = tally.steps.saturating_add(1);
            if tally.steps > most {
                return Err(self.over(Dimension::Calls, tally.steps, most).into());
            }
        }
        let Some(most) = stop.repeats.filter(|_| is_call) else { return Ok(self.desk.ask(effect).await?) };
        let asked = digest(&effect);
        let what = effect.summary();
        let outcome = self.desk.ask(effect).await;
        let times = self.tally.lock().saw(asked, digest(&outcome));
        if times > most {
            let frame = format!("{}: {what} came to the same again and again", self.label);
            let (used, allowed) = (u64::from(times), u64::from(most));
            return Err(Failure::Limit(LimitHit { dimension: Dimension::Repeats, used, allowed, frame }).into());
        }
        Ok(outcome?)
    }

    /// Writes down what was decided without an effect, for people.
    pub(crate) fn note(&self, level: Level, message: &str) {
        // A frame that has no room for log any more says so where it matters.
        let _ = self.host.log(level, message, 0);
    }

    /// Returns a number for a node and an attempt that is the same whenever this is executed.
    pub(crate) fn seed_of(&self, node: &str) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes()).update(node.as_bytes());
        let bytes = hasher.finalize();
        bytes.as_bytes().iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
    }

    /// Makes the failure of a limit of the whole.
    pub(crate) fn over(&self, dimension: Dimension, used: u64, allowed: u64) -> Failure {
        Failure::limit(dimension, used, allowed, &self.label)
    }

    /// Makes the failure of an expression that has no value.
    pub(crate) fn wrong(&self, node: &str, key: &str, error: &dyn std::fmt::Display) -> Broken {
        let subject = match node {
            "" => format!("`{key}` of workflow {}", self.workflow.definition.name),
            node => format!("`{key}` of node {node}"),
        };
        Failure::invalid(subject, "", error.to_string()).into()
    }
}

impl Tally {
    /// Counts how often in a row something came to the same.
    fn saw(&mut self, asked: u64, came: u64) -> u32 {
        if self.came.len() >= WATCHED_MAX && !self.came.contains_key(&asked) {
            self.came.clear();
        }
        let (last, times) = self.came.entry(asked).or_insert((came, 0));
        if *last == came {
            *times = times.saturating_add(1);
        } else {
            (*last, *times) = (came, 1);
        }
        *times
    }
}

/// Writes a value as JSON.
pub(crate) fn written(value: &Value) -> Result<Json, Broken> {
    Json::of(value).map_err(|error| Failure::other(format!("a value cannot be written: {error}")).into())
}

/// Returns a number for something, by which it is known again within this process and this execution.
fn digest(what: &impl serde::Serialize) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(what).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}
