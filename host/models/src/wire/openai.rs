// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenAI's chat completions, as OpenAI and everybody else speaks them: Ollama, vLLM, llama.cpp, LM Studio and gateways.
//!
//! Where servers differ, what all of them take is written, and what any of them writes is read ([`answer`]). The limit of an
//! answer is called `max_completion_tokens` by OpenAI alone; elsewhere that name would be passed over, and the answer have no
//! limit. A configuration that takes the one name away (`extra = { max_tokens = "" }`) gets the other.

mod answer;
mod messages;
mod think;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use priory_core::failure::Failure;
use priory_core::json::Json;
use priory_core::model::{
    Ability, CalledTool, Choice, Effort, Media, ModelSpec, ProviderSpec, Role, TEXTS_MAX, ToolDefinition,
    VECTOR_LEN_MAX, Vector,
};
use serde::Deserialize;

use super::body::{self, Object};
use super::{
    Asked, Ear, Embeddings, Extra, Names, Reader, Reported, Said, Wire, WireError, WireRequest, leading, lenient,
    pairs, schema_words, strict,
};
use answer::Answer;
use messages::write_message;

/// How this format marks the field in which reasoning came, so that it goes back in the same one.
const REASONING_FIELD: &str = "chat-field";
/// How this format marks what came beside a call and has to go back.
const CALL_EXTRA: &str = "chat-extra";
/// About how many bytes of a body are not texts of the conversation.
const FRAME_BYTES: usize = 1_024;
/// About how many bytes a message takes besides its texts.
const MESSAGE_BYTES: usize = 96;

/// Chat completions.
pub(crate) struct OpenAi {
    /// Whether it is OpenAI itself, or Azure, which take the newest names and refuse the old ones.
    is_original: bool,
}

// === impl OpenAi ===

impl OpenAi {
    /// Speaks to a provider.
    pub(crate) fn new(provider: &ProviderSpec) -> Self {
        Self { is_original: is_original(provider) }
    }

    /// Returns how the limit of an answer is called.
    fn limit_field(&self, extra: &Extra) -> &'static str {
        match self.is_original {
            true if extra.removes("max_completion_tokens") => "max_tokens",
            false if !extra.removes("max_tokens") => "max_tokens",
            _ => "max_completion_tokens",
        }
    }

    fn fill(&self, body: &mut Object<'_>, asked: &Asked<'_>) -> Result<(), Failure> {
        let Asked { spec, prompt, names, .. } = *asked;
        let sampling = &prompt.sampling;
        body.text("model", &spec.info.id);
        // What came back before the last word of a user is over, and its reasoning with it.
        let turn = prompt.messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
        let is_held = is_held(asked);
        body.list("messages", |list| {
            for (at, message) in prompt.messages.iter().enumerate() {
                write_message(list, message, at, at > turn, asked)?;
            }
            Ok::<_, Failure>(())
        })?;
        if !prompt.tools.is_empty() {
            body.list("tools", |list| {
                for tool in &prompt.tools {
                    list.object(|object| {
                        object.text("type", "function");
                        object.object("function", |function| write_tool(function, tool, names));
                    });
                }
            });
            write_choice(body, &sampling.choice, names, |choice, name| {
                choice.text("type", "function");
                choice.object("function", |function| function.text("name", name));
            });
        }
        if let Some(schema) = sampling.output.as_ref().filter(|_| is_held) {
            body.object("response_format", |format| {
                format.text("type", "json_schema");
                format.object("json_schema", |inner| {
                    inner.text("name", "answer");
                    inner.flag("strict", strict::is_strict(schema));
                    inner.json("schema", schema);
                });
            });
        }
        body.number(self.limit_field(asked.extra), prompt.output_tokens_max);
        write_sampling(body, asked, self.is_original);
        if let Some(effort) = sampling.effort.filter(|_| spec.info.can(Ability::Reasoning)) {
            body.text("reasoning_effort", effort_name(effort, &spec.info.id));
        }
        // Those that take no temperature take no stop sequence either.
        if !sampling.stop.is_empty() && !takes_no_sampling(spec, self.is_original) {
            body.list("stop", |list| sampling.stop.iter().for_each(|stop| list.text(stop)));
        }
        if let Some(seed) = sampling.seed {
            body.number("seed", seed);
        }
        if spec.caches_prompt && self.is_original {
            body.text("prompt_cache_key", &prompt.run.to_string());
        }
        if prompt.streams {
            body.flag("stream", true);
            body.object("stream_options", |options| options.flag("include_usage", true));
        }
        Ok(())
    }
}

