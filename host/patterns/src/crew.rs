// SPDX-License-Identifier: MIT OR Apache-2.0
//! Roles and tasks: done in their order by those whose roles they are, or assigned and reviewed by a lead.

use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::needs;
use crate::reply::{Reply, consult, question};
use crate::roster::{Entry, Roster, unique};
use crate::stop::{Stop, at_most, clip};

/// Tasks of a crew. Each sees what was done before, so they cost more and more.
pub const TASKS_MAX: usize = 1_024;
/// How often the outcome of a task may be refused.
pub const REVISIONS_MAX: usize = 100;

/// One who does tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name of the role, unique in its crew.
    pub name: String,
    /// What it is after.
    pub goal: String,
    /// Who it is.
    pub description: String,
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The name of the task, unique in its crew.
    pub name: String,
    /// What is to be done.
    pub what: Value,
    /// Who does it. Without it a lead assigns it.
    pub role: Option<String>,
    /// The tasks whose outputs it gets. Without any it gets all that were done before.
    pub needs: Vec<String>,
}

/// Who does what, to what end.
#[derive(Debug, Clone, PartialEq)]
pub struct Crew {
    /// What all of it is for.
    pub goal: Value,
    /// Who there is.
    pub roles: Vec<Role>,
    /// What is to be done: in this order, but for tasks that need later ones.
    pub tasks: Vec<Task>,
}

/// What a crew made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The output of the task that was done last.
    pub output: Value,
    /// The output of each task, by its name.
    pub tasks: Map<String, Value>,
}

/// Does the tasks one after the other.
///
/// Each gets `{role, goal, description, task, context: {task: output}}`. A task that fails ends it.
pub async fn sequential<F, Work, Fut>(crew: Crew, work: Work) -> Result<Made, F>
where
    F: Fault,
    Work: Fn(String, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let mut shift = Shift::new(crew).map_err(F::stopped)?;
    if let Some(task) = shift.open.iter().find(|task| task.role.is_none()) {
        return Err(F::stopped(Stop::Unassigned { task: task.name.clone() }));
    }
    while let Some(task) = shift.next() {
        let name = task.role.clone().unwrap_or_default();
        let output = work(name.clone(), Value::Object(shift.order(&task, &name))).await?;
        shift.keep(task.name, output);
    }
    Ok(shift.made())
}

/// Lets a lead assign each task that has no role, and review what comes of each.
///
/// `lead` gets `{goal, tasks, roles, done, task, phase}`. In the phase `assign` it replies `{"assign": role}`; in the
/// phase `review` it gets `role` and `output` too, and replies `{"accept": true}` or `{"accept": false, "feedback": …}`.
/// What is not accepted is done again with `feedback` and `previous`, at most `revisions_max` times.
pub async fn hierarchical<F, Lead, LeadFut, Work, WorkFut>(
    crew: Crew,
    revisions_max: usize,
    lead: Lead,
    work: Work,
) -> Result<Made, F>
where
    F: Fault,
    Lead: Fn(Value) -> LeadFut,
    LeadFut: Future<Output = Result<Value, F>>,
    Work: Fn(String, Value) -> WorkFut,
    WorkFut: Future<Output = Result<Value, F>>,
{
    at_most("revisions", revisions_max, REVISIONS_MAX).map_err(F::stopped)?;
    let mut shift = Shift::new(crew).map_err(F::stopped)?;
    while let Some(task) = shift.next() {
        let name = match &task.role {
            Some(role) => role.clone(),
            None => consult(&lead, shift.question(&task, "assign"), |value| assigned(value, &shift.roster)).await?,
        };
        let mut order = shift.order(&task, &name);
        let mut revision = 0;
        let output = loop {
            let output = work(name.clone(), Value::Object(order.clone())).await?;
            let mut review = shift.question(&task, "review");
            review.insert("role".to_owned(), Value::from(name.as_str()));
            review.insert("output".to_owned(), output.clone());
            let Some(feedback) = consult(&lead, review, reviewed).await? else { break output };
            if revision == revisions_max {
                let (task, feedback) = (task.name, clip(&feedback));
                return Err(F::stopped(Stop::Rejected { task, times: revision + 1, feedback }));
            }
            revision += 1;
            order.insert("feedback".to_owned(), Value::from(feedback));
            order.insert("previous".to_owned(), output);
        };
        shift.keep(task.name, output);
    }
    Ok(shift.made())
}

