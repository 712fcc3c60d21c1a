// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the model of a fake provider says, before it is written in a wire format.

use serde_json::Value;

/// An answer of a model.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What it says, in order.
    pub says: Vec<Say>,
    /// The provider's own word for why it stopped; the one that fits where there is none.
    pub stop: Option<String>,
    /// What it says that the answer took.
    pub usage: UsageForm,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    /// Words.
    Text(String),
    /// Reasoning in words, with what seals it, where the format has such a thing.
    Reasoning(String, Option<String>),
    /// Reasoning that is kept secret.
    Hidden(String),
    /// A call of a tool: its id, its name and its arguments as the model wrote them.
    Call(Option<String>, String, String),
    /// It refuses, in words.
    Refusal(String),
    /// A part of a kind that nobody knows.
    Unknown,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Read, whatever comes from a cache included.
    pub input: u64,
    /// Written, reasoning included.
    pub output: u64,
    /// Of the input: from the cache.
    pub cached: u64,
    /// Of the input: written to the cache.
    pub cache_written: u64,
    /// Of the output: reasoning.
    pub reasoning: u64,
}

/// How a provider says what an answer took.
#[derive(Debug, Clone, PartialEq)]
pub enum UsageForm {
    /// As it should.
    Right(Tokens),
    /// Not at all.
    Missing,
    /// With the same value in the place of each number.
    Each(Value),
    /// With something else in the place of all of it.
    Instead(Value),
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name, where the format has one.
    pub name: Option<String>,
    /// Its data.
    pub data: String,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { input: 11, output: 7, cached: 0, cache_written: 0, reasoning: 0 }
    }
}

impl Answer {
    /// Makes an answer of parts.
    pub fn of(says: Vec<Say>) -> Self {
        Self { says, stop: None, usage: UsageForm::Right(Tokens::default()) }
    }

    /// Makes an answer of words.
    pub fn text(text: &str) -> Self {
        Self::of(vec![Say::Text(text.to_owned())])
    }

    /// Makes an answer that calls a tool.
    pub fn call(id: &str, name: &str, arguments: &str) -> Self {
        Self::of(vec![Say::call(id, name, arguments)])
    }

    /// Says why it stopped, in the provider's own word.
    pub fn stopped(mut self, stop: &str) -> Self {
        self.stop = Some(stop.to_owned());
        self
    }

    /// Says what it took.
    pub fn took(mut self, usage: UsageForm) -> Self {
        self.usage = usage;
        self
    }

    /// Tells whether it calls a tool.
    pub fn calls(&self) -> bool {
        self.says.iter().any(|say| matches!(say, Say::Call(..)))
    }

    /// Returns the tokens that go into the usage; what is wrong is put in their place afterwards.
    pub(super) fn tokens(&self) -> Tokens {
        match self.usage {
            UsageForm::Right(tokens) => tokens,
            _ => Tokens::default(),
        }
    }
}

impl Say {
    /// Makes a call of a tool.
    pub fn call(id: &str, name: &str, arguments: &str) -> Self {
        Self::Call(Some(id.to_owned()), name.to_owned(), arguments.to_owned())
    }

    /// Makes words.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Event {
    /// Makes an event of a format that names its events by the field `type` of their data.
    pub fn typed(data: &Value) -> Self {
        Self { name: data.get("type").and_then(Value::as_str).map(str::to_owned), data: data.to_string() }
    }

    /// Makes an event without a name.
    pub fn plain(data: impl Into<String>) -> Self {
        Self { name: None, data: data.into() }
    }
}
