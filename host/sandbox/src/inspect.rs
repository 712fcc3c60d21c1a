// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the bytes of a component before anything is compiled: what it is, and what its author put beside the code.

use priory_core::GrantSet;
use priory_core::grant::GRANTS_MAX;
use wasmparser::{Parser, Payload};

use crate::docs::{self, Docs};
use crate::error::LoadError;

/// The custom section that holds a ceiling: a JSON array of grants.
pub const CEILING_SECTION: &str = "priory:ceiling";
/// How long the sections of a ceiling may be together, in bytes.
const CEILING_BYTES_MAX: usize = 64 << 10;
/// How long documentation may be, in bytes.
const DOCS_BYTES_MAX: usize = 1 << 20;
/// How long the reason of a refusal may be, in characters.
const REASON_CHARS_MAX: usize = 600;
/// How many sections are looked at.
const SECTIONS_MAX: usize = 100_000;

/// What stands beside the code.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    pub(crate) ceiling: Option<GrantSet>,
    pub(crate) docs: Docs,
}

/// Reads the custom sections of a component and of the modules in it.
pub(crate) fn inspect(name: &str, bytes: &[u8]) -> Result<Inspected, LoadError> {
    refuse_others(name, bytes)?;
    let mut inspected = Inspected::default();
    let (mut depth, mut ceiling_bytes) = (0u32, 0usize);
    for (count, payload) in Parser::new(0).parse_all(bytes).enumerate() {
        let payload =
            payload.map_err(|error| LoadError::Invalid { name: name.into(), reason: one_line(&error.to_string()) })?;
        if count > SECTIONS_MAX {
            let reason = format!("it has more than {SECTIONS_MAX} sections");
            return Err(LoadError::Invalid { name: name.into(), reason });
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == CEILING_SECTION => {
                // Several crates of one component may each say what they need.
                let ceiling = inspected.ceiling.get_or_insert_default();
                ceiling_bytes = ceiling_bytes.saturating_add(section.data().len());
                add_ceiling(ceiling, section.data(), ceiling_bytes)
                    .map_err(|reason| LoadError::Ceiling { name: name.into(), reason })?;
            }
            Payload::CustomSection(section)
                if depth == 0 && section.name() == docs::SECTION && section.data().len() <= DOCS_BYTES_MAX =>
            {
                inspected.docs = Docs::read(section.data());
            }
            Payload::CustomSection(section) if section.name() == docs::WIT_SECTION => {
                if let (true, Ok(text)) = (section.data().len() <= DOCS_BYTES_MAX, std::str::from_utf8(section.data()))
                {
                    inspected.docs.read_wit(text);
                }
            }
            _ => {}
        }
    }
    Ok(inspected)
}

/// Writes an error of the parser on one line; some of its texts show bytes on a line each.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(REASON_CHARS_MAX).collect()
}

/// Says what the bytes are when they are no component.
fn refuse_others(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let what = if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        "it is code that was compiled for one machine; give the .wasm that it was made from"
    } else if Parser::is_core_wasm(bytes) {
        "it is a core module; build it for `wasm32-wasip2`, or wrap it with `wasm-tools component new`"
    } else if Parser::is_component(bytes) {
        return Ok(());
    } else if bytes.starts_with(b"\0asm") {
        "it is WebAssembly of an encoding that this host does not know, older or newer than the one of WASI 0.2"
    } else if bytes.is_empty() {
        "the file is empty"
    } else {
        "it does not begin as WebAssembly does"
    };
    Err(LoadError::NotAComponent { name: name.into(), what: what.into() })
}

/// Reads a part of a ceiling; `byte_len` is the length of all parts up to this one. The linker joins the sections of
/// several crates end to end, so there may be several arrays.
fn add_ceiling(ceiling: &mut GrantSet, data: &[u8], byte_len: usize) -> Result<(), String> {
    if byte_len > CEILING_BYTES_MAX {
        return Err(format!("it has {byte_len} bytes, {CEILING_BYTES_MAX} are the most"));
    }
    for set in serde_json::Deserializer::from_slice(data).into_iter::<GrantSet>() {
        let set = set.map_err(|error| error.to_string())?;
        if ceiling.len().saturating_add(set.len()) > GRANTS_MAX {
            return Err(format!("it has more than {GRANTS_MAX} grants; join some of them with `*`"));
        }
        set.iter().for_each(|held| ceiling.push(held.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a component of nothing but sections of a ceiling.
    fn component(sections: &[String]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for section in sections {
            let body = [&[CEILING_SECTION.len() as u8], CEILING_SECTION.as_bytes(), section.as_bytes()].concat();
            // The length is in seven bits a byte, the last one without the eighth.
            let length = body.len();
            bytes.extend([0, length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8]);
            bytes.extend(body);
        }
        bytes
    }

    fn ceiling(sections: &[String]) -> Result<usize, String> {
        match inspect("odd", &component(sections)) {
            Ok(inspected) => Ok(inspected.ceiling.map_or(0, |ceiling| ceiling.len())),
            Err(LoadError::Ceiling { reason, .. }) => Err(reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn grants(count: usize) -> String {
        format!("[{}]", vec![r#""log""#; count].join(","))
    }

    #[test]
    fn the_grants_of_all_sections_are_counted_together() {
        assert_eq!(ceiling(&[]), Ok(0));
        assert_eq!(ceiling(&[grants(GRANTS_MAX)]), Ok(GRANTS_MAX));
        assert_eq!(ceiling(&[grants(GRANTS_MAX - 1), grants(1)]), Ok(GRANTS_MAX));
        assert_eq!(ceiling(&[grants(1) + &grants(2), grants(3)]), Ok(6));
        for sections in [
            &[grants(GRANTS_MAX), grants(1)][..],
            &[grants(GRANTS_MAX) + &grants(1)],
            &vec![grants(1); GRANTS_MAX + 1],
            &[grants(GRANTS_MAX + 1)],
        ] {
            assert!(ceiling(sections).unwrap_err().contains("more than 1024 grants"));
        }
    }

    #[test]
    fn the_bytes_of_all_sections_are_counted_together() {
        let half = format!("[]{}", " ".repeat(CEILING_BYTES_MAX / 2 - 2));
        assert_eq!(ceiling(&[half.clone(), half.clone()]), Ok(0));
        assert!(ceiling(&[half.clone(), half, "[]".to_owned()]).unwrap_err().contains("65538 bytes"));
    }
}
