// SPDX-License-Identifier: MIT OR Apache-2.0
//! Remembers facts across runs, finds them by words and by meaning, and forgets them for good.

#![forbid(unsafe_code)]
