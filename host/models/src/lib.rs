// SPDX-License-Identifier: MIT OR Apache-2.0
//! Speaks to the providers of models behind one port; the only room that holds their keys.
//!
//! [`Gateway`] keeps the port [`Models`](priory_core::ports::Models) over everything that is configured: providers that are
//! reached over HTTP, and models that answer by the rules of a file, for examples and tests. [`Cassette`] keeps the same
//! port over a recorded run, without anybody being asked. What may be asked, what it may cost, and who stands in when
//! nobody answers is decided by the engine.
//!
//! A request takes this way:
//!
//! 1. `wire`: it is written in the format of its provider, once, straight into bytes. `names` gives tools names that every
//!    provider takes;
//! 2. `asking`: it is sent until there is an answer, or no point in sending it again. What the provider says about that is
//!    followed; `hedged` sends a second copy where that is configured;
//! 3. `gate`: each attempt waits for its turn, and none is made at a provider that fails;
//! 4. `key`: the key is read, and put on the head of the request;
//! 5. `exchange`: it goes out, and the answer comes back, each for a bounded time and up to a bounded size;
//! 6. `reading` and `wire`: the answer is read whole, or event by event (`sse`), into a draft. Arguments of calls are repaired where
//!    that is unambiguous;
//! 7. `tokens`: what the provider does not say about what it took is counted.
//!
//! An answer that nobody listens to is asked for as a whole, and the rest of the time of the request is its own; one that is
//! heard comes as a stream, in which no two bytes may be further apart than the idle time of the provider.
//!
//! # Invariants
//!
//! - **Invariant:** a key stands on the head of a request to its provider and nowhere else: in no URL, no failure, no log.
//! - **Invariant:** once a piece of an answer was heard, nothing is asked again.
//! - **Invariant:** no redirect is followed, and no proxy is read from the environment.
//! - **Invariant:** time comes from the [`Clock`](priory_core::ports::Clock) that it is given, except for the time that
//!   reaching a server takes.

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
mod reading;
mod trouble;
mod wait;

mod sse;
mod tokens;
mod wire;

#[cfg(test)]
mod testing;

pub use cassette::{Cassette, Exchange, VectorExchange};
pub use error::Error;
pub use gateway::{Gateway, Tested};
