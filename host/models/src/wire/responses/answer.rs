// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is answered to a Responses request: items, whole, or announced and then told piece by piece.

use std::borrow::Cow;
use std::collections::BTreeSet;

use priory_core::model::StopReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::lenient::{self, Few, parsed};
use super::super::{Draft, Ear, Names, Progress, Reader, Reported, Said, WireError, fault};
use super::{SEALED, Sealed};
use crate::sse::SseEvent;

/// How some servers say that a stream is over, besides the event that the format has for it.
const DONE: &str = "[DONE]";

/// One event of a stream.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", default, borrow, deserialize_with = "lenient::text")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient::count")]
    output_index: Option<u64>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    delta: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    item: Option<Item<'a>>,
    #[serde(default, borrow)]
    response: Option<&'a RawValue>,
}

/// A whole answer.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    status: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient::object")]
    incomplete_details: Option<Details>,
    #[serde(default, borrow)]
    output: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient::object")]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    reason: String,
}

/// Something that was put out: a message, reasoning, or a call.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", default, borrow, deserialize_with = "lenient::text")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    id: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    status: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    call_id: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    name: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(default, borrow)]
    content: Option<Few<Words<'a>>>,
    #[serde(default, borrow)]
    summary: Option<Few<Words<'a>>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    encrypted_content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Words<'a> {
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    text: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "lenient::text")]
    refusal: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default, deserialize_with = "lenient::count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::object")]
    input_tokens_details: Option<Parts>,
    #[serde(default, deserialize_with = "lenient::object")]
    output_tokens_details: Option<Parts>,
}

#[derive(Deserialize)]
struct Parts {
    #[serde(default, deserialize_with = "lenient::count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    reasoning_tokens: Option<u64>,
}

/// An answer that is being read.
#[derive(Default)]
pub(super) struct Answer {
    draft: Draft,
    usage: Reported,
    /// The items of which pieces came.
    heard: BTreeSet<u64>,
    is_refused: bool,
    /// How it ended, once it did.
    end: Option<StopReason>,
}

// === impl Answer ===

impl Answer {
    /// Reads a whole answer.
    pub(super) fn whole(&mut self, body: &[u8], names: &Names<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        let response: Response<'_> = parsed(body)?;
        self.ended(&response, names, ear)?;
        match self.end.is_some() {
            true => Ok(()),
            false => Err(WireError::Malformed("it has neither `output` nor a status that ends it".to_owned())),
        }
    }

