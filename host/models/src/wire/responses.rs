// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenAI's Responses.
//!
//! Nothing is kept by the provider (`store` is off): the whole conversation goes with each request, and with it the
//! reasoning that the provider sealed, so that a model goes on where it was.

mod answer;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use priory_core::failure::Failure;
use priory_core::id::Digest;
use priory_core::model::{Ability, Effort, Message, ModelSpec, Part, ProviderSpec, Reasoning, Role};
use serde::{Deserialize, Serialize};

use super::body::{self, List, Object};
use super::{
    Asked, Ear, Embeddings, Extra, Names, Reader, Said, Wire, WireError, WireRequest, leading, openai, pairs,
    schema_words, strict, unmarked,
};
use answer::Answer;

/// How this format marks what it has sealed.
const SEALED: &str = "responses";

/// The fewest tokens to which an answer can be limited.
const OUTPUT_TOKENS_MIN: u64 = 16;
/// How long the id of a call may be, in bytes.
const CALL_ID_BYTES_MAX: usize = 64;

/// Responses.
pub(crate) struct Responses {
    /// Whether it is OpenAI itself, or Azure.
    is_original: bool,
}

/// Reasoning that the provider sealed.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    encrypted_content: Cow<'a, str>,
}

// === impl Responses ===

impl Responses {
    /// Speaks to a provider.
    pub(crate) fn new(provider: &ProviderSpec) -> Self {
        Self { is_original: openai::is_original(provider) }
    }

    fn fill(&self, body: &mut Object<'_>, asked: &Asked<'_>) -> Result<(), Failure> {
        let Asked { spec, prompt, names, .. } = *asked;
        let sampling = &prompt.sampling;
        let is_held = openai::is_held(asked);
        let thinks = spec.info.can(Ability::Reasoning);
        body.text("model", &spec.info.id);
        body.list("input", |list| {
            for (at, message) in prompt.messages.iter().enumerate() {
                write_message(list, message, at, thinks, asked)?;
            }
            Ok::<_, Failure>(())
        })?;
        if !prompt.tools.is_empty() {
            body.list("tools", |list| {
                for tool in &prompt.tools {
                    list.object(|object| {
                        object.text("type", "function");
                        openai::write_tool(object, tool, names);
                        object.flag("strict", false);
                    });
                }
            });
            openai::write_choice(body, &sampling.choice, names, |choice, name| {
                choice.text("type", "function");
                choice.text("name", name);
            });
        }
        if let Some(schema) = sampling.output.as_ref().filter(|_| is_held) {
            body.object("text", |text| {
                text.object("format", |format| {
                    format.text("type", "json_schema");
                    format.text("name", "answer");
                    format.flag("strict", strict::is_strict(schema));
                    format.json("schema", schema);
                });
            });
        }
        body.number("max_output_tokens", prompt.output_tokens_max);
        openai::write_sampling(body, asked, self.is_original);
        if thinks {
            write_reasoning(body, sampling.effort, &spec.info.id);
            body.list("include", |list| list.text("reasoning.encrypted_content"));
        }
        body.flag("store", false);
        if spec.caches_prompt {
            body.text("prompt_cache_key", &prompt.run.to_string());
        }
        if prompt.streams {
            body.flag("stream", true);
        }
        Ok(())
    }
}

impl Wire for Responses {
    fn key_header(&self) -> (&'static str, &'static str) {
        ("authorization", "Bearer ")
    }

    fn reserved_fields(&self) -> &'static [&'static str] {
        &["model", "input", "tools", "stream", "max_output_tokens", "store", "background", "previous_response_id"]
    }

    fn request(&self, asked: &Asked<'_>) -> Result<WireRequest, Failure> {
        if asked.prompt.output_tokens_max < OUTPUT_TOKENS_MIN {
            let reason = format!("this provider writes no fewer than {OUTPUT_TOKENS_MIN} tokens; ask for as many");
            return Err(Failure::invalid("model request", "/output-tokens-max", reason));
        }
        let words = asked.prompt.sampling.output.as_ref().filter(|_| !openai::is_held(asked));
        let words = words.map(|schema| schema_words(schema, asked.prompt));
        let prompt = leading::led(pairs::paired(asked.prompt), !self.is_original, words);
        let asked = &Asked { prompt: &prompt, ..*asked };
        let (body, filled) = body::write(openai::capacity(asked), asked.extra, |body| self.fill(body, asked));
        filled.map(|()| WireRequest { path: Cow::Borrowed("responses"), body, headers: Vec::new() })
    }

    fn whole(&self, body: &[u8], names: &Names<'_>) -> Result<Said, WireError> {
        let mut answer = Answer::default();
        answer.whole(body, names, &mut Ear::deaf())?;
        answer.said(names, &mut Ear::deaf())
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Answer::default())
    }

    fn embed_request(&self, spec: &ModelSpec, extra: &Extra, texts: &[String]) -> Option<WireRequest> {
        Some(openai::embed_request(spec, extra, texts))
    }

    fn embedded(&self, body: &[u8], texts: usize) -> Result<Embeddings, WireError> {
        openai::embedded(body, texts)
    }
}

