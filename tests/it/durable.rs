// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that are kept: they survive their host, come to the same end, and do nothing outside twice.

pub mod asked;
pub mod cut;
pub mod doubt;
pub mod events;
pub mod gates;
pub mod parked;
pub mod pinned;
pub mod scene;
pub mod shared;
pub mod whole;
