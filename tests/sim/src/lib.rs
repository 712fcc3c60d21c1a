// SPDX-License-Identifier: MIT OR Apache-2.0
//! A seeded simulator of whole runs: random programs, crashes at every moment, and what has to hold in the end.
//!
//! - [`plan`]: what a seed stands for: programs, grants, limits;
//! - [`process`]: one life of a host, until it ends, crashes or is left;
//! - [`world`]: all lives of one run, and what outlives them;
//! - [`check`]: what has to hold; [`history`]: what has to hold of the events.

pub mod check;
pub mod history;
pub mod plan;
pub mod process;
pub mod world;

pub use check::{Report, exhaust, try_seed};
