// SPDX-License-Identifier: MIT OR Apache-2.0
//! What servers answer to a chat completion, whole or as a stream: the same objects, with `message` or with `delta`.
//!
//! What OpenAI does not write, and others do: no usage; no ids of calls, no `index` of them, or the same one for all;
//! arguments as an object; `content` as `null` or as a list; reasoning as `reasoning_content`, as `reasoning`, or in the
//! words; a `finish_reason` that is missing or says something of its own; a stream that ends without `[DONE]`; an error with
//! a good status.

use std::borrow::Cow;
use std::fmt;

use priory_core::model::StopReason;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::lenient::{self, Few, parsed};
use super::super::{Draft, Ear, Names, Progress, Reader, Reported, Said, WireError};
use super::think::{Piece, Think};
use super::{CALL_EXTRA, REASONING_FIELD};
use crate::sse::SseEvent;

/// How many answers may stand beside each other. One is asked for.
const CHOICES_MAX: usize = 16;
/// How a stream says that it is over.
const DONE: &str = "[DONE]";

/// An answer, or a piece of one.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(default, borrow)]
    choices: Option<Few<Option<OneChoice<'a>>, CHOICES_MAX>>,
    #[serde(default, deserialize_with = "lenient::object")]
    usage: Option<Usage>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OneChoice<'a> {
    #[serde(default, deserialize_with = "lenient::count")]
    index: Option<u64>,
    #[serde(default, borrow)]
    delta: Option<Saying<'a>>,
    #[serde(default, borrow)]
    message: Option<Saying<'a>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    finish_reason: Option<Cow<'a, str>>,
    /// vLLM: the stop sequence.
    #[serde(default, borrow)]
    stop_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Saying<'a> {
    #[serde(default, borrow)]
    content: Option<Content<'a>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    refusal: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    reasoning: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    tool_calls: Option<Few<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(default, deserialize_with = "lenient::count")]
    index: Option<u64>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    function: Option<Function<'a>>,
    #[serde(default, borrow)]
    extra_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    name: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    arguments: Option<&'a RawValue>,
}

/// What an answer took, as the servers write it.
#[derive(Deserialize)]
pub(super) struct Usage {
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::object")]
    prompt_tokens_details: Option<Details>,
    #[serde(default, deserialize_with = "lenient::object")]
    completion_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default, deserialize_with = "lenient::count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cache_write_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    reasoning_tokens: Option<u64>,
}

/// Words, or a list of parts that have some.
#[derive(Default)]
struct Content<'a> {
    text: Cow<'a, str>,
    thinking: String,
}

/// An answer that is being read.
#[derive(Default)]
pub(super) struct Answer {
    draft: Draft,
    think: Think,
    usage: Reported,
    /// Whether there was anything at all.
    has_choice: bool,
    finish: Option<StopReason>,
    is_refused: bool,
    is_done: bool,
    has_field: bool,
    slots: Vec<Slot>,
}

/// A call, as the server tells it from others.
struct Slot {
    index: Option<u64>,
    id: String,
    name: String,
}

// === impl Answer ===

impl Answer {
    /// Reads an answer, or a piece of one.
    pub(super) fn read(&mut self, body: &[u8], ear: &mut Ear<'_>) -> Result<(), WireError> {
        let chunk: Chunk<'_> = parsed(body)?;
        if let Some(error) = chunk.error {
            return Err(lenient::inside(error));
        }
        if let Some(usage) = &chunk.usage {
            self.usage.update(usage.reported());
        }
        for choice in chunk.choices.into_iter().flatten().flatten() {
            // Only one was asked for.
            if choice.index.unwrap_or(0) == 0 {
                self.choice(choice, ear)?;
            }
        }
        Ok(())
    }

    fn choice(&mut self, choice: OneChoice<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        self.has_choice = true;
        if let Some(saying) = choice.delta {
            self.saying(saying, ear)?;
        }
        if let Some(mut saying) = choice.message {
            // Here each call is whole, and stands for itself.
            for (at, call) in saying.tool_calls.iter_mut().flat_map(|calls| &mut calls.0).enumerate() {
                call.index = Some(at as u64);
            }
            self.saying(saying, ear)?;
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            let at_sequence = choice.stop_reason.is_some_and(|stop| stop.get().starts_with('"'));
            self.finish = Some(stop_of(&reason, at_sequence));
        }
        Ok(())
    }

    fn saying(&mut self, saying: Saying<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        let content = saying.content.unwrap_or_default();
        let fields = [("reasoning_content", saying.reasoning_content), ("reasoning", saying.reasoning)];
        let told = fields.into_iter().find_map(|(field, text)| Some((field, text.filter(|text| !text.is_empty())?)));
        if let Some((field, text)) = told {
            self.draft.reasoning(&text, ear)?;
            if !std::mem::replace(&mut self.has_field, true) {
                self.draft.reasoning_opaque(REASONING_FIELD, field)?;
            }
        }
        self.draft.reasoning(&content.thinking, ear)?;
        if self.think.is_behind() {
            self.draft.text(&content.text, ear)?;
        } else if !content.text.is_empty() {
            for piece in self.think.push(&content.text) {
                self.piece(piece, ear)?;
            }
        }
        if let Some(refusal) = saying.refusal.filter(|refusal| !refusal.is_empty()) {
            self.is_refused = true;
            self.draft.text(&refusal, ear)?;
        }
        for call in saying.tool_calls.into_iter().flatten() {
            self.call(&call)?;
        }
        Ok(())
    }

    fn piece(&mut self, piece: Piece, ear: &mut Ear<'_>) -> Result<(), WireError> {
        match piece {
            Piece::Text(text) => self.draft.text(&text, ear),
            Piece::Reasoning(text) => self.draft.reasoning(&text, ear),
        }
    }

