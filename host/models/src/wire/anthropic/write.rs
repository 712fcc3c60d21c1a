// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a request.

use std::collections::BTreeSet;

use priory_core::failure::Failure;
use priory_core::json::Json;
use priory_core::model::{Ability, CalledTool, Choice, Effort, Media, Part, Reasoning, ToolDefinition};

use super::takes::Takes;
use super::{HIDDEN, MARK, schema};
use crate::wire::body::{List, Object};
use crate::wire::openai::{bytes_of, text_of};
use crate::wire::turns::{Conversation, NO_RESULT, Piece, Side, Turn};
use crate::wire::{Asked, schema_words, unmarked};

/// How few tokens may be set aside for thinking.
const THINKING_TOKENS_MIN: u64 = 1_024;
/// How many turns of the user are marked for the cache: with the tools and the system that makes as many as there may be.
const CACHED_TURNS: usize = 2;
/// The pictures that are taken.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/// The largest temperature, in thousandths.
const TEMPERATURE_MILLI_MAX: u32 = 1_000;

/// Writes one request.
pub(super) struct Writer<'a> {
    asked: &'a Asked<'a>,
    takes: Takes,
    conversation: &'a Conversation<'a>,
    /// The schema to which the provider holds the model.
    held: Option<Json>,
    thinking: Thinking,
}

/// How a model is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinking {
    /// As it does where nothing is said.
    Unsaid,
    /// With so many tokens at most.
    Tokens(u64),
    /// As long as it likes.
    Adaptive,
}

