// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models: what is known of each, and who stands in for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use priory_core::Json;
use priory_core::model::{Ability, ModelInfo, ModelSpec, ModelsSpec, Price, ProviderKind, ProviderSpec};

use priory_workflow::check::Models;

use super::provider::is_local;
use super::{Check, amount};
use crate::manifest::Manifest;
use crate::problem::Problems;
use crate::suggest;
use crate::wire::{self, At};

/// How many tokens one answer may have where nobody says anything.
const OUTPUT_TOKENS: u64 = 4_096;
/// How many tokens a picture counts where nobody says anything: what the largest providers count for a large one.
const IMAGE_TOKENS: u64 = 1_600;
/// How long answers may serve the same request again, in milliseconds: a year.
const CACHE_MS_MAX: u64 = 365 * 24 * 3_600_000;
/// After how short a time a second request may be sent, in milliseconds: sooner, nearly every request would be sent twice.
const HEDGE_MS_MIN: u64 = 50;
/// How long the id of a model may be, in bytes.
const ID_BYTES_MAX: usize = 256;

impl<'a> Check<'a> {
    /// Checks the models and who provides them.
    pub(super) fn models(&mut self) -> ModelsSpec {
        let providers = self.providers();
        let mut models = Vec::new();
        for (name, model) in &self.wire.models {
            self.name("model", name);
            models.extend(self.model(name, model, &providers));
        }
        self.fallbacks();
        let default = self.usual("default-model", &self.wire.default_model, false);
        let embedding = self.usual("embedding-model", &self.wire.embedding_model, true);
        ModelsSpec { providers, models, default, embedding }
    }

    fn model(
        &mut self,
        name: &'a At<String>,
        wire: &'a At<wire::Model>,
        providers: &[ProviderSpec],
    ) -> Option<ModelSpec> {
        let mut price = wire.price.as_ref().map(|price| self.price(price));
        let call_microusd_max = wire.call_max.as_ref().and_then(|money| self.dollars(money));
        let cache_ms = wire.cache.as_ref().and_then(|cache| self.span(cache, 1, CACHE_MS_MAX));
        let script = wire.script.as_ref().and_then(|script| self.path(script));
        let extra = wire.extra.as_ref().map(|extra| Json::from(extra.0.to_json()));
        if let (Some(call_max), None) = (&wire.call_max, &wire.price) {
            let hint = "add `price`, or leave this out".to_owned();
            self.problems.push(call_max.span(), "nobody counts what a model without a price costs", Some(hint));
        }
        self.tokens(wire);
        let named = wire.provider.as_ref()?;
        if !self.known("provider", &self.wire.providers, named, named.span()) {
            return None;
        }
        // One that could not be made was reported.
        let provider = providers.iter().find(|provider| *provider.name == **named)?;
        let hedge_ms = wire.hedge.as_ref().and_then(|hedge| self.hedge(hedge, provider));
        let caches_prompt = wire.caches_prompt.as_deref().copied().unwrap_or(true);
        if let Some(price) = price.as_mut().filter(|_| caches_prompt && provider.kind == ProviderKind::Anthropic) {
            // What is counted is never less than what is billed, whoever left this out.
            price.cache_written.get_or_insert(dearer(price.input));
        }
        let abilities = self.abilities(wire, provider.kind);
        self.script(name, wire, provider.kind);
        let id = self.model_id(name, wire, provider.kind)?;
        let output_tokens_max = wire.output_tokens_max.as_deref().copied();
        let usual = wire.context_tokens.as_deref().map_or(OUTPUT_TOKENS, |most| OUTPUT_TOKENS.min(*most));
        let info = ModelInfo {
            name: Arc::from(name.as_str()),
            provider: Arc::from(telemetry_name(provider)),
            id: Arc::from(id),
            context_tokens: wire.context_tokens.as_deref().copied(),
            output_tokens_max: output_tokens_max.unwrap_or(usual),
            abilities,
            price,
            fallbacks: wire.fallbacks.iter().map(|name| Arc::from(name.as_str())).collect(),
            call_microusd_max,
            copies: if hedge_ms.is_some() { 2 } else { 1 },
            cache_ms,
        };
        Some(ModelSpec {
            info: Arc::new(info),
            provider: provider.name.clone(),
            hedge_ms,
            caches_prompt,
            image_tokens: wire.image_tokens.as_deref().copied().unwrap_or(IMAGE_TOKENS),
            token_margin_percent: wire.token_margin.as_deref().copied().unwrap_or_else(|| token_margin(provider)),
            extra,
            script,
        })
    }

