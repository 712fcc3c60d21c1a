// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what a user names to what a host loads: manifests, plugins, files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use priory::core::grant::GrantKind;
use priory::core::{GrantSet, LimitSpec};
use priory::manifest::{MANIFEST_FILE, Manifest};
use priory::{Builder, Host, PluginSpec};

use crate::bounds::{Bounds, Given, current_dir};
use crate::function::name_of_file;
use crate::spending::Spending;
use crate::toolchain;
use crate::ui::error::{Error, Result, Settings};
use crate::ui::exit::Exit;
use crate::ui::live::is_colored;
use crate::ui::text::nearest;

/// How many frames may run at once where a run is about one plugin.
const FRAMES_OF_ONE: u32 = 64;
/// How many frames may run at once where a whole manifest is run.
pub(crate) const FRAMES_OF_ALL: u32 = 256;

/// A plugin that was named on the command line, ready to be built into a host.
pub(crate) struct Opened {
    pub(crate) builder: Builder,
    /// Its name in that host.
    pub(crate) plugin: String,
    /// What its grants are filled in with.
    pub(crate) inputs: BTreeMap<String, String>,
    /// What the caller allows at most.
    pub(crate) narrowed: Option<GrantSet>,
    /// Limits of the root frame.
    pub(crate) limits: LimitSpec,
    /// Where a user changes what it may do.
    pub(crate) settings: Settings,
    /// Who notes what models cost; nobody, where there are none.
    pub(crate) spending: Option<Arc<Spending>>,
}

/// Tells whether a text names a file or a folder, and not a plugin of a manifest.
pub(crate) fn is_path(text: &str) -> bool {
    text.contains(['/', '\\']) || text.ends_with(".wasm") || text.ends_with(".wat") || text == "." || text == ".."
}

/// Reads the manifest: of a folder, or the nearest one above the current folder.
pub(crate) fn read_manifest(project: Option<&Path>) -> Result<Manifest> {
    let path = match (std::env::var_os("PRIORY_CONFIG"), project) {
        (_, Some(path)) if path.is_dir() => path.join(MANIFEST_FILE),
        (_, Some(path)) => path.to_owned(),
        (Some(path), None) => PathBuf::from(path),
        (None, None) => {
            let current = current_dir()?;
            let found = Manifest::find(&current)?.ok_or_else(|| {
                Error::not_found(format!("there is no {MANIFEST_FILE} here or in a folder above")).hint(
                    "name the folder of a project or a .wasm file, or make a project with `priory new agent NAME`",
                )
            })?;
            found.strip_prefix(&current).map(Path::to_owned).unwrap_or(found)
        }
    };
    let manifest = Manifest::read(&path)?;
    anstream::eprint!("{}", manifest.render_warnings(is_colored()));
    Ok(manifest)
}

/// Reads the manifest that is meant by words, and returns the name in it: a project, a name, or a project and a name.
pub(crate) fn read_named(words: &[String]) -> Result<(Manifest, Option<&str>)> {
    let of_path = |path: &str| read_manifest(Some(Path::new(path)));
    match words {
        [] => Ok((read_manifest(None)?, None)),
        [project, name, ..] => Ok((of_path(project)?, Some(name))),
        [word] if is_project_path(word) => Ok((of_path(word)?, None)),
        [word] if Path::new(word).join(MANIFEST_FILE).is_file() => match read_manifest(None) {
            // What the manifest has goes before a folder of the same name.
            Ok(manifest) if has(&manifest, word) => Ok((manifest, Some(word))),
            _ => Ok((of_path(word)?, None)),
        },
        [word] => Ok((read_manifest(None)?, Some(word))),
    }
}

/// Tells whether a text can only be the path of a project: names have no such characters.
fn is_project_path(text: &str) -> bool {
    text.ends_with(".toml") || is_path(text) && !text.ends_with(".wasm") && !text.ends_with(".wat")
}

fn has(manifest: &Manifest, name: &str) -> bool {
    manifest.workflows.contains_key(name) || manifest.agents.contains_key(name) || manifest.plugins.contains_key(name)
}

