// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads what a person answers: JSON, text, or the words for a decision.

use priory::core::effect::{Ask, Decision, Question};
use priory::core::{Failure, Json};

use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::printable;
use crate::ui::waits::ANSWER;

/// Who answers where nobody says anything and the system does not know either.
const SOMEBODY: &str = "operator";

/// Reads an answer: JSON where it is some, the words of a decision where one is wanted, or else text.
pub(crate) fn read(text: &str, question: &Question, is_json: bool) -> Result<Json> {
    if text == ANSWER {
        return Err(Error::usage(format!("{ANSWER} stands where the answer has to be"))
            .hint("write JSON or text in its place; this very word can be given as '\"ANSWER\"'"));
    }
    if is_json {
        return Json::parse(text).map_err(|error| {
            Error::usage(format!("the answer is {error}")).hint("without --json-answer, text is taken as it is")
        });
    }
    match &question.kind {
        Ask::Approve => decision(text),
        Ask::Edit => decision(text).or_else(|error| match Json::parse(text) {
            Ok(value) => Ok(Decision::Edit { value }.to_json()),
            Err(_) => Err(error),
        }),
        Ask::Choose { options } if options.iter().any(|option| option == text) => as_text(text),
        Ask::Answer if wants_text(question) && !text.trim_start().starts_with('"') => as_text(text),
        Ask::Answer | Ask::Choose { .. } => Json::parse(text).or_else(|_| as_text(text)),
    }
}

fn as_text(text: &str) -> Result<Json> {
    Json::of(text).map_err(|error| Error::usage(error.to_string()))
}

/// Reads a decision: `approve` or `yes`, `reject` or `no` with a reason behind it, or one that is written as JSON.
fn decision(text: &str) -> Result<Json> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let reason = Some(rest.trim()).filter(|reason| !reason.is_empty());
    match (word.to_lowercase().as_str(), reason) {
        ("approve" | "yes" | "y", None) => Ok(Decision::Approve.to_json()),
        ("reject" | "no" | "n", reason) => Ok(Decision::Reject { reason: reason.map(str::to_owned) }.to_json()),
        _ => match Json::parse(text) {
            Ok(json) if Decision::read(&json).is_ok() => Ok(json),
            _ => Err(Error::usage("a decision is expected").hint("approve, or reject with a reason behind it")),
        },
    }
}

/// Tells whether a question wants text and nothing else.
fn wants_text(question: &Question) -> bool {
    let schema = question.schema.as_ref().map(|schema| serde_json::from_str::<serde_json::Value>(schema.as_str()));
    matches!(schema, Some(Ok(schema)) if schema.get("type").is_some_and(|ty| ty == "string"))
}

/// Says why an answer was not taken.
pub(crate) fn refused(failure: &Failure, question: &Question) -> Error {
    let error = match failure {
        Failure::Invalid(_) => Error::new(Exit::Usage, failure.to_string()),
        _ => Error::new(Exit::Failed, failure.to_string()),
    };
    match (&question.schema, failure) {
        (Some(schema), Failure::Invalid(_)) => {
            error.hint(format!("the question is still open; its answer has to fit {}", printable(schema.as_str())))
        }
        (None, Failure::Invalid(_)) => error.hint("the question is still open"),
        (_, Failure::Conflict { .. }) if !question.who.is_empty() => {
            error.hint(format!("say who answers with --by NAME; it may be {}", question.who.join(" or ")))
        }
        _ => error,
    }
}

/// Returns the name of whoever uses this machine.
pub(crate) fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| SOMEBODY.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, question: &Question, is_json: bool) -> Result<String> {
        read(text, question, is_json).map(|json| json.to_string())
    }

    #[test]
    fn an_answer_is_json_or_text() {
        let question = |schema: Option<&str>| Question {
            schema: schema.map(|schema| Json::parse(schema).unwrap()),
            ..Question::new("?")
        };
        let read = |text, schema, is_json| shown(text, &question(schema), is_json);
        assert_eq!(read("true", None, false).unwrap(), "true");
        assert_eq!(read("go on", None, false).unwrap(), "\"go on\"");
        assert_eq!(read("42", Some(r#"{"type":"string"}"#), false).unwrap(), "\"42\"");
        assert_eq!(read("\"42\"", Some(r#"{"type":"string"}"#), false).unwrap(), "\"42\"");
        assert_eq!(read("42", Some(r#"{"type":"integer"}"#), false).unwrap(), "42");
        assert_eq!(read("42", Some(r#"{"type":"string"}"#), true).unwrap(), "42");
        assert_eq!(read("go on", None, true).unwrap_err().exit, Exit::Usage);
        assert_eq!(read("ANSWER", None, false).unwrap_err().exit, Exit::Usage);
        assert_eq!(read("\"ANSWER\"", None, false).unwrap(), "\"ANSWER\"");
    }

    #[test]
    fn a_decision_is_a_word_or_json() {
        let of = |kind| Question { kind, about: Some(Json::null()), ..Question::new("?") };
        let approve = |text| shown(text, &of(Ask::Approve), false).ok();
        assert_eq!(approve(" Yes\n").unwrap(), r#"{"decision":"approve"}"#);
        assert_eq!(approve("no too dear").unwrap(), r#"{"decision":"reject","reason":"too dear"}"#);
        assert_eq!(approve(r#"{"decision": "approve"}"#).unwrap(), r#"{"decision": "approve"}"#);
        assert_eq!((approve("maybe"), approve("yes but"), approve("5")), (None, None, None));
        let edit = |text| shown(text, &of(Ask::Edit), false).ok();
        assert_eq!(edit("5").unwrap(), r#"{"decision":"edit","value":5}"#);
        assert_eq!(edit("reject").unwrap(), r#"{"decision":"reject"}"#);
        let choose = of(Ask::Choose { options: vec!["1".into(), "tea".into()] });
        assert_eq!(shown("1", &choose, false).unwrap(), "\"1\"");
        assert_eq!(shown("tea", &choose, false).unwrap(), "\"tea\"");
    }
}