    fn call(&mut self, call: &Call<'_>) -> Result<(), WireError> {
        let function = call.function.as_ref();
        let name = function.and_then(|function| function.name.as_deref()).unwrap_or_default();
        let raw = function.and_then(|function| function.arguments).map_or("", |arguments| arguments.get());
        let arguments = match raw {
            text if text.starts_with('"') => Cow::Owned(serde_json::from_str::<String>(text).unwrap_or_default()),
            text => Cow::Borrowed(text),
        };
        let id = call.id.as_deref().unwrap_or_default();
        let key = self.slot(call.index, id, name);
        self.draft.call(key, id, name, &arguments)?;
        match call.extra_content {
            Some(extra) => self.draft.call_opaque(key, CALL_EXTRA, extra.get()),
            None => Ok(()),
        }
    }

    /// Finds the call to which a piece belongs, or makes room for a new one.
    fn slot(&mut self, index: Option<u64>, id: &str, name: &str) -> u64 {
        let fits = |known: &str, given: &str| known.is_empty() || given.is_empty() || known == given;
        let is_same = |slot: &Slot| match index {
            Some(_) => slot.index == index && fits(&slot.id, id) && fits(&slot.name, name),
            None if id.is_empty() => name.is_empty(),
            None => slot.id == id,
        };
        let found = self.slots.iter().rposition(is_same);
        let at = found.unwrap_or_else(|| {
            self.slots.push(Slot { index, id: String::new(), name: String::new() });
            self.slots.len() - 1
        });
        if let Some(slot) = self.slots.get_mut(at) {
            for (known, given) in [(&mut slot.id, id), (&mut slot.name, name)] {
                if known.is_empty() {
                    known.push_str(given);
                }
            }
        }
        at as u64
    }

    /// Takes what was said. `is_whole` says that nothing can be missing.
    pub(super) fn said(mut self, is_whole: bool, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Said, WireError> {
        if !self.has_choice {
            return Err(match is_whole || self.is_done {
                true => WireError::Malformed("it has no `choices`".to_owned()),
                false => WireError::Cut,
            });
        }
        if self.finish.is_none() && !self.is_done && !is_whole {
            return Err(WireError::Cut);
        }
        if let Some(piece) = self.think.end() {
            self.piece(piece, ear)?;
        }
        let stop = match self.finish {
            Some(StopReason::Length) => StopReason::Length,
            _ if self.is_refused => StopReason::Refused,
            Some(StopReason::Refused) => StopReason::Refused,
            _ if self.draft.calls() > 0 => StopReason::ToolCalls,
            Some(StopReason::StopSequence) => StopReason::StopSequence,
            _ => StopReason::End,
        };
        let parts = self.draft.finish(stop == StopReason::Length, names, ear);
        Ok(Said { parts, stop, usage: self.usage })
    }
}

impl Reader for Answer {
    fn event(&mut self, event: &SseEvent<'_>, _names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Progress, WireError> {
        match event.data.trim() {
            DONE => {
                self.is_done = true;
                Ok(Progress::Done)
            }
            "" => Ok(Progress::More),
            data => self.read(data.as_bytes(), ear).map(|()| Progress::More),
        }
    }

    fn finish(self: Box<Self>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Said, WireError> {
        self.said(false, names, ear)
    }

    fn draft(&self) -> &Draft {
        &self.draft
    }

    fn usage(&self) -> Reported {
        self.usage
    }
}

fn stop_of(reason: &str, at_sequence: bool) -> StopReason {
    match reason {
        "length" | "max_tokens" | "max_output_tokens" | "model_length" => StopReason::Length,
        "tool_calls" | "function_call" | "tool_use" => StopReason::ToolCalls,
        "content_filter" | "refusal" | "safety" => StopReason::Refused,
        "stop_sequence" => StopReason::StopSequence,
        _ if at_sequence => StopReason::StopSequence,
        _ => StopReason::End,
    }
}

// === impl Usage ===

impl Usage {
    /// Returns what it says.
    pub(super) fn reported(&self) -> Reported {
        let input = self.prompt_tokens;
        // Some count reasoning in the sum alone.
        let beyond = self.total_tokens.zip(input).and_then(|(total, input)| total.checked_sub(input));
        let prompt = self.prompt_tokens_details.as_ref();
        Reported {
            input,
            output: self.completion_tokens.map(|output| output.max(beyond.unwrap_or(0))),
            cached: prompt.and_then(|details| details.cached_tokens).or(self.prompt_cache_hit_tokens),
            cache_written: prompt.and_then(|details| details.cache_write_tokens),
            reasoning: self.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens),
        }
    }
}

// === impl Content ===

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("words or a list of parts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content { text: Cow::Borrowed(text), thinking: String::new() })
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content { text: Cow::Owned(text.to_owned()), thinking: String::new() })
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Content::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                #[derive(Deserialize)]
                struct Part<'a> {
                    #[serde(default, borrow, deserialize_with = "lenient::text")]
                    text: Option<Cow<'a, str>>,
                    /// Mistral: a list of parts that have words.
                    #[serde(default, deserialize_with = "lenient::maybe")]
                    thinking: Option<Few<Thought>>,
                }
                #[derive(Deserialize)]
                struct Thought {
                    #[serde(default)]
                    text: String,
                }
                let (mut text, mut thinking) = (String::new(), String::new());
                while let Some(part) = seq.next_element::<Part<'_>>()? {
                    text.push_str(&part.text.unwrap_or_default());
                    part.thinking.into_iter().flatten().for_each(|thought| thinking.push_str(&thought.text));
                }
                Ok(Content { text: Cow::Owned(text), thinking })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Err(serde::de::Error::custom("`content` is an object"))
            }
        }
        d.deserialize_any(Reads)
    }
}
