// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens, counted here: before a request, to set aside what it may take, and after one whose provider does not say what it
//! took. What is counted is rather too much than too little.

use bpe_openai::Tokenizer;
use priory_core::model::{Message, ModelSpec, Part, Prompt, TokenUsage, page_tokens};

use crate::wire::Reported;

/// Tokens of a message besides its parts.
const MESSAGE_TOKENS: u64 = 6;
/// Tokens of a call or a result besides its texts.
const CALL_TOKENS: u64 = 12;
/// Tokens of a tool that is offered, besides its texts.
const TOOL_TOKENS: u64 = 16;
/// Tokens of a request besides its messages and tools.
const REQUEST_TOKENS: u64 = 32;
/// Tokens of what tells a model about the schema of its answer, besides the schema.
const SCHEMA_TOKENS: u64 = 64;
/// How many bytes of sealed reasoning hold a token at least: it is encrypted, and written as base64.
const SEALED_BYTES: u64 = 3;
/// How many bytes of a file that is no text hold a token at least.
const FILE_BYTES: u64 = 2;

/// Counts for one model.
pub(crate) struct Tokens {
    is_older: bool,
    margin_percent: u64,
    image_tokens: u64,
}

// === impl Tokens ===

impl Tokens {
    /// Counts as a model does, as far as that is known. Where it is not, the newest way to count stands in, and the margin
    /// of the configuration makes up for the difference.
    pub(crate) fn of(spec: &ModelSpec) -> Self {
        let id = spec.info.id.rsplit('/').next().unwrap_or_default();
        let is_newer = ["gpt-4o", "gpt-4.", "gpt-4-o"].iter().any(|name| id.starts_with(name));
        let is_older = ["gpt-4", "gpt-3", "text-embedding"].iter().any(|name| id.starts_with(name)) && !is_newer;
        Self { is_older, margin_percent: spec.token_margin_percent, image_tokens: spec.image_tokens }
    }

    /// Counts a text. It has never more tokens than bytes.
    pub(crate) fn text(&self, text: &str) -> u64 {
        let tokenizer: &Tokenizer = if self.is_older { bpe_openai::cl100k_base() } else { bpe_openai::o200k_base() };
        let counted = tokenizer.count(text) as u64;
        let with_margin = counted.saturating_mul(self.margin_percent.saturating_add(100)).div_ceil(100);
        with_margin.min(text.len() as u64)
    }

    /// Counts a prompt.
    pub(crate) fn prompt(&self, prompt: &Prompt) -> u64 {
        let messages = prompt.messages.iter().map(|message| self.message(message, prompt));
        let tools = prompt.tools.iter().map(|tool| {
            let texts = [tool.name.as_str(), tool.description.as_str(), tool.input_schema.as_str()];
            texts.into_iter().map(|text| self.text(text)).fold(TOOL_TOKENS, u64::saturating_add)
        });
        let schema = prompt.sampling.output.as_ref();
        let schema = schema.map_or(0, |schema| self.text(schema.as_str()).saturating_add(SCHEMA_TOKENS));
        messages.chain(tools).fold(REQUEST_TOKENS.saturating_add(schema), u64::saturating_add)
    }

    /// Counts texts that become vectors.
    pub(crate) fn texts(&self, texts: &[String]) -> u64 {
        texts.iter().map(|text| self.text(text).saturating_add(MESSAGE_TOKENS)).fold(0, u64::saturating_add)
    }

    /// Counts what a model wrote.
    pub(crate) fn parts(&self, parts: &[Part]) -> u64 {
        parts.iter().map(|part| self.part(part, None)).fold(0, u64::saturating_add)
    }

    /// Returns what an answer took: what is reported, and counted where nothing is, or nothing that can be.
    pub(crate) fn settled(&self, reported: Reported, prompt: &Prompt, parts: &[Part]) -> TokenUsage {
        let input = reported.input.filter(|input| *input > 0);
        let output = reported.output.filter(|output| *output > 0 || parts.is_empty());
        if input.is_none() || output.is_none() {
            tracing::debug!(model = &*prompt.model, "a provider does not say what an answer took: it is counted");
        }
        let input = input.unwrap_or_else(|| self.prompt(prompt));
        let output = output.unwrap_or_else(|| self.parts(parts));
        Reported { input: Some(input), output: Some(output), ..reported }.or_nothing()
    }

    fn message(&self, message: &Message, prompt: &Prompt) -> u64 {
        message.parts.iter().map(|part| self.part(part, Some(prompt))).fold(MESSAGE_TOKENS, u64::saturating_add)
    }

