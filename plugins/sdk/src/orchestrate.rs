// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many calls side by side, as async functions, and the patterns that workflows are made of.
//!
//! [`block_on`] runs one future to its end. Within it, calls are futures: what is awaited together goes on together, and
//! dropping a future withdraws its call. The run is durable as any other: which call ended first is recorded.
//!
//! ```no_run
//! use priory_sdk::orchestrate::patterns::{Roster, Settle, compete, parallel};
//! use priory_sdk::orchestrate::{block_on, call_agent, call_tool};
//! use priory_sdk::{Failure, Task};
//! use serde_json::{Value, json};
//!
//! fn run(task: Task<Vec<Value>>) -> Result<Value, Failure> {
//!     block_on(async {
//!         // Reads the files, eight at a time; what cannot be read is left out.
//!         let read = |_, path| call_tool::<Value, _>("files.read", &json!({ "path": path }));
//!         let texts = parallel::values(parallel::map(task.input, 8, read, Settle::Drop).await?);
//!         // Two agents attempt the same; the first who finds something wins, and the other is withdrawn.
//!         let finders = Roster::named(["fast-finder", "slow-finder"]).map_err(|stop| Failure::other(stop.to_string()))?;
//!         let attempt = |name: String| call_agent::<Value, _>(&name, &texts, None);
//!         Ok(compete::first(finders, attempt, |_, output| Ok(!output.is_null())).await?.output)
//!     })
//! }
//!
//! priory_sdk::agent!(run);
//! # fn main() {}
//! ```

mod calls;
mod drive;
mod fault;
mod team;

pub use calls::{ask, call_agent, call_tool, sleep};
pub use drive::block_on;
pub use priory_patterns as patterns;
pub use team::team;
