// SPDX-License-Identifier: MIT OR Apache-2.0
//! System messages where every server takes them: the templates of many models refuse one that is not the first message.

use std::borrow::Cow;
use std::sync::Arc;

use priory_core::model::{Message, Part, Prompt, Role};

/// Returns a prompt that says some more words, at the end of the first system message, or else of the last message of the
/// user. Where `folds`, what later system messages say stands in the first one, too.
pub(crate) fn led(prompt: Cow<'_, Prompt>, folds: bool, words: Option<String>) -> Cow<'_, Prompt> {
    let is_system = |message: &&Arc<Message>| message.role == Role::System;
    let is_led = prompt.messages.first().is_some_and(|first| first.role == Role::System);
    let systems = prompt.messages.iter().filter(is_system).count();
    let is_scattered = folds && systems > usize::from(is_led);
    if !is_scattered && words.is_none() {
        return prompt;
    }
    let mut prompt = prompt.into_owned();
    if is_scattered {
        let (systems, mut rest): (Vec<_>, Vec<_>) =
            prompt.messages.into_iter().partition(|message| message.role == Role::System);
        let parts = systems.iter().flat_map(|message| message.parts.iter().cloned()).collect();
        rest.insert(0, Arc::new(Message { role: Role::System, parts, label: None }));
        prompt.messages = rest;
    }
    if let Some(words) = words {
        add(&mut prompt.messages, words);
    }
    Cow::Owned(prompt)
}

fn add(messages: &mut Vec<Arc<Message>>, words: String) {
    let at = match messages.first() {
        Some(first) if first.role == Role::System => Some(0),
        _ => messages.iter().rposition(|message| message.role == Role::User),
    };
    match at.and_then(|at| messages.get_mut(at)) {
        Some(message) => Arc::make_mut(message).parts.push(Part::Text(words)),
        None => messages.insert(0, Arc::new(Message::text(Role::System, words))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::prompt;
    use Role::{Assistant, System, User};

    #[track_caller]
    fn check(messages: &[(Role, &str)], folds: bool, words: Option<&str>, expected: &[&str]) {
        let prompt = prompt(messages.iter().map(|(role, words)| Message::text(*role, *words)).collect());
        let led = led(Cow::Borrowed(&prompt), folds, words.map(str::to_owned));
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        let shown: Vec<String> = led
            .messages
            .iter()
            .map(|message| {
                let texts: Vec<String> = message.parts.iter().map(text).collect();
                format!("{}: {}", message.role.as_str(), texts.join(", "))
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn words_stand_where_nobody_refuses_them() {
        check(&[(System, "a"), (User, "b")], false, Some("w"), &["system: a, w", "user: b"]);
        check(
            &[(User, "a"), (Assistant, "b"), (User, "c")],
            true,
            Some("w"),
            &["user: a", "assistant: b", "user: c, w"],
        );
        check(&[(User, "a"), (System, "b")], false, Some("w"), &["user: a, w", "system: b"]);
        check(&[(Assistant, "a")], true, Some("w"), &["system: w", "assistant: a"]);
    }

    #[test]
    fn later_ones_are_folded_where_they_are_refused() {
        let scattered = [(System, "a"), (User, "b"), (System, "c"), (User, "d")];
        check(&scattered, true, None, &["system: a, c", "user: b", "user: d"]);
        check(&scattered, true, Some("w"), &["system: a, c, w", "user: b", "user: d"]);
        check(&scattered, false, None, &["system: a", "user: b", "system: c", "user: d"]);
        check(&[(User, "a"), (System, "b")], true, None, &["system: b", "user: a"]);
        check(&[(System, "a"), (System, "b"), (User, "c")], true, None, &["system: a, b", "user: c"]);
    }
}
