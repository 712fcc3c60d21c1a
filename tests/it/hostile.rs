// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that misbehave. Each test names what the guest does, and holds the host to what becomes of it: one typed failure
//! with its data, and neighbours that do not notice.

pub mod agents;
pub mod components;
pub mod compute;
pub mod edge;
pub mod files;
pub mod memory;
pub mod network;
pub mod output;
pub mod toolsets;
pub mod traps;
