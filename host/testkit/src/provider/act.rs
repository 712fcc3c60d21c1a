// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the provider does with one request.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::answer::{Answer, Event};

/// Changes the body of an answer, or the data of each event of it.
type Edit = Arc<dyn Fn(&mut Value) + Send + Sync>;
/// Changes the events of a stream.
type EditEvents = Arc<dyn Fn(&mut Vec<Event>) + Send + Sync>;

/// What the provider does with one request.
#[derive(Clone)]
pub struct Act {
    /// What it says.
    pub reply: Reply,
    /// In which pieces.
    pub cuts: Cuts,
    /// How the end of the body is known.
    pub framing: Framing,
    /// How the lines of a stream are written.
    pub lines: Lines,
    /// More header fields; one takes the place of what is there by its name.
    pub headers: Vec<(String, String)>,
    /// Where it closes the connection without another word.
    pub cut: Option<Place>,
    /// Where it says nothing any more, and leaves the connection open.
    pub hang: Option<Place>,
    /// Where it waits until the test lets it go on.
    pub hold: Option<Place>,
    /// Whether the body is compressed, although nobody asked for it.
    pub is_gzipped: bool,
    pub(super) edits: Vec<Edit>,
    pub(super) event_edits: Vec<EditEvents>,
}

/// What is said.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer: whole, or as a stream where one was asked for.
    Answer(Answer),
    /// Vectors, one for each text.
    Vectors(Vec<Vec<f64>>),
    /// An error in the provider's own form.
    Error {
        /// The status of HTTP.
        status: u16,
        /// The message.
        message: String,
        /// The provider's own name of the error; the one that goes with the status where there is none.
        code: Option<String>,
        /// What is put into the error besides; only Gemini has such details.
        details: Option<Value>,
    },
    /// Anything else.
    Body {
        /// The status of HTTP.
        status: u16,
        /// The content type.
        mime: String,
        /// The body.
        body: Vec<u8>,
    },
}

/// In which pieces a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// As one.
    Whole,
    /// Each event of a stream for itself.
    Events,
    /// So many bytes at a time.
    Bytes(usize),
    /// By a number that looks as if it were drawn, from a seed.
    Odd(u64),
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Length,
    /// By chunks.
    Chunked,
    /// By the end of the connection.
    Close,
}

/// How the lines of a stream are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// What ends a line.
    pub end: &'static str,
    /// Whether a space follows the colon.
    pub is_spaced: bool,
    /// Whether there are comments, ids and times of reconnection between the events.
    pub is_chatty: bool,
    /// Whether the data of an event goes over several lines.
    pub is_split: bool,
    /// Whether a byte order mark begins the stream.
    pub is_marked: bool,
}

/// A place in what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the first byte.
    Start,
    /// In the middle of the header.
    InHead,
    /// Between header and body.
    AfterHead,
    /// After so many bytes of the body.
    Bytes(usize),
    /// In the middle of the body.
    Half,
    /// After so many events.
    Events(usize),
    /// After the last byte of the body, before whatever says that it ends.
    End,
}

impl Act {
    fn new(reply: Reply) -> Self {
        Self {
            reply,
            cuts: Cuts::Events,
            framing: Framing::Chunked,
            lines: Lines::default(),
            headers: Vec::new(),
            cut: None,
            hang: None,
            hold: None,
            is_gzipped: false,
            edits: Vec::new(),
            event_edits: Vec::new(),
        }
    }

    /// Answers.
    pub fn answer(answer: Answer) -> Self {
        Self::new(Reply::Answer(answer))
    }

    /// Answers with words.
    pub fn text(text: &str) -> Self {
        Self::answer(Answer::text(text))
    }

    /// Answers with vectors.
    pub fn vectors(vectors: Vec<Vec<f64>>) -> Self {
        Self::new(Reply::Vectors(vectors))
    }

    /// Fails with an error in the provider's own form.
    pub fn error(status: u16, message: &str) -> Self {
        Self::new(Reply::Error { status, message: message.to_owned(), code: None, details: None })
    }

    /// Fails with an error that has a name of its own.
    pub fn error_named(status: u16, code: &str, message: &str) -> Self {
        Self::new(Reply::Error { status, message: message.to_owned(), code: Some(code.to_owned()), details: None })
    }

    /// Fails with an error that has details, as Gemini's have.
    pub fn error_detailed(status: u16, message: &str, details: Value) -> Self {
        Self::new(Reply::Error { status, message: message.to_owned(), code: None, details: Some(details) })
    }

    /// Says anything.
    pub fn body(status: u16, mime: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Reply::Body { status, mime: mime.to_owned(), body: body.into() })
    }

    /// Sends a field of the header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it in pieces.
    pub fn in_pieces(mut self, cuts: Cuts) -> Self {
        self.cuts = cuts;
        self
    }

    /// Says otherwise how the body ends.
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Writes the lines of a stream otherwise.
    pub fn in_lines(mut self, lines: Lines) -> Self {
        self.lines = lines;
        self
    }

    /// Closes the connection at a place.
    pub fn cut_at(mut self, place: Place) -> Self {
        self.cut = Some(place);
        self
    }

    /// Goes silent at a place.
    pub fn hang_at(mut self, place: Place) -> Self {
        self.hang = Some(place);
        self
    }

    /// Waits at a place until it is released.
    pub fn hold_at(mut self, place: Place) -> Self {
        self.hold = Some(place);
        self
    }

    /// Compresses the body.
    pub fn gzipped(mut self) -> Self {
        self.is_gzipped = true;
        self
    }

    /// Changes the body, or the data of each event.
    pub fn edited(mut self, edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.edits.push(Arc::new(edit));
        self
    }

    /// Changes the events of a stream; an answer that is no stream stays as it is.
    pub fn events_edited(mut self, edit: impl Fn(&mut Vec<Event>) + Send + Sync + 'static) -> Self {
        self.event_edits.push(Arc::new(edit));
        self
    }

    /// Puts fields that nobody knows into every object, but not into the arguments of tool calls.
    pub fn with_unknown_fields(self) -> Self {
        self.edited(super::shape::add_unknown_fields)
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Act").field("reply", &self.reply).finish_non_exhaustive()
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self { end: "\n", is_spaced: true, is_chatty: false, is_split: false, is_marked: false }
    }
}
