// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of grants: the rules, and the names in them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use priory_core::Grant;
use priory_core::grant::rule::StateRule;
use priory_core::grant::{GRANTS_MAX, GrantKind, GrantTemplate, GrantTemplates};
use priory_core::memory::Scope;

use super::{Check, is_required, time};
use crate::suggest;
use crate::wire::{self, At, Entry};

/// The grants of one table, as they are collected.
#[derive(Default)]
struct Collected {
    templates: Vec<GrantTemplate>,
    /// Paths in the guest, with the path on the host that was written for each.
    places: BTreeMap<String, String>,
}

/// What an entry says beside its rule.
struct Conditions<'a> {
    until: &'a Option<At<String>>,
    uses: &'a Option<At<u32>>,
    ask: &'a Option<At<bool>>,
    /// Other texts that the rule takes, which may be what is wrong with it.
    others: [&'a Option<At<String>>; 2],
}

impl<'a> Check<'a> {
    /// Checks a table of grants.
    pub(crate) fn grants(&mut self, wire: &'a wire::Grants) -> GrantTemplates {
        let mut all = Collected::default();
        let names = [
            (GrantKind::Tool, &wire.tools),
            (GrantKind::Agent, &wire.agents),
            (GrantKind::Env, &wire.env),
            (GrantKind::Config, &wire.config),
            (GrantKind::Event, &wire.events),
            (GrantKind::State, &wire.state),
            (GrantKind::Model, &wire.models),
            (GrantKind::Memory, &wire.memory),
        ];
        for (kind, entries) in names {
            entries.iter().for_each(|entry| self.by_name(kind, entry, &mut all));
        }
        wire.http.iter().for_each(|entry| self.http(entry, &mut all));
        wire.files.iter().for_each(|entry| self.file(entry, &mut all));
        wire.secrets.iter().for_each(|entry| self.secret_grant(entry, &mut all));
        let bare = [(GrantKind::Log, wire.log), (GrantKind::Human, wire.human), (GrantKind::Sleep, wire.sleep)];
        for (kind, _) in bare.into_iter().filter(|(_, is_granted)| *is_granted) {
            all.templates.push(self.template(kind, ""));
        }
        match wire.artifacts {
            wire::Artifacts::No => {}
            wire::Artifacts::Read => all.templates.push(self.template(GrantKind::Artifact, "read")),
            wire::Artifacts::Write => all.templates.push(self.template(GrantKind::Artifact, "write")),
        }
        if all.templates.len() > GRANTS_MAX {
            let spans = wire.spans();
            let first = spans.min_by_key(|span| span.start).unwrap_or_default();
            let message = format!("there are {} grants, and {GRANTS_MAX} are allowed", all.templates.len());
            self.problems.push(first, message, Some("join some of them with `*`".to_owned()));
        }
        GrantTemplates(all.templates)
    }

    fn by_name(&mut self, kind: GrantKind, entry: &'a At<Entry<wire::NameTable>>, all: &mut Collected) {
        let (text, span, conditions) = match &**entry {
            Entry::Text(text) => (text, entry.span(), None),
            Entry::Table(table) => {
                let Some(allow) = &table.allow else { return };
                (
                    &**allow,
                    allow.span(),
                    Some(Conditions { until: &table.until, uses: &table.uses, ask: &table.ask, others: [&None; 2] }),
                )
            }
        };
        if !self.add(self.template(kind, text), span.clone(), conditions, all) {
            return;
        }
        match kind {
            GrantKind::Tool => self.tool(text, span),
            GrantKind::Agent => match text.strip_suffix('*') {
                None if self.wire.workflows.contains_key(text.as_str()) => {}
                None => {
                    self.known("agent", &self.wire.agents, text, span);
                }
                Some(prefix) => self.some_begins("agent", prefix, span),
            },
            GrantKind::Model => match text.strip_suffix('*') {
                None => {
                    self.known("model", &self.wire.models, text, span);
                }
                Some(prefix) => self.some_begins("model", prefix, span),
            },
            GrantKind::Memory => self.scope(text, span),
            _ => {}
        }
    }

    /// Looks for the plugin that a tool belongs to. Its functions are not known before it is loaded.
    fn tool(&mut self, text: &str, span: Range<usize>) {
        match (text.split_once('.'), text.strip_suffix('*')) {
            (Some((plugin, _)), _) => {
                self.known("plugin", &self.wire.plugins, plugin, span);
            }
            (None, Some(prefix)) => self.some_begins("plugin", prefix, span),
            (None, None) => {
                if self.known("plugin", &self.wire.plugins, text, span.clone()) {
                    let hint = format!("write `{text}.*` for all its tools, or `{text}.function` for one");
                    self.problems.push(span, format!("`{text}` is a plugin, and a tool is expected"), Some(hint));
                }
            }
        }
    }

