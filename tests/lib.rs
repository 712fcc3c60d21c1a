// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing: a package needs a target, and this one is only tests. See `it/main.rs` and `tidy.rs`.
