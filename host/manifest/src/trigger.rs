// SPDX-License-Identifier: MIT OR Apache-2.0
//! What starts runs by itself, and what it gives them.

use priory_core::Json;
use priory_schedule::Schedule;
use serde_json::{Map, Value};

/// What starts a run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The agent or workflow that is started.
    pub start: String,
    /// When.
    pub on: Occasion,
    /// What the run is given; `None` is the data of the event, or the result of the run before.
    pub input: Option<Given>,
    /// What is done while a run of this trigger goes on.
    pub overlap: Overlap,
}

/// When a trigger starts a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion {
    /// Whenever an event is published.
    Event {
        /// Its name.
        name: String,
        /// Fields that its data has to have.
        matching: Option<Json>,
    },
    /// Whenever a time has come.
    Schedule {
        /// Which.
        schedule: Box<Schedule>,
        /// What is done about times that came while no host was there.
        missed: Missed,
    },
    /// Whenever a run ends.
    After {
        /// The agent or workflow of that run.
        program: String,
        /// How it has to end.
        when: Ending,
    },
}

/// What is done about times that came while no host was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// Nothing.
    Skip,
    /// One run is started, for the last of them.
    #[default]
    Once,
    /// One run is started for each.
    All,
}

/// How a run has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// With a report.
    #[default]
    Done,
    /// With a failure.
    Failed,
    /// Either way; not by being cancelled.
    Any,
}

/// What is done while a run of a trigger goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// Another run is started.
    #[default]
    Allow,
    /// None is started, then or later.
    Skip,
    /// The next is started when that one has ended.
    Queue,
}

/// A table of values, some of which stand for what started the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given(Map<String, Value>);

// === impl Occasion ===

impl Occasion {
    /// Returns the word by which an input speaks of it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Event { .. } => "event",
            Self::Schedule { .. } => "schedule",
            Self::After { .. } => "run",
        }
    }
}

// === impl Given ===

impl Given {
    /// Makes a table.
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        Self(values)
    }

    /// Returns the values with what they stand for put in. What is not there is `null`.
    pub fn fill(&self, about: &Value) -> Value {
        Value::Object(self.0.iter().map(|(name, value)| (name.clone(), filled(value, about))).collect())
    }

    /// Returns the texts that an operator wrote, by name: nothing that an event or a run says is among them.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let text = value.as_str().filter(|text| path(text).is_none())?;
            Some((name.as_str(), text))
        })
    }
}

/// Returns what a text stands for, where it is `{word.name.name}` as a whole.
pub(crate) fn path(text: &str) -> Option<impl Iterator<Item = &str>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    inner.split('.').all(is_name).then(|| inner.split('.'))
}

fn filled(value: &Value, about: &Value) -> Value {
    match value {
        Value::String(text) => match path(text) {
            Some(mut names) => names.try_fold(about, |at, name| at.get(name)).cloned().unwrap_or_default(),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, about)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), filled(value, about))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_texts_are_replaced_and_nothing_else() {
        let Value::Object(table) = json!({
            "order": "{event.data.order}",
            "all": "{event.data}",
            "missing": "{event.data.none.more}",
            "text": "order {event.data.order}",
            "deep": [{ "id": "{event.id}" }, 7, "{}", "{not a path}"],
        }) else {
            panic!("it is an object")
        };
        let given = Given::new(table);
        let about = json!({ "event": { "id": "e1", "data": { "order": 17 } } });
        let expected = json!({
            "order": 17,
            "all": { "order": 17 },
            "missing": null,
            "text": "order {event.data.order}",
            "deep": [{ "id": "e1" }, 7, "{}", "{not a path}"],
        });
        assert_eq!(given.fill(&about), expected);
        assert_eq!(given.texts().collect::<Vec<_>>(), [("text", "order {event.data.order}")]);
        let said = json!({ "event": { "data": { "order": "{event.id}" } } });
        assert_eq!(given.fill(&said)["order"], "{event.id}", "what is put in is not looked at again");
    }
}