/// Returns where a user changes what the programs of a manifest may do.
pub(crate) fn settings(manifest: &Manifest, bounds: &Bounds) -> Settings {
    Settings::Manifest { path: manifest.path.display().to_string(), bounded: bounds.limits() }
}

/// Begins a host of everything in a manifest.
pub(crate) fn open_all(manifest: &Manifest, build: bool) -> Result<Builder> {
    Ok(from_manifest(manifest, build)?.frames_max(FRAMES_OF_ALL))
}

/// Opens a plugin of the manifest, or a file or crate without a manifest.
pub(crate) fn open(text: &str, bounds: &Bounds, given: &Given, build: bool) -> Result<Opened> {
    if is_path(text) {
        return open_path(Path::new(text), bounds, given, build);
    }
    open_named(&cut_to(&read_manifest(None)?, text)?, text, bounds, given, build)
}

/// Opens a plugin without the limits that are configured for it, so that they can be found anew.
pub(crate) fn open_for_measuring(text: &str, bounds: &Bounds, given: &Given, build: bool) -> Result<Opened> {
    if is_path(text) {
        return open_path(Path::new(text), bounds, given, build);
    }
    let mut manifest = cut_to(&read_manifest(None)?, text)?;
    manifest.plugins.values_mut().for_each(|plugin| plugin.limits = LimitSpec::default());
    open_named(&manifest, text, bounds, given, build)
}

fn open_named(manifest: &Manifest, name: &str, bounds: &Bounds, given: &Given, build: bool) -> Result<Opened> {
    let inputs = manifest.resolve_inputs(&given.by_name(), &current_dir()?)?;
    let spending = Spending::of(manifest)?;
    let builder = noting(from_manifest(manifest, build)?, spending.as_ref());
    Ok(Opened {
        builder: builder.frames_max(FRAMES_OF_ONE).without_pool().compute_threads(1),
        plugin: name.to_owned(),
        narrowed: bounds.narrowed(&inputs)?,
        inputs,
        limits: bounds.limits(),
        settings: settings(manifest, bounds),
        spending,
    })
}

/// Has a host note what models cost, though it keeps no runs.
pub(crate) fn noting(builder: Builder, spending: Option<&Arc<Spending>>) -> Builder {
    match spending {
        Some(spending) => builder.expenses(spending.clone()),
        None => builder,
    }
}

/// Opens a plugin to be looked at; it is given no inputs.
pub(crate) fn open_bare(text: &str, build: bool) -> Result<(Builder, String)> {
    if is_path(text) {
        let opened = open_path(Path::new(text), &Bounds::default(), &Given::default(), build)?;
        return Ok((opened.builder, opened.plugin));
    }
    Ok((of_plugin(&read_manifest(None)?, text, build)?, text.to_owned()))
}

/// Begins a host of one plugin of a manifest, which is only looked at.
pub(crate) fn of_plugin(manifest: &Manifest, plugin: &str, build: bool) -> Result<Builder> {
    let manifest = cut_to(manifest, plugin)?;
    Ok(from_manifest(&manifest, build)?.frames_max(FRAMES_OF_ONE).without_pool().compute_threads(1))
}

/// Opens a file or a crate: it may do what the options grant, and no more.
pub(crate) fn open_path(path: &Path, bounds: &Bounds, given: &Given, build: bool) -> Result<Opened> {
    let plugin = match path.is_dir() {
        true => name_of_file(&path.canonicalize().unwrap_or_else(|_| path.to_owned())),
        false => name_of_file(path),
    };
    let mut spec = PluginSpec::new(plugin.clone(), component(path, build)?);
    spec.grants.0 = bounds.templates()?;
    // Here the options are what the operator says, so they may be above the defaults.
    let builder = with_folders(Host::builder()).limits(bounds.limits()).plugin(spec);
    Ok(Opened {
        builder: builder.frames_max(FRAMES_OF_ONE).without_pool().compute_threads(1),
        plugin,
        inputs: given.by_name(),
        narrowed: None,
        limits: LimitSpec::default(),
        settings: Settings::Flags,
        spending: None,
    })
}

