// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compression: of small bodies with a dictionary of what every journal says, of chunks alone or against another chunk.

use std::cell::RefCell;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::encode::{read_number, write_number};

/// What events of every run look like. It belongs to the format: what was written with it can only be read with it.
const DICTIONARY: &[u8] = include_bytes!("dictionary-1.txt");

/// For chunks, each of which is written once, and for lists of them.
const LEVEL: i32 = 3;

/// For small bodies, which are many: level 3 wins an eighth of the bytes and takes more than half of an append's time.
const SEAL_LEVEL: i32 = -1;

/// Below this size nothing is won, in bytes.
const SEAL_BYTES_MIN: usize = 64;

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, SEAL_LEVEL));
static LIST_ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

thread_local! {
    // Making one costs more than using it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::with_prepared_dictionary(&ENCODER).ok());
    static LIST_COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::with_prepared_dictionary(&LIST_ENCODER).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::with_prepared_dictionary(&DECODER).ok());
}

/// Wraps bytes for a segment: a number that says how (lowest bit) and how many times they were cut (the rest), and them.
pub(super) fn seal(levels: u8, bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= SEAL_BYTES_MIN {
        let compressor = if levels == 0 { &COMPRESSOR } else { &LIST_COMPRESSOR };
        let zipped = compressor.with_borrow_mut(|compressor| compressor.as_mut()?.compress(bytes).ok());
        if let Some(zipped) = zipped {
            let mut sealed = vec![levels << 1 | 1];
            write_number(&mut sealed, bytes.len() as u64);
            sealed.extend_from_slice(&zipped);
            if sealed.len() <= bytes.len() {
                return sealed;
            }
        }
    }
    let mut sealed = vec![levels << 1];
    sealed.extend_from_slice(bytes);
    sealed
}

/// Takes [`seal`] back: how many times the bytes were cut, and them. The reason is for people.
pub(super) fn open(sealed: &[u8], bytes_max: usize) -> Result<(u8, Vec<u8>), String> {
    let (how, mut rest) = sealed.split_first().ok_or("it is empty")?;
    if how & 1 == 0 {
        return Ok((how >> 1, rest.to_vec()));
    }
    let length = read_number(&mut rest).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= bytes_max).ok_or("its length is not right")?;
    let no_memory = || std::io::Error::other("there is no memory for it");
    let unzipped = DECOMPRESSOR
        .with_borrow_mut(|unzip| unzip.as_mut().ok_or_else(no_memory).and_then(|unzip| unzip.decompress(rest, length)));
    let bytes = unzipped.map_err(|error| format!("it cannot be unpacked: {error}"))?;
    match bytes.len() == length {
        true => Ok((how >> 1, bytes)),
        false => Err("its length is not right".to_owned()),
    }
}

/// Compresses a chunk by itself. What has its own length is not compressed.
pub(super) fn alone(bytes: &[u8]) -> Vec<u8> {
    let zipped = zstd::bulk::compress(bytes, LEVEL).ok().filter(|zipped| zipped.len() < bytes.len());
    zipped.unwrap_or_else(|| bytes.to_vec())
}

/// Writes a chunk as what differs from another one, where that is much less than the chunk.
pub(super) fn delta(bytes: &[u8], base: &[u8]) -> Option<Vec<u8>> {
    let zipped = Compressor::with_dictionary(LEVEL, base).ok()?.compress(bytes).ok()?;
    (zipped.len() < bytes.len() / 2).then_some(zipped)
}

/// Takes [`alone`] or [`delta`] back.
pub(super) fn restore(stored: &[u8], base: Option<&[u8]>, length: usize) -> Result<Vec<u8>, String> {
    let unzipped = match base {
        None if stored.len() == length => return Ok(stored.to_vec()),
        None => zstd::bulk::decompress(stored, length),
        Some(base) => Decompressor::with_dictionary(base).and_then(|mut unzip| unzip.decompress(stored, length)),
    };
    unzipped.map_err(|error| format!("it cannot be unpacked: {error}"))
}
