// SPDX-License-Identifier: MIT OR Apache-2.0
//! Speaks to the providers of models behind one port; the only room that holds their keys.

#![forbid(unsafe_code)]
