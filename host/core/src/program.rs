// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plugin is and offers, and what its programs are given and give back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grant::GrantSet;
use crate::id::Digest;
use crate::json::Json;
use crate::value_type::FunctionType;

/// Describes a tool to whoever may call it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolInfo {
    /// `plugin.function`.
    pub name: String,
    /// For a person or a model; empty when the author wrote nothing.
    pub description: String,
    /// JSON Schema 2020-12 of the arguments, an object.
    pub input_schema: Json,
    /// JSON Schema 2020-12 of the result.
    pub output_schema: Option<Json>,
}

/// Describes an agent to whoever may call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentInfo {
    /// The name under which the operator configured it.
    pub name: String,
    /// In the operator's words.
    pub description: String,
}

/// The order that an agent is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The name under which the operator configured the agent.
    pub name: String,
    /// What the caller wants.
    pub input: Json,
    /// Why the previous attempt was refused.
    pub feedback: Option<String>,
}

/// What an agent gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The result.
    pub output: Json,
    /// For a person.
    pub summary: Option<String>,
}

/// One function that a plugin exports and that can be called as a tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionInfo {
    /// The interface as the component names it, such as `priory:files/files@0.1.0`; empty for a
    /// function of the world itself.
    pub interface: String,
    /// The function, in kebab case.
    pub name: String,
    /// From the documentation comments, where the component carries them.
    pub description: String,
    /// Its type.
    pub ty: FunctionType,
    /// JSON Schema of its arguments.
    pub input_schema: Json,
    /// JSON Schema of its result; for `result<T, E>` that of T.
    pub output_schema: Option<Json>,
}

impl FunctionInfo {
    /// Returns the last part of the interface's name: `files` of `priory:files/files@0.1.0`.
    pub fn short_interface(&self) -> &str {
        let path = self.interface.split('@').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns `interface.function`, or the bare function where it belongs to the world.
    pub fn qualified_name(&self) -> String {
        match self.short_interface() {
            "" => self.name.clone(),
            interface => format!("{interface}.{}", self.name),
        }
    }
}

/// An exported function that cannot be a tool, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedFunction {
    /// `interface.function`.
    pub name: String,
    /// Why, for a person.
    pub reason: String,
}

/// What is known of a plugin once it is loaded.
#[derive(Debug, Clone, Serialize)]
pub struct PluginInfo {
    /// The name under which it was loaded.
    pub name: Arc<str>,
    /// The hash of its bytes.
    pub digest: Digest,
    /// Size of the component in bytes.
    pub byte_len: u64,
    /// Whether it exports `priory:agent/agent`.
    pub is_agent: bool,
    /// Whether it is a workflow: data that the host executes, and an agent to whoever calls it.
    pub is_workflow: bool,
    /// Whether it exports `priory:agent/toolset`.
    pub is_toolset: bool,
    /// Functions that can be called, in the order of the component.
    pub functions: Vec<FunctionInfo>,
    /// Functions that cannot.
    pub refused: Vec<RefusedFunction>,
    /// Names of the interfaces that it imports.
    pub imports: Vec<String>,
    /// What its author says that it could ever need; `None` means that the author said nothing.
    pub ceiling: Option<GrantSet>,
}
