// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the guests that the benchmarks run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Returns the root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// Builds the guests and returns the folder of the components.
pub fn build() -> anyhow::Result<PathBuf> {
    let target = workspace().join("target").join("guests");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace())
        .args(["build", "--quiet", "--profile", "guest", "--target", "wasm32-wasip2"])
        .args(["-p", "bench-tool", "-p", "bench-agent", "-p", "priory-plugin-react"])
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "the guests cannot be built; is the target there? `rustup target add wasm32-wasip2`");
    Ok(target.join("wasm32-wasip2").join("guest"))
}
