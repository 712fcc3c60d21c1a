// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holds values to JSON Schemas that strangers wrote, within bounds: nothing that a schema says makes checking take for ever.

#![forbid(unsafe_code)]

mod schema;

pub use schema::{Allowance, Schema};
