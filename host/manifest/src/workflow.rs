// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows: what is written of them becomes definitions, and what is wrong with those becomes problems of a text.
//!
//! - `all` goes through the workflows of a manifest; `file` reads the files that hold workflows of their own;
//! - `make`, `node`, `kind`, `pattern` and `expression` turn the written form into a definition;
//! - `granted` adds the grants that follow from what the nodes name;
//! - `place` finds the text that something in a definition came from;
//! - `review` has definitions checked, and says what is wrong where it was written.

mod all;
mod expression;
mod file;
mod granted;
mod kind;
mod make;
mod node;
mod pattern;
mod place;
mod review;
mod word;

use std::path::PathBuf;
use std::sync::Arc;

use priory_core::LimitSpec;
use priory_core::amounts::BudgetSpec;
use priory_core::grant::GrantTemplates;
use priory_workflow::definition::Definition;

pub(crate) use all::{all, load};

/// How large a file may be that holds a JSON Schema, in bytes.
pub const SCHEMA_BYTES_MAX: u64 = 256 << 10;

/// A workflow, with what it may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// What it says.
    pub definition: Definition,
    /// What each of its frames may use.
    pub limits: LimitSpec,
    /// What one call of it may spend with everything that it causes.
    pub budget: BudgetSpec,
    /// What its own frames may do: what is granted to it, and what its nodes need.
    pub grants: GrantTemplates,
    /// What they may only pass on to what they call.
    pub lends: GrantTemplates,
    /// Where it was read from.
    pub source: Source,
}

/// Where a workflow was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file, as it is shown to people.
    pub path: PathBuf,
    /// What was read.
    pub text: Arc<str>,
    /// Whether the whole file is the workflow, and not a table of it.
    pub is_whole: bool,
}
