// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers as they should be, in every form in which they come, and what providers say that they took.

use priory_core::json::Json;
use priory_core::model::{ProviderKind, Sampling};
use priory_testkit::provider::{Act, Answer, Cuts, Event, Framing, Lines, Say, Tokens, UsageForm};
use serde_json::{Value, json};

use super::case::{Case, case};

const STARS: &str = "é ✓ 𝄞 — \"quoted\"\n\\ done";
const SHOWN: &str = r#"text "é ✓ 𝄞 — \"quoted\"\n\\ done"; End; 11+7"#;

pub(crate) fn cases(kind: ProviderKind) -> Vec<Case> {
    let mut cases = forms();
    cases.extend(pieces());
    cases.extend(lines());
    cases.extend(usages(kind));
    cases
}

fn forms() -> Vec<Case> {
    let hello = "text \"Hello\"; End; 11+7";
    let schema =
        r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}"#;
    let held = move |prompt: &mut priory_core::model::Prompt| {
        let output = Some(Json::parse(schema).unwrap());
        prompt.tools.clear();
        prompt.sampling = Sampling { output, ..Sampling::default() };
    };
    vec![
        case("words", || vec![Act::text("Hello")]).is(hello),
        case("words with a length", || vec![Act::text("Hello").framed(Framing::Length)]).is(hello),
        case("words until the connection ends", || vec![Act::text("Hello").framed(Framing::Close)]).is(hello),
        case("fields that nobody knows", || vec![Act::text("Hello").with_unknown_fields()]).is(hello),
        case("a content type with more", || {
            vec![Act::text("Hello").header("content-type", "application/json; charset=utf-8")]
        })
        .whole(hello),
        case("a stream with a content type with more", || {
            vec![Act::text("Hello").header("content-type", "text/event-stream; charset=utf-8")]
        })
        .stream(hello),
        case("a content type that is wrong", || vec![Act::text("Hello").header("content-type", "text/plain")])
            .is(hello),
        case("a part that nobody knows", || {
            vec![Act::answer(Answer::of(vec![Say::Unknown, Say::text("Hello"), Say::Unknown]))]
        })
        .is(hello),
        case("a long answer", || vec![Act::text(&"word ".repeat(40_000)).in_pieces(Cuts::Bytes(8_192))])
            .is("text of 200000 bytes; End; 11+7"),
        case("an answer that fits a schema", || vec![Act::text(r#"{"n": 5}"#)])
            .asks(held)
            .is(r#"text "{\"n\": 5}"; End; 11+7"#),
        case("an answer that does not fit its schema", || vec![Act::text(r#"{"m": "#)])
            .asks(held)
            .is(r#"text "{\"m\": "; End; 11+7"#),
        case("two answers one after the other on one connection", || {
            vec![Act::error(500, "first").framed(Framing::Length), Act::text("Hello").framed(Framing::Length)]
        })
        .is("text \"Hello\"; End; 11+7; lost 89+0; 2 attempts"),
    ]
}

fn pieces() -> Vec<Case> {
    let mut cases = vec![
        case("one piece", || vec![Act::text(STARS).in_pieces(Cuts::Whole)]).is(SHOWN),
        case("each byte for itself", || vec![Act::text(STARS).in_pieces(Cuts::Bytes(1))]).is(SHOWN),
        case("two bytes at a time", || vec![Act::text(STARS).in_pieces(Cuts::Bytes(2))]).is(SHOWN),
        case("pieces of three bytes and CR LF", || {
            vec![Act::text(STARS).in_pieces(Cuts::Bytes(3)).in_lines(Lines { end: "\r\n", ..Lines::default() })]
        })
        .is(SHOWN),
    ];
    cases.extend((1..=4).map(|seed| {
        case(&format!("odd pieces {seed}"), move || vec![Act::text(STARS).in_pieces(Cuts::Odd(seed))]).is(SHOWN)
    }));
    cases
}

fn lines() -> Vec<Case> {
    let usual = Lines::default();
    let all = [
        ("CR LF", Lines { end: "\r\n", ..usual }),
        ("CR", Lines { end: "\r", ..usual }),
        ("no space behind the colon", Lines { is_spaced: false, ..usual }),
        ("comments and ids", Lines { is_chatty: true, ..usual }),
        ("data over several lines", Lines { is_split: true, ..usual }),
        ("a byte order mark", Lines { is_marked: true, ..usual }),
        ("all at once", Lines { end: "\r\n", is_spaced: false, is_chatty: true, is_split: true, is_marked: true }),
    ];
    let mut cases: Vec<Case> = all
        .into_iter()
        .map(|(name, lines)| {
            let act = move || vec![Act::text(STARS).in_lines(lines).in_pieces(Cuts::Bytes(5))];
            case(&format!("a stream in which is: {name}"), act).stream(SHOWN)
        })
        .collect();
    let strange = |events: &mut Vec<Event>| {
        let event = Event { name: Some("x.new".to_owned()), data: json!({"type": "x.new", "x": [1]}).to_string() };
        for at in [0, 2, events.len() - 1] {
            events.insert(at, event.clone());
        }
        events.insert(1, Event { name: Some("ping".to_owned()), data: r#"{"type": "ping"}"#.to_owned() });
    };
    let empty = |events: &mut Vec<Event>| events.insert(1, Event::plain(""));
    let doubled = |events: &mut Vec<Event>| {
        let last: Vec<Event> = events.iter().rev().take(2).rev().cloned().collect();
        events.extend(last);
    };
    let more = |events: &mut Vec<Event>| {
        let again = events.clone();
        events.extend(again);
    };
    cases.push(case("events that nobody knows", move || vec![Act::text("Hello").events_edited(strange)]).stream(HELLO));
    cases.push(case("an event without data", move || vec![Act::text("Hello").events_edited(empty)]).stream(HELLO));
    cases.push(case("the last events twice", move || vec![Act::text("Hello").events_edited(doubled)]).stream(HELLO));
    cases.push(case("events behind the end", move || vec![Act::text("Hello").events_edited(more)]).stream(HELLO));
    cases
}

const HELLO: &str = "text \"Hello\"; End; 11+7";

/// What a provider says that an answer took: what is no count is counted here.
fn usages(kind: ProviderKind) -> Vec<Case> {
    let took = |form: UsageForm| move || vec![Act::answer(Answer::text("Hello").took(form.clone()))];
    let counted = "text \"Hello\"; End; 89+1";
    let each = |value: Value| took(UsageForm::Each(value));
    let twelve = match kind {
        ProviderKind::Anthropic => "text \"Hello\"; End; 36+12 cached 12 written 12",
        ProviderKind::Gemini => "text \"Hello\"; End; 12+12",
        _ => "text \"Hello\"; End; 12+12 cached 12 reasoning 12",
    };
    let tokens = Tokens { input: 100, output: 30, cached: 40, cache_written: 0, reasoning: 10 };
    let all = match kind {
        ProviderKind::Anthropic => "text \"Hello\"; End; 100+30 cached 40",
        _ => "text \"Hello\"; End; 100+30 cached 40 reasoning 10",
    };
    vec![
        case("usage with all that there is", took(UsageForm::Right(tokens))).is(all),
        case("no usage", took(UsageForm::Missing)).is(counted),
        case("usage that is null", took(UsageForm::Instead(Value::Null))).is(counted),
        case("usage that is a list", took(UsageForm::Instead(json!([1, 2])))).is(counted),
        case("usage that is words", took(UsageForm::Instead(json!("many")))).is(counted),
        case("counts that are null", each(Value::Null)).is(counted),
        case("counts that are negative", each(json!(-5))).is(counted),
        case("counts that are huge", each(json!(1e30))).is(counted),
        case("counts that are larger than a number", each(json!(u64::MAX))).is(counted),
        case("counts that are zero", each(json!(0))).is(counted),
        case("counts that are words", each(json!("12"))).is(twelve),
        case("counts that are fractions", each(json!(11.5))).is(twelve),
        case("counts that are lists", each(json!([3]))).is(counted),
    ]
}
