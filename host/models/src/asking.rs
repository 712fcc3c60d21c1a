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
        let mut tally = Tally::default();
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
        for (turn, texts) in order.texts.chunks(self.wire.embed_texts_max().max(1)).enumerate() {
            // Each request is told apart, so that none is taken for a repetition of another.
            let key = if turn == 0 { order.key.clone() } else { format!("{}.{turn}", order.key) };
            let left = deadline.saturating_sub(self.clock.elapsed());
            let time_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            match self.embed_some(model, texts, &key, time_ms).await {
                Ok(some) => {
                    all.vectors.extend(some.vectors);
                    all.usage = all.usage.saturating_add(some.usage);
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

    async fn embed_some(
        &self,
        model: &Model,
        texts: &[String],
        key: &str,
        time_ms: u64,
    ) -> Result<Vectors, Unanswered> {
        let request = self.wire.embed_request(&model.spec, &model.extra, texts).ok_or_else(|| {
            let reason = format!("provider {} is spoken to in a format that makes no vectors", self.name);
            priory_core::Failure::absent(format!("model {}", model.spec.info.name), reason)
        })?;
        let outgoing = Outgoing::new(self, request, false, key, time_ms).ok_or_else(|| self.unsendable(model))?;
        let mut tally = Tally::default();
        loop {
            tally.attempts = tally.attempts.saturating_add(1);
            let trouble = match self.embed_once(&outgoing, texts.len()).await {
                Ok(Embeddings { vectors, usage }) => {
                    let input = usage.input.filter(|input| *input > 0);
                    let input = Some(input.unwrap_or_else(|| model.tokens.texts(texts)));
                    let usage = Reported { input, ..usage }.or_nothing().saturating_add(tally.lost);
                    return Ok(Vectors { vectors, usage, attempts: tally.attempts, is_paid: true });
                }
                Err(trouble) => trouble,
            };
            if trouble.may_cost() {
                let input = model.tokens.texts(texts);
                tally.lost = tally.lost.saturating_add(TokenUsage { input, ..TokenUsage::default() });
            }
            if let Err(trouble) = self.wait(&outgoing, trouble, &mut tally).await {
                return Err(tally.unanswered(trouble, model, self));
            }
        }
    }

    async fn embed_once(&self, outgoing: &Outgoing, texts: usize) -> Result<Embeddings, Trouble> {
        let opened = self.open(outgoing, 0, || ()).await?;
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
        let (opened, has_copy) = self.hedged(model, outgoing, tally).await.map_err(|trouble| {
            if trouble.may_cost() {
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
                if has_copy {
                    // The other copy was written as this one was, as far as anybody knows.
                    tally.lost = tally.lost.saturating_add(model.tokens.settled(said.usage, prompt, &said.parts));
                }
                Ok(said)
            }
            Err(Broken { trouble, usage, texts }) => {
                for _ in 0..=u32::from(has_copy) {
                    tally.lose(model, prompt, usage, &texts);
                }
                Err((trouble, was_heard))
            }
        }
    }

    /// Opens an answer, with a second copy where the first is slow. Returns whether another copy was given up.
    async fn hedged(&self, model: &Model, outgoing: &Outgoing, tally: &mut Tally) -> Result<(Opened, bool), Trouble> {
        let Some(hedge_ms) = model.spec.hedge_ms else { return Ok((self.open(outgoing, 0, || ()).await?, false)) };
        let is_sent = AtomicBool::new(false);
        let mut first = pin!(self.open(outgoing, 0, || ()));
        let after = self.clock.elapsed().saturating_add(Duration::from_millis(hedge_ms));
        if let Some(opened) = within(&*self.clock, after, first.as_mut()).await {
            return Ok((opened?, false));
        }
        let second = pin!(self.open(outgoing, 1, || is_sent.store(true, Ordering::Relaxed)));
        let (opened, is_alone) = race(first, second).await;
        let is_sent = is_sent.load(Ordering::Relaxed);
        tally.attempts = tally.attempts.saturating_add(u32::from(is_sent));
        Ok((opened?, is_sent && !is_alone))
    }

    /// Waits until an attempt may be made again; gives the trouble back where none may.
    async fn wait(&self, outgoing: &Outgoing, trouble: Trouble, tally: &mut Tally) -> Result<(), Trouble> {
        let may = tally.attempts < self.attempts && trouble.is_retriable(tally.was_malformed);
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

/// Waits for the first of two that succeeds; where both fail, for the last. Tells whether the other had ended by then.
async fn race<T, E, A, B>(mut first: Pin<&mut A>, mut second: Pin<&mut B>) -> (Result<T, E>, bool)
where
    A: Future<Output = Result<T, E>>,
    B: Future<Output = Result<T, E>>,
{
    let (mut first_failed, mut second_failed) = (false, false);
    poll_fn(move |cx| {
        if !first_failed {
            match first.as_mut().poll(cx) {
                Poll::Ready(Err(_)) if !second_failed => first_failed = true,
                Poll::Ready(result) => return Poll::Ready((result, second_failed)),
                Poll::Pending => {}
            }
        }
        if !second_failed {
            match second.as_mut().poll(cx) {
                Poll::Ready(Err(_)) if !first_failed => second_failed = true,
                Poll::Ready(result) => return Poll::Ready((result, first_failed)),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
    .await
}

// === impl Tally ===

impl Tally {
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
