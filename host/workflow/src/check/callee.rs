// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whom nodes call: whether they are there, and whether what they are given can be what they take.

use std::collections::BTreeSet;

use super::{Callee, Check, Known};
use crate::definition::{Kind, MergeRule, Node};
use crate::expression::{Mapping, Type, Types};
use crate::suggest;

impl<'a> Check<'a> {
    /// Looks for whom a node calls.
    pub(super) fn callee(&mut self, name: &str, node: &'a Node) {
        match &node.kind {
            Kind::Agent(agent) => self.agent(name, agent),
            Kind::Workflow(workflow) => self.workflow(name, workflow),
            Kind::Tool(tool) => self.tool(name, "tool", tool),
            Kind::Model(asked) => self.model(name, asked.name.as_deref()),
            _ => {}
        }
    }

    /// Looks for the tools that merge writes to the state.
    pub(super) fn merge_tools(&mut self) {
        for (key, rule) in &self.definition.state {
            if let MergeRule::Tool(tool) = rule {
                self.tool("", &format!("state.{key}.merge.tool"), tool);
            }
        }
    }

    fn agent(&mut self, name: &str, agent: &str) {
        let around = self.surroundings;
        if around.agents.contains_key(agent) {
            return;
        }
        if around.workflows.contains_key(agent) {
            let hint = format!("write `workflow = \"{agent}\"`");
            self.wrong(name, "agent", format!("`{agent}` is a workflow"), hint);
            return;
        }
        let hint = suggest::hint(agent, "agents", around.agents.keys().map(String::as_str));
        let hint = hint.unwrap_or_else(|| format!("there are no agents at all; add [agents.{agent}]"));
        self.wrong(name, "agent", format!("there is no agent `{agent}`"), hint);
    }

    fn workflow(&mut self, name: &str, workflow: &'a str) {
        let around = self.surroundings;
        if around.workflows.contains_key(workflow) {
            self.calls_itself(name, workflow);
            return;
        }
        if around.agents.contains_key(workflow) {
            let hint = format!("write `agent = \"{workflow}\"`");
            self.wrong(name, "workflow", format!("`{workflow}` is an agent"), hint);
            return;
        }
        let hint =
            suggest::hint(workflow, "workflows", around.workflows.keys().map(String::as_str)).unwrap_or_default();
        self.wrong(name, "workflow", format!("there is no workflow `{workflow}`"), hint);
    }

    /// Warns where a workflow comes back to itself through others.
    fn calls_itself(&mut self, name: &str, called: &'a str) {
        let own = self.definition.name.as_str();
        let mut ways = vec![vec![called]];
        let mut seen = BTreeSet::from([called]);
        // Each workflow is visited once.
        while let Some(way) = ways.pop() {
            let Some(last) = way.last().copied() else { continue };
            if last == own {
                let way = [own].into_iter().chain(way).collect::<Vec<_>>().join(" → ");
                let message = format!("the workflow calls itself again and again: {way}");
                let hint = "put a condition in front of it; without one, the limit `depth` ends it with a failure";
                self.odd(name, "workflow", message, hint);
                return;
            }
            for next in self.surroundings.workflows.get(last).into_iter().flat_map(|callee| &callee.calls) {
                if seen.insert(next) {
                    ways.push(way.iter().copied().chain([next.as_str()]).collect());
                }
            }
        }
    }

    fn model(&mut self, name: &str, asked: Option<&str>) {
        let Some(models) = &self.surroundings.models else { return };
        let names = || models.names.iter().map(String::as_str);
        match asked {
            Some(asked) if models.names.contains(asked) => {}
            Some(asked) if models.embedding.contains(asked) => {
                let hint = suggest::hint("", "models", names()).unwrap_or_default();
                self.wrong(name, "model.name", format!("`{asked}` makes vectors, and answers nobody"), hint);
            }
            Some(asked) => {
                let hint = suggest::hint(asked, "models", names());
                let hint = hint.unwrap_or_else(|| format!("there are no models at all; add [models.{asked}]"));
                self.wrong(name, "model.name", format!("there is no model `{asked}`"), hint);
            }
            None if models.names.is_empty() => {
                let hint = "add [models.NAME] to the manifest";
                self.wrong(name, "model", "there are no models at all", hint);
            }
            None if models.has_usual => {}
            None => {
                let hint = "name one here, or say `default-model` in the manifest; `priory run --model` helps too";
                self.odd(name, "model", "nothing says which model is asked", hint);
            }
        }
    }

