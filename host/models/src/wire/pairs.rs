// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls and their results side by side, for formats that refuse one without the other.
//!
//! What stands in a conversation is decided by programs. A result that comes later than it may is put behind its call; a call
//! without one gets one that says so, and a result without a call goes as words. Nothing is left out.

use std::borrow::Cow;
use std::sync::Arc;

use priory_core::model::{CalledTool, Message, Part, Prompt, Role, ToolResult};

use super::turns::{NO_RESULT, stray};

/// Returns a prompt in which every call is followed by its result, and every result belongs to a call.
pub(crate) fn paired(prompt: &Prompt) -> Cow<'_, Prompt> {
    if are_paired(&prompt.messages) {
        return Cow::Borrowed(prompt);
    }
    let mut messages = Vec::with_capacity(prompt.messages.len().saturating_add(1));
    let mut rest = prompt.messages.as_slice();
    while let Some((message, after)) = rest.split_first() {
        let calls: Vec<&CalledTool> = message.calls().collect();
        if calls.is_empty() {
            messages.extend(without_results(message, |_| false));
            rest = after;
            continue;
        }
        messages.push(message.clone());
        // Until the model says something again, its calls can be answered.
        let end = after.iter().position(|message| message.role == Role::Assistant).unwrap_or(after.len());
        let (window, later) = after.split_at_checked(end).unwrap_or((after, &[]));
        let results = calls.iter().map(|call| Part::ToolResult(result_of(window, call)));
        messages.push(Arc::new(Message { role: Role::Tool, parts: results.collect(), label: None }));
        let is_told = |result: &ToolResult| calls.iter().any(|call| call.id == result.id);
        messages.extend(window.iter().filter_map(|message| without_results(message, is_told)));
        rest = later;
    }
    Cow::Owned(Prompt { messages, ..prompt.clone() })
}

/// Tells whether every call is followed by its result at once, and every result belongs to such a call.
fn are_paired(messages: &[Arc<Message>]) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => match open.iter().position(|id| *id == result.id) {
                    Some(at) => drop(open.swap_remove(at)),
                    None => return false,
                },
                // What is said while a call is open stands between it and its result.
                _ if message.role != Role::Assistant && !open.is_empty() => return false,
                _ => {}
            }
        }
        if message.role == Role::Assistant && !open.is_empty() {
            return false;
        }
        open.extend(message.calls().map(|call| call.id.as_str()));
    }
    open.is_empty()
}

fn result_of(window: &[Arc<Message>], call: &CalledTool) -> ToolResult {
    let mut parts = window.iter().flat_map(|message| &message.parts);
    let found = parts.find_map(|part| match part {
        Part::ToolResult(result) if result.id == call.id => Some(result.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        content: NO_RESULT.to_owned(),
        is_error: true,
    })
}

/// Returns a message without the results that were told already; the others are words. `None` where nothing is left.
fn without_results(message: &Arc<Message>, is_told: impl Fn(&ToolResult) -> bool) -> Option<Arc<Message>> {
    let has_results = message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
    if !has_results {
        return Some(message.clone());
    }
    let parts = message.parts.iter().filter_map(|part| match part {
        Part::ToolResult(result) if is_told(result) => None,
        Part::ToolResult(result) => Some(Part::Text(stray(result))),
        part => Some(part.clone()),
    });
    let parts: Vec<Part> = parts.collect();
    let role = if message.role == Role::Tool { Role::User } else { message.role };
    (!parts.is_empty()).then(|| Arc::new(Message { role, parts, label: message.label.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use priory_core::json::Json;

    fn message(role: Role, words: &str) -> Arc<Message> {
        let part = |word: &str| match word.split_at(1) {
            ("c", id) => Part::ToolCall(CalledTool {
                id: id.to_owned(),
                name: "t".to_owned(),
                arguments: Json::null(),
                problem: None,
                opaque: None,
            }),
            ("r", id) => Part::ToolResult(ToolResult {
                id: id.to_owned(),
                name: "t".to_owned(),
                content: id.to_owned(),
                is_error: false,
            }),
            _ => Part::Text(word.to_owned()),
        };
        Arc::new(Message { role, parts: words.split(' ').map(part).collect(), label: None })
    }

    /// Writes a conversation down: a word a part, a line a message.
    fn check(messages: &[(Role, &str)], expected: &[&str]) {
        let prompt = Prompt {
            model: "m".into(),
            messages: messages.iter().map(|(role, words)| message(*role, words)).collect(),
            media: Default::default(),
            tools: vec![],
            sampling: Default::default(),
            output_tokens_max: 1,
            spare: Default::default(),
            streams: false,
            key: String::new(),
            run: "run_00000000000000000000000000".parse().unwrap(),
            time_ms: 1,
        };
        let paired = paired(&prompt);
        let shown: Vec<String> = paired
            .messages
            .iter()
            .map(|message| {
                let words = message.parts.iter().map(|part| match part {
                    Part::ToolCall(call) => format!("c{}", call.id),
                    Part::ToolResult(result) if result.is_error => format!("no{}", result.id),
                    Part::ToolResult(result) => format!("r{}", result.id),
                    Part::Text(text) => text.clone(),
                    _ => String::new(),
                });
                format!("{}: {}", message.role.as_str(), words.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(shown, expected);
        let said: Vec<String> = messages.iter().map(|(role, words)| format!("{}: {words}", role.as_str())).collect();
        assert_eq!(matches!(paired, Cow::Borrowed(_)), shown == said);
        assert!(are_paired(&paired.messages));
    }

    #[test]
    fn what_is_in_order_stays() {
        use Role::{Assistant, Tool, User};
        check(
            &[(User, "a"), (Assistant, "b c1 c2"), (Tool, "r2"), (Tool, "r1"), (User, "d")],
            &["user: a", "assistant: b c1 c2", "tool: r2", "tool: r1", "user: d"],
        );
    }

    #[test]
    fn what_is_not_is_put_in_order() {
        use Role::{Assistant, Tool, User};
        check(&[(Assistant, "c1"), (User, "a"), (Tool, "r1")], &["assistant: c1", "tool: r1", "user: a"]);
        check(&[(Assistant, "c1 c2"), (Tool, "r2")], &["assistant: c1 c2", "tool: no1 r2"]);
        check(
            &[(Assistant, "c1"), (Assistant, "b"), (Tool, "r1")],
            &["assistant: c1", "tool: no1", "assistant: b", "user: Result of t: 1"],
        );
        check(&[(User, "a"), (Tool, "r9")], &["user: a", "user: Result of t: 9"]);
    }
}
