// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator wrote, checked, in the nouns of the core.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::effect::Nature;
use priory_core::gate::GateSpec;
use priory_core::grant::GrantTemplates;
use priory_core::journal::Retention;
use priory_core::model::ModelsSpec;
use priory_core::{Digest, LimitSpec};
use url::Url;

use crate::problem::Problem;
use crate::trigger::Trigger;
use crate::workflow::Workflow;
use crate::{Error, check, hidden, schema};

/// The name of a manifest's file.
pub const MANIFEST_FILE: &str = "priory.toml";

/// How large a manifest may be, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;

/// How many plugins, agents, models, inputs and secrets there may be, each; and keys in one table of configuration or links.
pub const ENTRIES_MAX: usize = 1_024;

/// What an operator wrote, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Where it was read from, as it was given.
    pub path: PathBuf,
    /// The absolute folder that it lies in.
    pub folder: PathBuf,
    /// What was read.
    pub text: String,
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// The agent or the workflow that a run starts with; there is one wherever there are any.
    pub entry: Option<String>,
    /// What is given when a run starts.
    pub inputs: BTreeMap<String, Input>,
    /// The limits of every frame of this host.
    pub limits: LimitSpec,
    /// What a run may spend with all its frames.
    pub budget: BudgetSpec,
    /// What all runs of the data folder may spend on models in one day.
    pub quota: QuotaSpec,
    /// The models, and who provides them.
    pub models: ModelsSpec,
    /// Whether what is remembered is found by its meaning too; then there is an embedding model.
    pub memory_embeds: bool,
    /// The plugins.
    pub plugins: BTreeMap<String, Plugin>,
    /// The agents; the plugin of each is among the plugins.
    pub agents: BTreeMap<String, Agent>,
    /// The workflows; none has the name of an agent.
    pub workflows: BTreeMap<String, Workflow>,
    /// The secrets.
    pub secrets: BTreeMap<String, SecretSource>,
    /// What starts runs by itself.
    pub triggers: BTreeMap<String, Trigger>,
    /// How long runs that have ended are kept; the default says nothing.
    pub runs: Retention,
    /// Where it is told what runs do.
    pub telemetry: Option<Telemetry>,
    /// What is allowed, and most likely not meant.
    pub warnings: Vec<Problem>,
    /// What no run starts or reaches by itself: a matter for who checks the manifest, and not for each run.
    pub unreached: Vec<Problem>,
}

/// A value that is given when a run starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What it is; may be empty.
    pub description: String,
    /// How it is read.
    pub kind: InputKind,
    /// Whether a run needs it.
    pub required: bool,
    /// What holds when it is not given.
    pub default: Option<String>,
}

/// How an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// As it is.
    Text,
    /// As the path of a folder.
    Folder,
    /// As the path of a file.
    File,
}

/// A component to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// A crate's folder or a file, absolute.
    pub path: PathBuf,
    /// The digest that it must have.
    pub digest: Option<Digest>,
    /// What it is for; may be empty.
    pub description: String,
    /// What each of its frames may use.
    pub limits: LimitSpec,
    /// What its frames may do when it is called as a tool.
    pub grants: GrantTemplates,
    /// What it reads as configuration.
    pub config: BTreeMap<String, String>,
    /// Which plugin answers for an interface that it imports.
    pub links: BTreeMap<String, String>,
    /// What executing one of its frames twice means, where that is declared.
    pub effects: Option<Nature>,
    /// What is done about a call of which nobody knows whether it was done.
    pub in_doubt: InDoubt,
    /// What stands before each of its tools.
    pub gate: GateSpec,
}

/// What is done about a call of which nobody knows whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InDoubt {
    /// A person decides.
    Ask,
    /// It fails, as in doubt.
    #[default]
    Fail,
    /// It is done again.
    Repeat,
}

/// Where it is told what runs do, by the conventions of OpenTelemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The OTLP endpoint, by HTTP.
    pub otlp: Url,
    /// Whether what was said is told too: messages, arguments and results.
    pub content: bool,
}

/// A program with what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The name of its plugin.
    pub plugin: String,
    /// What it is for; may be empty.
    pub description: String,
    /// The model that it asks where it names none; it is among the models, and granted.
    pub model: Option<String>,
    /// What each of its frames may use.
    pub limits: LimitSpec,
    /// What one call of it may spend with everything that it causes.
    pub budget: BudgetSpec,
    /// What its own frames may do.
    pub grants: GrantTemplates,
    /// What they may only pass on to what they call.
    pub lends: GrantTemplates,
    /// What it reads as configuration; prompts that lie in files are among it, and granted.
    pub config: BTreeMap<String, String>,
    /// What stands before it.
    pub gate: GateSpec,
}

/// Where the host finds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable.
    Env(String),
    /// In a file, by its absolute path.
    File(PathBuf),
}

// === impl Manifest ===

impl Manifest {
    /// Reads a manifest from a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MANIFEST_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(Error::TooLarge { path: path.to_owned() });
        }
        let text = String::from_utf8(bytes)
            .map_err(|e| Error::NotText { path: path.to_owned(), valid: e.utf8_error().valid_up_to() })?;
        Self::parse(&text, path)
    }

    /// Checks the text of a manifest that lies at a path; a relative one is taken from the current folder.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(Error::TooLarge { path: path.to_owned() });
        }
        let absolute = std::path::absolute(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let folder = absolute.parent().unwrap_or(&absolute);
        check::manifest(text, path, folder).map_err(|wrong| {
            // An error is shown to people and in logs, with the lines that it is about.
            let hidden: Vec<_> = wrong.hidden.into_iter().chain(hidden::keys_in(text)).collect();
            Error::Problems { path: path.to_owned(), text: hidden::without(text, &hidden), problems: wrong.problems }
        })
    }

    /// Finds the manifest of a folder: in it, or in the nearest folder above that has one.
    pub fn find(from: &Path) -> Result<Option<PathBuf>, Error> {
        let from = std::path::absolute(from).map_err(|source| Error::Read { path: from.to_owned(), source })?;
        for folder in from.ancestors() {
            let path = folder.join(MANIFEST_FILE);
            match fs::metadata(&path) {
                Ok(found) if found.is_file() => return Ok(Some(path)),
                Ok(_) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(source) => return Err(Error::Read { path, source }),
            }
        }
        Ok(None)
    }

    /// Returns the JSON Schema (2020-12) of the form of a manifest.
    pub fn json_schema() -> serde_json::Value {
        schema::json_schema()
    }

    /// Shows the warnings to a person, with the lines that they are about; empty where there are none.
    pub fn render_warnings(&self, color: bool) -> String {
        self.render(&self.warnings, color)
    }

    /// Shows what no run starts or reaches by itself, in the same way.
    pub fn render_unreached(&self, color: bool) -> String {
        self.render(&self.unreached, color)
    }

    fn render(&self, warnings: &[Problem], color: bool) -> String {
        let shown = warnings.iter().map(|warning| warning.render(&self.path, &self.text, color));
        shown.collect::<Vec<_>>().join("\n")
    }
}
