// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are no component, or not one for this host: each is refused when it is loaded, with a typed error on one line.

use std::path::{Path, PathBuf};

use priory::core::Digest;
use priory::{Error, LoadError, PluginSpec};

use crate::guests;
use crate::stage::{block, builder, good, neighbour_works};

/// Loads a plugin beside a good one and returns why it was refused. The good one still loads alone.
#[track_caller]
fn refused(plugin: PluginSpec) -> LoadError {
    let error = match block(builder().plugin(good()).plugin(plugin).build()) {
        Err(Error::Load(error)) => error,
        Err(other) => panic!("refused for another reason: {other:?}"),
        Ok(_) => panic!("it was loaded"),
    };
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 1_000, "{text:?}");
    error
}

#[track_caller]
fn refused_bytes(bytes: impl Into<Vec<u8>>) -> LoadError {
    refused(PluginSpec::new("odd", bytes.into()))
}

#[test]
fn an_empty_file() {
    let error = refused_bytes([]);
    assert!(matches!(&error, LoadError::NotAComponent { what, .. } if what.contains("empty")), "{error:?}");
}

#[test]
fn a_file_of_something_else() {
    for bytes in [&b"#!/bin/sh\necho no\n"[..], b"\0as", b"\x7fELF-but-short", b"(component)"] {
        let error = refused_bytes(bytes);
        assert!(matches!(error, LoadError::NotAComponent { .. }), "{error:?}");
    }
}

#[test]
fn an_encoding_of_another_time() {
    let error = refused_bytes(*b"\0asm\x0e\0\x02\0");
    assert!(matches!(error, LoadError::NotAComponent { .. }), "{error:?}");
}

#[test]
pub fn a_core_module() {
    let error = refused_bytes(guests::wat("core-module"));
    assert!(matches!(&error, LoadError::NotAComponent { what, .. } if what.contains("wasm32-wasip2")), "{error:?}");
}

/// Loads the good plugin with a cache, and returns the file that was kept.
fn cached(folder: &Path) -> PathBuf {
    neighbour_works(&block(builder().cache_dir(folder).plugin(good()).build()).unwrap());
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "code") {
                return path;
            }
        }
    }
    panic!("nothing was kept");
}

#[test]
fn compiled_code() {
    let folder = tempfile::TempDir::new().unwrap();
    let entry = std::fs::read(cached(folder.path())).unwrap();
    // In front of the code stands its keyed hash.
    for code in [&entry[32..], &entry[..]] {
        assert!(matches!(refused_bytes(code), LoadError::NotAComponent { .. }));
    }
}

#[test]
fn compiled_code_that_was_changed_on_disk_is_made_anew() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = cached(folder.path());
    let entry = std::fs::read(&path).unwrap();
    for at in [0, 31, 32, entry.len() / 2, entry.len() - 1] {
        let mut changed = entry.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        cached(folder.path());
        assert_ne!(std::fs::read(&path).unwrap(), changed, "byte {at}");
    }
    std::fs::write(&path, b"short").unwrap();
    cached(folder.path());
}

#[test]
fn a_component_that_was_cut_short() {
    let whole = guests::wat("good");
    for length in [8, 9, 20, whole.len() / 2, whole.len() - 1] {
        let error = refused_bytes(&whole[..length]);
        assert!(matches!(error, LoadError::Invalid { .. } | LoadError::NothingToCall { .. }), "{length}: {error:?}");
    }
}

#[test]
pub fn nothing_to_call() {
    for name in ["nothing", "only-resources"] {
        let error = refused_bytes(guests::wat(name));
        assert!(matches!(error, LoadError::NothingToCall { .. }), "{name}: {error:?}");
    }
}

