// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversation: several talk on one transcript, by a turn rule, until a stop rule.

use priory_core::Failure;
use priory_patterns::conversation::{self, Said};
use priory_patterns::{Entry, Roster};
use serde_json::{Value as Tree, json};

use super::{stopped, task, unfit};
use crate::definition::{Conversation, Turns};
use crate::expression::{Expression, Scope, Value};
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Comes to `{result, transcript, ended}`.
pub(super) async fn run(execution: &Execution, at: &At<'_>, says: &Conversation) -> Result<Value, Broken> {
    let nodes = &execution.workflow.definition.nodes;
    let entry = |speaker: &crate::definition::Speaker| {
        let description = nodes.get(&speaker.node).map(|node| node.description.clone()).unwrap_or_default();
        Entry::new(&speaker.name, description)
    };
    let order = conversation::Conversation {
        topic: task(at)?,
        speakers: Roster::new(says.speakers.iter().map(entry)).map_err(stopped)?,
        turns_max: says.turns_max as usize,
        window: says.window,
        turns_are_enough: true,
    };
    let speak = |name: String, shown| async move {
        let node = says.speakers.iter().find(|speaker| speaker.name == name).map(|speaker| speaker.node.as_str());
        let node = node.ok_or_else(|| Failure::absent(format!("speaker {name}"), "nobody of that name talks here"))?;
        execution.child(node, &at.scope, shown).await
    };
    let is_over = |said: &[Said]| match &says.until {
        None => Ok(false),
        Some(until) => {
            until.holds(&heard(&at.scope, said)).map_err(|error| execution.wrong(at.name, "conversation.until", &error))
        }
    };
    let talk = match &says.turns {
        Turns::Round => conversation::round_robin(order, speak, is_over).await?,
        Turns::Moderator(node) => {
            let moderate = |shown| execution.child(node, &at.scope, shown);
            conversation::moderated(order, moderate, speak, is_over).await?
        }
        Turns::Rule(rule) => {
            conversation::chosen(order, speak, |said: &[Said]| named(execution, at, rule, said), is_over).await?
        }
    };
    let transcript: Vec<Tree> = talk.transcript.iter().map(entry_of).collect();
    let ended = match talk.ended {
        conversation::Ended::Rule => "rule",
        conversation::Ended::Speaker => "speaker",
        conversation::Ended::Moderator => "moderator",
        conversation::Ended::Turns => "turns",
    };
    Ok(Value::from(json!({ "result": talk.result, "transcript": transcript, "ended": ended })))
}

/// Returns who speaks next by a rule; `null` ends the conversation.
fn named(execution: &Execution, at: &At<'_>, rule: &Expression, said: &[Said]) -> Result<Option<String>, Broken> {
    let next = rule.evaluate(&heard(&at.scope, said));
    let next = next.map_err(|error| execution.wrong(at.name, "conversation.turns", &error))?;
    match (&next, next.as_text()) {
        (Value::Null, _) => Ok(None),
        (_, Some(name)) => Ok(Some(name.to_owned())),
        (other, None) => Err(unfit(
            at,
            "conversation.turns",
            format!("the name of a speaker is expected, and it is {}", other.kind()),
        )),
    }
}

/// Returns what the rules of a conversation may use.
fn heard(scope: &Scope, said: &[Said]) -> Scope {
    let transcript = said.iter().map(|said| Value::from(entry_of(said))).collect();
    let turn = Value::Int(i64::try_from(said.len()).unwrap_or(i64::MAX));
    scope.child().with("transcript", Value::list(transcript)).with("turn", turn)
}

fn entry_of(said: &Said) -> Tree {
    json!({ "speaker": said.speaker, "says": said.says })
}