    fn price(&mut self, wire: &wire::Price) -> Price {
        let mut of = |money: &Option<At<wire::Decimal>>| money.as_ref().and_then(|money| self.dollars(money));
        let (input, output) = (of(&wire.input), of(&wire.output));
        let (cached, cache_written) = (of(&wire.cached), of(&wire.cache_written));
        Price { input: input.unwrap_or_default(), output: output.unwrap_or_default(), cached, cache_written }
    }

    fn tokens(&mut self, wire: &wire::Model) {
        if let (Some(context), Some(output)) = (&wire.context_tokens, &wire.output_tokens_max)
            && **output > **context
        {
            let message = format!("an answer of {} tokens does not fit into a context of {}", **output, **context);
            let hint = "a context has input and output together; make `output-tokens-max` smaller".to_owned();
            self.problems.push(output.span(), message, Some(hint));
        }
    }

    fn hedge(&mut self, hedge: &At<String>, provider: &ProviderSpec) -> Option<u64> {
        let ms = self.span(hedge, HEDGE_MS_MIN, CACHE_MS_MAX)?;
        if ms >= provider.time_ms {
            let most = amount::span_words(provider.time_ms);
            let message = format!("its provider gives a request {most} altogether, so there is never a second one");
            self.problems.push(hedge.span(), message, Some("make this shorter than `time` of the provider".to_owned()));
            return None;
        }
        Some(ms)
    }

    fn abilities(&mut self, wire: &wire::Model, kind: ProviderKind) -> Vec<Ability> {
        let Some(said) = &wire.abilities else { return usual_abilities(kind) };
        let mut abilities: Vec<_> = said.iter().map(|said| ability(**said)).collect();
        abilities.sort_unstable();
        abilities.dedup();
        let embedding = said.iter().find(|said| ***said == wire::Ability::Embedding);
        if let (Some(embedding), 2..) = (embedding, abilities.len()) {
            let hint = "write `abilities = [\"embedding\"]`, and a model of its own for the rest".to_owned();
            self.problems.push(embedding.span(), "a model that makes vectors does nothing else", Some(hint));
        }
        abilities
    }

    fn script(&mut self, name: &At<String>, wire: &At<wire::Model>, kind: ProviderKind) {
        match (&wire.script, kind) {
            (None, ProviderKind::Scripted) if !self.problems.has_within(&wire.span()) => {
                let message = format!("model `{}` has no rules to answer by", name.as_str());
                let hint = "add `script = \"FILE.toml\"`".to_owned();
                self.problems.push(name.span(), message, Some(hint));
            }
            (None, _) | (Some(_), ProviderKind::Scripted) => {}
            (Some(script), _) => {
                let hint = "leave it out, or name a provider of kind `scripted`".to_owned();
                self.problems.push(script.span(), "only a scripted model has a script", Some(hint));
            }
        }
    }

