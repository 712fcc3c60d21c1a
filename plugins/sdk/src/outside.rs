// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an agent that thinks asks of its host, as a trait: [`Host`] is the real one, and a test brings its own.

use crate::artifacts::{self, Reference};
use crate::bindings::priory::agent::pending::{self, Pending};
use crate::bindings::priory::agent::tools as raw;
use crate::budget::{self, Remaining};
use crate::model::{self, Completion, Request};
use crate::tools::{self, Tool};
use crate::{Failure, log};

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The tool, `plugin.function`.
    pub name: String,
    /// Its arguments, an object as JSON.
    pub arguments: String,
}

/// What an agent that thinks asks of its host.
pub trait Outside {
    /// Asks a model.
    fn complete(&self, request: &Request) -> Result<Completion, Failure>;

    /// Asks several at once; the answers are in the order of the requests.
    fn complete_all(&self, requests: &[Request]) -> Vec<Result<Completion, Failure>> {
        requests.iter().map(|request| self.complete(request)).collect()
    }

    /// Returns how many tokens a request may have, beside its answer, where it names no model; `None` where nobody knows.
    fn room(&self) -> Option<u64> {
        None
    }

    /// Lists the tools that are granted.
    fn tools(&self) -> Result<Vec<Tool>, Failure>;

    /// Calls tools, at most `width` side by side; the results are in the order of the calls.
    fn call(&self, calls: &[Call], width: usize) -> Vec<Result<String, Failure>>;

    /// Makes an artifact.
    fn keep(&self, content: &[u8]) -> Result<Reference, Failure>;

    /// Reads a part of an artifact.
    fn read(&self, artifact: &str, offset: u64, length: u64) -> Result<Vec<u8>, Failure>;

    /// Returns what may still be spent.
    fn left(&self) -> Remaining;

    /// Tells whoever reads the run what is done.
    fn tell(&self, line: &str);
}

/// The host that the agent runs in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Host;

impl Outside for Host {
    fn complete(&self, request: &Request) -> Result<Completion, Failure> {
        model::complete(request)
    }

    fn complete_all(&self, requests: &[Request]) -> Vec<Result<Completion, Failure>> {
        let started: Vec<_> = requests.iter().map(model::start).collect();
        started.into_iter().map(|pending| pending?.wait()).collect()
    }

    fn room(&self) -> Option<u64> {
        // Where the models cannot be listed, the request itself will say what is wrong.
        let asked = model::list().ok()?.into_iter().find(|model| model.is_default)?;
        Some(asked.context_tokens?.saturating_sub(asked.output_tokens_max))
    }

    fn tools(&self) -> Result<Vec<Tool>, Failure> {
        tools::list()
    }

    fn call(&self, calls: &[Call], width: usize) -> Vec<Result<String, Failure>> {
        // One alone needs no start: nothing is ever beside it.
        if let [call] = calls {
            return vec![raw::call(&call.name, &call.arguments).map_err(Failure::from)];
        }
        let mut waiting = calls.iter().enumerate();
        let mut going: Vec<(usize, Pending)> = Vec::new();
        let mut results: Vec<(usize, Result<String, Failure>)> = Vec::new();
        loop {
            while going.len() < width.max(1)
                && let Some((place, call)) = waiting.next()
            {
                match raw::start(&call.name, &call.arguments) {
                    Ok(handle) => going.push((place, handle)),
                    Err(failure) => results.push((place, Err(failure.into()))),
                }
            }
            if going.is_empty() {
                break;
            }
            let handles: Vec<&Pending> = going.iter().map(|(_, handle)| handle).collect();
            let first = usize::try_from(pending::wait_any(&handles)).unwrap_or_default().min(going.len() - 1);
            let (place, handle) = going.remove(first);
            results.push((place, handle.wait().map_err(Failure::from)));
        }
        results.sort_by_key(|(place, _)| *place);
        results.into_iter().map(|(_, result)| result).collect()
    }

    fn keep(&self, content: &[u8]) -> Result<Reference, Failure> {
        artifacts::put(content)
    }

    fn read(&self, artifact: &str, offset: u64, length: u64) -> Result<Vec<u8>, Failure> {
        artifacts::read(artifact, offset, length)
    }

    fn left(&self) -> Remaining {
        budget::left()
    }

    fn tell(&self, line: &str) {
        log::debug(line);
    }
}
