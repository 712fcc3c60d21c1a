// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole runs that ask models: what they are told, what it costs them, and that nobody ever spends more than there is.

mod asking;
mod budgets;
mod hearing;
mod remembering;
mod scene;
mod showing;
