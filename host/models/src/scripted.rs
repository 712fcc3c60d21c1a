// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model that is none: it answers by the rules of a file ([`script`](crate::script)).
//!
//! It keeps nothing between requests, so runs at the same time and runs that are taken up again have the same answers.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use priory_core::failure::{Failure, Timeout, Unavailable};
use priory_core::json::Json;
use priory_core::model::{
    Answered, CalledTool, Delta, Message, Part, Prompt, Reasoning, Role, StopReason, TokenUsage, ToolResult,
    Unanswered, Vector,
};
use priory_core::ports::{Clock, EmbedOrder, Vectors};

use crate::asking::Model;
use crate::error::Error;
use crate::script::{Arguments, Fails, FailsAs, Rule, Say, Script, When};
use crate::template::Filling;
use crate::wire::fault::clipped;
use crate::wire::{Reported, arguments};

/// How many characters a piece of a streamed answer has.
const PIECE_CHARS: usize = 24;
/// How many numbers the vectors have.
const VECTOR_LEN: usize = 256;

/// A scripted model.
pub(crate) struct Scripted {
    path: PathBuf,
    script: Script,
    clock: Arc<dyn Clock>,
}

/// A conversation up to some message, as the rules see it.
struct Scene<'a> {
    messages: &'a [Arc<Message>],
    prompt: &'a Prompt,
    turn: u32,
}

// === impl Scripted ===

impl Scripted {
    /// Reads the rules of a model.
    pub(crate) fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let script = Script::read(&path)?;
        Ok(Self { path, script, clock })
    }

    /// Answers by the first rule that matches.
    pub(crate) async fn complete(
        &self,
        model: &Model,
        prompt: &Prompt,
        hear: &(dyn Fn(Delta) + Send + Sync),
    ) -> Result<Answered, Unanswered> {
        let name = &*model.spec.info.name;
        let (scene, at) = self.matched(prompt);
        let Some((rule, number)) = at.and_then(|at| Some((self.script.rules.get(at)?, at + 1))) else {
            return Err(self.unmatched(name, prompt).into());
        };
        let deadline = self.clock.elapsed().saturating_add(Duration::from_millis(prompt.time_ms));
        self.pause(name, rule.say.delay_ms, deadline, prompt).await?;
        if let Some(fails) = &rule.say.failure {
            return Err(Unanswered { failure: fails.failure(name, prompt), lost: TokenUsage::default(), attempts: 1 });
        }
        let filling = scene.filling(&rule.when);
        let said = said(&rule.say, &filling, prompt).map_err(|reason| {
            tracing::warn!(model = name, script = %self.path.display(), number, "a rule of a script cannot be followed");
            Failure::absent(format!("model {name}"), format!("rule {number} of its script: {reason}"))
        })?;
        let (parts, stop) = cut(said, &rule.say, model, prompt);
        if prompt.streams {
            for delta in pieces(&parts) {
                self.pause(name, rule.say.piece_ms, deadline, prompt).await?;
                hear(delta);
            }
        }
        let usage = rule.say.usage.unwrap_or_default();
        let reported = Reported {
            input: usage.input,
            output: usage.output,
            cached: usage.cached,
            cache_written: usage.cache_written,
            reasoning: usage.reasoning,
        };
        let usage = model.tokens.settled(reported, prompt, &parts);
        let message = Message { role: Role::Assistant, parts, label: None };
        Ok(Answered { message, stop, usage, lost: TokenUsage::default(), attempts: 1, is_paid: true })
    }

    /// Makes vectors of the words of texts: texts with the same words are near each other, and that is all.
    pub(crate) fn embed(&self, model: &Model, order: &EmbedOrder) -> Vectors {
        let input = model.tokens.texts(&order.texts);
        let vectors = order.texts.iter().map(|text| vector(text)).collect();
        Vectors { vectors, usage: TokenUsage { input, ..TokenUsage::default() }, attempts: 1, is_paid: true }
    }

    /// Finds the rule for a prompt, by its position. Which rules matched before is found on the way.
    fn matched<'a>(&self, prompt: &'a Prompt) -> (Scene<'a>, Option<usize>) {
        let mut used = vec![0_u32; self.script.rules.len()];
        let is_counted = self.script.rules.iter().any(|rule| rule.times.is_some());
        let mut turn = 1;
        for (at, message) in prompt.messages.iter().enumerate() {
            if message.role != Role::Assistant {
                continue;
            }
            if is_counted {
                let messages = prompt.messages.get(..at).unwrap_or_default();
                let scene = Scene { messages, prompt, turn };
                let matched = scene.first(&self.script.rules, &used);
                if let Some(count) = matched.and_then(|matched| used.get_mut(matched)) {
                    *count += 1;
                }
            }
            turn += 1;
        }
        let scene = Scene { messages: &prompt.messages, prompt, turn };
        let matched = scene.first(&self.script.rules, &used);
        (scene, matched)
    }

    fn unmatched(&self, name: &str, prompt: &Prompt) -> Failure {
        let last = prompt.messages.last();
        let role = last.map_or("nobody", |message| message.role.as_str());
        let words = last.map(|message| match result_of(message) {
            Some(result) => format!("`{}` gave back {}", result.name, result.content),
            None => message.words(),
        });
        let words = clipped(&words.unwrap_or_default());
        // Guests are not told where files of the operator are.
        tracing::warn!(model = name, script = %self.path.display(), "no rule of a script matches");
        let reason = format!("no rule of its script matches; add one for the last message, of {role}: {words}");
        Failure::absent(format!("model {name}"), reason)
    }

    async fn pause(&self, name: &str, ms: u64, deadline: Duration, prompt: &Prompt) -> Result<(), Unanswered> {
        if ms == 0 {
            return Ok(());
        }
        let until = self.clock.elapsed().saturating_add(Duration::from_millis(ms));
        self.clock.sleep_until(until.min(deadline)).await;
        match until > deadline {
            true => Err(Unanswered { failure: timeout(name, prompt), lost: TokenUsage::default(), attempts: 1 }),
            false => Ok(()),
        }
    }
}

