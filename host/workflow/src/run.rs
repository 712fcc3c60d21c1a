// SPDX-License-Identifier: MIT OR Apache-2.0
//! Executes a workflow in a frame: through the effects of that frame and nothing else.
//!
//! One future is polled, and its leaves are effects (`drive`). Which effects are asked for depends on nothing but the
//! definition, what the frame was given, and the order in which its effects ended; that order is recorded. So a workflow that
//! is executed again asks for the same, and needs no checkpoint. In reading order:
//!
//! - `workflow`: a definition, ready to be executed; `drive`: from effects to outcomes and back;
//! - `execution`: one execution, from its input to its end; `graph`: who runs when;
//! - `node`: one node with all that is done around it; `around`: each of these things; `call` and `model`: the nodes that are
//!   effects;
//! - `pace`: what an execution may do between two effects; `patterns`: the nodes that are made of others.

mod around;
mod broken;
mod call;
mod drive;
mod execution;
mod graph;
mod model;
mod node;
mod pace;
mod patterns;
mod workflow;

#[cfg(test)]
mod tests;

pub use workflow::Workflow;
