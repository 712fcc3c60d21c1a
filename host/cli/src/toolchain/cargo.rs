// SPDX-License-Identifier: MIT OR Apache-2.0
//! Speaks with cargo.

use std::collections::BTreeSet;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::is_colored;

/// What plugins are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";
/// The profile that is used where the workspace defines it.
const PROFILE: &str = "guest";
/// How many lines of a failed build are shown, the last ones.
const LINES_MAX: usize = 2_000;
/// How long one line of cargo may be, in bytes; its messages carry whole diagnostics.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// One package of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    /// As cargo names it.
    pub(crate) id: String,
    name: String,
    manifest: PathBuf,
}

/// A cargo workspace, or a crate that is one of its own.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    crates: Vec<Crate>,
    has_profile: bool,
}

/// Tells whether cargo can be started.
pub(crate) fn is_there() -> bool {
    let version = Command::new(program()).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Reads the name of a crate's library out of its Cargo.toml, as files are named after it.
pub(crate) fn library_name(text: &str) -> Option<String> {
    let name = |table: &str| {
        let lines = text.lines().map(str::trim).skip_while(|line| *line != table).skip(1);
        let entry = |line: &str| Some(line.strip_prefix("name")?.trim_start().strip_prefix('=')?.trim().to_owned());
        let quoted = lines.take_while(|line| !line.starts_with('[')).find_map(entry)?;
        Some(quoted.split('"').nth(1)?.replace('-', "_"))
    };
    name("[lib]").or_else(|| name("[package]"))
}

impl Workspace {
    /// Asks cargo for the workspace of a crate.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let output = Command::new(program())
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .output()
            .map_err(|error| Error::io("cargo cannot be started", &error))?;
        if !output.status.success() {
            let error = Error::new(Exit::Invalid, format!("cargo cannot read {}", folder.join("Cargo.toml").display()));
            return Err(error.detail(String::from_utf8_lossy(&output.stderr)));
        }
        Self::parse(&output.stdout)
            .ok_or_else(|| Error::new(Exit::Failed, "cargo describes its workspace in a new form"))
    }

    fn parse(metadata: &[u8]) -> Option<Self> {
        let metadata: Value = serde_json::from_slice(metadata).ok()?;
        let path = |value: &Value| value.as_str().map(PathBuf::from);
        let root = path(metadata.get("workspace_root")?)?;
        let target = path(metadata.get("target_directory")?)?;
        let package = |package: &Value| {
            Some(Crate {
                id: package.get("id")?.as_str()?.to_owned(),
                name: package.get("name")?.as_str()?.to_owned(),
                manifest: path(package.get("manifest_path")?)?,
            })
        };
        let crates = metadata.get("packages")?.as_array()?.iter().filter_map(package).collect();
        let has_profile = fs::read_to_string(root.join("Cargo.toml")).is_ok_and(|text| defines_profile(&text));
        Some(Self { root, target, crates, has_profile })
    }

    /// Finds the package of a folder.
    pub(crate) fn find(&self, folder: &Path) -> Option<Crate> {
        let manifest = folder.join("Cargo.toml").canonicalize().ok()?;
        let is_it = |found: &&Crate| found.manifest.canonicalize().is_ok_and(|path| path == manifest);
        self.crates.iter().find(is_it).cloned()
    }

    /// Builds some of its packages, and returns the component of each by its id.
    pub(crate) fn build(&self, crates: &[&Crate]) -> Result<BTreeMap<String, PathBuf>> {
        // Asking the compiler takes a moment, so it is asked only before the first build.
        if !self.target.join(TARGET).is_dir() {
            super::ensure_target(&self.root)?;
        }
        let mut command = Command::new(program());
        command.args(["build", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
        command.args(["--color", if is_colored() { "always" } else { "never" }]).current_dir(&self.root);
        match self.has_profile {
            true => command.args(["--profile", PROFILE]),
            false => command.arg("--release"),
        };
        for package in crates {
            command.args(["-p", &package.id]);
        }
        // These name the flags and the target of the host's own build where cargo runs this program.
        command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
        self.watch(command, crates)
    }

    fn watch(&self, mut command: Command, crates: &[&Crate]) -> Result<BTreeMap<String, PathBuf>> {
        let failed = |error| Error::io("cargo cannot be started", &error);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let spinner = spinner();
        let talk = child.stderr.take().map(|stderr| {
            let spinner = spinner.clone();
            // Cargo would stop when nobody reads what it says.
            std::thread::spawn(move || listen(stderr, &spinner))
        });
        let mut built = Built::default();
        if let Some(stdout) = child.stdout.take() {
            lines(stdout, |line| built.take(line));
        }
        let status = child.wait().map_err(failed)?;
        let talk = talk.and_then(|talk| talk.join().ok()).unwrap_or_default();
        spinner.finish_and_clear();
        let names = |fresh: bool| {
            let names = crates.iter().filter(|found| built.fresh.get(&found.id).copied().unwrap_or(false) == fresh);
            // One crate may be several plugins.
            let names: BTreeSet<&str> = names.map(|found| found.name.as_str()).collect();
            names.into_iter().collect::<Vec<_>>().join(", ")
        };
        if !status.success() {
            let all = crates.iter().map(|found| found.name.as_str()).collect::<Vec<_>>().join(", ");
            let text = talk.into_iter().collect::<Vec<_>>().join("\n");
            return Err(Error::new(Exit::Invalid, format!("building {all} failed")).detail(text));
        }
        let stale = names(false);
        if !stale.is_empty() {
            anstream::eprintln!("Built {stale}.");
        }
        Ok(built.components)
    }
}

/// What cargo says that it built.
#[derive(Debug, Default)]
struct Built {
    components: BTreeMap<String, PathBuf>,
    /// Whether a package was up to date already.
    fresh: BTreeMap<String, bool>,
}

impl Built {
    fn take(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        if message.get("reason").and_then(Value::as_str) != Some("compiler-artifact") {
            return;
        }
        let Some(id) = message.get("package_id").and_then(Value::as_str) else { return };
        let files = message.get("filenames").and_then(Value::as_array).into_iter().flatten();
        let component = files.filter_map(Value::as_str).find(|file| file.ends_with(".wasm"));
        if let Some(component) = component {
            self.components.insert(id.to_owned(), PathBuf::from(component));
            self.fresh.insert(id.to_owned(), message.get("fresh").and_then(Value::as_bool).unwrap_or(false));
        }
    }
}

/// Shows what cargo does, and keeps what it said.
fn listen(stderr: ChildStderr, spinner: &ProgressBar) -> VecDeque<String> {
    let mut kept = VecDeque::new();
    lines(stderr, |line| {
        let plain = anstream::adapter::strip_str(line).to_string();
        let words: Vec<&str> = plain.split_whitespace().take(2).collect();
        if let ["Compiling" | "Blocking" | "Downloading" | "Updating", _] = words.as_slice() {
            spinner.set_message(words.join(" "));
        }
        if kept.len() >= LINES_MAX {
            kept.pop_front();
        }
        kept.push_back(line.to_owned());
    });
    kept
}

/// Calls a function with each line of a stream, until it ends.
fn lines(stream: impl Read, mut take: impl FnMut(&str)) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => take(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r'])),
        }
    }
}

