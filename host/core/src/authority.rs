// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame may do in the end: the intersection of what was granted along its call path.
//!
//! A holder has *own* grants, which its frames use, and *lent* grants, which its frames cannot use but pass on to what
//! they call. A frame may do something when its own layers hold a grant for it, and every layer above either
//! holds or lends one. So a child can never do what its parent may neither do nor pass on.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::failure::Denial;
use crate::grant::rule::{FileRule, FileScope};
use crate::grant::{Access, Grant, GrantSet, Held};

/// Whose grants a layer holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "type", content = "name", rename_all = "kebab-case")]
pub enum Holder {
    /// A plugin, called as a tool.
    Plugin(Arc<str>),
    /// An agent.
    Agent(Arc<str>),
    /// A workflow.
    Workflow(Arc<str>),
    /// What the component's author says that it could ever need.
    Ceiling(Arc<str>),
    /// Whoever started the run, from outside.
    Caller,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(name) => write!(f, "plugin {name}"),
            Self::Agent(name) => write!(f, "agent {name}"),
            Self::Workflow(name) => write!(f, "workflow {name}"),
            Self::Ceiling(name) => write!(f, "ceiling of {name}"),
            Self::Caller => f.write_str("the caller"),
        }
    }
}

/// The grants of one holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Whose they are.
    pub holder: Holder,
    /// What its frames may use.
    pub own: GrantSet,
    /// What its frames may only pass on.
    pub lent: GrantSet,
}

/// Decides whether a grant holds now: it is not revoked, not expired, not used up.
///
/// The engine implements it; it is asked only about grants that cover the access.
pub trait Validity {
    /// Tells whether a grant of a holder holds now, without using it.
    fn holds(&self, holder: &Holder, held: &Held) -> bool;
}

/// The authority of one frame.
#[derive(Debug, Clone, Default)]
pub struct Authority {
    /// Layers that must allow by their own grants: the frame's manifest entry, its ceiling, its caller's narrowing.
    own: Vec<Arc<Layer>>,
    /// Layers of the frames above, root first, that must hold or lend.
    path: Vec<Arc<Layer>>,
}

/// The grants by which an access is allowed: one of each layer.
pub type Passed<'a> = Vec<(&'a Holder, &'a Held)>;

impl Authority {
    /// Makes the authority of a root frame.
    pub fn root(own: Vec<Arc<Layer>>) -> Self {
        Self { own, path: Vec::new() }
    }

    /// Makes the authority of a frame that a frame with this authority opens.
    ///
    /// A ceiling binds only the frames of its component, so it is not handed down.
    pub fn child(&self, own: Vec<Arc<Layer>>) -> Self {
        let above = self.own.iter().filter(|layer| !matches!(layer.holder, Holder::Ceiling(_)));
        Self { own, path: self.path.iter().chain(above).cloned().collect() }
    }

    /// Returns the layers of the frame itself.
    pub fn own_layers(&self) -> &[Arc<Layer>] {
        &self.own
    }

    /// Returns the layers above, root first.
    pub fn path_layers(&self) -> &[Arc<Layer>] {
        &self.path
    }

    /// Tells whether the frame itself holds any grant for an environment variable.
    pub fn holds_env(&self) -> bool {
        self.own.first().is_some_and(|layer| layer.own.iter().any(|held| matches!(held.grant, Grant::Env(_))))
    }

    /// Tells whether some grant of the frame could cover a tool whose name begins like this.
    pub fn may_concern_tools_of(&self, prefix: &str) -> bool {
        self.own.first().is_some_and(|layer| {
            layer.own.iter().any(|held| match &held.grant {
                Grant::Tool(pattern) => pattern.overlaps(prefix),
                _ => false,
            })
        })
    }

    /// Decides an access by the layers of the frame alone. It is for what is the frame's by definition and nobody's
    /// above it, such as its configuration.
    pub fn check_own<'a>(&'a self, access: &Access<'_>, validity: &dyn Validity) -> Result<Passed<'a>, Denial> {
        let mut passed = Vec::with_capacity(self.own.len() + self.path.len());
        for layer in &self.own {
            let asked = match (&layer.holder, access) {
                // An author says where a component may want to go, and cannot know the addresses of a network.
                (Holder::Ceiling(_), Access::Dial { method, url, .. }) => Access::Http { method, url },
                _ => *access,
            };
            let found = find(layer, [&layer.own], &asked, validity);
            passed.push((&layer.holder, found.ok_or_else(|| denial(layer, "grants", &asked))?));
        }
        Ok(passed)
    }

    /// Decides an access, and returns the grant of each layer that allows it.
    pub fn check<'a>(&'a self, access: &Access<'_>, validity: &dyn Validity) -> Result<Passed<'a>, Denial> {
        let mut passed = self.check_own(access, validity)?;
        for layer in &self.path {
            let found = find(layer, [&layer.own, &layer.lent], access, validity);
            passed.push((&layer.holder, found.ok_or_else(|| denial(layer, "lends", access))?));
        }
        Ok(passed)
    }

