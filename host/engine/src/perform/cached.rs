// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers that serve the same request again. It is asked and told as if nobody had been asked before, and costs nothing.

use priory_core::model::{Message, ModelInfo, Prompt, StopReason};
use priory_core::{Digest, Json};
use serde::{Deserialize, Serialize};

use crate::frame::Frame;

/// What is kept of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Kept {
    pub(super) message: Message,
    pub(super) stop: StopReason,
}

/// Names a request to a model, with all that it is told of its tools: an answer to other words about a tool of the same name
/// is none to this.
fn key(info: &ModelInfo, prompt: &Prompt) -> Digest {
    let tools = Json::of(&prompt.tools).map_or_else(|_| String::new(), |tools| tools.as_str().to_owned());
    let tools = Digest::of(tools.as_bytes());
    Digest::of(format!("{} {} {} {} {tools}", info.name, info.provider, info.id, prompt.digest()).as_bytes())
}

/// Finds an answer that was given before. Where it cannot be looked for, there is none.
pub(super) async fn find(frame: &Frame, info: &ModelInfo, prompt: &Prompt) -> Option<Kept> {
    let (answers, cache_ms) = (frame.run.ports.answers.as_ref()?, info.cache_ms?);
    let since = frame.run.ports.clock.unix_ms().saturating_sub(cache_ms);
    match answers.find(key(info, prompt), since).await {
        Ok(found) => found?.read().ok(),
        Err(error) => {
            tracing::debug!(%error, "answers that were kept cannot be read");
            None
        }
    }
}

/// Keeps an answer, where it is worth that.
pub(super) async fn keep(frame: &Frame, info: &ModelInfo, prompt: &Prompt, kept: &Kept) {
    let ports = &frame.run.ports;
    let (Some(answers), Some(models), true) = (&ports.answers, &ports.models, info.cache_ms.is_some()) else { return };
    if matches!(kept.stop, StopReason::Refused | StopReason::Length) {
        return;
    }
    let (Ok(answer), now) = (Json::of(kept), ports.clock.unix_ms()) else { return };
    // Those of all models are kept together, so none is forgotten before it is of no use to any of them.
    let longest = models.list().iter().filter_map(|info| info.cache_ms).max().unwrap_or_default();
    if let Err(error) = answers.keep(key(info, prompt), answer, now, now.saturating_sub(longest)).await {
        tracing::debug!(%error, "an answer cannot be kept");
    }
}
