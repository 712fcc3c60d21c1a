// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the patterns in which agents decide what comes next.

use std::collections::BTreeMap;

use priory_workflow::definition::{
    Compete, Conversation, Crew, CrewTask, Handoff, Kind, Pick, Plan, Role, Speaker, Supervisor, Turns, Vote,
};

use super::kind::size;
use super::make::{Making, names};
use crate::wire::{self, At, Choice};

/// How often a manager picks and how often a task is passed on, where nothing is said.
const TURNS: u32 = 16;
/// How many turns a conversation has, and how many entries each speaker is shown, where nothing is said.
const SPOKEN: u32 = 32;
/// How often a task of a crew is sent back, where nothing is said.
const REVISIONS: u32 = 2;
/// How many tasks of a plan go on at once, and how many plans are made, where nothing is said.
const PLANNED: u32 = 8;
/// How many tasks there are in all plans together, where nothing is said.
const TASKS: u32 = 64;

impl Making<'_, '_> {
    /// Makes a pattern in which agents decide what comes next.
    pub(super) fn agents_decide(&mut self, node: &wire::Node) -> Option<Kind> {
        if let Some(supervisor) = &node.supervisor {
            return Some(Kind::Supervisor(Supervisor {
                manager: self.name(&supervisor.manager)?,
                workers: names(&supervisor.workers),
                turns: or(&supervisor.turns, TURNS),
            }));
        }
        if let Some(handoff) = &node.handoff {
            return Some(Kind::Handoff(Handoff {
                peers: names(&handoff.peers),
                first: handoff.first.as_deref().cloned(),
                routes: handoff.routes.iter().map(|(from, to)| (from.to_string(), names(to))).collect(),
                handoffs: or(&handoff.handoffs, TURNS),
            }));
        }
        if let Some(crew) = &node.crew {
            return self.crew(crew).map(Kind::Crew);
        }
        if let Some(conversation) = &node.conversation {
            return self.conversation(conversation).map(Kind::Conversation);
        }
        if let Some(compete) = &node.compete {
            let pick = self.pick(&compete.pick)?;
            return Some(Kind::Compete(Compete { contenders: names(&compete.contenders), pick }));
        }
        if let Some(vote) = &node.vote {
            return self.vote(vote).map(Kind::Vote);
        }
        let plan = node.plan.as_ref()?;
        Some(Kind::Plan(Plan {
            planner: self.name(&plan.planner)?,
            workers: names(&plan.workers),
            watch: plan.watch.as_deref().cloned(),
            width: size(or(&plan.width, PLANNED)),
            rounds: or(&plan.rounds, PLANNED),
            tasks: size(or(&plan.tasks, TASKS)),
        }))
    }

    fn crew(&mut self, crew: &wire::Crew) -> Option<Crew> {
        let roles: Vec<_> = crew.roles.iter().map(|role| self.role(role)).collect();
        let tasks: Vec<_> = crew.tasks.iter().map(|task| self.task(task)).collect();
        Some(Crew {
            goal: self.name(&crew.goal)?,
            roles: roles.into_iter().collect::<Option<_>>()?,
            tasks: tasks.into_iter().collect::<Option<_>>()?,
            manager: crew.manager.as_deref().cloned(),
            revisions: or(&crew.revisions, REVISIONS),
        })
    }

    fn role(&mut self, role: &wire::Role) -> Option<Role> {
        Some(Role { name: self.name(&role.name)?, goal: self.name(&role.goal)?, node: self.name(&role.node)? })
    }

    fn task(&mut self, task: &wire::CrewTask) -> Option<CrewTask> {
        Some(CrewTask {
            name: self.name(&task.name)?,
            what: self.name(&task.what)?,
            role: task.role.as_deref().cloned(),
            needs: names(&task.needs),
        })
    }

    fn conversation(&mut self, conversation: &wire::Conversation) -> Option<Conversation> {
        let until = self.maybe(&conversation.until);
        let turns = self.turns(&conversation.turns)?;
        let speaker = |speaker: &At<wire::Speaker>| {
            Some(Speaker { name: speaker.name.as_deref().cloned()?, node: speaker.node.as_deref().cloned()? })
        };
        Some(Conversation {
            speakers: conversation.speakers.iter().map(speaker).collect::<Option<_>>()?,
            turns,
            until,
            turns_max: or(&conversation.turns_max, SPOKEN),
            window: size(or(&conversation.window, SPOKEN)),
        })
    }

    fn turns(&mut self, said: &Option<At<Choice<wire::Turns>>>) -> Option<Turns> {
        let Some(said) = said else { return Some(Turns::Round) };
        let Choice::Table(table) = &**said else { return Some(Turns::Round) };
        let rule = self.maybe(&table.rule);
        match (&table.moderator, rule) {
            (Some(node), None) => Some(Turns::Moderator(node.to_string())),
            (None, Some(rule)) => Some(Turns::Rule(rule)),
            _ => {
                let hint = "write `{ moderator = \"node\" }`, or `{ rule = \"expression\" }`".to_owned();
                self.problem(said.span(), "exactly one of `moderator` and `rule` says whose turn it is", Some(hint));
                None
            }
        }
    }

    fn pick(&mut self, said: &Option<At<Choice<wire::Pick>>>) -> Option<Pick> {
        let Some(said) = said else { return Some(Pick::First) };
        let Choice::Table(table) = &**said else { return Some(Pick::First) };
        let score = self.maybe(&table.score);
        match (&table.judge, score) {
            (Some(node), None) => Some(Pick::Judge(node.to_string())),
            (None, Some(score)) => Some(Pick::Score(score)),
            _ => {
                let hint = "write `{ judge = \"node\" }`, or `{ score = \"expression\" }`".to_owned();
                self.problem(said.span(), "exactly one of `judge` and `score` says who wins", Some(hint));
                None
            }
        }
    }

    fn vote(&mut self, vote: &wire::Vote) -> Option<Vote> {
        let choice = self.maybe(&vote.choice);
        Some(Vote {
            voters: names(&vote.voters),
            choice: choice?,
            weights: vote
                .weights
                .iter()
                .map(|(voter, weight)| (voter.to_string(), **weight))
                .collect::<BTreeMap<_, _>>(),
            quorum: vote.quorum.as_deref().map(|quorum| size(*quorum)),
            majority: vote.majority.as_deref().copied(),
        })
    }
}

/// Returns a number, or what holds without it.
fn or(said: &Option<At<u32>>, without: u32) -> u32 {
    said.as_deref().copied().unwrap_or(without)
}
