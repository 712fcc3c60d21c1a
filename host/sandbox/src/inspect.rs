// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the bytes of a component before anything is compiled: what it is, and what its author put beside the code.

use priory_core::GrantSet;
use wasmparser::{Parser, Payload};

use crate::docs::{self, Docs};
use crate::error::LoadError;

/// The custom section that holds a ceiling: a JSON array of grants.
pub const CEILING_SECTION: &str = "priory:ceiling";
/// How long a ceiling may be, in bytes.
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
    let mut depth = 0u32;
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
                let ceiling =
                    read_ceiling(section.data()).map_err(|reason| LoadError::Ceiling { name: name.into(), reason })?;
                // Several crates of one component may each say what they need.
                let known = inspected.ceiling.get_or_insert_default();
                ceiling.iter().for_each(|held| known.push(held.clone()));
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

/// Reads a ceiling. The linker joins the sections of several crates end to end, so there may be several arrays.
fn read_ceiling(data: &[u8]) -> Result<GrantSet, String> {
    if data.len() > CEILING_BYTES_MAX {
        return Err(format!("it has {} bytes, {CEILING_BYTES_MAX} are the most", data.len()));
    }
    let mut ceiling = GrantSet::default();
    for set in serde_json::Deserializer::from_slice(data).into_iter::<GrantSet>() {
        set.map_err(|error| error.to_string())?.iter().for_each(|held| ceiling.push(held.clone()));
    }
    Ok(ceiling)
}
