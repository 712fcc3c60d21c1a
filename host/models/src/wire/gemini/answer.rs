// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads answers, whole and as events: each event is an answer of its own, with more of the whole.

use std::borrow::Cow;

use priory_core::model::StopReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Draft, Ear, MARK, Names, OWN_ID, Reader, Said, WireError};
use crate::sse::SseEvent;
use crate::wire::lenient::{self, Few};
use crate::wire::{FaultKind, Progress, ProviderFault, Reported, fault};

/// How many answers may stand beside each other. One is asked for.
const CANDIDATES_MAX: usize = 16;

/// An answer while it is read.
#[derive(Debug, Default)]
pub(super) struct Answer {
    draft: Draft,
    usage: Reported,
    finish: Option<Finish>,
    /// Whether there was any answer, or a word about why there is none.
    has_candidate: bool,
    calls: u64,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finish {
    Stopped(StopReason),
    /// The model, or its provider, made a mistake that a second time it may not make.
    Failed(String),
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    candidates: Option<Few<Candidate<'a>, CANDIDATES_MAX>>,
    #[serde(rename = "promptFeedback", borrow, default)]
    feedback: Option<Feedback<'a>>,
    #[serde(rename = "usageMetadata", default, deserialize_with = "lenient::object")]
    usage: Option<Usage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Feedback<'a> {
    #[serde(rename = "blockReason", borrow, default, deserialize_with = "lenient::text")]
    block_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Candidate<'a> {
    #[serde(default, deserialize_with = "lenient::count")]
    index: Option<u64>,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(rename = "finishReason", borrow, default, deserialize_with = "lenient::text")]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(rename = "finishMessage", borrow, default, deserialize_with = "lenient::text")]
    finish_message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Few<OnePart<'a>>>,
}

#[derive(Deserialize)]
struct OnePart<'a> {
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    text: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient::maybe")]
    thought: Option<bool>,
    #[serde(rename = "thoughtSignature", borrow, default, deserialize_with = "lenient::text")]
    signature: Option<Cow<'a, str>>,
    #[serde(rename = "functionCall", borrow, default)]
    call: Option<Call<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::text")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(rename = "promptTokenCount", default, deserialize_with = "lenient::count")]
    prompt: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount", default, deserialize_with = "lenient::count")]
    tool_use: Option<u64>,
    #[serde(rename = "candidatesTokenCount", default, deserialize_with = "lenient::count")]
    candidates: Option<u64>,
    #[serde(rename = "thoughtsTokenCount", default, deserialize_with = "lenient::count")]
    thoughts: Option<u64>,
    #[serde(rename = "cachedContentTokenCount", default, deserialize_with = "lenient::count")]
    cached: Option<u64>,
}

// === impl Answer ===

impl Answer {
    /// Reads an answer, or a piece of one. Returns whether the format says that this was the end.
    pub(super) fn read(&mut self, body: &[u8], ear: &mut Ear<'_>) -> Result<bool, WireError> {
        let chunk: Chunk<'_> =
            serde_json::from_slice(body).map_err(|error| WireError::Malformed(fault::clipped(&error.to_string())))?;
        if let Some(error) = chunk.error {
            return Err(lenient::inside(error));
        }
        let has_usage = chunk.usage.is_some();
        self.usage.update(chunk.usage.map(|usage| usage.reported()).unwrap_or_default());
        if chunk.feedback.and_then(|feedback| feedback.block_reason).is_some() {
            self.has_candidate = true;
            self.finish = Some(Finish::Stopped(StopReason::Refused));
        }
        for candidate in chunk.candidates.into_iter().flatten() {
            // Only one was asked for, and what comes behind its end is none of it.
            if candidate.index.unwrap_or(0) == 0 && self.finish.is_none() {
                self.candidate(candidate, ear)?;
            }
        }
        Ok(has_usage && self.finish.is_some())
    }

