// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compares the values of a manifest with each other, and makes the manifest of them.

mod amount;
mod gate;
mod grants;
mod models;
mod prompts;
mod provider;
mod reach;
mod telemetry;
mod time;
mod trigger;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use priory_core::effect::Nature;
use priory_core::grant::rule::normalised;
use priory_core::grant::{GrantKind, GrantTemplate, GrantTemplates};
use priory_core::id::is_name;
use priory_core::journal::Retention;
use priory_core::{Dimension, LimitSpec};
use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use crate::manifest::{Agent, InDoubt, Input, InputKind, Manifest, Plugin, SecretSource};
use crate::problem::{PROBLEMS_MAX, Problem, Problems};
use crate::wire::{self, At, Named};
use crate::{schema, shape, suggest, workflow};

/// What is wrong with a text, and what of it is shown to nobody.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) problems: Vec<Problem>,
    pub(crate) hidden: Vec<Range<usize>>,
}

/// Makes a manifest of a text, or says everything that is wrong with it.
pub(crate) fn manifest(text: &str, path: &Path, folder: &Path) -> Result<Manifest, Wrong> {
    let mut problems = Problems::new(text);
    let (mut root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.push(error.span().unwrap_or(0..0), error.message().replace('\n', ", "), None);
    }
    if !errors.is_empty() {
        // What was recovered is a guess, and problems with a guess would hide those with the text.
        return Err(Wrong { problems: problems.finish(), hidden: Vec::new() });
    }
    shape::prune(&mut root, schema::shared(), "the manifest", &mut problems);
    let wire = match wire::Manifest::deserialize(Deserializer::from(root)) {
        Ok(wire) => wire,
        Err(error) => {
            problems.push(error.span().unwrap_or(0..0), error.message(), None);
            return Err(Wrong { problems: problems.finish(), hidden: Vec::new() });
        }
    };
    let files = workflow::load(&wire, path, folder, &mut problems);
    let mut check = Check { wire: &wire, folder, problems, warnings: Problems::new(text) };
    let workflows = workflow::all(&mut check, &files, path);
    let models = check.models();
    let mut manifest = Manifest {
        path: path.to_owned(),
        folder: folder.to_owned(),
        text: text.to_owned(),
        name: check.own_name(),
        description: words(&wire.description),
        entry: check.entry(),
        inputs: check.each("input", &wire.inputs, Check::input),
        limits: limits(&wire.limits),
        budget: check.budget(&wire.budget),
        quota: check.quota(),
        memory_embeds: check.memory(&models),
        models,
        plugins: check.each("plugin", &wire.plugins, Check::plugin),
        agents: check.each("agent", &wire.agents, Check::agent),
        workflows: workflows.made,
        secrets: check.each("secret", &wire.secrets, Check::secret),
        triggers: check.each("trigger", &wire.triggers, Check::trigger),
        runs: check.runs(),
        telemetry: check.telemetry(),
        warnings: Vec::new(),
        unreached: Vec::new(),
    };
    let hidden = check.problems.hidden();
    let mut problems = check.problems.finish();
    problems.extend(workflows.problems);
    problems.truncate(PROBLEMS_MAX);
    if !problems.is_empty() {
        return Err(Wrong { problems, hidden });
    }
    manifest.unreached = reach::unreached(&manifest, &wire);
    reach::warn_of_unused(&manifest, &wire, &mut check.warnings);
    models::warn_of_unpriced(&manifest, &wire, &mut check.warnings);
    manifest.warnings = check.warnings.finish();
    manifest.warnings.extend(workflows.warnings);
    manifest.warnings.truncate(PROBLEMS_MAX);
    Ok(manifest)
}

/// The check of one manifest.
pub(crate) struct Check<'a> {
    pub(crate) wire: &'a wire::Manifest,
    /// What relative paths start from.
    pub(crate) folder: &'a Path,
    pub(crate) problems: Problems<'a>,
    pub(crate) warnings: Problems<'a>,
}