fn assigned(value: Value, roster: &Roster) -> Result<String, Stop> {
    let role = Reply::read("the lead of the crew", value)?.text("assign")?;
    roster.check(&role).map(|()| role)
}

/// Returns the feedback where the outcome is not accepted.
fn reviewed(value: Value) -> Result<Option<String>, Stop> {
    let mut reply = Reply::read("the lead of the crew", value)?;
    if !reply.has("accept") {
        return Err(reply.refused("say `accept` with true, or with false and `feedback`"));
    }
    if reply.flag("accept")? { Ok(None) } else { reply.text("feedback").map(Some) }
}

/// A crew at work.
struct Shift {
    goal: Value,
    roles: Vec<Role>,
    roster: Roster,
    /// The tasks as the lead is shown them.
    shown: Value,
    open: Vec<Task>,
    done: Map<String, Value>,
    last: Value,
}

// === impl Shift ===

impl Shift {
    fn new(crew: Crew) -> Result<Self, Stop> {
        let Crew { goal, roles, tasks } = crew;
        at_most("tasks", tasks.len(), TASKS_MAX)?;
        unique("task", tasks.iter().map(|task| task.name.as_str()))?;
        needs::check(tasks.iter().map(|task| (task.name.as_str(), task.needs.as_slice())), |_| false)?;
        let roster = Roster::new(roles.iter().map(|role| Entry::new(&role.name, &role.description)))?;
        tasks.iter().filter_map(|task| task.role.as_ref()).try_for_each(|role| roster.check(role))?;
        let shown = tasks.iter().map(shown).collect();
        Ok(Self { goal, roles, roster, shown, open: tasks, done: Map::new(), last: Value::Null })
    }

    /// Takes the first task whose needs are done.
    fn next(&mut self) -> Option<Task> {
        let ready = |task: &Task| task.needs.iter().all(|need| self.done.contains_key(need));
        let place = self.open.iter().position(ready)?;
        Some(self.open.remove(place))
    }

    /// Returns what the one who does a task gets.
    fn order(&self, task: &Task, name: &str) -> Map<String, Value> {
        let is_needed = |done: &str| task.needs.is_empty() || task.needs.iter().any(|need| need == done);
        let context: Map<String, Value> = self
            .done
            .iter()
            .filter(|(done, _)| is_needed(done))
            .map(|(done, value)| (done.clone(), value.clone()))
            .collect();
        let role = self.roles.iter().find(|role| role.name == name);
        let (goal, description) = role.map(|role| (&*role.goal, &*role.description)).unwrap_or_default();
        question(json!({
            "role": name, "goal": goal, "description": description, "task": task.what, "context": context,
        }))
    }

    /// Returns what the lead gets.
    fn question(&self, task: &Task, phase: &str) -> Map<String, Value> {
        let roles: Value = self
            .roles
            .iter()
            .map(|role| json!({ "name": role.name, "goal": role.goal, "description": role.description }))
            .collect();
        question(json!({
            "goal": self.goal, "tasks": self.shown, "roles": roles, "done": self.done, "task": task.name, "phase": phase,
        }))
    }

    fn keep(&mut self, name: String, output: Value) {
        self.last = output.clone();
        self.done.insert(name, output);
    }

    fn made(self) -> Made {
        Made { output: self.last, tasks: self.done }
    }
}

fn shown(task: &Task) -> Value {
    json!({ "name": task.name, "what": task.what, "role": task.role, "needs": task.needs })
}
