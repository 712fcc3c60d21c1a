// SPDX-License-Identifier: MIT OR Apache-2.0
//! The formats in which providers are spoken to: one file each, behind the trait [`Wire`].
//!
//! A wire knows how a request and an answer look, and nothing else: it opens no connection, holds no key, knows no time and
//! never tries again. A request is written straight into its bytes ([`body`]). An answer is read either whole or event by
//! event, and both gather what was said in a [`Draft`], which gives calls of tools their names and ids and reads their
//! arguments; so a new format is a file that names fields.

pub(crate) mod anthropic;
pub(crate) mod arguments;
pub(crate) mod body;
pub(crate) mod draft;
pub(crate) mod fault;
pub(crate) mod gemini;
pub(crate) mod leading;
mod lenient;
pub(crate) mod names;
mod openai;
mod pairs;
mod responses;
mod strict;
pub(crate) mod turns;

use std::borrow::Cow;

use priory_core::failure::Failure;
use priory_core::json::Json;
use priory_core::model::{
    Choice, ModelSpec, Part, Prompt, ProviderKind, ProviderSpec, StopReason, TEXTS_MAX, TokenUsage, Vector,
};
use reqwest::header::HeaderMap;

pub(crate) use body::Extra;
pub(crate) use draft::{Draft, Ear};
pub(crate) use fault::{FaultKind, ProviderFault};
pub(crate) use names::Names;

use crate::sse::SseEvent;

/// What is asked of a provider, as far as its format has to know.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The model.
    pub(crate) spec: &'a ModelSpec,
    /// More fields of the body, from the configuration.
    pub(crate) extra: &'a Extra,
    /// The prompt.
    pub(crate) prompt: &'a Prompt,
    /// The names of the tools.
    pub(crate) names: &'a Names<'a>,
}

/// A request as a provider wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireRequest {
    /// Where it goes, below the URL of the provider, such as `chat/completions`. It never holds a key.
    pub(crate) path: Cow<'static, str>,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// Header fields that this format needs, besides the key and the type of the body.
    pub(crate) headers: Vec<(&'static str, Cow<'static, str>)>,
}

/// What a provider said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// In order. Tools have the names under which they were offered.
    pub(crate) parts: Vec<Part>,
    /// Why it stopped.
    pub(crate) stop: StopReason,
    /// What it reports that the answer took.
    pub(crate) usage: Reported,
}

/// What a provider reports that an answer took, as far as it could be read. What it reports as no count is as if it were
/// not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reported {
    /// Everything that was read by the model, what came from a cache or went to one included.
    pub(crate) input: Option<u64>,
    /// Everything that it wrote, reasoning included.
    pub(crate) output: Option<u64>,
    /// Of the input: read from the provider's cache.
    pub(crate) cached: Option<u64>,
    /// Of the input: written to the provider's cache.
    pub(crate) cache_written: Option<u64>,
    /// Of the output: spent on reasoning.
    pub(crate) reasoning: Option<u64>,
}

/// Texts that became vectors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embeddings {
    /// One for each text, in the same order.
    pub(crate) vectors: Vec<Vector>,
    /// What they took.
    pub(crate) usage: Reported,
}

/// Whether more is to come of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is.
    More,
    /// The format said that this was the end.
    Done,
}

/// Why an answer could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// It has another form than the format says.
    #[error("the answer has another form than expected: {0}")]
    Malformed(String),
    /// It ended before the format says that it is whole.
    #[error("the answer was cut off")]
    Cut,
    /// It is larger than anything that is taken.
    #[error("the answer is larger than allowed: more than {most} {what}")]
    TooLarge {
        /// Of what there is too much, such as `bytes`.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
    /// The provider says in the answer that something went wrong.
    #[error("{}", .0.message)]
    Provider(ProviderFault),
}

/// A format in which providers are spoken to.
pub(crate) trait Wire: Send + Sync {
    /// Returns the header field that holds the key, and what stands before the key in it.
    fn key_header(&self) -> (&'static str, &'static str);

