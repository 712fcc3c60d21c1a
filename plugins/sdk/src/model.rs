// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models: what they are asked, and what they answer.
//!
//! ```no_run
//! use priory_sdk::model::{self, Message, Request};
//! # fn run() -> Result<(), priory_sdk::Failure> {
//! let request = Request::new([Message::system("Be brief."), Message::user("How do bees survive the winter?")]);
//! println!("{}", model::complete(&request.temperature(0.2))?.words());
//! # Ok(())
//! # }
//! ```
//!
//! To go on with a conversation, the message of a completion is put behind the others unchanged. What an agent needs to call
//! tools until it has an answer is in [`think`](crate::think).

mod message;
mod request;
mod wire;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::priory::agent::model;
use crate::outside::Outside;
use crate::{Failure, Pending};

pub use crate::bindings::priory::agent::model::{
    Abilities, Choice, Completion, Definition, Delta, Effort, Embedded, Media, Message, ModelInfo, Offer, Part,
    Reasoning, Request, Role, StopReason, TokenUsage, ToolCall, ToolResult,
};

/// How often an answer that does not fit its schema goes back with the reason. Who does not get it right by then hardly ever
/// does.
pub const FEEDBACK_MAX: u32 = 2;

/// Asks a model and waits for the whole answer.
pub fn complete(request: &Request) -> Result<Completion, Failure> {
    Ok(model::complete(request)?)
}

/// Asks a model and returns at once.
pub fn start(request: &Request) -> Result<Pending<Completion>, Failure> {
    Ok(Pending::new("a model", model::start(request)?))
}

/// Asks a model and hears the answer while it is written.
pub fn stream(request: &Request) -> Stream {
    Stream { answer: model::Answer::new(request), has_ended: false }
}

/// Asks for an answer that fits a JSON Schema, and reads it.
///
/// An answer that does not fit goes back with the reason, at most [`FEEDBACK_MAX`] times. The completion beside the value is
/// the one that fits.
pub fn complete_json<T: DeserializeOwned>(
    outside: &(impl Outside + ?Sized),
    request: Request,
    schema: &Value,
) -> Result<(T, Completion), Failure> {
    let request = request.output(schema);
    let first = outside.complete(&request);
    settle(outside, request, first, |output| serde_json::from_str(output).map_err(|error| error.to_string()))
}

/// Reads the answer to a request with a schema, and asks again with the reason where it cannot be read: at most
/// [`FEEDBACK_MAX`] times. `read` says in words for the model what is wrong.
pub fn settle<T>(
    outside: &(impl Outside + ?Sized),
    mut request: Request,
    first: Result<Completion, Failure>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<(T, Completion), Failure> {
    let mut completion = first?;
    let mut left = FEEDBACK_MAX;
    loop {
        if completion.stop == StopReason::Refused {
            return Err(refused(&completion));
        }
        let problem = match (&completion.output, &completion.problem) {
            (Some(output), _) => match read(output) {
                Ok(value) => return Ok((value, completion)),
                Err(problem) => problem,
            },
            (None, Some(problem)) => problem.clone(),
            (None, None) => "there is no JSON in it".to_owned(),
        };
        if left == 0 {
            return Err(Failure::invalid("answer of a model", "", problem));
        }
        left -= 1;
        request.messages.push(completion.message);
        let words =
            format!("Your answer cannot be used: {problem}. Answer with JSON that fits the schema, and nothing else.");
        request.messages.push(Message::user(words).labelled("feedback"));
        completion = outside.complete(&request)?;
    }
}

/// Makes the failure of an answer that the model, or its provider, refuses to give.
pub(crate) fn refused(completion: &Completion) -> Failure {
    let words: String = completion.words().chars().take(1_000).collect();
    let said = if words.trim().is_empty() { String::new() } else { format!(": {}", words.trim()) };
    Failure::with_data(format!("the model refuses to answer{said}"), &serde_json::json!({ "stop": "refused" }))
}

/// Makes vectors of texts: 1 to 256. With `None`, by the model that is configured for it.
pub fn embed(model: Option<&str>, texts: &[String]) -> Result<Embedded, Failure> {
    Ok(model::embed(model, texts)?)
}

/// Lists the models that are granted, ordered by name.
pub fn list() -> Result<Vec<ModelInfo>, Failure> {
    Ok(model::list()?)
}

/// An answer that is heard while it is written. Dropping it ends the request.
pub struct Stream {
    answer: model::Answer,
    has_ended: bool,
}

impl Stream {
    /// Waits for the whole answer.
    pub fn finish(self) -> Result<Completion, Failure> {
        Ok(self.answer.finish()?)
    }
}

impl Iterator for &mut Stream {
    type Item = Result<Delta, Failure>;

    /// Waits for the next piece. After a failure there is none.
    fn next(&mut self) -> Option<Result<Delta, Failure>> {
        if self.has_ended {
            return None;
        }
        let piece = self.answer.next().map_err(Failure::from).transpose();
        self.has_ended = !matches!(piece, Some(Ok(_)));
        piece
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
