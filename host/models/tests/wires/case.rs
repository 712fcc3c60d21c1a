// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a case is: what is asked, what the provider does, and what that comes to.

use std::sync::Arc;

use priory_core::id::Digest;
use priory_core::json::Json;
use priory_core::model::{Answered, TokenUsage};
use priory_core::model::{
    CalledTool, Delta, Media, Message, ModelSpec, Part, Prompt, ProviderSpec, Reasoning, Role, Sampling,
    ToolDefinition, ToolResult, Unanswered,
};
use priory_testkit::provider::{Act, Asked};

/// What the provider does, for a whole answer or for a stream.
type Acts = Box<dyn Fn(bool) -> Vec<Act> + Send + Sync>;
type Ask = Box<dyn Fn(&mut Prompt) + Send + Sync>;
type Tune = Box<dyn Fn(&mut ProviderSpec, &mut ModelSpec) + Send + Sync>;
type Look = Box<dyn Fn(&[Asked]) + Send + Sync>;

/// How long a text is that is shown as it is, in bytes.
const SHOWN_BYTES_MAX: usize = 160;

/// A case.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) acts: Acts,
    pub(crate) asks: Vec<Ask>,
    pub(crate) tunes: Vec<Tune>,
    pub(crate) looks: Vec<Look>,
    /// What it comes to with a whole answer; `None` where it is not asked for.
    pub(crate) whole: Option<String>,
    /// What it comes to with a stream; `None` where it is not asked for.
    pub(crate) stream: Option<String>,
    /// What the reason of the failure has to say.
    pub(crate) says: Option<&'static str>,
    /// How many pieces are heard before the clock moves, where the provider hangs in the middle.
    pub(crate) heard: usize,
    /// Between which times it ends, in milliseconds.
    pub(crate) waits: Option<(u64, u64)>,
    /// By how much the clock moves where the provider hangs, in milliseconds.
    pub(crate) silence_ms: Option<u64>,
}

/// Makes a case in which the provider does the same for a whole answer and for a stream.
pub(crate) fn case(name: &str, acts: impl Fn() -> Vec<Act> + Send + Sync + 'static) -> Case {
    either(name, move |_| acts())
}

/// Makes a case in which the provider does something else for a stream.
pub(crate) fn either(name: &str, acts: impl Fn(bool) -> Vec<Act> + Send + Sync + 'static) -> Case {
    Case {
        name: name.to_owned(),
        acts: Box::new(acts),
        asks: Vec::new(),
        tunes: Vec::new(),
        looks: Vec::new(),
        whole: None,
        stream: None,
        says: None,
        heard: 0,
        waits: None,
        silence_ms: None,
    }
}

impl Case {
    /// Says what it comes to, whole or as a stream.
    pub(crate) fn is(self, expected: &str) -> Self {
        self.whole(expected).stream(expected)
    }

    /// Says what it comes to with a whole answer.
    pub(crate) fn whole(mut self, expected: &str) -> Self {
        self.whole = Some(expected.to_owned());
        self
    }

    /// Says what it comes to with a stream.
    pub(crate) fn stream(mut self, expected: &str) -> Self {
        self.stream = Some(expected.to_owned());
        self
    }

    /// Says what the reason of the failure has to say.
    pub(crate) fn says(mut self, words: &'static str) -> Self {
        self.says = Some(words);
        self
    }

    /// Says how many pieces are heard before the provider hangs.
    pub(crate) fn hears(mut self, pieces: usize) -> Self {
        self.heard = pieces;
        self
    }

    /// Says between which times it ends, in milliseconds.
    pub(crate) fn waits(mut self, least_ms: u64, most_ms: u64) -> Self {
        self.waits = Some((least_ms, most_ms));
        self
    }

    /// Says by how much the clock moves where the provider hangs, in milliseconds.
    pub(crate) fn silent(mut self, silence_ms: u64) -> Self {
        self.silence_ms = Some(silence_ms);
        self
    }

    /// Asks something else.
    pub(crate) fn asks(mut self, ask: impl Fn(&mut Prompt) + Send + Sync + 'static) -> Self {
        self.asks.push(Box::new(ask));
        self
    }

    /// Configures something else.
    pub(crate) fn with(mut self, tune: impl Fn(&mut ProviderSpec, &mut ModelSpec) + Send + Sync + 'static) -> Self {
        self.tunes.push(Box::new(tune));
        self
    }

    /// Says that nothing is sent.
    pub(crate) fn plays_nothing(mut self) -> Self {
        self.acts = Box::new(|_| Vec::new());
        self
    }

    /// Looks at what was sent.
    pub(crate) fn sends(mut self, look: impl Fn(&[Asked]) + Send + Sync + 'static) -> Self {
        self.looks.push(Box::new(look));
        self
    }
}

