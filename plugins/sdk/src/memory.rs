// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory: facts that outlive the run that learnt them, each with its source and its time.
//!
//! ```no_run
//! use priory_sdk::memory::{self, Scope};
//! # fn run() -> Result<(), priory_sdk::Failure> {
//! memory::remember(&Scope::Agent, &memory::fact("Ada takes her tea without milk").subject("ada"))?;
//! let facts = memory::recall(&Scope::Agent, &memory::query("how does Ada take tea?", 5))?;
//! memory::forget(&Scope::Agent, &memory::Which::Subject("ada".into()))?;
//! # Ok(())
//! # }
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;
use crate::bindings::priory::agent::memory;

pub use crate::bindings::priory::agent::memory::{Fact, NewFact, Query, Scope, Search, Which};

/// Makes a fact of words, which is kept until somebody forgets it.
pub fn fact(text: impl Into<String>) -> NewFact {
    NewFact { text: text.into(), data: None, subject: None, source: None, expires_ms: None }
}

/// Looks for facts by words, and by meaning too where that is configured.
pub fn query(text: impl Into<String>, most: u32) -> Query {
    Query { text: text.into(), subject: None, search: Search::Best, most }
}

/// Looks for the newest facts.
pub fn newest(most: u32) -> Query {
    Query { text: String::new(), subject: None, search: Search::Newest, most }
}

/// Remembers a fact and returns its id.
pub fn remember(scope: &Scope, fact: &NewFact) -> Result<String, Failure> {
    Ok(memory::remember(scope, fact)?)
}

/// Finds facts, the best first.
pub fn recall(scope: &Scope, query: &Query) -> Result<Vec<Fact>, Failure> {
    Ok(memory::recall(scope, query)?)
}

/// Forgets facts for good, and returns how many there were.
pub fn forget(scope: &Scope, which: &Which) -> Result<u64, Failure> {
    Ok(memory::forget(scope, which)?)
}

// === impl NewFact ===

impl NewFact {
    /// Says what it is about.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says where it comes from.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts beside it what else belongs to it.
    pub fn data(mut self, data: &(impl Serialize + ?Sized)) -> Result<Self, Failure> {
        self.data = Some(serde_json::to_string(data)?);
        Ok(self)
    }

    /// Has it forgotten after some milliseconds.
    pub fn expires_ms(mut self, ms: u64) -> Self {
        self.expires_ms = Some(ms);
        self
    }
}

// === impl Query ===

impl Query {
    /// Looks only at what is about this.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says how to search.
    pub fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }
}

// === impl Fact ===

impl Fact {
    /// Reads what belongs to it; `None` where there is none, or where it has another form.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.data.as_deref()?).ok()
    }
}
