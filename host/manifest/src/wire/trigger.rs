// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of a trigger.

use schemars::JsonSchema;
use serde::Deserialize;

use super::At;
use super::free::FreeTable;

/// What starts a run by itself: exactly one of `event`, `schedule` and `after` says when.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["start"]))]
pub(crate) struct Trigger {
    /// The agent or workflow that is started.
    pub(crate) start: Option<At<String>>,
    /// Whenever an event with this name is published, such as `order.placed`.
    pub(crate) event: Option<At<String>>,
    /// Fields that the data of the event has to have, with these values.
    pub(crate) matching: Option<At<FreeTable>>,
    /// Whenever these five fields of cron come due: minute, hour, day of the month, month, day of the week.
    pub(crate) schedule: Option<At<String>>,
    /// The time zone of the schedule, such as `Europe/Berlin`; `UTC` when nothing is said.
    pub(crate) zone: Option<At<String>>,
    /// What is done about times that came while no host was there: `skip` them, start `once` (what is done without this), or
    /// start for `all`, up to 1,000.
    pub(crate) missed: Option<At<Missed>>,
    /// Whenever a run of this agent or workflow ends.
    pub(crate) after: Option<At<String>>,
    /// How that run has to end: `done` (what holds without this), `failed`, or `any`.
    pub(crate) when: Option<At<Ending>>,
    /// What the run is given: a table of values. A text that is `{event.data.x}` or `{run.result}` as a whole is replaced by
    /// that value. Without it, the run is given the data of the event, or the result of the run before.
    pub(crate) input: Option<At<FreeTable>>,
    /// What is done while a run of this trigger goes on: `allow` another (what is done without this), `skip`, or `queue`.
    pub(crate) overlap: Option<At<Overlap>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Missed {
    Skip,
    Once,
    All,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Ending {
    Done,
    Failed,
    Any,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Overlap {
    Allow,
    Skip,
    Queue,
}
