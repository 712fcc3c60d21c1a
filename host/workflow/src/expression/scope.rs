// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the names in an expression stand for.

use std::collections::HashMap;
use std::sync::Arc;

use super::value::Value;

/// The values of names, and of the names of the scopes around.
///
/// Cloning is cheap, and so is a scope inside another: it points to the one around it.
#[derive(Clone, Debug, Default)]
pub struct Scope(Arc<Names>);

#[derive(Clone, Debug, Default)]
struct Names {
    values: HashMap<Arc<str>, Value>,
    around: Option<Scope>,
}

// === impl Scope ===

impl Scope {
    /// Makes a scope without names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a scope inside this one; its names hide those around it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Names { values: HashMap::new(), around: Some(self.clone()) }))
    }

    /// Gives a name a value; scopes that were made of this one before do not see it.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        Arc::make_mut(&mut self.0).values.insert(name.into(), value.into());
    }

    /// Returns the scope with one more name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let mut scope = self;
        loop {
            if let Some(value) = scope.0.values.get(name) {
                return Some(value);
            }
            scope = scope.0.around.as_ref()?;
        }
    }

    /// Returns all names, each once, in order.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        let mut scope = Some(self);
        while let Some(inner) = scope {
            names.extend(inner.0.values.keys().cloned());
            scope = inner.0.around.as_ref();
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}
