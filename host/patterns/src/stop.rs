// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a pattern ends without a result, other than by the failure of a worker: that one is passed on unchanged.

use std::collections::BTreeMap;

/// Bytes of one text of a worker that a stop repeats: enough to know it again.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Failures that a stop repeats: more are not read by anybody.
pub const FAILURES_MAX: usize = 16;

/// Why a pattern ends without a result. The cases are closed: a program may decide by them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The most turns, rounds or hand-offs were taken, and there is no result.
    #[error("{pattern} has no result after {most} turns; allow more, or make it end sooner")]
    TurnsSpent {
        /// Which pattern.
        pattern: &'static str,
        /// How many were allowed.
        most: usize,
    },
    /// Somebody was named who is not there.
    #[error("there is no `{name}` to turn to; name one of: {}", list(roster))]
    UnknownWorker {
        /// The name.
        name: String,
        /// Who is there.
        roster: Vec<String>,
    },
    /// Fewer succeeded, or voted, than were needed.
    #[error("{needed} must succeed, and only {got} did or still could{}", reasons(failures))]
    NoQuorum {
        /// How many were needed.
        needed: usize,
        /// How many succeeded.
        got: usize,
        /// What became of the others.
        failures: Vec<String>,
    },
    /// No choice has the weight that it needs.
    #[error("no choice has a majority; {}", tally(votes))]
    NoMajority {
        /// The weight of each choice.
        votes: BTreeMap<String, u64>,
    },
    /// Several choices have the same weight, and no other has more.
    #[error("the vote is tied between {}; add a voter, or give weights", list(between))]
    Tie {
        /// The choices.
        between: Vec<String>,
    },
    /// Nobody who competed has a result that counts.
    #[error("none of those who competed has a valid result{}", reasons(failures))]
    NoWinner {
        /// What became of each.
        failures: Vec<String>,
    },
    /// No case of a route holds, and there is no default.
    #[error("none of the {cases} cases holds, and there is no default; add one")]
    NoRoute {
        /// How many cases there were.
        cases: usize,
    },
    /// The reply of an agent has not the form that the pattern needs.
    #[error("the reply of {who} cannot be used: {reason}")]
    Unreadable {
        /// Who replied.
        who: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Two agents hand the task to each other, and nobody else gets it.
    #[error("`{}` and `{}` handed the task back and forth {times} times; one of them has to finish it", between.0, between.1)]
    Bounced {
        /// The two.
        between: (String, String),
        /// How often it went back to where it came from.
        times: usize,
    },
    /// The same was done with the same outcome again and again.
    #[error("{what} came to the same {times} times in a row; nothing is gained by doing it again")]
    Repeated {
        /// What was done.
        what: String,
        /// How often.
        times: usize,
    },
    /// Tasks need each other in a circle.
    #[error("these tasks wait for each other in a circle: {}", list(tasks))]
    CircularNeeds {
        /// Tasks that can never begin.
        tasks: Vec<String>,
    },
    /// A task needs one that is not there.
    #[error("task `{task}` needs `{need}`, which is neither done nor planned")]
    UnknownNeed {
        /// Which task.
        task: String,
        /// What it needs.
        need: String,
    },
    /// A name or an id stands twice where it must be unique.
    #[error("the {what} `{name}` is there twice; give each its own name")]
    Twice {
        /// What bears the name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// There is more of something than may be.
    #[error("{found} {what} are more than the {most} that are allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many may be.
        most: usize,
    },
    /// The outcome of a task was refused as often as it may be.
    #[error("the outcome of task `{task}` was refused {times} times, at last: {feedback}")]
    Rejected {
        /// Which task.
        task: String,
        /// How often.
        times: usize,
        /// What was said the last time.
        feedback: String,
    },
    /// Nobody is there to do a task.
    #[error("task `{task}` has no role; name one, or let the crew be hierarchical")]
    Unassigned {
        /// Which task.
        task: String,
    },
}

// === impl Stop ===

impl Stop {
    /// Returns the name of the case, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TurnsSpent { .. } => "turns-spent",
            Self::UnknownWorker { .. } => "unknown-worker",
            Self::NoQuorum { .. } => "no-quorum",
            Self::NoMajority { .. } => "no-majority",
            Self::Tie { .. } => "tie",
            Self::NoWinner { .. } => "no-winner",
            Self::NoRoute { .. } => "no-route",
            Self::Unreadable { .. } => "unreadable",
            Self::Bounced { .. } => "bounced",
            Self::Repeated { .. } => "repeated",
            Self::CircularNeeds { .. } => "circular-needs",
            Self::UnknownNeed { .. } => "unknown-need",
            Self::Twice { .. } => "twice",
            Self::TooMany { .. } => "too-many",
            Self::Rejected { .. } => "rejected",
            Self::Unassigned { .. } => "unassigned",
        }
    }
}

/// Refuses more of something than may be.
pub(crate) fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), Stop> {
    if found > most { Err(Stop::TooMany { what, found, most }) } else { Ok(()) }
}

/// Cuts a text of somebody else to what a stop repeats.
pub(crate) fn clip(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// Keeps a failure among those that a stop repeats, while there is room.
pub(crate) fn keep(failures: &mut Vec<String>, name: &str, message: &str) {
    if failures.len() < FAILURES_MAX {
        failures.push(clip(&format!("{name}: {message}")));
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn reasons(failures: &[String]) -> String {
    if failures.is_empty() { String::new() } else { format!("; {}", failures.join("; ")) }
}

fn tally(votes: &BTreeMap<String, u64>) -> String {
    if votes.is_empty() {
        return "nobody voted".to_owned();
    }
    votes.iter().map(|(choice, weight)| format!("`{choice}` has {weight}")).collect::<Vec<_>>().join(", ")
}
