// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is published for runs to take, as a port: each event once, in one order, by name.
//!
//! It is kept beside the runs, by the same stores. Every implementation passes the same contract suite, in
//! `priory-testkit`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{FramePath, RunId};
use crate::journal::{JournalError, RunWait};
use crate::json::Json;
use crate::ports::BoxFuture;

/// How long the name of an event may be, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// How long the id of an event may be, in bytes: a name, a key and what stands between them fit.
pub const ID_BYTES_MAX: usize = 400;
/// How long the key may be by which a program names an event, in bytes.
pub const KEY_BYTES_MAX: usize = 200;
/// How long the data of one event may be, in bytes: what is larger belongs into an artifact.
pub const DATA_BYTES_MAX: u64 = 1 << 20;
/// How long the fields together may be that an event has to have, in bytes.
pub const MATCHING_BYTES_MAX: u64 = 16 << 10;

/// How many words may be noted.
pub const NOTES_MAX: usize = 4_096;
/// How long a noted word may be, and what it is about, in bytes each.
pub const NOTE_BYTES_MAX: usize = 1 << 10;

/// Something that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EventRecord {
    /// Names it for ever: what comes with the same id is the same event.
    pub id: String,
    /// What kind of event it is, such as `order.placed`.
    pub name: String,
    /// What it says.
    pub data: Json,
    /// When it was published, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Which effect published it; `None` where it came from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
}

/// The effect that published an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The run.
    pub run: RunId,
    /// The frame.
    pub frame: FramePath,
    /// The position of the effect in the frame.
    pub step: u32,
}

/// An event with its place among all that were published in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Arrived {
    /// Its position: it only grows, from 1.
    pub position: u64,
    /// The event.
    #[serde(flatten)]
    pub record: EventRecord,
}

/// Which event is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sought {
    /// Its name.
    pub name: String,
    /// Fields that its data has to have, with these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<Json>,
    /// Up to which position nothing was found.
    pub after: u64,
}

/// Which events are read. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// With this name.
    pub name: Option<String>,
    /// Behind this position.
    pub after: u64,
    /// The last first, instead of the first.
    pub is_newest_first: bool,
    /// How many, at most.
    pub most: usize,
}

/// What became of an event that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its position.
    pub position: u64,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Keeps what is published, each event once and in one order, until it is taken.
pub trait Inbox: Send + Sync {
    /// Publishes an event. It is durable when this is ready. An event that is there already, by its id, keeps its place and
    /// its time.
    ///
    /// Fails with [`JournalError::OtherEvent`] when another name or other data was published under the id.
    fn publish(&self, record: EventRecord) -> BoxFuture<'static, Result<Arrival, JournalError>>;

    /// Returns the position of the last event that was published; 0 before the first.
    fn head(&self) -> u64;

    /// Waits until an event stands behind a position. Whoever only reads the store waits for ever.
    fn arrival(&self, after: u64) -> BoxFuture<'static, ()>;

    /// Reads events in order.
    fn events(&self, query: EventQuery) -> BoxFuture<'static, Result<Vec<Arrived>, JournalError>>;

