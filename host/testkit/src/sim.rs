// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fakes that act from a seed, so that whole runs can be simulated: crashes, delays and failures included.
//!
//! - [`SimRng`]: where all chance comes from;
//! - [`SimCompute`]: tasks on one thread, which go on in an order that is drawn;
//! - [`FaultyJournal`]: a journal that delays, fails, and loses what was not acknowledged;
//! - [`Outside`]: what is beyond the run, and counts what reaches it;
//! - [`ScriptPlugin`]: a program that is data.

mod compute;
mod faulty;
mod outside;
mod random;
mod script;
mod shared;

pub use compute::{SimCompute, pause};
pub use faulty::{Faults, FaultyJournal};
pub use outside::{Arrival, Line, Outside};
pub use random::{SimRng, hash};
pub use script::{Act, Op, ScriptPlugin};
