// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of a frame that was at work when its host went away.
//!
//! A frame that sees nothing but its effects is executed again up to where it was. One that saw files is not: what it read
//! may have changed, so it starts again from its beginning; and what it wrote may be there or not, so somebody has to
//! decide, unless its tool says that repeating is safe.

use std::sync::Arc;

use priory_core::effect::{Nature, Question};
use priory_core::event::{FrameStarted, Label};
use priory_core::grant::rule::FileMode;
use priory_core::{Failure, Json};
use serde::{Deserialize, Serialize};

use crate::catalog::PluginEntry;
use crate::past::{IN_DOUBT, PastFrame};
use crate::perform::ask_aside;
use crate::run::Run;

/// What is done about a call of which nobody knows whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InDoubt {
    /// A person decides.
    Ask,
    /// It fails, as in doubt.
    #[default]
    Fail,
    /// It is done again.
    Repeat,
}

/// Tells what executing a frame twice would mean.
pub(crate) fn nature(plugin: &PluginEntry, started: &FrameStarted) -> Nature {
    let seen = started.mounts.iter().map(|mount| match mount.mode {
        FileMode::Read => Nature::ReadOnly,
        FileMode::Write => plugin.declared.unwrap_or(Nature::Opaque),
    });
    seen.max().unwrap_or(Nature::Pure)
}

/// Decides how a frame that was begun before goes on: with its past, from its beginning, or not at all.
pub(crate) async fn settle(
    run: &Arc<Run>,
    label: &Label,
    plugin: Option<Arc<PluginEntry>>,
    past: PastFrame,
) -> Result<Option<PastFrame>, Failure> {
    let path = &label.path;
    let (Some(plugin), Some((started, _))) = (plugin, &past.started) else { return Ok(Some(past)) };
    let from_its_beginning = |past: &PastFrame| Ok(Some(run.past.forget(path, past)));
    match nature(&plugin, started) {
        Nature::Pure => Ok(Some(past)),
        _ if run.past.is_trial => Err(cannot_be_tried()),
        Nature::ReadOnly | Nature::Repeatable => from_its_beginning(&past),
        Nature::Opaque => match plugin.in_doubt {
            InDoubt::Repeat => from_its_beginning(&past),
            InDoubt::Fail => Err(Failure::InDoubt { effect: label.program.to_string() }),
            InDoubt::Ask => match ask(run, label, &past).await? {
                true => from_its_beginning(&past),
                false => Err(Failure::InDoubt { effect: label.program.to_string() }),
            },
        },
    }
}

/// Says why a frame is not executed again to see whether it comes to the same.
pub(crate) fn cannot_be_tried() -> Failure {
    let reason = "the run cannot be executed again: its program saw files, which may have changed".to_owned();
    Failure::Conflict { reason }
}

/// Asks a person whether to do a call again.
async fn ask(run: &Arc<Run>, label: &Label, past: &PastFrame) -> Result<bool, Failure> {
    let Label { path, program } = label;
    let text = format!(
        "The host went away while {program} was at work in frame {path}. What it did may be there or not. Do it again?"
    );
    let schema = Json::parse(r#"{"enum":["repeat","fail"]}"#).ok();
    let question = Question { schema, ..Question::new(text) };
    let answer = ask_aside(run, path, IN_DOUBT, question, None, past.step(IN_DOUBT)).await?;
    Ok(answer.value.as_str() == r#""repeat""#)
}
