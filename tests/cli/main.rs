// SPDX-License-Identifier: MIT OR Apache-2.0
//! The binary `priory`, started as a user starts it: what it prints where, and how it ends.
//!
//! [`codes`] has a case for every exit code, [`brief`] runs the example, [`values`], [`plugins`] and [`machine`] go
//! through the verbs, [`runs`] through those that steer kept runs, [`retold`] through those that make something of one,
//! [`workflows`] through those for workflows, [`patterns`] and [`examples`] run the examples of these,
//! [`models`], [`costs`], [`memory`] and [`telemetry`] go through those for agents that think, [`serving`] lets runs start by themselves, [`fresh`] builds what `priory new` writes, and [`cache`] tampers with compiled code. `stage` starts the binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test ends it"
)]
#![allow(unreachable_pub, reason = "in one binary everything is as reachable as its module")]

mod brief;
mod cache;
mod codes;
mod costs;
mod examples;
mod fresh;
mod machine;
mod memory;
mod models;
mod patterns;
mod plugins;
mod retold;
mod runs;
mod serving;
mod stage;
mod telemetry;
mod values;
mod workflows;