// === impl Scene ===

impl Scene<'_> {
    /// Returns the first rule that matches.
    fn first(&self, rules: &[Rule], used: &[u32]) -> Option<usize> {
        rules
            .iter()
            .zip(used)
            .position(|(rule, used)| rule.times.is_none_or(|times| *used < times) && self.holds(&rule.when))
    }

    fn holds(&self, when: &When) -> bool {
        let user = || self.user();
        let result = self.result();
        when.turn.is_none_or(|turn| turn == self.turn)
            && when.last.is_none_or(|role| self.messages.last().is_some_and(|message| message.role == role))
            && when.has_schema.is_none_or(|has| has == self.prompt.sampling.output.is_some())
            && when.tool.as_ref().is_none_or(|name| self.prompt.tools.iter().any(|tool| is_named(&tool.name, name)))
            && when.result.as_ref().is_none_or(|name| result.is_some_and(|result| is_named(&result.name, name)))
            && when.is_error.is_none_or(|is_error| result.is_some_and(|result| result.is_error == is_error))
            && when.result_matches.as_ref().is_none_or(|r| result.is_some_and(|result| r.is_match(&result.content)))
            && when.user_contains.as_ref().is_none_or(|words| user().contains(words.as_str()))
            && when.user.as_ref().is_none_or(|regex| regex.is_match(&user()))
            && when.system.as_ref().is_none_or(|regex| regex.is_match(&self.system()))
    }

    /// Returns what the places of a rule are filled with.
    fn filling(&self, when: &When) -> Filling {
        let mut filling = Filling::default();
        let result = self.result().map_or("", |result| result.content.as_str());
        filling.texts.insert("user".to_owned(), self.user());
        filling.texts.insert("result".to_owned(), result.to_owned());
        filling.texts.insert("results".to_owned(), self.results());
        filling.texts.insert("turn".to_owned(), self.turn.to_string());
        let texts =
            [(&when.user, self.user()), (&when.result_matches, result.to_owned()), (&when.system, self.system())];
        for (regex, text) in &texts {
            let Some((regex, groups)) = regex.as_ref().and_then(|regex| Some((regex, regex.captures(text)?))) else {
                continue;
            };
            for name in regex.capture_names().flatten() {
                let matched = groups.name(name).map_or("", |matched| matched.as_str());
                filling.texts.insert(name.to_owned(), matched.to_owned());
            }
        }
        filling
    }

    fn user(&self) -> String {
        let last = self.messages.iter().rev().find(|message| message.role == Role::User);
        last.map(|message| message.words()).unwrap_or_default()
    }

    fn system(&self) -> String {
        let said = self.messages.iter().filter(|message| message.role == Role::System);
        said.map(|message| message.words()).collect::<Vec<_>>().join("\n")
    }

    /// Returns the result of a tool that is the last of what was said.
    fn result(&self) -> Option<&ToolResult> {
        result_of(self.messages.last()?)
    }

    fn results(&self) -> String {
        let since = self.messages.iter().rposition(|message| message.role == Role::Assistant).unwrap_or(0);
        let parts = self.messages.get(since..).unwrap_or_default().iter().flat_map(|message| &message.parts);
        let contents = parts.filter_map(|part| match part {
            Part::ToolResult(result) => Some(result.content.as_str()),
            _ => None,
        });
        contents.collect::<Vec<_>>().join("\n")
    }
}

