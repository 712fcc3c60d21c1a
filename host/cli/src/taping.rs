// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recorded runs that answer for models, and runs that are recorded for that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use priory::core::event::{Envelope, Event};
use priory::core::model::{Message, ModelsSpec, Prompt};
use priory::core::ports::{EmbedOrder, Models};
use priory::core::{Effect, Failure, FramePath, Journal, RunId, Value};
use priory::models::{Cassette, Exchange, Gateway, VectorExchange};
use priory::{machine_clock, machine_ids};

use crate::commands::export_to;
use crate::recorded::Recorded;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// Makes a recorded run answer for the models: nobody is asked, and no key is needed.
pub(crate) async fn cassette(text: &str, data: &Data, spec: ModelsSpec) -> Result<Arc<dyn Models>> {
    let recorded = Recorded::read(text, data).await?;
    let (exchanges, vectors) = (exchanges(&recorded.events), vectors(&recorded.events));
    if exchanges.is_empty() && vectors.is_empty() {
        let error = Error::new(Exit::Failed, format!("{} asked no model, so it answers for none", recorded.info.id));
        return Err(error.hint("record a run that does with --record FILE"));
    }
    let gateway = Gateway::new(spec, machine_clock(), machine_ids().seed()).map_err(priory::Error::from)?;
    Ok(Arc::new(Cassette::new(Arc::new(gateway), exchanges, vectors)))
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
            // Nobody was asked what was refused, but later requests point at its messages.
            Event::Intent { step, effect } | Event::Refused { step, effect, .. } => {
                let Effect::ModelCall { request, .. } = &**effect else { continue };
                let earlier = |step: u32| said.get(&(frame.clone(), step)).map(Vec::as_slice);
                let Some(whole) = request.messages.whole(earlier) else { continue };
                let names: Vec<&str> = request.tools.iter().map(|offer| offer.name()).collect();
                let digest = Prompt::digest_of(&whole, &names, &request.sampling);
                let place = (frame.clone(), *step);
                if matches!(event, Event::Intent { .. }) {
                    asked.push((place.clone(), Asked { digest, last: whole.last().cloned() }));
                }
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

/// Returns the texts that a run wanted vectors of, and what they came to, in the order in which they were asked for.
pub(crate) fn vectors(events: &[Envelope]) -> Vec<VectorExchange> {
    let mut asked: Vec<((&FramePath, u32), priory::core::Digest)> = Vec::new();
    let mut answers: BTreeMap<(&FramePath, u32), &priory::core::Outcome> = BTreeMap::new();
    for Envelope { frame, event, .. } in events {
        match event {
            Event::Intent { step, effect } => {
                let Effect::Embed { texts, .. } = &**effect else { continue };
                asked.push(((frame, *step), EmbedOrder::digest_of(texts)));
            }
            Event::Outcome { step, outcome } => _ = answers.insert((frame, *step), outcome),
            // What a frame said before it began anew counts no more.
            Event::FrameStarted(_) => asked.retain(|((asking, _), _)| *asking != frame),
            _ => {}
        }
    }
    let exchange = |(place, digest)| {
        let answer = match answers.get(&place)? {
            Ok(Value::Embedded(embedded)) => Ok(embedded.clone()),
            Err(failure @ (Failure::Unavailable(_) | Failure::Timeout(_))) => Err(failure.clone()),
            _ => return None,
        };
        Some(VectorExchange { digest, answer })
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

    fn call(messages: Transcript) -> Arc<Effect> {
        let request = Box::new(ModelRequest::new(messages));
        Arc::new(Effect::ModelCall { request, is_heard: false, terms: None })
    }

    fn ask(step: u32, messages: Transcript) -> Event {
        Event::Intent { step, effect: call(messages) }
    }

    fn answer(step: u32, outcome: priory::core::Outcome) -> Event {
        Event::Outcome { step, outcome: Arc::new(outcome) }
    }

    fn told(events: Vec<Event>) -> Vec<Envelope> {
        let (run, frame) = (RunId::from_parts(0, 0), FramePath::root());
        let wrap = |(seq, event)| Envelope { run, seq, frame: frame.clone(), unix_ms: 0, fuel: 0, event };
        (0..).zip(events).map(wrap).collect()
    }

    #[test]
    fn a_conversation_is_unfolded_before_it_is_looked_for() {
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
        let found = exchanges(&told(events));
        let words: Vec<String> =
            found.iter().map(|exchange| exchange.answer.as_ref().unwrap().message.words()).collect();
        assert_eq!(words, ["a", "b"], "what the host refused is no answer of a model");
        assert_eq!(found[1].digest, Prompt::digest_of(&second, &[], &Default::default()));
        assert_eq!(found[1].last.as_ref().unwrap().words(), "two");
    }

    #[test]
    fn a_request_that_was_refused_is_pointed_at() {
        let first: Vec<Arc<Message>> = vec![Arc::new(Message::text(Role::User, "one"))];
        let mut second = first.clone();
        second.push(Arc::new(Message::text(Role::User, "two")));
        let folded = Transcript::folded(&mut second.clone(), 0, &first);
        let failure = Failure::limit(priory::core::Dimension::TokensIn, 2, 1, "0");
        let effect = call(first.iter().cloned().collect());
        let refused = Event::Refused { step: 0, effect, failure };
        let found = exchanges(&told(vec![refused, ask(1, folded), answer(1, completion("b"))]));
        assert_eq!(found.len(), 1, "what was refused was asked of nobody");
        assert_eq!(found[0].digest, Prompt::digest_of(&second, &[], &Default::default()));
    }

    #[test]
    fn vectors_are_found_by_their_texts() {
        use priory::core::model::{Embedded, Vector};
        let embed = |step, text: &str| {
            let effect = Effect::Embed { model: Some("embed".into()), texts: vec![text.to_owned()] };
            Event::Intent { step, effect: Arc::new(effect) }
        };
        let made = |number: f32| {
            let vectors = vec![Vector([number].into())];
            Ok(Value::Embedded(Embedded { vectors, model: "m".into(), usage: TokenUsage::default(), microusd: 0 }))
        };
        let invalid = Failure::invalid("texts", "", "no");
        let events = vec![
            embed(0, "a"),
            embed(1, "b"),
            answer(1, made(2.0)),
            embed(2, "c"),
            answer(2, Err(invalid)),
            answer(0, made(1.0)),
        ];
        let found = vectors(&told(events));
        let shown: Vec<_> =
            found.iter().map(|one| (one.digest, one.answer.as_ref().unwrap().vectors[0].0[0])).collect();
        let digest = |text: &str| EmbedOrder::digest_of(&[text.to_owned()]);
        assert_eq!(shown, [(digest("a"), 1.0), (digest("b"), 2.0)]);
    }
}
