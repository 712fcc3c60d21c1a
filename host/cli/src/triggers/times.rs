// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triggers that start a run whenever a time has come.

use priory_manifest::{Missed, Occasion};
use serde_json::json;

use super::{Came, Fired, Instance, One, Progress, Triggers};
use crate::error::Error;

/// For how many times that came while no host was there a run is started.
const MISSED_MAX: usize = 1_000;

impl One {
    /// Returns when the next time comes.
    pub(super) fn next_due(&self) -> Option<u64> {
        match (&self.trigger.on, *self.progress.lock()) {
            (Occasion::Schedule { schedule, .. }, Progress::Time(upto)) => schedule.next_after(upto),
            _ => None,
        }
    }
}

impl Triggers {
    /// Goes through the times that came since the last time.
    pub(super) async fn times(
        &self,
        one: &One,
        unix_ms: u64,
        tell: &mut (dyn FnMut(Fired) + Send),
    ) -> Result<(), Error> {
        let Occasion::Schedule { schedule, missed } = &one.trigger.on else { return Ok(()) };
        let Progress::Time(upto) = *one.progress.lock() else { return Ok(()) };
        let due = schedule.due(upto, unix_ms, MISSED_MAX);
        let came_before = due.unix_ms.partition_point(|time| *time <= self.began_unix_ms);
        let dropped = match missed {
            Missed::All => 0,
            Missed::Once => came_before.saturating_sub(1),
            Missed::Skip => came_before,
        };
        let count = due.left_out.saturating_add(dropped as u64);
        if count > 0 {
            if let Some(last) = dropped.checked_sub(1).and_then(|last| due.unix_ms.get(last)) {
                self.advance(one, Progress::Time(*last)).await?;
            }
            tell(Fired::Missed { trigger: one.name.clone(), count });
        }
        for time in due.unix_ms.into_iter().skip(dropped) {
            let instance = Instance {
                id: format!("time {time}"),
                unix_ms: time,
                about: json!({ "schedule": { "unix-ms": time, "time": schedule.show(time) } }),
                plain: json!({}),
                events_after: None,
            };
            match self.instance(one, instance).await? {
                Came::Over(fired) => fired.into_iter().for_each(&mut *tell),
                Came::Later => return Ok(()),
            }
            self.advance(one, Progress::Time(time)).await?;
        }
        Ok(())
    }
}
