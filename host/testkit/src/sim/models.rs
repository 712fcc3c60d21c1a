// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models beyond a run: whoever provides them remembers what was asked under which key, answers a repetition with the same,
//! and counts what each took.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use priory_core::failure::Unavailable;
use priory_core::model::{
    Ability, Answered, Delta, Message, ModelInfo, Price, Prompt, PromptDigest, Role, StopReason, TokenUsage,
    Unanswered, Vector,
};
use priory_core::ports::{BoxFuture, EmbedOrder, Models, Vectors};
use priory_core::{Digest, Failure};

use super::random::hash;
use super::{SimRng, pause};

/// How long an answer may be, in tokens: a little more than what is worth asking for.
const OUTPUT_TOKENS_MAX: u64 = 300;
/// How much less than that an answer takes, at most.
const OUTPUT_TOKENS: u64 = 40;
/// Bytes of one token.
const TOKEN_BYTES: u64 = 4;

/// Models beyond a run. Clones are the same, and outlive every process.
#[derive(Clone)]
pub struct SimModels {
    shared: Arc<Shared>,
}

struct Shared {
    rng: SimRng,
    is_steady: bool,
    infos: Vec<Arc<ModelInfo>>,
    asked: Mutex<BTreeMap<String, Asked>>,
}

/// What was asked under one key.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The model.
    pub model: Arc<str>,
    /// The conversation; for texts that become vectors, the texts.
    pub digest: PromptDigest,
    /// What it took.
    pub usage: TokenUsage,
    /// How often it was asked.
    pub times: u64,
    chance: u64,
}

impl SimModels {
    /// Makes three models: `good`, which fails now and then and for which `spare` stands in, and `vectors`. When they are
    /// steady, an answer depends on nothing but the request.
    pub fn new(rng: SimRng, is_steady: bool) -> Self {
        let info = |name: &str| ModelInfo {
            name: name.into(),
            provider: "simulated".into(),
            id: name.into(),
            context_tokens: None,
            output_tokens_max: OUTPUT_TOKENS_MAX,
            abilities: vec![Ability::Tools, Ability::Streaming],
            price: Some(Price { input: 1_000_000, output: 4_000_000, ..Price::default() }),
            fallbacks: Vec::new(),
            call_microusd_max: None,
            copies: 1,
            cache_ms: (!is_steady).then_some(50),
        };
        let good = ModelInfo { fallbacks: vec!["spare".into()], ..info("good") };
        let price = Some(Price { input: 500_000, output: 1_000_000, ..Price::default() });
        let spare = ModelInfo { price, cache_ms: None, ..info("spare") };
        let vectors = ModelInfo { abilities: vec![Ability::Embedding], ..info("vectors") };
        let infos = [good, spare, vectors].map(Arc::new).into();
        Self { shared: Arc::new(Shared { rng, is_steady, infos, asked: Mutex::default() }) }
    }

    /// Returns what was asked, by key.
    pub fn asked(&self) -> BTreeMap<String, Asked> {
        self.shared.asked.lock().clone()
    }

    /// Takes a request in, and returns what is known of its key.
    fn take(&self, key: &str, model: &Arc<str>, digest: PromptDigest, counted: u64) -> Asked {
        let mut asked = self.shared.asked.lock();
        let known = asked.entry(key.to_owned()).or_insert_with(|| {
            let chance = match self.shared.is_steady {
                true => hash(format!("{model} {digest}").as_bytes()),
                false => self.shared.rng.next(),
            };
            let (input, output) = (counted.saturating_sub(chance % 3), 1 + chance / 8 % OUTPUT_TOKENS);
            let usage = TokenUsage { input, output, ..TokenUsage::default() };
            Asked { model: model.clone(), digest, usage, times: 0, chance }
        });
        known.times += 1;
        known.clone()
    }
}

/// The way of one process to the models.
#[derive(Clone)]
pub struct ModelLine {
    models: SimModels,
    rng: SimRng,
    is_cut: Arc<AtomicBool>,
}

impl ModelLine {
    /// Makes the way of a process.
    pub fn new(models: SimModels, rng: SimRng) -> Self {
        Self { models, rng, is_cut: Arc::default() }
    }

    /// Ends the process: nothing is answered any more.
    pub fn crash(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    async fn delay(&self) {
        pause(self.rng.below(5)).await;
        if self.is_cut.load(Ordering::Acquire) {
            std::future::pending().await
        }
    }
}

impl Models for ModelLine {
    fn get(&self, name: &str) -> Option<Arc<ModelInfo>> {
        self.models.shared.infos.iter().find(|info| &*info.name == name).cloned()
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.models.shared.infos.clone()
    }

    fn count(&self, prompt: &Prompt) -> u64 {
        prompt.messages.iter().map(|message| message.byte_len()).sum::<u64>().div_ceil(TOKEN_BYTES)
    }

    fn complete<'a>(
        &'a self,
        prompt: &'a Prompt,
        hear: &'a (dyn Fn(Delta) + Send + Sync),
    ) -> BoxFuture<'a, Result<Answered, Unanswered>> {
        Box::pin(async move {
            self.delay().await;
            let asked = self.models.take(&prompt.key, &prompt.model, prompt.digest(), self.count(prompt));
            let chance = asked.chance;
            if chance.is_multiple_of(6) {
                self.delay().await;
                let (subject, reason) = (format!("model {}", prompt.model), "it is overloaded".to_owned());
                let failure = Failure::Unavailable(Unavailable { subject, reason, retriable: true });
                return Err(Unanswered { failure, lost: asked.usage, attempts: 2 });
            }
            let words: Vec<String> =
                (0..1 + chance % 4).map(|at| format!("{:x}.", hash(&(chance + at).to_le_bytes()))).collect();
            for word in words.iter().filter(|_| prompt.streams) {
                self.delay().await;
                hear(Delta::Text(word.clone()));
            }
            self.delay().await;
            let (stop, lost) = (StopReason::End, TokenUsage::default());
            let message = Message::text(Role::Assistant, words.concat());
            Ok(Answered { message, stop, usage: asked.usage, lost, attempts: 1, is_paid: true })
        })
    }

    fn embed<'a>(&'a self, order: &'a EmbedOrder) -> BoxFuture<'a, Result<Vectors, Unanswered>> {
        Box::pin(async move {
            self.delay().await;
            let texts = order.texts.join(" ");
            let counted = (texts.len() as u64).div_ceil(TOKEN_BYTES);
            let asked = self.models.take(&order.key, &order.model, Digest::of(texts.as_bytes()), counted);
            let usage = TokenUsage { input: asked.usage.input, ..TokenUsage::default() };
            self.models.shared.asked.lock().entry(order.key.clone()).and_modify(|asked| asked.usage = usage);
            self.delay().await;
            let vector = |text: &String| Vector([f32::from((hash(text.as_bytes()) & 0xff) as u8), 1.0].into());
            Ok(Vectors { vectors: order.texts.iter().map(vector).collect(), usage, attempts: 1, is_paid: true })
        })
    }
}
