// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files as text: what counts as text, how it is decoded, and reading parts of it.

use std::fs::File;
use std::io::Read;

use crate::error::{Doing, Error, of_io};
use crate::place::{Place, Places};
use crate::wit::exports::priory::files::files::TextPart;

/// How much of one file is looked at.
pub(crate) const FILE_BYTES_MAX: u64 = 8 << 20;
/// How long one part may be.
pub(crate) const PART_BYTES_MAX: usize = 256 << 10;
/// How much of a file decides whether it is text.
const SNIFF_BYTES: usize = 8 << 10;

/// The text of a file.
#[derive(Debug)]
pub(crate) struct Text {
    /// The text, or as much of it as is looked at.
    pub(crate) text: String,
    /// Whether this is all of it.
    pub(crate) complete: bool,
}

/// Reads lines of a file.
pub(crate) fn read(
    places: &Places,
    path: &str,
    first_line: Option<u32>,
    line_count: Option<u32>,
) -> Result<TextPart, Error> {
    let first_line = first_line.unwrap_or(1);
    if first_line == 0 {
        return Err(Error::Invalid("first-line is 0, and the first line of a file is 1".to_owned()));
    }
    let place = places.find(path)?;
    let file = load(&place, FILE_BYTES_MAX)?;
    let line_count = line_count.unwrap_or(u32::MAX);
    let (mut text, mut taken, mut total, mut truncated) = (String::new(), 0u32, 0u32, false);
    for (number, line) in (1u32..).zip(file.text.lines()) {
        total = number;
        if number < first_line || truncated || number - first_line >= line_count {
            continue;
        }
        // The first line is cut rather than left out, so that a caller always gets on.
        let room = PART_BYTES_MAX - text.len();
        if line.len() < room {
            text.push_str(line);
        } else if taken == 0 {
            text.push_str(line.get(..line.floor_char_boundary(room - 1)).unwrap_or_default());
            truncated = true;
        } else {
            truncated = true;
            continue;
        }
        text.push('\n');
        taken += 1;
    }
    // The last line is one less than the first where there are none.
    let last_line = first_line.saturating_add(taken) - 1;
    let complete = file.complete;
    Ok(TextPart { path: place.shown, first_line, last_line, total_lines: total, truncated, complete, text })
}

/// Reads the beginning of a file as text.
pub(crate) fn load(place: &Place, bytes_max: u64) -> Result<Text, Error> {
    let failed = |error: std::io::Error| of_io(&error, &place.shown, Doing::Reading);
    let metadata = std::fs::metadata(&place.real).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile(place.shown.clone()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(bytes_max)).unwrap_or(0) + 1);
    let file = File::open(&place.real).map_err(failed)?;
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    let most = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let complete = bytes.len() <= most;
    bytes.truncate(most);
    let text = decode(bytes, complete).ok_or_else(|| Error::NotText(place.shown.clone()))?;
    Ok(Text { text, complete })
}

/// Decodes bytes; `None` when they are no text. A character that was cut at the end falls away.
fn decode(mut bytes: Vec<u8>, complete: bool) -> Option<String> {
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, ..] => drop(bytes.drain(..3)),
        _ => {}
    }
    let head = bytes.get(..SNIFF_BYTES).unwrap_or(&bytes);
    let control = head.iter().filter(|b| matches!(b, 1..=8 | 14..=26 | 28..=31 | 127)).count();
    if head.contains(&0) || control * 20 > head.len() {
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let utf8 = error.utf8_error();
            let was_cut = !complete && utf8.error_len().is_none();
            let valid = utf8.valid_up_to();
            let mut bytes = error.into_bytes();
            if was_cut {
                bytes.truncate(valid);
                return String::from_utf8(bytes).ok();
            }
            Some(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
    }
}

/// Decodes UTF-16, with replacement characters where it is broken.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).map(|c| c.unwrap_or('\u{fffd}'));
    let text: String = text.collect();
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(bytes: &[u8], check: impl FnOnce(&Places)) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), bytes).unwrap();
        check(&Places::new([(folder.path().to_str().unwrap().to_owned(), false)]));
    }

    fn check(bytes: &[u8], first: Option<u32>, count: Option<u32>, expect: (&str, u32, u32, u32)) {
        with_file(bytes, |places| {
            let part = read(places, "f", first, count).unwrap();
            assert_eq!((part.text.as_str(), part.first_line, part.last_line, part.total_lines), expect);
            assert!(!part.truncated && part.complete);
        });
    }

    #[test]
    fn lines_are_counted_from_one() {
        check(b"a\nb\r\nc", None, None, ("a\nb\nc\n", 1, 3, 3));
        check(b"a\nb\nc\n", Some(2), Some(1), ("b\n", 2, 2, 3));
        check(b"a\nb\n", Some(2), Some(9), ("b\n", 2, 2, 2));
        check(b"a\n", Some(5), None, ("", 5, 4, 1));
        check(b"", None, None, ("", 1, 0, 0));
        check(b"a\n", Some(u32::MAX), None, ("", u32::MAX, u32::MAX - 1, 1));
    }

    #[test]
    fn text_of_other_encodings_is_read() {
        check(b"\xef\xbb\xbfcaf\xc3\xa9", None, None, ("café\n", 1, 1, 1));
        check(b"caf\xe9", None, None, ("café\n", 1, 1, 1));
        check(b"\xff\xfeh\0\xe9\0", None, None, ("hé\n", 1, 1, 1));
        check(b"\xfe\xff\0h\0\xe9", None, None, ("hé\n", 1, 1, 1));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        let refused = |bytes: &[u8]| {
            with_file(bytes, |places| {
                assert_eq!(read(places, "f", None, None).unwrap_err(), Error::NotText("f".into()));
            })
        };
        refused(b"\x7fELF\0\0");
        refused(&[1, 2, 3, b'a']);
    }

    #[test]
    fn a_part_is_cut_after_its_last_whole_line() {
        let line = "x".repeat(PART_BYTES_MAX / 2 - 1);
        with_file(format!("{line}\n{line}\nz\n").as_bytes(), |places| {
            let part = read(places, "f", None, None).unwrap();
            assert_eq!((part.last_line, part.total_lines, part.truncated), (2, 3, true));
            assert_eq!(part.text.len(), PART_BYTES_MAX);
        });
        with_file("é".repeat(PART_BYTES_MAX).as_bytes(), |places| {
            let part = read(places, "f", None, None).unwrap();
            assert_eq!((part.last_line, part.truncated), (1, true));
            assert!(part.text.len() <= PART_BYTES_MAX);
        });
    }

    #[test]
    fn of_a_large_file_only_the_beginning_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "aé").unwrap();
        let place = Place { real: path, shown: "f".into(), writable: false };
        let cut = load(&place, 2).unwrap();
        assert_eq!((cut.text.as_str(), cut.complete), ("a", false));
        let whole = load(&place, 3).unwrap();
        assert_eq!((whole.text.as_str(), whole.complete), ("aé", true));
    }

    #[test]
    fn line_zero_and_missing_files_are_refused() {
        with_file(b"a", |places| {
            assert!(matches!(read(places, "f", Some(0), None), Err(Error::Invalid(_))));
            assert_eq!(read(places, "g", None, None).unwrap_err(), Error::NotFound("g".into()));
            assert_eq!(read(places, "", None, None).unwrap_err(), Error::NotAFile(String::new()));
        });
    }
}
