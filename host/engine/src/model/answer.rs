// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an answer is held against: the calls of tools against their schemas, and the whole against the schema of the request.
//!
//! Nothing is repaired here. What does not fit is told to the model, in words that it can act upon.

use std::sync::Arc;

use priory_core::model::{CalledTool, Message, Part, StopReason, ToolDefinition};
use priory_core::{Failure, Json};
use priory_schema::Schema;

use super::schemas::Schemas;

/// How many tools are named to a model that called one which is not there.
const NAMED_MAX: usize = 40;
/// How long the problem may be that a model is told, in characters.
const PROBLEM_CHARS_MAX: usize = 2_000;
/// What stands around an answer that a model took for a piece of a text.
const FENCE: &str = "```";

/// Holds the calls of tools in an answer against what was offered.
pub(crate) fn check_calls(message: &mut Message, tools: &[ToolDefinition], schemas: &Schemas) {
    for part in &mut message.parts {
        if let Part::ToolCall(call) = part
            && call.problem.is_none()
        {
            call.problem = problem(call, tools, schemas).map(|problem| cut(&problem));
        }
    }
}

fn problem(call: &CalledTool, tools: &[ToolDefinition], schemas: &Schemas) -> Option<String> {
    let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else {
        let names: Vec<&str> = tools.iter().take(NAMED_MAX).map(|tool| tool.name.as_str()).collect();
        let names = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
        return Some(format!("there is no tool of this name; the tools are: {names}"));
    };
    if !call.arguments.as_str().starts_with('{') {
        return Some("the arguments are no JSON object".to_owned());
    }
    match schemas.get(&tool.input_schema) {
        Ok(schema) => misfit(&schema, &call.arguments, "the arguments"),
        // Nobody can call a tool whose schema is none, so nothing can be wrong with the call.
        Err(_) => None,
    }
}

/// Says where a value does not fit a schema.
fn misfit(schema: &Schema, value: &Json, subject: &str) -> Option<String> {
    match schema.validate(value, || subject.to_owned()) {
        Ok(()) => None,
        Err(Failure::Invalid(invalid)) if invalid.pointer.is_empty() => {
            Some(format!("{subject} do not fit the schema: {}", invalid.reason))
        }
        Err(Failure::Invalid(invalid)) => {
            Some(format!("{subject} do not fit the schema at {}: {}", invalid.pointer, invalid.reason))
        }
        Err(other) => Some(other.to_string()),
    }
}

/// Reads an answer as JSON of a schema: it, or why it is none. An answer that calls tools is neither.
pub(crate) fn output(message: &Message, stop: StopReason, schema: &Arc<Schema>) -> (Option<Json>, Option<String>) {
    let words = message.words();
    if stop == StopReason::ToolCalls || (words.trim().is_empty() && message.calls().next().is_some()) {
        return (None, None);
    }
    if stop == StopReason::Refused {
        return (None, Some("the model refuses to answer".to_owned()));
    }
    let json = match Json::parse(without_fence(&words)) {
        Ok(json) => json,
        Err(_) if stop == StopReason::Length => {
            return (None, Some("the answer ended before it was whole: it came to its length".to_owned()));
        }
        Err(error) => return (None, Some(cut(&format!("the answer is {error}")))),
    };
    match misfit(schema, &json, "its values") {
        None => (Some(json), None),
        Some(problem) => (None, Some(cut(&problem))),
    }
}

/// Takes the fence off a text that is nothing but a piece of code in one.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix(FENCE).and_then(|text| text.strip_suffix(FENCE));
    // Behind the fence stands the name of the language, up to the end of its line.
    match inner.and_then(|inner| inner.split_once('\n')) {
        Some((language, inner))
            if !inner.contains(FENCE) && language.chars().all(|c| !c.is_whitespace() || c == '\r') =>
        {
            inner.trim()
        }
        _ => text,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(PROBLEM_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use priory_core::model::Role;

    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    fn tool(name: &str) -> ToolDefinition {
        let input_schema = json(r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#);
        ToolDefinition { name: name.into(), description: String::new(), input_schema }
    }

    fn problem_of(name: &str, arguments: &str) -> Option<String> {
        let (id, arguments) = ("1".to_owned(), json(arguments));
        let call = CalledTool { id, name: name.into(), arguments, problem: None, opaque: None };
        let mut message = Message { role: Role::Assistant, parts: vec![Part::ToolCall(call)], label: None };
        check_calls(&mut message, &[tool("a.b"), tool("a.c")], &Schemas::default());
        let Part::ToolCall(call) = message.parts.remove(0) else { panic!() };
        call.problem
    }

    #[test]
    fn a_call_is_held_against_what_was_offered() {
        assert_eq!(problem_of("a.b", r#"{"n":1}"#), None);
        assert_eq!(problem_of("x", "{}").unwrap(), "there is no tool of this name; the tools are: a.b, a.c");
        assert_eq!(problem_of("a.b", r#""{n:1""#).unwrap(), "the arguments are no JSON object");
        let problem = problem_of("a.b", r#"{"n":"1"}"#).unwrap();
        assert!(problem.starts_with("the arguments do not fit the schema at /n: "), "{problem}");
        assert!(problem_of("a.c", "{}").unwrap().contains("\"n\" is a required property"));
    }

    fn read(text: &str, stop: StopReason) -> (Option<String>, Option<String>) {
        let schema = Schemas::default().get(&tool("x").input_schema).unwrap();
        let (output, problem) = output(&Message::text(Role::Assistant, text), stop, &schema);
        (output.map(|json| json.as_str().to_owned()), problem)
    }

    #[test]
    fn an_answer_by_a_schema_is_read_as_it_stands() {
        let good = (Some(r#"{"n":1}"#.to_owned()), None);
        for text in [
            "{\"n\":1}",
            " {\"n\":1}\n",
            "```json\n{\"n\":1}\n```",
            "```\n{\"n\":1}```\n",
            "```json\r\n{\"n\":1}\r\n```",
        ] {
            assert_eq!(read(text, StopReason::End), good, "{text:?}");
        }
        for text in ["", "sure: {\"n\":1}", "{\"n\":1", "```json {\"n\":1} ```", "```\n{\"n\":1}\n```\n```\n{}\n```"] {
            let (output, problem) = read(text, StopReason::End);
            assert!(output.is_none() && problem.unwrap().starts_with("the answer is not JSON"), "{text:?}");
        }
        assert!(read("{\"n\":1", StopReason::Length).1.unwrap().contains("came to its length"));
        assert!(read("no", StopReason::Refused).1.unwrap().contains("refuses"));
        assert_eq!(read("{\"m\":1}", StopReason::ToolCalls), (None, None));
        assert!(read("{\"n\":1.5}", StopReason::End).1.unwrap().contains("at /n"));
    }
}