/// Tells whether the model said something, or called a tool, in the rest of a message.
fn has_more(rest: &[Part]) -> bool {
    rest.iter().any(|part| match part {
        Part::Text(text) => !text.is_empty(),
        part => matches!(part, Part::ToolCall(_)),
    })
}

/// Returns the id of a call as it is taken: one of another provider can be too long.
fn call_id(id: &str) -> Cow<'_, str> {
    match id.len() <= CALL_ID_BYTES_MAX {
        true => Cow::Borrowed(id),
        false => Cow::Owned(Digest::of(id.as_bytes()).to_hex()),
    }
}

fn write_reasoning(body: &mut Object<'_>, effort: Option<Effort>, id: &str) {
    body.object("reasoning", |reasoning| {
        if let Some(effort) = effort {
            reasoning.text("effort", openai::effort_name(effort, id));
        }
        if effort != Some(Effort::None) {
            reasoning.text("summary", "auto");
        }
    });
}

/// Writes one message, as the items that it is made of, in their order.
fn write_message(
    list: &mut List<'_>,
    message: &Message,
    at: usize,
    thinks: bool,
    asked: &Asked<'_>,
) -> Result<(), Failure> {
    if message.role == Role::Assistant && message.media().next().is_some() {
        let reason = "this provider takes no pictures and files from a model; put them into a message of the user";
        return Err(Failure::invalid("model request", format!("/messages/{at}"), reason));
    }
    let mut parts = message.parts.as_slice();
    while let Some((part, rest)) = parts.split_first() {
        let said =
            parts.iter().take_while(|part| matches!(part, Part::Text(_) | Part::Image(_) | Part::File(_))).count();
        if said > 0 {
            let (said, rest) = parts.split_at_checked(said).unwrap_or((parts, &[]));
            list.object(|object| write_said(object, message.role, said, at, asked))?;
            parts = rest;
            continue;
        }
        match part {
            // What was thought is refused where nothing follows it.
            Part::Reasoning(reasoning) if thinks && has_more(rest) => write_sealed(list, reasoning),
            Part::ToolCall(call) => list.object(|object| {
                object.text("type", "function_call");
                object.text("call_id", &call_id(&call.id));
                object.text("name", &asked.names.sent(&call.name));
                object.text("arguments", &openai::arguments(call));
            }),
            Part::ToolResult(result) => list.object(|object| {
                object.text("type", "function_call_output");
                object.text("call_id", &call_id(&result.id));
                match result.is_error {
                    true => object.text("output", &format!("error: {}", result.content)),
                    false => object.text("output", &result.content),
                }
            }),
            Part::Text(_) | Part::Image(_) | Part::File(_) | Part::Reasoning(_) => {}
        }
        parts = rest;
    }
    Ok(())
}

/// Writes words, pictures and files that stand in a row.
fn write_said(
    object: &mut Object<'_>,
    role: Role,
    parts: &[Part],
    at: usize,
    asked: &Asked<'_>,
) -> Result<(), Failure> {
    object.text("role", if role == Role::Tool { "user" } else { role.as_str() });
    let kind = if role == Role::Assistant { "output_text" } else { "input_text" };
    object.list("content", |list| {
        for part in parts {
            match part {
                Part::Text(text) => list.object(|object| {
                    object.text("type", kind);
                    object.text("text", text);
                }),
                Part::Image(media) => {
                    let bytes = openai::bytes_of(media, at, asked)?;
                    list.object(|object| {
                        object.text("type", "input_image");
                        object.data_url("image_url", &media.mime, bytes);
                    });
                }
                Part::File(media) => {
                    let bytes = openai::bytes_of(media, at, asked)?;
                    list.object(|object| match openai::text_of(media, bytes) {
                        Some(words) => {
                            object.text("type", "input_text");
                            object.text("text", &words);
                        }
                        None => {
                            object.text("type", "input_file");
                            object.text("filename", media.name.as_deref().unwrap_or("file"));
                            object.data_url("file_data", &media.mime, bytes);
                        }
                    });
                }
                Part::Reasoning(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
            }
        }
        Ok(())
    })
}

/// Gives sealed reasoning back. What another provider thought is not for this one.
fn write_sealed(list: &mut List<'_>, reasoning: &Reasoning) {
    let sealed = unmarked(SEALED, reasoning.opaque.as_deref()).and_then(|text| serde_json::from_str(text).ok());
    let Some(Sealed { id, encrypted_content }) = sealed else { return };
    list.object(|object| {
        object.text("type", "reasoning");
        object.text("id", &id);
        object.list("summary", |list| {
            if !reasoning.text.is_empty() {
                list.object(|object| {
                    object.text("type", "summary_text");
                    object.text("text", &reasoning.text);
                });
            }
        });
        object.text("encrypted_content", &encrypted_content);
    });
}
