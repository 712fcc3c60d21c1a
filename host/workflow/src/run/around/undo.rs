// SPDX-License-Identifier: MIT OR Apache-2.0
//! Undoes what nodes did when the whole fails or is cancelled: the last first. Undoing is done by nodes, so it is recorded
//! like everything else, and goes on where it was when the host goes away meanwhile.

use priory_core::Failure;
use priory_core::effect::Level;

use crate::definition::Undo;
use crate::expression::{Scope, Value};
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Something that has to be undone when the whole fails.
pub(crate) struct Undoing {
    /// The node that did it.
    of: String,
    /// The node that undoes it.
    by: String,
    scope: Scope,
    given: Value,
}

impl Execution {
    /// Notes how a node that finished is undone.
    pub(crate) fn will_undo(&self, at: &At<'_>, undo: &Undo, output: &Value) -> Result<(), Broken> {
        let scope = at.scope.child().with("output", output.clone());
        let given = match &undo.with {
            Some(with) => with.evaluate(&scope).map_err(|error| self.wrong(at.name, "undo.with", &error))?,
            None => Value::map([("given".into(), at.input.clone()), ("output".into(), output.clone())]),
        };
        let undoing = Undoing { of: at.name.to_owned(), by: undo.node.clone(), scope, given };
        self.undoing.lock().push(undoing);
        Ok(())
    }

    /// Undoes everything that was noted, the last first. What cannot be undone is said, and does not keep the rest from it.
    pub(crate) async fn undo_all(&self, why: &Failure) {
        loop {
            let Some(Undoing { of, by, scope, given }) = self.undoing.lock().pop() else { return };
            self.note(Level::Info, &format!("node {of} is undone by {by}, because of: {why}"));
            if let Err(Broken(failure)) = self.node(&by, scope, given).await {
                self.note(Level::Error, &format!("node {of} could not be undone by {by}: {failure}"));
            }
        }
    }
}
