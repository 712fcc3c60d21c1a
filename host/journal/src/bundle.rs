// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole run in one file, for another machine.
//!
//! The file is `PRIORYRUN`, the version (1), the length of what follows (8 bytes, little endian), a zstd stream, and the
//! BLAKE3 hash of all of it. The stream is a list of parts, each with its length: the header, what is pinned, the lines.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use priory_core::artifact::ARTIFACTS_MAX;
use priory_core::event::Program;
use priory_core::journal::{Batch, JournalError, RunHeader, RunState, Verdict};
use priory_core::{Digest, Envelope, Journal, RunId};
use serde::{Deserialize, Serialize};

use crate::admit::PINS_MAX;
use crate::encode::{Chain, LINE_BYTES_MAX, Line};
use crate::memory::KEPT_BYTES_MAX;

const MAGIC: &[u8; 9] = b"PRIORYRUN";
const VERSION: u8 = 1;
const LEVEL: i32 = 9;

/// How long the compressed stream may be, in bytes.
const STREAM_BYTES_MAX: u64 = 2 << 30;

/// How many bytes all parts together may have.
const PARTS_BYTES_MAX: usize = 4 << 30;

/// How long the header may be, in bytes.
const HEADER_BYTES_MAX: usize = 4 << 20;

/// How many events a run may have that is put into one file.
const EVENTS_MAX: u64 = 16 << 20;

/// How many events are read, and appended, at once.
const PAGE: usize = 512;

/// What a bundle says of its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BundleHeader {
    /// The run.
    pub run: RunId,
    /// Where it stood when it was exported.
    pub state: RunState,
    /// What its root frame executes.
    pub program: Program,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Words of the operator.
    pub labels: BTreeMap<String, String>,
    /// How many events it has.
    pub events: u64,
    /// The hash that stands for all of its events, in hexadecimal.
    pub chain: String,
    /// What it pins.
    pub pins: Vec<Digest>,
}

/// A whole run: what it is, what happened, and the bytes that it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// What the run is.
    pub header: BundleHeader,
    /// What happened, in order.
    pub events: Vec<Envelope>,
    /// The bytes that it pins, in the order of the header.
    pub pins: Vec<(Digest, Vec<u8>)>,
}

