// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes as text: UTF-8, or Latin-1 in the form of Windows, which is what the web means by it.

/// How far into a page its `meta` element is looked for.
const META_BYTES: usize = 1_024;

/// What Windows puts in the place of the control characters 0x80 to 0x9f.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// How the bytes of a text are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Latin1,
}

/// Returns what the parameters of a content type say.
pub(crate) fn of_parameters(parameters: &str) -> Option<Charset> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| named(value.trim().trim_matches(['"', '\''])))?
    })
}

/// Decodes a text; what breaks its charset is replaced. One that does not say is UTF-8 when it can be.
pub(crate) fn decode(bytes: Vec<u8>, stated: Option<Charset>, is_html: bool) -> String {
    let stated = stated.or_else(|| if is_html { of_meta(&bytes) } else { None });
    let text = match stated {
        Some(Charset::Latin1) => latin1(&bytes),
        Some(Charset::Utf8) => String::from_utf8_lossy(&bytes).into_owned(),
        None => String::from_utf8(bytes).unwrap_or_else(|error| {
            // A body that was cut may end within a character.
            let (at, was_cut) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
            let bytes = error.into_bytes();
            let whole = bytes.get(..at).filter(|_| was_cut).and_then(|whole| std::str::from_utf8(whole).ok());
            whole.map_or_else(|| latin1(&bytes), str::to_owned)
        }),
    };
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

fn named(name: &str) -> Option<Charset> {
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Some(Charset::Utf8),
        "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" | "windows-1252" | "cp1252" | "us-ascii" | "ascii"
        | "iso-8859-15" => Some(Charset::Latin1),
        _ => None,
    }
}

/// Returns what the beginning of a page says.
fn of_meta(bytes: &[u8]) -> Option<Charset> {
    let head = bytes.get(..META_BYTES).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'', ' ']);
    named(name.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?)
}

fn latin1(bytes: &[u8]) -> String {
    let decoded = |byte: &u8| match byte.checked_sub(0x80) {
        Some(above) => WINDOWS.get(usize::from(above)).copied().unwrap_or(char::from(*byte)),
        None => char::from(*byte),
    };
    bytes.iter().map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], parameters: &str, expect: &str) {
        assert_eq!(decode(bytes.to_vec(), of_parameters(parameters), true), expect);
    }

    #[test]
    fn the_server_the_page_and_the_bytes_are_asked_in_this_order() {
        check(b"\xe9\x80", "charset=ISO-8859-1", "é€");
        check(b"\xc3\xa9", " charset=\"utf-8\"", "é");
        check(b"<meta charset='latin1'>\xc3\xa9", "charset=utf-8", "<meta charset='latin1'>é");
        check(b"<meta charset='latin1'>\xe9", "", "<meta charset='latin1'>é");
        check(b"\xc3\xa9", "", "é");
        check(b"\xe9t\xe9", "", "été");
        check(b"\xef\xbb\xbfa", "", "a");
    }

    #[test]
    fn broken_text_is_read_as_far_as_it_can_be() {
        check(b"a\xffb", "charset=utf-8", "a\u{fffd}b");
        check(b"a\xc3\xa9\xe2\x82", "", "aé");
        check(b"a", "charset=klingon", "a");
    }
}