    /// Looks for a name with a beginning; nothing in front of `*` means all, and that may be none.
    fn some_begins(&mut self, what: &str, prefix: &str, span: Range<usize>) {
        let begins = |name: &str| name.starts_with(prefix);
        let found = match what {
            "agent" => self.programs().any(begins),
            "model" => self.wire.models.keys().any(|name| begins(name)),
            _ => self.wire.plugins.keys().any(|name| begins(name)),
        };
        if !found && !prefix.is_empty() {
            self.problems.push(span, format!("no {what} begins with `{prefix}`"), None);
        }
    }

    /// Refuses a scope of the memory that there is not.
    fn scope(&mut self, text: &str, span: Range<usize>) {
        let (scope, _) = StateRule::cut(text);
        let prefix = scope.strip_suffix('*');
        let is_one = match prefix {
            // Every scope, or those of some users.
            Some(prefix) => prefix.is_empty() || "user/".starts_with(prefix) || prefix.starts_with("user/"),
            // An input stands for a name.
            None => {
                scope.strip_prefix("user/{input.").is_some_and(|rest| rest.ends_with('}'))
                    || scope.parse::<Scope>().is_ok()
            }
        };
        if is_one {
            return;
        }
        let message = format!("`{scope}` is no scope of the memory");
        let hint = suggest::nearest(scope, ["run", "agent", "tenant"].into_iter()).map_or_else(
            || "the scopes are `run`, `agent`, `user/NAME` and `tenant`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        self.problems.push(span, message, Some(hint));
    }

    fn http(&mut self, entry: &'a At<Entry<wire::HttpTable>>, all: &mut Collected) {
        match &**entry {
            Entry::Text(text) => {
                self.add(self.template(GrantKind::Http, text), entry.span(), None, all);
            }
            Entry::Table(table) => {
                let Some(allow) = &table.allow else { return };
                let mut template = self.template(GrantKind::Http, allow);
                for text in &table.addresses {
                    match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                        Ok(net) => template.addresses.push(net),
                        Err(_) => {
                            let message = format!("`{}` is not an address", text.as_str());
                            let hint = "write one, as in `127.0.0.1`, or a net, as in `10.0.0.0/8`".to_owned();
                            self.problems.push(text.span(), message, Some(hint));
                        }
                    }
                }
                let others = [&None; 2];
                let conditions = Conditions { until: &table.until, uses: &table.uses, ask: &table.ask, others };
                self.add(template, allow.span(), Some(conditions), all);
            }
        }
    }

    fn file(&mut self, entry: &'a At<Entry<wire::FileTable>>, all: &mut Collected) {
        let (template, span, conditions) = match &**entry {
            Entry::Text(text) => (self.template(GrantKind::File, text), entry.span(), None),
            Entry::Table(table) => {
                let Some(path) = &table.path else { return };
                if let Some((bare, mode @ ("read" | "write"))) = path.rsplit_once(':') {
                    let hint = format!("write `path = {bare:?}, access = {mode:?}`");
                    self.problems.push(path.span(), "`path` is the path alone", Some(hint));
                    return;
                }
                let mode = match table.access.as_deref() {
                    None | Some(wire::FileAccess::Read) => "read",
                    Some(wire::FileAccess::Write) => "write",
                };
                let mut template = self.template(GrantKind::File, &format!("{}:{mode}", path.as_str()));
                template.guest_path = table.guest_path.as_deref().cloned();
                let others = [&table.guest_path, &None];
                (template, path.span(), Some(Conditions { until: &table.until, uses: &table.uses, ask: &None, others }))
            }
        };
        if self.add(template, span.clone(), conditions, all) {
            self.place(span, all);
        }
    }

    /// Refuses two folders at one place in the guest: one would hide the other.
    fn place(&mut self, span: Range<usize>, all: &mut Collected) {
        let Some(template) = all.templates.last() else { return };
        // The place does not depend on the values of inputs.
        let values = template.inputs().into_iter().flatten().map(|name| (name.to_owned(), "x".to_owned())).collect();
        let Ok(Grant::File(rule)) = template.resolve(&values).map(|held| held.grant) else { return };
        let (Some(place), Some((path, _))) = (rule.guest_path, template.text.rsplit_once(':')) else { return };
        let path = path.to_owned();
        let other = all.places.entry(place.clone()).or_insert_with(|| path.clone());
        if *other != path {
            let message = format!("`{path}` and `{other}` would both be `{place}` in the guest");
            let hint = format!("give one of them another place: {{ path = {path:?}, as = \"/other\" }}");
            self.problems.push(span, message, Some(hint));
        }
    }

