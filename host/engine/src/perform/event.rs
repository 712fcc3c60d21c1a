// SPDX-License-Identifier: MIT OR Apache-2.0
//! Publishing events, and waiting for them.
//!
//! An event that a frame publishes is named after the frame and its step, so it is there once, however often the frame is
//! taken up. A frame that waits finds what was published since its run began, also what came before it asked; a run takes
//! each event once, and that it did is the outcome of the step that asked.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::select;
use priory_core::artifact::Reference;
use priory_core::failure::Timeout;
use priory_core::inbox::{
    DATA_BYTES_MAX, EventQuery, KEY_BYTES_MAX, MATCHING_BYTES_MAX, NAME_BYTES_MAX, Origin, Sought, is_event_key,
    is_event_name,
};
use priory_core::journal::{Awaited, Wait};
use priory_core::{EventRecord, Failure, Journal, Json, Outcome, Value};

use super::rest::until;
use crate::frame::Frame;
use crate::run::Run;

/// How many events are looked at at once.
const PAGE_EVENTS: usize = 256;

/// Which event is waited for, and for how long.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) matching: Option<Json>,
    pub(crate) expires_ms: Option<u64>,
}

/// Publishes an event. The outcome is its id.
pub(super) async fn emit(
    frame: &Arc<Frame>,
    step: u32,
    name: String,
    data: Json,
    key: Option<String>,
    asked_unix_ms: u64,
) -> Outcome {
    check_name(&name)?;
    if key.as_deref().is_some_and(|key| !is_event_key(key, KEY_BYTES_MAX)) {
        let reason = format!("visible ASCII without spaces is expected, {KEY_BYTES_MAX} bytes at most");
        return Err(Failure::invalid("key of an event", "", reason));
    }
    if data.byte_len() > DATA_BYTES_MAX {
        let reason = format!("it has {} bytes, and {DATA_BYTES_MAX} are the most", data.byte_len());
        return Err(Failure::invalid("data of an event", "", reason));
    }
    check_references(frame, &data)?;
    let journal = journal(&frame.run, &name)?;
    let from = Origin { run: frame.run.id, frame: frame.given.path.clone(), step };
    let id = EventRecord::id_of(&name, key.as_deref(), &from);
    let record = EventRecord { id: id.clone(), name, data, unix_ms: asked_unix_ms, from: Some(from) };
    journal.publish(record).await?;
    Ok(Value::Json(serde_json::Value::String(id).into()))
}

/// Waits for an event.
pub(super) async fn wait(frame: &Arc<Frame>, step: u32, wanted: Wanted, asked_unix_ms: u64) -> Outcome {
    check_name(&wanted.name)?;
    check_matching(wanted.matching.as_ref())?;
    let run = &frame.run;
    let journal = journal(run, &wanted.name)?;
    let path = &frame.given.path;
    let due_unix_ms = wanted.expires_ms.map(|ms| asked_unix_ms.saturating_add(ms));
    let mut sought = Sought { name: wanted.name, matching: wanted.matching, after: run.events_after };
    if let Some(found) = look(frame, &journal, &mut sought, due_unix_ms).await? {
        return Ok(Value::Event(found));
    }
    let awaited = |sought: &Sought| Awaited::Event(Box::new(sought.clone()));
    let wait = |sought: &Sought| Wait { frame: path.clone(), step, due_unix_ms, awaited: awaited(sought) };
    run.tape.wait(wait(&sought));
    let _resting = run.activity.rest();
    loop {
        // What came in time counts, however late it is found.
        if due_unix_ms.is_some_and(|due| due <= run.ports.clock.unix_ms()) {
            let allowed_ms = wanted.expires_ms.unwrap_or_default();
            let frame = format!("{path}, nobody published {}", sought.name);
            return Err(Failure::Timeout(Timeout { allowed_ms, frame }));
        }
        let due = async {
            match due_unix_ms {
                Some(due) => until(run, due).await,
                None => std::future::pending().await,
            }
        };
        select(journal.arrival(sought.after), pin!(due)).await;
        if let Some(found) = look(frame, &journal, &mut sought, due_unix_ms).await? {
            return Ok(Value::Event(found));
        }
        run.tape.wait(wait(&sought));
    }
}

/// Looks for an event that the run has not taken yet, and takes it. Notes how far it has looked when there is none.
async fn look(
    frame: &Frame,
    journal: &Arc<dyn Journal>,
    sought: &mut Sought,
    due_unix_ms: Option<u64>,
) -> Result<Option<EventRecord>, Failure> {
    let head = journal.head();
    loop {
        let name = Some(sought.name.clone());
        let query = EventQuery { name, after: sought.after, most: PAGE_EVENTS, ..EventQuery::default() };
        let page = journal.events(query).await?;
        let is_last = page.len() < PAGE_EVENTS;
        for arrived in page {
            let record = arrived.record;
            let is_in_time = due_unix_ms.is_none_or(|due| record.unix_ms < due);
            if is_in_time
                && record.fits(sought.matching.as_ref())
                && frame.run.past.take_event(&record.id, &frame.given.path)
            {
                return Ok(Some(record));
            }
            sought.after = arrived.position;
        }
        if is_last {
            sought.after = sought.after.max(head);
            return Ok(None);
        }
    }
}

/// Refuses references to artifacts that are none of the run's business: the run that an event begins may read what is in it.
fn check_references(frame: &Frame, data: &Json) -> Result<(), Failure> {
    let artifacts = frame.run.artifacts.lock();
    Reference::all_in(data).into_iter().try_for_each(|digest| artifacts.check_known(digest).map(|_| ()))
}

fn check_name(name: &str) -> Result<(), Failure> {
    if is_event_name(name) {
        return Ok(());
    }
    let reason = format!("small letters, digits, `.`, `_` and `-` are expected, {NAME_BYTES_MAX} at most");
    Err(Failure::invalid("name of an event", "", reason))
}

/// Refuses what no data could have.
fn check_matching(matching: Option<&Json>) -> Result<(), Failure> {
    let Some(matching) = matching else { return Ok(()) };
    let refuse = |reason: String| Err(Failure::invalid("fields of an event", "", reason));
    if matching.byte_len() > MATCHING_BYTES_MAX {
        return refuse(format!("they have {} bytes, and {MATCHING_BYTES_MAX} are the most", matching.byte_len()));
    }
    match matching.to_value().is_object() {
        true => Ok(()),
        false => refuse("an object is expected, with the fields that the data has to have".to_owned()),
    }
}

fn journal(run: &Run, name: &str) -> Result<Arc<dyn Journal>, Failure> {
    let why = "the run is kept nowhere, and events only reach runs that are kept";
    run.tape.journal().ok_or_else(|| Failure::absent(format!("event {name}"), why))
}
