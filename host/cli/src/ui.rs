// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people see: stdout is data, stderr is talk.

pub(crate) mod error;
pub(crate) mod exit;
pub(crate) mod lineage;
pub(crate) mod live;
pub(crate) mod output;
pub(crate) mod sides;
pub(crate) mod speaking;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod value;
pub(crate) mod waits;
