// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads answers, whole and as events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use priory_core::model::StopReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Draft, Ear, HIDDEN, MARK, Names, Reader, Said, WireError};
use crate::sse::SseEvent;
use crate::wire::lenient::{self, Few};
use crate::wire::{Progress, Reported, fault};

/// An answer while it is read.
#[derive(Debug, Default)]
pub(super) struct Answer {
    draft: Draft,
    usage: Reported,
    stop: Option<StopReason>,
    /// Calls that are being written, by their block: the arguments with which they began, until others come.
    open: BTreeMap<u64, Option<String>>,
    /// The call whose block has ended. It is whole when something follows: the last one may be one of half, and that is said
    /// at the end of the answer.
    ended: Option<u64>,
    /// The block that was begun last, for servers that do not number them.
    last: u64,
    is_done: bool,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Few<Block<'a>>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient::object")]
    usage: Option<Usage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Block<'a> {
    #[serde(rename = "type", borrow, default, deserialize_with = "lenient::text")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    data: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    partial_json: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow, default, deserialize_with = "lenient::text")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient::count")]
    index: Option<u64>,
    #[serde(default, deserialize_with = "lenient::object")]
    message: Option<Started>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Block<'a>>,
    #[serde(default, deserialize_with = "lenient::object")]
    usage: Option<Usage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Started {
    #[serde(default, deserialize_with = "lenient::object")]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default, deserialize_with = "lenient::count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cache_read_input_tokens: Option<u64>,
}

// === impl Answer ===

impl Answer {
    /// Reads a whole answer.
    pub(super) fn whole(&mut self, body: &[u8], names: &Names<'_>) -> Result<(), WireError> {
        let message: Message<'_> = parsed(body)?;
        if let Some(error) = message.error {
            return Err(lenient::inside(error));
        }
        let Some(content) = message.content else {
            return Err(WireError::Malformed("it has no `content`".to_owned()));
        };
        let mut deaf = Ear::deaf();
        for (at, block) in content.0.iter().enumerate() {
            self.begin(at as u64, block, names, &mut deaf)?;
            self.end(at as u64)?;
        }
        self.usage = message.usage.map(|usage| usage.reported(true)).unwrap_or_default();
        self.stop = Some(stop_of(message.stop_reason.as_deref().unwrap_or_default()));
        self.is_done = true;
        Ok(())
    }

