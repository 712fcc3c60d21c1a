// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conversation as turns that alternate, for formats that take nothing else.
//!
//! What stands in a conversation is decided by programs, so it can be anything: two messages of the same side in a row, a
//! call without a result, a result whose call was left out when the conversation was made shorter. It is put in order here:
//! every call is followed by its result, and what belongs to no call goes as words. Nothing is left out.

use std::borrow::Cow;

use priory_core::model::{CalledTool, Part, Prompt, Role, ToolResult};

/// What is said where a conversation would begin or end with the model.
const GO_ON: &str = "Go on.";
/// What stands in the place of a result that nobody gave.
pub(crate) const NO_RESULT: &str = "There is no result: the call was not performed.";

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Whoever talks to the model, and its tools.
    User,
    /// The model.
    Model,
}

/// What one side says in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn<'a> {
    /// Whose turn it is.
    pub(crate) side: Side,
    /// What is said: at least one piece. Results come first, one for each call of the turn before, in the order of the calls.
    pub(crate) pieces: Vec<Piece<'a>>,
}

/// Something that is said in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A part of a message. Words are more than space, and results belong to a call of the turn before.
    Part(&'a Part),
    /// Words that stand for something else.
    Words(Cow<'a, str>),
    /// The result of a call is missing.
    NoResult(&'a CalledTool),
}

/// A conversation in order.
#[derive(Debug, Default)]
pub(crate) struct Conversation<'a> {
    /// What the model is told before.
    pub(crate) system: Vec<&'a str>,
    /// The turns: they alternate, and both the first and the last are the user's.
    pub(crate) turns: Vec<Turn<'a>>,
}

/// Puts a conversation in order. `keeps` tells which reasoning is said again.
pub(crate) fn conversation<'a>(prompt: &'a Prompt, keeps: impl Fn(&Part) -> bool) -> Conversation<'a> {
    let mut conversation = Conversation::default();
    for message in &prompt.messages {
        for part in &message.parts {
            let side = match (part, message.role) {
                (Part::Text(text), Role::System) if is_said(text) => {
                    conversation.system.push(text);
                    continue;
                }
                (Part::Text(text), _) if !is_said(text) => continue,
                (Part::Reasoning(_), _) if !keeps(part) => continue,
                (Part::ToolCall(_) | Part::Reasoning(_), _) | (Part::Text(_), Role::Assistant) => Side::Model,
                _ => Side::User,
            };
            conversation.say(side, Piece::Part(part));
        }
    }
    conversation.put_in_order();
    conversation
}

/// Returns the words for a result that belongs to no call.
pub(crate) fn stray(result: &ToolResult) -> String {
    format!("Result of {}: {}", result.name, result.content)
}

/// Tells whether there is more than space in a text: providers refuse texts in which there is nothing.
fn is_said(text: &str) -> bool {
    !text.trim().is_empty()
}

/// Returns the call in a piece.
fn call_of<'a>(piece: &Piece<'a>) -> Option<&'a CalledTool> {
    match piece {
        Piece::Part(Part::ToolCall(call)) => Some(call),
        _ => None,
    }
}

/// Returns the result in a piece.
fn result_of<'a>(piece: &Piece<'a>) -> Option<&'a ToolResult> {
    match piece {
        Piece::Part(Part::ToolResult(result)) => Some(result),
        _ => None,
    }
}

// === impl Conversation ===

impl<'a> Conversation<'a> {
    fn say(&mut self, side: Side, piece: Piece<'a>) {
        match self.turns.last_mut() {
            Some(turn) if turn.side == side => turn.pieces.push(piece),
            _ => self.turns.push(Turn { side, pieces: vec![piece] }),
        }
    }

    fn put_in_order(&mut self) {
        let go_on = || Turn { side: Side::User, pieces: vec![Piece::Words(Cow::Borrowed(GO_ON))] };
        if self.turns.first().is_none_or(|turn| turn.side == Side::Model) {
            self.turns.insert(0, go_on());
        }
        if let Some(last) = self.turns.last().filter(|turn| turn.side == Side::Model) {
            let is_open = last.pieces.iter().any(|piece| call_of(piece).is_some());
            let pieces = if is_open { Vec::new() } else { go_on().pieces };
            self.turns.push(Turn { side: Side::User, pieces });
        }
        let mut calls: Vec<&'a CalledTool> = Vec::new();
        for turn in &mut self.turns {
            if turn.side == Side::User {
                turn.pieces = answered(&std::mem::take(&mut calls), std::mem::take(&mut turn.pieces));
            } else {
                calls = turn.pieces.iter().filter_map(call_of).collect();
            }
        }
    }
}

