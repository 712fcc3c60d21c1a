// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls of tools: right ones, several at once, and all that models and servers do wrong with them.

use priory_core::model::{CALLS_MAX, ProviderKind};
use priory_testkit::provider::{Act, Answer, Cuts, Say, UsageForm};
use serde_json::json;

use super::case::{Case, case};

const HELLO: &str = "text \"Hello\"; End; 11+7";
const THOUGHT: &str = "thought \"Hm.\"; End; 11+7";
const CALLS: (&str, &str) = ("call_2_0", "call_2_1");
const READ: &str = r#"{"path":"a.txt"}"#;

fn call(id: Option<&str>, name: &str, arguments: &str) -> Say {
    Say::Call(id.map(str::to_owned), name.to_owned(), arguments.to_owned())
}

fn says(says: Vec<Say>) -> impl Fn() -> Vec<Act> {
    move || vec![Act::answer(Answer::of(says.clone()))]
}

pub(crate) fn cases(kind: ProviderKind) -> Vec<Case> {
    let mut cases = right(kind);
    cases.extend(wrong(kind));
    cases.extend(ends(kind));
    cases
}

/// Returns what holds for one kind: chat completions, Responses, Anthropic or Gemini.
pub(crate) fn of<T: Copy>(kind: ProviderKind, all: [T; 4]) -> T {
    match kind {
        ProviderKind::OpenaiResponses => all[1],
        ProviderKind::Anthropic => all[2],
        ProviderKind::Gemini => all[3],
        ProviderKind::Openai | ProviderKind::Scripted => all[0],
    }
}

/// Gemini marks the calls to which it gave an id.
fn own(kind: ProviderKind, text: &str) -> String {
    let mark = if kind == ProviderKind::Gemini { " <gemini:id >" } else { "" };
    text.replace('~', mark)
}

