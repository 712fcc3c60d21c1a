// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of messages that are not shown any more.

use std::fmt::Write;

use crate::Failure;
use crate::model::{Message, Part, Request, Role, StopReason};
use crate::outside::Outside;

/// How many characters of a message its headline has.
const HEADLINE_CHARS: usize = 160;
/// The prompt of [`ByModel`].
const PROMPT: &str = include_str!("../../prompts/compaction.md");

/// Makes summaries.
pub trait Summarise {
    /// Extends a summary by messages that are not shown any more. It has about `tokens_max` tokens at most.
    fn extend(
        &self,
        outside: &dyn Outside,
        before: Option<&str>,
        dropped: &[Message],
        tokens_max: u64,
    ) -> Result<String, Failure>;
}

/// Has a model write the summary: a request with the purpose `compaction`, which is recorded as any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByModel {
    /// The model; `None` is the agent's own.
    pub model: Option<String>,
    /// What it is told.
    pub prompt: String,
}

/// Keeps the beginning of each message. It asks nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headlines;

impl Default for ByModel {
    fn default() -> Self {
        Self { model: None, prompt: PROMPT.to_owned() }
    }
}

impl Summarise for ByModel {
    fn extend(
        &self,
        outside: &dyn Outside,
        before: Option<&str>,
        dropped: &[Message],
        tokens_max: u64,
    ) -> Result<String, Failure> {
        let mut material = String::new();
        if let Some(before) = before {
            material.push_str(&format!("<notes>\n{before}\n</notes>\n\n"));
        }
        material.push_str("<messages>\n");
        dropped.iter().for_each(|message| told(message, &mut material));
        material.push_str("</messages>\n\nWrite the notes anew.");
        let messages = [Message::system(&self.prompt).labelled("system"), Message::user(material).labelled("dropped")];
        let mut request = Request::new(messages).output_tokens_max(tokens_max).purpose("compaction");
        request.model.clone_from(&self.model);
        let completion = outside.complete(&request)?;
        let words = completion.words();
        match completion.stop {
            StopReason::Refused => Err(crate::model::refused(&completion)),
            _ if words.trim().is_empty() => Err(Failure::other("the model wrote nothing")),
            // What was cut is told, so that nobody takes it for all.
            StopReason::Length => Ok(format!("{} [the notes were cut here at their length]", words.trim())),
            _ => Ok(words.trim().to_owned()),
        }
    }
}

impl Summarise for Headlines {
    fn extend(
        &self,
        _: &dyn Outside,
        before: Option<&str>,
        dropped: &[Message],
        tokens_max: u64,
    ) -> Result<String, Failure> {
        let lines = before.into_iter().flat_map(str::lines).map(str::to_owned);
        let lines: Vec<String> = lines.chain(dropped.iter().flat_map(headlines)).collect();
        // The newest matter most; how many are not there is said.
        let mut left = tokens_max;
        let fitting = lines.iter().rev().take_while(|line| {
            let rest = left.checked_sub(crate::tokens::estimate(line).saturating_add(1));
            rest.inspect(|rest| left = *rest).is_some()
        });
        let count = fitting.count();
        let gone = lines.len() - count;
        let mut text =
            if gone > 0 { format!("({gone} older lines are only in the artifacts)\n") } else { String::new() };
        text.push_str(&lines.get(gone..).unwrap_or_default().join("\n"));
        Ok(text)
    }
}

/// Writes a message as a model reads it that only summarises.
fn told(message: &Message, to: &mut String) {
    for part in &message.parts {
        let who = who(message.role);
        // Writing into a text cannot fail.
        let _ = match part {
            Part::Text(text) => writeln!(to, "[{who}] {text}"),
            Part::Image(media) | Part::File(media) => {
                writeln!(to, "[{who}] (a file, {}, in the artifact {})", media.mime, media.artifact)
            }
            // It is not said to anybody, and long.
            Part::Reasoning(_) => Ok(()),
            Part::ToolCall(call) => writeln!(to, "[{who}] calls {} with {}", call.name, call.arguments),
            Part::ToolResult(result) if result.is_error => {
                writeln!(to, "[{who}] {} failed: {}", result.name, result.content)
            }
            Part::ToolResult(result) => writeln!(to, "[{who}] {} gave: {}", result.name, result.content),
        };
    }
}

fn headlines(message: &Message) -> Vec<String> {
    let mut text = String::new();
    told(&Message { parts: message.parts.clone(), ..Message::text(message.role, "") }, &mut text);
    let short = |line: &str| {
        let head: String = line.chars().take(HEADLINE_CHARS).collect();
        if head.len() < line.len() { format!("{head}…") } else { head }
    };
    // One line for each part.
    text.lines().filter(|line| line.starts_with('[')).map(short).collect()
}

fn who(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "agent",
        Role::Tool => "tool",
    }
}
