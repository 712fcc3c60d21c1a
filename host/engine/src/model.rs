// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the engine decides about a model before and after it is asked. Asking itself is in `perform/model.rs`.
//!
//! In reading order: `talk`, what a frame has said to models, so that it is written down once; `names`, which model is
//! meant, and who may ask it; `bounds`, what no request may be; `estimate`, what a request may take; `bill`, what a step has
//! spent; `answer`, what an answer is held against; `hearing`, an answer while it is written.

pub(crate) mod answer;
pub(crate) mod bill;
pub(crate) mod bounds;
pub(crate) mod estimate;
pub(crate) mod hearing;
pub(crate) mod names;
pub(crate) mod schemas;
pub(crate) mod talk;

#[cfg(test)]
mod tests;