    /// Returns how the provider calls a model. A scripted one is called as it is here.
    fn model_id(&mut self, name: &At<String>, wire: &At<wire::Model>, kind: ProviderKind) -> Option<String> {
        match &wire.id {
            Some(id) if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) => {
                let hint = format!("it has at most {ID_BYTES_MAX} bytes, as in `gpt-5-mini`");
                self.problems.push(id.span(), "a provider calls no model like this", Some(hint));
                None
            }
            Some(id) => Some(id.to_string()),
            None if kind == ProviderKind::Scripted => Some(name.to_string()),
            None => {
                if !self.problems.has_within(&wire.span()) {
                    let message = format!("nothing says how the provider calls model `{}`", name.as_str());
                    self.problems.push(name.span(), message, Some("add `id = \"…\"`".to_owned()));
                }
                None
            }
        }
    }

    /// Tells whether a model makes vectors, as far as its form says.
    fn embeds(&self, name: &str) -> bool {
        let abilities = self.wire.models.get(name).and_then(|model| model.abilities.as_ref());
        abilities.is_some_and(|said| said.iter().any(|said| **said == wire::Ability::Embedding))
    }

    /// Looks for a model that is asked, and not for vectors.
    pub(super) fn asked_model(&mut self, name: &At<String>) {
        if self.known("model", &self.wire.models, name, name.span()) && self.embeds(name) {
            let hint = suggest_other(self, false);
            self.problems.push(name.span(), format!("`{}` makes vectors, and answers nobody", name.as_str()), hint);
        }
    }

    /// Returns the model that is usual for something: the one that is said, or the only one.
    fn usual(&mut self, key: &str, said: &Option<At<String>>, is_embedding: bool) -> Option<Arc<str>> {
        let Some(said) = said else { return self.only(is_embedding).map(Arc::from) };
        if is_embedding {
            if self.known("model", &self.wire.models, said, said.span()) && !self.embeds(said) {
                let message = format!("`{}` makes no vectors, so it cannot be the `{key}`", said.as_str());
                let hint = suggest_other(self, true);
                let hint = hint.unwrap_or_else(|| "a model that does has `abilities = [\"embedding\"]`".to_owned());
                self.problems.push(said.span(), message, Some(hint));
            }
        } else {
            self.asked_model(said);
        }
        Some(Arc::from(said.as_str()))
    }

    /// Returns the only model that makes vectors, or the only one that does not.
    fn only(&self, is_embedding: bool) -> Option<&'a str> {
        let mut names = self.wire.models.keys().filter(|name| self.embeds(name) == is_embedding);
        names.next().filter(|_| names.next().is_none()).map(|name| name.as_str())
    }

    /// Returns the model that is asked where nobody names one.
    pub(crate) fn usual_model(&self) -> Option<&'a str> {
        self.wire.default_model.as_ref().map(|name| name.as_str()).or_else(|| self.only(false))
    }

    /// Returns what workflows have to know of the models.
    pub(crate) fn models_around(&self) -> Models {
        let named = |is_embedding| {
            let names = self.wire.models.keys().filter(move |name| self.embeds(name) == is_embedding);
            names.map(|name| name.to_string()).collect()
        };
        Models { names: named(false), embedding: named(true), has_usual: self.usual_model().is_some() }
    }

    /// Looks for the models that stand in for others, and refuses those that lead back to where they began.
    fn fallbacks(&mut self) {
        for (name, model) in &self.wire.models {
            let mut seen = BTreeSet::new();
            for fallback in &model.fallbacks {
                if fallback.as_str() == name.as_str() {
                    let message = format!("`{}` cannot stand in for itself", name.as_str());
                    self.problems.push(fallback.span(), message, Some("name another model".to_owned()));
                    continue;
                }
                if !seen.insert(fallback.as_str()) {
                    let message = format!("`{}` is named twice", fallback.as_str());
                    self.problems.push(fallback.span(), message, Some("leave one of them out".to_owned()));
                    continue;
                }
                if !self.known("model", &self.wire.models, fallback, fallback.span()) {
                    continue;
                }
                if self.embeds(fallback) != self.embeds(name) {
                    let message = format!("`{}` cannot stand in: only one of both makes vectors", fallback.as_str());
                    self.problems.push(fallback.span(), message, None);
                } else if let Some(way) = self.circle(name, fallback) {
                    let message = format!("models stand in for each other in a circle: {way}");
                    let hint = "put them in one order: who is asked first names all others".to_owned();
                    self.problems.push(fallback.span(), message, Some(hint));
                }
            }
        }
    }

    /// Returns the way by which a fallback leads back to a model, if it does. Of a circle, only its first model tells.
    fn circle(&self, name: &'a str, fallback: &'a str) -> Option<String> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::from([(fallback, name)]);
        let mut open = vec![fallback];
        // Each model is visited once.
        while let Some(at) = open.pop() {
            let model = self.wire.models.get(at)?;
            for next in &model.fallbacks {
                let next = next.as_str();
                if next == name {
                    let mut way = vec![name, at];
                    let mut last = at;
                    while let Some(before) = came_from.get(last).copied().filter(|_| last != name) {
                        way.push(before);
                        last = before;
                    }
                    way.reverse();
                    let is_first = way.iter().min() == Some(&name);
                    return is_first
                        .then(|| way.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → "));
                }
                if self.wire.models.contains_key(next) && next != at && !came_from.contains_key(next) {
                    came_from.insert(next, at);
                    open.push(next);
                }
            }
        }
        None
    }

    /// Tells whether what is remembered is found by its meaning; refuses that where no model makes vectors.
    pub(super) fn memory(&mut self, models: &ModelsSpec) -> bool {
        let Some(embed) = self.wire.memory.embed.as_ref().filter(|embed| ***embed) else { return false };
        if models.embedding.is_none() {
            let hint = "add a model with `abilities = [\"embedding\"]`, and name it as `embedding-model`".to_owned();
            self.problems.push(embed.span(), "there is no model that makes vectors", Some(hint));
        }
        true
    }
}

