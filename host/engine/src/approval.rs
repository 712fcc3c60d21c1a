// SPDX-License-Identifier: MIT OR Apache-2.0
//! Grants whose every use a person approves: the question is about the exact effect, so the answer can be used for no other.

use std::sync::Arc;

use priory_core::effect::{Answer, Ask, Decision, Question};
use priory_core::failure::Denial;
use priory_core::http::HttpRequest;
use priory_core::memory::MemoryOp;
use priory_core::state::StateOp;
use priory_core::{Digest, Effect, Failure, Json, Value};
use serde_json::json;

use crate::authorize::permit_approved;
use crate::frame::Frame;
use crate::past::{APPROVAL, PastStep};
use crate::perform::ask_aside;

/// How long a value may be that is shown as a whole, in bytes.
const WHOLE_BYTES_MAX: usize = 64 << 10;
/// How much is shown of one that is longer, and of the body of a request, in characters.
const EXCERPT_CHARS_MAX: usize = 2_000;

/// An approval that an effect needs.
pub(crate) struct Needed {
    pub(crate) effect: Arc<Effect>,
    /// When the grant that asks for it ends, in milliseconds since 1970.
    pub(crate) until_unix_ms: Option<u64>,
}

/// Asks a person whether an effect may be performed, and uses up what is used up by it. The answer is recorded beside the
/// effect, so it is asked once, however often the run is taken up.
pub(crate) async fn ask(frame: &Arc<Frame>, step: u32, needed: Needed) -> Result<(), Failure> {
    let (run, path) = (&frame.run, frame.given.path.child(step));
    let Needed { effect, until_unix_ms } = needed;
    let question = question(frame, &effect);
    let known = run.past.step(&path, APPROVAL).filter(|known| is_about(known, &question));
    let answer = ask_aside(run, &path, APPROVAL, question, until_unix_ms, known.as_ref()).await;
    let denied = |by: String| {
        let remedy = "# a grant without `ask` takes nobody's approval".to_owned();
        Err(Failure::Denied(Denial { effect: effect.summary(), by, remedy }))
    };
    let Answer { value, by } = match answer {
        Ok(answer) => answer,
        Err(Failure::Timeout(_)) => return denied("nobody, in time,".to_owned()),
        Err(failure) => return Err(failure),
    };
    match Decision::read(&value) {
        Ok(Decision::Approve) => {}
        Ok(Decision::Reject { reason: Some(reason) }) => return denied(format!("{by} ({reason})")),
        _ => return denied(by),
    }
    // What was allowed when it was asked for may have been taken back.
    permit_approved(frame, &effect)?;
    // Nothing is done before it is durable that it may be.
    match run.tape.commit_before_effect().await {
        Ok(()) => Ok(()),
        Err(error) => run.halt(error.into()).await,
    }
}

/// Tells whether an effect was approved before.
pub(crate) fn was_given(frame: &Frame, step: u32, effect: &Effect) -> bool {
    let question = question(frame, effect);
    let known = frame.run.past.step(&frame.given.path.child(step), APPROVAL).filter(|known| is_about(known, &question));
    let outcome = known.and_then(|known| known.end).map(|end| end.outcome);
    match outcome.as_deref() {
        Some(Ok(Value::Answer(answer))) => is_yes(answer),
        _ => false,
    }
}

/// Tells whether what is known is about this very question: a program that started again from its beginning may ask for
/// something else at the same place.
fn is_about(known: &PastStep, question: &Question) -> bool {
    matches!(&*known.effect, Effect::AskHuman(known) if known == question)
}

/// Tells whether somebody approved.
pub(crate) fn is_yes(answer: &Answer) -> bool {
    Decision::read(&answer.value) == Ok(Decision::Approve)
}

fn question(frame: &Frame, effect: &Effect) -> Question {
    let label = &frame.given.label;
    let text = format!("{} in frame {} wants to use {}. May it?", label.program, label.path, effect.summary());
    Question { about: Some(about(effect)), kind: Ask::Approve, ..Question::new(text) }
}

