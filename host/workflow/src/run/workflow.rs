// SPDX-License-Identifier: MIT OR Apache-2.0
//! A definition, ready to be executed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use priory_core::ports::{BoxFuture, Entry, FrameHost, Order, Plugin, Returned};
use priory_core::usage::Meter;
use priory_core::{Digest, Failure, Json, PluginInfo, Report};
use priory_schema::Schema;

use super::drive::drive;
use super::execution::Execution;
use crate::definition::{Definition, DefinitionError, Node, Place, Tree};
use crate::expression::Step;

/// How many effects of one workflow go on at once; the others wait for their turn.
const WIDTH_MAX: u64 = 1_024;

/// A definition, ready to be executed.
pub struct Workflow {
    info: PluginInfo,
    pub(crate) definition: Definition,
    pub(crate) tree: Tree,
    pub(crate) input: Option<Schema>,
    pub(crate) output: Option<Schema>,
    prepared: HashMap<String, Prepared>,
    /// Keys of the state that the expression of the result reads.
    reads: Vec<String>,
}

/// What is known of a node before it is executed.
pub(crate) struct Prepared {
    /// Its name, as calls carry it.
    pub(crate) name: Arc<str>,
    pub(crate) input: Option<Schema>,
    pub(crate) output: Option<Schema>,
    /// Keys of the state that its expressions read.
    pub(crate) reads: Vec<String>,
}

impl Workflow {
    /// Reads a workflow from the bytes in which it is kept, and makes it ready.
    pub fn new(bytes: &[u8]) -> Result<Self, DefinitionError> {
        let definition = Definition::from_bytes(bytes)?;
        let broken = |reason: String| DefinitionError::Nodes { workflow: definition.name.clone(), reason };
        let tree = Tree::of(&definition).map_err(|flaws| {
            let first = flaws.first().map(|flaw| flaw.message.clone()).unwrap_or_default();
            broken(first)
        })?;
        let schema = |schema: &Option<Json>, of: &str| {
            let compiled = schema.as_ref().map(Schema::alone).transpose();
            compiled.map_err(|reason| broken(format!("{of}: {reason}")))
        };
        let (input, output) =
            (schema(&definition.input, "its input schema")?, schema(&definition.output, "its output schema")?);
        let mut prepared = HashMap::with_capacity(definition.nodes.len());
        for (name, node) in &definition.nodes {
            let made = Prepared {
                name: Arc::from(name.as_str()),
                input: schema(&node.contract.input, &format!("the input schema of node `{name}`"))?,
                output: schema(&node.contract.output, &format!("the output schema of node `{name}`"))?,
                reads: reads(&definition, node.places().into_iter()),
            };
            prepared.insert(name.clone(), made);
        }
        let info = info(&definition, bytes);
        let reads = reads(&definition, definition.result_place().into_iter());
        Ok(Self { info, tree, input, output, prepared, reads, definition })
    }

    /// Returns what the workflow says.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Returns the keys of the state that the result reads.
    pub(crate) fn reads_of_result(&self) -> &[String] {
        &self.reads
    }

    /// Finds a node with what is known of it.
    pub(crate) fn node(&self, name: &str) -> Result<(&Node, &Prepared), Failure> {
        let found = self.definition.nodes.get(name).zip(self.prepared.get(name));
        found.ok_or_else(|| Failure::absent(format!("node {name}"), "the workflow has none of that name"))
    }
}

/// Returns the keys of the state that some expressions read; an expression that reads the state as a whole reads
/// every key that the workflow declares.
fn reads<'a>(definition: &Definition, places: impl Iterator<Item = Place<'a>>) -> Vec<String> {
    let mut keys = BTreeSet::new();
    for place in places {
        for name in place.expression.names().iter().filter(|name| &*name.root == "state") {
            match name.path.first() {
                Some(Step::Field(key)) => keys.extend([key.to_string()]),
                Some(Step::Item(_)) | None => keys.extend(definition.state.keys().cloned()),
            }
        }
    }
    keys.into_iter().collect()
}

fn info(definition: &Definition, bytes: &[u8]) -> PluginInfo {
    PluginInfo {
        name: Arc::from(definition.name.as_str()),
        digest: Digest::of(bytes),
        byte_len: bytes.len() as u64,
        is_agent: true,
        is_workflow: true,
        is_toolset: false,
        functions: Vec::new(),
        refused: Vec::new(),
        imports: Vec::new(),
        ceiling: None,
    }
}

impl Plugin for Workflow {
    fn info(&self) -> &PluginInfo {
        &self.info
    }

    fn execute(
        self: Arc<Self>,
        order: Order,
        host: Arc<dyn FrameHost>,
        _meter: Arc<Meter>,
    ) -> BoxFuture<'static, Result<Returned, Failure>> {
        Box::pin(async move {
            let Entry::Agent(task) = order.entry else {
                return Err(Failure::absent("function", "a workflow is called as an agent is"));
            };
            let width = order.limits.get(priory_core::Dimension::Pending).min(WIDTH_MAX);
            let execution = Execution::new(self, host.clone(), order.label, order.seed, width);
            let (desk, pace) = (execution.desk.clone(), execution.pace.clone());
            let output = drive(execution.run(task.input), &desk, &pace, &*host, width).await??;
            Ok(Returned::Report(Report { output, summary: None }))
        })
    }
}
