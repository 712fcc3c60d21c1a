// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory graph`: draws a workflow.

use std::fs;
use std::path::PathBuf;

use priory::manifest::Manifest;
use priory::workflow::definition::{Definition, Tree};
use priory::workflow::draw::Graph;

use crate::project;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::nearest;

/// Draw a workflow of the manifest: its nodes, and which of them wait for which
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A workflow, behind the folder of its project where that is another [default: the `entry`, or the only workflow]
    #[arg(value_names = ["PROJECT", "WORKFLOW"], num_args = 0..=2)]
    words: Vec<String>,
    /// What it is drawn as
    #[arg(long, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
    /// A file to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a workflow is drawn as.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A Mermaid flowchart, as Markdown pages show it
    Mermaid,
    /// A graph for Graphviz
    Dot,
    /// A picture
    Svg,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let (manifest, name) = project::read_named(&args.words)?;
    let definition = chosen(&manifest, name)?;
    let tree = Tree::of(definition).map_err(|flaws| {
        let first = flaws.first().map(|flaw| flaw.message.clone()).unwrap_or_default();
        Error::new(Exit::Invalid, format!("workflow `{}` cannot be drawn", definition.name)).cause(first)
    })?;
    let graph = Graph::of(definition, &tree);
    let text = match args.format {
        Format::Mermaid => graph.mermaid(),
        Format::Dot => graph.dot(),
        Format::Svg => graph.svg(),
    };
    match &args.output {
        None => output::text(&text),
        Some(path) => {
            fs::write(path, text)
                .map_err(|error| Error::io(format!("{} cannot be written", path.display()), &error))?;
        }
    }
    Ok(Exit::Ok)
}

/// Chooses the workflow that is drawn.
fn chosen<'m>(manifest: &'m Manifest, wanted: Option<&str>) -> Result<&'m Definition> {
    let path = manifest.path.display();
    let entry = manifest.entry.as_deref().filter(|entry| manifest.workflows.contains_key(*entry));
    let only = || manifest.workflows.keys().next().filter(|_| manifest.workflows.len() == 1).map(String::as_str);
    let known = || manifest.workflows.keys().map(String::as_str);
    let listed = || known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let Some(name) = wanted.or(entry).or_else(only) else {
        return Err(match manifest.workflows.is_empty() {
            true => Error::not_found(format!("{path} has no workflows")),
            false => Error::usage(format!("{path} has several workflows")).hint(format!("name one of {}", listed())),
        });
    };
    let found = manifest.workflows.get(name).map(|workflow| &workflow.definition);
    found.ok_or_else(|| {
        let error = Error::not_found(format!("{path} has no workflow `{name}`"));
        match nearest(name, known()) {
            Some(name) => error.hint(format!("did you mean `{name}`?")),
            None if manifest.workflows.is_empty() => error,
            None => error.hint(format!("its workflows are {}", listed())),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn manifest(entry: &str) -> Manifest {
        let text = format!(
            "name = 't'\nentry = '{entry}'\nplugins.p.path = 'p'\nagents.a.plugin = 'p'\n\
             workflows.trip.nodes.x.agent = 'a'\nworkflows.tour.nodes.x.workflow = 'trip'\n"
        );
        Manifest::parse(&text, Path::new("/project/priory.toml")).unwrap()
    }

    #[test]
    fn the_entry_is_drawn_unless_another_is_named() {
        assert_eq!(chosen(&manifest("tour"), None).unwrap().name, "tour");
        assert_eq!(chosen(&manifest("tour"), Some("trip")).unwrap().name, "trip");
        let several = chosen(&manifest("a"), None).unwrap_err();
        assert_eq!(several.exit, Exit::Usage);
        assert!(several.render().contains("name one of `tour`, `trip`"), "{}", several.render());
        let error = chosen(&manifest("a"), Some("trop")).unwrap_err();
        assert_eq!(error.exit, Exit::NotFound);
        assert!(error.render().contains("did you mean `trip`?"), "{}", error.render());
    }
}
