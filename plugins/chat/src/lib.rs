// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that keeps a conversation over many runs.
//!
//! **Input**: a message, as a text or as `{"message": TEXT, "conversation"?: TEXT, "user"?: NAME}`. The conversation is `main`
//! where none is named.
//!
//! **Output**: `{"answer": TEXT, "conversation": TEXT, "turn": NUMBER}`.
//!
//! Each turn, a message with its answer, is remembered as a fact about `conversation/NAME`: in the memory of the user where
//! one is named, else in that of the agent. A run is shown the notes of what was said before, the last turns, and what a search
//! for the message finds among the older ones; of a user, in all of her conversations. What there is no room for, and
//! what stands before the last turns, goes into the notes, which are remembered about `notes/NAME`; older turns than can be
//! read at once are told of by their number. Two runs of one conversation at the same time do not see each other.
//!
//! **Failures**: `invalid` where the input has no message, or one that does not fit the window; `other` with the data `{"stop":
//! "refused"}`; and what the model and the memory fail with. What failed is not remembered.
//!
//! **Grants**: `models`, `memory = ["agent:write"]` or `memory = ["user/{input.user}:write"]`, `tools` that it is to use,
//! `artifacts` so that long results can be read on.
//!
//! **Configuration**: `history` (turns that are shown, 40; 199 at most), `recalled` (older turns that are looked up, 5),
//! `remember-ms` (after which a turn is forgotten; never without it), the prompts `prompt.system` and `prompt.compaction`, and
//! what `think::Rules` and `context::Budgets` of `priory-sdk` read.

mod history;

use history::{Facts, History, Remembered, Talk};
use priory_sdk::context::{Budgets, Window};
use priory_sdk::outside::{Host, Outside};
use priory_sdk::think::{Rules, think};
use priory_sdk::{Failure, Report, Task, config};
use serde_json::{Value, json};

const SYSTEM: &str = include_str!("../prompts/system.md");
/// What stands over what was looked up.
const HEADING: &str = "What was found in memory for the next message:";

priory_sdk::ceiling!(["tool=*", "model=*", "memory=*:write", "artifact", "config=*", "log"]);
priory_sdk::agent!(run);

fn run(task: Task<Value>) -> Result<Report<Value>, Failure> {
    talk(&Host, &Remembered, &config::get, task)
}

/// Answers a message.
fn talk(
    outside: &dyn Outside,
    facts: &dyn Facts,
    get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
    task: Task<Value>,
) -> Result<Report<Value>, Failure> {
    let talk = Talk::read(task.input)?;
    let rules = Rules { purpose: Some("chat".to_owned()), ..Rules::read(get)? };
    let history = History::read(facts, get, &talk)?;
    let mut window = Window::new(Budgets::read(get)?.within(outside.room()));
    window.system(get("prompt.system")?.unwrap_or_else(|| SYSTEM.to_owned()))?;
    let notes = history.show(outside, &mut window, &rules.summarise)?;
    window.retrieved(outside, HEADING, &history.found);
    window.pin(&talk.message)?;
    if let Some(feedback) = task.feedback {
        window.pin(format!("(Your last answer to this was refused: {feedback})"))?;
    }
    let thought = think(outside, &rules, &mut window)?;
    // Only now: a run that failed is as if nothing had been said.
    let turn = history.remember(facts, get, &talk, &thought.text)?;
    if let Some(notes) = notes {
        history.note(facts, &talk, &notes)?;
    }
    let summary = format!("Turn {turn} of the conversation {}.", talk.conversation);
    Ok(Report::new(json!({ "answer": thought.text, "conversation": talk.conversation, "turn": turn }), summary))
}

#[cfg(test)]
mod tests;
