// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds what is passed to an agent: what is too large becomes an artifact, which it reads in parts.

use priory_core::artifact::{ArtifactOp, Content, Reference};
use priory_core::{Effect, Json};

use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::{Execution, written};
use crate::run::node::At;

impl Execution {
    /// Returns what an agent is given: each field that is larger than the bound is a reference to an artifact, or all of it
    /// where it has no fields.
    pub(crate) async fn passed(&self, at: &At<'_>) -> Result<Json, Broken> {
        let most = self.workflow.definition.context_bytes;
        let whole = written(&at.input)?;
        if whole.byte_len() <= most {
            return Ok(whole);
        }
        let Some(fields) = at.input.as_map() else { return written(&self.fitted(&at.input, most).await?) };
        let mut fitted = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            fitted.push((name.clone(), self.fitted(value, most).await?));
        }
        written(&Value::map(fitted))
    }

    async fn fitted(&self, value: &Value, most: u64) -> Result<Value, Broken> {
        let json = written(value)?;
        if json.byte_len() <= most {
            return Ok(value.clone());
        }
        // A text is kept as it reads, everything else as JSON.
        let text = value.as_text().unwrap_or(json.as_str()).as_bytes();
        let reference = Reference::to(text);
        self.ask(Effect::Artifact(ArtifactOp::Put { content: Content::new(text) })).await?;
        Ok(Value::from(reference.to_json().to_value()))
    }
}