    /// Returns the fields of a body that the configuration may not set, because what is reserved and what is read depends
    /// on them.
    fn reserved_fields(&self) -> &'static [&'static str];

    /// Writes a request, for a stream where the prompt says so. Fails with `invalid` where the format cannot say it.
    fn request(&self, asked: &Asked<'_>) -> Result<WireRequest, Failure>;

    /// Reads a whole answer.
    fn whole(&self, body: &[u8], names: &Names<'_>) -> Result<Said, WireError>;

    /// Begins to read an answer that comes as events.
    fn reader(&self) -> Box<dyn Reader>;

    /// Reads what a provider answers instead of a completion. `unix_ms` is the time, for hints that name one.
    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], unix_ms: u64) -> ProviderFault {
        fault::read(status, headers, body, unix_ms)
    }

    /// Writes a request for vectors; `None` where the format has none.
    fn embed_request(&self, spec: &ModelSpec, extra: &Extra, texts: &[String]) -> Option<WireRequest> {
        let _ = (spec, extra, texts);
        None
    }

    /// Returns how many texts one request for vectors may hold.
    fn embed_texts_max(&self) -> usize {
        TEXTS_MAX
    }

    /// Reads vectors: as many as there were texts.
    fn embedded(&self, body: &[u8], texts: usize) -> Result<Embeddings, WireError> {
        let _ = (body, texts);
        Err(WireError::Malformed("this format has no vectors".to_owned()))
    }
}

/// Reads one answer that comes as events.
pub(crate) trait Reader: Send {
    /// Reads one event. What it says goes to the ear as soon as it is known.
    fn event(&mut self, event: &SseEvent<'_>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Progress, WireError>;

    /// Takes the answer when there are no more events. One whose end was not said is [`WireError::Cut`].
    fn finish(self: Box<Self>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Said, WireError>;

    /// Returns what was said so far, for counting what an answer took that never became whole.
    fn draft(&self) -> &Draft;

    /// Returns what was reported so far.
    fn usage(&self) -> Reported;
}

/// Returns the format of a provider; `None` where there is nobody to speak to.
pub(crate) fn of(provider: &ProviderSpec) -> Option<Box<dyn Wire>> {
    Some(match provider.kind {
        ProviderKind::Openai => Box::new(openai::OpenAi::new(provider)),
        ProviderKind::OpenaiResponses => Box::new(responses::Responses::new(provider)),
        ProviderKind::Anthropic => Box::new(anthropic::Anthropic),
        ProviderKind::Gemini => Box::new(gemini::Gemini),
        ProviderKind::Scripted => return None,
    })
}

/// Marks what a format wants to see again, so that no other format sends it: a conversation may go on elsewhere.
pub(crate) fn marked(format: &str, opaque: &str) -> String {
    format!("{format}:{opaque}")
}

/// Returns what a format wants to see again; `None` of what another format said.
pub(crate) fn unmarked<'a>(format: &str, opaque: Option<&'a str>) -> Option<&'a str> {
    opaque?.strip_prefix(format)?.strip_prefix(':')
}

/// Returns what a model is told of the schema of its answer where its provider does not hold it to one.
pub(crate) fn schema_words(schema: &Json, prompt: &Prompt) -> String {
    let may_call = !prompt.tools.is_empty() && prompt.sampling.choice != Choice::None;
    let words = match may_call {
        // Who is told to write nothing else calls no tools.
        true => {
            "Call tools as long as you need them. When you have the answer, write it as one JSON value that fits the \
             following JSON Schema, with no words around it and no code fence."
        }
        false => {
            "Answer with one JSON value that fits the following JSON Schema, and with nothing else: no words around it, no \
             code fence."
        }
    };
    format!("{words}\n{schema}")
}

// === impl Reported ===

impl Reported {
    /// Takes over what a later report says: streams report more than once, each time for the whole answer.
    pub(crate) fn update(&mut self, later: Self) {
        let newer = |now: &mut Option<u64>, later: Option<u64>| *now = later.or(*now);
        newer(&mut self.input, later.input);
        newer(&mut self.output, later.output);
        newer(&mut self.cached, later.cached);
        newer(&mut self.cache_written, later.cache_written);
        newer(&mut self.reasoning, later.reasoning);
    }

    /// Returns the usage, where what is not reported counts as nothing, and no part is more than its whole.
    pub(crate) fn or_nothing(self) -> TokenUsage {
        let (input, output) = (self.input.unwrap_or_default(), self.output.unwrap_or_default());
        let cached = self.cached.unwrap_or_default().min(input);
        TokenUsage {
            input,
            output,
            cached,
            cache_written: self.cache_written.unwrap_or_default().min(input - cached),
            reasoning: self.reasoning.unwrap_or_default().min(output),
        }
    }
}
