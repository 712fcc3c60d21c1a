// SPDX-License-Identifier: MIT OR Apache-2.0
//! What documents take beside their bytes: providers show a model each page as its words and as a picture.

/// How many tokens a page takes at most, its picture and its words.
const PAGE_TOKENS: u64 = 3_000;
/// Within how many of its first bytes a document says that it is a PDF.
const MAGIC_WITHIN: usize = 1_024;
const MAGIC: &[u8] = b"%PDF-";

/// Returns how many tokens the pages of a PDF may take, as far as they can be seen in its bytes; zero of anything else. Pages
/// may be packed, so a document may have more of them: its length is a bound of its own.
pub fn page_tokens(bytes: &[u8]) -> u64 {
    let head = bytes.get(..MAGIC_WITHIN).unwrap_or(bytes);
    if !head.windows(MAGIC.len()).any(|at| at == MAGIC) {
        return 0;
    }
    let mut pages = 0_u64;
    let mut rest = bytes;
    // Each turn goes on behind a slash.
    while let Some(at) = rest.iter().position(|byte| *byte == b'/') {
        rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let Some(value) = rest.strip_prefix(b"Type") else { continue };
        let name = value.trim_ascii_start().strip_prefix(b"/Page");
        pages = pages.saturating_add(u64::from(name.is_some_and(|after| !after.starts_with(b"s"))));
    }
    pages.saturating_mul(PAGE_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_where_they_can_be_seen() {
        for (text, expected) in [
            ("%PDF-1.7 << /Type /Page >> <</Type/Page/Parent 1 0 R>> << /Type /Pages >> /Type\n/Page", 3),
            ("junk %PDF-1.7 /Type /Pages", 0),
            ("/Type /Page", 0),
            ("%PDF-1.7 /Type /", 0),
            ("%PDF-1.7 /Type/Page", 1),
            ("", 0),
        ] {
            assert_eq!(page_tokens(text.as_bytes()), expected * PAGE_TOKENS, "{text}");
        }
    }
}