impl<'a> Check<'a> {
    /// Checks each entry of a table and its name; `what` is the word for one.
    fn each<T, U>(
        &mut self,
        what: &str,
        entries: &'a Named<T>,
        one: fn(&mut Self, &'a At<T>) -> Option<U>,
    ) -> BTreeMap<String, U> {
        let mut made = BTreeMap::new();
        for (name, entry) in entries {
            self.name(what, name);
            if let Some(entry) = one(self, entry) {
                made.insert(name.to_string(), entry);
            }
        }
        made
    }

    fn own_name(&mut self) -> String {
        if let Some(name) = &self.wire.name {
            self.name("manifest", name);
        }
        words(&self.wire.name)
    }

    pub(crate) fn name(&mut self, what: &str, name: &At<String>) {
        if !is_name(name) {
            let message = format!("`{}` cannot name the {what}", name.as_str());
            let form = "a name is made of lower-case letters, digits and `-`, begins with a letter, and has at most 64 characters";
            let plain = name.to_ascii_lowercase().replace(['_', ' ', '.'], "-");
            let hint = if is_name(&plain) { format!("{form}, such as `{plain}`") } else { form.to_owned() };
            self.problems.push(name.span(), message, Some(hint));
        }
    }

    /// Looks for a name among those that are declared; reports where it is not.
    fn known<T>(&mut self, what: &str, declared: &Named<T>, name: &str, span: Range<usize>) -> bool {
        if declared.contains_key(name) {
            return true;
        }
        if self.problems.is_full() {
            return false;
        }
        let hint = suggest::hint(name, &format!("{what}s"), declared.keys().map(|name| name.as_str()));
        let hint = hint.unwrap_or_else(|| format!("there are no {what}s at all; add [{what}s.{name}]"));
        self.problems.push(span, format!("there is no {what} `{name}`"), Some(hint));
        false
    }

    /// Returns the names of what a run can be started with.
    pub(super) fn programs(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.wire.agents.keys().chain(self.wire.workflows.keys()).map(|name| name.as_str())
    }

    fn entry(&mut self) -> Option<String> {
        if let Some(entry) = &self.wire.entry {
            self.startable(entry);
            return Some(entry.to_string());
        }
        let mut programs = self.programs();
        // Of several, whoever starts a run says which: it is no matter of the manifest.
        programs.next().filter(|_| programs.next().is_none()).map(str::to_owned)
    }

    fn input(&mut self, input: &'a At<wire::Input>) -> Option<Input> {
        let kind = match input.kind.as_deref() {
            None | Some(wire::InputKind::Text) => InputKind::Text,
            Some(wire::InputKind::Folder) => InputKind::Folder,
            Some(wire::InputKind::File) => InputKind::File,
        };
        if let (Some(required), Some(_)) = (&input.required, &input.default)
            && **required
        {
            let hint = "leave out one of the two".to_owned();
            self.problems.push(required.span(), "an input that has a default is never missing", Some(hint));
        }
        if let Some(default) = &input.default
            && kind != InputKind::Text
            && default.is_empty()
        {
            self.problems.push(default.span(), "a path is expected", Some("`.` is the folder of the manifest".into()));
        }
        Some(Input {
            description: words(&input.description),
            kind,
            required: is_required(input),
            default: input.default.as_deref().cloned(),
        })
    }

    fn secret(&mut self, secret: &'a At<wire::Secret>) -> Option<SecretSource> {
        let hint = || Some("exactly one of `env` and `file` says where the host finds it".to_owned());
        match (&secret.env, &secret.file) {
            (Some(env), None) => {
                if env.is_empty() || env.contains(['=', '\0']) {
                    self.problems.push(env.span(), format!("`{}` cannot name a variable", env.as_str()), None);
                }
                Some(SecretSource::Env(env.to_string()))
            }
            (None, Some(file)) => self.path(file).map(SecretSource::File),
            (Some(_), Some(file)) => {
                self.problems.push(file.span(), "the secret has two sources", hint());
                None
            }
            (None, None) => {
                self.problems.push(secret.span(), "the secret has no source", hint());
                None
            }
        }
    }

    fn plugin(&mut self, plugin: &'a At<wire::Plugin>) -> Option<Plugin> {
        let digest = plugin.digest.as_ref().and_then(|digest| match digest.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problems.push(digest.span(), format!("{error}"), None);
                None
            }
        });
        self.frame_limits(&plugin.limits);
        for (interface, target) in &plugin.links {
            if !is_interface(interface) {
                let hint = "an interface is written as the component names it, such as `demo:x/iface@0.1.0`".to_owned();
                self.problems.push(
                    interface.span(),
                    format!("`{}` is not an interface", interface.as_str()),
                    Some(hint),
                );
            }
            self.known("plugin", &self.wire.plugins, target, target.span());
        }
        let path = plugin.path.as_ref().and_then(|path| self.path(path));
        let grants = self.grants(&plugin.grants);
        Some(Plugin {
            path: path?,
            digest,
            description: words(&plugin.description),
            limits: limits(&plugin.limits),
            grants,
            config: texts(&plugin.config),
            links: texts(&plugin.links),
            effects: plugin.effects.as_deref().map(|effects| nature(*effects)),
            in_doubt: plugin.in_doubt.as_deref().map_or(InDoubt::default(), |in_doubt| policy(*in_doubt)),
            gate: self.gate(&plugin.breaker, &plugin.rate),
        })
    }

    fn runs(&mut self) -> Retention {
        let runs = &self.wire.runs;
        let age_ms = runs.keep_for.as_ref().and_then(|text| {
            let age = time::age_ms(text);
            if age.is_none() {
                let hint = "write a number above 0 with its unit, such as `90d` or `12h`".to_owned();
                self.problems.push(text.span(), format!("`{}` is no time", text.as_str()), Some(hint));
            }
            age
        });
        Retention { age_ms, count: runs.keep_count, bytes: runs.keep_bytes }
    }

    fn agent(&mut self, agent: &'a At<wire::Agent>) -> Option<Agent> {
        self.frame_limits(&agent.limits);
        if let Some(plugin) = &agent.plugin {
            self.known("plugin", &self.wire.plugins, plugin, plugin.span());
        }
        if let Some(file) = agent.grants.files.first() {
            let hint = "give files to tools, not to agents: what an agent does to files is not recorded, so its run \
                        cannot be resumed half-way; move the grant to `lends`, and let a plugin hold it";
            self.warnings.push(file.span(), "an agent holds files itself", Some(hint.to_owned()));
        }
        let mut grants = self.grants(&agent.grants);
        if let Some(model) = &agent.model {
            self.asked_model(model);
            self.grant(&mut grants, GrantKind::Model, model);
        }
        let mut config = texts(&agent.config);
        for (key, text) in agent.prompts.as_ref().map(|folder| self.prompts(folder)).unwrap_or_default() {
            if let Some((said, _)) = agent.config.get_key_value(key.as_str()) {
                let hint = "leave it out here, or take the file away".to_owned();
                self.problems.push(said.span(), format!("`{key}` is in the folder of prompts already"), Some(hint));
            }
            self.grant(&mut grants, GrantKind::Config, &key);
            config.insert(key, text);
        }
        Some(Agent {
            plugin: words(&agent.plugin),
            description: words(&agent.description),
            model: agent.model.as_deref().cloned(),
            limits: limits(&agent.limits),
            budget: self.budget(&agent.budget),
            grants,
            lends: self.grants(&agent.lends),
            config,
            gate: self.gate(&agent.breaker, &agent.rate),
        })
    }

    /// Grants what follows from something else that an operator wrote. A grant that covers it already stays as it is: where
    /// it has conditions, it was meant to have them.
    fn grant(&self, grants: &mut GrantTemplates, kind: GrantKind, name: &str) {
        let covers = |held: &GrantTemplate| held.kind == kind && reach::covers(&held.text, name);
        if !grants.iter().any(covers) {
            grants.0.push(GrantTemplate::new(kind, name, self.folder));
        }
    }

    /// Warns of a limit that only the whole host can have.
    pub(crate) fn frame_limits(&mut self, limits: &wire::Limits) {
        let stack = Dimension::StackBytes.as_str();
        if let Some((key, _)) = limits.0.get_key_value(stack) {
            let message = format!("`{stack}` is the same for every frame of a host, so it changes nothing here");
            self.warnings.push(key.span(), message, Some("set it in [limits]".to_owned()));
        }
    }

    /// Makes a path of the manifest absolute.
    fn path(&mut self, path: &At<String>) -> Option<PathBuf> {
        let found = Some(path).filter(|path| !path.is_empty() && !path.contains('\0'));
        let found = found.and_then(|path| normalised(&self.folder.join(path.as_str())));
        if found.is_none() {
            self.problems.push(path.span(), "a path is expected, relative to the manifest", None);
        }
        found
    }
}

