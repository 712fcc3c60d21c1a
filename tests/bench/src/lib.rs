// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the benchmarks have in common: the guests, the bare runtime, the watch, and the summary.
//!
//! Every figure with a floor measures the floor and Priory in turns, a short round each, and compares medians of rounds, so
//! that a machine whose speed drifts does not decide.

pub mod bare;
pub mod guests;
pub mod provider;
pub mod summary;
pub mod watch;
