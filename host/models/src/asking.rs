// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asking a provider until it answers, or until there is no point in asking again.
//!
//! An attempt is made again when the provider or the network failed, at the time that the provider names, or after a time
//! that doubles. Once a piece of the answer was heard nothing is tried again: who heard it would hear it twice. Where slow
//! answers are hedged, a second copy of a request goes out when no byte came of the first one for some time, and whichever
//! answers first is read.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use priory_core::model::{Answered, Delta, Message, ModelSpec, Prompt, Role, TokenUsage, Unanswered};
use priory_core::ports::{EmbedOrder, Vectors};

use crate::exchange::{Opened, Outgoing};
use crate::gate::Verdict;
use crate::provider::Provider;
use crate::reading::{ANSWER_BODY_BYTES_MAX, Broken};
use crate::tokens::Tokens;
use crate::trouble::Trouble;
use crate::wait::within;
use crate::wire::{Asked, Ear, Embeddings, Extra, Names, Reported, Said, WireError};

/// How long is waited before the second attempt, in milliseconds; then twice as long each time.
const BACKOFF_MS: u64 = 500;
/// How long is waited at most where the provider says nothing, in milliseconds.
const BACKOFF_MS_MAX: u64 = 30_000;
/// How often the time doubles at most.
const DOUBLINGS_MAX: u32 = 16;

/// A model of a provider, ready to be asked.
pub(crate) struct Model {
    pub(crate) spec: ModelSpec,
    pub(crate) extra: Extra,
    pub(crate) tokens: Tokens,
}

/// What the attempts of one request came to so far.
#[derive(Default)]
struct Tally {
    attempts: u32,
    lost: TokenUsage,
    /// How much may be lost before no attempt fits any more into what was set aside.
    spare: TokenUsage,
    was_malformed: bool,
}

type Hear<'a> = &'a (dyn Fn(Delta) + Send + Sync);

// === impl Provider ===

impl Provider {
    /// Asks for an answer.
    pub(crate) async fn complete(
        &self,
        model: &Model,
        prompt: &Prompt,
        hear: Hear<'_>,
    ) -> Result<Answered, Unanswered> {
        let names = Names::of(prompt);
        let asked = Asked { spec: &model.spec, extra: &model.extra, prompt, names: &names };
        let request = self.wire.request(&asked)?;
        let outgoing = Outgoing::new(self, request, prompt.streams, &prompt.key, prompt.time_ms);
        let outgoing = outgoing.ok_or_else(|| self.unsendable(model))?;
        let mut tally = Tally { spare: prompt.spare, ..Tally::default() };
        loop {
            let (trouble, was_heard) = match self.attempt(model, prompt, &names, &outgoing, hear, &mut tally).await {
                Ok(said) => return Ok(tally.answered(model, prompt, said)),
                Err(failed) => failed,
            };
            let trouble = if was_heard { Err(trouble) } else { self.wait(&outgoing, trouble, &mut tally).await };
            if let Err(trouble) = trouble {
                return Err(tally.unanswered(trouble, model, self));
            }
        }
    }

    /// Makes vectors, with as many requests as the format needs for so many texts.
    pub(crate) async fn embed(&self, model: &Model, order: &EmbedOrder) -> Result<Vectors, Unanswered> {
        let deadline = self.clock.elapsed().saturating_add(Duration::from_millis(order.time_ms));
        let mut all = Vectors { vectors: Vec::new(), usage: TokenUsage::default(), attempts: 0, is_paid: true };
        let mut spare_input = order.spare_input;
        for (turn, texts) in order.texts.chunks(self.wire.embed_texts_max().max(1)).enumerate() {
            // Each request is told apart, so that none is taken for a repetition of another.
            let key = if turn == 0 { order.key.clone() } else { format!("{}.{turn}", order.key) };
            let left = deadline.saturating_sub(self.clock.elapsed());
            let time_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let part = EmbedOrder { model: order.model.clone(), texts: texts.to_vec(), key, spare_input, time_ms };
            match self.embed_some(model, &part).await {
                Ok((some, lost)) => {
                    spare_input = spare_input.saturating_sub(lost.input);
                    all.vectors.extend(some.vectors);
                    all.usage = all.usage.saturating_add(some.usage).saturating_add(lost);
                    all.attempts = all.attempts.saturating_add(some.attempts);
                }
                Err(mut unanswered) => {
                    unanswered.lost = unanswered.lost.saturating_add(all.usage);
                    unanswered.attempts = unanswered.attempts.saturating_add(all.attempts);
                    return Err(unanswered);
                }
            }
        }
        Ok(all)
    }

