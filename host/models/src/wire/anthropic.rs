// SPDX-License-Identifier: MIT OR Apache-2.0
//! Anthropic's messages.
//!
//! Turns alternate here, and a result follows its call at once ([`turns`](super::turns)). What a model thought is signed and
//! goes back as it came. Newer models take less: how much a model thinks is said in words instead of tokens, temperatures are
//! refused, and none can be told to call a tool ([`takes`]).

mod answer;
mod schema;
mod takes;
mod write;

use std::borrow::Cow;

use priory_core::failure::Failure;

use super::body;
use super::openai::capacity;
use super::turns;
use super::{Asked, Draft, Ear, Names, Reader, Said, Wire, WireError, WireRequest};
use answer::Answer;
use takes::Takes;
use write::Writer;

/// How this format marks what goes back.
const MARK: &str = "anthropic";
/// What stands before reasoning that is kept secret, where signatures have no space.
const HIDDEN: &str = "hidden ";
/// The version of the format.
const VERSION: &str = "2023-06-01";
/// By which the provider is told to leave out reasoning that was written under another conversation: ours are shortened.
const BINDING: &str = "thinking-binding-controls-2026-08-01";

/// Anthropic's messages.
#[derive(Debug)]
pub(crate) struct Anthropic;

impl Wire for Anthropic {
    fn key_header(&self) -> (&'static str, &'static str) {
        ("x-api-key", "")
    }

    fn reserved_fields(&self) -> &'static [&'static str] {
        &["model", "messages", "system", "tools", "max_tokens", "stream"]
    }

    fn request(&self, asked: &Asked<'_>) -> Result<WireRequest, Failure> {
        let takes = Takes::of(&asked.spec.info.id);
        let conversation = turns::conversation(asked.prompt, write::is_signed);
        let writer = Writer::new(asked, takes, &conversation);
        let (body, filled) = body::write(capacity(asked), asked.extra, |body| writer.fill(body));
        filled?;
        let mut headers = vec![("anthropic-version", Cow::Borrowed(VERSION))];
        if writer.binds() {
            headers.push(("anthropic-beta", Cow::Borrowed(BINDING)));
        }
        Ok(WireRequest { path: Cow::Borrowed("messages"), body, headers })
    }

    fn whole(&self, body: &[u8], names: &Names<'_>) -> Result<Said, WireError> {
        let mut answer = Answer::default();
        answer.whole(body, names)?;
        answer.said(names, &mut Ear::deaf())
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Answer::default())
    }
}