    fn secret_grant(&mut self, entry: &'a At<Entry<wire::SecretTable>>, all: &mut Collected) {
        let (name, span) = match &**entry {
            Entry::Text(text) => {
                if !self.add(self.template(GrantKind::Secret, text), entry.span(), None, all) {
                    return;
                }
                (text.split('@').next().unwrap_or_default(), entry.span())
            }
            Entry::Table(table) => {
                let (Some(name), Some(to)) = (&table.name, &table.to) else { return };
                let mut template = self.template(GrantKind::Secret, &format!("{}@{}", name.as_str(), to.as_str()));
                template.header = table.header.as_deref().cloned();
                template.format = table.format.as_deref().cloned();
                let others = [&table.header, &table.format];
                let conditions = Conditions { until: &table.until, uses: &table.uses, ask: &None, others };
                self.add(template, to.span(), Some(conditions), all);
                (name.as_str(), name.span())
            }
        };
        self.known("secret", &self.wire.secrets, name, span);
    }

    /// Adds a grant to its table; tells whether its rule is one.
    fn add(
        &mut self,
        mut template: GrantTemplate,
        span: Range<usize>,
        conditions: Option<Conditions<'_>>,
        all: &mut Collected,
    ) -> bool {
        let mut others = [&None; 2];
        if let Some(Conditions { until, uses, ask, others: also }) = conditions {
            others = also;
            template.uses_max = self.uses(template.kind, uses);
            template.asks = self.asks(template.kind, ask);
            template.until_unix_ms = until.as_ref().and_then(|until| {
                let time = time::unix_ms(until);
                if time.is_none() {
                    let message = format!("`{}` is not a time", until.as_str());
                    let hint = "a date, a time and an offset are expected, as in `2027-01-01T00:00:00Z`".to_owned();
                    self.problems.push(until.span(), message, Some(hint));
                }
                time
            });
        }
        let rule = template.inputs().map(|inputs| inputs.into_iter().map(str::to_owned).collect::<Vec<_>>());
        let rule = rule.and_then(|inputs| template.check(&|_| true).map(|()| inputs));
        match rule {
            Ok(inputs) => inputs.iter().for_each(|name| self.placeholder(name, span.clone())),
            Err(error) => {
                let wrong = others.into_iter().flatten().find(|text| text.as_str() == error.text);
                self.problems.push(wrong.map_or(span, At::span), error.to_string(), None);
                return false;
            }
        }
        all.templates.push(template);
        true
    }

    /// Returns a number of uses; refuses one of what is not used one by one.
    fn uses(&mut self, kind: GrantKind, uses: &Option<At<u32>>) -> Option<u32> {
        let uses = uses.as_ref()?;
        if !kind.has_uses() {
            let message = "this grant has no number of uses: a frame is given it once, when it opens";
            let hint = "leave out `uses`, and bound with it the tool or the agent that may be called".to_owned();
            self.problems.push(uses.span(), message, Some(hint));
            return None;
        }
        Some(**uses)
    }

    /// Tells whether a person is asked for each use; refuses that of what the host does not see one by one.
    fn asks(&mut self, kind: GrantKind, ask: &Option<At<bool>>) -> bool {
        let Some(ask) = ask.as_ref().filter(|ask| ***ask) else { return false };
        if !kind.has_asks() {
            let message = "nobody can be asked for each use of this grant: the host does not see them one by one";
            let hint = "leave out `ask`, and set it for the tool or the agent that may be called".to_owned();
            self.problems.push(ask.span(), message, Some(hint));
        }
        kind.has_asks()
    }

    /// Looks for the input that a grant mentions, which must have a value in every run.
    fn placeholder(&mut self, name: &str, span: Range<usize>) {
        match self.wire.inputs.get(name) {
            Some(input) if is_required(input) || input.default.is_some() => {}
            Some(_) => {
                let message = format!("input `{name}` may be missing, and a grant needs it");
                self.problems.push(span, message, Some("give it a default, or make it required".to_owned()));
            }
            None => {
                let hint = suggest::hint(name, "inputs", self.wire.inputs.keys().map(|name| name.as_str()));
                let hint = hint.unwrap_or_else(|| format!("there are no inputs at all; add [inputs.{name}]"));
                self.problems.push(span, format!("there is no input `{name}`"), Some(hint));
            }
        }
    }

    fn template(&self, kind: GrantKind, text: &str) -> GrantTemplate {
        GrantTemplate::new(kind, text, self.folder)
    }
}

impl wire::Grants {
    /// Returns where each entry stands.
    fn spans(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let names = [&self.tools, &self.agents, &self.env, &self.config, &self.events, &self.state];
        let names = names.into_iter().chain([&self.models, &self.memory]);
        let names = names.flatten().map(At::span);
        let others = self.http.iter().map(At::span).chain(self.files.iter().map(At::span));
        names.chain(others).chain(self.secrets.iter().map(At::span))
    }
}
