// SPDX-License-Identifier: MIT OR Apache-2.0
//! Speaks to the providers of models behind one port; the only room that holds their keys.

#![forbid(unsafe_code)]

mod cassette;
mod error;
mod gateway;
mod script;
mod scripted;
mod template;

mod asking;
mod exchange;
mod gate;
mod key;
mod provider;
mod trouble;
mod wait;

mod sse;
mod tokens;
mod wire;

#[cfg(test)]
mod testing;

pub use cassette::{Cassette, Exchange};
pub use error::Error;
pub use gateway::{Gateway, Tested};