/// Tells whether reasoning was signed by this provider.
pub(super) fn is_signed(part: &Part) -> bool {
    matches!(part, Part::Reasoning(reasoning) if unmarked(MARK, reasoning.opaque.as_deref()).is_some())
}

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(super) fn new(asked: &'a Asked<'a>, takes: Takes, conversation: &'a Conversation<'a>) -> Self {
        let output = asked.prompt.sampling.output.as_ref();
        let held = output.filter(|_| asked.spec.info.can(Ability::Schema)).and_then(schema::held);
        let mut this = Self { asked, takes, conversation, held, thinking: Thinking::Unsaid };
        this.thinking = this.thinking();
        this
    }

    /// Tells whether the request holds reasoning that belongs to a conversation which may have been shortened since.
    pub(super) fn binds(&self) -> bool {
        let pieces = self.conversation.turns.iter().flat_map(|turn| &turn.pieces);
        self.takes.binds && pieces.into_iter().any(|piece| matches!(piece, Piece::Part(part) if is_signed(part)))
    }

    pub(super) fn fill(&self, body: &mut Object<'_>) -> Result<(), Failure> {
        let Asked { spec, prompt, .. } = *self.asked;
        let sampling = &prompt.sampling;
        body.text("model", &spec.info.id);
        body.number("max_tokens", prompt.output_tokens_max);
        self.tools(body);
        self.system(body);
        body.list("messages", |list| {
            let users = self.conversation.turns.iter().filter(|turn| turn.side == Side::User).count();
            let mut user = 0;
            for turn in &self.conversation.turns {
                user += usize::from(turn.side == Side::User);
                let is_marked = spec.caches_prompt && turn.side == Side::User && user + CACHED_TURNS > users;
                self.turn(list, turn, is_marked)?;
            }
            Ok::<_, Failure>(())
        })?;
        self.think(body);
        if let Some(milli) = sampling.temperature_milli.filter(|_| self.takes.sampling)
            && !matches!(self.thinking, Thinking::Tokens(_))
        {
            body.thousandths("temperature", milli.min(TEMPERATURE_MILLI_MAX));
        }
        if !sampling.stop.is_empty() {
            if sampling.stop.iter().any(|stop| stop.trim().is_empty()) {
                let reason = "this provider takes no stop sequence of spaces alone";
                return Err(Failure::invalid("model request", "/stop", reason));
            }
            body.list("stop_sequences", |list| sampling.stop.iter().for_each(|stop| list.text(stop)));
        }
        if prompt.streams {
            body.flag("stream", true);
        }
        Ok(())
    }

    /// Says how the model thinks and tries, and to which schema its answer is held.
    fn think(&self, body: &mut Object<'_>) {
        let binds = self.binds();
        match self.thinking {
            Thinking::Tokens(tokens) => body.object("thinking", |thinking| {
                thinking.text("type", "enabled");
                thinking.number("budget_tokens", tokens);
            }),
            Thinking::Adaptive => body.object("thinking", |thinking| {
                thinking.text("type", "adaptive");
                if self.takes.display {
                    thinking.text("display", "summarized");
                }
                if binds {
                    thinking.object("block_binding", |one| one.text("prefix_mismatch_behavior", "drop_block"));
                }
            }),
            Thinking::Unsaid => {}
        }
        let effort = self.effort();
        if effort.is_none() && self.held.is_none() {
            return;
        }
        body.object("output_config", |config| {
            if let Some(effort) = effort {
                config.text("effort", effort);
            }
            if let Some(schema) = &self.held {
                config.object("format", |format| {
                    format.text("type", "json_schema");
                    format.json("schema", schema);
                });
            }
        });
    }

    fn thinking(&self) -> Thinking {
        let prompt = self.asked.prompt;
        let wanted = prompt.sampling.effort.filter(|_| self.asked.spec.info.can(Ability::Reasoning));
        if self.takes.adaptive {
            let is_wanted = wanted.is_some_and(|effort| effort != Effort::None);
            // Who is told to call a tool is not told to think.
            let is_free = !(self.is_forced() && self.takes.forced);
            return if is_free && (is_wanted || self.binds()) { Thinking::Adaptive } else { Thinking::Unsaid };
        }
        let most = prompt.output_tokens_max;
        let tokens = match wanted {
            None | Some(Effort::None) => return Thinking::Unsaid,
            Some(Effort::Low) => most / 8,
            Some(Effort::Medium) => most / 4,
            Some(Effort::High) => most / 2,
        };
        // What is set aside for thinking has to leave something for the answer.
        let tokens = tokens.max(THINKING_TOKENS_MIN);
        let is_possible = tokens.saturating_mul(2) <= most && !self.is_forced() && self.was_thought();
        if is_possible { Thinking::Tokens(tokens) } else { Thinking::Unsaid }
    }

    /// Tells whether the last turn of the model begins with its reasoning, where its tools are still answering: one that does
    /// not, because another model said it, is refused where thinking is on.
    fn was_thought(&self) -> bool {
        let mut turns = self.conversation.turns.iter().rev();
        let answers = |turn: &Turn<'_>| {
            matches!(turn.pieces.first(), Some(Piece::Part(Part::ToolResult(_)) | Piece::NoResult(_)))
        };
        if !turns.next().is_some_and(answers) {
            return true;
        }
        let first = turns.next().and_then(|turn| turn.pieces.first());
        matches!(first, Some(Piece::Part(Part::Reasoning(_))))
    }

    fn effort(&self) -> Option<&'static str> {
        let effort = self.asked.prompt.sampling.effort.filter(|_| self.asked.spec.info.can(Ability::Reasoning))?;
        match effort {
            _ if !self.takes.adaptive => None,
            // Those that always think are told to do little of it.
            Effort::None if self.takes.always_thinks => Some("low"),
            Effort::None => None,
            Effort::Low => Some("low"),
            Effort::Medium => Some("medium"),
            Effort::High => Some("high"),
        }
    }

    fn is_forced(&self) -> bool {
        let prompt = self.asked.prompt;
        !prompt.tools.is_empty() && matches!(prompt.sampling.choice, Choice::Any | Choice::Only(_))
    }

    fn tools(&self, body: &mut Object<'_>) {
        let Asked { spec, prompt, names, .. } = *self.asked;
        if prompt.tools.is_empty() {
            return self.old_tools(body);
        }
        let last = prompt.tools.len() - 1;
        body.list("tools", |list| {
            for (at, tool) in prompt.tools.iter().enumerate() {
                list.object(|object| {
                    object.text("name", &names.sent(&tool.name));
                    write_definition(object, tool);
                    if spec.caches_prompt && at == last {
                        mark(object);
                    }
                });
            }
        });
        match &prompt.sampling.choice {
            Choice::Auto => {}
            Choice::None => body.object("tool_choice", |choice| choice.text("type", "none")),
            // Who cannot be told to is asked to, in words.
            Choice::Any | Choice::Only(_) if !self.takes.forced => {}
            Choice::Any => body.object("tool_choice", |choice| choice.text("type", "any")),
            Choice::Only(name) => body.object("tool_choice", |choice| {
                choice.text("type", "tool");
                choice.text("name", &names.sent(name));
            }),
        }
    }

    /// Writes the tools that were called before, where none is offered now: calls of tools that are not there are refused.
    fn old_tools(&self, body: &mut Object<'_>) {
        let pieces = self.conversation.turns.iter().flat_map(|turn| &turn.pieces);
        let called = pieces.filter_map(|piece| match piece {
            Piece::Part(Part::ToolCall(call)) => Some(self.asked.names.sent(&call.name)),
            _ => None,
        });
        let called: BTreeSet<_> = called.collect();
        if called.is_empty() {
            return;
        }
        body.list("tools", |list| {
            for name in &called {
                list.object(|object| {
                    object.text("name", name);
                    object.text("description", "It is not there any more.");
                    object.object("input_schema", |schema| schema.text("type", "object"));
                });
            }
        });
        body.object("tool_choice", |choice| choice.text("type", "none"));
    }

    fn system(&self, body: &mut Object<'_>) {
        let Asked { spec, prompt, names, .. } = *self.asked;
        let sampling = &prompt.sampling;
        let mut more = Vec::new();
        if let Some(schema) = sampling.output.as_ref().filter(|_| self.held.is_none()) {
            more.push(schema_words(schema, prompt));
        }
        if self.is_forced() && !self.takes.forced {
            more.push(match &sampling.choice {
                Choice::Only(name) => format!("Call the tool `{}` now.", names.sent(name)),
                _ => "Call at least one of the tools now.".to_owned(),
            });
        }
        let blocks: Vec<&str> =
            self.conversation.system.iter().copied().chain(more.iter().map(String::as_str)).collect();
        let Some(last) = blocks.len().checked_sub(1) else { return };
        body.list("system", |list| {
            for (at, text) in blocks.iter().enumerate() {
                list.object(|object| {
                    object.text("type", "text");
                    object.text("text", text);
                    if spec.caches_prompt && at == last {
                        mark(object);
                    }
                });
            }
        });
    }

    fn turn(&self, list: &mut List<'_>, turn: &Turn<'_>, is_marked: bool) -> Result<(), Failure> {
        let role = if turn.side == Side::User { "user" } else { "assistant" };
        let last = turn.pieces.len().saturating_sub(1);
        list.object(|message| {
            message.text("role", role);
            message.list("content", |list| {
                for (at, piece) in turn.pieces.iter().enumerate() {
                    list.object(|block| {
                        self.piece(block, piece)?;
                        if is_marked && at == last {
                            mark(block);
                        }
                        Ok::<_, Failure>(())
                    })?;
                }
                Ok(())
            })
        })
    }

    fn piece(&self, block: &mut Object<'_>, piece: &Piece<'_>) -> Result<(), Failure> {
        match piece {
            Piece::Words(text) => text_block(block, text),
            Piece::Part(Part::Text(text)) => text_block(block, text),
            Piece::Part(Part::Image(media) | Part::File(media)) => self.media(block, media)?,
            Piece::Part(Part::Reasoning(reasoning)) => reasoning_block(block, reasoning),
            Piece::Part(Part::ToolCall(call)) => {
                block.text("type", "tool_use");
                block.text("id", &id(&call.id));
                block.text("name", &self.asked.names.sent(&call.name));
                match call.arguments.as_str().starts_with('{') {
                    true => block.json("input", &call.arguments),
                    // What was no object was written by a model, and is shown to it as it was.
                    false => block.object("input", |input| input.json("arguments", &call.arguments)),
                }
            }
            Piece::Part(Part::ToolResult(result)) => {
                result_block(block, &result.id, &result.content, result.is_error);
            }
            Piece::NoResult(CalledTool { id, .. }) => result_block(block, id, NO_RESULT, true),
        }
        Ok(())
    }

    fn media(&self, block: &mut Object<'_>, media: &Media) -> Result<(), Failure> {
        let bytes = bytes_of(media, 0, self.asked)?;
        let mime = media.mime.as_str();
        let source = |source: &mut Object<'_>| {
            source.text("type", "base64");
            source.text("media_type", mime);
            source.base64("data", bytes);
        };
        if IMAGES.contains(&mime) {
            block.text("type", "image");
            block.object("source", source);
        } else if mime == "application/pdf" {
            block.text("type", "document");
            block.object("source", source);
            if let Some(name) = &media.name {
                block.text("title", name);
            }
        } else if let Some(text) = text_of(media, bytes) {
            text_block(block, &text);
        } else {
            let reason = format!("this provider takes pictures, PDF and texts, and not {mime}");
            return Err(Failure::invalid("model request", "/messages", reason));
        }
        Ok(())
    }
}

