// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shape of the repository. (being written)