impl Wire for OpenAi {
    fn key_header(&self) -> (&'static str, &'static str) {
        ("authorization", "Bearer ")
    }

    fn reserved_fields(&self) -> &'static [&'static str] {
        &["model", "messages", "tools", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "input"]
    }

    fn request(&self, asked: &Asked<'_>) -> Result<WireRequest, Failure> {
        let words = asked.prompt.sampling.output.as_ref().filter(|_| !is_held(asked));
        let words = words.map(|schema| schema_words(schema, asked.prompt));
        let prompt = leading::led(pairs::paired(asked.prompt), !self.is_original, words);
        let asked = &Asked { prompt: &prompt, ..*asked };
        let (body, filled) = body::write(capacity(asked), asked.extra, |body| self.fill(body, asked));
        filled.map(|()| WireRequest { path: Cow::Borrowed("chat/completions"), body, headers: Vec::new() })
    }

    fn whole(&self, body: &[u8], names: &Names<'_>) -> Result<Said, WireError> {
        let mut answer = Answer::default();
        answer.read(body, &mut Ear::deaf())?;
        answer.said(true, names, &mut Ear::deaf())
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Answer::default())
    }

    fn embed_request(&self, spec: &ModelSpec, extra: &Extra, texts: &[String]) -> Option<WireRequest> {
        Some(embed_request(spec, extra, texts))
    }

    fn embedded(&self, body: &[u8], texts: usize) -> Result<Embeddings, WireError> {
        embedded(body, texts)
    }
}

/// Tells whether a provider is OpenAI itself, or Azure.
pub(super) fn is_original(provider: &ProviderSpec) -> bool {
    let host = provider.url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    ["api.openai.com", "openai.azure.com"].iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
}

/// Tells whether the provider holds the answer to its schema. One that is no object says nothing to which anybody could be
/// held.
pub(super) fn is_held(asked: &Asked<'_>) -> bool {
    let output = asked.prompt.sampling.output.as_ref();
    asked.spec.info.can(Ability::Schema) && output.is_some_and(|schema: &Json| schema.as_str().starts_with('{'))
}

/// Returns about how many bytes a body gets.
pub(super) fn capacity(asked: &Asked<'_>) -> usize {
    let prompt = asked.prompt;
    let messages = prompt.messages.iter().map(|m| m.byte_len().saturating_add(MESSAGE_BYTES as u64)).sum::<u64>();
    let tools = prompt.tools.iter().map(|tool| tool.description.len() + tool.input_schema.as_str().len());
    let media = prompt.media.values().map(|bytes| bytes.len() / 3 * 4);
    let rest = tools.chain(media).fold(FRAME_BYTES, usize::saturating_add);
    // Most texts get a little longer by escapes.
    let messages = usize::try_from(messages).unwrap_or(0);
    messages.saturating_add(messages / 8).saturating_add(rest)
}

/// Writes what a model is told of a tool.
pub(super) fn write_tool(object: &mut Object<'_>, tool: &ToolDefinition, names: &Names<'_>) {
    object.text("name", &names.sent(&tool.name));
    object.text("description", &tool.description);
    match tool.input_schema.as_str().len() {
        // A schema that says nothing is refused.
        0..=4 => object.object("parameters", |schema| {
            schema.text("type", "object");
            schema.object("properties", |_| ());
        }),
        _ => object.json("parameters", &tool.input_schema),
    }
}

