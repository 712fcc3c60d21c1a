// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fakes that act from a seed, so that whole runs can be simulated: crashes, delays and failures included.
//!
//! - [`SimRng`]: where all chance comes from;
//! - [`SimCompute`]: tasks on one thread, which go on in an order that is drawn;
//! - [`FaultyJournal`]: a journal that delays, fails, and loses what was not acknowledged;
//! - [`Outside`]: what is beyond the run, and counts what reaches it;
//! - [`SimModels`], [`SimKept`]: models, and what is kept across runs;
//! - [`ScriptPlugin`]: a program that is data.

mod compute;
mod faulty;
mod kept;
mod models;
mod outside;
mod random;
mod script;
mod shared;
mod think;

pub use compute::{SimCompute, pause};
pub use faulty::{Faults, FaultyJournal};
pub use kept::{KeptLine, SimKept};
pub use models::{Asked, ModelLine, SimModels};
pub use outside::{Arrival, Line, Outside};
pub use random::{SimRng, hash};
pub use script::{Act, Op, ScriptPlugin};
