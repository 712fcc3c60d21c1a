// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions to people. The run is put aside until somebody answers.

use serde::de::DeserializeOwned;

use crate::bindings::priory::agent::human;
use crate::tools::read;
use crate::{Failure, Pending};

pub use crate::bindings::priory::agent::human::Question;

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Who gave it.
    pub by: String,
}

/// Makes a question that anybody may answer with anything, at any time.
pub fn question(text: impl Into<String>) -> Question {
    Question { text: text.into(), schema: None, who: Vec::new(), expires_ms: None }
}

/// Asks, and waits for the answer.
pub fn ask<T: DeserializeOwned>(question: &Question) -> Result<Answer<T>, Failure> {
    let human::Answer { value, by } = human::ask(question)?;
    Ok(Answer { value: read("a question", &value)?, by })
}

/// Asks and returns at once.
pub fn start<T: DeserializeOwned>(question: &Question) -> Result<Pending<T>, Failure> {
    Ok(Pending::new("a question", human::start(question)?))
}
