// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plan says is to be done, what of it is done, and what failed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::needs;
use crate::reply::Reply;
use crate::roster::{Roster, unique};
use crate::stop::{Stop, clip};

/// Bytes of the id of a task: it is repeated wherever the task is needed.
const ID_BYTES_MAX: usize = 256;

/// One task of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) worker: String,
    pub(crate) input: Value,
    pub(crate) needs: Vec<String>,
}

/// What a planner replied.
pub(crate) enum Draft {
    Tasks(Vec<Item>),
    Done(Value),
}

/// A task that is done.
struct Record {
    id: String,
    worker: String,
    output: Value,
}

pub(crate) struct Agenda {
    workers: Roster,
    /// Tasks that may be started, over all rounds.
    tasks_max: usize,
    started: usize,
    pending: Vec<Item>,
    running: BTreeMap<String, Item>,
    /// In the order in which they ended.
    done: Vec<Record>,
    places: BTreeMap<String, usize>,
    failed: Vec<Value>,
}

// === impl Agenda ===

impl Agenda {
    pub(crate) fn new(workers: Roster, tasks_max: usize) -> Self {
        let (pending, running, places) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { workers, tasks_max, started: 0, pending, running, done: Vec::new(), places, failed: Vec::new() }
    }

    /// Returns what the planner is told of all that was done and not done.
    pub(crate) fn told(&self) -> Map<String, Value> {
        let done: Value = self
            .done
            .iter()
            .map(|Record { id, worker, output }| json!({ "id": id, "worker": worker, "output": output }))
            .collect();
        let running: Value =
            self.running.values().map(|item| json!({ "id": item.id, "worker": item.worker })).collect();
        let fields = [
            ("workers", self.workers.to_value()),
            ("done", done),
            ("running", running),
            ("failed", Value::from(self.failed.clone())),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Reads the reply of a planner, and refuses a plan that cannot be carried out.
    pub(crate) fn read(&self, value: Value) -> Result<Draft, Stop> {
        let mut reply = Reply::read("the planner", value)?;
        if let Some(output) = reply.take("done") {
            return Ok(Draft::Done(output));
        }
        if !reply.has("tasks") {
            return Err(reply.refused("say `tasks` with what is to be done, or `done` with the output"));
        }
        let list = reply.list("tasks", "tasks", self.tasks_max)?;
        let items = list.into_iter().map(item).collect::<Result<Vec<_>, _>>()?;
        unique("task", items.iter().map(|item| item.id.as_str()))?;
        items.iter().try_for_each(|item| self.workers.check(&item.worker))?;
        let open: Vec<Item> = items.into_iter().filter(|item| !self.places.contains_key(&item.id)).collect();
        if open.is_empty() {
            return Err(
                reply.refused("no task of the plan is left to be done; plan others, or say `done` with the output")
            );
        }
        needs::check(open.iter().map(|item| (item.id.as_str(), item.needs.as_slice())), |id| {
            self.places.contains_key(id)
        })?;
        let new = open.iter().filter(|item| self.running.get(&item.id) != Some(item)).count();
        if self.started + new > self.tasks_max {
            return Err(Stop::TooMany { what: "tasks", found: self.started + new, most: self.tasks_max });
        }
        Ok(Draft::Tasks(open))
    }

    /// Makes a plan the one that is carried out. Tasks that run and are not in it as they are do not run any more.
    pub(crate) fn adopt(&mut self, items: Vec<Item>) {
        let before = std::mem::take(&mut self.running);
        let (running, pending) = items.into_iter().partition::<Vec<_>, _>(|item| before.get(&item.id) == Some(item));
        self.running = running.into_iter().map(|item| (item.id.clone(), item)).collect();
        self.pending = pending;
    }

    /// Tells whether a task runs just as it is.
    pub(crate) fn runs(&self, item: &Item) -> bool {
        self.running.get(&item.id) == Some(item)
    }

    /// Takes the first task whose needs are done, while fewer than `width` run.
    pub(crate) fn start(&mut self, width: usize) -> Option<Item> {
        if self.running.len() >= width {
            return None;
        }
        let ready = |item: &Item| item.needs.iter().all(|need| self.places.contains_key(need));
        let place = self.pending.iter().position(ready)?;
        let item = self.pending.remove(place);
        self.started += 1;
        self.running.insert(item.id.clone(), item.clone());
        Some(item)
    }

    /// Returns what the worker of a task gets.
    pub(crate) fn order(&self, item: &Item) -> Value {
        let needs: Map<String, Value> = item
            .needs
            .iter()
            .filter_map(|need| Some((need.clone(), self.done.get(*self.places.get(need)?)?.output.clone())))
            .collect();
        json!({ "input": item.input, "needs": needs })
    }

    /// Notes what a task came to, and tells whether the plan is upset by it.
    pub(crate) fn note<F: Fault>(&mut self, item: Item, result: Result<Value, F>) -> bool {
        let is_planned = self.runs(&item);
        if is_planned {
            self.running.remove(&item.id);
        }
        let Item { id, worker, .. } = item;
        match result {
            Ok(output) => {
                // It ended while the planner planned something else under its id. What is done is done, and the planner
                // has to know before anything is built on it.
                let before = self.pending.len();
                self.pending.retain(|item| item.id != id);
                let is_upset = self.pending.len() < before;
                self.places.insert(id.clone(), self.done.len());
                self.done.push(Record { id, worker, output });
                is_upset
            }
            Err(fault) => {
                self.failed.push(json!({ "id": id, "worker": worker, "message": clip(&fault.message()) }));
                is_planned
            }
        }
    }

    /// Returns the outputs of all that is done, by the ids of the tasks.
    pub(crate) fn outputs(self) -> Map<String, Value> {
        self.done.into_iter().map(|record| (record.id, record.output)).collect()
    }
}

fn item(value: Value) -> Result<Item, Stop> {
    let mut reply = Reply::read("the planner", value)?;
    let id = reply.text("id")?;
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(reply.refused(format!("the `id` of a task must have 1 to {ID_BYTES_MAX} bytes")));
    }
    let worker = reply.text("worker")?;
    let mut needs = Vec::new();
    for need in reply.list("needs", "needs of a task", super::plan::TASKS_MAX)? {
        match need {
            Value::String(need) => needs.push(need),
            _ => return Err(reply.refused(format!("the `needs` of task `{id}` must be ids of tasks"))),
        }
    }
    Ok(Item { id, worker, input: reply.take("input").unwrap_or(Value::Null), needs })
}
