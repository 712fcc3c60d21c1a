// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of tools and ids of calls, on their way to a provider and back.
//!
//! Providers take fewer characters in the name of a tool than the router does. A name that they take goes as it is; of any
//! other the characters are replaced, so that a model can still read it: `files.read-text` goes as `files__read-text`. Where
//! that would be another tool's name, or too long, a short digest of the name is put behind it. The names of one request
//! stand for each other one to one, and which stands for which depends on nothing but the tools that are offered.

use std::borrow::Cow;

use priory_core::id::Digest;
use priory_core::model::{CALL_ID_BYTES_MAX, Part, Prompt};

/// How long a name may be that every provider takes, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 64;
/// How many digits of a digest stand behind a name.
const DIGEST_CHARS: usize = 8;
/// How often another digest is tried where one is taken: a clash needs somebody who looks for it.
const TRIES_MAX: u32 = 16;

/// The names of one request.
pub(crate) struct Names<'p> {
    prompt: &'p Prompt,
    /// What is offered and goes as it is, in order.
    same: Vec<&'p str>,
    /// What is offered and goes under another name, with that, in order.
    other: Vec<(&'p str, String)>,
}

// === impl Names ===

impl<'p> Names<'p> {
    /// Gives names to what a prompt offers.
    pub(crate) fn of(prompt: &'p Prompt) -> Self {
        let offers = prompt.tools.iter().map(|tool| tool.name.as_str());
        let (mut same, others): (Vec<&str>, Vec<&str>) = offers.partition(|name| is_taken_by_all(name));
        same.sort_unstable();
        let mut plain: Vec<(String, &str)> = others.into_iter().map(|name| (plain(name), name)).collect();
        plain.sort_unstable();
        plain.dedup();
        let mut names = Self { prompt, same, other: Vec::with_capacity(plain.len()) };
        let mut clashing = Vec::new();
        // Names that would be the same stand next to each other.
        for same in plain.chunk_by_mut(|one, other| one.0 == other.0) {
            match same {
                [(plain, name)] if plain.len() <= NAME_BYTES_MAX && names.same.binary_search(&&**plain).is_err() => {
                    names.other.push((name, std::mem::take(plain)));
                }
                clash => clashing.extend(clash.iter().map(|(_, name)| *name)),
            }
        }
        for name in clashing {
            let sent = names.with_digest(name);
            names.other.push((name, sent));
        }
        names.other.sort_unstable();
        names
    }

    /// Returns the name under which a tool goes to a provider, also of one that was offered earlier in the conversation or
    /// never.
    pub(crate) fn sent<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        if let Ok(at) = self.other.binary_search_by_key(&name, |(offered, _)| offered) {
            return Cow::Borrowed(self.other.get(at).map_or(name, |(_, sent)| sent));
        }
        match is_taken_by_all(name) && !self.is_another(name, name) {
            true => Cow::Borrowed(name),
            false => Cow::Owned(self.with_digest(name)),
        }
    }

    /// Returns the name under which a tool was offered; what the model wrote where none was.
    pub(crate) fn heard(&self, name: &str) -> String {
        let name = name.trim();
        self.other.iter().find(|(_, sent)| sent == name).map_or(name, |(offered, _)| offered).to_owned()
    }

    /// Tells whether another tool than `name` goes under a name.
    fn is_another(&self, sent: &str, name: &str) -> bool {
        let is_same = self.same.binary_search(&sent).is_ok() && sent != name;
        is_same || self.other.iter().any(|(offered, other)| other == sent && *offered != name)
    }

    /// Returns the id of a call: the one that the provider gave it where that is one, and a new one where it gave none, or
    /// one that another call has. `taken` tells whether another call of the same answer has an id.
    pub(crate) fn id(&self, given: &str, position: usize, taken: impl Fn(&str) -> bool) -> String {
        let is_one = !given.is_empty() && given.len() <= CALL_ID_BYTES_MAX && !given.chars().any(char::is_control);
        if is_one && !taken(given) && !self.has_id(given) {
            return given.to_owned();
        }
        let turn = self.prompt.messages.len();
        let plain = format!("call_{turn}_{position}");
        // A conversation has few ids, so one of these is free.
        let free = |id: &String| !taken(id) && !self.has_id(id);
        let more = (0..TRIES_MAX).map(|n| format!("{plain}_{n}"));
        std::iter::once(plain.clone()).chain(more).find(free).unwrap_or(plain)
    }

    fn has_id(&self, id: &str) -> bool {
        let parts = self.prompt.messages.iter().flat_map(|message| &message.parts);
        parts.into_iter().any(|part| matches!(part, Part::ToolCall(call) if call.id == id))
    }

    /// Returns a name with a digest behind it that no other tool has.
    fn with_digest(&self, name: &str) -> String {
        let mut head = plain(name);
        head.truncate(NAME_BYTES_MAX - DIGEST_CHARS - 1);
        let mut sent = String::new();
        for n in 0..TRIES_MAX {
            let digest = Digest::of(format!("{n} {name}").as_bytes()).to_hex();
            sent = format!("{head}_{}", digest.get(..DIGEST_CHARS).unwrap_or_default());
            if !self.is_another(&sent, name) {
                break;
            }
        }
        sent
    }
}

