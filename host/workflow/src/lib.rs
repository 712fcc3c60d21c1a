// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows: programs that are data.
//!
//! A workflow is a graph of nodes that calls agents, tools, people and other workflows. It is executed as a guest is: it acts
//! through the effects of its frame and nothing else, and with the same outcomes it does the same, so it is as durable and as
//! bounded as every other program. In reading order:
//!
//! - [`expression`]: what is said of values, in CEL;
//! - [`definition`]: what a workflow says, as plain data, and how its nodes hang together;
//! - [`check`]: what is wrong with one, before anything runs;
//! - `run`: executes one, through the effects of its frame;
//! - [`draw`]: shows one as a graph.

#![forbid(unsafe_code)]

pub mod expression;

pub mod definition;

pub mod check;

mod run;

pub mod draw;

pub mod suggest;

pub use definition::{Definition, DefinitionError};
pub use run::Workflow;
