// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a component carries besides its code: the ceiling of its grants, and the words of its WIT.

/// Says what this component could ever need: `ceiling!(["tool=files.*", "log"])`.
///
/// The grants are embedded in the component, in the form that manifests use. Whatever the operator grants, frames
/// of this component never hold more. Text that would need an escape in JSON does not compile.
#[macro_export]
macro_rules! ceiling {
    ([]) => { $crate::custom_section!("priory:ceiling", b"[]"); };
    ([$first:literal $(, $more:literal)* $(,)?]) => {
        const _: () = {
            $crate::private_assert_plain!($first $(, $more)*);
            $crate::custom_section!(
                "priory:ceiling",
                concat!("[\"", $first, "\"", $(",\"", $more, "\"",)* "]").as_bytes()
            );
        };
    };
}

/// Embeds the text of a WIT file, whose documentation comments become the descriptions of the tools.
///
/// The path is relative to the source file. A finished component has the types of its world without any comments.
#[macro_export]
macro_rules! wit_text {
    ($path:literal) => {
        $crate::custom_section!("priory:wit", include_bytes!($path));
    };
}

/// Embeds bytes as a custom section of the component.
#[doc(hidden)]
#[macro_export]
macro_rules! custom_section {
    ($name:literal, $bytes:expr) => {
        const _: () = {
            const BYTES: &[u8] = $bytes;
            #[used]
            #[cfg_attr(target_arch = "wasm32", unsafe(link_section = $name))]
            static SECTION: [u8; BYTES.len()] = {
                let mut copy = [0; BYTES.len()];
                copy.copy_from_slice(BYTES);
                copy
            };
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! private_assert_plain {
    ($($text:literal),*) => {
        $(assert!($crate::private::is_plain($text), "a grant must not hold quotes, backslashes or control characters");)*
    };
}

/// Tells whether a text stands for itself between the quotes of JSON.
#[doc(hidden)]
pub const fn is_plain(text: &str) -> bool {
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        if *first < b' ' || *first == b'"' || *first == b'\\' {
            return false;
        }
        bytes = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    crate::ceiling!(["tool=files.*", "log"]);

    #[test]
    fn text_that_json_would_escape_is_not_plain() {
        assert!(is_plain("http=GET https://example.org/ü/*"));
        assert!(!is_plain("a\"b") && !is_plain("a\\b") && !is_plain("a\nb"));
    }
}