    fn part(&self, part: &Part, prompt: Option<&Prompt>) -> u64 {
        let sealed = |opaque: &Option<String>| opaque.as_ref().map_or(0, |text| text.len() as u64 / SEALED_BYTES);
        match part {
            Part::Text(text) => self.text(text),
            Part::Image(_) => self.image_tokens,
            Part::File(media) => {
                let bytes = prompt.and_then(|prompt| prompt.media.get(&media.artifact));
                bytes.map_or(0, |bytes| self.file(bytes)).saturating_add(CALL_TOKENS)
            }
            Part::Reasoning(reasoning) => self.text(&reasoning.text).saturating_add(sealed(&reasoning.opaque)),
            Part::ToolCall(call) => [call.id.as_str(), call.name.as_str(), call.arguments.as_str()]
                .into_iter()
                .map(|text| self.text(text))
                .fold(CALL_TOKENS.saturating_add(sealed(&call.opaque)), u64::saturating_add),
            Part::ToolResult(result) => {
                let texts = self.text(&result.id).saturating_add(self.text(&result.content));
                texts.saturating_add(CALL_TOKENS)
            }
        }
    }

    fn file(&self, bytes: &[u8]) -> u64 {
        let read = match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text),
            Err(_) => (bytes.len() as u64 / FILE_BYTES).saturating_add(self.image_tokens),
        };
        read.max(page_tokens(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{asks, call, json, model, offering, prompt, result, says};
    use priory_core::model::{Media, Reasoning, Role};

    fn tokens(id: &str, margin: u64) -> Tokens {
        Tokens::of(&ModelSpec { token_margin_percent: margin, ..model(id, &[]) })
    }

    #[test]
    fn texts_are_counted_as_the_model_does() {
        let text = "The quick brown fox jumps over the lazy dog.";
        assert_eq!(tokens("gpt-4o", 0).text(text), 10);
        assert_eq!(tokens("gpt-4-turbo", 0).text(text), 10);
        let german = "Donaudampfschifffahrtsgesellschaft";
        assert_ne!(tokens("openai/gpt-5", 0).text(german), tokens("gpt-3.5-turbo", 0).text(german));
        assert!(!tokens("gpt-4.1-mini", 0).is_older && tokens("text-embedding-3-small", 0).is_older);
    }

    #[test]
    fn the_margin_goes_up_to_the_bytes_and_no_further() {
        assert_eq!(tokens("x", 50).text("The quick brown fox"), 6);
        assert_eq!(tokens("x", 10_000).text("The quick brown fox"), 19);
        assert_eq!(tokens("x", u64::MAX).text("a"), 1);
        assert_eq!(tokens("x", 50).text(""), 0);
    }

    #[test]
    fn everything_that_is_sent_counts() {
        let counts = tokens("gpt-5", 0);
        let base = counts.prompt(&asks("hi"));
        assert!(counts.prompt(&offering(&["files.read"])) > base);
        let mut schema = asks("hi");
        schema.sampling.output = Some(json(r#"{"type":"object"}"#));
        assert!(counts.prompt(&schema) > base);
        let media = |mime: &str| Media { mime: mime.to_owned(), artifact: priory_core::Digest::of(b"x"), name: None };
        let with = |part: Part| {
            let mut prompt = prompt(vec![says(Role::User, vec![Part::Text("hi".to_owned()), part])]);
            prompt.media.insert(priory_core::Digest::of(b"x"), vec![0xff; 1_000].into());
            counts.prompt(&prompt) - base
        };
        assert_eq!(with(Part::Image(media("image/png"))), 1_000);
        assert!(with(Part::File(media("application/pdf"))) > 1_500);
        let pages = format!("%PDF-1.7 {}", "<< /Type /Page >> ".repeat(100)).into_bytes();
        assert!(counts.file(&pages) >= 300_000, "each page is a picture, too");
        assert!(with(call("c1", "files.read", r#"{"path": "a/b/c"}"#)) > 10);
        assert!(with(result("c1", "files.read", &"word ".repeat(100))) > 100);
        assert!(with(Part::Reasoning(Reasoning { text: String::new(), opaque: Some("x".repeat(300)) })) >= 100);
    }

    #[test]
    fn what_is_not_reported_is_counted() {
        let counts = tokens("gpt-5", 0);
        let (prompt, parts) = (asks("hi"), vec![Part::Text("hello there".to_owned())]);
        let settled = |reported| counts.settled(reported, &prompt, &parts);
        let counted = settled(Reported::default());
        assert_eq!((counted.input, counted.output), (counts.prompt(&prompt), 2));
        let zero = settled(Reported { input: Some(0), output: Some(0), ..Reported::default() });
        assert_eq!(zero, counted, "nothing is not believed");
        let much = Reported { input: Some(1_000_000), output: Some(5), cached: Some(2_000_000), ..Reported::default() };
        let much = settled(much);
        assert_eq!(
            (much.input, much.output, much.cached),
            (1_000_000, 5, 1_000_000),
            "more than there can be is billed"
        );
        assert_eq!(counts.settled(Reported { output: Some(0), ..Reported::default() }, &prompt, &[]).output, 0);
    }
}
