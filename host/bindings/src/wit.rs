// SPDX-License-Identifier: MIT OR Apache-2.0
//! The generated types. They are documented where they are written: in `wit/agent`.
#![allow(missing_docs, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]

/// The handle behind `priory:agent/pending.pending`: the number of a started effect.
#[derive(Debug)]
pub struct PendingHandle(pub u32);

/// The handle behind `priory:agent/model.answer`: the answer that is being written, or why nobody was asked, and how far
/// it was heard.
#[derive(Debug)]
pub struct AnswerHandle {
    /// The number of the started effect.
    pub asked: Result<u32, priory_core::Failure>,
    /// The part of the answer that is next.
    pub part: u32,
    /// Where in it the next piece begins, in bytes.
    pub offset: u64,
    /// Whether the part is words or reasoning; `None` at the beginning of a part.
    pub is_words: Option<bool>,
    /// Whether all of it was heard.
    pub is_whole: bool,
}

wasmtime::component::bindgen!({
    path: "../../wit/agent",
    world: "agent-program",
    with: {
        "priory:agent/model.answer": AnswerHandle,
        "priory:agent/pending.pending": PendingHandle,
    },
    imports: { default: async | trappable },
    exports: { default: async },
});

pub use priory::agent::types;

/// The full name of an interface of this package, as components import and export it.
pub const PACKAGE: &str = "priory:agent";
/// The version of this package.
pub const VERSION: &str = "0.1.0";
