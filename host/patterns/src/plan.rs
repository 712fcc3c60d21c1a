// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plan and execute: a planner says what is to be done, workers do it, and it plans again when a task fails or what it
//! built on has changed.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value};

use crate::agenda::{Agenda, Draft, Item};
use crate::fault::Fault;
use crate::parallel::WIDTH_MAX;
use crate::reply::consult;
use crate::roster::Roster;
use crate::stop::{Stop, at_most};

/// Rounds of planning. The planner sees all that was done in each of them.
pub const ROUNDS_MAX: usize = 1_000;
/// Tasks that are started, over all rounds.
pub const TASKS_MAX: usize = 4_096;

/// What is to be achieved, with whom, and within which bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Planning {
    /// What is to be achieved.
    pub goal: Value,
    /// Who can be given tasks.
    pub workers: Roster,
    /// How often the planner may plan.
    pub rounds_max: usize,
    /// How many tasks may be started, over all rounds.
    pub tasks_max: usize,
    /// How many tasks go on side by side.
    pub width: usize,
}

/// What a plan came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Achieved {
    /// What the planner says is the result.
    pub output: Value,
    /// The output of each task that was done, by its id.
    pub tasks: Map<String, Value>,
}

/// A task that runs.
struct Job<Fut> {
    /// `None` when it has ended.
    item: Option<Item>,
    future: Pin<Box<Fut>>,
}

/// The tasks that run, and those that ended while something else was waited for.
struct Site<F, Fut: Future<Output = Result<Value, F>>> {
    running: FuturesUnordered<Job<Fut>>,
    ended: VecDeque<(Item, Result<Value, F>)>,
}

/// Plans, does what was planned, and plans again until the planner says that it is done.
///
/// The planner gets `{goal, workers, done: [{id, worker, output}], running: [{id, worker}], failed: [{id, worker,
/// message}], facts, changed: [name], round}` and replies `{"tasks": [{"id", "worker", "input", "needs": [id]}]}` or
/// `{"done": output}`. A worker gets `{input, needs: {id: output}}`. Tasks begin when their needs are done. What is done
/// stays done and is not done again; what runs and is in the new plan just as it was goes on; what else runs is withdrawn.
/// What ended while the planner planned is done too; where the new plan has something else under its id, it plans again.
/// `facts` is asked in the beginning and after each task. The last round can only be `done`.
pub async fn plan<F, Planner, PlannerFut, Work, WorkFut, Facts, FactsFut>(
    order: Planning,
    planner: Planner,
    work: Work,
    facts: Facts,
) -> Result<Achieved, F>
where
    F: Fault,
    Planner: Fn(Value) -> PlannerFut,
    PlannerFut: Future<Output = Result<Value, F>>,
    Work: Fn(String, Value) -> WorkFut,
    WorkFut: Future<Output = Result<Value, F>>,
    Facts: Fn() -> FactsFut,
    FactsFut: Future<Output = Result<Value, F>>,
{
    let Planning { goal, workers, rounds_max, tasks_max, width } = order;
    at_most("rounds", rounds_max, ROUNDS_MAX).and(at_most("tasks", tasks_max, TASKS_MAX)).map_err(F::stopped)?;
    let mut agenda = Agenda::new(workers, tasks_max);
    let mut site = Site { running: FuturesUnordered::new(), ended: VecDeque::new() };
    let mut known = facts().await?;
    let mut changed = Vec::new();
    for round in 1..=rounds_max {
        let mut asked = agenda.told();
        asked.insert("goal".to_owned(), goal.clone());
        asked.insert("facts".to_owned(), known.clone());
        asked.insert("changed".to_owned(), Value::from(std::mem::take(&mut changed)));
        asked.insert("round".to_owned(), Value::from(round));
        match site.alongside(consult(&planner, asked, |value| agenda.read(value))).await? {
            Draft::Done(output) => return Ok(Achieved { output, tasks: site.close(agenda) }),
            // Nobody would see what comes of it.
            Draft::Tasks(_) if round == rounds_max => break,
            Draft::Tasks(items) => agenda.adopt(items),
        }
        site.withdraw(&agenda);
        let mut is_upset = false;
        while !is_upset {
            while site.ended.is_empty()
                && let Some(item) = agenda.start(width.clamp(1, WIDTH_MAX))
            {
                let future = work(item.worker.clone(), agenda.order(&item));
                site.running.push(Job { item: Some(item), future: Box::pin(future) });
            }
            let Some((item, result)) = site.next().await else { break };
            is_upset = agenda.note(item, result);
            let now = site.alongside(facts()).await?;
            changed = differing(&known, &now);
            is_upset |= !changed.is_empty();
            known = now;
        }
    }
    Err(F::stopped(Stop::TurnsSpent { pattern: "the plan", most: rounds_max }))
}

/// Returns the names of the facts that are not what they were.
fn differing(known: &Value, now: &Value) -> Vec<String> {
    match (known, now) {
        (Value::Object(known), Value::Object(now)) => {
            let names: BTreeSet<&String> = known.keys().chain(now.keys()).collect();
            names.into_iter().filter(|name| known.get(*name) != now.get(*name)).cloned().collect()
        }
        _ if known == now => Vec::new(),
        _ => vec!["facts".to_owned()],
    }
}

// === impl Job ===

impl<T, Fut: Future<Output = T>> Future for Job<Fut> {
    type Output = (Item, T);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.future.as_mut().poll(context) {
            Poll::Ready(result) => match self.item.take() {
                Some(item) => Poll::Ready((item, result)),
                None => Poll::Pending,
            },
            Poll::Pending => Poll::Pending,
        }
    }
}

// === impl Site ===

impl<F: Fault, Fut: Future<Output = Result<Value, F>>> Site<F, Fut> {
    /// Waits for something else while the tasks go on. What ends meanwhile is kept for [`next`](Self::next).
    async fn alongside<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        poll_fn(|context| {
            while let Poll::Ready(Some(ended)) = self.running.poll_next_unpin(context) {
                self.ended.push_back(ended);
            }
            other.as_mut().poll(context)
        })
        .await
    }

    /// Waits until a task ends; `None` when none runs.
    async fn next(&mut self) -> Option<(Item, Result<Value, F>)> {
        match self.ended.pop_front() {
            Some(ended) => Some(ended),
            None => self.running.next().await,
        }
    }

    /// Drops the tasks that do not run any more.
    fn withdraw(&mut self, agenda: &Agenda) {
        let jobs = std::mem::take(&mut self.running).into_iter();
        self.running = jobs.filter(|job| job.item.as_ref().is_some_and(|item| agenda.runs(item))).collect();
    }

    /// Returns the outputs of all that is done; what still runs is withdrawn.
    fn close(self, mut agenda: Agenda) -> Map<String, Value> {
        for (item, result) in self.ended {
            agenda.note(item, result);
        }
        agenda.outputs()
    }
}
