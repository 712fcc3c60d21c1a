// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells OpenTelemetry what runs do: spans and metrics by the conventions for GenAI, over OTLP.
//!
//! A [`Telemetry`] is a recorder. It makes spans of events where they happen, which takes a map and no waiting, and hands those
//! that ended to a task that sends them. A slow or dead collector never holds a run up: what does not fit into the queue is
//! dropped and counted. The ids of spans follow from the run and the places of its frames, so a run that is taken up by another
//! host goes on in the same trace. In reading order:
//!
//! - [`config`]: where it is told, and what; `names`: the names of the conventions;
//! - `spans`: from events to spans; `following`: those that have not ended; `model`: what is said of a call of a model; `content`: what was said, where that is told;
//! - `metrics`: what is counted; `export`: the queue and the requests.
//!
//! What is told of the content of runs is told only where that is switched on.

#![forbid(unsafe_code)]

pub mod config;
mod error;
mod names;

mod attribute;
mod content;
mod following;
mod model;
mod spans;

mod metrics;

mod export;

mod telemetry;
#[cfg(test)]
mod tests;

pub use config::TelemetryConfig;
pub use error::Error;
pub use telemetry::{Flushed, Telemetry};
