// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fakes of the ports, for tests. Nothing here touches the machine, but for a server on the loopback interface, and nothing
//! outside of tests depends on it.
//!
//! - [`SimClock`]: time that only moves when it is told to;
//! - [`SeededIds`]: ids and seeds that are the same every time;
//! - [`MemoryRecorder`]: keeps what happened;
//! - [`ScriptedHttp`]: answers requests from a script;
//! - [`FakeModels`]: models that a closure answers for;
//! - [`QuietHost`]: the host of one frame, which performs nothing;
//! - [`ScriptedHost`]: the host of one frame, which performs effects by a script;
//! - [`provider`]: a provider of models, which speaks their wire formats for real;
//! - [`sim`]: fakes that act from a seed, for the simulator;
//! - [`journal`]: what every journal has to show;
//! - [`memory`]: what every memory has to show.

#![forbid(unsafe_code)]

mod clock;
mod frame;
mod http;
mod ids;
pub mod journal;
pub mod memory;
mod models;
pub mod provider;
mod recorder;
mod scripted;
pub mod sim;

pub use clock::SimClock;
pub use frame::QuietHost;
pub use http::ScriptedHttp;
pub use ids::SeededIds;
pub use models::{FakeModels, Reply};
pub use recorder::{FrameEnd, MemoryRecorder};
pub use scripted::ScriptedHost;