/// Names the models of which one may have been meant.
fn suggest_other(check: &Check<'_>, is_embedding: bool) -> Option<String> {
    let names: Vec<_> = check.wire.models.keys().map(|name| name.as_str()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| check.embeds(name) == is_embedding).collect();
    (!names.is_empty()).then(|| suggest::hint("", "models", names.into_iter())).flatten()
}

/// Warns where money is bounded, and what a model costs is not known.
pub(super) fn warn_of_unpriced(manifest: &Manifest, wire: &wire::Manifest, warnings: &mut Problems<'_>) {
    let budgets = manifest.agents.values().map(|agent| agent.budget);
    let budgets = budgets.chain(manifest.workflows.values().map(|workflow| workflow.budget)).chain([manifest.budget]);
    let mut bounds = budgets.map(|budget| budget.money_microusd).chain([manifest.quota.money_microusd]);
    if !bounds.any(|money| money.is_some()) {
        return;
    }
    for model in manifest.models.models.iter().filter(|model| model.info.price.is_none()) {
        let provider = manifest.models.providers.iter().find(|provider| provider.name == model.provider);
        // What is on this machine costs nothing that anybody bills.
        let is_billed = provider.and_then(|provider| provider.url.as_ref()).is_some_and(|url| !is_local(url));
        let key = wire.models.get_key_value(&*model.info.name).map(|(key, _)| key);
        if let Some(key) = key.filter(|_| is_billed) {
            let message = format!("money is bounded, and model `{}` has no price, so it counts as free", key.as_str());
            warnings.push(key.span(), message, Some("add `price = { input = \"…\", output = \"…\" }`".to_owned()));
        }
    }
}

/// Returns what a million tokens cost that Anthropic writes to its cache for five minutes, as the host has it do: a quarter more
/// than those that are only read, rounded up.
fn dearer(input: u64) -> u64 {
    input.saturating_add(input.div_ceil(4))
}

/// Returns how telemetry names a provider: by its kind where it is the one that the kind is named after, else by its name.
fn telemetry_name(provider: &ProviderSpec) -> &str {
    let url = provider.url.as_ref().and_then(|url| url.host_str());
    let usual = provider.kind.default_url().and_then(|url| url.split('/').nth(2));
    if url == usual { provider.kind.telemetry_name() } else { &provider.name }
}

/// Returns what models of a kind of provider can usually do. Of servers that speak as OpenAI does, few models see pictures.
fn usual_abilities(kind: ProviderKind) -> Vec<Ability> {
    let mut abilities = vec![Ability::Tools, Ability::Schema];
    if kind != ProviderKind::Openai {
        abilities.extend([Ability::Images, Ability::Files, Ability::Reasoning]);
    }
    abilities.push(Ability::Streaming);
    abilities
}

/// Returns by how much the count of a provider may be above that of the host, in percent. The host counts as OpenAI does.
fn token_margin(provider: &ProviderSpec) -> u64 {
    let is_usual = provider.url.as_ref().map(url::Url::as_str) == provider.kind.default_url();
    match provider.kind {
        ProviderKind::Scripted => 0,
        ProviderKind::Openai | ProviderKind::OpenaiResponses if is_usual => 10,
        ProviderKind::Openai | ProviderKind::OpenaiResponses | ProviderKind::Gemini => 30,
        ProviderKind::Anthropic => 50,
    }
}

fn ability(wire: wire::Ability) -> Ability {
    match wire {
        wire::Ability::Tools => Ability::Tools,
        wire::Ability::Schema => Ability::Schema,
        wire::Ability::Images => Ability::Images,
        wire::Ability::Files => Ability::Files,
        wire::Ability::Reasoning => Ability::Reasoning,
        wire::Ability::Streaming => Ability::Streaming,
        wire::Ability::Embedding => Ability::Embedding,
    }
}