/// Puts the results of calls first, and says in words what belongs to none of them.
fn answered<'a>(calls: &[&'a CalledTool], pieces: Vec<Piece<'a>>) -> Vec<Piece<'a>> {
    let mut rest: Vec<Option<Piece<'a>>> = pieces.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(rest.len());
    for call in calls {
        let fits = |piece: &Option<Piece<'a>>| piece.as_ref().and_then(result_of).is_some_and(|one| one.id == call.id);
        let found = rest.iter_mut().find(|piece| fits(piece)).and_then(Option::take);
        ordered.push(found.unwrap_or(Piece::NoResult(call)));
    }
    ordered.extend(rest.into_iter().flatten().map(|piece| match result_of(&piece) {
        Some(result) => Piece::Words(Cow::Owned(stray(result))),
        None => piece,
    }));
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use priory_core::json::Json;
    use priory_core::model::{Message, Reasoning, Sampling};
    use std::sync::Arc;

    fn call(id: &str) -> Part {
        let (id, name) = (id.to_owned(), "t".to_owned());
        Part::ToolCall(CalledTool { id, name, arguments: Json::null(), problem: None, opaque: None })
    }

    fn result(id: &str) -> Part {
        let (id, name) = (id.to_owned(), "t".to_owned());
        Part::ToolResult(ToolResult { content: format!("r{id}"), id, name, is_error: false })
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    /// Writes a conversation down: a line a turn.
    fn check(messages: Vec<(Role, Vec<Part>)>, expected: &str) {
        let messages =
            messages.into_iter().map(|(role, parts)| Arc::new(Message { role, parts, label: None })).collect();
        let prompt = Prompt {
            model: "m".into(),
            messages,
            media: Default::default(),
            tools: vec![],
            sampling: Sampling::default(),
            output_tokens_max: 1,
            spare: Default::default(),
            streams: false,
            key: String::new(),
            run: "run_00000000000000000000000000".parse().unwrap(),
            time_ms: 1,
        };
        let conversation = conversation(&prompt, |part| matches!(part, Part::Reasoning(one) if one.opaque.is_some()));
        let mut written = conversation.system.iter().map(|text| format!("system: {text}\n")).collect::<String>();
        for turn in &conversation.turns {
            let pieces: Vec<String> = turn
                .pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Part(Part::Text(text)) => text.clone(),
                    Piece::Part(Part::ToolCall(call)) => format!("call {}", call.id),
                    Piece::Part(Part::ToolResult(result)) => format!("result {}", result.id),
                    Piece::Part(Part::Reasoning(_)) => "thought".to_owned(),
                    Piece::Part(_) => "media".to_owned(),
                    Piece::Words(words) => format!("<{words}>"),
                    Piece::NoResult(call) => format!("no result {}", call.id),
                })
                .collect();
            written.push_str(&format!("{:?}: {}\n", turn.side, pieces.join(", ")));
        }
        assert_eq!(written, expected);
    }

    #[test]
    fn messages_of_one_side_become_one_turn() {
        check(
            vec![
                (Role::System, vec![text("s1")]),
                (Role::User, vec![text("a"), text(" \n")]),
                (Role::User, vec![text("b")]),
                (Role::System, vec![text("s2")]),
                (Role::Assistant, vec![text("c")]),
                (Role::Assistant, vec![call("1")]),
                (Role::Tool, vec![result("1")]),
                (Role::User, vec![text("d")]),
            ],
            "system: s1\nsystem: s2\nUser: a, b\nModel: c, call 1\nUser: result 1, d\n",
        );
    }

    #[test]
    fn every_call_has_its_result() {
        check(
            vec![
                (Role::User, vec![text("a")]),
                (Role::Assistant, vec![call("1"), call("2"), call("3")]),
                (Role::Tool, vec![text("x"), result("3"), result("9"), result("1")]),
            ],
            "User: a\nModel: call 1, call 2, call 3\nUser: result 1, no result 2, result 3, x, <Result of t: r9>\n",
        );
        check(
            vec![(Role::User, vec![text("a")]), (Role::Assistant, vec![call("1")])],
            "User: a\nModel: call 1\nUser: no result 1\n",
        );
        check(vec![(Role::Tool, vec![result("1")])], "User: <Result of t: r1>\n");
    }

    #[test]
    fn the_user_has_the_first_and_the_last_word() {
        check(vec![(Role::Assistant, vec![text("a")])], "User: <Go on.>\nModel: a\nUser: <Go on.>\n");
        check(vec![(Role::System, vec![text("s")])], "system: s\nUser: <Go on.>\n");
    }

    #[test]
    fn reasoning_is_said_again_where_somebody_can_read_it() {
        let reasoning = |opaque: Option<&str>| {
            Part::Reasoning(Reasoning { text: "hm".to_owned(), opaque: opaque.map(str::to_owned) })
        };
        check(
            vec![
                (Role::User, vec![text("a")]),
                (Role::Assistant, vec![reasoning(None)]),
                (Role::User, vec![text("b")]),
                (Role::Assistant, vec![reasoning(Some("x")), text("c")]),
                (Role::User, vec![text("d")]),
            ],
            "User: a, b\nModel: thought, c\nUser: d\n",
        );
    }
}
