// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a person is asked, and what may be answered.

use serde::{Deserialize, Serialize};

use crate::json::Json;

/// How many choices one question may offer.
pub const OPTIONS_MAX: usize = 64;
/// How long one choice may be, in bytes.
pub const OPTION_BYTES_MAX: usize = 1 << 10;
/// How long what a question is about may be, in bytes.
pub const ABOUT_BYTES_MAX: u64 = 256 << 10;
/// How long the reason of a rejection may be, in bytes.
pub const REASON_BYTES_MAX: usize = 4 << 10;

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Question {
    /// What is asked, for a person.
    pub text: String,
    /// What it is about: shown with it, and for [`Ask::Approve`] and [`Ask::Edit`] the proposed value. At most
    /// [`ABOUT_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Json>,
    /// What kind of answer is wanted.
    #[serde(default, skip_serializing_if = "Ask::is_answer")]
    pub kind: Ask,
    /// A JSON Schema that the answer has to fit, or for [`Ask::Edit`] the edited value; `None` takes anything. The other
    /// kinds have a form of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// Who may answer; empty means whoever may answer at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// After how many milliseconds nobody may answer any more; `None` waits for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// What kind of answer is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Any JSON that fits the schema.
    #[default]
    Answer,
    /// A [`Decision`] to approve or to reject.
    Approve,
    /// One of these texts.
    Choose {
        /// The choices, at most [`OPTIONS_MAX`].
        options: Vec<String>,
    },
    /// A [`Decision`] to approve, to approve with another value, or to reject.
    Edit,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// The answer, which fits its question.
    pub value: Json,
    /// Who gave it.
    pub by: String,
}

/// What a person decided about a proposal, written `{"decision": "approve"}`, `{"decision": "reject", "reason": …}` or
/// `{"decision": "edit", "value": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// As it was proposed.
    Approve,
    /// Not at all.
    Reject {
        /// Why not, at most [`REASON_BYTES_MAX`].
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// With another value.
    Edit {
        /// The value.
        value: Json,
    },
}

/// A decision as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    decision: Word,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Approve,
    Reject,
    Edit,
}

/// Reads a value that may be `null`, which is another thing than none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

// === impl Question ===

impl Question {
    /// Makes a question that anybody may answer with anything, at any time.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

// === impl Ask ===

impl Ask {
    /// Returns its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Approve => "approve",
            Self::Choose { .. } => "choose",
            Self::Edit => "edit",
        }
    }

    /// Tells whether any answer is wanted that fits the schema.
    pub fn is_answer(&self) -> bool {
        *self == Self::Answer
    }

    /// Returns the choices; none where it is not about choosing.
    pub fn options(&self) -> &[String] {
        match self {
            Self::Choose { options } => options,
            Self::Answer | Self::Approve | Self::Edit => &[],
        }
    }
}

// === impl Decision ===

impl Decision {
    /// Reads a decision, or says what is wrong with it.
    pub fn read(value: &Json) -> Result<Self, String> {
        let wire: Wire = value.read().map_err(|error| error.to_string())?;
        match wire {
            Wire { decision: Word::Approve, reason: None, value: None } => Ok(Self::Approve),
            Wire { decision: Word::Reject, reason, value: None } => {
                let length = reason.as_ref().map_or(0, String::len);
                if length > REASON_BYTES_MAX {
                    return Err(format!("the reason has {length} bytes, and {REASON_BYTES_MAX} are the most"));
                }
                Ok(Self::Reject { reason })
            }
            Wire { decision: Word::Edit, reason: None, value: Some(value) } => Ok(Self::Edit { value }),
            Wire { decision: Word::Edit, value: None, .. } => Err("an edit needs a `value`".to_owned()),
            Wire { value: Some(_), .. } => Err("only an edit has a `value`".to_owned()),
            Wire { .. } => Err("only a rejection has a `reason`".to_owned()),
        }
    }

    /// Writes it as the value of an answer.
    pub fn to_json(&self) -> Json {
        // It is plain data, so it can always be written.
        Json::of(self).unwrap_or_else(|_| Json::null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Decision, String> {
        Decision::read(&Json::parse(text).unwrap())
    }

    #[test]
    fn decisions_read_back() {
        let reject = |reason: Option<&str>| Decision::Reject { reason: reason.map(str::to_owned) };
        let edit = |text: &str| Decision::Edit { value: Json::parse(text).unwrap() };
        for decision in [Decision::Approve, reject(None), reject(Some("no")), edit("null"), edit("{\"n\": 1.50}")] {
            assert_eq!(Decision::read(&decision.to_json()), Ok(decision));
        }
        assert_eq!(read(r#"{"decision":"approve"}"#), Ok(Decision::Approve));
    }

    #[test]
    fn what_is_no_decision_is_refused() {
        for text in [
            "\"approve\"",
            "{}",
            r#"{"decision":"maybe"}"#,
            r#"{"decision":"approve","reason":"x"}"#,
            r#"{"decision":"approve","value":1}"#,
            r#"{"decision":"reject","value":1}"#,
            r#"{"decision":"edit"}"#,
            r#"{"decision":"edit","value":1,"reason":"x"}"#,
            r#"{"decision":"approve","more":1}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let long = Decision::Reject { reason: Some("x".repeat(REASON_BYTES_MAX + 1)) };
        assert!(Decision::read(&long.to_json()).is_err());
    }

    #[test]
    fn a_question_without_kind_reads_as_before() {
        let question: Question = serde_json::from_str(r#"{"text":"sure?"}"#).unwrap();
        assert_eq!(question, Question::new("sure?"));
        assert_eq!(serde_json::to_string(&question).unwrap(), r#"{"text":"sure?"}"#);
        let choose = Question { kind: Ask::Choose { options: vec!["a".into()] }, ..question };
        let text = r#"{"text":"sure?","kind":{"choose":{"options":["a"]}}}"#;
        assert_eq!(serde_json::to_string(&choose).unwrap(), text);
        assert_eq!(serde_json::from_str::<Question>(text).unwrap(), choose);
    }
}
