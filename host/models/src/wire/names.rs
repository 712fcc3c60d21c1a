// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of tools and ids of calls, on their way to a provider and back.
//!
//! Providers take fewer characters in the name of a tool than the router does. A name that they take goes as it is; of any
//! other the characters are replaced, so that a model can still read it: `files.read-text` goes as `files__read-text`. Where
//! that would be another tool's name, or too long, a short digest of the name is put behind it. The names of one request
//! stand for each other one to one, and which stands for which depends on nothing but the tools that are offered.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

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
    /// Of what is offered, those that do not go as they are.
    sent: HashMap<&'p str, String>,
    /// Of what is offered, by the name under which it goes.
    offered: HashMap<String, &'p str>,
}

// === impl Names ===

impl<'p> Names<'p> {
    /// Gives names to what a prompt offers.
    pub(crate) fn of(prompt: &'p Prompt) -> Self {
        let mut names = Self { prompt, sent: HashMap::new(), offered: HashMap::new() };
        let offers = || prompt.tools.iter().map(|tool| tool.name.as_str());
        for name in offers().filter(|name| is_taken_by_all(name)) {
            names.offered.insert(name.to_owned(), name);
        }
        let others: Vec<&str> = offers().filter(|name| !is_taken_by_all(name)).collect();
        if others.is_empty() {
            return names;
        }
        let (mut seen, mut twice) = (HashSet::new(), HashSet::new());
        for name in others.iter().collect::<HashSet<_>>() {
            let plain = plain(name);
            if !seen.insert(plain.clone()) {
                twice.insert(plain);
            }
        }
        for name in others {
            if names.sent.contains_key(name) {
                continue;
            }
            let plain = plain(name);
            let is_free = plain.len() <= NAME_BYTES_MAX && !twice.contains(&plain) && !names.offered.contains_key(&plain);
            let sent = if is_free { plain } else { names.with_digest(name) };
            names.offered.insert(sent.clone(), name);
            names.sent.insert(name, sent);
        }
        names
    }

    /// Returns the name under which a tool goes to a provider, also of one that was offered earlier in the conversation or
    /// never.
    pub(crate) fn sent<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        if let Some(sent) = self.sent.get(name) {
            return Cow::Borrowed(sent);
        }
        let is_another = self.offered.get(name).is_some_and(|offered| *offered != name);
        match is_taken_by_all(name) && !is_another {
            true => Cow::Borrowed(name),
            false => Cow::Owned(self.with_digest(name)),
        }
    }

    /// Returns the name under which a tool was offered; what the model wrote where none was.
    pub(crate) fn heard(&self, name: &str) -> String {
        let name = name.trim();
        self.offered.get(name).copied().unwrap_or(name).to_owned()
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
            if self.offered.get(&sent).is_none_or(|offered| *offered == name) {
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