fn right(kind: ProviderKind) -> Vec<Case> {
    let own = |text| own(kind, text);
    let usual = of(kind, ["stop", "completed", "end_turn", "STOP"]);
    // What is not complete, and nobody knows why, came to some length.
    let unknown = of(kind, ["ToolCalls", "Length", "ToolCalls", "ToolCalls"]);
    vec![
        case("a call", says(vec![call(Some("c1"), "fs__read", READ)]))
            .is(&own(r#"call c1 fs.read {"path":"a.txt"}~; ToolCalls; 11+7"#)),
        case("a call in pieces of a byte", || {
            let answer = Answer::call("c1", "fs__read", r#"{"path":"é𝄞\n"}"#);
            vec![Act::answer(answer).in_pieces(Cuts::Bytes(1)).with_unknown_fields()]
        })
        .is(&own(r#"call c1 fs.read {"path":"é𝄞\n"}~; ToolCalls; 11+7"#)),
        case(
            "words, and two calls",
            says(vec![
                Say::text("Let me see."),
                call(Some("c1"), "fs__read", READ),
                call(Some("c2"), "fs__read", r#"{"path":"b.txt"}"#),
            ]),
        )
        .is(&own(concat!(
            r#"text "Let me see." | call c1 fs.read {"path":"a.txt"}~ | "#,
            r#"call c2 fs.read {"path":"b.txt"}~; ToolCalls; 11+7"#
        ))),
        case("a call without arguments", says(vec![call(Some("c1"), "fs__read", "{}")]))
            .is(&own("call c1 fs.read {}~; ToolCalls; 11+7")),
        case("a call that says that it stopped", || {
            vec![Act::answer(Answer::call("c1", "fs__read", READ).stopped(usual))]
        })
        .is(&own(r#"call c1 fs.read {"path":"a.txt"}~; ToolCalls; 11+7"#)),
        case("a call of which nobody knows why it stopped", || {
            vec![Act::answer(Answer::call("c1", "fs__read", READ).stopped("x_new_reason"))]
        })
        .is(&format!("{}; {unknown}; 11+7", own(r#"call c1 fs.read {"path":"a.txt"}~"#))),
    ]
}

fn wrong(kind: ProviderKind) -> Vec<Case> {
    // Items of Responses have ids of their own, which serve where the call has none.
    let (first, second) = of(kind, [CALLS, ("fc_0", "fc_1"), CALLS, CALLS]);
    let own = |text| own(kind, text);
    vec![
        case("a call without an id", says(vec![call(None, "fs__read", READ)]))
            .is(&format!(r#"call {first} fs.read {{"path":"a.txt"}}; ToolCalls; 11+7"#)),
        case("two calls without ids", says(vec![call(None, "fs__read", READ), call(None, "fs__read", "{}")]))
            .is(&format!(r#"call {first} fs.read {{"path":"a.txt"}} | call {second} fs.read {{}}; ToolCalls; 11+7"#)),
        case("two calls with one id", says(vec![call(Some("c"), "fs__read", READ), call(Some("c"), "fs__read", "{}")]))
            .is(&own(r#"call c fs.read {"path":"a.txt"}~ | call call_2_1 fs.read {}~; ToolCalls; 11+7"#)),
        case("a call whose id was used before", says(vec![call(Some("old"), "fs__read", READ)]))
            .asks(super::conversations::with_old_call)
            .is(&own(r#"call call_4_0 fs.read {"path":"a.txt"}~; ToolCalls; 11+7"#)),
        case("a tool that was not offered", says(vec![call(Some("c1"), "fs__write", "{}")]))
            .is(&own("call c1 fs__write {}~; ToolCalls; 11+7")),
        case("a tool without a name", says(vec![call(Some("c1"), "", "{}")]))
            .is(&own("call c1  {}~ WRONG; ToolCalls; 11+7")),
        case("arguments that are no JSON", says(vec![call(Some("c1"), "fs__read", "the file a.txt")]))
            .is(&own(r#"call c1 fs.read "the file a.txt"~ WRONG; ToolCalls; 11+7"#)),
        case("arguments within a string", says(vec![call(Some("c1"), "fs__read", r#""{\"path\":\"a.txt\"}""#)]))
            .is(&own(r#"call c1 fs.read {"path":"a.txt"}~; ToolCalls; 11+7"#)),
        case("arguments in a fence", says(vec![call(Some("c1"), "fs__read", "```json\n{\"path\":\"a.txt\"}\n```")]))
            .is(&own(r#"call c1 fs.read {"path":"a.txt"}~; ToolCalls; 11+7"#)),
        case("arguments that are a list", says(vec![call(Some("c1"), "fs__read", r#"["a.txt"]"#)]))
            .is(&own(r#"call c1 fs.read "[\"a.txt\"]"~ WRONG; ToolCalls; 11+7"#)),
        case("arguments that are a number", says(vec![call(Some("c1"), "fs__read", "7")]))
            .is(&own(r#"call c1 fs.read "7"~ WRONG; ToolCalls; 11+7"#)),
        case("arguments that are not there", says(vec![call(Some("c1"), "fs__read", "")]))
            .is(&own("call c1 fs.read {}~; ToolCalls; 11+7")),
        case("arguments of another form than the schema", says(vec![call(Some("c1"), "fs__read", r#"{"path":7}"#)]))
            .is(&own(r#"call c1 fs.read {"path":7}~; ToolCalls; 11+7"#)),
        case("too many calls", || {
            let says = (0..=CALLS_MAX).map(|n| Say::call(&format!("c{n}"), "fs__read", "{}")).collect();
            vec![Act::answer(Answer::of(says))]
        })
        .whole(of(
            kind,
            [
                "unavailable; lost 89+2988",
                "unavailable; lost 89+4096",
                "unavailable; lost 89+2675",
                "unavailable; lost 89+2539",
            ],
        ))
        .stream(of(
            kind,
            [
                "unavailable; lost 89+512",
                "unavailable; lost 89+384",
                "unavailable; lost 11+384",
                "unavailable; lost 11+384",
            ],
        ))
        .says("calls of tools"),
        case("a call and no usage", || {
            vec![Act::answer(Answer::call("c1", "fs__read", READ).took(UsageForm::Instead(json!({}))))]
        })
        .is(&own(of(
            kind,
            [
                r#"call c1 fs.read {"path":"a.txt"}; ToolCalls; 89+22"#,
                r#"call c1 fs.read {"path":"a.txt"}; ToolCalls; 89+22"#,
                r#"call c1 fs.read {"path":"a.txt"}; ToolCalls; 89+22"#,
                r#"call c1 fs.read {"path":"a.txt"}~; ToolCalls; 89+25"#,
            ],
        ))),
    ]
}

/// How answers end, in the words of each format.
fn ends(kind: ProviderKind) -> Vec<Case> {
    // Servers of chat completions have two fields for reasoning, and want it back in their own.
    let field = of(kind, [" <chat-field:reasoning_content>", "", "", ""]);
    let length = match kind {
        ProviderKind::Openai => "length",
        ProviderKind::OpenaiResponses => "max_output_tokens",
        ProviderKind::Anthropic => "max_tokens",
        _ => "MAX_TOKENS",
    };
    vec![
        case("an answer that came to its length", move || vec![Act::answer(Answer::text("Hel").stopped(length))])
            .is("text \"Hel\"; Length; 11+7"),
        case("a call that came to its length", move || {
            vec![Act::answer(Answer::call("c1", "fs__read", r#"{"path":["a"#).stopped(length))]
        })
        .is(&own(kind, r#"call c1 fs.read "{\"path\":[\"a"~ WRONG; Length; 11+7"#)),
        case("a whole call in an answer that came to its length", move || {
            vec![Act::answer(Answer::call("c1", "fs__read", READ).stopped(length))]
        })
        .is(&own(kind, r#"call c1 fs.read {"path":"a.txt"}~; Length; 11+7"#)),
        case("an answer of which nobody knows why it stopped", || {
            vec![Act::answer(Answer::text("Hello").stopped("x_new_reason"))]
        })
        .is(of(kind, [HELLO, "text \"Hello\"; Length; 11+7", HELLO, HELLO])),
        case("an answer that says nothing", || vec![Act::answer(Answer::of(vec![]))]).is("; End; 11+7"),
        case("an answer of no words", || vec![Act::text("")]).is("; End; 11+7"),
        case("reasoning and no answer", || vec![Act::answer(Answer::of(vec![Say::Reasoning("Hm.".to_owned(), None)]))])
            .is(of(kind, ["thought \"Hm.\" <chat-field:reasoning_content>; End; 11+7", THOUGHT, THOUGHT, THOUGHT])),
        case("reasoning before an answer", || {
            vec![Act::answer(Answer::of(vec![Say::Reasoning("Hm, é.".to_owned(), None), Say::text("Hello")]))]
        })
        .is(&format!("thought \"Hm, é.\"{field} | text \"Hello\"; End; 11+7")),
    ]
}