#[test]
pub fn imports_that_nobody_satisfies() {
    for (name, import, words) in [
        ("import-unknown", "acme:rockets/launch@1.0.0", "[plugins.odd.links]"),
        ("import-wasi-03", "wasi:clocks/monotonic-clock@0.3.0", "WASI 0.2"),
        ("import-other-version", "priory:agent/log@9.0.0", "0.1.0"),
        ("import-wrong-type", "priory:agent/log@0.1.0", "write"),
    ] {
        match refused_bytes(guests::wat(name)) {
            LoadError::Import { import: found, reason, .. } => {
                assert_eq!(found, import);
                assert!(reason.contains(words), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
pub fn features_that_are_off() {
    for feature in ["exceptions", "gc", "memory64", "multi-memory", "relaxed-simd", "tail-call", "threads"] {
        let error = refused_bytes(guests::wat(&format!("feature-{feature}")));
        assert!(matches!(error, LoadError::Invalid { .. }), "{feature}: {error:?}");
    }
}

#[test]
pub fn an_agent_of_another_type() {
    match refused(PluginSpec::new("false", guests::wat("false-agent"))) {
        LoadError::Contract { export, reason, .. } => {
            assert_eq!(export, "priory:agent/agent@0.1.0");
            assert!(reason.starts_with("`run` is another: "), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_digest_than_the_pinned() {
    let mut plugin = good();
    plugin.pinned = Some(Digest::of(b"something else"));
    match refused(PluginSpec { name: "odd".into(), ..plugin }) {
        LoadError::Digest { found, .. } => assert_eq!(found, Digest::of(&guests::wat("good"))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_component_that_is_too_large() {
    let bytes = guests::wat("good").len() as u64;
    let load = |most| block(builder().component_bytes_max(most).plugin(good()).build());
    neighbour_works(&load(bytes).unwrap());
    match load(bytes - 1) {
        Err(Error::Load(LoadError::TooLarge { bytes: found, most, .. })) => {
            assert_eq!((found, most), (bytes, bytes - 1))
        }
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn a_ceiling_that_cannot_be_read() {
    for ceiling in ["[", "[\"tool\"]", "[\"rocket=1\"]", "{}"] {
        let mut bytes = guests::wat("good");
        bytes.extend(custom_section("priory:ceiling", ceiling.as_bytes()));
        let error = refused_bytes(bytes);
        assert!(matches!(error, LoadError::Ceiling { .. }), "{ceiling}: {error:?}");
    }
}

#[test]
fn types_that_are_nested_too_deep() {
    let types: String = (1..=70).map(|n| format!("(type $t{n} (option $t{}))", n - 1)).collect();
    let text = format!(
        r#"(component (type $t0 (option u8)) {types}
            (core module $m (memory (export "mem") 1)
              (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
              (func (export "run") (param i32) (result i32) (i32.const 8)))
            (core instance $i (instantiate $m))
            (func (export "run") (param "deep" (list $t70)) (result u32)
              (canon lift (core func $i "run") (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))"#
    );
    let text = text.replace(r#"(func (export "run") (param i32)"#, r#"(func (export "run") (param i32 i32)"#);
    let error = refused_bytes(wat::parse_str(text).unwrap());
    assert!(matches!(error, LoadError::NothingToCall { .. } | LoadError::Invalid { .. }), "{error:?}");
}

#[test]
fn too_many_functions() {
    let functions: String = (0..5_000)
        .map(|n| format!(r#"(func (export "f{n}") (result u32) (canon lift (core func $i "run")))"#))
        .collect();
    let module =
        r#"(core module $m (func (export "run") (result i32) (i32.const 1))) (core instance $i (instantiate $m))"#;
    let error = refused_bytes(wat::parse_str(format!("(component {module} {functions})")).unwrap());
    assert!(matches!(error, LoadError::TooDemanding { .. } | LoadError::Invalid { .. }), "{error:?}");
}

/// Writes a custom section as it stands in a component.
pub fn custom_section(name: &str, data: &[u8]) -> Vec<u8> {
    let mut content = leb128(name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    let mut section = vec![0];
    section.extend(leb128(content.len()));
    section.extend(content);
    section
}

/// Writes a number as WebAssembly does.
pub fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
