// SPDX-License-Identifier: MIT OR Apache-2.0
//! All gates of a host, by the plugins and agents that they belong to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use priory_core::gate::GateSpec;
use priory_core::ports::Clock;

use super::{Gate, GateInfo, GateKind};
use crate::catalog::Catalog;

/// How many tools of one plugin have a gate of their own. A toolset may invent names without end; the rest share one.
const TOOLS_MAX: usize = 1_024;
/// How many agents and plugins may have gates of which the host's own configuration says nothing: they come from runs
/// that began with another one. Those of which no call goes on are forgotten first.
const STRANGERS_MAX: usize = 4_096;

/// The gates of a host. They live as long as it does.
pub struct Gates {
    clock: Arc<dyn Clock>,
    /// Whether there is any: the usual case costs one load.
    is_any: AtomicBool,
    tools: RwLock<Families>,
    agents: RwLock<Families>,
}

type Families = HashMap<Arc<str>, Arc<Family>>;

/// The gates of one agent, or of the tools of one plugin.
struct Family {
    spec: GateSpec,
    /// Whether the host is configured with it.
    is_own: bool,
    /// By the names of what they stand before.
    gates: Mutex<HashMap<Arc<str>, Arc<Gate>>>,
}

impl Gates {
    /// Makes the gates of a host that has none yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, is_any: AtomicBool::new(false), tools: RwLock::default(), agents: RwLock::default() }
    }

    /// Makes the gates of a host that is configured with a catalog.
    pub fn of_catalog(catalog: &Catalog, clock: Arc<dyn Clock>) -> Self {
        let gates = Self::new(clock);
        catalog.plugins().for_each(|entry| gates.configure(GateKind::Tool, &entry.name, entry.gate.clone()));
        catalog.agents().for_each(|entry| gates.configure(GateKind::Agent, &entry.name, entry.gate.clone()));
        gates
    }

    /// Says what stands before an agent, or before each tool of a plugin. It holds for every run of the host, those too
    /// that began with another configuration.
    pub fn configure(&self, kind: GateKind, holder: &str, spec: GateSpec) {
        self.insert(kind, Arc::from(holder), spec, true);
    }

    /// Tells how every gate stands that was passed, ordered by kind and name.
    pub fn infos(&self) -> Vec<GateInfo> {
        let families =
            [&self.tools, &self.agents].map(|families| families.read().values().cloned().collect::<Vec<_>>());
        let gates =
            families.iter().flatten().flat_map(|family| family.gates.lock().values().cloned().collect::<Vec<_>>());
        let mut infos: Vec<GateInfo> = gates.map(|gate| gate.info()).collect();
        infos.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        infos
    }

    /// Finds the gate before an agent or a tool; `None` where nothing stands before it. `spec` is what the configuration
    /// of the run says, for names of which the host's says nothing.
    pub(crate) fn find(
        &self,
        kind: GateKind,
        holder: &Arc<str>,
        name: &Arc<str>,
        spec: &GateSpec,
    ) -> Option<Arc<Gate>> {
        if spec.is_unset() && !self.is_any.load(Ordering::Acquire) {
            return None;
        }
        let known = self.families(kind).read().get(holder).cloned();
        let family = match known {
            Some(family) => family,
            None if spec.is_unset() => return None,
            None => self.insert(kind, holder.clone(), spec.clone(), false),
        };
        (!family.spec.is_unset()).then(|| family.gate(kind, holder, name, &self.clock))
    }

    fn families(&self, kind: GateKind) -> &RwLock<Families> {
        match kind {
            GateKind::Tool => &self.tools,
            GateKind::Agent => &self.agents,
        }
    }

    fn insert(&self, kind: GateKind, holder: Arc<str>, spec: GateSpec, is_own: bool) -> Arc<Family> {
        self.is_any.fetch_or(!spec.is_unset(), Ordering::AcqRel);
        let family = || Arc::new(Family { spec, is_own, gates: Mutex::default() });
        let mut families = self.families(kind).write();
        if is_own {
            let family = family();
            families.insert(holder, family.clone());
            return family;
        }
        if families.len() >= STRANGERS_MAX {
            families.retain(|_, family| family.is_own || !family.is_idle());
        }
        families.entry(holder).or_insert_with(family).clone()
    }
}

impl Family {
    fn gate(&self, kind: GateKind, holder: &Arc<str>, name: &Arc<str>, clock: &Arc<dyn Clock>) -> Arc<Gate> {
        let mut gates = self.gates.lock();
        if let Some(gate) = gates.get(name) {
            return gate.clone();
        }
        if gates.len() >= TOOLS_MAX {
            // Nobody else holds one that is counted once, so nobody can be on the way to it.
            gates.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.is_idle());
        }
        let name = if gates.len() >= TOOLS_MAX { Arc::from(format!("{holder}.*")) } else { name.clone() };
        let new = |name: &Arc<str>| Arc::new(Gate::new(kind, name.clone(), &self.spec, clock.clone()));
        gates.entry(name).or_insert_with_key(new).clone()
    }

    fn is_idle(&self) -> bool {
        self.gates.lock().values().all(|gate| Arc::strong_count(gate) == 1 && gate.is_idle())
    }
}