fn spinner() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner:.cyan} building plugins ({elapsed}) {msg}");
    let spinner = ProgressBar::new_spinner();
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn defines_profile(text: &str) -> bool {
    text.lines().any(|line| line.trim() == format!("[profile.{PROFILE}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_taken_from_the_messages() {
        let mut built = Built::default();
        for line in [
            r#"{"reason":"compiler-artifact","package_id":"dep","filenames":["/t/libdep.rlib"],"fresh":true}"#,
            r#"{"reason":"compiler-artifact","package_id":"a","filenames":["/t/a.d","/t/a.wasm"],"fresh":false}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "not JSON",
        ] {
            built.take(line);
        }
        assert_eq!(built.components, BTreeMap::from([("a".to_owned(), PathBuf::from("/t/a.wasm"))]));
        assert_eq!(built.fresh.get("a"), Some(&false));
    }

    #[test]
    fn files_are_named_after_the_library() {
        assert_eq!(library_name("[package]\nname = \"my-tool\"\n").as_deref(), Some("my_tool"));
        assert_eq!(library_name("[lib]\nname = \"b\"\n[package]\nname = \"a\"").as_deref(), Some("b"));
        assert_eq!(library_name("[lib]\ncrate-type = []\n[package]\nname=\"a\"").as_deref(), Some("a"));
        assert_eq!(library_name("[workspace]\n"), None);
    }

    #[test]
    fn the_profile_for_guests_is_used_where_there_is_one() {
        assert!(defines_profile("[workspace]\n\n[profile.guest]\ninherits = \"release\"\n"));
        assert!(!defines_profile("[profile.guest.package.a]\n"));
    }
}
