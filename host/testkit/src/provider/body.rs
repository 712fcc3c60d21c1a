// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the bytes of an answer, and says where they are cut.

use priory_core::model::ProviderKind;
use serde_json::Value;

use super::act::{Act, Cuts, Framing, Lines, Place, Reply};
use super::answer::{Answer, Event};
use super::request::Asked;
use super::{anthropic, gemini, openai, responses};

/// Where the numbers that look drawn come from: the multiplier and the summand of a well-known generator.
const DRAW: (u64, u64) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
/// How long an odd piece is at most, in bytes.
const ODD_BYTES_MAX: u64 = 23;

/// What is written on a connection.
pub(super) struct Written {
    /// The line of the status and the fields.
    pub(super) head: Vec<u8>,
    /// The body.
    pub(super) body: Vec<u8>,
    /// Where each piece of the body ends.
    pub(super) ends: Vec<usize>,
    /// Where each event ends.
    events: Vec<usize>,
}

/// Writes what an act says to a request.
pub(super) fn write(kind: ProviderKind, act: &Act, asked: &Asked) -> Written {
    let (status, mime, mut body, events) = said(kind, act, asked);
    if act.is_gzipped {
        body = gzip(&body);
    }
    let ends = ends(act.cuts, body.len(), &events);
    let mut fields = vec![("content-type".to_owned(), mime), ("x-request-id".to_owned(), "req_fake".to_owned())];
    match act.framing {
        Framing::Length => fields.push(("content-length".to_owned(), body.len().to_string())),
        Framing::Chunked => fields.push(("transfer-encoding".to_owned(), "chunked".to_owned())),
        Framing::Close => fields.push(("connection".to_owned(), "close".to_owned())),
    }
    if act.is_gzipped {
        fields.push(("content-encoding".to_owned(), "gzip".to_owned()));
    }
    for (name, value) in &act.headers {
        fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        fields.push((name.clone(), value.clone()));
    }
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status} Fake\r\n{fields}\r\n").into_bytes();
    Written { head, body, ends, events }
}

/// Returns the status, the content type, the body, and where its events end.
fn said(kind: ProviderKind, act: &Act, asked: &Asked) -> (u16, String, Vec<u8>, Vec<usize>) {
    let json = "application/json".to_owned();
    let whole = |status: u16, mut value: Value| {
        act.edits.iter().for_each(|edit| edit(&mut value));
        (status, json.clone(), value.to_string().into_bytes(), Vec::new())
    };
    match &act.reply {
        Reply::Answer(answer) if asked.streams() => {
            let mut events = events(kind, answer, asked);
            for event in &mut events {
                if let Ok(mut value) = serde_json::from_str::<Value>(&event.data) {
                    act.edits.iter().for_each(|edit| edit(&mut value));
                    event.data = value.to_string();
                }
            }
            act.event_edits.iter().for_each(|edit| edit(&mut events));
            let (body, ends) = stream(&events, act.lines);
            (200, "text/event-stream".to_owned(), body, ends)
        }
        Reply::Answer(answer) => whole(200, answered(kind, answer, asked.model())),
        Reply::Vectors(vectors) => whole(200, vectors_of(kind, vectors, asked.model())),
        Reply::Error { status, message, code, details } => {
            whole(*status, error(kind, *status, message, code.as_deref(), details.as_ref()))
        }
        Reply::Body { status, mime, body } => (*status, mime.clone(), body.clone(), Vec::new()),
    }
}

fn events(kind: ProviderKind, answer: &Answer, asked: &Asked) -> Vec<Event> {
    match kind {
        ProviderKind::Anthropic => anthropic::events(answer, asked.model()),
        ProviderKind::Gemini => gemini::events(answer, asked.model()),
        ProviderKind::OpenaiResponses => responses::events(answer, asked.model()),
        ProviderKind::Openai | ProviderKind::Scripted => openai::events(answer, &asked.body),
    }
}

fn answered(kind: ProviderKind, answer: &Answer, model: &str) -> Value {
    match kind {
        ProviderKind::Anthropic => anthropic::whole(answer, model),
        ProviderKind::Gemini => gemini::whole(answer, model),
        ProviderKind::OpenaiResponses => responses::whole(answer, model),
        ProviderKind::Openai | ProviderKind::Scripted => openai::whole(answer, model),
    }
}

