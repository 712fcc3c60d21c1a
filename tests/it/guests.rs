// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guests: where their bytes come from, and that each of them has a test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

const TARGET: &str = "wasm32-wasip2";

/// The guests that are written in Rust, each a package `priory-guest-NAME`.
const RUST: [&str; 7] = ["agent-misuse", "ask", "echo", "orchestrate", "steps", "toolset-misuse", "wasi-misuse"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests")
}

/// Returns the bytes of a guest that is written as text.
pub fn wat(name: &str) -> Vec<u8> {
    let path = folder().join("wat").join(format!("{name}.wat"));
    wat::parse_file(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the component of a guest that is written in Rust. The first who asks builds all of them.
pub fn rust(name: &str) -> Arc<[u8]> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    assert!(RUST.contains(&name), "there is no guest `{name}`");
    if let Err(reason) = BUILT.get_or_init(build) {
        panic!("the guests cannot be built, so nothing that needs them can be tested: {reason}");
    }
    let file = format!("priory_guest_{}.wasm", name.replace('-', "_"));
    let path = target_dir().join(TARGET).join("guest").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of its own: the one of the tests is locked by whoever runs them.
fn target_dir() -> PathBuf {
    workspace().join("target").join("guests")
}

fn build() -> Result<(), String> {
    add_target();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args(["build", "--quiet", "--profile", "guest", "--target", TARGET, "--target-dir"]);
    cargo.arg(target_dir()).args(RUST.iter().map(|name| format!("--package=priory-guest-{name}")));
    // Flags for the machine are not flags for guests.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    let output = cargo.output().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Adds the target where rustup is there to do it; where it is not, the compiler may have it anyway, and the build says
/// whether it has.
fn add_target() {
    let rustup = |arguments: &[&str]| Command::new("rustup").args(arguments).output();
    let installed = rustup(&["target", "list", "--installed"]);
    let has = installed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(TARGET));
    if !has && let Err(error) = rustup(&["target", "add", TARGET]) {
        eprintln!("rustup cannot be run ({error}); the target {TARGET} may be there anyway");
    }
}

/// Names for each guest the tests that show what becomes of it. That the tests exist is checked by the compiler, that
/// no guest is missing by `check`.
macro_rules! proven {
    ($($guest:literal: $($($test:ident)::+),+;)*) => {
        const _: &[fn()] = &[$($($($test)::+),+),*];
        const PROVEN: &[&str] = &[$($guest),*];
    };
}
pub(crate) use proven;

/// Compares the folders and files of guests with those that have a test.
pub fn check(proven: &[&str]) {
    let names = |folder: PathBuf| {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
    };
    let texts = names(folder().join("wat")).filter_map(|name| name.strip_suffix(".wat").map(str::to_owned));
    let crates = names(folder()).filter(|name| name != "wat");
    let there: BTreeSet<String> = texts.chain(crates).collect();
    let proven: BTreeSet<String> = proven.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(there, proven, "left: the guests that are there; right: those with a test in `main.rs`");
}
