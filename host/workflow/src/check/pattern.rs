// SPDX-License-Identifier: MIT OR Apache-2.0
//! The patterns: who is in them, and their maxima.

use std::collections::{BTreeMap, BTreeSet};

use priory_patterns as patterns;

use super::Check;
use crate::definition::{Conversation, Crew, Handoff, Kind, Node, Plan, ROUNDS_MAX, Settle, Vote, WIDTH_MAX};
use crate::expression::{Expression, Scope};
use crate::suggest;

impl Check<'_> {
    pub(super) fn pattern(&mut self, name: &str, node: &Node) {
        if let Some(when) = &node.when {
            match constant(when) {
                Some(false) => self.odd(name, "when", format!("`{name}` is never done: this never holds"), ""),
                Some(true) => self.odd(name, "when", "this always holds", "leave it out"),
                None => {}
            }
        }
        match &node.kind {
            Kind::Graph { nodes, .. } => self.some(name, "graph.nodes", nodes.len()),
            Kind::Sequence(nodes) => self.some(name, "sequence", nodes.len()),
            Kind::Parallel { branches, settle } => {
                self.some(name, "parallel.branches", branches.len());
                self.most(name, "parallel.branches", branches.len(), WIDTH_MAX, "branches");
                self.quorum(name, "parallel.settle.quorum", *settle, branches.len());
            }
            Kind::Map { width, settle, .. } => {
                self.most(name, "map.width", *width, WIDTH_MAX, "at once");
                self.quorum(name, "map.settle.quorum", *settle, patterns::parallel::ITEMS_MAX);
            }
            Kind::Route { cases, default } => self.route(name, cases, default.is_some()),
            Kind::Loop { until, rounds, last_will_do, .. } => {
                self.most(name, "loop.max", *rounds as usize, ROUNDS_MAX as usize, "rounds");
                self.until(name, until.as_ref(), *last_will_do, *rounds);
            }
            Kind::Supervisor(supervisor) => {
                self.some(name, "supervisor.workers", supervisor.workers.len());
                self.most(
                    name,
                    "supervisor.workers",
                    supervisor.workers.len(),
                    patterns::roster::ROSTER_MAX,
                    "workers",
                );
                self.most(
                    name,
                    "supervisor.turns",
                    supervisor.turns as usize,
                    patterns::supervisor::TURNS_MAX,
                    "turns",
                );
            }
            Kind::Handoff(handoff) => self.handoff(name, handoff),
            Kind::Crew(crew) => self.crew(name, crew),
            Kind::Conversation(conversation) => self.conversation(name, conversation),
            Kind::Compete(compete) => {
                let (count, most) = (compete.contenders.len(), patterns::compete::CONTENDERS_MAX);
                self.some(name, "compete.contenders", count);
                self.most(name, "compete.contenders", count, most, "contenders");
            }
            Kind::Vote(vote) => self.vote(name, vote),
            Kind::Plan(plan) => self.plan(name, plan),
            Kind::Agent(_) | Kind::Tool(_) | Kind::Workflow(_) | Kind::Human(_) => {}
            Kind::Model(_) | Kind::Value(_) | Kind::Emit(_) | Kind::Event { .. } => {}
        }
    }

    /// Refuses a pattern of nothing.
    fn some(&mut self, name: &str, key: &str, count: usize) {
        if count == 0 {
            self.wrong(name, key, format!("`{key}` names no nodes"), "name at least one");
        }
    }

    /// Refuses what is beyond a maximum.
    fn most(&mut self, name: &str, key: &str, count: usize, most: usize, what: &str) {
        if count > most {
            self.wrong(name, key, format!("{count} {what} are too many: {most} are the most"), "");
        }
    }

    fn quorum(&mut self, name: &str, key: &str, settle: Settle, count: usize) {
        if let Settle::Quorum(needed) = settle
            && needed > count
        {
            self.wrong(name, key, format!("{needed} of {count} can never succeed"), "");
        }
    }

    fn route(&mut self, name: &str, cases: &[crate::definition::Case], has_default: bool) {
        if cases.is_empty() {
            let hint = "add one: `{ when = \"…\", do = \"node\" }`";
            self.wrong(name, "route.cases", "there is no case", hint);
        }
        self.most(name, "route.cases", cases.len(), patterns::route::CASES_MAX, "cases");
        let mut always = None;
        for (index, case) in cases.iter().enumerate() {
            if let Some(before) = always {
                let message = format!("`{}` is never done: case {before} always holds", case.node);
                self.odd(
                    name,
                    &format!("route.cases.{index}.do"),
                    message,
                    "let that case be the last, or the `default`",
                );
                continue;
            }
            match constant(&case.when) {
                Some(true) => always = Some(index + 1),
                Some(false) => {
                    let message = format!("`{}` is never done: this never holds", case.node);
                    self.odd(name, &format!("route.cases.{index}.when"), message, "");
                }
                None => {}
            }
        }
        if let (Some(before), true) = (always, has_default) {
            let message = format!("the default is never done: case {before} always holds");
            self.odd(name, "route.default", message, "leave out one of the two");
        }
    }

    fn until(&mut self, name: &str, until: Option<&Expression>, last_will_do: bool, rounds: u32) {
        let held = until.map(constant);
        match held {
            Some(Some(true)) => {
                self.odd(
                    name,
                    "loop.until",
                    "the loop goes round once: this always holds",
                    "name the node itself instead",
                );
            }
            None | Some(Some(false)) if !last_will_do => {
                let key = if until.is_some() { "loop.until" } else { "loop" };
                let message = format!("the loop fails after {rounds} rounds, because nothing ends it before");
                self.wrong(name, key, message, "say `until`, or take what it came to last: `or-last = true`");
            }
            _ => {}
        }
    }

    fn handoff(&mut self, name: &str, handoff: &Handoff) {
        self.some(name, "handoff.peers", handoff.peers.len());
        self.most(name, "handoff.peers", handoff.peers.len(), patterns::roster::ROSTER_MAX, "peers");
        self.most(name, "handoff.handoffs", handoff.handoffs as usize, patterns::handoff::HANDOFFS_MAX, "hand-offs");
        let first = handoff.first.iter().map(|first| ("handoff.first".to_owned(), first));
        let from = handoff.routes.keys().map(|from| (format!("handoff.routes.{from}"), from));
        let to = handoff.routes.iter().flat_map(|(from, to)| {
            to.iter().enumerate().map(move |(index, to)| (format!("handoff.routes.{from}.{index}"), to))
        });
        let named: Vec<(String, &String)> = first.chain(from).chain(to).collect();
        for (key, peer) in named {
            self.member(name, &key, peer, "peer", handoff.peers.iter().map(String::as_str));
        }
        for (from, to) in &handoff.routes {
            if let Some(index) = to.iter().position(|to| to == from) {
                let key = format!("handoff.routes.{from}.{index}");
                self.wrong(name, &key, format!("`{from}` cannot pass the task on to itself"), "");
            }
        }
    }

    /// Refuses a name that none of a pattern has.
    fn member<'n>(
        &mut self,
        name: &str,
        key: &str,
        wanted: &str,
        what: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        if known.clone().any(|known| known == wanted) {
            return;
        }
        let hint = suggest::hint(wanted, &format!("{what}s"), known).unwrap_or_default();
        self.wrong(name, key, format!("`{wanted}` is no {what}"), hint);
    }

    /// Refuses a name that stands twice.
    fn once<'n>(
        &mut self,
        name: &str,
        what: &str,
        key: impl Fn(usize) -> String,
        names: impl Iterator<Item = &'n str>,
    ) {
        let mut seen = BTreeSet::new();
        for (index, twice) in names.enumerate() {
            if !seen.insert(twice) {
                let message = format!("there are two {what}s `{twice}`");
                self.wrong(name, &key(index), message, "give one of them another name");
            }
        }
    }

    fn crew(&mut self, name: &str, crew: &Crew) {
        self.some(name, "crew.roles", crew.roles.len());
        self.most(name, "crew.tasks", crew.tasks.len(), patterns::crew::TASKS_MAX, "tasks");
        self.most(name, "crew.revisions", crew.revisions as usize, patterns::crew::REVISIONS_MAX, "revisions");
        if crew.tasks.is_empty() {
            self.wrong(name, "crew.tasks", "there is nothing to do", "add a task: `{ name = \"…\", what = \"…\" }`");
        }
        let roles: Vec<&str> = crew.roles.iter().map(|role| role.name.as_str()).collect();
        let tasks: Vec<&str> = crew.tasks.iter().map(|task| task.name.as_str()).collect();
        self.once(name, "role", |index| format!("crew.roles.{index}.name"), roles.iter().copied());
        self.once(name, "task", |index| format!("crew.tasks.{index}.name"), tasks.iter().copied());
        for (index, task) in crew.tasks.iter().enumerate() {
            match &task.role {
                Some(role) => {
                    self.member(name, &format!("crew.tasks.{index}.role"), role, "role", roles.iter().copied());
                }
                None if crew.manager.is_none() => {
                    let message = format!("nobody does the task `{}`", task.name);
                    self.wrong(
                        name,
                        &format!("crew.tasks.{index}"),
                        message,
                        "name a `role`, or a `manager` of the crew",
                    );
                }
                None => {}
            }
            for (at, need) in task.needs.iter().enumerate() {
                let key = format!("crew.tasks.{index}.needs.{at}");
                self.member(name, &key, need, "task", tasks.iter().copied());
            }
        }
        self.circle(name, crew);
    }

    /// Refuses tasks that wait for each other.
    fn circle(&mut self, name: &str, crew: &Crew) {
        let known: BTreeSet<&str> = crew.tasks.iter().map(|task| task.name.as_str()).collect();
        let needs = |task: &'_ crate::definition::CrewTask| -> BTreeSet<String> {
            task.needs.iter().filter(|need| known.contains(need.as_str())).cloned().collect()
        };
        let mut open: BTreeMap<&str, BTreeSet<String>> =
            crew.tasks.iter().map(|task| (task.name.as_str(), needs(task))).collect();
        // Each round takes out at least one task, or ends.
        loop {
            let ready: Vec<&str> = open.iter().filter(|(_, needs)| needs.is_empty()).map(|(task, _)| *task).collect();
            if ready.is_empty() {
                break;
            }
            for task in ready {
                open.remove(task);
                open.values_mut().for_each(|needs| {
                    needs.remove(task);
                });
            }
        }
        if let Some(first) = open.keys().next() {
            let index = crew.tasks.iter().position(|task| task.name == **first).unwrap_or_default();
            let tasks = open.keys().map(|task| format!("`{task}`")).collect::<Vec<_>>().join(", ");
            let message = format!("these tasks can never begin, because they need each other: {tasks}");
            self.wrong(name, &format!("crew.tasks.{index}.needs"), message, "");
        }
    }

    fn conversation(&mut self, name: &str, conversation: &Conversation) {
        self.some(name, "conversation.speakers", conversation.speakers.len());
        let (turns, most) = (conversation.turns_max as usize, patterns::conversation::TURNS_MAX);
        self.most(name, "conversation.turns-max", turns, most, "turns");
        let most = patterns::conversation::WINDOW_MAX;
        self.most(name, "conversation.window", conversation.window, most, "entries");
        let names = conversation.speakers.iter().map(|speaker| speaker.name.as_str());
        self.once(name, "speaker", |index| format!("conversation.speakers.{index}.name"), names);
        if conversation.until.as_ref().and_then(constant) == Some(true) {
            self.odd(name, "conversation.until", "it is over after one turn: this always holds", "");
        }
    }

    fn vote(&mut self, name: &str, vote: &Vote) {
        let count = vote.voters.len();
        self.some(name, "vote.voters", count);
        self.most(name, "vote.voters", count, patterns::vote::VOTERS_MAX, "voters");
        if let Some(quorum) = vote.quorum.filter(|quorum| *quorum > count) {
            self.wrong(name, "vote.quorum", format!("{quorum} of {count} can never vote"), "");
        }
        if let Some(majority) = vote.majority.filter(|majority| !(0.0..1.0).contains(majority)) {
            let hint = "it is the share of the weight that a choice needs more than: 0.5 for more than half";
            self.wrong(name, "vote.majority", format!("{majority} is not from 0 to below 1"), hint);
        }
        for voter in vote.weights.keys() {
            let voters = vote.voters.iter().map(String::as_str);
            self.member(name, &format!("vote.weights.{voter}"), voter, "voter", voters);
        }
        let weighs = |voter: &String| vote.weights.get(voter).copied().unwrap_or(1) > 0;
        if count > 0 && !vote.voters.iter().any(weighs) {
            self.wrong(name, "vote.weights", "no vote weighs anything", "");
        }
    }

    fn plan(&mut self, name: &str, plan: &Plan) {
        self.some(name, "plan.workers", plan.workers.len());
        self.most(name, "plan.workers", plan.workers.len(), patterns::roster::ROSTER_MAX, "workers");
        self.most(name, "plan.width", plan.width, WIDTH_MAX, "at once");
        self.most(name, "plan.rounds", plan.rounds as usize, patterns::plan::ROUNDS_MAX, "rounds");
        self.most(name, "plan.tasks", plan.tasks, patterns::plan::TASKS_MAX, "tasks");
    }
}

/// Returns what a condition comes to, where that depends on nothing.
fn constant(condition: &Expression) -> Option<bool> {
    if !condition.names().is_empty() {
        return None;
    }
    condition.holds(&Scope::new()).ok()
}
