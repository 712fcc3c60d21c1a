// SPDX-License-Identifier: MIT OR Apache-2.0
//! A seeded simulator of whole runs: random programs, crashes at every moment, and what has to hold in the end.
//!
//! - [`plan`]: what a seed stands for: programs, grants, limits; [`flow`]: those of its programs that are workflows;
//! - [`process`]: one life of a host, until it ends, crashes or is left;
//! - [`world`]: all lives of one run, and what outlives them;
//! - [`check`]: what has to hold; [`history`], [`state`], [`artifacts`]: what has to hold of the events; [`think`]: of models and
//!   memory.

pub mod artifacts;
pub mod check;
pub mod flow;
pub mod history;
pub mod plan;
pub mod process;
pub mod state;
pub mod think;
pub mod world;

pub use check::{Report, exhaust, try_seed};
