// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shared nouns and ports of Priory.
//!
//! Everything here is plain data or a trait: no I/O, no runtime, no clock. A reader who knows these
//! files knows every word that the other rooms use. In reading order:
//!
//! - what exists: [`id`], [`json`], [`value_type`], [`program`];
//! - what it may do and spend: [`grant`], [`authority`], [`limits`], [`amounts`], [`money`], [`usage`], [`gate`];
//! - what it does: [`effect`], [`http`], [`question`], [`state`], [`artifact`], [`failure`], [`event`];
//! - what carries it: [`ports`], [`journal`], [`inbox`].

#![forbid(unsafe_code)]

pub mod id;
pub mod json;
pub mod program;
pub mod value_type;

pub mod amounts;
pub mod authority;
pub mod gate;
pub mod grant;
pub mod limits;
pub mod money;
pub mod usage;

pub mod artifact;
pub mod effect;
pub mod event;
pub mod failure;
pub mod http;
pub mod question;
pub mod state;

pub mod inbox;
pub mod journal;
pub mod memory;
pub mod model;
pub mod ports;

pub use amounts::Amounts;
pub use authority::{Authority, Holder, Layer};
pub use effect::{Effect, Outcome, Value};
pub use event::{Envelope, Event};
pub use failure::Failure;
pub use grant::{Access, Grant, GrantSet};
pub use id::{Digest, FramePath, RunId};
pub use inbox::{EventRecord, Inbox};
pub use journal::{Journal, JournalError};
pub use json::Json;
pub use limits::{Dimension, LimitSpec, Limits};
pub use program::{PluginInfo, Report, Task, ToolInfo};
pub use usage::Usage;
