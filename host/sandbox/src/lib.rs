// SPDX-License-Identifier: MIT OR Apache-2.0
//! Turns component bytes into a running frame that can touch only what it was given.
//!
//! In reading order:
//!
//! - [`config`], [`sandbox`]: the runtime that all frames share; [`compute`]: the threads that they run on;
//! - `inspect`, `docs`, `contract`, [`load`], [`link`], `cache`: from bytes to a [`plugin`], or to one line that says why not;
//! - `slots`, `state`, `limiter`, `execute`, `metered`, `failure`: one frame, from its order to its end;
//! - `imports`, `wasi`, `folders`, `clock`, `http`, `races`: what a guest can ask, each translated into an effect or answered from
//!   the order;
//! - [`values`]: between WIT and JSON.
//!
//! **Invariants.** A store belongs to one frame and is never used again. No guest call is made but through `execute`. The
//! runtime's own way to the network is compiled out. No link that a guest may have made leads to a folder. Nothing that
//! is deserialized was not hashed with our key first.

pub mod compute;
pub mod config;
pub mod error;
pub mod link;
pub mod load;
pub mod plugin;
pub mod sandbox;
pub mod values;

mod cache;
mod clock;
mod contract;
mod docs;
mod execute;
mod failure;
mod folders;
mod http;
mod imports;
mod inspect;
mod limiter;
mod metered;
mod races;
mod slots;
mod state;
mod wasi;

/// Names what executes guests here: what they burn is counted by it, so it stands in every journal.
pub const ENGINE: &str = "wasmtime 48.0.8";

pub use compute::ComputePool;
pub use config::SandboxConfig;
pub use error::{Error, LoadError};
pub use inspect::CEILING_SECTION;
pub use link::Link;
pub use load::Source;
pub use plugin::Loaded;
pub use sandbox::Sandboxes;
