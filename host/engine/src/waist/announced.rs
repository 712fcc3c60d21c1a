// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests whose bodies are still being written when they take their place among the effects.

use std::sync::Arc;

use priory_core::event::Event;
use priory_core::grant::Access;
use priory_core::http::HttpRequest;
use priory_core::{Effect, Failure};
use url::Url;

use super::{begin, open, record_end};
use crate::frame::Frame;
use crate::past::{END_OF_FRAME, ITS_CALLER, PastStep};

/// Announces a request, so that it has its place among the effects, counts, and is refused now if it is refused.
pub(crate) fn announce(frame: &Arc<Frame>, method: &str, url: &Url, fuel: u64) -> Result<u32, Failure> {
    let step = frame.next_step();
    if let Some(failure) = frame.past_step(step).and_then(|known| refused_at_once(known, method, url)) {
        frame.charge_refused(0, &failure);
        return Err(failure);
    }
    if frame.past_step(step).is_none() {
        if let Some(over) = frame.over_calls() {
            return Err(over);
        }
        let refused = match frame.given.past.as_ref().is_some_and(|past| past.is_beyond(step)) {
            // It was allowed, and the host went away before it was sent.
            true => {
                frame.charge_announced();
                Ok(())
            }
            false => frame.charge_call().and_then(|()| frame.check(&Access::Http { method, url })),
        };
        if let Err(failure) = refused {
            let (method, url) = (method.to_owned(), url.clone());
            let request = HttpRequest { method, url, headers: Vec::new(), body: Vec::new(), first_byte_ms: None };
            let effect = Arc::new(Effect::HttpRequest(request));
            frame.record(fuel, Event::Refused { step, effect, failure: failure.clone() });
            return Err(failure);
        }
    }
    open(frame, step)?;
    frame.pending.announce(step, fuel);
    Ok(step)
}

/// Tells why a request was refused when it was announced before: then it had neither header fields nor a body yet.
fn refused_at_once(known: &PastStep, method: &str, url: &Url) -> Option<Failure> {
    let Effect::HttpRequest(request) = &*known.effect else { return None };
    let end = known.end.as_ref().filter(|end| end.was_refused)?;
    let is_this = request.method == method && request.url == *url;
    let is_bare = request.headers.is_empty() && request.body.is_empty();
    if is_this && is_bare { end.outcome.as_ref().as_ref().err().cloned() } else { None }
}

/// Sends an announced request on a task of its own.
pub(crate) fn send(frame: &Arc<Frame>, step: u32, request: HttpRequest) {
    let is_unknown = frame.run.past.is_trial && frame.past_step(step).is_none();
    if is_unknown && frame.given.past.as_ref().is_some_and(|past| past.is_beyond(step)) {
        // It was withdrawn before it was sent, and will be again.
        return;
    }
    if let Some(fuel) = frame.pending.announced(step) {
        begin(frame, step, Effect::HttpRequest(request), fuel, true);
    }
}

/// Withdraws a started effect and forgets it.
pub(crate) fn forget(frame: &Arc<Frame>, step: u32) {
    end_unsent(frame, step, ITS_CALLER);
    frame.talk.forget(step);
    frame.pending.forget(step);
}

/// Notes at the end of a frame that what is announced will not be sent.
pub(crate) fn forget_unsent(frame: &Arc<Frame>) {
    frame.pending.unsent().into_iter().for_each(|step| end_unsent(frame, step, END_OF_FRAME));
}

/// Gives a request an end that was on its way before, when the host went away, and is withdrawn before it is sent again.
fn end_unsent(frame: &Arc<Frame>, step: u32, by: &str) {
    let is_in_flight = frame.past_step(step).is_some_and(|known| known.end.is_none());
    if is_in_flight
        && !frame.run.past.is_trial
        && let Some(fuel) = frame.pending.announced(step)
    {
        let (outcome, stamp) = record_end(frame, step, fuel, Err(Failure::Cancelled { by: by.into() }), None);
        frame.pending.end(step, stamp, outcome);
    }
}
