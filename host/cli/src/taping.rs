// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recorded runs that answer for models, and runs that are recorded for that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use priory::core::event::{Envelope, Event};
use priory::core::model::{Message, ModelsSpec, Prompt};
use priory::core::ports::Models;
use priory::core::{Effect, Failure, FramePath, Journal, RunId, Value};
use priory::models::{Cassette, Exchange, Gateway};
use priory::{machine_clock, machine_ids};

use crate::commands::export_to;
use crate::recorded::Recorded;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// Makes a recorded run answer for the models: nobody is asked, and no key is needed.
pub(crate) async fn cassette(text: &str, data: &Data, spec: ModelsSpec) -> Result<Arc<dyn Models>> {
    let recorded = Recorded::read(text, data).await?;
    let exchanges = exchanges(&recorded.events);
    if exchanges.is_empty() {
        let error = Error::new(Exit::Failed, format!("{} asked no model, so it answers for none", recorded.info.id));
        return Err(error.hint("record a run that does with --record FILE"));
    }
    let gateway = Gateway::new(spec, machine_clock(), machine_ids().seed()).map_err(priory::Error::from)?;
    Ok(Arc::new(Cassette::new(Arc::new(gateway), exchanges)))
}

/// A request of a recorded run whose outcome is not known yet.
struct Asked {
    digest: priory::core::Digest,
    last: Option<Arc<Message>>,
}

/// Returns what the models of a run were asked and answered, in the order in which they were asked.
pub(crate) fn exchanges(events: &[Envelope]) -> Vec<Exchange> {
    // The messages of earlier requests, to which later ones of the same frame point.
    let mut said: BTreeMap<(FramePath, u32), Vec<Arc<Message>>> = BTreeMap::new();
    let mut asked: Vec<((FramePath, u32), Asked)> = Vec::new();
    let mut answers: BTreeMap<(FramePath, u32), priory::core::Outcome> = BTreeMap::new();
    for Envelope { frame, event, .. } in events {
        match event {
            Event::Intent { step, effect } => {
                let Effect::ModelCall { request, .. } = &**effect else { continue };
                let earlier = |step: u32| said.get(&(frame.clone(), step)).map(Vec::as_slice);
                let Some(whole) = request.messages.whole(earlier) else { continue };
                let names: Vec<&str> = request.tools.iter().map(|offer| offer.name()).collect();
                let digest = Prompt::digest_of(&whole, &names, &request.sampling);
                let place = (frame.clone(), *step);
                asked.push((place.clone(), Asked { digest, last: whole.last().cloned() }));
                said.insert(place, whole);
            }
            Event::Outcome { step, outcome } => {
                answers.insert((frame.clone(), *step), (**outcome).clone());
            }
            // What a frame said before it began anew counts no more.
            Event::FrameStarted(_) => asked.retain(|((asking, _), _)| asking != frame),
            _ => {}
        }
    }
    let exchange = |(place, Asked { digest, last }): ((FramePath, u32), Asked)| {
        let answer = match answers.remove(&place)? {
            Ok(Value::Completion(completion)) => Ok(*completion),
            // What the host itself refused is decided anew.
            Err(failure @ (Failure::Unavailable(_) | Failure::Timeout(_))) => Err(failure),
            _ => return None,
        };
        Some(Exchange { digest, last, answer })
    };
    asked.into_iter().filter_map(exchange).collect()
}

/// Looks whether a run can be written into a file, before it begins.
pub(crate) fn check_free(path: &Path) -> Result<()> {
    if path.exists() {
        let error = Error::new(Exit::Failed, format!("{} is there already", path.display()));
        return Err(error.hint("remove it, or name another file"));
    }
    Ok(())
}

/// Writes a run that has ended into a file.
pub(crate) async fn record(journal: &Arc<dyn Journal>, run: RunId, path: &Path) -> Result<()> {
    let info = journal.info(run).await?;
    if !info.state.has_ended() {
        anstream::eprintln!(
            "{run} is {}, so it is not written yet: `priory runs export {run} -o {}` does when it has ended",
            info.state,
            path.display()
        );
        return Ok(());
    }
    export_to(journal, run, path).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use priory::core::model::{Completion, ModelRequest, Role, StopReason, TokenUsage, Transcript};

    use super::*;

    fn completion(words: &str) -> priory::core::Outcome {
        Ok(Value::Completion(Box::new(Completion {
            message: Message::text(Role::Assistant, words),
            stop: StopReason::End,
            model: "fast".into(),
            usage: TokenUsage::default(),
            microusd: 0,
            output: None,
            problem: None,
            is_cached: false,
        })))
    }

    #[test]
    fn a_conversation_is_unfolded_before_it_is_looked_for() {
        let root = FramePath::root();
        let run = RunId::from_parts(0, 0);
        let wrap = |(seq, event)| Envelope { run, seq, frame: root.clone(), unix_ms: 0, fuel: 0, event };
        let ask = |step, messages: Transcript| {
            let request = Box::new(ModelRequest::new(messages));
            let effect = Effect::ModelCall { request, is_heard: false, terms: None };
            Event::Intent { step, effect: Arc::new(effect) }
        };
        let answer = |step, outcome| Event::Outcome { step, outcome: Arc::new(outcome) };
        let first: Vec<Arc<Message>> = vec![Arc::new(Message::text(Role::User, "one"))];
        let mut second = first.clone();
        second.push(Arc::new(Message::text(Role::User, "two")));
        let folded = Transcript::folded(&mut second.clone(), 0, &first);
        let limit = Failure::limit(priory::core::Dimension::TokensIn, 2, 1, "0");
        let events = vec![
            ask(0, first.iter().cloned().collect()),
            answer(0, completion("a")),
            ask(1, folded),
            ask(2, first.iter().cloned().collect()),
            answer(2, Err(limit)),
            answer(1, completion("b")),
        ];
        let events: Vec<Envelope> = (0..).zip(events).map(wrap).collect();
        let found = exchanges(&events);
        let words: Vec<String> =
            found.iter().map(|exchange| exchange.answer.as_ref().unwrap().message.words()).collect();
        assert_eq!(words, ["a", "b"], "what the host refused is no answer of a model");
        assert_eq!(found[1].digest, Prompt::digest_of(&second, &[], &Default::default()));
        assert_eq!(found[1].last.as_ref().unwrap().words(), "two");
    }
}