/// Writes down what a request came to.
pub(crate) fn shown(result: &Result<Answered, Unanswered>) -> String {
    let (lost, attempts, mut text) = match result {
        Ok(answered) => {
            let parts: Vec<String> = answered.message.parts.iter().map(part).collect();
            let usage = usage(answered.usage);
            (answered.lost, answered.attempts, format!("{}; {:?}; {usage}", parts.join(" | "), answered.stop))
        }
        Err(Unanswered { failure, lost, attempts }) => {
            let retriable = if failure.is_retriable() { " retriable" } else { "" };
            (*lost, *attempts, format!("{}{retriable}", failure.kind()))
        }
    };
    if !lost.is_zero() {
        text.push_str(&format!("; lost {}", usage(lost)));
    }
    if attempts != 1 {
        text.push_str(&format!("; {attempts} attempts"));
    }
    text
}

fn part(part: &Part) -> String {
    match part {
        Part::Text(text) if text.len() > SHOWN_BYTES_MAX => format!("text of {} bytes", text.len()),
        Part::Text(text) => format!("text {text:?}"),
        Part::Reasoning(Reasoning { text, opaque }) => {
            format!("thought {text:?}{}", opaque.as_deref().map(|opaque| format!(" <{opaque}>")).unwrap_or_default())
        }
        Part::ToolCall(call) => self::call(call),
        other => format!("{other:?}"),
    }
}

fn call(call: &CalledTool) -> String {
    let CalledTool { id, name, arguments, problem, opaque } = call;
    let opaque = opaque.as_deref().map(|opaque| format!(" <{opaque}>")).unwrap_or_default();
    let problem = if problem.is_some() { " WRONG" } else { "" };
    format!("call {id} {name} {arguments}{opaque}{problem}")
}

fn usage(usage: TokenUsage) -> String {
    let TokenUsage { input, output, cached, cache_written, reasoning } = usage;
    let mut text = format!("{input}+{output}");
    for (name, count) in [("cached", cached), ("written", cache_written), ("reasoning", reasoning)] {
        if count > 0 {
            text.push_str(&format!(" {name} {count}"));
        }
    }
    text
}

/// Says what differs between what was heard of an answer and what it came to.
pub(crate) fn misheard(heard: &[Delta], answered: &Answered) -> Option<String> {
    let (mut words, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
    for delta in heard {
        match delta {
            Delta::Text(text) => words.push_str(text),
            Delta::Reasoning(text) => thoughts.push_str(text),
            Delta::ToolCall(call) => calls.push(call),
        }
    }
    let thought: String = answered
        .message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Reasoning(reasoning) => Some(reasoning.text.as_str()),
            _ => None,
        })
        .collect();
    let is_same = words == answered.message.words() && thoughts == thought;
    let are_same =
        calls.len() == answered.message.calls().count() && answered.message.calls().eq(calls.iter().copied());
    (!is_same || !are_same).then(|| format!("heard {heard:?}"))
}

/// What is asked where a case says nothing else.
pub(crate) fn prompt() -> Prompt {
    Prompt {
        model: "m".into(),
        messages: vec![said(Role::System, "Be brief."), said(Role::User, "Hi")],
        media: Default::default(),
        tools: vec![tool(
            "fs.read",
            r#"{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}"#,
        )],
        sampling: Sampling::default(),
        output_tokens_max: 4_096,
        spare: TokenUsage { input: u64::MAX, output: u64::MAX, ..TokenUsage::default() },
        streams: false,
        key: "key-of-step-1".to_owned(),
        run: "run_00000000000000000000000000".parse().unwrap(),
        time_ms: super::run::TIME_MS,
    }
}

/// Makes a tool.
pub(crate) fn tool(name: &str, schema: &str) -> ToolDefinition {
    let description = format!("Does {name}.");
    ToolDefinition { name: name.to_owned(), description, input_schema: Json::parse(schema).unwrap() }
}

/// Makes a message of words.
pub(crate) fn said(role: Role, text: &str) -> Arc<Message> {
    Arc::new(Message::text(role, text))
}

/// Makes a message of parts.
pub(crate) fn message(role: Role, parts: Vec<Part>) -> Arc<Message> {
    Arc::new(Message { role, parts, label: None })
}

/// Makes a call that a model made.
pub(crate) fn called(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name) = (id.to_owned(), name.to_owned());
    Part::ToolCall(CalledTool { id, name, arguments: Json::parse(arguments).unwrap(), problem: None, opaque: None })
}

/// Makes a result of a tool.
pub(crate) fn result(id: &str, name: &str, content: &str) -> Part {
    let (id, name, content) = (id.to_owned(), name.to_owned(), content.to_owned());
    Part::ToolResult(ToolResult { id, name, content, is_error: false })
}

/// Makes a file, and puts its bytes into a prompt.
pub(crate) fn media(prompt: &mut Prompt, mime: &str, bytes: &[u8]) -> Media {
    let artifact = Digest::of(bytes);
    prompt.media.insert(artifact, bytes.into());
    Media { mime: mime.to_owned(), artifact, name: Some("a.file".to_owned()) }
}
