// SPDX-License-Identifier: MIT OR Apache-2.0
//! What evaluating an expression may take.

use super::types::Kinds;
use super::value::Value;

/// How many steps an evaluation may take: a part of the expression, an item that is looked at, 64 bytes that are read.
///
/// A step takes some ten nanoseconds, so nothing holds up a thread for longer than a fraction of a second.
pub const STEPS_MAX: u64 = 10_000_000;

/// How many bytes an evaluation may make, all values on the way taken together.
pub const MADE_BYTES_MAX: usize = 64 << 20;

/// Why a step of an evaluation has no result; where it is gets known further out.
#[derive(Debug)]
pub(super) enum Fault {
    /// An argument is of a kind that is not taken.
    Kind {
        /// Which argument.
        argument: usize,
        /// What is taken.
        wanted: Kinds,
    },
    /// A calculation has no result.
    Arithmetic(String),
    /// Too much is taken or made.
    Limit(String),
}

/// Counts what an evaluation takes.
#[derive(Debug)]
pub(super) struct Meter {
    steps: u64,
    bytes: usize,
}

// === impl Meter ===

impl Meter {
    pub(super) fn new() -> Self {
        Self { steps: STEPS_MAX, bytes: MADE_BYTES_MAX }
    }

    /// Takes steps.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        match self.steps.checked_sub(u64::try_from(steps).unwrap_or(u64::MAX)) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(Fault::Limit(format!("takes more than {STEPS_MAX} steps; go through fewer items, or use a tool")))
            }
        }
    }

    /// Takes the steps of reading a text.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), Fault> {
        self.spend((bytes / 64).saturating_add(1))
    }

    /// Takes the bytes of something that is to be made, before it is.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), Fault> {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                self.read(bytes)
            }
            None => {
                self.bytes = 0;
                Err(Fault::Limit(format!("makes more than {MADE_BYTES_MAX} bytes; make less, or use a tool")))
            }
        }
    }

    /// Takes the bytes of a list that is to be made.
    pub(super) fn make_items(&mut self, items: usize) -> Result<(), Fault> {
        self.make(items.saturating_mul(size_of::<Value>()))
    }

    /// Compares two values, part by part: parts that are shared count as often as they are there.
    pub(super) fn equals(&mut self, left: &Value, right: &Value) -> Result<bool, Fault> {
        self.spend(1)?;
        Ok(match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                self.read(left.len().min(right.len()))?;
                left == right
            }
            (Value::List(left), Value::List(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right.iter()) {
                    if !self.equals(left, right)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Map(left), Value::Map(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for ((key, left), (other, right)) in left.iter().zip(right.iter()) {
                    self.read(key.len())?;
                    if key != other || !self.equals(left, right)? {
                        return Ok(false);
                    }
                }
                true
            }
            // The rest is compared in one step.
            (left, right) => left == right,
        })
    }
}
