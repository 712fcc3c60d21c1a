// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pattern has to know of the failures of its workers.

use serde_json::{Value, json};

use crate::stop::{Stop, clip};

/// A failure of whoever uses the patterns.
///
/// The failure of a worker that ends a pattern is passed on unchanged.
pub trait Fault: Clone {
    /// Makes the failure of a pattern that ends without a result.
    fn stopped(stop: Stop) -> Self;

    /// Returns what happened, for people and models.
    fn message(&self) -> String;

    /// Returns the kind of the failure, for programs, such as `timeout`.
    fn kind(&self) -> &str;
}

/// Returns a failure as a value, where failures are kept beside results: `{"failure": {"kind": …, "message": …}}`.
pub fn kept(fault: &impl Fault) -> Value {
    json!({ "failure": failure(fault) })
}

/// Returns what others are told of a failure.
pub(crate) fn failure(fault: &impl Fault) -> Value {
    json!({ "kind": fault.kind(), "message": clip(&fault.message()) })
}
