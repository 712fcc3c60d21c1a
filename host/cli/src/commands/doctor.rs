// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory doctor`: looks whether this machine has what is needed, and says how to mend what is missing.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use priory::Host;
use priory::manifest::Manifest;
use serde_json::json;

use crate::amount::show_bytes;
use crate::bounds::current_dir;
use crate::ui::error::Result;
use crate::ui::exit::Exit;
use crate::ui::text::counted;
use crate::ui::{output, table};
use crate::{keys, project, running, toolchain};

/// How many sandboxes a host has by default; each takes this much address space at least.
const SANDBOXES: u64 = 256;
const SANDBOX_BYTES: u64 = 4 << 30;
/// How many mappings a host of that many sandboxes may take.
const MAPPINGS_MIN: u64 = 65_530;

/// Check what this machine has, and say how to mend what is missing
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Something works less well, or only some things work.
    Note,
    /// Nothing runs, or the project here cannot be built.
    Missing,
}

#[derive(Debug)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), remedy: None }
    }

    fn not(name: &'static str, state: State, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state, found: found.into(), remedy: Some(remedy.into()) }
    }
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let checks = checks();
    if args.json {
        let rows = checks.iter().map(|check| {
            let state = format!("{:?}", check.state).to_ascii_lowercase();
            json!({ "check": check.name, "state": state, "found": check.found, "remedy": check.remedy })
        });
        output::json(&json!({ "checks": rows.collect::<Vec<_>>() }));
    } else {
        output::text(&show(&checks));
    }
    let is_missing = checks.iter().any(|check| check.state == State::Missing);
    Ok(if is_missing { Exit::Failed } else { Exit::Ok })
}

fn checks() -> Vec<Check> {
    // Who runs components that others built needs no compiler.
    let absent = if builds_crates() { State::Missing } else { State::Note };
    let mut checks =
        vec![sandbox(), cache(), address_space(), mappings(), processor(), cargo(absent), rustup(), target(absent)];
    checks.extend(models());
    checks
}

fn show(checks: &[Check]) -> String {
    let mut rows = table::plain();
    for check in checks {
        let mark = match check.state {
            State::Ok => "✓",
            State::Note => "!",
            State::Missing => "✗",
        };
        rows.add_row([mark, check.name, &check.found]);
    }
    let mut text = table::show(rows);
    for check in checks.iter().filter(|check| check.remedy.is_some()) {
        let remedy = check.remedy.as_deref().unwrap_or_default();
        text.push_str(&format!("\n{}: {remedy}", check.name));
    }
    if checks.iter().any(|check| check.remedy.is_some()) {
        text.push('\n');
    }
    text
}

/// Tells whether the manifest here names a crate.
fn builds_crates() -> bool {
    let manifest =
        current_dir().ok().and_then(|folder| Manifest::find(&folder).ok()?).map(|path| Manifest::read(&path));
    manifest.and_then(std::result::Result::ok).is_some_and(|m| m.plugins.values().any(|plugin| plugin.path.is_dir()))
}

fn sandbox() -> Check {
    let name = "sandbox";
    let built = running::runtime().map(|runtime| runtime.block_on(Host::builder().build()));
    match built {
        Ok(Ok(host)) => Check::ok(name, format!("works, with {} threads for guests", host.compute_threads())),
        Ok(Err(error)) => Check::not(name, State::Missing, error.to_string(), "see the checks below"),
        Err(error) => {
            let found = anstream::adapter::strip_str(&error.render()).to_string();
            Check::not(name, State::Missing, found.trim(), "raise the number of threads: ulimit -u")
        }
    }
}

fn cache() -> Check {
    let name = "cache";
    let remedy = "set PRIORY_CACHE_DIR to a folder of your own";
    let Some(folder) = project::cache_dir() else {
        return Check::not(name, State::Note, "this user has no folder for it: nothing is kept", remedy);
    };
    match probe(&folder) {
        Ok(None) => Check::ok(name, folder.display().to_string()),
        Ok(Some(odd)) => Check::not(
            name,
            State::Note,
            format!("{} {odd}", folder.display()),
            format!("{remedy}, or run: chmod 700 {}", folder.join("code").display()),
        ),
        Err(error) => {
            Check::not(name, State::Missing, format!("{} cannot be written: {error}", folder.display()), remedy)
        }
    }
}

