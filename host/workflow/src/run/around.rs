// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done around a node, whatever it is.

mod again;
mod context;
mod contract;
mod escalate;
mod instead;
mod spent;
mod state;
mod undo;

pub(crate) use undo::Undoing;