fn write_definition(object: &mut Object<'_>, tool: &ToolDefinition) {
    let (schema, words) = schema::arguments(&tool.input_schema);
    let words = words.unwrap_or_default();
    if !tool.description.is_empty() || !words.is_empty() {
        object.text("description", &format!("{}{words}", tool.description));
    }
    object.json("input_schema", &schema);
}

/// Marks the end of what the provider keeps in its cache.
fn mark(object: &mut Object<'_>) {
    object.object("cache_control", |mark| mark.text("type", "ephemeral"));
}

fn text_block(block: &mut Object<'_>, text: &str) {
    block.text("type", "text");
    block.text("text", text);
}

fn reasoning_block(block: &mut Object<'_>, reasoning: &Reasoning) {
    let seal = unmarked(MARK, reasoning.opaque.as_deref()).unwrap_or_default();
    if let Some(data) = seal.strip_prefix(HIDDEN) {
        block.text("type", "redacted_thinking");
        block.text("data", data);
        return;
    }
    block.text("type", "thinking");
    block.text("thinking", &reasoning.text);
    block.text("signature", seal);
}

fn result_block(block: &mut Object<'_>, call: &str, content: &str, is_error: bool) {
    block.text("type", "tool_result");
    block.text("tool_use_id", &id(call));
    // A failure has to say something.
    if !content.trim().is_empty() || is_error {
        block.text("content", if content.trim().is_empty() { "It failed." } else { content });
    }
    if is_error {
        block.flag("is_error", true);
    }
}

/// Returns the id of a call with the characters that are taken: another provider may have given it.
fn id(id: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || char == '_' || char == '-' { char } else { '_' };
    id.chars().map(plain).collect()
}
