// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a pattern plays alone: a desk, workers that reply what a test says, and an order of endings from a seed.

use std::collections::BTreeSet;

use priory_patterns::{Asked, Desk, Driver, Fault, Stop, Ticket};
use serde_json::Value;

/// Effects of one play; a pattern that asks more does not end.
const ASKED_MAX: usize = 200_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fail {
    /// A pattern stopped.
    Stopped(Stop),
    /// A worker failed.
    Own(String),
}

impl Fault for Fail {
    fn stopped(stop: Stop) -> Self {
        Self::Stopped(stop)
    }

    fn message(&self) -> String {
        match self {
            Self::Stopped(stop) => stop.to_string(),
            Self::Own(message) => message.clone(),
        }
    }

    fn kind(&self) -> &str {
        match self {
            Self::Stopped(stop) => stop.kind(),
            Self::Own(_) => "own",
        }
    }
}

pub(crate) type Outcome = Result<Value, Fail>;

pub(crate) fn own(message: &str) -> Fail {
    Fail::Own(message.to_owned())
}

/// What was asked of a worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    pub(crate) who: String,
    pub(crate) input: Value,
}

#[derive(Clone)]
pub(crate) struct Scene(Desk<Ask, Outcome>);

impl Scene {
    /// Asks a worker; the effect is on the desk at once.
    pub(crate) fn ask(&self, who: impl Into<String>, input: Value) -> Asked<Ask, Outcome> {
        self.0.ask(Ask { who: who.into(), input })
    }
}

/// What happened to the effects of a play, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Asked(Ticket, Ask),
    Ended(Ticket, Outcome),
    Withdrawn(Ticket),
}

#[derive(Debug)]
pub(crate) struct Played<T> {
    pub(crate) result: T,
    pub(crate) steps: Vec<Step>,
    /// The most effects that were outstanding at once.
    pub(crate) most: usize,
}

impl<T> Played<T> {
    pub(crate) fn asked(&self) -> Vec<&Ask> {
        let asked = self.steps.iter().filter_map(|step| if let Step::Asked(_, ask) = step { Some(ask) } else { None });
        asked.collect()
    }

    pub(crate) fn of(&self, who: &str) -> Vec<&Value> {
        self.asked().into_iter().filter(|ask| ask.who == who).map(|ask| &ask.input).collect()
    }

    pub(crate) fn withdrawn(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Withdrawn(_))).count()
    }
}

/// A small generator of numbers: the same seed gives the same play.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}

/// Plays to the end, with workers that end in an order that the seed gives.
pub(crate) fn play<T, Fut: Future<Output = T> + Send>(
    seed: u64,
    reply: impl FnMut(&Ask) -> Outcome,
    root: impl FnOnce(Scene) -> Fut,
) -> Played<T> {
    let mut dice = Dice::new(seed);
    play_in(move |outstanding| dice.below(outstanding.len()), reply, root)
}

/// Plays to the end, with the one to end next chosen from those that are outstanding.
pub(crate) fn play_in<T, Fut: Future<Output = T> + Send>(
    mut pick: impl FnMut(&[(Ticket, Ask)]) -> usize,
    mut reply: impl FnMut(&Ask) -> Outcome,
    root: impl FnOnce(Scene) -> Fut,
) -> Played<T> {
    let desk = Desk::new();
    let mut driver = Driver::new(root(Scene(desk.clone())));
    let (mut steps, mut outstanding, mut most) = (Vec::new(), Vec::new(), 0);
    let mut told = BTreeSet::new();
    loop {
        let result = driver.poll().expect("it does not wake itself for ever");
        for ticket in desk.take_withdrawn() {
            assert!(told.insert(ticket), "{ticket:?} is withdrawn twice");
            let place = outstanding.iter().position(|(other, _)| *other == ticket);
            outstanding.remove(place.unwrap_or_else(|| panic!("{ticket:?} is withdrawn and not outstanding")));
            steps.push(Step::Withdrawn(ticket));
        }
        for (ticket, ask) in desk.take_asked() {
            steps.push(Step::Asked(ticket, ask.clone()));
            outstanding.push((ticket, ask));
        }
        most = most.max(outstanding.len());
        assert!(steps.len() < ASKED_MAX, "it does not end");
        if let Some(result) = result {
            assert!(outstanding.is_empty(), "it has ended, and nobody withdrew {outstanding:?}");
            return Played { result, steps, most };
        }
        assert!(!outstanding.is_empty(), "it waits for nothing");
        let (ticket, ask) = outstanding.remove(pick(&outstanding));
        let outcome = reply(&ask);
        steps.push(Step::Ended(ticket, outcome.clone()));
        desk.answer(ticket, outcome);
    }
}
