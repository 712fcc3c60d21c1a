// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the guests that the hosts run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The agent, and the tool that it calls, as files of a folder.
pub(crate) const AGENT: &str = "steps.wasm";
pub(crate) const TOOL: &str = "good.wasm";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Builds the guests into a folder.
pub(crate) fn build(folder: &Path) -> anyhow::Result<()> {
    let target = workspace().join("target").join("guests");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace())
        .args(["build", "--quiet", "--profile", "guest", "--target", "wasm32-wasip2"])
        .args(["--package", "priory-guest-steps", "--target-dir"])
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
    let built = target.join("wasm32-wasip2").join("guest").join("priory_guest_steps.wasm");
    std::fs::copy(&built, folder.join(AGENT)).with_context(|| built.display().to_string())?;
    let tool = workspace().join("tests/guests/wat/good.wat");
    std::fs::write(folder.join(TOOL), wat::parse_file(tool)?)?;
    Ok(())
}