    /// Makes vectors of texts with one request. Returns what was lost on the way, too.
    async fn embed_some(&self, model: &Model, order: &EmbedOrder) -> Result<(Vectors, TokenUsage), Unanswered> {
        let EmbedOrder { texts, key, spare_input, time_ms, .. } = order;
        let request = self.wire.embed_request(&model.spec, &model.extra, texts).ok_or_else(|| {
            let reason = format!("provider {} is spoken to in a format that makes no vectors", self.name);
            priory_core::Failure::absent(format!("model {}", model.spec.info.name), reason)
        })?;
        let outgoing = Outgoing::new(self, request, false, key, *time_ms).ok_or_else(|| self.unsendable(model))?;
        let spare = TokenUsage { input: *spare_input, ..TokenUsage::default() };
        let mut tally = Tally { spare, ..Tally::default() };
        loop {
            tally.attempts = tally.attempts.saturating_add(1);
            let is_sent = AtomicBool::new(false);
            let trouble = match self.embed_once(&outgoing, texts.len(), &is_sent).await {
                Ok(Embeddings { vectors, usage }) => {
                    let input = usage.input.filter(|input| *input > 0);
                    let input = Some(input.unwrap_or_else(|| model.tokens.texts(texts)));
                    let usage = Reported { input, ..usage }.or_nothing();
                    let vectors = Vectors { vectors, usage, attempts: tally.attempts, is_paid: true };
                    return Ok((vectors, tally.lost));
                }
                Err(trouble) => trouble,
            };
            if costs(&is_sent, &trouble) {
                let input = model.tokens.texts(texts);
                tally.lost = tally.lost.saturating_add(TokenUsage { input, ..TokenUsage::default() });
            }
            if let Err(trouble) = self.wait(&outgoing, trouble, &mut tally).await {
                return Err(tally.unanswered(trouble, model, self));
            }
        }
    }

    async fn embed_once(&self, outgoing: &Outgoing, texts: usize, is_sent: &AtomicBool) -> Result<Embeddings, Trouble> {
        let opened = self.open(outgoing, 0, || is_sent.store(true, Ordering::Relaxed)).await?;
        let Opened { mut response, first, pass, key, .. } = opened;
        let body = self.body(outgoing, &mut response, first, ANSWER_BODY_BYTES_MAX, false).await;
        let read = body.and_then(|body| self.wire.embedded(&body, texts).map_err(Trouble::from));
        pass.end(read.as_ref().map_or_else(Trouble::verdict, |_| Verdict::Answered));
        read.map_err(|trouble| match &key {
            Some(key) => trouble.scrubbed(key),
            None => trouble,
        })
    }

    /// Makes one attempt. Fails with what happened, and whether a piece was heard by then.
    async fn attempt(
        &self,
        model: &Model,
        prompt: &Prompt,
        names: &Names<'_>,
        outgoing: &Outgoing,
        hear: Hear<'_>,
        tally: &mut Tally,
    ) -> Result<Said, (Trouble, bool)> {
        tally.attempts = tally.attempts.saturating_add(1);
        let (opened, others) = self.hedged(model, outgoing, tally).await.map_err(|(trouble, copies)| {
            for _ in 0..copies {
                tally.lose(model, prompt, Reported::default(), &[]);
            }
            (trouble, false)
        })?;
        let mut was_heard = false;
        let mut told = |delta| {
            was_heard = true;
            hear(delta);
        };
        let mut ear = if prompt.streams { Ear::new(&mut told) } else { Ear::deaf() };
        let read = self.read(outgoing, opened, names, &mut ear).await;
        match read {
            Ok(said) => {
                for _ in 0..others {
                    // The other copy was written as this one was, as far as anybody knows.
                    tally.lost = tally.lost.saturating_add(model.tokens.settled(said.usage, prompt, &said.parts));
                }
                Ok(said)
            }
            Err(Broken { trouble, usage, texts }) => {
                for _ in 0..=others {
                    tally.lose(model, prompt, usage, &texts);
                }
                Err((trouble, was_heard))
            }
        }
    }

    /// Opens an answer, with a second copy where the first is slow. Returns how many copies may have to be paid besides the
    /// one that answers; where none does, how many altogether.
    async fn hedged(
        &self,
        model: &Model,
        outgoing: &Outgoing,
        tally: &mut Tally,
    ) -> Result<(Opened, u32), (Trouble, u32)> {
        let [first_sent, second_sent] = [AtomicBool::new(false), AtomicBool::new(false)];
        let mut first = pin!(self.open(outgoing, 0, || first_sent.store(true, Ordering::Relaxed)));
        let early = match model.spec.hedge_ms {
            None => Some(first.as_mut().await),
            Some(hedge_ms) => {
                let after = self.clock.elapsed().saturating_add(Duration::from_millis(hedge_ms));
                within(&*self.clock, after, first.as_mut()).await
            }
        };
        match early {
            Some(Ok(opened)) => return Ok((opened, 0)),
            Some(Err(trouble)) => {
                let copies = u32::from(costs(&first_sent, &trouble));
                return Err((trouble, copies));
            }
            None => {}
        }
        let second = pin!(self.open(outgoing, 1, || second_sent.store(true, Ordering::Relaxed)));
        let Raced { result, is_first, other } = race(first, second).await;
        tally.attempts = tally.attempts.saturating_add(u32::from(second_sent.load(Ordering::Relaxed)));
        let (own_sent, other_sent) = if is_first { (&first_sent, &second_sent) } else { (&second_sent, &first_sent) };
        let others = u32::from(match &other {
            Some(trouble) => costs(other_sent, trouble),
            // It is given up on its way.
            None => other_sent.load(Ordering::Relaxed),
        });
        match result {
            Ok(opened) => Ok((opened, others)),
            Err(trouble) => {
                let copies = others.saturating_add(u32::from(costs(own_sent, &trouble)));
                Err((trouble, copies))
            }
        }
    }

