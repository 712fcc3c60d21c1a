// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a model.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::completion::TokenUsage;

/// Tokens by which prices are given.
const PRICED_TOKENS: u128 = 1_000_000;

/// What is known of a model, and configured for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModelInfo {
    /// Its name in the manifest.
    pub name: Arc<str>,
    /// Who provides it, as OpenTelemetry names providers, such as `openai` or `anthropic`.
    pub provider: Arc<str>,
    /// How its provider calls it.
    pub id: Arc<str>,
    /// How many tokens input and output may have together; `None` where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// How many tokens one answer may have.
    pub output_tokens_max: u64,
    /// What it can do.
    pub abilities: Vec<Ability>,
    /// What it costs; `None` where it costs nothing that anybody counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Who stands in for it, in this order: when it does not answer, and when it costs more than is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Arc<str>>,
    /// What one request may cost at most, in micro-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_microusd_max: Option<u64>,
    /// How many requests may be on their way for one answer: more than one where slow answers are hedged.
    pub copies: u32,
    /// For how long an answer serves the same request again, in milliseconds; `None` asks anew each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_ms: Option<u64>,
}

/// A model in the list that a program is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListedModel {
    /// What is known of it.
    #[serde(flatten)]
    pub info: ModelInfo,
    /// Whether it is the one that is asked where a request of the program names none.
    pub is_default: bool,
}

/// Something that a model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Call tools.
    Tools,
    /// Answer as JSON of a schema, held to it by its provider.
    Schema,
    /// See pictures.
    Images,
    /// Read files.
    Files,
    /// Think before it answers, more or less.
    Reasoning,
    /// Be heard while it answers.
    Streaming,
    /// Make vectors of texts. Such a model does nothing else.
    Embedding,
}

/// What tokens cost, in micro-dollars for a million of them: 2.50 dollars are 2,500,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Price {
    /// Read.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from the provider's cache; `None` costs what all input does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// Written to the provider's cache; `None` costs what all input does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_written: Option<u64>,
}

// === impl ModelInfo ===

impl ModelInfo {
    /// Tells whether it can do something.
    pub fn can(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }

    /// Returns what tokens cost, in micro-dollars, rounded up.
    pub fn cost(&self, usage: TokenUsage) -> u64 {
        self.price.map_or(0, |price| price.of(usage))
    }

    /// Returns the most that so many tokens can cost, whatever comes from a cache, in micro-dollars.
    pub fn cost_max(&self, input: u64, output: u64) -> u64 {
        let Some(price) = self.price else { return 0 };
        let dearest = [Some(price.input), price.cached, price.cache_written].into_iter().flatten().max();
        let flat = Price { input: dearest.unwrap_or_default(), output: price.output, ..Price::default() };
        flat.of(TokenUsage { input, output, ..TokenUsage::default() })
    }
}

// === impl Price ===

impl Price {
    /// Returns what tokens cost, in micro-dollars. It is rounded once, and up, so nothing is ever free of charge by halves.
    pub fn of(&self, usage: TokenUsage) -> u64 {
        let cached = usage.cached.min(usage.input);
        let written = usage.cache_written.min(usage.input - cached);
        let plain = usage.input - cached - written;
        let sum = [
            (plain, self.input),
            (cached, self.cached.unwrap_or(self.input)),
            (written, self.cache_written.unwrap_or(self.input)),
            (usage.output, self.output),
        ]
        .into_iter()
        .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
        .fold(0, u128::saturating_add);
        u64::try_from(sum.div_ceil(PRICED_TOKENS)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_to_the_micro_dollar() {
        // 2.50 and 10 dollars for a million tokens; cached ones for 1.25.
        let price = Price { input: 2_500_000, output: 10_000_000, cached: Some(1_250_000), cache_written: None };
        let usage = |input, output, cached| TokenUsage { input, output, cached, ..TokenUsage::default() };
        assert_eq!(price.of(usage(0, 0, 0)), 0);
        assert_eq!(price.of(usage(1, 0, 0)), 3, "2.5 micro-dollars are rounded up");
        assert_eq!(price.of(usage(2, 0, 0)), 5);
        assert_eq!(price.of(usage(1_000, 500, 0)), 7_500);
        assert_eq!(price.of(usage(1_000, 500, 1_000)), 6_250);
        assert_eq!(price.of(usage(10, 0, 1_000)), 13, "no more than there is can come from the cache");
        assert_eq!(price.of(usage(u64::MAX, u64::MAX, 0)), u64::MAX);
    }

    #[test]
    fn the_most_that_tokens_can_cost_covers_writing_to_the_cache() {
        let price =
            Price { input: 3_000_000, output: 15_000_000, cached: Some(300_000), cache_written: Some(3_750_000) };
        let info = ModelInfo {
            name: "m".into(),
            provider: "p".into(),
            id: "i".into(),
            context_tokens: None,
            output_tokens_max: 10,
            abilities: vec![],
            price: Some(price),
            fallbacks: vec![],
            call_microusd_max: None,
            copies: 1,
            cache_ms: None,
        };
        assert_eq!(info.cost_max(1_000, 10), 3_900);
        for cached in [0, 500, 1_000] {
            let usage = TokenUsage { input: 1_000, output: 10, cached, cache_written: 1_000, reasoning: 0 };
            assert!(info.cost(usage) <= info.cost_max(1_000, 10));
        }
    }
}