/// Writes to a folder as the cache does. Returns what is odd about it.
fn probe(folder: &Path) -> io::Result<Option<String>> {
    fs::create_dir_all(folder)?;
    let file = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&file, b"probe")?;
    fs::remove_file(&file)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // Only this part holds code that is executed; it is made private when it is made.
        if let Ok(code) = fs::metadata(folder.join("code"))
            && code.mode() & 0o077 != 0
        {
            return Ok(Some("is open to other users".to_owned()));
        }
    }
    Ok(None)
}

fn address_space() -> Check {
    let name = "address space";
    let Ok(limits) = fs::read_to_string("/proc/self/limits") else {
        return Check::ok(name, "not limited in a way that this system tells");
    };
    match address_limit(&limits) {
        None => Check::ok(name, "unlimited"),
        Some(bytes) if bytes >= SANDBOXES.saturating_mul(SANDBOX_BYTES) => Check::ok(name, show_bytes(bytes)),
        Some(bytes) => Check::not(
            name,
            State::Note,
            format!("{}: there is no room for a pool, so each sandbox takes longer to make", show_bytes(bytes)),
            "ulimit -v unlimited",
        ),
    }
}

/// Reads the soft limit of the address space; `None` when there is none.
fn address_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn mappings() -> Check {
    let name = "max_map_count";
    let read = fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse::<u64>().ok());
    match read {
        None => Check::ok(name, "not limited in a way that this system tells"),
        Some(count) if count >= MAPPINGS_MIN => Check::ok(name, count.to_string()),
        Some(count) => {
            Check::not(name, State::Note, format!("{count}: few sandboxes fit"), "sysctl -w vm.max_map_count=262144")
        }
    }
}

fn processor() -> Check {
    let name = "processor";
    let arch = std::env::consts::ARCH;
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
        ];
        let names = |wanted: bool| {
            has.iter().filter(|(_, has)| *has == wanted).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        };
        let missing = names(false);
        if !missing.is_empty() {
            let found = format!("{arch} without {missing}: guests compute slower");
            return Check::not(name, State::Note, found, "in a virtual machine, pass the host's processor through");
        }
        Check::ok(name, format!("{arch} with {}", names(true)))
    }
    #[cfg(not(target_arch = "x86_64"))]
    Check::ok(name, arch)
}

fn cargo(absent: State) -> Check {
    match version("cargo") {
        Some(version) => Check::ok("cargo", version),
        None => Check::not("cargo", absent, "not found: crates cannot be built", "install Rust from https://rustup.rs"),
    }
}

fn rustup() -> Check {
    match version("rustup") {
        Some(version) => Check::ok("rustup", version),
        None => Check::not(
            "rustup",
            State::Note,
            "not found: a missing compiler target cannot be added",
            "install it from https://rustup.rs, or keep the targets of your rustc complete yourself",
        ),
    }
}

fn target(absent: State) -> Check {
    let name = toolchain::TARGET;
    let folder = current_dir().unwrap_or_default();
    match toolchain::has_target(&folder) {
        true => Check::ok(name, "installed"),
        false => {
            let found = "not installed: crates cannot be built";
            // Where there is rustup, `priory build` adds it by itself.
            let state = if toolchain::has_cargo() && version("rustup").is_some() { State::Note } else { absent };
            Check::not(name, state, found, format!("rustup target add {name}"))
        }
    }
}

/// Looks for the keys of the models of the manifest here, where it has any. Nobody is asked.
fn models() -> Option<Check> {
    let name = "models";
    let path = current_dir().ok().and_then(|folder| Manifest::find(&folder).ok()?)?;
    let models = Manifest::read(&path).ok()?.models;
    let count = models.models.len();
    if count == 0 {
        return None;
    }
    let missing = keys::missing(&models);
    Some(match missing.as_slice() {
        [] => Check::ok(name, format!("{}, with all keys that they need", counted(count, "model"))),
        some => {
            let remedy = "put the keys there; `priory models test` asks each model for a word";
            Check::not(name, State::Note, some.join("; "), remedy)
        }
    })
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_the_address_space_is_read() {
        let limits = |soft: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax address space         {soft}            unlimited  bytes\n"
            )
        };
        assert_eq!(address_limit(&limits("unlimited")), None);
        assert_eq!(address_limit(&limits("8589934592")), Some(8 << 30));
        assert_eq!(address_limit(""), None);
    }

    #[test]
    fn every_remedy_is_told() {
        let checks = [Check::ok("cargo", "1.95"), Check::not("cache", State::Missing, "not there", "make it")];
        assert_eq!(show(&checks), "✓  cargo  1.95\n✗  cache  not there\n\ncache: make it\n");
    }
}
