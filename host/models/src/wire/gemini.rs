// SPDX-License-Identifier: MIT OR Apache-2.0
//! Google's Gemini: `generateContent`, and vectors.
//!
//! Turns alternate here, and a turn of calls is followed by one with as many results ([`turns`](super::turns)). Calls have no
//! ids in most models, so they are given some; what a model signed goes back with what it was signed to.

mod answer;
mod schema;
mod write;

use std::borrow::Cow;

use priory_core::failure::Failure;
use priory_core::model::{ModelSpec, VECTOR_LEN_MAX, Vector};
use serde::Deserialize;

use super::body;
use super::openai::capacity;
use super::turns;
use super::{
    Asked, Draft, Ear, Embeddings, Extra, Names, Reader, Reported, Said, Wire, WireError, WireRequest, fault, lenient,
};
use answer::Answer;
use write::Writer;

/// How this format marks what goes back.
const MARK: &str = "gemini";
/// Stands before the signature of a call whose id came from the provider.
const OWN_ID: &str = "id ";
/// How many texts one request for vectors may hold.
const EMBEDDED_TEXTS_MAX: usize = 100;
/// About how many bytes a text takes besides itself where it becomes a vector.
const TEXT_BYTES: usize = 96;

/// Gemini.
#[derive(Debug)]
pub(crate) struct Gemini;

impl Wire for Gemini {
    fn key_header(&self) -> (&'static str, &'static str) {
        ("x-goog-api-key", "")
    }

    fn reserved_fields(&self) -> &'static [&'static str] {
        &["contents", "systemInstruction", "tools", "generationConfig", "requests"]
    }

    fn request(&self, asked: &Asked<'_>) -> Result<WireRequest, Failure> {
        let conversation = turns::conversation(asked.prompt, write::is_signed);
        let writer = Writer::new(asked, &conversation);
        let (body, filled) = body::write(capacity(asked), asked.extra, |body| writer.fill(body));
        filled?;
        let method = if asked.prompt.streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let path = Cow::Owned(format!("models/{}:{method}", id(asked.spec)));
        Ok(WireRequest { path, body, headers: Vec::new() })
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
        let name = format!("models/{}", id(spec));
        let bytes = texts.iter().map(|text| text.len() + name.len() + TEXT_BYTES).sum();
        let (body, ()) = body::write(bytes, extra, |body| {
            body.list("requests", |list| {
                for text in texts {
                    list.object(|request| {
                        request.text("model", &name);
                        request.object("content", |content| {
                            content.list("parts", |parts| parts.object(|part| part.text("text", text)));
                        });
                    });
                }
            });
        });
        Some(WireRequest { path: Cow::Owned(format!("{name}:batchEmbedContents")), body, headers: Vec::new() })
    }

    fn embed_texts_max(&self) -> usize {
        EMBEDDED_TEXTS_MAX
    }

    fn embedded(&self, body: &[u8], texts: usize) -> Result<Embeddings, WireError> {
        #[derive(Deserialize)]
        struct Answered {
            embeddings: lenient::Few<Values, EMBEDDED_TEXTS_MAX>,
        }
        #[derive(Deserialize)]
        struct Values {
            values: Vec<f32>,
        }
        let malformed = |what: String| WireError::Malformed(fault::clipped(&what));
        let answered: Answered = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
        let lenient::Few(embeddings) = answered.embeddings;
        if embeddings.len() != texts {
            return Err(malformed(format!("{} vectors for {texts} texts", embeddings.len())));
        }
        let len = embeddings.first().map_or(0, |one| one.values.len());
        let is_good = |one: &Values| one.values.len() == len && one.values.iter().all(|number| number.is_finite());
        if len == 0 || len > VECTOR_LEN_MAX || !embeddings.iter().all(is_good) {
            return Err(malformed("vectors that are empty, too long, or not of one length".to_owned()));
        }
        let vectors = embeddings.into_iter().map(|one| Vector(one.values.into())).collect();
        Ok(Embeddings { vectors, usage: Reported::default() })
    }
}

/// Returns the id of a model, without what stands before it in lists of models.
fn id(spec: &ModelSpec) -> &str {
    spec.info.id.strip_prefix("models/").unwrap_or(&spec.info.id)
}
