// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator says about models and about who provides them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::info::ModelInfo;
use crate::gate::{BreakerSpec, RateSpec};
use crate::id::IdError;
use crate::json::Json;

/// Header fields that carry keys. None is configured by its value: a key is found where a [`KeySource`] says.
pub const KEY_HEADERS: [&str; 8] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-access-token",
    "x-api-key",
    "x-auth-token",
    "x-goog-api-key",
];
/// Header fields that belong to whoever sends a request to a provider.
pub const OWN_HEADERS: [&str; 9] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "transfer-encoding",
    "upgrade",
];
/// How often one request is sent at most, the first time included.
pub const ATTEMPTS_MAX: u32 = 10;
/// How long one request may take altogether, in milliseconds: an hour.
pub const REQUEST_TIME_MS_MAX: u64 = 60 * 60 * 1_000;

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// OpenAI's chat completions, which most servers and gateways speak: Ollama, vLLM, llama.cpp, LM Studio and others.
    Openai,
    /// OpenAI's Responses.
    OpenaiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Nobody: answers come from a file of rules, for examples and tests.
    Scripted,
}

/// Where a key is read, each time that it is needed: it is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// From an environment variable of the host.
    Env(String),
    /// From a file; space around it does not count.
    File(PathBuf),
    /// From what a program prints, which is started without a shell.
    Command(Vec<String>),
}

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProviderSpec {
    /// Its name in the manifest.
    pub name: Arc<str>,
    /// How it is spoken to.
    pub kind: ProviderKind,
    /// Where it is, without the path of a request; `None` where there is nobody to speak to.
    pub url: Option<Url>,
    /// Where its key is; `None` sends none.
    pub key: Option<KeySource>,
    /// Header fields that go on each of its requests. They hold no secrets.
    pub headers: Vec<(String, String)>,
    /// How often, and how often at once, it is asked.
    pub rate: RateSpec,
    /// When it is left alone because it fails.
    pub breaker: Option<BreakerSpec>,
    /// How often one request is sent at most, the first time included; 1 to [`ATTEMPTS_MAX`].
    pub attempts: u32,
    /// How long one request may take altogether, in milliseconds.
    pub time_ms: u64,
    /// How long a byte of an answer may keep it waiting, in milliseconds. An answer that is not streamed begins when it is
    /// finished, so its first byte may take as long as the request.
    pub idle_ms: u64,
}

/// A model, and how it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModelSpec {
    /// What is known of it.
    pub info: Arc<ModelInfo>,
    /// Its provider, by name.
    pub provider: Arc<str>,
    /// After how many milliseconds without a byte a second request is sent, and the first answer taken.
    pub hedge_ms: Option<u64>,
    /// Whether the provider is asked to keep the beginning of the conversation in its cache.
    pub caches_prompt: bool,
    /// How many tokens a picture counts where nobody knows.
    pub image_tokens: u64,
    /// By how much its own count of tokens may be above ours, in percent.
    pub token_margin_percent: u64,
    /// More fields of the body of each request, as an object.
    pub extra: Option<Json>,
    /// The file of rules of a scripted model.
    pub script: Option<PathBuf>,
}

/// All that is configured of models.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModelsSpec {
    /// Who provides them.
    pub providers: Vec<ProviderSpec>,
    /// The models.
    pub models: Vec<ModelSpec>,
    /// The one that is asked where a program names none.
    pub default: Option<Arc<str>>,
    /// The one that makes vectors where a program, or the memory, names none.
    pub embedding: Option<Arc<str>>,
}

// === impl ProviderKind ===

impl ProviderKind {
    /// Every kind, with its name in the manifest.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Openai, "openai"),
        (Self::OpenaiResponses, "openai-responses"),
        (Self::Anthropic, "anthropic"),
        (Self::Gemini, "gemini"),
        (Self::Scripted, "scripted"),
    ];

    /// Returns where its provider is when nobody says anything else.
    pub fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Openai | Self::OpenaiResponses => Some("https://api.openai.com/v1/"),
            Self::Anthropic => Some("https://api.anthropic.com/v1/"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta/"),
            Self::Scripted => None,
        }
    }

    /// Returns the environment variable that has its key when nobody says anything else.
    pub fn default_key_env(self) -> Option<&'static str> {
        match self {
            Self::Openai | Self::OpenaiResponses => Some("OPENAI_API_KEY"),
            Self::Anthropic => Some("ANTHROPIC_API_KEY"),
            Self::Gemini => Some("GEMINI_API_KEY"),
            Self::Scripted => None,
        }
    }

    /// Returns how OpenTelemetry names its provider.
    pub fn telemetry_name(self) -> &'static str {
        match self {
            Self::Openai | Self::OpenaiResponses => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gcp.gemini",
            Self::Scripted => "scripted",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for ProviderKind {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind).ok_or_else(|| IdError {
            text: text.chars().take(80).collect(),
            kind: "kind of provider",
            expected: "openai, openai-responses, anthropic, gemini or scripted",
        })
    }
}
