// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events: what one program publishes and others wait for. A run that waits is put aside until the event is there.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bindings::priory::agent::events;
use crate::tools::read;
use crate::{Failure, Pending};

pub use crate::bindings::priory::agent::events::Sought;

/// Something that was published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Published<T> {
    /// Names it for ever.
    pub id: String,
    /// What kind of event it is.
    pub name: String,
    /// What it says.
    pub data: T,
    /// When it was published, in milliseconds since 1970.
    pub unix_ms: u64,
}

/// Seeks an event by its name, with any data, for ever.
pub fn named(name: impl Into<String>) -> Sought {
    Sought { name: name.into(), matching: None, expires_ms: None }
}

impl Sought {
    /// Seeks only events whose data has these fields, with these values.
    pub fn matching(mut self, fields: &(impl Serialize + ?Sized)) -> Result<Self, Failure> {
        self.matching = Some(serde_json::to_string(fields)?);
        Ok(self)
    }

    /// Waits for some milliseconds at most.
    pub fn within_ms(mut self, ms: u64) -> Self {
        self.expires_ms = Some(ms);
        self
    }
}

/// Publishes an event and returns its id.
pub fn emit(name: &str, data: &(impl Serialize + ?Sized)) -> Result<String, Failure> {
    Ok(events::emit(name, &serde_json::to_string(data)?, None)?)
}

/// Publishes an event of which there is one for each key, and returns its id.
pub fn emit_once(name: &str, key: &str, data: &(impl Serialize + ?Sized)) -> Result<String, Failure> {
    Ok(events::emit(name, &serde_json::to_string(data)?, Some(key))?)
}

/// Waits for an event that was published since the run began, and that the run has not taken yet.
pub fn wait<T: DeserializeOwned>(sought: &Sought) -> Result<Published<T>, Failure> {
    let events::Published { id, name, data, unix_ms } = events::wait(sought)?;
    Ok(Published { data: read("an event", &data)?, id, name, unix_ms })
}

/// Begins to wait for an event, and returns at once.
pub fn start<T: DeserializeOwned>(sought: &Sought) -> Result<Pending<Published<T>>, Failure> {
    Ok(Pending::new("an event", events::start(sought)?))
}
