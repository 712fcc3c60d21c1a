// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts the documentation of a crate's WIT into its component, so that tools have descriptions.

use std::path::Path;

use wit_parser::{PackageMetadata, Resolve};

/// How long the documentation of one package may be, in bytes; what is longer is left out.
const DOCS_BYTES_MAX: usize = 1 << 20;

/// Appends the documentation of the package in `wit` to a component, as a custom section.
///
/// Documentation never decides whether something runs: where there is none, or where it cannot be read, the component
/// stays as it is.
pub(crate) fn embed_docs(mut component: Vec<u8>, wit: &Path) -> Vec<u8> {
    if !wit.is_dir() || !is_component(&component) || is_documented(&component) {
        return component;
    }
    match read(wit) {
        Ok(docs) if docs.len() <= DOCS_BYTES_MAX => component.extend(section(&docs)),
        Ok(docs) => tracing::warn!(bytes = docs.len(), wit = %wit.display(), "the documentation is too long to keep"),
        Err(error) => tracing::warn!(%error, wit = %wit.display(), "the documentation cannot be read"),
    }
    component
}

const NAME: &[u8] = PackageMetadata::SECTION_NAME.as_bytes();

/// Tells whether there is such a section already: its name stands behind its length.
fn is_documented(bytes: &[u8]) -> bool {
    let mut name = leb128(NAME.len());
    name.extend_from_slice(NAME);
    bytes.windows(name.len()).any(|found| found == name)
}

fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}

fn read(wit: &Path) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(|error| format!("{error:#}"))?;
    PackageMetadata::extract(&resolve, package).encode().map_err(|error| format!("{error:#}"))
}

/// Encodes a custom section: its id 0, its size, the size of its name, its name, its data.
fn section(data: &[u8]) -> Vec<u8> {
    let mut content = leb128(NAME.len());
    content.extend_from_slice(NAME);
    content.extend_from_slice(data);
    let mut section = vec![0];
    section.extend(leb128(content.len()));
    section.extend(content);
    section
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn numbers_are_written_seven_bits_at_a_time() {
        assert_eq!(leb128(0), [0]);
        assert_eq!(leb128(127), [127]);
        assert_eq!(leb128(128), [0x80, 1]);
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
    }

    #[test]
    fn what_has_no_wit_stays_as_it_is() {
        assert_eq!(embed_docs(EMPTY.to_vec(), Path::new("/nowhere")), EMPTY);
        assert_eq!(embed_docs(b"text".to_vec(), Path::new("/nowhere")), b"text");
    }

    #[test]
    fn the_documentation_stands_in_a_section_at_the_end() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/agent");
        let documented = embed_docs(EMPTY.to_vec(), &wit);
        assert!(documented.starts_with(EMPTY));
        let text = String::from_utf8_lossy(&documented);
        assert!(text.contains("Works on one task and returns its report."));
        // A second time changes nothing.
        assert_eq!(embed_docs(documented.clone(), &wit), documented);
    }
}