/// Tells whether a run needs an input.
fn is_required(input: &wire::Input) -> bool {
    input.required.as_deref().copied().unwrap_or(input.default.is_none())
}

fn nature(wire: wire::Effects) -> Nature {
    match wire {
        wire::Effects::Pure => Nature::Pure,
        wire::Effects::ReadOnly => Nature::ReadOnly,
        wire::Effects::Repeatable => Nature::Repeatable,
        wire::Effects::Opaque => Nature::Opaque,
    }
}

fn policy(wire: wire::InDoubt) -> InDoubt {
    match wire {
        wire::InDoubt::Ask => InDoubt::Ask,
        wire::InDoubt::Fail => InDoubt::Fail,
        wire::InDoubt::Repeat => InDoubt::Repeat,
    }
}

pub(crate) fn limits(wire: &wire::Limits) -> LimitSpec {
    wire.0.iter().filter_map(|(name, value)| Some((name.parse::<Dimension>().ok()?, *value))).collect()
}

pub(crate) fn words(text: &Option<At<String>>) -> String {
    text.as_deref().cloned().unwrap_or_default()
}

fn texts(table: &Named<String>) -> BTreeMap<String, String> {
    table.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Tells whether a text has the form `namespace:package/interface`, with a version or not.
fn is_interface(text: &str) -> bool {
    let (path, version) = text.split_once('@').unwrap_or((text, "0"));
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let parts = path.split_once('/').and_then(|(package, name)| Some((package.split_once(':')?, name)));
    let version_ok = !version.is_empty() && !version.contains(char::is_whitespace);
    version_ok && parts.is_some_and(|((namespace, package), name)| word(namespace) && word(package) && word(name))
}