fn vectors_of(kind: ProviderKind, vectors: &[Vec<f64>], model: &str) -> Value {
    match kind {
        ProviderKind::Gemini => gemini::vectors(vectors),
        _ => openai::vectors(vectors, model),
    }
}

/// Writes an error in the provider's own form.
pub(super) fn error(
    kind: ProviderKind,
    status: u16,
    message: &str,
    code: Option<&str>,
    details: Option<&Value>,
) -> Value {
    match kind {
        ProviderKind::Anthropic => anthropic::error(status, message, code),
        ProviderKind::Gemini => gemini::error(status, message, code, details),
        _ => openai::error(status, message, code),
    }
}

/// Writes the events of a stream, and says where each ends.
fn stream(events: &[Event], lines: Lines) -> (Vec<u8>, Vec<usize>) {
    let Lines { end, is_spaced, is_chatty, is_split, is_marked } = lines;
    let colon = if is_spaced { ": " } else { ":" };
    let mut body = Vec::new();
    let mut ends = Vec::new();
    if is_marked {
        body.extend_from_slice("\u{feff}".as_bytes());
    }
    for (index, event) in events.iter().enumerate() {
        let mut text = String::new();
        if is_chatty {
            text.push_str(&format!("{colon}keep-alive{end}{end}id{colon}{index}{end}retry{colon}3000{end}"));
        }
        if let Some(name) = &event.name {
            text.push_str(&format!("event{colon}{name}{end}"));
        }
        // Between two tokens of JSON a line may end.
        let data = if is_split { event.data.replacen(":{", ":\n{", 3) } else { event.data.clone() };
        for line in data.split('\n') {
            text.push_str(&format!("data{colon}{line}{end}"));
        }
        text.push_str(end);
        body.extend_from_slice(text.as_bytes());
        ends.push(body.len());
    }
    (body, ends)
}

/// Says where the pieces of a body end.
fn ends(cuts: Cuts, len: usize, events: &[usize]) -> Vec<usize> {
    let mut ends: Vec<usize> = match cuts {
        Cuts::Whole => Vec::new(),
        Cuts::Events => events.to_vec(),
        Cuts::Bytes(bytes) => (1..=len / bytes.max(1)).map(|piece| piece.saturating_mul(bytes.max(1))).collect(),
        Cuts::Odd(seed) => {
            let mut state = seed;
            let mut at = 0_usize;
            std::iter::from_fn(|| {
                state = state.wrapping_mul(DRAW.0).wrapping_add(DRAW.1);
                at = at.saturating_add(usize::try_from((state >> 33) % ODD_BYTES_MAX).unwrap_or(0)).saturating_add(1);
                (at < len).then_some(at)
            })
            .collect()
        }
    };
    if len > 0 && ends.last() != Some(&len) {
        ends.push(len);
    }
    ends
}

/// Packs bytes as gzip, without making them any smaller.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks: Vec<&[u8]> = bytes.chunks(usize::from(u16::MAX)).collect();
    for (index, block) in blocks.iter().enumerate() {
        let len = u16::try_from(block.len()).unwrap_or(u16::MAX);
        packed.push(u8::from(index.saturating_add(1) == blocks.len()));
        packed.extend_from_slice(&len.to_le_bytes());
        packed.extend_from_slice(&(!len).to_le_bytes());
        packed.extend_from_slice(block);
    }
    packed.extend_from_slice(&crc32(bytes).to_le_bytes());
    packed.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

impl Written {
    /// Returns after how many bytes of the body a place is; `None` where it is before the body.
    pub(super) fn offset(&self, place: Place) -> Option<usize> {
        match place {
            Place::Start | Place::InHead | Place::AfterHead => None,
            Place::Bytes(bytes) => Some(bytes.min(self.body.len())),
            Place::Half => Some(self.body.len() / 2),
            Place::Events(0) => Some(0),
            Place::Events(events) => {
                Some(self.events.get(events.saturating_sub(1)).copied().unwrap_or(self.body.len() / 2))
            }
            Place::End => Some(self.body.len()),
        }
    }
}
