// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the guests that the hosts run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The agent, and the tool that it calls, as files of a folder.
pub(crate) const AGENT: &str = "steps.wasm";
pub(crate) const TOOL: &str = "good.wasm";
/// The agent that asks models.
pub(crate) const ASKING: &str = "ask.wasm";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Builds the guests of the harness into a folder.
pub(crate) fn build(folder: &Path) -> anyhow::Result<()> {
    build_one("steps", &folder.join(AGENT))?;
    let tool = workspace().join("tests/guests/wat/good.wat");
    std::fs::write(folder.join(TOOL), wat::parse_file(tool)?)?;
    Ok(())
}

/// Builds the agent that asks models into a folder, unless it is there.
pub(crate) fn build_asking(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(ASKING);
    if path.is_file() { Ok(()) } else { build_one("ask", &path) }
}

fn build_one(name: &str, path: &Path) -> anyhow::Result<()> {
    let target = workspace().join("target").join("guests");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace())
        .args(["build", "--quiet", "--profile", "guest", "--target", "wasm32-wasip2"])
        .args(["--package", &format!("priory-guest-{name}"), "--target-dir"])
        .arg(&target)
        // Flags for the machine are not flags for guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .context("cargo cannot be started")?;
    ensure!(
        output.status.success(),
        "the guests cannot be built; is the target there? `rustup target add wasm32-wasip2`\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let built = target.join("wasm32-wasip2").join("guest").join(format!("priory_guest_{name}.wasm"));
    std::fs::copy(&built, path).with_context(|| built.display().to_string())?;
    Ok(())
}
