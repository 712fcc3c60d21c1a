// SPDX-License-Identifier: MIT OR Apache-2.0
//! Character references of HTML.

/// How long the name of a reference may be, in bytes.
const NAME_BYTES_MAX: usize = 10;

/// The names that prose uses, sorted. Of the two thousand others each stays as it is written.
const NAMED: [(&str, &str); 68] = [
    ("Agrave", "À"),
    ("Auml", "Ä"),
    ("Eacute", "É"),
    ("Ouml", "Ö"),
    ("Uuml", "Ü"),
    ("aacute", "á"),
    ("acirc", "â"),
    ("aelig", "æ"),
    ("agrave", "à"),
    ("amp", "&"),
    ("apos", "'"),
    ("aring", "å"),
    ("atilde", "ã"),
    ("auml", "ä"),
    ("bdquo", "„"),
    ("bull", "•"),
    ("ccedil", "ç"),
    ("cent", "¢"),
    ("copy", "©"),
    ("deg", "°"),
    ("divide", "÷"),
    ("eacute", "é"),
    ("ecirc", "ê"),
    ("egrave", "è"),
    ("emsp", " "),
    ("ensp", " "),
    ("euml", "ë"),
    ("euro", "€"),
    ("frac12", "½"),
    ("frac14", "¼"),
    ("ge", "≥"),
    ("gt", ">"),
    ("hellip", "…"),
    ("iacute", "í"),
    ("iuml", "ï"),
    ("laquo", "«"),
    ("larr", "←"),
    ("ldquo", "“"),
    ("le", "≤"),
    ("lsquo", "‘"),
    ("lt", "<"),
    ("mdash", "—"),
    ("micro", "µ"),
    ("middot", "·"),
    ("minus", "−"),
    ("nbsp", " "),
    ("ndash", "–"),
    ("ntilde", "ñ"),
    ("oacute", "ó"),
    ("ocirc", "ô"),
    ("oslash", "ø"),
    ("ouml", "ö"),
    ("para", "¶"),
    ("plusmn", "±"),
    ("pound", "£"),
    ("quot", "\""),
    ("raquo", "»"),
    ("rarr", "→"),
    ("rdquo", "”"),
    ("reg", "®"),
    ("rsquo", "’"),
    ("sect", "§"),
    ("shy", ""),
    ("szlig", "ß"),
    ("times", "×"),
    ("trade", "™"),
    ("uacute", "ú"),
    ("uuml", "ü"),
];

/// Replaces the references in a text.
pub(crate) fn decoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut pieces = text.split('&');
    result.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match reference(piece) {
            Some((value, rest)) => {
                result.push_str(&value);
                result.push_str(rest);
            }
            None => {
                result.push('&');
                result.push_str(piece);
            }
        }
    }
    result
}

/// Splits `name;rest` and returns what the name stands for.
fn reference(piece: &str) -> Option<(String, &str)> {
    let end = piece.bytes().take(NAME_BYTES_MAX + 1).position(|byte| byte == b';')?;
    let (name, rest) = (piece.get(..end)?, piece.get(end + 1..)?);
    let number = match name.strip_prefix('#') {
        None => {
            let at = NAMED.binary_search_by_key(&name, |(known, _)| *known).ok()?;
            return NAMED.get(at).map(|(_, value)| ((*value).to_owned(), rest));
        }
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => digits.parse().ok()?,
        },
    };
    let character = char::from_u32(number).filter(|c| *c != '\0').unwrap_or('\u{fffd}');
    Some((character.to_string(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_everything_else_stays() {
        assert!(NAMED.is_sorted());
        assert_eq!(decoded("a &lt;b&gt; &amp;amp; &auml;&#228;&#xE4;"), "a <b> &amp; äää");
        assert_eq!(decoded("R&D &unknown; &; &#xZ; &#0; &amp"), "R&D &unknown; &; &#xZ; \u{fffd} &amp");
    }
}
