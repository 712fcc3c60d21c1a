// SPDX-License-Identifier: MIT OR Apache-2.0
//! Dials out: the only room that opens connections to the outside on behalf of guests.
//!
//! [`Egress`] keeps the port [`priory_core::ports::Http`]. It decides nothing about grants: the caller has
//! authorised the request, and says of each address whether it may be dialled. One request takes this way:
//!
//! 1. `request`: the head is checked and built anew; what frames or routes the message is made here;
//! 2. `resolve`: the host name becomes addresses, and each is shown to the caller;
//! 3. `connect`: an address that was accepted is dialled, and TLS is spoken over it;
//! 4. `response`: head and body are read up to their bounds;
//!
//! and `task` carries steps 2 to 4 to the threads that do I/O, wherever the caller polls.
//!
//! Timeouts are measured by the runtime's timer and end in failures, which are outcomes like any other.
//!
//! # Invariants
//!
//! - **Invariant:** no address is dialled that `may_dial` has not accepted. `connect` receives socket addresses
//!   and never a name, so a name that resolves to something else a moment later (DNS rebinding) changes nothing.
//! - **Invariant:** no redirect is followed, no proxy of the environment is used, no cookie is kept, no content
//!   coding is undone.
//! - **Invariant:** no connection serves two requests, and no TLS session is resumed. A connection was checked
//!   under the grants of one frame, and a ticket would let a server recognise one tenant in another's request.
//! - **Invariant:** no process-wide TLS provider is read or set.
//! - **Invariant:** no failure and no error holds a header value, a body, credentials or the query of a URL:
//!   secrets are on the request by the time it arrives here.
//! - **Invariant:** nothing survives the future: when it is dropped, its socket is closed. (A name that the
//!   operating system is resolving is left to it; the answer goes nowhere.)

#![forbid(unsafe_code)]

mod config;
mod egress;
mod error;

mod request;
mod resolve;

mod connect;
mod response;

mod task;

#[cfg(test)]
mod tests;

pub use config::{EgressConfig, Root};
pub use egress::Egress;
pub use error::Error;