/// Shows an effect as far as a person can read it, and names all of it by its digest.
fn about(effect: &Effect) -> Json {
    let mut about = match effect {
        Effect::ToolCall { tool, arguments, .. } => json!({ "tool": tool, "arguments": shown(arguments) }),
        Effect::AgentCall { agent, input, feedback: None, .. } => json!({ "agent": agent, "input": shown(input) }),
        Effect::AgentCall { agent, input, feedback: Some(feedback), .. } => {
            json!({ "agent": agent, "input": shown(input), "feedback": excerpt(feedback) })
        }
        Effect::HttpRequest(request) => of_request(request),
        Effect::State(StateOp::Write { key, value, .. }) => json!({ "state": key, "value": shown(value) }),
        Effect::Emit { name, data, .. } => json!({ "event": name, "data": shown(data) }),
        Effect::ModelCall { request, .. } => json!({
            "model": request.model,
            "messages": request.messages.len(),
            "last": excerpt(&request.messages.new_messages().last().map(|last| last.words()).unwrap_or_default()),
        }),
        Effect::Memory(MemoryOp::Remember { scope, fact }) => {
            json!({ "remember": scope.to_string(), "text": excerpt(&fact.text), "subject": fact.subject })
        }
        other => json!({ "effect": excerpt(&other.summary()) }),
    };
    // Plain data can always be written.
    let digest = Digest::of(&serde_json::to_vec(effect).unwrap_or_default());
    if let Some(about) = about.as_object_mut() {
        about.insert("digest".to_owned(), json!(digest.to_string()));
    }
    Json::from(about)
}

fn of_request(request: &HttpRequest) -> serde_json::Value {
    let headers: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    let mut about = json!({
        "method": excerpt(&request.method),
        "url": excerpt(request.url.as_str()),
        "headers": excerpt(&headers.join(", ")),
    });
    if let Some(about) = about.as_object_mut().filter(|_| !request.body.is_empty()) {
        about.insert("body".to_owned(), json!(excerpt(&String::from_utf8_lossy(&request.body))));
        about.insert("body-bytes".to_owned(), json!(request.body.len()));
        about.insert("body-digest".to_owned(), json!(Digest::of(&request.body).to_string()));
    }
    about
}

fn shown(value: &Json) -> serde_json::Value {
    match value.as_str().len() <= WHOLE_BYTES_MAX {
        true => value.to_value(),
        false => json!({ "excerpt": excerpt(value.as_str()), "bytes": value.byte_len() }),
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use priory_core::question::ABOUT_BYTES_MAX;

    use super::*;

    #[test]
    fn what_is_approved_is_shown_and_named() {
        let save = |n: u32| Effect::tool("export.save", Json::parse(&format!(r#"{{"n":{n}}}"#)).unwrap());
        let (one, two) = (about(&save(1)), about(&save(2)));
        assert_eq!(one.to_value()["tool"], "export.save");
        assert_eq!(one.to_value()["arguments"]["n"], 1);
        assert_ne!(one.to_value()["digest"], two.to_value()["digest"]);
    }

    #[test]
    fn what_is_long_is_cut_and_still_named() {
        let long = |last: &str| Json::from(json!({ "text": format!("{}{last}", "x".repeat(WHOLE_BYTES_MAX)) }));
        let request = |last: &str| HttpRequest {
            method: "POST".into(),
            url: format!("https://example.org/{}", "p".repeat(100_000)).parse().unwrap(),
            headers: vec![("x-long".into(), vec![b'h'; 1_000]); 1_000],
            body: [&[0xff; 100_000], last.as_bytes()].concat(),
            first_byte_ms: None,
        };
        for [one, two] in [
            ["a", "b"].map(|last| Effect::tool("t", long(last))),
            ["a", "b"].map(|last| Effect::agent("a", long(last), Some("f".repeat(1 << 20)))),
            ["a", "b"].map(|last| Effect::HttpRequest(request(last))),
        ] {
            let (one, two) = (about(&one), about(&two));
            assert!(one.byte_len() < ABOUT_BYTES_MAX, "{} bytes", one.byte_len());
            assert_ne!(one, two);
        }
    }
}
