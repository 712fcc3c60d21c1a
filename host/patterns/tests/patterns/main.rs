// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the patterns, in one binary: each alone, against workers that reply what a test says, in a seeded order.
//! `scene` is where they play; [`anything`] holds what must be true whatever the workers reply.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test ends it"
)]

mod anything;
mod compete;
mod conversation;
mod crew;
mod desk;
mod handoff;
mod parallel;
mod plan;
mod scene;
mod simple;
mod supervisor;
mod vote;
