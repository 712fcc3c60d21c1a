// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists of what a frame may call. What is not granted is not there.

use std::sync::Arc;

use priory_core::grant::Access;
use priory_core::model::ListedModel;
use priory_core::{Outcome, ToolInfo, Value};

use super::tool::dynamic_tools;
use crate::catalog::{ToolFunction, ToolTarget};
use crate::frame::Frame;
use crate::model::names;

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

/// Returns the models that the frame may ask, ordered by name.
pub(super) fn models(frame: &Frame) -> Value {
    let catalog = &frame.run.catalog;
    let of_run = frame.run.model.as_deref();
    let meant = names::meant(catalog, &frame.given.label.program, of_run, None);
    let all = frame.run.ports.models.as_ref().map(|models| models.list()).unwrap_or_default();
    let granted = all.iter().filter(|info| frame.check(&Access::Model(&info.name)).is_ok());
    let listed = granted.map(|info| ListedModel { info: (**info).clone(), is_default: meant == Some(&*info.name) });
    Value::Models(listed.collect())
}

pub(super) fn info(target: &ToolTarget) -> Option<ToolInfo> {
    let ToolFunction::Typed(index) = target.function else { return None };
    let function = target.plugin.plugin.info().functions.get(index)?;
    Some(ToolInfo {
        name: target.name.to_string(),
        description: function.description.clone(),
        input_schema: function.input_schema.clone(),
        output_schema: function.output_schema.clone(),
    })
}