// === impl Fails ===

impl Fails {
    fn failure(&self, name: &str, prompt: &Prompt) -> Failure {
        let reason = if self.reason.is_empty() { "its script says so".to_owned() } else { self.reason.clone() };
        match self.kind {
            FailsAs::Unavailable => {
                let subject = format!("model {name}");
                Failure::Unavailable(Unavailable { subject, reason, retriable: self.retriable })
            }
            FailsAs::Timeout => timeout(name, prompt),
            FailsAs::Invalid => Failure::invalid("model request", "", reason),
        }
    }
}

fn timeout(name: &str, prompt: &Prompt) -> Failure {
    Failure::Timeout(Timeout { allowed_ms: prompt.time_ms, frame: format!("model {name}") })
}

fn result_of(message: &Message) -> Option<&ToolResult> {
    message.parts.iter().rev().find_map(|part| match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    })
}

/// Tells whether a name is the one that a rule wants.
fn is_named(name: &str, wanted: &str) -> bool {
    wanted.strip_suffix('*').map_or(name == wanted, |head| name.starts_with(head))
}

/// Makes the parts of an answer.
fn said(say: &Say, filling: &Filling, prompt: &Prompt) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    if let Some(reasoning) = &say.reasoning {
        parts.push(Part::Reasoning(Reasoning { text: reasoning.fill(filling)?, opaque: None }));
    }
    if let Some(text) = &say.text {
        parts.push(Part::Text(text.fill(filling)?));
    }
    if let Some(json) = &say.json {
        parts.push(Part::Text(json.fill(filling)?.to_string()));
    }
    for (at, call) in say.calls.iter().enumerate() {
        let (arguments, problem) = match &call.arguments {
            Arguments::Tree(tree) => (Json::from(tree.fill(filling)?), None),
            Arguments::Raw(raw) => arguments::read(&raw.fill(filling)?, false),
        };
        let id = format!("call_{}_{at}", prompt.messages.len());
        parts.push(Part::ToolCall(CalledTool { id, name: call.tool.fill(filling)?, arguments, problem, opaque: None }));
    }
    Ok(parts)
}

/// Ends an answer at its length, as a model would, and says why it ended.
fn cut(mut parts: Vec<Part>, say: &Say, model: &Model, prompt: &Prompt) -> (Vec<Part>, StopReason) {
    let has_calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let stop = say.stop.unwrap_or(if has_calls { StopReason::ToolCalls } else { StopReason::End });
    let is_long = |parts: &[Part]| model.tokens.parts(parts) > prompt.output_tokens_max;
    if has_calls || !is_long(&parts) {
        return (parts, stop);
    }
    // Each round halves what is left, so this ends.
    while is_long(&parts) {
        match parts.last_mut() {
            Some(Part::Text(text)) if !text.is_empty() => {
                let mut end = text.len() / 2;
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                text.truncate(end);
            }
            Some(_) => drop(parts.pop()),
            None => break,
        }
    }
    (parts, StopReason::Length)
}

/// Takes an answer to pieces.
fn pieces(parts: &[Part]) -> Vec<Delta> {
    let chunks = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(PIECE_CHARS).map(|piece| piece.iter().collect::<String>()).collect::<Vec<_>>()
    };
    let of_part = |part: &Part| match part {
        Part::Text(text) => chunks(text).into_iter().map(Delta::Text).collect(),
        Part::Reasoning(reasoning) => chunks(&reasoning.text).into_iter().map(Delta::Reasoning).collect(),
        Part::ToolCall(call) => vec![Delta::ToolCall(call.clone())],
        Part::Image(_) | Part::File(_) | Part::ToolResult(_) => Vec::new(),
    };
    parts.iter().flat_map(of_part).collect()
}

/// Makes a vector of the words of a text.
#[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
fn vector(text: &str) -> Vector {
    let mut counts = [0_u32; VECTOR_LEN];
    for word in text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let digest = priory_core::Digest::of(word.to_lowercase().as_bytes());
        let place = digest.as_bytes().first().copied().unwrap_or_default();
        if let Some(count) = counts.get_mut(usize::from(place)) {
            *count += 1;
        }
    }
    let length = counts.iter().map(|count| (*count as f32).powi(2)).sum::<f32>().sqrt().max(1.0);
    Vector(counts.iter().map(|count| *count as f32 / length).collect())
}
