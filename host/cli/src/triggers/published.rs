// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triggers that start a run for each event.

use priory_core::inbox::{Arrived, EventQuery};
use priory_manifest::Occasion;
use serde_json::json;

use super::{Came, Fired, Instance, One, PASS_MAX, Progress, Triggers};
use crate::error::Error;

/// How many events are read at once.
const PAGE_EVENTS: usize = 256;

impl Triggers {
    /// Goes through the events that came since the last time.
    pub(super) async fn published(&self, one: &One, tell: &mut (dyn FnMut(Fired) + Send)) -> Result<(), Error> {
        let Occasion::Event { name, matching } = &one.trigger.on else { return Ok(()) };
        let Progress::Event(mut after) = *one.progress.lock() else { return Ok(()) };
        let head = self.journal.head();
        let mut gone_through = 0;
        while after < head && gone_through < PASS_MAX {
            let query = EventQuery { name: Some(name.clone()), after, most: PAGE_EVENTS, ..EventQuery::default() };
            let page = self.journal.events(query).await?;
            let is_last = page.len() < PAGE_EVENTS;
            for arrived in page {
                gone_through += 1;
                if arrived.record.fits(matching.as_ref()) {
                    let position = arrived.position;
                    match self.instance(one, instance(arrived)).await? {
                        Came::Over(fired) => fired.into_iter().for_each(&mut *tell),
                        Came::Later => return Ok(()),
                    }
                    self.advance(one, Progress::Event(position)).await?;
                    after = position;
                } else {
                    after = arrived.position;
                }
            }
            if is_last {
                // What has another name is not looked at again while this host is there.
                *one.progress.lock() = Progress::Event(head.max(after));
                return Ok(());
            }
        }
        *one.progress.lock() = Progress::Event(after);
        Ok(())
    }
}

fn instance(arrived: Arrived) -> Instance {
    let Arrived { position, record } = arrived;
    let data = record.data.to_value();
    let event = json!({ "id": record.id, "name": record.name, "unix-ms": record.unix_ms, "data": data });
    Instance {
        id: format!("event {}", record.id),
        unix_ms: record.unix_ms,
        about: json!({ "event": event }),
        plain: data,
        events_after: Some(position),
    }
}
