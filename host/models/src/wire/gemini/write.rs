// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a request.

use priory_core::failure::Failure;
use priory_core::json::Json;
use priory_core::model::{Ability, CalledTool, Choice, Effort, Media, Part, ToolResult};

use super::{MARK, OWN_ID, id, schema};
use crate::wire::body::{List, Object};
use crate::wire::openai::{bytes_of, text_of};
use crate::wire::turns::{Conversation, NO_RESULT, Piece, Side, Turn};
use crate::wire::{Asked, schema_words, unmarked};

/// What is sent in the place of a signature that nobody has: newer models refuse calls without one.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
/// The series from which on models are told a level of thinking, take functions beside a schema, and sign their calls.
const NEW_SERIES: u32 = 3;
/// How few tokens may be set aside for thinking.
const THINKING_TOKENS_MIN: u64 = 512;
/// The least that those think which cannot do without, in tokens.
const THINKING_TOKENS_LEAST: u64 = 128;
/// How many bits of a seed are taken.
const SEED_MAX: u64 = i32::MAX as u64;

/// Writes one request.
pub(super) struct Writer<'a> {
    asked: &'a Asked<'a>,
    conversation: &'a Conversation<'a>,
    is_new: bool,
    /// The schema to which the provider holds the model.
    held: Option<Json>,
}

/// Tells whether reasoning was signed by this provider.
pub(super) fn is_signed(part: &Part) -> bool {
    matches!(part, Part::Reasoning(reasoning) if unmarked(MARK, reasoning.opaque.as_deref()).is_some())
}

