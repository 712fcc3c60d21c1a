// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words, stems and sentences: what every plugin here that deals with text has in common.
//!
//! Everything is a function of its arguments, without tables beyond a list of stop words, so the same text gives the
//! same result everywhere. In reading order: `words`, `stem`, `stop`, `blocks`, `sentences`.

pub mod blocks;
pub mod sentences;
pub mod stem;
pub mod stop;
pub mod words;

pub use blocks::{Block, BlockKind, blocks};
pub use sentences::{Sentence, plain, sentences};
pub use stem::stem;
pub use stop::is_stop;
pub use words::{for_each_word, terms, words};
