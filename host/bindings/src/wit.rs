// SPDX-License-Identifier: MIT OR Apache-2.0
//! The generated types. They are documented where they are written: in `wit/agent`.
#![allow(missing_docs, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]

/// The handle behind `priory:agent/pending.pending`: the number of a started effect.
#[derive(Debug)]
pub struct PendingHandle(pub u32);

wasmtime::component::bindgen!({
    path: "../../wit/agent",
    world: "agent-program",
    with: { "priory:agent/pending.pending": PendingHandle },
    imports: { default: async | trappable },
    exports: { default: async },
});

pub use priory::agent::types;

/// The full name of an interface of this package, as components import and export it.
pub const PACKAGE: &str = "priory:agent";
/// The version of this package.
pub const VERSION: &str = "0.1.0";