    fn candidate(&mut self, candidate: Candidate<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        self.has_candidate = true;
        for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
            self.part(&part, ear)?;
        }
        let word = candidate.finish_reason.as_deref().filter(|word| !word.is_empty());
        self.finish = word.map(|word| finish_of(word, candidate.finish_message.as_deref().unwrap_or_default()));
        Ok(())
    }

    fn part(&mut self, part: &OnePart<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        let text = part.text.as_deref().unwrap_or_default();
        let signature = part.signature.as_deref().unwrap_or_default();
        if let Some(call) = &part.call {
            return self.call(call, signature);
        }
        let is_thought = part.thought == Some(true);
        match is_thought {
            true => self.draft.reasoning(text, ear)?,
            false => self.draft.text(text, ear)?,
        }
        if !signature.is_empty() {
            if !is_thought {
                // It signs the words before it; it goes back as a part of its own behind them.
                self.draft.seal();
            }
            self.draft.reasoning_opaque(MARK, signature)?;
            self.draft.seal();
        }
        Ok(())
    }

    fn call(&mut self, call: &Call<'_>, signature: &str) -> Result<(), WireError> {
        let key = self.calls;
        self.calls += 1;
        let id = call.id.as_deref().unwrap_or_default();
        let arguments = match call.args.map_or("", RawValue::get) {
            text if text.starts_with('"') => Cow::Owned(serde_json::from_str::<String>(text).unwrap_or_default()),
            text => Cow::Borrowed(text),
        };
        self.draft.call(key, id, call.name.as_deref().unwrap_or_default(), &arguments)?;
        if id.is_empty() && signature.is_empty() {
            return Ok(());
        }
        let own = if id.is_empty() { "" } else { OWN_ID };
        self.draft.call_opaque(key, MARK, &format!("{own}{signature}"))
    }

    /// Takes what was said. `is_whole` says that nothing can be missing.
    pub(super) fn said(self, is_whole: bool, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Said, WireError> {
        if !self.has_candidate {
            return Err(match is_whole {
                true => WireError::Malformed("it has no `candidates`".to_owned()),
                false => WireError::Cut,
            });
        }
        let stop = match self.finish {
            Some(Finish::Failed(message)) => {
                let fault = ProviderFault {
                    kind: FaultKind::Failed,
                    message,
                    is_retriable: true,
                    retry_after_ms: None,
                    may_cost: true,
                };
                return Err(WireError::Provider(fault));
            }
            Some(Finish::Stopped(StopReason::End)) if self.calls > 0 => StopReason::ToolCalls,
            Some(Finish::Stopped(stop)) => stop,
            None if !is_whole => return Err(WireError::Cut),
            None if self.calls > 0 => StopReason::ToolCalls,
            None => StopReason::End,
        };
        let parts = self.draft.finish(stop == StopReason::Length, names, ear);
        Ok(Said { parts, stop, usage: self.usage })
    }
}

impl Reader for Answer {
    fn event(&mut self, event: &SseEvent<'_>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Progress, WireError> {
        if event.data.trim().is_empty() {
            return Ok(Progress::More);
        }
        let before = self.calls;
        let is_done = self.read(event.data.as_bytes(), ear)?;
        // Calls come in one piece.
        (before..self.calls).for_each(|key| self.draft.close(key, names, ear));
        Ok(if is_done { Progress::Done } else { Progress::More })
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

// === impl Usage ===

impl Usage {
    /// Returns what it says: reasoning stands beside the answer here.
    fn reported(&self) -> Reported {
        let output = match (self.candidates, self.thoughts) {
            (None, None) => None,
            (candidates, thoughts) => Some(candidates.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
        };
        Reported {
            input: self.prompt.map(|prompt| prompt.saturating_add(self.tool_use.unwrap_or(0))),
            output,
            cached: self.cached,
            cache_written: None,
            reasoning: self.thoughts,
        }
    }
}

fn finish_of(word: &str, message: &str) -> Finish {
    match word {
        "MAX_TOKENS" => Finish::Stopped(StopReason::Length),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Finish::Stopped(StopReason::Refused),
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE"
        | "MISSING_THOUGHT_SIGNATURE"
        | "OTHER" => Finish::Failed(fault::clipped(&format!("the answer ended with {word}: {message}"))),
        _ => Finish::Stopped(StopReason::End),
    }
}
