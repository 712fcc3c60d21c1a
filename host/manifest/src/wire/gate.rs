// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of what stands before tools and agents: breakers and rates.

use priory_core::gate::{CALLS_MAX, CONCURRENCY_MAX, FAILURES_MAX, PROBES_MAX, TIME_MS_MAX, WAIT_MS_MAX};
use schemars::JsonSchema;
use serde::Deserialize;

use super::At;

/// When calls are refused because what they lead to fails; shared by all runs of a host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Breaker {
    /// How many failures open it; 5 without this.
    #[schemars(range(min = 1, max = FAILURES_MAX))]
    pub(crate) failures: Option<u32>,
    /// Within how many milliseconds they lie; without this, failures in a row count, however far apart.
    #[schemars(range(min = 1, max = TIME_MS_MAX))]
    pub(crate) window_ms: Option<u64>,
    /// How long it stays open, in milliseconds; 30000 without this.
    #[schemars(range(min = 1, max = TIME_MS_MAX))]
    pub(crate) open_ms: Option<u64>,
    /// How many calls then try whether it works again, and have to succeed; 1 without this.
    #[schemars(range(min = 1, max = PROBES_MAX))]
    pub(crate) probes: Option<u32>,
    /// Which failures count; `unavailable`, `timeout`, `trap` and `limit` without this.
    #[schemars(extend("maxItems" = Fault::COUNT))]
    pub(crate) on: Option<At<Vec<Fault>>>,
}

/// How often something may be called; shared by all runs of a host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Rate {
    /// How many calls in the time of `per-ms`.
    #[schemars(range(min = 1, max = CALLS_MAX))]
    pub(crate) calls: Option<At<u32>>,
    /// In how many milliseconds.
    #[schemars(range(min = 1, max = TIME_MS_MAX))]
    pub(crate) per_ms: Option<At<u64>>,
    /// How many may come at once after a time without calls; as many as `calls` without this. In the time of `per-ms` there
    /// are never more than `calls` and `burst` together.
    #[schemars(range(min = 1, max = CALLS_MAX))]
    pub(crate) burst: Option<At<u32>>,
    /// How many go on at once, in the whole host.
    #[schemars(range(min = 1, max = CONCURRENCY_MAX))]
    pub(crate) concurrency: Option<u32>,
    /// How long a call may wait for its turn before it fails, in milliseconds; it fails at once without this.
    #[schemars(range(min = 0, max = WAIT_MS_MAX))]
    pub(crate) wait_ms_max: Option<u64>,
}

/// A failure that counts. A call that was withdrawn never does.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Fault {
    Denied,
    Limit,
    Timeout,
    Trap,
    Invalid,
    Unavailable,
    Conflict,
    InDoubt,
    Other,
}

impl Fault {
    /// How many there are.
    const COUNT: usize = 9;
}
