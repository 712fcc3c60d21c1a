// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists of what a frame may call. What is not granted is not there.

use std::sync::Arc;

use priory_core::grant::Access;
use priory_core::{Outcome, ToolInfo, Value};

use super::tool::dynamic_tools;
use crate::catalog::{ToolFunction, ToolTarget};
use crate::frame::Frame;

pub(super) async fn tools(frame: &Arc<Frame>, step: u32) -> Outcome {
    let granted = |name: &str, qualified: &str| frame.check(&Access::Tool { name, qualified }).is_ok();
    let catalog = frame.run.catalog.clone();
    let mut tools: Vec<ToolInfo> =
        catalog.tools().filter(|target| granted(&target.name, &target.qualified)).filter_map(info).collect();
    for plugin in catalog.toolsets() {
        // A toolset of which no tool can be granted is not even asked.
        let prefix = format!("{}.", plugin.name);
        if !frame.given.authority.may_concern_tools_of(&prefix) {
            continue;
        }
        let known = dynamic_tools(frame, step, plugin).await?;
        tools.extend(known.infos.iter().filter(|tool| granted(&tool.name, &tool.name)).cloned());
    }
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Value::Tools(tools))
}

pub(super) fn agents(frame: &Frame) -> Value {
    let agents = frame.run.catalog.agents();
    Value::Agents(
        agents.filter(|entry| frame.check(&Access::Agent(&entry.name)).is_ok()).map(|entry| entry.info()).collect(),
    )
}

fn info(target: &ToolTarget) -> Option<ToolInfo> {
    let ToolFunction::Typed(index) = target.function else { return None };
    let function = target.plugin.plugin.info().functions.get(index)?;
    Some(ToolInfo {
        name: target.name.to_string(),
        description: function.description.clone(),
        input_schema: function.input_schema.clone(),
        output_schema: function.output_schema.clone(),
    })
}
