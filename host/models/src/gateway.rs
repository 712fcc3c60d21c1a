// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port [`Models`]: every model that is configured, by its name.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use priory_core::failure::Failure;
use priory_core::id::RunId;
use priory_core::model::{
    Ability, Answered, Delta, Message, ModelInfo, ModelSpec, ModelsSpec, Prompt, ProviderSpec, Role, Sampling,
    TokenUsage, Unanswered,
};
use priory_core::ports::{BoxFuture, Clock, EmbedOrder, Models, Vectors};

use crate::asking::Model;
use crate::error::Error;
use crate::provider::{self, Provider};
use crate::scripted::Scripted;
use crate::tokens::Tokens;
use crate::wire::{self, Extra};

/// How many tokens the answer of a test may have: models that think need some before they say a word.
const TEST_TOKENS: u64 = 256;
/// How long a test may take, in milliseconds.
const TEST_TIME_MS: u64 = 60_000;

/// Speaks to the providers of models.
///
/// Its futures may be polled on any thread that has entered a tokio runtime with I/O and time.
pub struct Gateway {
    models: BTreeMap<Arc<str>, Entry>,
    clock: Arc<dyn Clock>,
}

struct Entry {
    model: Model,
    from: From,
}

/// Who answers.
enum From {
    Provider(Arc<Provider>),
    Scripted(Scripted),
}

/// What a test of a model came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// What it took.
    pub usage: TokenUsage,
    /// What that cost, in micro-dollars.
    pub microusd: u64,
    /// How many attempts there were.
    pub attempts: u32,
    /// What the model said; empty of one that makes vectors.
    pub words: String,
}

// === impl Gateway ===

impl Gateway {
    /// Sets up what is configured. Nothing is sent, and no key is read. `seed` spreads attempts that are made again.
    pub fn new(spec: ModelsSpec, clock: Arc<dyn Clock>, seed: [u8; 32]) -> Result<Self, Error> {
        let names: BTreeSet<Arc<str>> = spec.models.iter().map(|model| model.info.name.clone()).collect();
        check_names(&spec, &names)?;
        let mut providers = Providers::new(&spec.providers, clock.clone(), seed)?;
        let mut models = BTreeMap::new();
        for model in spec.models {
            let name = model.info.name.clone();
            let (extra, from) = providers.from(&model)?;
            let tokens = Tokens::of(&model);
            let entry = Entry { model: Model { spec: model, extra, tokens }, from };
            if models.insert(name.clone(), entry).is_some() {
                return Err(Error::Twice { kind: "model", name: name.to_string() });
            }
        }
        Ok(Self { models, clock })
    }

    /// Asks a model for a word, to see whether it answers.
    pub async fn test(&self, name: &str) -> Result<Tested, Unanswered> {
        let entry = self.entry(name)?;
        let info = &entry.model.spec.info;
        let before = self.clock.elapsed();
        let key = format!("priory-test-{}", self.clock.unix_ms());
        let (usage, attempts, words) = if info.can(Ability::Embedding) {
            let texts = vec!["ok".to_owned()];
            let order =
                EmbedOrder { model: info.name.clone(), texts, key, spare_input: u64::MAX, time_ms: TEST_TIME_MS };
            let vectors = self.embed(&order).await?;
            (vectors.usage, vectors.attempts, String::new())
        } else {
            let prompt = Prompt {
                model: info.name.clone(),
                messages: vec![Arc::new(Message::text(Role::User, "Answer with the one word: ok"))],
                media: BTreeMap::new(),
                tools: Vec::new(),
                sampling: Sampling::default(),
                output_tokens_max: TEST_TOKENS.min(info.output_tokens_max),
                // Nothing was set aside.
                spare: TokenUsage { input: u64::MAX, output: u64::MAX, ..TokenUsage::default() },
                streams: false,
                key,
                run: RunId::from_parts(0, 0),
                time_ms: TEST_TIME_MS,
            };
            let answered = self.complete(&prompt, &|_| ()).await?;
            (answered.usage.saturating_add(answered.lost), answered.attempts, answered.message.words())
        };
        let latency = self.clock.elapsed().saturating_sub(before);
        let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        Ok(Tested { latency_ms, usage, microusd: info.cost(usage), attempts, words })
    }

    fn entry(&self, name: &str) -> Result<&Entry, Failure> {
        self.models
            .get(name)
            .ok_or_else(|| Failure::absent(format!("model {name}"), "there is no model with this name"))
    }
}

impl Models for Gateway {
    fn get(&self, name: &str) -> Option<Arc<ModelInfo>> {
        self.models.get(name).map(|entry| entry.model.spec.info.clone())
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.models.values().map(|entry| entry.model.spec.info.clone()).collect()
    }