    /// Returns the folders and files that the frame sees: those of its first layer, cut to what the others allow.
    pub fn files(&self, validity: &dyn Validity) -> Vec<FileRule> {
        let rules = |layer: &'_ Arc<Layer>, lent: bool| -> Vec<FileRule> {
            let sets = [Some(&layer.own), lent.then_some(&layer.lent)];
            let held = sets.into_iter().flatten().flat_map(GrantSet::iter);
            held.filter(|held| validity.holds(&layer.holder, held)).filter_map(|held| file_rule(&held.grant)).collect()
        };
        let Some((first, rest)) = self.own.split_first() else { return Vec::new() };
        let mut seen = rules(first, false);
        let others =
            rest.iter().map(|layer| rules(layer, false)).chain(self.path.iter().map(|layer| rules(layer, true)));
        for allowed in others {
            seen = seen.iter().flat_map(|rule| allowed.iter().filter_map(|other| rule.intersect(other))).collect();
        }
        seen.retain(|rule| rule.scope != FileScope::Any);
        // What lies inside another and allows no more adds nothing, and could only hide it.
        let covered = |rule: &FileRule, by: &FileRule| match &rule.scope {
            FileScope::Under(path) => by != rule && by.covers(path, rule.mode),
            FileScope::Any => false,
        };
        let all = seen.clone();
        seen.retain(|rule| !all.iter().any(|by| covered(rule, by)));
        seen.dedup();
        seen
    }
}

fn file_rule(grant: &Grant) -> Option<FileRule> {
    match grant {
        Grant::File(rule) => Some(rule.clone()),
        _ => None,
    }
}

/// Finds a grant that covers the access and holds now. One for which nobody has to be asked comes first, and then one that
/// can be used without end.
fn find<'a, const N: usize>(
    layer: &'a Layer,
    sets: [&'a GrantSet; N],
    access: &Access<'_>,
    validity: &dyn Validity,
) -> Option<&'a Held> {
    let mut best: Option<&Held> = None;
    let price = |held: &Held| (held.asks, held.uses_max.is_some());
    for held in sets.into_iter().flat_map(GrantSet::iter) {
        if held.grant.allows(access) && validity.holds(&layer.holder, held) {
            if price(held) == (false, false) {
                return Some(held);
            }
            if best.is_none_or(|best| price(held) < price(best)) {
                best = Some(held);
            }
        }
    }
    best
}

fn denial(layer: &Layer, table: &str, access: &Access<'_>) -> Denial {
    let remedy = match &layer.holder {
        Holder::Plugin(name) => format!("[plugins.{name}.{table}]\n{}", access.manifest_line()),
        Holder::Agent(name) => format!("[agents.{name}.{table}]\n{}", access.manifest_line()),
        Holder::Workflow(name) => format!("[workflows.{name}.{table}]\n{}", access.manifest_line()),
        Holder::Ceiling(name) => {
            format!("# plugin {name} says itself that it never needs this; a version with a wider ceiling is needed")
        }
        Holder::Caller => format!("--grant {:?}", grant_argument(access)),
    };
    Denial { effect: access.summary(), by: layer.holder.to_string(), remedy }
}

/// Returns the grant that would allow an access, as the command line takes it.
fn grant_argument(access: &Access<'_>) -> String {
    match access {
        Access::Tool { name, .. } => format!("tool={name}"),
        Access::Agent(name) => format!("agent={name}"),
        Access::Http { method, url } => format!("http={method} {}", crate::grant::rule::without_query(url)),
        Access::Dial { method, url, address } => {
            let mut url = (*url).clone();
            let _ = url.set_ip_host(*address);
            format!("http={method} {}", crate::grant::rule::without_query(&url))
        }
        Access::File { path, mode } => format!("file={}:{mode}", path.display()),
        Access::State { key, mode } => format!("state={key}:{mode}"),
        Access::Artifact(mode) => format!("artifact={mode}"),
        Access::Env(name) => format!("env={name}"),
        Access::Config(key) => format!("config={key}"),
        Access::Secret { name, url, .. } => format!("secret={name}@{}/*", url.origin().ascii_serialization()),
        Access::Event { name, mode } => format!("event={name}:{mode}"),
        Access::Model(name) => format!("model={name}"),
        Access::Memory { scope, mode } => format!("memory={scope}:{mode}"),
        Access::Log => "log".to_owned(),
        Access::Human => "human".to_owned(),
        Access::Sleep => "sleep".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything holds.
    struct Always;

    impl Validity for Always {
        fn holds(&self, _: &Holder, _: &Held) -> bool {
            true
        }
    }

    fn held(text: &str, uses_max: Option<u32>) -> Held {
        Held { uses_max, ..text.parse().unwrap() }
    }

    #[test]
    fn nobody_is_asked_where_another_grant_of_the_holder_will_do() {
        let best = |sets: &[Held]| {
            let own: GrantSet = sets.iter().cloned().collect();
            let layer = Layer { holder: Holder::Agent("a".into()), own, lent: GrantSet::default() };
            let authority = Authority::root(vec![Arc::new(layer)]);
            let passed = authority.check(&Access::Agent("b"), &Always).map_err(|denial| denial.by);
            passed.map(|passed| passed[0].1.clone())
        };
        let (asks, counted, free) = (held("ask agent=b", None), held("agent=*", Some(2)), held("agent=b", None));
        let other = held("agent=c", None);
        assert_eq!(best(&[asks.clone(), counted.clone(), free.clone()]), Ok(free));
        assert_eq!(best(&[asks.clone(), counted.clone(), other.clone()]), Ok(counted));
        assert_eq!(best(&[other, asks.clone()]), Ok(asks));
    }
}
