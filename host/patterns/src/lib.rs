// SPDX-License-Identifier: MIT OR Apache-2.0
//! The patterns of orchestration, written once: as data they are the nodes of a workflow, in code an agent calls them.
//!
//! A pattern is an async function over futures and JSON values. It knows nothing of frames, tools or agents: whoever
//! calls it says how a worker is called. Every pattern ends within the maxima that it was given, whatever the workers
//! reply. In reading order:
//!
//! - what drives them: [`desk`], where futures leave what they ask, and [`drive`], which polls them;
//! - what they share: [`stop`], [`fault`], [`roster`], [`reply`], [`retry`], [`progress`];
//! - the patterns: [`sequence`], [`parallel`], [`route`], [`repeat`], [`supervisor`], [`handoff`], [`crew`],
//!   [`conversation`], [`compete`], [`vote`], [`plan`].
//!
//! All of it is deterministic: which outcome comes first is decided by who answers the desk, and by nothing in here.

#![forbid(unsafe_code)]

pub mod desk;
pub mod drive;

pub mod fault;
pub mod stop;

pub mod progress;
pub mod reply;
pub mod retry;
pub mod roster;

pub mod compete;
pub mod conversation;
pub mod crew;
pub mod handoff;
pub mod parallel;
pub mod plan;
pub mod repeat;
pub mod route;
pub mod sequence;
pub mod supervisor;
pub mod vote;

mod agenda;
mod needs;

pub use desk::{Asked, Desk, Ticket};
pub use drive::{Driver, Stuck};
pub use fault::Fault;
pub use parallel::{Settle, Settled};
pub use roster::{Entry, Roster};
pub use stop::Stop;
