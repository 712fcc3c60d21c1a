// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine decides: who may call what, with how much, and what is written down about it.
//!
//! It does nothing to the outside itself: sandboxes, HTTP, clocks, ids and secrets are ports, so the same decisions can be
//! simulated. In reading order:
//!
//! - [`catalog`]: what the operator configured, and how names find their way to programs;
//! - [`run`]: one run with everything that its frames share; [`ledger`]: its purse;
//! - `frame`, `execute`: one execution of one program, from its job to its end; `waist`: the only path for its effects;
//! - `authorize`, `perform`: the steps of the waist; `pending`: effects that were started.
//!
//! **Invariants.** No effect is performed that did not pass `waist::pass`. No frame starts without a reservation. Nothing a
//! guest says reaches a grant. No clock and no random number but through `Clock` and `Ids`.

#![forbid(unsafe_code)]

pub mod catalog;
pub mod ledger;
pub mod run;

mod authorize;
mod deadline;
mod execute;
mod frame;
mod pending;
mod perform;
mod schema;
mod waist;

pub use catalog::{AgentEntry, Catalog, CatalogError, PluginEntry, ToolTarget};
pub use run::{Context, Engine, Ports, Request, Revocations, RunEnd, Started, Target};