    fn tool(&mut self, name: &str, key: &str, tool: &str) {
        let around = self.surroundings;
        let plugins = || around.plugins.iter().map(String::as_str);
        let Some((plugin, function)) = tool.split_once('.') else {
            match around.plugins.contains(tool) {
                true => {
                    let hint = format!("write `{tool}.function`");
                    self.wrong(name, key, format!("`{tool}` is a plugin, and a tool is expected"), hint);
                }
                false => self.wrong(name, key, format!("`{tool}` is no tool"), "a tool is written `plugin.function`"),
            }
            return;
        };
        if !around.plugins.contains(plugin) {
            let hint = suggest::hint(plugin, "plugins", plugins());
            let hint = hint.unwrap_or_else(|| format!("there are no plugins at all; add [plugins.{plugin}]"));
            self.wrong(name, key, format!("there is no plugin `{plugin}`"), hint);
            return;
        }
        if function.is_empty() || function.ends_with('*') {
            let hint = "a node calls one tool: `plugin.function`";
            self.wrong(name, key, format!("`{tool}` is no tool"), hint);
            return;
        }
        let Some(tools) = &around.tools else { return };
        if tools.contains_key(tool) || around.toolsets.contains(plugin) {
            return;
        }
        let prefix = format!("{plugin}.");
        let known = tools.keys().filter_map(|known| known.strip_prefix(&prefix));
        let hint = suggest::hint(function, "tools", known).unwrap_or_default();
        self.wrong(name, key, format!("plugin `{plugin}` has no tool `{function}`"), hint);
    }

    /// Returns what is known of whom a node calls.
    pub(super) fn known(&mut self, node: &'a Node) -> Known {
        let around = self.surroundings;
        let (word, name, callee) = match &node.kind {
            Kind::Agent(agent) => ("agent", agent, around.agents.get(agent)),
            Kind::Workflow(workflow) => ("workflow", workflow, around.workflows.get(workflow)),
            Kind::Tool(tool) => ("tool", tool, around.tools.as_ref().and_then(|tools| tools.get(tool))),
            _ => return Known::default(),
        };
        let read = || callee.map(Known::of).unwrap_or_default();
        self.types.entry((word, name.as_str())).or_insert_with(read).clone()
    }

    /// Compares what is given with what is taken; `who` takes it, and `types` is what the expressions stand on.
    pub(super) fn gives(
        &mut self,
        name: &str,
        who: &str,
        wanted: &Type,
        with: Option<&Mapping>,
        given: &Type,
        types: &Types,
    ) {
        match (with, wanted) {
            (Some(Mapping::Table(entries)), Type::Map(fields)) => {
                for (field, known) in &fields.known {
                    if known.is_required && !entries.contains_key(field) {
                        let hint = format!("add `{field} = \"…\"`");
                        self.wrong(name, "with", format!("{who} needs `{field}`, which is not given"), hint);
                    }
                }
                for (field, part) in entries {
                    let key = format!("with.{field}");
                    let holds = match (fields.known.get(field), &fields.others) {
                        (Some(known), _) => &known.holds,
                        (None, Some(others)) => others,
                        (None, None) => {
                            let known = fields.known.keys().map(|field| &**field);
                            let hint = suggest::hint(field, "fields", known).unwrap_or_default();
                            self.wrong(name, &key, format!("{who} takes no `{field}`"), hint);
                            continue;
                        }
                    };
                    if let Err(reason) = part.infer(types).0.may_fit(holds) {
                        self.wrong(name, &key, format!("{who} does not take this as `{field}`: {reason}"), "");
                    }
                }
            }
            (Some(_), wanted) => {
                if let Err(reason) = given.may_fit(wanted) {
                    self.wrong(name, "with", format!("{who} does not take this: {reason}"), "");
                }
            }
            (None, wanted) => {
                if let Err(reason) = given.may_fit(wanted) {
                    let message = format!("{who} does not take what `{name}` is given: {reason}");
                    self.wrong(name, "", message, "say what it is given: `with = { … }`");
                }
            }
        }
    }
}

impl Known {
    fn of(callee: &Callee) -> Self {
        let read = |schema: &Option<serde_json::Value>| schema.as_ref().map(Type::of_schema).unwrap_or_default();
        Self { takes: read(&callee.input), gives: read(&callee.output) }
    }
}
