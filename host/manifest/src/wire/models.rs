// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of models, of who provides them, and of what they may cost.

use std::borrow::Cow;
use std::fmt;

use priory_core::model::{ATTEMPTS_MAX, OUTPUT_TOKENS_MAX};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{At, Breaker, FreeTable, Named, Rate};

/// Who provides models.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Provider {
    /// How it is spoken to; without it, as its name says. `openai` are chat completions, which most servers and gateways
    /// speak; `scripted` is nobody: answers come from a file of rules.
    pub(crate) kind: Option<At<ProviderKind>>,
    /// Where it is, up to the path of a request, such as `http://127.0.0.1:11434/v1/`; without it, where its kind is.
    pub(crate) url: Option<At<String>>,
    /// Where its key is found, or `false` for none. Without it, in the usual environment variable of its kind where no
    /// other `url` is said, and else none is sent.
    pub(crate) key: Option<At<Key>>,
    /// Header fields that go on each request. They hold no secrets.
    #[schemars(extend("maxProperties" = HEADERS_MAX))]
    pub(crate) headers: Named<String>,
    /// How often, and how often at once, it is asked by this host.
    pub(crate) rate: Option<At<Rate>>,
    /// When it is left alone because it fails.
    pub(crate) breaker: Option<At<Breaker>>,
    /// How often one request is sent at most, the first time included; 4 without it.
    #[schemars(range(min = 1, max = ATTEMPTS_MAX))]
    pub(crate) attempts: Option<At<u32>>,
    /// How long one request may take with all its attempts, such as `90s`; `10min` without it.
    pub(crate) time: Option<At<String>>,
    /// How long a byte of a streamed answer may keep it waiting; `3min` without it.
    pub(crate) idle: Option<At<String>>,
}

/// How many header fields a provider may have; more is no configuration.
pub(crate) const HEADERS_MAX: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum ProviderKind {
    Openai,
    OpenaiResponses,
    Anthropic,
    Gemini,
    Scripted,
}

/// Where a key is found: in exactly one of these. It is read when it is needed, and kept nowhere.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct KeyTable {
    /// The name of an environment variable of the host.
    pub(crate) env: Option<At<String>>,
    /// A file, relative to the manifest; space around the key does not count.
    pub(crate) file: Option<At<String>>,
    /// A program and its arguments, started without a shell; what it prints is the key.
    #[schemars(extend("maxItems" = COMMAND_WORDS_MAX))]
    pub(crate) command: Option<At<Vec<At<String>>>>,
}

/// How many words the command may have that prints a key.
pub(crate) const COMMAND_WORDS_MAX: usize = 64;

/// Where a key is found.
#[derive(Debug)]
pub(crate) enum Key {
    /// It stands here, which is refused. It is not kept.
    Plain,
    /// Whether there is one.
    IsSent(bool),
    /// Elsewhere.
    From(KeyTable),
}

/// A model, and how it is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["provider"]))]
pub(crate) struct Model {
    /// Who provides it.
    pub(crate) provider: Option<At<String>>,
    /// How its provider calls it.
    pub(crate) id: Option<At<String>>,
    /// What tokens cost. Without it, nobody counts what it costs.
    pub(crate) price: Option<At<Price>>,
    /// How many tokens input and output may have together.
    #[schemars(range(min = 1))]
    pub(crate) context_tokens: Option<At<u64>>,
    /// How many tokens one answer may have; 4096 without it.
    #[schemars(range(min = 1, max = OUTPUT_TOKENS_MAX))]
    pub(crate) output_tokens_max: Option<At<u64>>,
    /// What it can do; without it, what is usual with its provider. A model that makes vectors has `embedding` alone.
    #[schemars(extend("maxItems" = ABILITIES))]
    pub(crate) abilities: Option<At<Vec<At<Ability>>>>,
    /// Models that stand in for it, in this order: when it does not answer, and when it costs more than is left.
    #[schemars(extend("maxItems" = FALLBACKS_MAX))]
    pub(crate) fallbacks: Vec<At<String>>,
    /// What one request may cost at most, in dollars, such as `"0.05"`.
    pub(crate) call_max: Option<At<Decimal>>,
    /// After how long without a byte a second request is sent, and the first answer taken, such as `2s`.
    pub(crate) hedge: Option<At<String>>,
    /// For how long an answer serves the same request again, such as `1h`; without it, each is asked anew.
    pub(crate) cache: Option<At<String>>,
    /// Whether the provider is asked to keep the beginning of the conversation in its cache; true without it.
    pub(crate) caches_prompt: Option<At<bool>>,
    /// How many tokens a picture counts where nobody knows; 1600 without it.
    #[schemars(range(min = 1, max = OUTPUT_TOKENS_MAX))]
    pub(crate) image_tokens: Option<At<u64>>,
    /// By how much the count of its provider may be above that of the host, in percent; without it, what is usual.
    #[schemars(range(min = 0, max = 400))]
    pub(crate) token_margin: Option<At<u64>>,
    /// More fields of the body of each request.
    pub(crate) extra: Option<At<FreeTable>>,
    /// The file of rules of a scripted model, relative to the manifest.
    pub(crate) script: Option<At<String>>,
}

