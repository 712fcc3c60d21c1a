// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an agent or a toolset needs in order to run in Priory, when it is written in Rust.
//!
//! An agent is a function from a task to an output, given to [`agent!`]:
//!
//! ```no_run
//! use priory_sdk::{Failure, Task, tools};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Input {
//!     path: String,
//! }
//!
//! #[derive(Deserialize)]
//! struct Part {
//!     text: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Output {
//!     words: usize,
//! }
//!
//! fn run(task: Task<Input>) -> Result<Output, Failure> {
//!     let part: Part = tools::call("files.read", &serde_json::json!({ "path": task.input.path }))?;
//!     Ok(Output { words: part.text.split_whitespace().count() })
//! }
//!
//! priory_sdk::agent!(run);
//! # fn main() {}
//! ```
//!
//! Build it as a `cdylib` for `wasm32-wasip2`; the result is a component. It imports only what it uses. Everything in
//! this crate is a thin layer of types over [`bindings`], which is what the contract in `wit/agent` generates.
//!
//! What can be called: [`tools`], [`agents`], and what was started, [`pending`]. What there is to spend: [`budget`]. What can be
//! told: [`log`]. Who can be asked: [`human`], and [`model`]. How to wait: [`timers`]. What is published and
//! waited for: [`events`]. What the programs of a run share: [`state`], what outlives the run: [`memory`], and what is too
//! large to be passed inline: [`artifacts`]. What the operator configured: [`config`]. How to do many of these side by side,
//! and by the patterns that workflows are made of: [`orchestrate`]. How an agent thinks with a model and tools: [`think`],
//! in a window of [`context`] that is counted in [`tokens`], all of it through [`outside`], so that it can be tested without
//! a host. What an author promises never to need: [`ceiling!`].

#[allow(missing_docs, unsafe_code, unreachable_pub)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
pub mod bindings {
    //! The bindings to the world `priory:agent/agent-program`, as they are generated.
    wit_bindgen::generate!({
        path: "../../wit/agent",
        world: "agent-program",
        pub_export_macro: true,
        export_macro_name: "export_agent",
        default_bindings_module: "priory_sdk::bindings",
        additional_derives: [PartialEq],
    });

    pub mod toolset {
        //! The bindings to the world `priory:agent/toolset-program`; they share every type with the other world.
        wit_bindgen::generate!({
            path: "../../wit/agent",
            world: "toolset-program",
            pub_export_macro: true,
            export_macro_name: "export_toolset",
            default_bindings_module: "priory_sdk::bindings::toolset",
            with: {
                "priory:agent/types@0.1.0": super::priory::agent::types,
                "priory:agent/pending@0.1.0": super::priory::agent::pending,
                "priory:agent/tools@0.1.0": super::priory::agent::tools,
                "priory:agent/agents@0.1.0": super::priory::agent::agents,
                "priory:agent/budget@0.1.0": super::priory::agent::budget,
                "priory:agent/log@0.1.0": super::priory::agent::log,
                "priory:agent/human@0.1.0": super::priory::agent::human,
                "priory:agent/timers@0.1.0": super::priory::agent::timers,
                "priory:agent/events@0.1.0": super::priory::agent::events,
                "priory:agent/state@0.1.0": super::priory::agent::state,
                "priory:agent/artifacts@0.1.0": super::priory::agent::artifacts,
                "priory:agent/model@0.1.0": super::priory::agent::model,
                "priory:agent/memory@0.1.0": super::priory::agent::memory,
            },
        });
    }
}

mod failure;
mod task;

pub mod agents;
pub mod artifacts;
pub mod budget;
mod ceiling;
pub mod config;
pub mod context;
pub mod events;
pub mod human;
pub mod log;
pub mod memory;
pub mod model;
pub mod orchestrate;
pub mod outside;
pub mod pending;
#[cfg(any(test, feature = "stage"))]
pub mod stage;
pub mod state;
pub mod think;
pub mod timers;
pub mod tokens;
pub mod tools;
pub mod toolset;

pub use failure::{Failure, Kind};
pub use pending::{Pending, join_all, wait_any};
pub use task::{IntoReport, Report, Task};

/// Reads what the operator configured. Its bindings stand apart, since the interface is not one of this package.
#[allow(missing_docs, unsafe_code, unreachable_pub)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod configuration {
    wit_bindgen::generate!({
        inline: r#"
            package priory:sdk;
            world configured {
                import wasi:config/store@0.2.0-rc.1;
            }
            package wasi:config@0.2.0-rc.1 {
                interface store {
                    variant error { upstream(string), io(string) }
                    get: func(key: string) -> result<option<string>, error>;
                }
            }
        "#,
        generate_all,
    });
}

#[doc(hidden)]
pub mod private {
    //! What the macros of this crate expand to; not for anybody else.
    pub use crate::ceiling::is_plain;
    pub use crate::task::answer;
    pub use crate::toolset::{answer_call, answer_list};
}
