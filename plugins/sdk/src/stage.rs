// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host that is played, for the tests of agents: models answer what a test says, tools do what it says, and what was
//! asked is kept. Only tests have it: it is behind the feature `stage`.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use crate::Failure;
use crate::artifacts::Reference;
use crate::budget::Remaining;
use crate::model::{Completion, Message, Part, Request, StopReason, TokenUsage, ToolCall};
use crate::outside::{Call, Outside};
use crate::tools::Tool;

type Performer = Box<dyn Fn(&Call) -> Result<String, Failure>>;

/// A host that is played.
pub struct Stage {
    answers: RefCell<VecDeque<Result<Completion, Failure>>>,
    tools: Vec<Tool>,
    performer: Performer,
    keeps: bool,
    left: RefCell<VecDeque<Remaining>>,
    asked: RefCell<Vec<Request>>,
    called: RefCell<Vec<Vec<Call>>>,
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
    told: RefCell<Vec<String>>,
}

/// What is left where nothing is nearly spent.
pub const PLENTY: Remaining = Remaining {
    fuel_own: u64::MAX,
    fuel_calls: u64::MAX,
    calls: u64::MAX,
    bytes: u64::MAX,
    time_ms: u64::MAX,
    depth: 8,
    tokens_in: u64::MAX,
    tokens_out: u64::MAX,
    money_microusd: u64::MAX,
};

impl Stage {
    /// Makes a host whose models give these answers, one after the other.
    pub fn new(answers: impl IntoIterator<Item = Completion>) -> Self {
        Self {
            answers: RefCell::new(answers.into_iter().map(Ok).collect()),
            tools: Vec::new(),
            performer: Box::new(|call| Err(Failure::unavailable(format!("tool {}", call.name), "it is not there"))),
            keeps: true,
            left: RefCell::default(),
            asked: RefCell::default(),
            called: RefCell::default(),
            kept: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// Has the model fail after the answers that were given.
    pub fn then_fails(self, failure: Failure) -> Self {
        self.answers.borrow_mut().push_back(Err(failure));
        self
    }

    /// Has the model answer after what was given.
    pub fn then(self, answer: Completion) -> Self {
        self.answers.borrow_mut().push_back(Ok(answer));
        self
    }

    /// Grants tools, by their names, and says what they do.
    pub fn tools(mut self, names: &[&str], performer: impl Fn(&Call) -> Result<String, Failure> + 'static) -> Self {
        let tool = |name: &&str| Tool {
            name: (*name).to_owned(),
            description: String::new(),
            input_schema: "{}".to_owned(),
            output_schema: None,
        };
        self.tools = names.iter().map(tool).collect();
        self.performer = Box::new(performer);
        self
    }

    /// Has no artifacts granted.
    pub fn keeps_nothing(mut self) -> Self {
        self.keeps = false;
        self
    }

    /// Says what is left, each time that somebody looks; after that there is plenty.
    pub fn left(self, left: impl IntoIterator<Item = Remaining>) -> Self {
        self.left.borrow_mut().extend(left);
        self
    }

    /// Returns what models were asked.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.borrow().clone()
    }

    /// Returns which tools were called, and which of them side by side.
    pub fn called(&self) -> Vec<Vec<Call>> {
        self.called.borrow().clone()
    }

    /// Returns the artifacts.
    pub fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        self.kept.borrow().clone()
    }

    /// Returns what was told.
    pub fn told(&self) -> Vec<String> {
        self.told.borrow().clone()
    }

    /// Tells whether every answer was asked for.
    pub fn is_over(&self) -> bool {
        self.answers.borrow().is_empty()
    }
}

impl Outside for Stage {
    fn complete(&self, request: &Request) -> Result<Completion, Failure> {
        self.asked.borrow_mut().push(request.clone());
        self.answers.borrow_mut().pop_front().unwrap_or_else(|| Err(Failure::other("the script of the model is over")))
    }

    fn tools(&self) -> Result<Vec<Tool>, Failure> {
        Ok(self.tools.clone())
    }

    fn call(&self, calls: &[Call], _: usize) -> Vec<Result<String, Failure>> {
        self.called.borrow_mut().push(calls.to_vec());
        calls.iter().map(|call| (self.performer)(call)).collect()
    }

    fn keep(&self, content: &[u8]) -> Result<Reference, Failure> {
        if !self.keeps {
            return Err(Failure::other("artifacts are denied"));
        }
        let mut kept = self.kept.borrow_mut();
        let artifact = format!("blake3:{:064x}", kept.len());
        kept.insert(artifact.clone(), content.to_vec());
        Ok(Reference { artifact, bytes: content.len() as u64, head: String::new() })
    }

    fn read(&self, artifact: &str, offset: u64, length: u64) -> Result<Vec<u8>, Failure> {
        let kept = self.kept.borrow();
        let content = kept.get(artifact).ok_or_else(|| Failure::unavailable(artifact, "it is not there"))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let to = from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(content.len());
        Ok(content.get(from..to).unwrap_or_default().to_vec())
    }

    fn left(&self) -> Remaining {
        self.left.borrow_mut().pop_front().unwrap_or(PLENTY)
    }

    fn tell(&self, line: &str) {
        self.told.borrow_mut().push(line.to_owned());
    }
}

/// Makes an answer in words.
pub fn answered(words: &str) -> Completion {
    Completion {
        message: Message::assistant(words),
        stop: StopReason::End,
        model: "scripted".to_owned(),
        usage: TokenUsage { input: 100, output: 10, cached: 0, cache_written: 0, reasoning: 0 },
        microusd: 0,
        output: None,
        problem: None,
        is_cached: false,
    }
}

/// Makes an answer that fits the schema of its request.
pub fn fits(json: &str) -> Completion {
    Completion { output: Some(json.to_owned()), ..answered(json) }
}

/// Makes an answer that wants tools to be called: each an id, a name and arguments.
pub fn wants(calls: &[(&str, &str, &str)]) -> Completion {
    let part = |(id, name, arguments): &(&str, &str, &str)| {
        Part::ToolCall(ToolCall {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            arguments: (*arguments).to_owned(),
            problem: None,
            opaque: None,
        })
    };
    let message = Message { parts: calls.iter().map(part).collect(), ..Message::assistant("") };
    Completion { message, stop: StopReason::ToolCalls, ..answered("") }
}