/// Writes whether tools are called.
pub(super) fn write_choice(
    body: &mut Object<'_>,
    choice: &Choice,
    names: &Names<'_>,
    only: impl FnOnce(&mut Object<'_>, &str),
) {
    match choice {
        Choice::Auto => {}
        Choice::None => body.text("tool_choice", "none"),
        Choice::Any => body.text("tool_choice", "required"),
        Choice::Only(name) => body.object("tool_choice", |choice| only(choice, &names.sent(name))),
    }
}

/// Tells whether a model is one of those of OpenAI that think, which refuse what says how they choose their words.
fn takes_no_sampling(spec: &ModelSpec, is_original: bool) -> bool {
    is_original && spec.info.can(Ability::Reasoning)
}

/// Writes the temperature, except for those models of OpenAI that refuse any.
pub(super) fn write_sampling(body: &mut Object<'_>, asked: &Asked<'_>, is_original: bool) {
    let refuses = takes_no_sampling(asked.spec, is_original);
    if let Some(milli) = asked.prompt.sampling.temperature_milli.filter(|_| !refuses) {
        body.thousandths("temperature", milli);
    }
}

/// Returns how much a model is to think, in its own words: the least that there is differs.
pub(super) fn effort_name(effort: Effort, id: &str) -> &'static str {
    let id = id.rsplit('/').next().unwrap_or(id);
    let is_first = id == "gpt-5" || id.starts_with("gpt-5-");
    let is_older = ["o1", "o3", "o4", "gpt-oss"].iter().any(|name| id.starts_with(name));
    match effort {
        Effort::None if is_first => "minimal",
        Effort::None if is_older => "low",
        Effort::None => "none",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
    }
}

/// Returns the bytes of a picture or file.
pub(super) fn bytes_of<'a>(media: &Media, at: usize, asked: &Asked<'a>) -> Result<&'a [u8], Failure> {
    let found = asked.prompt.media.get(&media.artifact).map(|bytes| &**bytes);
    found.ok_or_else(|| {
        Failure::invalid("model request", format!("/messages/{at}"), format!("there is no artifact {}", media.artifact))
    })
}

/// Returns the words of a file that is a text; `None` of any other.
pub(super) fn text_of(media: &Media, bytes: &[u8]) -> Option<String> {
    let mime = media.mime.as_str();
    let is_text = mime.starts_with("text/")
        || ["application/json", "application/xml", "application/toml", "application/yaml"].contains(&mime);
    let text = std::str::from_utf8(bytes).ok().filter(|_| is_text)?;
    Some(format!("File `{}`:\n\n{text}", media.name.as_deref().unwrap_or("file")))
}

/// Returns the arguments of a call as a text, as the model wrote them.
pub(super) fn arguments(call: &CalledTool) -> Cow<'_, str> {
    match call.arguments.as_str() {
        text if text.starts_with('"') => call.arguments.read::<String>().map_or(Cow::Borrowed(text), Cow::Owned),
        text => Cow::Borrowed(text),
    }
}

/// Writes a request for vectors.
pub(super) fn embed_request(spec: &ModelSpec, extra: &Extra, texts: &[String]) -> WireRequest {
    let bytes = texts.iter().map(String::len).sum::<usize>() + FRAME_BYTES;
    let (body, ()) = body::write(bytes, extra, |body| {
        body.text("model", &spec.info.id);
        body.list("input", |list| texts.iter().for_each(|text| list.text(text)));
        body.text("encoding_format", "float");
    });
    WireRequest { path: Cow::Borrowed("embeddings"), body, headers: Vec::new() }
}

/// Reads vectors.
pub(super) fn embedded(body: &[u8], texts: usize) -> Result<Embeddings, WireError> {
    #[derive(Deserialize)]
    struct List {
        data: lenient::Few<Item, TEXTS_MAX>,
        #[serde(default, deserialize_with = "lenient::object")]
        usage: Option<answer::Usage>,
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(default, deserialize_with = "lenient::count")]
        index: Option<u64>,
        embedding: Vec<f32>,
    }
    let malformed = |reason: String| WireError::Malformed(reason);
    let List { data: lenient::Few(mut data), usage } = lenient::parsed(body)?;
    if data.len() != texts {
        return Err(malformed(format!("{} vectors for {texts} texts", data.len())));
    }
    if data.iter().all(|item| item.index.is_some()) {
        data.sort_by_key(|item| item.index);
    }
    let len = data.first().map_or(0, |item| item.embedding.len());
    let is_good = |item: &Item| item.embedding.len() == len && item.embedding.iter().all(|number| number.is_finite());
    if len == 0 || len > VECTOR_LEN_MAX || !data.iter().all(is_good) {
        return Err(malformed("vectors that are empty, too long, or not of one length".to_owned()));
    }
    let usage = usage.map_or_else(Reported::default, |usage| usage.reported());
    let vectors = data.into_iter().map(|item| Vector(item.embedding.into())).collect();
    Ok(Embeddings { vectors, usage: Reported { output: Some(0), ..usage } })
}