    /// Returns what parked runs wait for that an event fits which stands behind both a position and the one up to which
    /// they looked; each once, `most` at most.
    fn arrived(&self, after: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>>;

    /// Notes a word about something, such as how far a trigger has come, in place of what was noted of it before.
    fn note(&self, about: String, word: String) -> BoxFuture<'static, Result<(), JournalError>>;

    /// Returns every word that was noted.
    fn notes(&self) -> BoxFuture<'static, Result<BTreeMap<String, String>, JournalError>>;
}

/// Tells whether a text may name an event: `[a-z][a-z0-9._-]*`, at most [`NAME_BYTES_MAX`] bytes.
pub fn is_event_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

/// Tells whether a text may be the id of an event, or a key of one: visible ASCII without spaces, at most `most` bytes.
pub fn is_event_key(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Refuses a note that is too long, or one too many where there are `count` already.
pub fn check_note(about: &str, word: &str, count: usize) -> Result<(), JournalError> {
    let bytes = about.len().max(word.len());
    if bytes > NOTE_BYTES_MAX {
        let (what, bytes) = ("a note".to_owned(), bytes as u64);
        return Err(JournalError::TooLarge { what, bytes, most: NOTE_BYTES_MAX as u64 });
    }
    match count {
        0..=NOTES_MAX => Ok(()),
        _ => Err(JournalError::Invalid { what: format!("a note: {NOTES_MAX} are the most") }),
    }
}

impl EventRecord {
    /// Returns the id of an event that a program publishes: by its key where it has one, so that whoever publishes it again
    /// says nothing new, else by who published it.
    pub fn id_of(name: &str, key: Option<&str>, from: &Origin) -> String {
        match key {
            Some(key) => format!("{name}/{key}"),
            // No name begins like this.
            None => format!("@{}/{}/{}", from.run, from.frame, from.step),
        }
    }

    /// Tells whether this is what was published under an id before, whenever that was.
    pub fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.name == other.name && self.data == other.data
    }

    /// Tells whether the data has fields with these values.
    pub fn fits(&self, matching: Option<&Json>) -> bool {
        let Some(serde_json::Value::Object(wanted)) = matching.map(Json::to_value) else { return matching.is_none() };
        match self.data.to_value() {
            serde_json::Value::Object(data) => wanted.iter().all(|(name, value)| data.get(name) == Some(value)),
            _ => wanted.is_empty(),
        }
    }

    /// Checks what can be known of an event without its store.
    pub fn check(&self) -> Result<(), JournalError> {
        let invalid = |what: String| Err(JournalError::Invalid { what });
        if !is_event_name(&self.name) {
            let name: String = self.name.chars().take(80).collect();
            return invalid(format!("`{name}` is no name of an event: a name such as `order.placed` is expected"));
        }
        if !is_event_key(&self.id, ID_BYTES_MAX) {
            let what = "the id of an event is visible ASCII without spaces";
            return invalid(format!("{what}, {ID_BYTES_MAX} bytes at most"));
        }
        match self.data.byte_len() {
            bytes if bytes > DATA_BYTES_MAX => {
                let what = format!("event {}", self.id);
                Err(JournalError::TooLarge { what, bytes, most: DATA_BYTES_MAX })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(data: &str) -> EventRecord {
        let data = Json::parse(data).unwrap();
        EventRecord { id: "order.placed/17".into(), name: "order.placed".into(), data, unix_ms: 1, from: None }
    }

    #[test]
    fn fields_are_compared_and_nothing_else() {
        let order = record(r#"{"shop": "north", "count": 2, "lines": [1, 2]}"#);
        let check = |matching: &str, expected: bool| {
            assert_eq!(order.fits(Some(&Json::parse(matching).unwrap())), expected, "{matching}");
        };
        check("{}", true);
        check(r#"{"shop": "north"}"#, true);
        check(r#"{"shop": "north", "lines": [ 1,2 ]}"#, true);
        check(r#"{"shop": "south"}"#, false);
        check(r#"{"shop": "north", "to": null}"#, false);
        check(r#""north""#, false);
        assert!(order.fits(None));
        assert!(!record("7").fits(Some(&Json::parse(r#"{"shop": 1}"#).unwrap())));
        assert!(record("7").fits(Some(&Json::parse("{}").unwrap())));
    }

    #[test]
    fn an_id_says_who_or_what_and_never_both() {
        let run = RunId::from_parts(5, 7);
        let from = Origin { run, frame: FramePath::root().child(2), step: 3 };
        assert_eq!(EventRecord::id_of("order.placed", Some("17"), &from), "order.placed/17");
        assert_eq!(EventRecord::id_of("order.placed", None, &from), format!("@{run}/0.2/3"));
        assert!(!is_event_name(&format!("@{run}")));
    }

    #[test]
    fn what_no_store_takes_is_refused() {
        assert!(record("1").check().is_ok());
        let long = EventRecord { data: Json::of(&"x".repeat(1 << 20)).unwrap(), ..record("1") };
        assert!(matches!(long.check(), Err(JournalError::TooLarge { .. })));
        for name in ["", "Order", "order placed", ".order", &"a".repeat(NAME_BYTES_MAX + 1)] {
            assert!(EventRecord { name: name.to_owned(), ..record("1") }.check().is_err(), "{name}");
        }
        for id in ["", "a b", "ä", &"a".repeat(ID_BYTES_MAX + 1)] {
            assert!(EventRecord { id: id.to_owned(), ..record("1") }.check().is_err(), "{id}");
        }
        assert!(is_event_name(&"a".repeat(NAME_BYTES_MAX)) && is_event_key(&"a".repeat(ID_BYTES_MAX), ID_BYTES_MAX));
    }
}
