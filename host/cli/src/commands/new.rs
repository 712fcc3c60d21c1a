// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory new`: writes a crate that builds and runs as it is.

use std::fs;
use std::path::{Path, PathBuf};

use priory::core::id::is_name;

use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// What stands for the name in a template.
const NAME: &str = "{{name}}";

/// The files of a new agent: where they go, and what is in them.
const AGENT: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../templates/agent/Cargo.toml.in")),
    ("build.rs", include_str!("../../templates/build.rs.in")),
    ("src/lib.rs", include_str!("../../templates/agent/lib.rs.in")),
    ("priory.toml", include_str!("../../templates/agent/priory.toml.in")),
    (".gitignore", include_str!("../../templates/gitignore.in")),
    ("wit/agent.wit", include_str!("../../../../wit/agent/agent.wit")),
    ("wit/agents.wit", include_str!("../../../../wit/agent/agents.wit")),
    ("wit/artifacts.wit", include_str!("../../../../wit/agent/artifacts.wit")),
    ("wit/budget.wit", include_str!("../../../../wit/agent/budget.wit")),
    ("wit/events.wit", include_str!("../../../../wit/agent/events.wit")),
    ("wit/human.wit", include_str!("../../../../wit/agent/human.wit")),
    ("wit/log.wit", include_str!("../../../../wit/agent/log.wit")),
    ("wit/memory.wit", include_str!("../../../../wit/agent/memory.wit")),
    ("wit/model.wit", include_str!("../../../../wit/agent/model.wit")),
    ("wit/pending.wit", include_str!("../../../../wit/agent/pending.wit")),
    ("wit/state.wit", include_str!("../../../../wit/agent/state.wit")),
    ("wit/timers.wit", include_str!("../../../../wit/agent/timers.wit")),
    ("wit/tools.wit", include_str!("../../../../wit/agent/tools.wit")),
    ("wit/toolset.wit", include_str!("../../../../wit/agent/toolset.wit")),
    ("wit/types.wit", include_str!("../../../../wit/agent/types.wit")),
    ("wit/world.wit", include_str!("../../../../wit/agent/world.wit")),
];

/// The files of a new tool.
const TOOL: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../templates/tool/Cargo.toml.in")),
    ("build.rs", include_str!("../../templates/build.rs.in")),
    ("src/lib.rs", include_str!("../../templates/tool/lib.rs.in")),
    ("priory.toml", include_str!("../../templates/tool/priory.toml.in")),
    (".gitignore", include_str!("../../templates/gitignore.in")),
    ("wit/world.wit", include_str!("../../templates/tool/world.wit.in")),
];

/// Write a Rust crate of an agent or a tool that builds and runs as it is
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to write
    #[arg(value_enum)]
    kind: Kind,
    /// Its name: lower-case letters, digits and hyphens
    name: String,
    /// Where to write it [default: a new folder of that name]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// A program that takes a task, and may call tools and other agents
    Agent,
    /// A plugin whose functions others call
    Tool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    if !is_crate_name(&args.name) {
        return Err(Error::usage(format!("`{}` cannot be a name", args.name)).hint(
            "a name has lower-case letters, digits and single hyphens, and begins with a letter, such as `my-tool`",
        ));
    }
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let files = match args.kind {
        Kind::Agent => AGENT,
        Kind::Tool => TOOL,
    };
    write(&folder, files, &args.name)?;
    let shown = folder.display();
    let name = &args.name;
    let next = match args.kind {
        Kind::Agent => "priory run --input name=Ada".to_owned(),
        Kind::Tool => format!("priory call {name} greet --args '{{\"name\": \"Ada\"}}'"),
    };
    anstream::eprintln!("Wrote {shown}. Try it:\n\n    cd {shown}\n    {next}\n");
    Ok(Exit::Ok)
}

/// Writes the files of a template; whatever is there already is never overwritten.
fn write(folder: &Path, files: &[(&str, &str)], name: &str) -> Result<()> {
    let failed =
        |path: &Path, error: &std::io::Error| Error::io(format!("{} cannot be written", path.display()), error);
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(Error::new(Exit::Failed, format!("{} is there already, and is not empty", folder.display()))
            .hint("choose another name, or another folder with --path"));
    }
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
        }
        fs::write(&path, text.replace(NAME, name)).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

/// Tells whether a name suits a plugin and a crate alike.
fn is_crate_name(name: &str) -> bool {
    // Cargo refuses these: they are names of its own or of the compiler.
    let reserved = ["test", "core", "std", "alloc", "proc-macro", "proc_macro", "self", "super", "crate"];
    is_name(name) && !name.ends_with('-') && !name.contains("--") && !reserved.contains(&name) && !is_keyword(name)
}

fn is_keyword(name: &str) -> bool {
    const KEYWORDS: &str = "abstract as async await become box break const continue do dyn else enum extern false final \
                            fn for gen if impl in let loop macro match mod move mut override priv pub ref return \
                            static struct trait true try type typeof unsafe unsized use virtual where while yield";
    KEYWORDS.split_whitespace().any(|keyword| keyword == name)
}

#[cfg(test)]
mod tests {
    use priory::manifest::Manifest;

    use super::*;

    #[test]
    fn names_suit_plugins_and_crates() {
        for name in ["greeter", "my-tool-2", "a"] {
            assert!(is_crate_name(name), "{name}");
        }
        for name in ["", "A", "2a", "a--b", "a-", "test", "fn", "a_b", "../a"] {
            assert!(!is_crate_name(name), "{name}");
        }
    }

    #[test]
    fn every_file_of_the_contract_is_written() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/agent");
        let mut there: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let mut written: Vec<_> =
            AGENT.iter().filter_map(|(path, _)| path.strip_prefix("wit/")).map(str::to_owned).collect();
        there.sort();
        written.sort();
        assert_eq!(written, there);
    }

    #[test]
    fn the_manifests_are_valid() {
        for files in [AGENT, TOOL] {
            let (_, text) = files.iter().find(|(path, _)| *path == "priory.toml").unwrap();
            let manifest = Manifest::parse(&text.replace(NAME, "sample"), Path::new("/sample/priory.toml")).unwrap();
            assert!(manifest.plugins.contains_key("sample"));
            assert_eq!(manifest.warnings, []);
        }
    }
}