    /// Takes what was said.
    pub(super) fn said(self, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Said, WireError> {
        let Some(stop) = self.stop.or_else(|| self.is_done.then_some(StopReason::End)) else {
            return Err(WireError::Cut);
        };
        let stop = match stop {
            StopReason::End | StopReason::ToolCalls if self.draft.calls() > 0 => StopReason::ToolCalls,
            StopReason::ToolCalls => StopReason::End,
            stop => stop,
        };
        let parts = self.draft.finish(stop == StopReason::Length, names, ear);
        Ok(Said { parts, stop, usage: self.usage })
    }

    /// Begins a block. What is no words, no reasoning and no call of ours is passed over.
    fn begin(&mut self, key: u64, block: &Block<'_>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        self.last = key;
        self.draft.seal();
        if let Some(ended) = self.ended.take() {
            self.draft.close(ended, names, ear);
        }
        match block.kind.as_deref().unwrap_or_default() {
            "text" => self.draft.text(block.text.as_deref().unwrap_or_default(), ear),
            "thinking" => {
                self.draft.reasoning(block.thinking.as_deref().unwrap_or_default(), ear)?;
                self.sign(block)
            }
            "redacted_thinking" => {
                let data = block.data.as_deref().unwrap_or_default();
                self.draft.reasoning_opaque(MARK, &format!("{HIDDEN}{data}"))
            }
            "tool_use" => {
                let name = block.name.as_deref().unwrap_or_default();
                self.draft.call(key, block.id.as_deref().unwrap_or_default(), name, "")?;
                self.open.insert(key, block.input.map(|input| arguments(input).into_owned()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn sign(&mut self, block: &Block<'_>) -> Result<(), WireError> {
        match block.signature.as_deref() {
            None | Some("") => Ok(()),
            Some(signature) => self.draft.reasoning_opaque(MARK, signature),
        }
    }

    fn more(&mut self, key: u64, delta: &Block<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        match delta.kind.as_deref().unwrap_or_default() {
            "text_delta" => self.draft.text(delta.text.as_deref().unwrap_or_default(), ear),
            "thinking_delta" => self.draft.reasoning(delta.thinking.as_deref().unwrap_or_default(), ear),
            "signature_delta" => self.sign(delta),
            "input_json_delta" => {
                let piece = delta.partial_json.as_deref().unwrap_or_default();
                if piece.is_empty() || !self.draft.is_open(key) {
                    return Ok(());
                }
                // What comes in pieces takes the place of what the block began with.
                self.open.insert(key, None);
                self.draft.call(key, "", "", piece)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, key: u64) -> Result<(), WireError> {
        if let Some(begun) = self.open.remove(&key) {
            if let Some(begun) = begun {
                self.draft.call_arguments(key, &begun)?;
            }
            self.ended = Some(key);
        }
        Ok(())
    }
}

impl Reader for Answer {
    fn event(&mut self, event: &SseEvent<'_>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Progress, WireError> {
        if event.data.trim().is_empty() {
            return Ok(Progress::More);
        }
        let event: Event<'_> = parsed(event.data.as_bytes())?;
        if let Some(error) = event.error {
            return Err(lenient::inside(error));
        }
        let key = event.index.unwrap_or(self.last);
        match event.kind.as_deref().unwrap_or_default() {
            "message_start" => {
                let usage = event.message.and_then(|message| message.usage);
                self.usage.update(usage.map(|usage| usage.reported(false)).unwrap_or_default());
            }
            "content_block_start" => {
                let key = event.index.unwrap_or(self.last.saturating_add(1));
                self.begin(key, &event.content_block.unwrap_or_default(), names, ear)?;
            }
            "content_block_delta" => self.more(key, &event.delta.unwrap_or_default(), ear)?,
            "content_block_stop" => self.end(key)?,
            "message_delta" => {
                self.usage.update(event.usage.map(|usage| usage.reported(true)).unwrap_or_default());
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    self.stop = Some(stop_of(&reason));
                }
            }
            "message_stop" => {
                self.is_done = true;
                return Ok(Progress::Done);
            }
            _ => {}
        }
        Ok(Progress::More)
    }

    fn finish(self: Box<Self>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Said, WireError> {
        self.said(names, ear)
    }

    fn draft(&self) -> &Draft {
        &self.draft
    }

    fn usage(&self) -> Reported {
        self.usage
    }
}

// === impl Usage ===

impl Usage {
    /// Returns what it says. What came from the cache, or went to it, is counted beside the input here. What stands at the
    /// beginning of a stream says nothing of the output yet.
    fn reported(&self, is_end: bool) -> Reported {
        let (cached, written) = (self.cache_read_input_tokens, self.cache_creation_input_tokens);
        let beside = cached.unwrap_or(0).saturating_add(written.unwrap_or(0));
        Reported {
            input: self.input_tokens.map(|input| input.saturating_add(beside)),
            output: self.output_tokens.filter(|_| is_end),
            cached,
            cache_written: written,
            reasoning: None,
        }
    }
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, WireError> {
    serde_json::from_slice(body).map_err(|error| WireError::Malformed(fault::clipped(&error.to_string())))
}

/// Returns arguments as they were written. An object is the rule; some servers write a string with one in it.
fn arguments(input: &RawValue) -> Cow<'_, str> {
    match input.get() {
        text if text.starts_with('"') => Cow::Owned(serde_json::from_str(text).unwrap_or_default()),
        text => Cow::Borrowed(text),
    }
}

fn stop_of(reason: &str) -> StopReason {
    match reason {
        "tool_use" => StopReason::ToolCalls,
        // A turn that was paused can go on, as one that came to its length can.
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" => StopReason::Length,
        "stop_sequence" => StopReason::StopSequence,
        "refusal" => StopReason::Refused,
        _ => StopReason::End,
    }
}
