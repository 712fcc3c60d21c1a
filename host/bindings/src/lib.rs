// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `bindgen!` makes of `wit/agent`, and the conversions between it and the nouns of [`priory_core`].
//!
//! **Invariants.** No behaviour stands here: a second version of the contract is a second module like this one, over the
//! same nouns. Converting never fails on what the host says, and never believes what a guest says: a `json` of a
//! guest is checked.

#![forbid(unsafe_code)]

mod convert;
pub mod wit;

pub use convert::{
    fact_of_guest, failure_of_guest, json_of_guest, query_of_guest, report_of_guest, request_of_guest, scope_of_guest,
    tools_of_guest, which_of_guest,
};
