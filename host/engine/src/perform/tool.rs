// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls to tools: typed functions, and the tools of toolsets.

use std::collections::HashMap;
use std::sync::Arc;

use priory_core::effect::Terms;
use priory_core::event::Program;
use priory_core::ports::{Entry, Returned};
use priory_core::{Failure, FramePath, Json, Outcome, ToolInfo, Value};
use priory_schema::{Allowance, Schema};

use crate::catalog::{PluginEntry, ToolFunction, ToolTarget};
use crate::execute::{self, Body, Job};
use crate::frame::Frame;
use crate::gate::GateKind;
use crate::run::Run;

use super::turn::{self, Called};

/// How many tools a toolset may list.
const DYNAMIC_TOOLS_MAX: usize = 1_024;
/// How long the names and descriptions of one toolset may be together, in bytes.
const WORDS_BYTES_MAX: usize = 1 << 20;

/// What a toolset said that it has, ready to validate against.
pub(crate) struct DynamicTools {
    by_name: HashMap<String, DynamicTool>,
    /// In the order of the toolset.
    pub(crate) infos: Vec<ToolInfo>,
}

struct DynamicTool {
    input: Schema,
    output: Option<Schema>,
}

pub(super) async fn call(
    frame: &Arc<Frame>,
    step: u32,
    target: &ToolTarget,
    arguments: Json,
    terms: Option<&Terms>,
) -> Outcome {
    let (name, spec) = (&target.name, &target.plugin.gate);
    let called = Called { kind: GateKind::Tool, holder: &target.plugin.name, name, spec };
    let job = tool_job(&frame.run, target, arguments.clone());
    // Before a toolset is even asked what it has: where the call is not let through, nothing happens at all.
    let (job, turn) = turn::take(frame, step, called, job, terms).await?;
    let ToolFunction::Dynamic(tool) = &target.function else {
        let outcome = open(frame, frame.given.path.child(step), job).await;
        turn::end(turn, &outcome);
        return outcome;
    };
    let tools = match dynamic_tools(frame, step, &target.plugin).await {
        Ok(tools) => tools,
        Err(failure) => {
            let outcome = Err(failure);
            turn::end(turn, &outcome);
            return outcome;
        }
    };
    let known = tools.by_name.get(&**tool);
    let known =
        known.ok_or_else(|| Failure::absent(format!("tool {}", target.name), "its toolset does not list it"))?;
    known.input.validate(&arguments, || format!("arguments of {}", target.name))?;
    let outcome = match (open(frame, frame.given.path.child(step), job).await, &known.output) {
        (Ok(Value::Json(json)), Some(output)) => {
            output.validate(&json, || format!("result of {}", target.name)).map(|()| Value::Json(json))
        }
        (outcome, _) => outcome,
    };
    turn::end(turn, &outcome);
    outcome
}

/// Makes the job of a frame of a tool.
pub(crate) fn tool_job(run: &Run, target: &ToolTarget, arguments: Json) -> Job {
    let entry = match &target.function {
        ToolFunction::Typed(index) => Entry::Function { index: *index, arguments },
        ToolFunction::Dynamic(name) => Entry::CallTool { name: name.to_string(), arguments },
    };
    plugin_job(run, &target.plugin, target.name.clone(), entry)
}

fn plugin_job(run: &Run, plugin: &Arc<PluginEntry>, name: Arc<str>, entry: Entry) -> Job {
    Job {
        program: Program::Tool(name),
        body: Body::Guest { plugin: plugin.clone(), entry },
        layers: run.layers.of_plugin(&plugin.name),
        limits: run.catalog.limits.tightened(&plugin.limits),
        budget: None,
        config: plugin.config.clone(),
        gate: None,
    }
}

async fn open(frame: &Arc<Frame>, path: FramePath, job: Job) -> Outcome {
    let run = frame.run.clone();
    // Boxed, because a tool may call a tool.
    match Box::pin(execute::execute(&run, Some(frame), path, job)).await? {
        Returned::Json(json) => Ok(Value::Json(json)),
        Returned::Tools(tools) => Ok(Value::Tools(tools)),
        Returned::Report(_) => Err(Failure::other("the sandbox returned a report for a tool")),
    }
}

/// Returns the tools of a toolset, asking it the first time in a run.
///
/// It is asked in a frame of its own below the step that wants to know, with the grants of the plugin.
pub(super) async fn dynamic_tools(
    frame: &Arc<Frame>,
    step: u32,
    plugin: &Arc<PluginEntry>,
) -> Result<Arc<DynamicTools>, Failure> {
    if let Some(known) = frame.run.dynamic_tools.lock().get(&plugin.name) {
        return Ok(known.clone());
    }
    let name = Arc::from(format!("{}.list-tools", plugin.name));
    let job = plugin_job(&frame.run, plugin, name, Entry::ListTools);
    let index = frame.run.catalog.toolset_index(&plugin.name);
    let index = index.ok_or_else(|| Failure::absent(format!("tools of {}", plugin.name), "it is no toolset"))?;
    let path = frame.given.path.child(step).child(FramePath::list(index));
    let Value::Tools(tools) = open(frame, path, job).await? else {
        return Err(Failure::other("the sandbox returned no list of tools"));
    };
    let known = Arc::new(DynamicTools::compile(&plugin.name, tools)?);
    // Two that asked at the same time may have got different answers, since each had a seed of its own: the first to come
    // holds for the whole run.
    Ok(frame.run.dynamic_tools.lock().entry(plugin.name.clone()).or_insert(known).clone())
}

impl DynamicTools {
    fn compile(plugin: &str, tools: Vec<ToolInfo>) -> Result<Self, Failure> {
        let subject = || format!("tools of {plugin}");
        if tools.len() > DYNAMIC_TOOLS_MAX {
            let reason = format!("{} tools are listed, {DYNAMIC_TOOLS_MAX} are the most", tools.len());
            return Err(Failure::invalid(subject(), "", reason));
        }
        let words = tools.iter().map(|tool| tool.name.len().saturating_add(tool.description.len()));
        let words = words.fold(0usize, usize::saturating_add);
        if words > WORDS_BYTES_MAX {
            let reason = format!("names and descriptions have {words} bytes together, {WORDS_BYTES_MAX} are the most");
            return Err(Failure::invalid(subject(), "", reason));
        }
        let mut allowance = Allowance::of_a_toolset();
        let mut known = Self { by_name: HashMap::new(), infos: Vec::with_capacity(tools.len()) };
        for (index, tool) in tools.into_iter().enumerate() {
            let refuse = |reason: String| Failure::invalid(subject(), format!("/{index}"), reason);
            if !priory_core::id::is_name(&tool.name) {
                return Err(refuse("the name of a tool is lower-case letters, digits and hyphens".into()));
            }
            let mut compile = |schema: &Json| Schema::compile(schema, &mut allowance).map_err(refuse);
            let input = compile(&tool.input_schema)?;
            let output = tool.output_schema.as_ref().map(compile).transpose()?;
            if known.by_name.insert(tool.name.clone(), DynamicTool { input, output }).is_some() {
                return Err(refuse(format!("the tool `{}` is listed twice", tool.name)));
            }
            known.infos.push(ToolInfo { name: format!("{plugin}.{}", tool.name), ..tool });
        }
        Ok(known)
    }
}