    /// Reads how an answer ended, and what it put out where nothing of that came before.
    fn ended(&mut self, response: &Response<'_>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        if let Some(error) = response.error {
            return Err(lenient::inside(error));
        }
        if let Some(usage) = &response.usage {
            self.usage.update(usage.reported());
        }
        if let Some(output) = response.output.filter(|_| self.draft.is_empty()) {
            let Few(items): Few<Item<'_>> = parsed(output.get().as_bytes())?;
            for (index, item) in (0..).zip(&items) {
                self.item(index, item, names, ear)?;
            }
        }
        let reason = response.incomplete_details.as_ref().map_or("", |details| details.reason.as_str());
        self.end = match response.status.as_deref() {
            Some("failed" | "cancelled") => {
                return Err(WireError::Malformed("it failed and does not say why".to_owned()));
            }
            Some("incomplete") if reason == "content_filter" => Some(StopReason::Refused),
            Some("incomplete") => Some(StopReason::Length),
            Some("completed") => Some(StopReason::End),
            Some("in_progress" | "queued") => None,
            _ => response.output.map(|_| StopReason::End),
        };
        Ok(())
    }

    /// Reads an item that is whole. What came of it in pieces is not taken twice.
    fn item(&mut self, index: u64, item: &Item<'_>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<(), WireError> {
        let is_new = !self.heard.contains(&index);
        match item.kind.as_deref() {
            Some("message") => {
                for words in item.content.iter().flat_map(|words| &words.0).filter(|_| is_new) {
                    self.draft.text(words.text.as_deref().unwrap_or_default(), ear)?;
                    self.refusal(words.refusal.as_deref().unwrap_or_default(), ear)?;
                }
            }
            Some("reasoning") => {
                let told =
                    [&item.summary, &item.content].into_iter().flatten().flat_map(|words| &words.0).filter(|_| is_new);
                let texts = told.filter_map(|words| words.text.as_deref()).filter(|text| !text.is_empty());
                self.draft.reasoning(&texts.collect::<Vec<_>>().join("\n\n"), ear)?;
                if let Some(sealed) = &item.encrypted_content {
                    let id = Cow::Borrowed(item.id.as_deref().unwrap_or_default());
                    let sealed = Sealed { id, encrypted_content: Cow::Borrowed(sealed) };
                    self.draft.reasoning_opaque(SEALED, &serde_json::to_string(&sealed).unwrap_or_default())?;
                }
            }
            Some("function_call") => {
                self.begin_call(index, item)?;
                match item.arguments.map_or("", RawValue::get) {
                    "" | "\"\"" => {}
                    text if text.starts_with('"') => {
                        self.draft.call_arguments(index, &serde_json::from_str::<String>(text).unwrap_or_default())?;
                    }
                    text => self.draft.call_arguments(index, text)?,
                }
                // Of one that says nothing, whether it was cut is known at the end.
                if item.status.as_deref() == Some("completed") {
                    self.draft.close(index, names, ear);
                }
            }
            // Nothing else was asked for.
            _ => {}
        }
        self.draft.seal();
        Ok(())
    }

    fn begin_call(&mut self, index: u64, item: &Item<'_>) -> Result<(), WireError> {
        let id = item.call_id.as_deref().or(item.id.as_deref()).unwrap_or_default();
        self.draft.call(index, id, item.name.as_deref().unwrap_or_default(), "")
    }

    fn refusal(&mut self, text: &str, ear: &mut Ear<'_>) -> Result<(), WireError> {
        self.is_refused |= !text.is_empty();
        self.draft.text(text, ear)
    }

    /// Takes what was said.
    pub(super) fn said(self, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Said, WireError> {
        let stop = match self.end {
            None => return Err(WireError::Cut),
            Some(StopReason::Length) => StopReason::Length,
            Some(_) if self.is_refused => StopReason::Refused,
            Some(StopReason::Refused) => StopReason::Refused,
            Some(_) if self.draft.calls() > 0 => StopReason::ToolCalls,
            Some(end) => end,
        };
        let parts = self.draft.finish(stop == StopReason::Length, names, ear);
        Ok(Said { parts, stop, usage: self.usage })
    }
}

impl Reader for Answer {
    fn event(&mut self, event: &SseEvent<'_>, names: &Names<'_>, ear: &mut Ear<'_>) -> Result<Progress, WireError> {
        match event.data.trim() {
            "" => return Ok(Progress::More),
            DONE => return Ok(Progress::Done),
            _ => {}
        }
        let said: Event<'_> = parsed(event.data.as_bytes())?;
        let kind = said.kind.as_deref().unwrap_or(event.name);
        let index = said.output_index.unwrap_or(0);
        let delta = said.delta.as_deref().unwrap_or_default();
        match kind {
            "response.output_text.delta" => {
                self.heard.insert(index);
                self.draft.text(delta, ear)?;
            }
            "response.refusal.delta" => {
                self.heard.insert(index);
                self.refusal(delta, ear)?;
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.heard.insert(index);
                self.draft.reasoning(delta, ear)?;
            }
            "response.reasoning_summary_part.added" if self.heard.contains(&index) => {
                self.draft.reasoning("\n\n", ear)?;
            }
            "response.function_call_arguments.delta" => self.draft.call(index, "", "", delta)?,
            "response.output_item.added" => {
                self.draft.seal();
                if let Some(item) = said.item.filter(|item| item.kind.as_deref() == Some("function_call")) {
                    self.begin_call(index, &item)?;
                }
            }
            "response.output_item.done" => {
                if let Some(item) = &said.item {
                    self.item(index, item, names, ear)?;
                    self.heard.insert(index);
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let response = said.response.map_or("{}", RawValue::get);
                self.ended(&parsed(response.as_bytes())?, names, ear)?;
                return Ok(Progress::Done);
            }
            "error" => return Err(fault::inside(&serde_json::from_str(event.data).unwrap_or_default())),
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
    fn reported(&self) -> Reported {
        Reported {
            input: self.input_tokens,
            output: self.output_tokens,
            cached: self.input_tokens_details.as_ref().and_then(|parts| parts.cached_tokens),
            cache_written: None,
            reasoning: self.output_tokens_details.as_ref().and_then(|parts| parts.reasoning_tokens),
        }
    }
}
