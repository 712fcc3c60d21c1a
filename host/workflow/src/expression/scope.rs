// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the names in an expression stand for, and what is known of it beforehand.

use std::collections::HashMap;
use std::sync::Arc;

use super::types::Type;
use super::value::Value;

/// The values of names.
pub type Scope = Names<Value>;

/// The types of names.
pub type Types = Names<Type>;

/// What is bound to names, and to the names of the scopes around.
///
/// Cloning is cheap, and so is a scope inside another: it points to the one around it.
#[derive(Debug)]
pub struct Names<V>(Arc<Bound<V>>);

#[derive(Clone, Debug)]
struct Bound<V> {
    names: HashMap<Arc<str>, V>,
    around: Option<Names<V>>,
}

// === impl Names ===

impl<V> Clone for Names<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Default for Names<V> {
    fn default() -> Self {
        Self(Arc::new(Bound { names: HashMap::new(), around: None }))
    }
}

impl<V: Clone> Names<V> {
    /// Makes a scope without names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a scope inside this one; its names hide those around it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Bound { names: HashMap::new(), around: Some(self.clone()) }))
    }

    /// Binds something to a name; scopes that were made of this one before do not see it.
    pub fn set(&mut self, name: &str, bound: impl Into<V>) {
        Arc::make_mut(&mut self.0).names.insert(name.into(), bound.into());
    }

    /// Returns the scope with one more name.
    #[must_use]
    pub fn with(mut self, name: &str, bound: impl Into<V>) -> Self {
        self.set(name, bound);
        self
    }

    /// Returns what is bound to a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        let mut scope = self;
        loop {
            if let Some(bound) = scope.0.names.get(name) {
                return Some(bound);
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
            names.extend(inner.0.names.keys().cloned());
            scope = inner.0.around.as_ref();
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}
