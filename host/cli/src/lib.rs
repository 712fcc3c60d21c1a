// SPDX-License-Identifier: MIT OR Apache-2.0
//! Priory as a library: a host for agents and tools that are WebAssembly components.
//!
//! ```no_run
//! use priory::{Host, PluginSpec, RunSpec};
//! use priory::core::Json;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let plugin = PluginSpec::file("text", "text.wasm")?;
//! let host = Host::builder().plugin(plugin).build().await?;
//! let arguments = Json::parse(r#"{"a": "one two", "b": "two three"}"#)?;
//! let end = host.start(RunSpec::tool("text.similarity", arguments))?.wait().await;
//! println!("{}", end.result?.output);
//! # Ok(())
//! # }
//! ```
//!
//! The binary `priory` stands on this library and adds the manifest's folder, the terminal and the exit codes.
//! In reading order: [`spec`] says what a host and a run are made of, [`Host`] puts the rooms together, `system` gives
//! them the machine's clock and randomness, [`record`] hands on what happens, [`triggers`] start runs by themselves, and [`spool`]
//! holds events that come from outside.

#![forbid(unsafe_code)]

mod builder;
pub mod durable;
pub mod error;
pub mod host;
pub mod record;
pub mod spec;
pub mod spool;
pub mod triggers;

mod assemble;
mod configure;
mod secret;
mod system;
mod thinking;

pub use priory_core as core;
pub use priory_engine::{
    Begun, Cancelled, Catalog, Context, ForkError, InDoubt, Open, Replayed, Reply, RunEnd, Said, Started, Turn,
};
pub use priory_engine::{Believed, KeyState, audit, believed, diff, lineage, resume, state_of};
pub use priory_engine::{GateInfo, GateKind, GateState};
pub use priory_journal as journal;
pub use priory_manifest as manifest;
pub use priory_memory as memory;
pub use priory_models as models;
pub use priory_sandbox::{LoadError, SandboxConfig};
pub use priory_schedule as schedule;
pub use priory_telemetry as telemetry;
pub use priory_workflow as workflow;

pub use builder::Builder;
pub use durable::{Description, Durability};
pub use error::Error;
pub use host::Host;
pub use secret::SecretSource;
pub use spec::{AgentSpec, PluginSpec, RunSpec};
pub use system::{machine_clock, machine_ids};