/// Why a bundle cannot be written, read, exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file is something else.
    #[error("this is not a run that `priory runs export` wrote")]
    Foreign,
    /// Another version wrote it.
    #[error("this run was exported in format {found}, this version reads up to {VERSION}: import it with a newer one")]
    Format {
        /// The format of the file.
        found: u8,
    },
    /// It is cut short, or somebody changed it.
    #[error("this file is not as it was exported: {what}; export the run again")]
    Altered {
        /// What does not fit.
        what: String,
    },
    /// Something is larger than it may be.
    #[error("{what} is larger than the {most} bytes that are the most")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it may be.
        most: u64,
    },
    /// The system failed.
    #[error("the file failed: {0}")]
    Io(#[from] io::Error),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Takes a whole run out of a journal. A run that goes on is taken as it stands.
pub async fn export(journal: &dyn Journal, run: RunId) -> Result<Bundle, BundleError> {
    let info = journal.info(run).await?;
    if info.events > EVENTS_MAX {
        return Err(BundleError::TooLarge { what: "the list of events", most: EVENTS_MAX });
    }
    if let Verdict::Altered { seq, reason } = journal.verify(run).await? {
        return Err(JournalError::Corrupt { what: format!("event {seq} of {run}: {reason}") }.into());
    }
    let mut events = Vec::new();
    // What was appended since the look at the run stays out.
    while let Some(left) = info.events.checked_sub(events.len() as u64).filter(|left| *left > 0) {
        let page = PAGE.min(usize::try_from(left).unwrap_or(PAGE));
        let read = journal.read(run, events.len() as u64, page).await?;
        if read.is_empty() {
            let what = format!("event {} of {run} is gone", events.len());
            return Err(JournalError::Corrupt { what }.into());
        }
        events.extend(read);
    }
    let given = events.first().map(|first| first.event.artifacts()).unwrap_or_default();
    let mut pins = Vec::new();
    for digest in journal.pins(run).await? {
        match journal.kept(digest).await {
            Ok(bytes) => pins.push((digest, bytes)),
            // A run may have been given an artifact that was gone already.
            Err(JournalError::NotKept(_)) if given.contains(&digest) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let header = BundleHeader {
        run,
        state: info.state,
        program: info.program,
        started_unix_ms: info.started_unix_ms,
        labels: info.labels,
        events: info.events,
        chain: chain(run, &events)?.to_hex(),
        pins: pins.iter().map(|(digest, _)| *digest).collect(),
    };
    Ok(Bundle { header, events, pins })
}

/// Puts a run into a journal that does not have it. One that had not ended arrives parked and waits for nothing, so that
/// no host goes on with what may still go on elsewhere.
pub async fn import(journal: &dyn Journal, bundle: Bundle) -> Result<RunId, BundleError> {
    bundle.check()?;
    let Bundle { header, events, pins } = bundle;
    let run = header.run;
    match journal.info(run).await {
        Err(JournalError::NoRun(_)) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => return Err(JournalError::Exists(run).into()),
    }
    for (_, bytes) in pins {
        journal.keep(bytes).await?;
    }
    let BundleHeader { state, program, started_unix_ms, labels, pins, .. } = header;
    let state = if state.has_ended() { state } else { RunState::Parked };
    let mut begins = Some(RunHeader { started_unix_ms, program, labels, pins });
    let mut events = events.into_iter().peekable();
    let mut first_seq = 0;
    while events.peek().is_some() {
        let page: Vec<Envelope> = events.by_ref().take(PAGE).collect();
        let next_seq = first_seq + page.len() as u64;
        let state = events.peek().is_none().then_some(state);
        // A run that is not whole yet is nobody's to take up, should this be the last that is written.
        let state = state.or(begins.is_some().then_some(RunState::Parked));
        let header = begins.take();
        journal.append(Batch { run, epoch: 0, first_seq, events: page, header, state, waits: None }).await?;
        first_seq = next_seq;
    }
    Ok(run)
}

impl Bundle {
    /// Writes the file.
    pub fn write(&self, to: &mut impl Write) -> Result<(), BundleError> {
        let mut stream = zstd::stream::Encoder::new(Vec::new(), LEVEL)?;
        let header = serde_json::to_vec(&self.header).map_err(io::Error::from)?;
        part(&mut stream, &header)?;
        for (_, bytes) in &self.pins {
            part(&mut stream, bytes)?;
        }
        for event in &self.events {
            part(&mut stream, &Line::write(event)?.text)?;
        }
        let stream = stream.finish()?;
        let length = stream.len() as u64;
        if length > STREAM_BYTES_MAX {
            return Err(BundleError::TooLarge { what: "the compressed run", most: STREAM_BYTES_MAX });
        }
        let mut hasher = blake3::Hasher::new();
        for bytes in [MAGIC.as_slice(), &[VERSION], &length.to_le_bytes(), &stream] {
            hasher.update(bytes);
            to.write_all(bytes)?;
        }
        to.write_all(hasher.finalize().as_bytes())?;
        Ok(to.flush()?)
    }

    /// Reads the file. What was altered or cut short is refused.
    pub fn read(from: &mut impl Read) -> Result<Self, BundleError> {
        let mut hasher = blake3::Hasher::new();
        let mut magic = [0; MAGIC.len()];
        fill(from, &mut magic).map_err(|error| match error {
            BundleError::Altered { .. } => BundleError::Foreign,
            other => other,
        })?;
        if magic != *MAGIC {
            return Err(BundleError::Foreign);
        }
        let ([mut version], mut length) = ([0; 1], [0; 8]);
        fill(from, std::slice::from_mut(&mut version))?;
        if version != VERSION {
            return Err(BundleError::Format { found: version });
        }
        fill(from, &mut length)?;
        hasher.update(&magic).update(&[version]).update(&length);
        let length = u64::from_le_bytes(length);
        if length > STREAM_BYTES_MAX {
            return Err(BundleError::TooLarge { what: "the compressed run", most: STREAM_BYTES_MAX });
        }
        let mut stream = Vec::new();
        from.by_ref().take(length).read_to_end(&mut stream)?;
        hasher.update(&stream);
        let mut hash = [0; 32];
        fill(from, &mut hash)?;
        if blake3::Hash::from_bytes(hash) != hasher.finalize() {
            return Err(altered("its hash does not fit"));
        }
        if from.read(&mut [0; 1])? != 0 {
            return Err(altered("something was added behind it"));
        }
        let bundle = Self::parse(&mut zstd::stream::Decoder::with_buffer(stream.as_slice())?)?;
        bundle.check()?;
        Ok(bundle)
    }

    fn parse(stream: &mut impl Read) -> Result<Self, BundleError> {
        let mut left = PARTS_BYTES_MAX;
        let header = take_part(stream, "the header", HEADER_BYTES_MAX, &mut left)?;
        let header: BundleHeader =
            serde_json::from_slice(&header).map_err(|error| altered(format!("its header cannot be read: {error}")))?;
        if header.pins.len() > PINS_MAX + ARTIFACTS_MAX || header.events > EVENTS_MAX {
            return Err(BundleError::TooLarge { what: "the list of events, plugins or artifacts", most: EVENTS_MAX });
        }
        let mut pins = Vec::new();
        for digest in &header.pins {
            pins.push((*digest, take_part(stream, "a plugin or an artifact", KEPT_BYTES_MAX, &mut left)?));
        }
        let mut events = Vec::new();
        for seq in 0..header.events {
            let line = Line::new(take_part(stream, "an event", LINE_BYTES_MAX, &mut left)?);
            let event = line.read(header.run, seq);
            events.push(event.map_err(|why| altered(format!("event {seq}: {why}")))?);
        }
        match stream.read(&mut [0; 1])? {
            0 => Ok(Self { header, events, pins }),
            _ => Err(altered("there is more in it than its header says")),
        }
    }

    /// Looks whether its parts fit each other.
    fn check(&self) -> Result<(), BundleError> {
        let Self { header, events, pins } = self;
        if events.len() as u64 != header.events || events.is_empty() {
            return Err(altered(format!("it has {} of {} events", events.len(), header.events)));
        }
        if chain(header.run, events)?.to_hex() != header.chain {
            return Err(altered("the chain of its events does not fit"));
        }
        let fits = |(pin, digest): (&(Digest, Vec<u8>), &Digest)| pin.0 == *digest && Digest::of(&pin.1) == *digest;
        if pins.len() != header.pins.len() || !pins.iter().zip(&header.pins).all(fits) {
            return Err(altered("a plugin or an artifact in it is not the one that the run needs"));
        }
        Ok(())
    }
}

fn altered(what: impl Into<String>) -> BundleError {
    BundleError::Altered { what: what.into() }
}

fn chain(run: RunId, events: &[Envelope]) -> Result<Chain, JournalError> {
    events.iter().try_fold(Chain::start(run), |chain, event| Ok(chain.then(&Line::write(event)?.digest)))
}

/// Reads exactly as many bytes as there is room for.
fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), BundleError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => altered("it is cut short"),
        _ => BundleError::Io(error),
    })
}

fn part(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(&(bytes.len() as u64).to_le_bytes())?;
    stream.write_all(bytes)
}

fn take_part(
    stream: &mut impl Read,
    what: &'static str,
    bytes_max: usize,
    left: &mut usize,
) -> Result<Vec<u8>, BundleError> {
    let mut length = [0; 8];
    fill(stream, &mut length)?;
    let length = u64::from_le_bytes(length);
    let most = bytes_max.min(*left);
    let fits = usize::try_from(length).ok().filter(|length| *length <= most);
    *left -= fits.ok_or(BundleError::TooLarge { what, most: most as u64 })?;
    let mut bytes = Vec::new();
    match stream.by_ref().take(length).read_to_end(&mut bytes)? as u64 == length {
        true => Ok(bytes),
        false => Err(altered("it is cut short")),
    }
}

#[cfg(test)]
mod tests;
