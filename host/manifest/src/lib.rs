// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads `priory.toml` and says where it is wrong.
//!
//! [`Manifest`] is what an operator wrote, checked, in the nouns of the core. The way there, in reading order:
//!
//! - `wire` declares the form: which keys there are, of which type. The published JSON Schema is made of it
//!   (`priory.schema.json`, see [`Manifest::json_schema`]);
//! - `shape` compares a text with that schema, and finds unknown keys, wrong types and missing values;
//! - `check` compares the values with each other, and finds names that nothing has and rules that are none;
//! - `workflow` makes definitions of workflows, and says where they are wrong;
//! - [`Manifest::resolve_inputs`] is for later, when a run starts.
//!
//! Every problem is collected with its line and column; none hides another, and none shows a key that somebody wrote into the
//! text. Nothing here touches the disk but [`Manifest::read`] and [`Manifest::find`], the files that workflows name and the
//! folders of prompts, and nothing looks whether a plugin is there: whoever loads it does.
//!
//! A test compares `priory.schema.json` with the code. To write it anew:
//! `PRIORY_SCHEMA_REWRITE=1 cargo test -p priory-manifest schema`.

#![forbid(unsafe_code)]

mod manifest;
mod trigger;

mod wire;

mod workflow;

mod schema;
mod shape;

mod check;
mod inputs;

mod error;
mod hidden;
mod problem;

use priory_workflow::suggest;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use inputs::INPUT_BYTES_MAX;
pub use manifest::{
    Agent, ENTRIES_MAX, InDoubt, Input, InputKind, MANIFEST_BYTES_MAX, MANIFEST_FILE, Manifest, Plugin, SecretSource,
    Telemetry,
};
pub use problem::{PROBLEMS_MAX, Problem};
pub use trigger::{Ending, Given, Missed, Occasion, Overlap, Trigger};
pub use workflow::{SCHEMA_BYTES_MAX, Source, Workflow};