/// How many models may stand in for one.
pub(crate) const FALLBACKS_MAX: usize = 16;
/// How many abilities there are.
const ABILITIES: usize = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Ability {
    Tools,
    Schema,
    Images,
    Files,
    Reasoning,
    Streaming,
    Embedding,
}

/// What a million tokens cost, in dollars as decimal text, such as `"0.25"`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["input"]))]
pub(crate) struct Price {
    /// Tokens that it reads.
    pub(crate) input: Option<At<Decimal>>,
    /// Tokens that it writes; nothing without it, as of models that make vectors.
    pub(crate) output: Option<At<Decimal>>,
    /// Tokens that it reads from the cache of its provider; as all that it reads without this.
    pub(crate) cached: Option<At<Decimal>>,
    /// Tokens that are written to the cache of its provider; without this, as all that it reads, and a quarter more for a model
    /// of kind `anthropic` with `caches-prompt`.
    pub(crate) cache_written: Option<At<Decimal>>,
}

/// An amount of dollars.
#[derive(Debug, Clone)]
pub(crate) enum Decimal {
    /// As a text, which is exact.
    Text(String),
    /// As a number, which is refused: it would not be.
    Number(String),
}

/// What all runs of the data folder may spend on models in one day, in UTC; what is left out is not bounded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Quota {
    /// Tokens that models read.
    pub(crate) tokens_in: Option<u64>,
    /// Tokens that models write.
    pub(crate) tokens_out: Option<u64>,
    /// Money for models, in dollars as decimal text, such as `"20.00"`.
    pub(crate) money: Option<At<Decimal>>,
}

/// How what is remembered is found again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Memory {
    /// Whether it is found by its meaning too, with vectors of the `embedding-model`.
    pub(crate) embed: Option<At<bool>>,
}

/// Where it is told what runs do, by the conventions of OpenTelemetry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["otlp"]))]
pub(crate) struct Telemetry {
    /// The OTLP endpoint, by HTTP, such as `http://127.0.0.1:4318`.
    pub(crate) otlp: Option<At<String>>,
    /// Whether what was said is told too: messages, arguments and results. They may hold anything.
    pub(crate) content: Option<At<bool>>,
}

// === impl Key ===

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table that says where the key is, or `false`")
    }

    fn visit_str<E>(self, _: &str) -> Result<Key, E> {
        Ok(Key::Plain)
    }

    fn visit_bool<E>(self, is_sent: bool) -> Result<Key, E> {
        Ok(Key::IsSent(is_sent))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Key, A::Error> {
        KeyTable::deserialize(MapAccessDeserializer::new(map)).map(Key::From)
    }
}

impl JsonSchema for Key {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Key".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // A text has a form of its own, so that it is refused in the right words; no text fits it.
        json_schema!({ "anyOf": [
            generator.subschema_for::<KeyTable>(),
            { "type": "boolean", "enum": [false] },
            { "type": "string", "not": {}, "description": "Refused: a key is not written into a manifest." },
        ] })
    }
}

// === impl Decimal ===

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dollars as decimal text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Decimal, E> {
        Ok(Decimal::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Decimal, E> {
        Ok(Decimal::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Decimal, E> {
        Ok(Decimal::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Decimal, E> {
        Ok(Decimal::Number(number.to_string()))
    }
}

impl JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A number has a form of its own, so that it is refused in the right words; no number fits it.
        json_schema!({ "anyOf": [
            { "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,6})?$" },
            { "type": "number", "not": {}, "description": "Refused: a number with a fraction is not exact." },
        ] })
    }
}
