// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shape of the repository: which room may know which, how long a file may be, and what every file begins with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test ends it"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lines of a file, without its tests.
const LINES_MAX: usize = 400;
/// Lines of a file whose header gives the reason, after the words `Longer than`.
const LINES_MAX_WITH_REASON: usize = 600;
const SPDX: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0";

/// Folders that hold no sources of ours.
const ELSEWHERE: [&str; 4] = ["target", ".git", "node_modules", "deps"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the files below a folder with one of some endings, and their texts.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !ELSEWHERE.contains(&&*name) {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let short = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((short, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let folders = ["host", "plugins", "examples", "tests"];
    let found: Vec<_> = folders.into_iter().flat_map(|folder| files(folder, &[".rs"])).collect();
    assert!(found.len() > 100, "only {} sources were found", found.len());
    found
}

#[track_caller]
fn none(what: &str, mut broken: Vec<String>) {
    broken.sort();
    assert!(broken.is_empty(), "{what}:\n  {}", broken.join("\n  "));
}

/// Returns the lines in front of the tests of a file.
fn without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let inline = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    lines.windows(2).position(inline).unwrap_or(lines.len())
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/")
}

#[test]
fn every_source_begins_with_its_licence_and_what_it_is_for() {
    let broken = sources().into_iter().filter(|(_, text)| {
        let mut lines = text.lines();
        lines.next() != Some(SPDX) || !lines.next().is_some_and(|line| line.starts_with("//! "))
    });
    none("these do not begin with the SPDX line and a `//!` header", broken.map(|(path, _)| path).collect());
    let texts =
        files("tests/guests", &[".wat"]).into_iter().filter(|(_, text)| !text.starts_with(&SPDX.replace("//", ";;")));
    none("these do not begin with the SPDX line", texts.map(|(path, _)| path).collect());
}

#[test]
fn no_file_is_too_long() {
    let broken = sources().into_iter().filter(|(path, _)| !is_test(path)).filter_map(|(path, text)| {
        let header: String = text.lines().take_while(|line| line.starts_with("//")).collect();
        let most = if header.contains("Longer than") { LINES_MAX_WITH_REASON } else { LINES_MAX };
        let lines = without_tests(&text);
        (lines > most).then(|| format!("{path}: {lines} of {most}"))
    });
    none("these are too long", broken.collect());
    let tests =
        sources().into_iter().filter(|(path, text)| is_test(path) && text.lines().count() > LINES_MAX_WITH_REASON);
    none("these tests are too long", tests.map(|(path, _)| path).collect());
}

#[test]
fn nothing_is_left_undone_or_tied_to_one_machine() {
    // Written apart, so that this file does not find itself.
    let words = [["TO", "DO"], ["todo", "!("], ["#[ig", "nore"], ["unimple", "mented!("], ["FIX", "ME"]]
        .map(|word| word.concat());
    let paths = ["work/", "root/"].map(|path| ["\"/", path].concat());
    let all = ["host", "plugins", "examples", "tests", "wit"]
        .into_iter()
        .flat_map(|folder| files(folder, &[".rs", ".toml", ".wit", ".wat", ".md"]));
    let broken = all.flat_map(|(path, text)| {
        let bad = words.iter().chain(&paths).filter(|word| text.contains(&***word)).cloned().collect::<Vec<_>>();
        bad.into_iter().map(move |word| format!("{path}: {word}"))
    });
    none("these words must not stand in a file", broken.collect());
}

/// The rooms that each room may depend on. A new edge is an event to be reviewed: it is added here with its reason.
fn edges(room: &str) -> &'static [&'static str] {
    match room {
        "core" | "patterns" | "schedule" => &[],
        "bindings" | "egress" | "journal" | "memory" | "models" | "schema" | "telemetry" | "testkit" => &["core"],
        "engine" => &["core", "schema"],
        "workflow" => &["core", "patterns", "schema"],
        "manifest" => &["core", "schedule", "workflow"],
        "sandbox" => &["bindings", "core"],
        "cli" => &[
            "bindings",
            "core",
            "egress",
            "engine",
            "journal",
            "manifest",
            "memory",
            "models",
            "sandbox",
            "schedule",
            "telemetry",
            "workflow",
        ],
        other => panic!("host/{other} is a new room: say here on which rooms it may depend"),
    }
}

fn manifest(folder: &Path) -> Option<toml::Table> {
    Some(std::fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().unwrap())
}

fn dependencies(manifest: &toml::Table, table: &str) -> BTreeSet<String> {
    manifest.get(table).and_then(toml::Value::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn rooms_know_only_the_rooms_that_they_may() {
    let mut broken = Vec::new();
    for entry in std::fs::read_dir(root().join("host")).unwrap() {
        let path = entry.unwrap().path();
        let Some(manifest) = manifest(&path) else { continue };
        let room = path.file_name().unwrap().to_string_lossy().into_owned();
        let allowed: BTreeSet<String> = edges(&room).iter().map(|room| format!("priory-{room}")).collect();
        let named = dependencies(&manifest, "dependencies");
        let rooms = named.iter().filter(|name| *name == "priory" || name.starts_with("priory-"));
        broken.extend(rooms.filter(|name| !allowed.contains(*name)).map(|name| format!("{room} depends on {name}")));
    }
    none("these edges are not allowed", broken);
}

#[test]
fn only_two_rooms_name_the_runtime() {
    let mut broken = Vec::new();
    for folder in ["host", "plugins", "tests", "examples"] {
        for (path, text) in files(folder, &["Cargo.toml"]) {
            // The benchmarks measure the bare runtime beside the host.
            let may = ["host/bindings/", "host/sandbox/", "tests/bench/"];
            if may.iter().any(|folder| path.starts_with(folder)) {
                continue;
            }
            let manifest: toml::Table = text.parse().unwrap();
            let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
            let named = tables.into_iter().flat_map(|table| dependencies(&manifest, table));
            broken.extend(named.filter(|name| name.starts_with("wasmtime")).map(|name| format!("{path}: {name}")));
        }
    }
    none("these name the runtime", broken);
}

#[test]
fn unsafe_code_is_only_in_the_sandbox() {
    let word = ["uns", "afe "].concat();
    let code = |line: &str| {
        let line = line.trim_start();
        !line.starts_with("//")
            && (line.contains(&format!("{word}{{"))
                || line.contains(&format!("{word}fn"))
                || line.contains(&format!("{word}impl")))
    };
    let broken = files("host", &[".rs"])
        .into_iter()
        .filter(|(path, text)| !path.starts_with("host/sandbox/") && text.lines().any(code));
    none("these are not the sandbox", broken.map(|(path, _)| path).collect());
    let forbids =
        ["core", "engine", "egress", "journal", "manifest", "patterns", "cli", "testkit"].into_iter().filter(|room| {
            let text = std::fs::read_to_string(root().join("host").join(room).join("src/lib.rs")).unwrap();
            !text.contains("#![forbid(unsafe_code)]")
        });
    none("these rooms do not forbid it", forbids.map(str::to_owned).collect());
}

#[test]
fn every_item_of_a_contract_is_documented() {
    let mut broken = Vec::new();
    for (path, text) in ["wit", "plugins"].into_iter().flat_map(|folder| files(folder, &[".wit"])) {
        let mut documented = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            match line {
                _ if line.starts_with("///") => documented = true,
                _ if line.starts_with("@since") || line.starts_with("@unstable") || line.starts_with("@deprecated") => {
                }
                "" | "}" => documented = false,
                _ if needs_words(line) && !documented => broken.push(format!("{path}:{}: {line}", number + 1)),
                _ => documented = false,
            }
        }
    }
    none("these are not documented", broken);
}

/// Tells whether a line of a contract declares something: all but packages, uses, includes, imports, exports, and the
/// later lines of a signature.
fn needs_words(line: &str) -> bool {
    let names_others = ["package ", "use ", "include ", "import ", "export ", "//", "}", ")"];
    let declares = line.ends_with('{') || line.ends_with(';') || line.ends_with(',');
    declares && !names_others.iter().any(|word| line.starts_with(word))
}

#[test]
fn what_changes_is_told_to_users() {
    let text = std::fs::read_to_string(root().join("CHANGELOG.md")).expect("there is a CHANGELOG.md");
    assert!(text.contains("Unreleased"), "the changelog has a part for what is not released");
}