/// Tells whether every provider takes a name.
fn is_taken_by_all(name: &str) -> bool {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Replaces the characters that not every provider takes. The result is ASCII, so it can be cut anywhere.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        match char {
            '.' => plain.push_str("__"),
            char if u8::try_from(char).is_ok_and(is_plain) => plain.push(char),
            _ => plain.push('_'),
        }
    }
    if !plain.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
        plain.insert(0, '_');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{asks, call, offering, prompt, says};
    use priory_core::model::{Message, Role};

    #[track_caller]
    fn check(offered: &[&str], expected: &[&str]) {
        let prompt = offering(offered);
        let names = Names::of(&prompt);
        let sent: Vec<_> = offered.iter().map(|name| names.sent(name).into_owned()).collect();
        assert_eq!(sent, expected);
        for (sent, offered) in sent.iter().zip(offered) {
            assert!(is_taken_by_all(sent), "{sent}");
            assert_eq!(names.heard(sent), *offered);
        }
    }

    #[test]
    fn names_can_be_read_and_come_back() {
        check(&["files.read-text", "now", "Größe", "9lives"], &["files__read-text", "now", "Gr__e", "_9lives"]);
        check(&[], &[]);
    }

    #[test]
    fn names_that_would_be_the_same_are_told_apart() {
        check(&["a.b", "a__b"], &["a__b_49caa1d0", "a__b"]);
        check(&["a.b", "a__b", "a:_b"], &["a__b_49caa1d0", "a__b", "a__b_7de65e04"]);
        check(&["a b", "a:b"], &["a_b_be8e78d2", "a_b_040a147a"]);
    }

    #[test]
    fn names_that_are_too_long_keep_their_beginning() {
        let (long, longer) = (format!("a.{}", "x".repeat(90)), format!("a.{}", "x".repeat(91)));
        let prompt = offering(&[&long, &longer]);
        let names = Names::of(&prompt);
        let (one, other) = (names.sent(&long), names.sent(&longer));
        assert!(one.len() == NAME_BYTES_MAX && other.len() == NAME_BYTES_MAX && one != other, "{one} {other}");
        assert!(one.starts_with("a__xxx"));
        assert_eq!((names.heard(&one), names.heard(&other)), (long.clone(), longer.clone()));
    }

    #[test]
    fn the_order_of_offers_does_not_matter() {
        let (one, other) = (offering(&["a.b", "a:_b", "c.d"]), offering(&["c.d", "a:_b", "a.b"]));
        let (one, other) = (Names::of(&one), Names::of(&other));
        for name in ["a.b", "a:_b", "c.d"] {
            assert_eq!(one.sent(name), other.sent(name));
        }
    }

    #[test]
    fn what_was_never_offered_keeps_its_name() {
        let prompt = offering(&["files.read"]);
        let names = Names::of(&prompt);
        for name in ["files.read", "rm -rf", "files_read", "x"] {
            assert_eq!(names.heard(name), name);
        }
        assert_eq!(names.sent("other"), "other");
        let (sent, again) = (names.sent("old.tool").into_owned(), names.sent("old:_tool").into_owned());
        assert!(is_taken_by_all(&sent) && is_taken_by_all(&again) && sent != again, "{sent} {again}");
        assert!(names.sent("files__read").starts_with("files__read_"), "another tool has the plain name");
    }

    #[test]
    fn ids_are_unique_within_the_conversation() {
        let earlier = says(Role::Assistant, vec![call("call_0", "a", "{}")]);
        let prompt = prompt(vec![Message::text(Role::User, "go"), earlier]);
        let names = Names::of(&prompt);
        assert_eq!(names.id("call_9", 0, |_| false), "call_9");
        assert_eq!(names.id("call_0", 3, |_| false), "call_2_3", "an earlier call has it");
        assert_eq!(names.id("", 0, |_| false), "call_2_0");
        assert_eq!(names.id("call_9", 1, |id| id == "call_9"), "call_2_1");
        assert_eq!(names.id("", 0, |id| id == "call_2_0"), "call_2_0_0");
        assert_eq!(names.id(&"x".repeat(CALL_ID_BYTES_MAX + 1), 0, |_| false), "call_2_0");
        let prompt = asks("go");
        assert_eq!(Names::of(&prompt).id("a\nb", 0, |_| false), "call_1_0");
    }
}
