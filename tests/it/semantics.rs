// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a guest that behaves must get: its limits to the last unit, its grants and no others, its values unchanged, and the
//! same end every time.

pub mod budgets;
pub mod determinism;
pub mod grants;
pub mod limits;
pub mod links;
pub mod time;
pub mod values;