    fn count(&self, prompt: &Prompt) -> u64 {
        // Nobody answers for a model that is not there, so nothing is taken.
        self.models.get(&*prompt.model).map_or(0, |entry| entry.model.tokens.prompt(prompt))
    }

    fn complete<'a>(
        &'a self,
        prompt: &'a Prompt,
        hear: &'a (dyn Fn(Delta) + Send + Sync),
    ) -> BoxFuture<'a, Result<Answered, Unanswered>> {
        Box::pin(async move {
            let Entry { model, from } = self.entry(&prompt.model)?;
            match from {
                From::Provider(provider) => provider.complete(model, prompt, hear).await,
                From::Scripted(scripted) => scripted.complete(model, prompt, hear).await,
            }
        })
    }

    fn embed<'a>(&'a self, order: &'a EmbedOrder) -> BoxFuture<'a, Result<Vectors, Unanswered>> {
        Box::pin(async move {
            let Entry { model, from } = self.entry(&order.model)?;
            match from {
                From::Provider(provider) => provider.embed(model, order).await,
                From::Scripted(scripted) => Ok(scripted.embed(model, order)),
            }
        })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("models", &self.models.keys()).finish_non_exhaustive()
    }
}

/// Providers that are set up when the first of their models needs them.
struct Providers<'a> {
    specs: BTreeMap<&'a str, &'a ProviderSpec>,
    ready: BTreeMap<&'a str, Arc<Provider>>,
    tls: Option<rustls::ClientConfig>,
    clock: Arc<dyn Clock>,
    seed: [u8; 32],
}

// === impl Providers ===

impl<'a> Providers<'a> {
    fn new(specs: &'a [ProviderSpec], clock: Arc<dyn Clock>, seed: [u8; 32]) -> Result<Self, Error> {
        let mut by_name = BTreeMap::new();
        for spec in specs {
            if by_name.insert(&*spec.name, spec).is_some() {
                return Err(Error::Twice { kind: "provider", name: spec.name.to_string() });
            }
        }
        Ok(Self { specs: by_name, ready: BTreeMap::new(), tls: None, clock, seed })
    }

    /// Returns who answers for a model, and what is added to its requests.
    fn from(&mut self, model: &ModelSpec) -> Result<(Extra, From), Error> {
        let name = model.info.name.to_string();
        let no_provider = || Error::NoProvider { model: name.clone(), provider: model.provider.to_string() };
        let (key, spec) = self.specs.get_key_value(&*model.provider).ok_or_else(no_provider)?;
        let (key, spec) = (*key, *spec);
        let Some(wire) = wire::of(spec) else {
            let path = model.script.clone().ok_or(Error::NoScript { model: name })?;
            return Ok((Extra::default(), From::Scripted(Scripted::new(path, self.clock.clone())?)));
        };
        let extra_failed = |reason: String| Error::Extra { model: name.clone(), reason };
        let extra = Extra::of(model.extra.as_ref()).ok_or_else(|| extra_failed("has to be an object".to_owned()))?;
        if let Some(field) = extra.set().find(|field| wire.reserved_fields().contains(field)) {
            return Err(extra_failed(format!("sets `{field}`, which is set by each request; leave it out")));
        }
        if let Some(provider) = self.ready.get(key) {
            return Ok((extra, From::Provider(provider.clone())));
        }
        let tls = match &self.tls {
            Some(tls) => tls.clone(),
            None => self.tls.insert(provider::tls()?).clone(),
        };
        let digest = priory_core::Digest::of(&[self.seed.as_slice(), key.as_bytes()].concat());
        let seed = digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let provider = Arc::new(Provider::new(spec, wire, tls, self.clock.clone(), seed)?);
        self.ready.insert(key, provider.clone());
        Ok((extra, From::Provider(provider)))
    }
}

/// Checks that every model that is named is there.
fn check_names(spec: &ModelsSpec, names: &BTreeSet<Arc<str>>) -> Result<(), Error> {
    let fallbacks = spec.models.iter().flat_map(|model| {
        let by = format!("the fallbacks of `{}`", model.info.name);
        model.info.fallbacks.iter().map(move |name| (by.clone(), name))
    });
    let defaults = spec.default.iter().map(|name| ("`default-model`".to_owned(), name));
    let embedding = spec.embedding.iter().map(|name| ("`embedding-model`".to_owned(), name));
    match defaults.chain(embedding).chain(fallbacks).find(|(_, name)| !names.contains(*name)) {
        Some((by, model)) => Err(Error::NoModel { by, model: model.to_string() }),
        None => Ok(()),
    }
}