    /// Waits until an attempt may be made again; gives the trouble back where none may.
    async fn wait(&self, outgoing: &Outgoing, trouble: Trouble, tally: &mut Tally) -> Result<(), Trouble> {
        let may = tally.attempts < self.attempts && tally.has_room() && trouble.is_retriable(tally.was_malformed);
        tally.was_malformed |= matches!(trouble, Trouble::Wire(WireError::Malformed(_)));
        if !may {
            return Err(trouble);
        }
        let until = self.clock.elapsed().saturating_add(self.delay(&trouble, tally.attempts));
        if until >= outgoing.deadline {
            return Err(trouble);
        }
        tracing::debug!(provider = &*self.name, attempts = tally.attempts, %trouble, "a provider is asked again");
        self.clock.sleep_until(until).await;
        Ok(())
    }

    /// Returns how long to wait: never less than the provider says.
    fn delay(&self, trouble: &Trouble, attempts: u32) -> Duration {
        let ms = match trouble.hint_ms() {
            // Those that wait for the same time do not come all at once.
            Some(hint) => hint.saturating_add(hint.min(BACKOFF_MS_MAX) / 10 * self.jitter() / 1_000),
            None => {
                let doublings = attempts.saturating_sub(1).min(DOUBLINGS_MAX);
                let most = BACKOFF_MS.saturating_mul(1 << doublings).min(BACKOFF_MS_MAX);
                most / 2 + most / 2 * self.jitter() / 1_000
            }
        };
        Duration::from_millis(ms)
    }

    fn unsendable(&self, model: &Model) -> Unanswered {
        let reason = format!("no request to provider {} can be made of its id; check `id`", self.name);
        priory_core::Failure::absent(format!("model {}", model.spec.info.name), reason).into()
    }
}

/// Tells whether a copy of a request may have to be paid although it failed.
fn costs(is_sent: &AtomicBool, trouble: &Trouble) -> bool {
    is_sent.load(Ordering::Relaxed) && trouble.may_cost()
}

/// What two copies of a request came to.
struct Raced<T, E> {
    /// What the one came to that counts.
    result: Result<T, E>,
    /// Whether that is the first one.
    is_first: bool,
    /// Why the other failed; `None` where it is still on its way.
    other: Option<E>,
}

/// Waits for the first of two that succeeds; where both fail, for the last.
async fn race<T, E, A, B>(mut first: Pin<&mut A>, mut second: Pin<&mut B>) -> Raced<T, E>
where
    A: Future<Output = Result<T, E>>,
    B: Future<Output = Result<T, E>>,
    E: Unpin,
{
    let (mut first_failed, mut second_failed) = (None, None);
    poll_fn(move |cx| {
        if first_failed.is_none() {
            match first.as_mut().poll(cx) {
                Poll::Ready(Err(error)) if second_failed.is_none() => first_failed = Some(error),
                Poll::Ready(result) => {
                    return Poll::Ready(Raced { result, is_first: true, other: second_failed.take() });
                }
                Poll::Pending => {}
            }
        }
        if second_failed.is_none() {
            match second.as_mut().poll(cx) {
                Poll::Ready(Err(error)) if first_failed.is_none() => second_failed = Some(error),
                Poll::Ready(result) => {
                    return Poll::Ready(Raced { result, is_first: false, other: first_failed.take() });
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
    .await
}

// === impl Tally ===

impl Tally {
    /// Tells whether another attempt fits into what was set aside.
    fn has_room(&self) -> bool {
        self.lost.input <= self.spare.input && self.lost.output <= self.spare.output
    }

    /// Counts what an attempt took that gave no answer.
    fn lose(&mut self, model: &Model, prompt: &Prompt, usage: Reported, texts: &[String]) {
        let counted = || texts.iter().map(|text| model.tokens.text(text)).fold(0, u64::saturating_add);
        let most = prompt.output_tokens_max;
        let usage = Reported {
            input: Some(usage.input.unwrap_or_else(|| model.tokens.prompt(prompt))),
            output: Some(usage.output.unwrap_or_default().max(counted().min(most))),
            ..usage
        };
        self.lost = self.lost.saturating_add(usage.or_nothing());
    }

    fn answered(self, model: &Model, prompt: &Prompt, said: Said) -> Answered {
        let usage = model.tokens.settled(said.usage, prompt, &said.parts);
        let message = Message { role: Role::Assistant, parts: said.parts, label: None };
        Answered { message, stop: said.stop, usage, lost: self.lost, attempts: self.attempts, is_paid: true }
    }

    fn unanswered(self, trouble: Trouble, model: &Model, provider: &Provider) -> Unanswered {
        let failure = trouble.into_failure(&model.spec.info.name, &provider.name);
        Unanswered { failure, lost: self.lost, attempts: self.attempts }
    }
}
