// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine decides: who may call what, with how much, and what is written down about it.
//!
//! It does nothing to the outside itself: sandboxes, HTTP, clocks, ids and secrets are ports, so the same decisions can be
//! simulated. In reading order:
//!
//! - [`catalog`]: what the operator configured, and how names find their way to programs;
//! - `target`: what a run is about; [`start`]: how runs start; `drive`: how they end or rest; `run`: what the frames of
//!   one share; [`ledger`]: its purse;
//! - `frame`, `execute`: one execution of one program, from its job to its end; `waist`: the only path for its effects;
//! - `authorize`, `perform`: the steps of the waist; `pending`: effects that were started; [`activity`]: who goes on by
//!   itself, and who waits for what; `repeats`: what a program is told too often;
//! - `model`: what is decided about models before and after one is asked; [`quota`]: what all runs may spend on them in a
//!   day;
//! - `asked`, `approval`, `cancel`: what people answer, approve and call off; `present`: where they find a run;
//! - `state`, `artifacts`, `shared`: what the frames of a run share, and how it follows from the events;
//! - [`gate`]: what stands before tools and agents, for all runs of a host;
//! - `tape`: the sequence of a run, and when it is durable; [`resume`], `past`: the way back to where a run was; `doubt`:
//!   what becomes of work that was cut short;
//! - [`fork`], [`diff`], [`audit`], [`lineage`]: what can be made of the events of a run, told from them, and asked of them.
//!
//! **Invariants.** No effect is performed that did not pass `waist::pass`. No frame starts without a reservation. Nothing a
//! guest says reaches a grant. No clock and no random number but through `Clock` and `Ids`.

#![forbid(unsafe_code)]

pub mod activity;
pub mod audit;
pub mod catalog;
pub mod diff;
pub mod fork;
pub mod gate;
pub mod ledger;
pub mod lineage;
pub mod quota;
pub mod resume;
pub mod start;

mod approval;
mod artifacts;
mod asked;
mod authorize;
mod behind;
mod believed;
mod cancel;
mod context;
mod deadline;
mod doubt;
mod drive;
mod execute;
mod frame;
mod host_side;
mod live;
mod model;
mod past;
mod pending;
mod perform;
mod present;
mod repeats;
mod run;
mod shared;
mod size;
mod state;
mod tape;
mod target;
mod waist;

pub use asked::Open;
pub use believed::{Believed, Reason, believed};
pub use cancel::Cancelled;
pub use catalog::{AgentEntry, Catalog, CatalogError, PluginEntry, ToolTarget};
pub use context::Context;
pub use doubt::InDoubt;
pub use fork::{Fork, ForkError, Said, Turn};
pub use gate::{GateInfo, GateKind, GateState, Gates};
pub use quota::Quota;
pub use resume::{Replayed, Reply, Resume, Trial};
pub use start::{Begun, Durable, Engine, Ports, Request, Revocations, RunEnd, Started, Target};
pub use state::{KeyState, state_of};
