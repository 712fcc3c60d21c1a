// SPDX-License-Identifier: MIT OR Apache-2.0
//! Performs the calls of one answer.

use super::rules::{Custom, Rules};
use super::stop::Tally;
use super::trim::{Cut, READ_MORE};
use crate::bindings::priory::agent::types;
use crate::model::{Completion, Message, ToolCall, ToolResult};
use crate::outside::{Call, Outside};
use crate::{Failure, Kind};

/// How many tokens of a result are shown at least, however many there are.
const RESULT_TOKENS_LEAST: u64 = 200;
/// How long the words of a failure are, in characters.
const FAILURE_CHARS: usize = 2_000;

/// Performs calls.
pub(super) struct Actor<'a, 'c> {
    pub(super) outside: &'a dyn Outside,
    pub(super) rules: &'a Rules,
    pub(super) custom: &'a mut [Custom<'c>],
    /// The names of the tools that are offered.
    pub(super) offered: Vec<String>,
    pub(super) cut: Cut,
    pub(super) tally: Tally,
}

/// What becomes of one call: its result, or the tool that is called for it.
enum Step {
    Result(ToolResult),
    Call(Call),
}

impl Actor<'_, '_> {
    /// Performs the calls of an answer and returns the message that has their results, in the order of the calls.
    ///
    /// `tokens_max` is what all of them may have together.
    pub(super) fn perform(&mut self, completion: &Completion, tokens_max: u64) -> Result<Message, Failure> {
        let wanted: Vec<&ToolCall> = completion.calls().collect();
        let share = tokens_max / wanted.len().max(1) as u64;
        let share = share.min(self.rules.result_tokens).max(RESULT_TOKENS_LEAST);
        let steps: Vec<(&ToolCall, Step)> =
            wanted.iter().enumerate().map(|(place, call)| (*call, self.step(place, call, share))).collect();
        let calls: Vec<Call> = steps
            .iter()
            .filter_map(|(_, step)| match step {
                Step::Call(call) => Some(call.clone()),
                Step::Result(_) => None,
            })
            .collect();
        let called = if calls.is_empty() { Vec::new() } else { self.outside.call(&calls, self.rules.width) };
        let mut called = called.into_iter();
        let mut results = Vec::new();
        for (wanted, step) in steps {
            results.push(match step {
                Step::Result(result) => result,
                Step::Call(call) => match called.next() {
                    Some(outcome) => self.outcome(wanted, &call, outcome, share)?,
                    None => wanted.refused("it was not called"),
                },
            });
        }
        Ok(Message::results(results))
    }

    /// Decides what becomes of a call, and performs what needs no tool.
    fn step(&mut self, place: usize, call: &ToolCall, share: u64) -> Step {
        let refused = |reason: String| Step::Result(call.refused(reason));
        let most = self.rules.calls_max.max(1);
        if place >= most {
            return refused(format!("at most {most} calls are performed at once; call it again"));
        }
        if let Some(problem) = &call.problem {
            self.tally.ended(&call.name, true);
            return refused(problem.clone());
        }
        if call.name == READ_MORE && !self.cut.is_empty() {
            let read = self.cut.read(self.outside, &call.arguments(), share);
            self.tally.ended(READ_MORE, read.is_err());
            return Step::Result(match read {
                Ok(content) => call.answered(content),
                Err(reason) => call.refused(reason),
            });
        }
        let failures = self.tally.failures(&call.name);
        if failures >= self.rules.tool_failures_max.max(1) {
            self.tally.ended(&call.name, true);
            return refused(format!(
                "`{}` failed {failures} times and is not called any more; do without it",
                call.name
            ));
        }
        let times = self.tally.times(&call.name, &call.arguments);
        if times >= self.rules.repeats_max.max(1) {
            self.tally.repeated();
            let what = "and is not made again; do something else, or answer";
            return refused(format!("this very call came to the same {times} times, {what}"));
        }
        if let Some(custom) = self.custom.iter_mut().find(|custom| custom.definition.name == call.name) {
            let outcome = (custom.perform)(&call.arguments());
            return Step::Result(self.told(call, outcome, share));
        }
        if !self.offered.contains(&call.name) {
            self.tally.ended(&call.name, true);
            return refused(format!("there is no tool `{}`; there are: {}", call.name, self.offered.join(", ")));
        }
        Step::Call(Call { name: call.name.clone(), arguments: call.arguments.clone() })
    }

    /// Makes the result of what a tool came to. Who is cancelled does not go on.
    fn outcome(
        &mut self,
        wanted: &ToolCall,
        call: &Call,
        outcome: Result<String, Failure>,
        share: u64,
    ) -> Result<ToolResult, Failure> {
        if let Err(failure) = &outcome
            && matches!(failure.kind(), Kind::Cancelled(_))
        {
            return Err(failure.clone());
        }
        self.outside.tell(&format!("{} {}", call.name, if outcome.is_ok() { "gave a result" } else { "failed" }));
        Ok(self.told(wanted, outcome, share))
    }

    fn told(&mut self, call: &ToolCall, outcome: Result<String, Failure>, share: u64) -> ToolResult {
        self.tally.ended(&call.name, outcome.is_err());
        let (content, is_error) = match outcome {
            Ok(content) => (words(content), false),
            Err(failure) => (reason(&failure), true),
        };
        self.tally.note(&call.name, &call.arguments, &content);
        let content = self.cut.trimmed(self.outside, content, share);
        ToolResult { is_error, ..call.answered(content) }
    }
}

/// Takes the quotes off a result that is one text: a model reads it better without.
fn words(content: String) -> String {
    if content.starts_with('"') { serde_json::from_str(&content).unwrap_or(content) } else { content }
}

/// Says why there is no result, in words for the model.
fn reason(failure: &Failure) -> String {
    let mut text: String = failure.to_string().chars().take(FAILURE_CHARS).collect();
    match failure.kind() {
        Kind::Denied(_) => text.push_str("; nothing that you say changes that, so do without it"),
        Kind::Other(types::Other { data: Some(data), .. }) => {
            let data: String = data.chars().take(FAILURE_CHARS).collect();
            text = format!("{text}: {data}");
        }
        _ if failure.is_retriable() => text.push_str("; it may succeed later"),
        _ => {}
    }
    text
}