/// Says that a plugin is not in a manifest, and which are.
pub(crate) fn unknown_plugin(manifest: &Manifest, text: &str) -> Error {
    let error = Error::not_found(format!("{} has no plugin `{text}`", manifest.path.display()));
    let known = || manifest.plugins.keys().map(String::as_str);
    if manifest.workflows.contains_key(text) {
        return error.hint(format!("`{text}` is a workflow: see `priory explain {text}` and `priory graph {text}`"));
    }
    match nearest(text, known()) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None if manifest.plugins.is_empty() => error,
        None => error.hint(format!(
            "its plugins are {}; a file is named with its path, such as ./{text}.wasm",
            known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// Leaves out of a manifest what one plugin does not need: a call must not wait for plugins that it cannot reach.
pub(crate) fn cut_to(manifest: &Manifest, plugin: &str) -> Result<Manifest> {
    if !manifest.plugins.contains_key(plugin) {
        return Err(unknown_plugin(manifest, plugin));
    }
    let mut cut = manifest.clone();
    let mut needed = vec![plugin.to_owned()];
    let mut next = 0;
    // Each plugin is added once, so this ends.
    while let Some(found) = needed.get(next).and_then(|name| manifest.plugins.get(name)) {
        next += 1;
        let calls = |kind| kind == GrantKind::Tool || kind == GrantKind::Agent;
        if found.grants.0.iter().any(|grant| calls(grant.kind)) {
            return Ok(cut);
        }
        for link in found.links.values() {
            if !needed.contains(link) {
                needed.push(link.clone());
            }
        }
    }
    cut.plugins.retain(|name, _| needed.contains(name));
    cut.agents.clear();
    cut.workflows.clear();
    let grants = cut.plugins.values().flat_map(|plugin| &plugin.grants.0);
    let named: Vec<String> = grants.filter_map(|grant| grant.inputs().ok()).flatten().map(str::to_owned).collect();
    cut.inputs.iter_mut().filter(|(name, _)| !named.contains(name)).for_each(|(_, input)| input.required = false);
    Ok(cut)
}

/// Begins a host of what is in a manifest.
pub(crate) fn from_manifest(manifest: &Manifest, build: bool) -> Result<Builder> {
    let mut components = components(manifest, |_| true, build)?;
    let builder = Host::from_manifest(manifest, |name| {
        components.remove(name).ok_or_else(|| Error::not_found(format!("the component of plugin `{name}` is missing")))
    })?;
    Ok(with_folders(builder))
}

/// Returns the components of some plugins of a manifest; crates are built first, all at once.
pub(crate) fn components(
    manifest: &Manifest,
    wanted: impl Fn(&str) -> bool,
    build: bool,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let plugins: Vec<_> = manifest.plugins.iter().filter(|(name, _)| wanted(name)).collect();
    let folders: Vec<&Path> =
        plugins.iter().map(|(_, plugin)| plugin.path.as_path()).filter(|path| path.is_dir()).collect();
    let built = toolchain::components(&folders, build)?;
    let component = |name: &String, path: &Path| match built.get(path) {
        Some(bytes) => Ok(bytes.clone()),
        None => read_file(path).map_err(|error| error.cause(format!("it is plugin `{name}` of the manifest"))),
    };
    plugins.into_iter().map(|(name, plugin)| Ok((name.clone(), component(name, &plugin.path)?))).collect()
}

/// Returns the component in a file, or of a crate.
pub(crate) fn component(path: &Path, build: bool) -> Result<Vec<u8>> {
    if !path.is_dir() {
        return read_file(path);
    }
    let mut built = toolchain::components(&[path], build)?;
    built.remove(path).ok_or_else(|| Error::not_found(format!("{} gave no component", path.display())))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: &std::io::Error| Error::io(format!("{} cannot be read", path.display()), error);
    let found = fs::metadata(path).map_err(|error| failed(&error))?;
    if !found.is_file() {
        return Err(Error::new(Exit::Invalid, format!("{} is not a file", path.display())));
    }
    let bytes = fs::read(path).map_err(|error| failed(&error))?;
    match path.extension().is_some_and(|extension| extension == "wat") {
        true => from_text(path, &bytes),
        false => Ok(bytes),
    }
}

/// Turns the text form of WebAssembly into its bytes.
fn from_text(path: &Path, text: &[u8]) -> Result<Vec<u8>> {
    let bytes = wat::parse_bytes(text).map(std::borrow::Cow::into_owned);
    bytes.map_err(|error| {
        Error::new(Exit::Invalid, format!("{} is not WebAssembly text", path.display())).detail(error.to_string())
    })
}

/// Gives a host what the machine has for it: a cache and an environment, of which guests see what is granted.
pub(crate) fn with_folders(builder: Builder) -> Builder {
    let variables =
        std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
    let builder = builder.environment(variables);
    match cache_dir() {
        Some(folder) => builder.cache_dir(folder),
        None => builder,
    }
}

/// Returns where compiled code is kept; `None` where the user has no folders.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    match std::env::var_os("PRIORY_CACHE_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => directories::ProjectDirs::from("", "", "priory").map(|folders| folders.cache_dir().to_owned()),
    }
}

/// Builds a host, and returns it with what it loaded of one plugin.
pub(crate) async fn build(builder: Builder, plugin: &str) -> Result<(Host, Arc<dyn priory::core::ports::Plugin>)> {
    let host = builder.build().await?;
    let loaded = host.catalog().plugin(plugin).map(|entry| entry.plugin.clone());
    let loaded = loaded.ok_or_else(|| Error::not_found(format!("plugin `{plugin}` was not loaded")))?;
    Ok((host, loaded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_names() {
        for text in ["./a", "a.wasm", "a/b", ".", "..", "/x"] {
            assert!(is_path(text), "{text}");
        }
        for text in ["files", "my-tool"] {
            assert!(!is_path(text), "{text}");
        }
        for (text, expected) in [("a.toml", true), (".", true), ("a/b", true), ("./a.wasm", false), ("trip", false)] {
            assert_eq!(is_project_path(text), expected, "{text}");
        }
    }

    #[test]
    fn a_project_may_stand_before_a_name() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join(MANIFEST_FILE), TEXT).unwrap();
        let folder = temp.path().display().to_string();
        let file = temp.path().join(MANIFEST_FILE).display().to_string();
        let named = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            read_named(&words).map(|(manifest, name)| (manifest.name.clone(), name.map(str::to_owned)))
        };
        assert_eq!(named(&[&folder]).unwrap(), ("test".to_owned(), None));
        assert_eq!(named(&[&file]).unwrap(), ("test".to_owned(), None));
        assert_eq!(named(&[&folder, "pure"]).unwrap(), ("test".to_owned(), Some("pure".to_owned())));
        assert_eq!(named(&["./is-not-there"]).unwrap_err().exit, Exit::NotFound);
    }

    const TEXT: &str = r#"
name = "test"
[inputs.folder]
kind = "folder"
[inputs.question]
[plugins.files]
path = "files.wasm"
grants = { files = ["{input.folder}:read"] }
[plugins.pure]
path = "pure.wasm"
[plugins.linked]
path = "linked.wasm"
links = { "a:b/c" = "pure" }
[plugins.caller]
path = "caller.wasm"
grants = { tools = ["files.*"] }
"#;

    #[test]
    fn a_call_loads_what_it_can_reach() {
        let manifest = Manifest::parse(TEXT, Path::new("/project/priory.toml")).unwrap();
        let names = |plugin| cut_to(&manifest, plugin).unwrap().plugins.into_keys().collect::<Vec<_>>().join(" ");
        assert_eq!(names("pure"), "pure");
        assert_eq!(names("linked"), "linked pure");
        assert_eq!(names("caller"), "caller files linked pure");
    }

    #[test]
    fn a_call_needs_the_inputs_that_its_grants_name() {
        let manifest = Manifest::parse(TEXT, Path::new("/project/priory.toml")).unwrap();
        let needs = |plugin| {
            let inputs = cut_to(&manifest, plugin).unwrap().inputs;
            inputs.into_iter().filter(|(_, input)| input.required).map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(needs("pure"), "");
        assert_eq!(needs("files"), "folder");
    }
}