/// Tells whether a model is one of a newer series.
fn is_new(id: &str) -> bool {
    let number = id.rsplit_once("gemini-").and_then(|(_, rest)| rest.split(['.', '-']).next()?.parse::<u32>().ok());
    number.is_some_and(|number| number >= NEW_SERIES)
}

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(super) fn new(asked: &'a Asked<'a>, conversation: &'a Conversation<'a>) -> Self {
        let is_new = is_new(&asked.spec.info.id);
        let output = asked.prompt.sampling.output.as_ref();
        let may = asked.spec.info.can(Ability::Schema) && (is_new || asked.prompt.tools.is_empty());
        let held = output.filter(|_| may).and_then(schema::subset);
        Self { asked, conversation, is_new, held }
    }

    pub(super) fn fill(&self, body: &mut Object<'_>) -> Result<(), Failure> {
        let Asked { prompt, names, .. } = *self.asked;
        self.system(body);
        body.list("contents", |list| self.conversation.turns.iter().try_for_each(|turn| self.turn(list, turn)))?;
        if !prompt.tools.is_empty() {
            body.list("tools", |list| {
                list.object(|tools| tools.list("functionDeclarations", |list| self.declarations(list)));
            });
            let mode = match &prompt.sampling.choice {
                Choice::Auto => None,
                Choice::None => Some("NONE"),
                Choice::Any | Choice::Only(_) => Some("ANY"),
            };
            if let Some(mode) = mode {
                body.object("toolConfig", |config| {
                    config.object("functionCallingConfig", |config| {
                        config.text("mode", mode);
                        if let Choice::Only(name) = &prompt.sampling.choice {
                            config.list("allowedFunctionNames", |list| list.text(&names.sent(name)));
                        }
                    });
                });
            }
        }
        body.object("generationConfig", |config| self.config(config));
        Ok(())
    }

    fn system(&self, body: &mut Object<'_>) {
        let output = self.asked.prompt.sampling.output.as_ref();
        let words = output.filter(|_| self.held.is_none()).map(|schema| schema_words(schema, self.asked.prompt));
        let mut texts = self.conversation.system.iter().copied().chain(words.as_deref()).peekable();
        if texts.peek().is_some() {
            body.object("systemInstruction", |system| {
                system.list("parts", |list| texts.for_each(|text| list.object(|part| part.text("text", text))));
            });
        }
    }

    fn declarations(&self, list: &mut List<'_>) {
        for tool in &self.asked.prompt.tools {
            list.object(|function| {
                function.text("name", &self.asked.names.sent(&tool.name));
                function.text("description", &tool.description);
                // One without parameters has no schema.
                if let Some(schema) = schema::subset(&tool.input_schema).filter(schema::has_properties) {
                    function.json("parametersJsonSchema", &schema);
                }
            });
        }
    }

    fn config(&self, config: &mut Object<'_>) {
        let Asked { spec, prompt, .. } = *self.asked;
        let sampling = &prompt.sampling;
        config.number("maxOutputTokens", prompt.output_tokens_max);
        if let Some(milli) = sampling.temperature_milli {
            config.thousandths("temperature", milli);
        }
        if let Some(seed) = sampling.seed {
            config.number("seed", seed & SEED_MAX);
        }
        if !sampling.stop.is_empty() {
            config.list("stopSequences", |list| sampling.stop.iter().for_each(|stop| list.text(stop)));
        }
        if let Some(schema) = &self.held {
            config.text("responseMimeType", "application/json");
            config.json("responseJsonSchema", schema);
        }
        if spec.info.can(Ability::Reasoning) {
            config.object("thinkingConfig", |thinking| {
                thinking.flag("includeThoughts", sampling.effort != Some(Effort::None));
                if let Some(effort) = sampling.effort {
                    self.think(thinking, effort);
                }
            });
        }
    }

    fn think(&self, thinking: &mut Object<'_>, effort: Effort) {
        let id = id(self.asked.spec);
        let is_pro = id.contains("pro");
        if self.is_new {
            let level = match effort {
                // The largest ones cannot do without, and the first of them knew no middle.
                Effort::None if is_pro => "low",
                Effort::None => "minimal",
                Effort::Low => "low",
                Effort::Medium if id.contains("gemini-3-pro") => "high",
                Effort::Medium => "medium",
                Effort::High => "high",
            };
            return thinking.text("thinkingLevel", level);
        }
        let most = self.asked.prompt.output_tokens_max;
        let tokens = match effort {
            Effort::None if is_pro => THINKING_TOKENS_LEAST,
            Effort::None => 0,
            Effort::Low => (most / 8).max(THINKING_TOKENS_MIN),
            Effort::Medium => (most / 4).max(THINKING_TOKENS_MIN),
            Effort::High => (most / 2).max(THINKING_TOKENS_MIN),
        };
        thinking.number("thinkingBudget", tokens);
    }

    fn turn(&self, list: &mut List<'_>, turn: &Turn<'_>) -> Result<(), Failure> {
        list.object(|content| {
            content.text("role", if turn.side == Side::User { "user" } else { "model" });
            content.list("parts", |list| {
                let mut is_first = true;
                for piece in &turn.pieces {
                    list.object(|part| self.piece(part, piece, &mut is_first))?;
                }
                Ok(())
            })
        })
    }

    /// Writes a part. The first call of a turn is the one that is signed.
    fn piece(&self, part: &mut Object<'_>, piece: &Piece<'_>, is_first: &mut bool) -> Result<(), Failure> {
        match piece {
            Piece::Words(text) => part.text("text", text),
            Piece::Part(Part::Text(text)) => part.text("text", text),
            Piece::Part(Part::Image(media) | Part::File(media)) => self.media(part, media)?,
            Piece::Part(Part::Reasoning(reasoning)) => {
                part.text("text", &reasoning.text);
                if !reasoning.text.is_empty() {
                    part.flag("thought", true);
                }
                part.text("thoughtSignature", unmarked(MARK, reasoning.opaque.as_deref()).unwrap_or_default());
            }
            Piece::Part(Part::ToolCall(call)) => self.call(part, call, std::mem::take(is_first)),
            Piece::Part(Part::ToolResult(result)) => self.result(part, result),
            Piece::NoResult(call) => self.result(
                part,
                &ToolResult {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    content: NO_RESULT.to_owned(),
                    is_error: true,
                },
            ),
        }
        Ok(())
    }

    fn call(&self, part: &mut Object<'_>, call: &CalledTool, is_first: bool) {
        part.object("functionCall", |function| {
            if has_own_id(call) {
                function.text("id", &call.id);
            }
            function.text("name", &self.asked.names.sent(&call.name));
            match call.arguments.as_str().starts_with('{') {
                true => function.json("args", &call.arguments),
                // What was no object was written by a model, and is shown to it as it was.
                false => function.object("args", |args| args.json("arguments", &call.arguments)),
            }
        });
        let seal = unmarked(MARK, call.opaque.as_deref()).unwrap_or_default();
        match seal.strip_prefix(OWN_ID).unwrap_or(seal) {
            "" if is_first && self.is_new => part.text("thoughtSignature", NO_SIGNATURE),
            "" => {}
            seal => part.text("thoughtSignature", seal),
        }
    }

    fn result(&self, part: &mut Object<'_>, result: &ToolResult) {
        let messages = self.asked.prompt.messages.iter();
        let call = messages.rev().flat_map(|message| message.calls()).find(|call| call.id == result.id);
        part.object("functionResponse", |function| {
            if call.is_some_and(has_own_id) {
                function.text("id", &result.id);
            }
            // The name has to be that of the call, whatever the result says.
            let name = call.map_or(&result.name, |call| &call.name);
            function.text("name", &self.asked.names.sent(name));
            let json = Json::parse(&result.content).ok();
            let object = json.filter(|json| json.as_str().starts_with('{') && !result.is_error);
            match object {
                Some(object) => function.json("response", &object),
                None => function.object("response", |response| {
                    response.text(if result.is_error { "error" } else { "result" }, &result.content);
                }),
            }
        });
    }

    fn media(&self, part: &mut Object<'_>, media: &Media) -> Result<(), Failure> {
        let bytes = bytes_of(media, 0, self.asked)?;
        match text_of(media, bytes) {
            Some(text) => part.text("text", &text),
            None => part.object("inlineData", |data| {
                data.text("mimeType", &media.mime);
                data.base64("data", bytes);
            }),
        }
        Ok(())
    }
}

/// Tells whether the id of a call came from this provider: others are ours, or another's, and are not sent.
fn has_own_id(call: &CalledTool) -> bool {
    unmarked(MARK, call.opaque.as_deref()).is_some_and(|seal| seal.starts_with(OWN_ID))
}
