// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading an answer, whole or event by event, up to a bounded size; and what is known of one that broke meanwhile.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;

use crate::exchange::{Opened, Outgoing};
use crate::gate::Verdict;
use crate::provider::Provider;
use crate::sse::Events;
use crate::trouble::Trouble;
use crate::wait::within;
use crate::wire::{Draft, Ear, Names, Progress, Reported, Said, WireError};

/// How long a whole answer may be, in bytes: the texts of one, escaped, with all that stands around them.
pub(crate) const ANSWER_BODY_BYTES_MAX: u64 = 32 << 20;
/// How long a streamed answer may be, in bytes. It is read as it comes, and some formats repeat much in each event.
const STREAM_BYTES_MAX: u64 = 512 << 20;
/// How many pieces behind the end of a stream are read, and for how long each is waited: a connection whose body came to its
/// end can be used again, and a new one takes longer than this.
const TAIL_PIECES_MAX: usize = 4;
/// How long one of them is waited for.
const TAIL_TIME: Duration = Duration::from_millis(20);

/// An answer that broke while it was read.
pub(crate) struct Broken {
    pub(crate) trouble: Trouble,
    /// What was reported so far.
    pub(crate) usage: Reported,
    /// What the model had written by then.
    pub(crate) texts: Vec<String>,
}

// === impl Provider ===

impl Provider {
    /// Reads an answer to its end.
    pub(crate) async fn read(
        &self,
        outgoing: &Outgoing,
        opened: Opened,
        names: &Names<'_>,
        ear: &mut Ear<'_>,
    ) -> Result<Said, Broken> {
        let Opened { mut response, first, is_stream, pass, key } = opened;
        let read = match is_stream {
            true => self.events(outgoing, &mut response, first, names, ear).await,
            false => self.whole(outgoing, &mut response, first, names, ear).await,
        };
        match read {
            Ok(said) => {
                pass.end(Verdict::Answered);
                Ok(said)
            }
            Err(mut broken) => {
                pass.end(broken.trouble.verdict());
                if let Some(key) = &key {
                    broken.trouble = broken.trouble.scrubbed(key);
                }
                Err(broken)
            }
        }
    }

    async fn whole(
        &self,
        outgoing: &Outgoing,
        response: &mut Response,
        first: Bytes,
        names: &Names<'_>,
        ear: &mut Ear<'_>,
    ) -> Result<Said, Broken> {
        let body = self.body(outgoing, response, first, ANSWER_BODY_BYTES_MAX, false).await.map_err(Broken::from)?;
        let said = self.wire.whole(&body, names).map_err(|error| {
            // What cannot be read was written all the same.
            let written = matches!(error, WireError::Malformed(_) | WireError::TooLarge { .. });
            let texts = written.then(|| String::from_utf8_lossy(&body).into_owned()).into_iter().collect();
            Broken { trouble: error.into(), usage: Reported::default(), texts }
        })?;
        ear.tell_parts(&said.parts);
        Ok(said)
    }

    async fn events(
        &self,
        outgoing: &Outgoing,
        response: &mut Response,
        first: Bytes,
        names: &Names<'_>,
        ear: &mut Ear<'_>,
    ) -> Result<Said, Broken> {
        let mut reader = self.wire.reader();
        let mut events = Events::default();
        let ended = async {
            let (mut piece, mut bytes) = (first, 0_u64);
            loop {
                bytes = bytes.saturating_add(piece.len() as u64);
                if bytes > STREAM_BYTES_MAX {
                    return Err(Trouble::Wire(WireError::TooLarge { what: "bytes", most: STREAM_BYTES_MAX }));
                }
                events.push(&piece);
                while let Some(event) = events.next()? {
                    if reader.event(&event, names, ear)? == Progress::Done {
                        return Ok(true);
                    }
                }
                match self.piece(outgoing, Some(self.idle), response, "the next byte").await? {
                    Some(next) => piece = next,
                    None => return Ok(false),
                }
            }
        };
        let ended = ended.await;
        if let Ok(true) = ended {
            // What is left is the end of the body, and there already most of the time.
            for _ in 0..TAIL_PIECES_MAX {
                let until = self.clock.elapsed().saturating_add(TAIL_TIME);
                if !matches!(within(&*self.clock, until, response.chunk()).await, Some(Ok(Some(_)))) {
                    break;
                }
            }
            let usage = reader.usage();
            return reader.finish(names, ear).map_err(|error| Broken {
                trouble: error.into(),
                usage,
                texts: Vec::new(),
            });
        }
        // Some servers leave out what ends the last event, or the stream; others break off after all was said.
        let (usage, texts) = (reader.usage(), texts_of(reader.draft()));
        let rest = events.last().ok().flatten().map(|event| reader.event(&event, names, ear));
        let (trouble, is_final) = match (ended, rest) {
            (Err(trouble @ (Trouble::Fault(_) | Trouble::Wire(_) | Trouble::Over { .. })), _) => (Some(trouble), true),
            (_, Some(Err(WireError::Provider(fault)))) => (Some(Trouble::Fault(fault)), true),
            (Err(trouble), _) => (Some(trouble), false),
            (Ok(_), Some(Err(_))) => (Some(Trouble::Wire(WireError::Cut)), false),
            (Ok(_), _) => (None, false),
        };
        let finished = match trouble {
            Some(trouble) if is_final => Err(trouble),
            trouble => reader.finish(names, ear).map_err(|error| trouble.unwrap_or_else(|| error.into())),
        };
        finished.map_err(|trouble| Broken { trouble, usage, texts })
    }

    /// Reads the rest of a body. Of an error what fits is enough.
    pub(crate) async fn body(
        &self,
        outgoing: &Outgoing,
        response: &mut Response,
        first: Bytes,
        bytes_max: u64,
        is_cut: bool,
    ) -> Result<Bytes, Trouble> {
        let too_large = || Trouble::Wire(WireError::TooLarge { what: "bytes", most: bytes_max });
        if !is_cut && response.content_length().is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large());
        }
        let mut whole = first;
        let mut more = Vec::new();
        loop {
            let Some(piece) = self.piece(outgoing, Some(self.idle), response, "the next byte").await? else { break };
            if whole.is_empty() && more.is_empty() {
                whole = piece;
                continue;
            }
            if more.is_empty() {
                more.reserve(whole.len() + piece.len());
                more.extend_from_slice(&whole);
            }
            more.extend_from_slice(&piece);
            if more.len() as u64 > bytes_max {
                match is_cut {
                    true => break,
                    false => return Err(too_large()),
                }
            }
        }
        Ok(if more.is_empty() { whole } else { more.into() })
    }
}

// === impl Broken ===

impl From<Trouble> for Broken {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, usage: Reported::default(), texts: Vec::new() }
    }
}

fn texts_of(draft: &Draft) -> Vec<String> {
    draft.texts().filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
