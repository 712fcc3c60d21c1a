// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions to people. The run is put aside until somebody answers.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bindings::priory::agent::human;
use crate::tools::read;
use crate::{Failure, Pending};

pub use crate::bindings::priory::agent::human::{Kind, Question};

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Who gave it.
    pub by: String,
}

/// What somebody decided about a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision<T> {
    /// As it was proposed.
    Approve,
    /// Not at all.
    Reject {
        /// Why not, where somebody said it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// With another value; only where the question was to edit.
    Edit {
        /// The value.
        value: T,
    },
}

/// Makes a question that anybody may answer with anything, at any time.
pub fn question(text: impl Into<String>) -> Question {
    Question { text: text.into(), about: None, kind: Kind::Answer, schema: None, who: Vec::new(), expires_ms: None }
}

/// Asks, and waits for the answer.
pub fn ask<T: DeserializeOwned>(question: &Question) -> Result<Answer<T>, Failure> {
    let human::Answer { value, by } = human::ask(question)?;
    Ok(Answer { value: read("a question", &value)?, by })
}

/// Asks whether something may be done, and waits for the decision: to approve or to reject.
pub fn approve(
    text: impl Into<String>,
    about: &(impl Serialize + ?Sized),
) -> Result<Answer<Decision<serde_json::Value>>, Failure> {
    ask(&proposed(text, about, Kind::Approve)?)
}

/// Offers choices, and waits for the one that is chosen.
pub fn choose(text: impl Into<String>, options: &[&str]) -> Result<Answer<String>, Failure> {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    ask(&Question { kind: Kind::Choose(options), ..question(text) })
}

/// Proposes a value, and waits for the decision: to approve it, to approve another one, or to reject it.
pub fn edit<T: Serialize + DeserializeOwned>(
    text: impl Into<String>,
    proposal: &T,
) -> Result<Answer<Decision<T>>, Failure> {
    ask(&proposed(text, proposal, Kind::Edit)?)
}

/// Asks and returns at once.
pub fn start<T: DeserializeOwned>(question: &Question) -> Result<Pending<T>, Failure> {
    Ok(Pending::new("a question", human::start(question)?))
}

fn proposed(text: impl Into<String>, about: &(impl Serialize + ?Sized), kind: Kind) -> Result<Question, Failure> {
    Ok(Question { about: Some(serde_json::to_string(about)?), kind, ..question(text) })
}
