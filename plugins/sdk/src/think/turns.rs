// SPDX-License-Identifier: MIT OR Apache-2.0
//! The turns themselves: a model is asked, what it wants is done, and it is asked again.

use super::act::Actor;
use super::rules::{Custom, Rules};
use super::stop::{Taken, Tally};
use super::trim::{Cut, READ_MORE};
use super::{Ending, Thought};
use crate::Failure;
use crate::context::Window;
use crate::model::{self, Choice, Completion, Message, Offer, Request, StopReason};
use crate::outside::Outside;

/// How many tools may be offered at once.
const OFFERS_MAX: usize = 127;
/// How often a model is asked for its last answer.
const LAST_MAX: u32 = 2;

/// Where the thinking is.
pub(super) struct Turns<'a, 'c> {
    outside: &'a dyn Outside,
    rules: &'a Rules,
    window: &'a mut Window,
    actor: Actor<'a, 'c>,
    request: Request,
    taken: Taken,
    /// What was said of an answer that came to its length.
    said: String,
    turns: u32,
    calls: u32,
    continues: u32,
    feedback: u32,
    /// Why there have to be no more tools, and how often the answer was asked for since.
    last: Option<(Ending, u32)>,
}

impl<'a, 'c> Turns<'a, 'c> {
    pub(super) fn new(
        outside: &'a dyn Outside,
        rules: &'a Rules,
        window: &'a mut Window,
        custom: &'a mut [Custom<'c>],
    ) -> Result<Self, Failure> {
        let granted = outside.tools()?.into_iter().map(|tool| tool.name).filter(|name| rules.offers(name));
        let offered: Vec<String> = granted.collect();
        if offered.len() + custom.len() > OFFERS_MAX {
            let reason = format!(
                "{} are granted, and a model can be offered {OFFERS_MAX}; name some with the configuration key `tools`",
                offered.len() + custom.len()
            );
            return Err(Failure::invalid("tools of an agent", "", reason));
        }
        let mut request = Request::new([]);
        request.tools = offered.iter().map(|name| Offer::Tool(name.clone())).collect();
        request.tools.extend(custom.iter().map(|custom| Offer::Custom(custom.definition.clone())));
        request.model.clone_from(&rules.model);
        request.output = rules.output.as_ref().map(ToString::to_string);
        request.output_tokens_max = rules.output_tokens_max;
        request.temperature = rules.temperature;
        request.effort = rules.effort;
        request.purpose.clone_from(&rules.purpose);
        let (cut, tally) = (Cut::default(), Tally::default());
        let actor = Actor { outside, rules, custom, offered, cut, tally };
        Ok(Self {
            outside,
            rules,
            window,
            actor,
            request,
            taken: Taken::default(),
            said: String::new(),
            turns: 0,
            calls: 0,
            continues: 0,
            feedback: 0,
            last: None,
        })
    }

    /// Takes turns until there is an answer.
    pub(super) fn run(mut self) -> Result<Thought, Failure> {
        // Each turn that is no answer counts against a maximum: of turns, of continuations, or of last answers.
        let most = self.rules.turns_max.max(1).saturating_add(self.rules.continues_max).saturating_add(LAST_MAX);
        while self.turns <= most {
            self.prepare();
            let completion = self.window.ask(self.outside, &mut self.request)?;
            self.turns += 1;
            self.taken.note(&completion);
            let calls = completion.calls().count();
            if completion.stop == StopReason::Refused {
                return Err(model::refused(&completion));
            }
            if calls > 0 {
                self.act(completion, calls)?;
            } else if let Some(thought) = self.read(completion)? {
                return Ok(thought);
            }
        }
        Err(self.no_answer("it only wants more"))
    }

    /// Makes room, and asks for the last answer where it has to be the last.
    fn prepare(&mut self) {
        self.window.fit(self.outside, &self.rules.summarise);
        for reference in self.window.readable() {
            self.actor.cut.add(&reference.artifact, reference.bytes);
        }
        let is_offered = self.request.tools.iter().any(|offer| offer.name() == READ_MORE);
        if !self.actor.cut.is_empty() && !is_offered {
            self.request.tools.push(Offer::Custom(Cut::definition()));
        }
        if self.last.is_some() || self.request.tools.is_empty() {
            return;
        }
        let is_spent = self.turns > 0 && self.taken.is_nearly_all(&self.outside.left());
        let ending = if is_spent {
            Some(Ending::Budget)
        } else if self.turns + 1 >= self.rules.turns_max {
            // With one turn there is nothing to be said: it answers in its only one.
            Some(Ending::Turns)
        } else {
            self.actor.tally.ending(self.rules.failures_max)
        };
        let Some(ending) = ending else { return };
        self.last = Some((ending, 0));
        // The tools stay offered, since providers want to see what was called; but none may be called.
        self.request.choice = Choice::None;
        if self.turns > 0 {
            let why = match ending {
                Ending::Budget => "What you may spend is nearly spent.",
                Ending::Failures => "Too many calls failed.",
                Ending::Repeats => "You call the same again and again.",
                Ending::Turns | Ending::Answered => "This is your last turn.",
            };
            let words = format!(
                "{why} No more tools can be called. Answer now with what you have, and say what you could not find out."
            );
            self.outside.tell(&format!("the last answer is asked for: {}", ending.as_str()));
            self.window.said(Message::user(words).labelled("stop-rule"));
        }
    }

    /// Performs what a model wants.
    fn act(&mut self, completion: Completion, calls: usize) -> Result<(), Failure> {
        self.calls = self.calls.saturating_add(u32::try_from(calls).unwrap_or(u32::MAX));
        if self.last.is_some() {
            // It was told that it cannot; each call still needs an answer.
            let results = completion.calls().map(|call| call.refused("no more tools can be called; answer in words"));
            let results = Message::results(results.collect::<Vec<_>>());
            self.window.said(completion.message);
            self.window.said(results);
            return self.asked_again("it calls tools that it was told not to call");
        }
        let names: Vec<&str> = completion.calls().map(|call| call.name.as_str()).collect();
        self.outside.tell(&format!("turn {}: {}", self.turns, names.join(", ")));
        let room = self.window.budgets().recent / 2;
        let results = self.actor.perform(&completion, room)?;
        // What was said before a call is no part of the answer.
        self.said.clear();
        self.window.said(completion.message);
        self.window.said(results);
        Ok(())
    }

    /// Reads an answer; `None` where it is not one yet.
    fn read(&mut self, completion: Completion) -> Result<Option<Thought>, Failure> {
        let words = completion.words();
        if self.rules.output.is_some() {
            if completion.output.is_some() {
                return Ok(Some(self.thought(words, completion.output)));
            }
            let problem = match (completion.stop, &completion.problem) {
                (StopReason::Length, _) => "it came to its length; answer shorter".to_owned(),
                (_, Some(problem)) => problem.clone(),
                (_, None) => "it is not JSON that fits the schema".to_owned(),
            };
            if self.feedback >= model::FEEDBACK_MAX {
                return Err(Failure::invalid("answer of the model", "", problem));
            }
            self.feedback += 1;
            self.window.said(completion.message);
            let words = format!("Your answer cannot be used: {problem}. Answer with JSON that fits the schema.");
            self.window.said(Message::user(words).labelled("feedback"));
            self.asked_again("its answer does not fit the schema")?;
            return Ok(None);
        }
        self.said.push_str(&words);
        let is_cut = completion.stop == StopReason::Length;
        if !is_cut && !self.said.trim().is_empty() {
            let said = std::mem::take(&mut self.said);
            return Ok(Some(self.thought(said, None)));
        }
        if self.continues >= self.rules.continues_max {
            if self.said.trim().is_empty() {
                return Err(self.no_answer("it says nothing"));
            }
            // What there is was asked for and paid.
            let said = format!("{} [the answer was cut here at its length]", std::mem::take(&mut self.said));
            return Ok(Some(self.thought(said, None)));
        }
        self.continues += 1;
        let (nudge, label) = if is_cut && !words.trim().is_empty() {
            ("Go on exactly where you stopped, without repeating anything.", "continue")
        } else {
            ("You said nothing. Give your answer in words.", "feedback")
        };
        // An empty message is refused by providers.
        if !completion.message.parts.is_empty() && !words.trim().is_empty() {
            self.window.said(completion.message);
        }
        self.window.said(Message::user(nudge).labelled(label));
        Ok(None)
    }

    /// Counts how often the last answer was asked for.
    fn asked_again(&mut self, reason: &str) -> Result<(), Failure> {
        let times = match &mut self.last {
            Some((_, times)) => {
                *times += 1;
                *times
            }
            None => 0,
        };
        if times > LAST_MAX { Err(self.no_answer(reason)) } else { Ok(()) }
    }

    fn no_answer(&self, reason: &str) -> Failure {
        let message = format!("the model gives no answer after {} turns: {reason}", self.turns);
        Failure::with_data(message, &serde_json::json!({ "stop": "no-answer" }))
    }

    fn thought(&self, text: String, output: Option<String>) -> Thought {
        let ending = self.last.map_or(Ending::Answered, |(ending, _)| ending);
        let ending = if self.turns == 1 { Ending::Answered } else { ending };
        Thought { text, output, ending, turns: self.turns, calls: self.calls }
    }
}
