// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds plugins from their crates.
//!
//! Cargo decides what is stale. It is asked once for each workspace, for all of its crates together.

mod cargo;
mod docs;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use cargo::TARGET;
use cargo::{Crate, Workspace};

use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// Returns the components of some crates, by the folders that were given.
///
/// With `build`, stale ones are built first. Without it, or on a machine that has no cargo, they are what was built last.
pub(crate) fn components(folders: &[&Path], build: bool) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    if folders.is_empty() {
        return Ok(BTreeMap::new());
    }
    for folder in folders {
        if !folder.join("Cargo.toml").is_file() {
            let error = Error::new(Exit::Invalid, format!("{} holds no Cargo.toml", folder.display()));
            return Err(error.hint("name the folder of a Rust crate, or a .wasm file that any toolchain made"));
        }
    }
    let artifacts = if build && cargo::is_there() { build_all(folders)? } else { find_all(folders, build)? };
    artifacts.into_iter().map(|(folder, artifact)| Ok((folder.clone(), read(&folder, &artifact)?))).collect()
}

/// Reads a component, and puts the documentation of its crate's WIT into it: compilers leave it out.
fn read(folder: &Path, artifact: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io(format!("{} cannot be read", artifact.display()), &error);
    Ok(docs::embed_docs(fs::read(artifact).map_err(failed)?, &folder.join("wit")))
}

fn build_all(folders: &[&Path]) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut workspaces: Vec<(Workspace, Vec<(&Path, Crate)>)> = Vec::new();
    for folder in folders {
        let known = workspaces.iter_mut().find_map(|(workspace, crates)| Some((workspace.find(folder)?, crates)));
        if let Some((found, crates)) = known {
            crates.push((folder, found));
            continue;
        }
        let workspace = Workspace::of(folder)?;
        let found = workspace.find(folder).ok_or_else(|| no_package(folder))?;
        workspaces.push((workspace, vec![(folder, found)]));
    }
    let mut artifacts = BTreeMap::new();
    for (workspace, crates) in &workspaces {
        let wanted: Vec<&Crate> = crates.iter().map(|(_, found)| found).collect();
        let built = workspace.build(&wanted)?;
        for (folder, found) in crates {
            let artifact = built.get(&found.id).ok_or_else(|| no_artifact(folder))?;
            artifacts.insert((*folder).to_owned(), artifact.clone());
        }
    }
    Ok(artifacts)
}

/// Finds what was built last.
fn find_all(folders: &[&Path], build: bool) -> Result<BTreeMap<PathBuf, PathBuf>> {
    folders
        .iter()
        .map(|folder| match find_artifact(folder) {
            Some(artifact) => Ok(((*folder).to_owned(), artifact)),
            None if build => Err(no_cargo(folder)),
            None => Err(Error::not_found(format!("{} was not built yet", folder.display()))
                .hint("build it with `priory build`, or leave out --no-build")),
        })
        .collect()
}

/// Looks where cargo puts a component: in the target folder of the crate, or of a workspace above it.
fn find_artifact(folder: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let file = format!("{}.wasm", cargo::library_name(&text)?);
    let folder = std::path::absolute(folder).ok()?;
    let configured = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let targets = configured.into_iter().chain(folder.ancestors().map(|above| above.join("target")));
    let artifacts = targets.flat_map(|target| ["guest", "release"].map(|profile| target.join(TARGET).join(profile)));
    let found = artifacts.map(|folder| folder.join(&file)).filter_map(|path| Some((modified(&path)?, path)));
    found.max().map(|(_, path)| path)
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// Makes sure that the compiler knows the target, and adds it where rustup can.
fn ensure_target(folder: &Path) -> Result<()> {
    if has_target(folder) {
        return Ok(());
    }
    let remedy = format!("rustup target add {TARGET}");
    anstream::eprintln!("The compiler target {TARGET} is missing; running `{remedy}`.");
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(folder).status();
    if added.is_ok_and(|status| status.success()) && has_target(folder) {
        return Ok(());
    }
    Err(Error::new(Exit::Failed, format!("the compiler target {TARGET} is missing, and could not be added"))
        .hint(format!("run `{remedy}`; without rustup, install the standard library of {TARGET} for your rustc")))
}

/// Tells whether the compiler that builds in a folder has the target.
pub(crate) fn has_target(folder: &Path) -> bool {
    let args = ["--print", "target-libdir", "--target", TARGET];
    let output = Command::new("rustc").args(args).current_dir(folder).output();
    let Ok(output) = output else { return false };
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success() && Path::new(text.trim()).is_dir()
}

/// Tells whether cargo can be started.
pub(crate) fn has_cargo() -> bool {
    cargo::is_there()
}

fn no_cargo(folder: &Path) -> Error {
    Error::new(Exit::Failed, format!("{} has to be built, and there is no cargo", folder.display()))
        .hint("install Rust from https://rustup.rs, or name a .wasm file in the manifest")
}

fn no_package(folder: &Path) -> Error {
    Error::new(Exit::Invalid, format!("{} is a workspace without a package of its own", folder.display()))
        .hint("name the folder of one of its members")
}

fn no_artifact(folder: &Path) -> Error {
    Error::new(Exit::Invalid, format!("{} builds no component", folder.display()))
        .hint("let its Cargo.toml say `[lib]` `crate-type = [\"cdylib\"]`")
}
