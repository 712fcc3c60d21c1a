// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several are asked, and what most of them choose is taken. It ends as soon as the rest cannot change it.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::parallel::placed;
use crate::roster::unique;
use crate::stop::{FAILURES_MAX, Stop, at_most, keep};

/// Those who vote.
pub const VOTERS_MAX: usize = 1_024;
/// Bytes of a choice: it is compared with others as it stands, so it is a word and no essay.
pub const CHOICE_BYTES_MAX: usize = 1_024;

/// One who votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// The name, unique in its ballot.
    pub name: String,
    /// What its vote weighs.
    pub weight: u32,
}

/// What a choice needs in order to win.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Majority {
    /// More than this part of the weight of those who voted, from 0 to 1; and more than any other.
    Over(f64),
    /// More than any other.
    Plurality,
}

impl Default for Majority {
    fn default() -> Self {
        Self::Over(0.5)
    }
}

/// Who votes, and what counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Ballot {
    /// Who votes.
    pub voters: Vec<Voter>,
    /// How many must have voted; at least one.
    pub quorum: usize,
    /// What a choice needs.
    pub majority: Majority,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elected {
    /// The choice.
    pub choice: String,
    /// The weight of each choice, of those that were counted.
    pub votes: BTreeMap<String, u64>,
    /// Who chose what, of those that were counted.
    pub voters: BTreeMap<String, String>,
}

/// What was counted so far.
struct Count {
    majority: Majority,
    quorum: usize,
    votes: BTreeMap<String, u64>,
    voters: BTreeMap<String, String>,
    /// The weight of those who voted.
    cast: u64,
    /// The weight of those who have not replied, and how many they are.
    open: u64,
    open_count: usize,
    failures: Vec<String>,
}

/// Asks all voters side by side and counts; who has not replied when it is decided is withdrawn.
///
/// `choice` reads what a voter chose. A voter that fails, or whose choice cannot be read, has not voted.
pub async fn vote<F, Cast, Fut>(
    ballot: Ballot,
    cast: Cast,
    choice: impl Fn(&str, &Value) -> Result<String, F>,
) -> Result<Elected, F>
where
    F: Fault,
    Cast: Fn(String) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let Ballot { voters, quorum, majority } = ballot;
    at_most("voters", voters.len(), VOTERS_MAX).map_err(F::stopped)?;
    unique("voter", voters.iter().map(|voter| voter.name.as_str())).map_err(F::stopped)?;
    let mut count = Count {
        majority,
        quorum: quorum.max(1),
        votes: BTreeMap::new(),
        voters: BTreeMap::new(),
        cast: 0,
        open: voters.iter().map(|voter| u64::from(voter.weight)).sum(),
        open_count: voters.len(),
        failures: Vec::new(),
    };
    let mut running: FuturesUnordered<_> =
        voters.into_iter().map(|voter| placed(voter.clone(), cast(voter.name))).collect();
    loop {
        if let Some(choice) = count.decided().map_err(F::stopped)? {
            let Count { votes, voters, .. } = count;
            return Ok(Elected { choice, votes, voters });
        }
        // When everybody has replied it is decided, one way or the other.
        let Some((voter, reply)) = running.next().await else { break };
        match reply.and_then(|reply| choice(&voter.name, &reply)) {
            Ok(choice) => count.note(voter, choice),
            Err(fault) => count.miss(&voter, &fault.message()),
        }
    }
    Err(F::stopped(Stop::NoMajority { votes: count.votes }))
}

// === impl Count ===

impl Count {
    fn note(&mut self, voter: Voter, choice: String) {
        self.replied(&voter);
        if choice.len() > CHOICE_BYTES_MAX {
            keep(&mut self.failures, &voter.name, "its choice is too long");
            return;
        }
        let weight = u64::from(voter.weight);
        self.cast += weight;
        *self.votes.entry(choice.clone()).or_default() += weight;
        self.voters.insert(voter.name, choice);
    }

    fn miss(&mut self, voter: &Voter, message: &str) {
        self.replied(voter);
        keep(&mut self.failures, &voter.name, message);
    }

    fn replied(&mut self, voter: &Voter) {
        self.open = self.open.saturating_sub(u64::from(voter.weight));
        self.open_count = self.open_count.saturating_sub(1);
    }

    /// Returns the choice that wins whatever the others do; a stop where none can win whatever they do.
    fn decided(&self) -> Result<Option<String>, Stop> {
        let voted = self.voters.len();
        if voted + self.open_count < self.quorum {
            return Err(Stop::NoQuorum { needed: self.quorum, got: voted, failures: self.failures.clone() });
        }
        if voted < self.quorum {
            return Ok(None);
        }
        let Some((first, weight, second)) = self.leaders() else { return Ok(None) };
        // The worst for the leader: all others vote, and for the one behind it, or for something new.
        if self.is_enough(weight, self.cast + self.open) && weight > second + self.open {
            return Ok(Some(first));
        }
        // The best for anybody: all others vote for the leader.
        if !self.is_enough(weight + self.open, self.cast + self.open) {
            return Err(Stop::NoMajority { votes: self.votes.clone() });
        }
        if self.open_count > 0 {
            return Ok(None);
        }
        let between = self.votes.iter().filter(|(_, votes)| **votes == weight).map(|(choice, _)| choice.clone());
        Err(Stop::Tie { between: between.take(FAILURES_MAX).collect() })
    }

    /// Returns the choice with the most weight, that weight, and the weight of the one behind it.
    fn leaders(&self) -> Option<(String, u64, u64)> {
        let (first, weight) = self.votes.iter().max_by_key(|(_, weight)| **weight)?;
        let second = self.votes.iter().filter(|(choice, _)| *choice != first).map(|(_, weight)| *weight).max();
        Some((first.clone(), *weight, second.unwrap_or_default()))
    }

    /// Tells whether a weight is a majority of another. Both are below 2^53, where floats are exact.
    fn is_enough(&self, weight: u64, of: u64) -> bool {
        match self.majority {
            Majority::Over(part) => weight as f64 > part * of as f64,
            Majority::Plurality => weight > 0,
        }
    }
}

// === impl Elected ===

impl Elected {
    /// Returns it as a value: `{choice, votes: {choice: weight}, voters: {voter: choice}}`.
    pub fn to_value(&self) -> Value {
        json!({ "choice": self.choice, "votes": self.votes, "voters": self.voters })
    }
}
