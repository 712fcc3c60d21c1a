// SPDX-License-Identifier: MIT OR Apache-2.0
//! Server-sent events, read from bytes that come in pieces of any size.
//!
//! Lines end in CR, LF or both; a byte order mark at the beginning, comments and fields that nobody needs are passed over.
//! A character may be split between two pieces: only whole lines are looked at.

use std::borrow::Cow;

/// How long one line may be, in bytes: the last event of some formats has the whole answer once more.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 20;
/// How long the data of one event may be, in bytes.
pub(crate) const EVENT_BYTES_MAX: usize = 16 << 20;
/// How much is kept that was read already, in bytes, before it is moved out of the way.
const READ_BYTES_MAX: usize = 64 << 10;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SseEvent<'a> {
    /// How it is called; empty where it has no name.
    pub(crate) name: &'a str,
    /// What it says.
    pub(crate) data: &'a str,
}

/// Something is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {0} bytes")]
pub(crate) struct TooLong(pub(crate) usize);

/// Bytes on their way to become events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    buffer: Vec<u8>,
    /// Up to where the buffer was read.
    read: usize,
    /// Up to where the buffer was searched for the end of a line.
    searched: usize,
    /// Whether the last line ended in CR, so that LF belongs to it.
    after_cr: bool,
    is_begun: bool,
    name: String,
    data: Vec<u8>,
    has_data: bool,
    /// Whether the event was given out, and is to be forgotten.
    is_told: bool,
}

// === impl Events ===

impl Events {
    /// Takes some bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.read == self.buffer.len() || self.read > READ_BYTES_MAX {
            self.buffer.drain(..self.read);
            self.searched -= self.read;
            self.read = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next event that is whole.
    pub(crate) fn next(&mut self) -> Result<Option<SseEvent<'_>>, TooLong> {
        self.forget();
        while let Some((from, to)) = self.line()? {
            if from == to {
                if self.has_data {
                    return Ok(Some(self.event()));
                }
                self.name.clear();
                continue;
            }
            self.field(from, to)?;
        }
        Ok(None)
    }

    /// Returns what is left when no more bytes come: an event behind which the empty line is missing.
    pub(crate) fn last(&mut self) -> Result<Option<SseEvent<'_>>, TooLong> {
        self.forget();
        let (from, to) = (self.read, self.buffer.len());
        self.read = to;
        self.searched = to;
        if from < to {
            self.field(from, to)?;
        }
        Ok(self.has_data.then(|| self.event()))
    }

    /// Returns where the next line is.
    fn line(&mut self) -> Result<Option<(usize, usize)>, TooLong> {
        loop {
            let unread = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(found) = unread.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.searched = self.buffer.len();
                return match self.searched - self.read > LINE_BYTES_MAX {
                    true => Err(TooLong(LINE_BYTES_MAX)),
                    false => Ok(None),
                };
            };
            let (from, to) = (self.read, self.searched + found);
            let is_lf = unread.get(found) == Some(&b'\n');
            self.read = to + 1;
            self.searched = self.read;
            let belongs_to_cr = is_lf && self.after_cr && from == to;
            self.after_cr = !is_lf;
            if !belongs_to_cr {
                return Ok(Some((self.without_mark(from, to), to)));
            }
        }
    }

    /// Passes over a byte order mark.
    fn without_mark(&mut self, from: usize, to: usize) -> usize {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let has_mark = is_first && self.buffer.get(from..to).is_some_and(|line| line.starts_with(b"\xef\xbb\xbf"));
        if has_mark { from + 3 } else { from }
    }

    fn field(&mut self, from: usize, to: usize) -> Result<(), TooLong> {
        let line = self.buffer.get(from..to).unwrap_or_default();
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data.len() + value.len() > EVENT_BYTES_MAX {
                    return Err(TooLong(EVENT_BYTES_MAX));
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self) -> SseEvent<'_> {
        self.is_told = true;
        // What is no UTF-8 is shown as such, as the standard says.
        if let Cow::Owned(text) = String::from_utf8_lossy(&self.data) {
            self.data = text.into_bytes();
        }
        SseEvent { name: &self.name, data: std::str::from_utf8(&self.data).unwrap_or_default() }
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.is_told) {
            self.name.clear();
            self.data.clear();
            self.has_data = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text in pieces of a length; the events as `name|data`.
    fn read(bytes: &[u8], size: usize) -> Vec<String> {
        let mut events = Events::default();
        let mut seen = Vec::new();
        let shown = |event: SseEvent<'_>| format!("{}|{}", event.name, event.data);
        for piece in bytes.chunks(size) {
            events.push(piece);
            while let Some(event) = events.next().unwrap() {
                seen.push(shown(event));
            }
        }
        seen.extend(events.last().unwrap().map(shown));
        assert_eq!(events.last().unwrap(), None, "the last event is given out once");
        seen
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        for size in [1, 2, 3, 5, 7, 64, 10_000] {
            assert_eq!(read(text.as_bytes(), size), expected, "{text:?} by {size}");
        }
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        check("data: a\n\ndata: b\n\n", &["|a", "|b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["|a", "|b"]);
        check("data: a\r\rdata: b\r\r", &["|a", "|b"]);
        check("data: a\r\n\ndata: b\n\r\n", &["|a", "|b"]);
        check("\u{feff}data: ä€𝄞\n\n", &["|ä€𝄞"]);
        check("data:a\ndata: b\ndata:  c\n\n", &["|a\nb\n c"]);
        check("event: x\ndata: a\n\ndata: b\n\n", &["x|a", "|b"]);
        check("event: x\n\ndata: b\n\n", &["|b"]);
        check(": comment\n\nid: 5\nretry: 10\nunknown: x\ndata: a\n\n", &["|a"]);
        check("data\n\n", &["|"]);
        check("data: {\"a\": \"b: c\"}\n\n\n\n", &["|{\"a\": \"b: c\"}"]);
        check("", &[]);
        check("\n\n\r\n", &[]);
    }

    #[test]
    fn an_event_that_does_not_end_is_the_last() {
        check("data: a\n\ndata: b", &["|a", "|b"]);
        check("data: a\n\ndata: b\n", &["|a", "|b"]);
        check("event: x", &[]);
    }

    #[test]
    fn what_is_no_text_is_shown_as_such() {
        assert_eq!(read(b"data: a\xffb\n\n", 3), ["|a\u{fffd}b"]);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let mut events = Events::default();
        events.push(&vec![b'x'; LINE_BYTES_MAX]);
        assert_eq!(events.next(), Ok(None));
        events.push(b"x");
        assert_eq!(events.next(), Err(TooLong(LINE_BYTES_MAX)));

        let mut events = Events::default();
        let line = [b"data: ", "x".repeat(EVENT_BYTES_MAX / 4 - 1).as_bytes(), b"\n"].concat();
        for _ in 0..4 {
            events.push(&line);
            assert_eq!(events.next(), Ok(None));
        }
        events.push(&line);
        assert_eq!(events.next(), Err(TooLong(EVENT_BYTES_MAX)));
    }

    #[test]
    fn a_long_stream_keeps_little() {
        let mut events = Events::default();
        for n in 0..100_000 {
            events.push(format!("data: {n}\n\n").as_bytes());
            assert_eq!(events.next().unwrap().map(|event| event.data.to_owned()), Some(n.to_string()));
        }
        assert!(events.buffer.capacity() < 4 * READ_BYTES_MAX);
    }
}
