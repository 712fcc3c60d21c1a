// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who decides about a node that failed for good: a node of the workflow, then a person. Each is told everything.

use priory_core::effect::{self, Ask, Level, Question, Terms};
use priory_core::{Effect, Failure, Json};
use priory_patterns::Fault;
use serde_json::{Value as Tree, json};

use crate::definition::Escalate;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::call::unexpected;
use crate::run::execution::{Execution, written};
use crate::run::node::At;

/// How often a node is done again because somebody said so.
const DECISIONS_MAX: u32 = 8;

/// How long what the node was given may be to be told as a whole, in bytes.
const GIVEN_BYTES_MAX: u64 = 64 << 10;
/// How much is told of what is longer, in characters.
const EXCERPT_CHARS: usize = 1_000;

/// The form of a decision.
const DECISION: &str = r#"{"type":"object","oneOf":[
  {"required":["use"],"properties":{"use":{}},"additionalProperties":false},
  {"required":["again"],"properties":{"again":{"type":"string"}},"additionalProperties":false},
  {"required":["give-up"],"properties":{"give-up":{"type":"string"}},"additionalProperties":false}]}"#;

/// What was decided.
enum Decision {
    Use(Value),
    Again(String),
    GiveUp(String),
    /// Nothing: somebody else decides.
    Nothing,
}

impl Execution {
    /// Lets somebody decide what becomes of a node. `tried` is what was tried, and how it failed.
    pub(super) async fn escalate(
        &self,
        at: &At<'_>,
        escalate: &Escalate,
        tried: &[(&str, Failure)],
    ) -> Result<Value, Broken> {
        let mut tried: Vec<(String, Failure)> =
            tried.iter().map(|(name, failure)| ((*name).to_owned(), failure.clone())).collect();
        let last = |tried: &[(String, Failure)]| {
            let failure = tried.last().map(|(_, failure)| failure.clone());
            Broken(failure.unwrap_or_else(|| Failure::other("the node failed")))
        };
        for _ in 0..DECISIONS_MAX {
            let about = about(at, &tried)?;
            let mut decision = match &escalate.to {
                Some(name) => self.by_node(at, name, &about).await,
                None => Decision::Nothing,
            };
            if matches!(decision, Decision::Nothing) && escalate.human {
                decision = self.by_person(at, escalate, about).await?;
            }
            let hint = match decision {
                Decision::Use(value) => return Ok(value),
                Decision::GiveUp(reason) => {
                    self.note(Level::Warn, &format!("node {} is given up: {reason}", at.name));
                    return Err(last(&tried));
                }
                Decision::Nothing => return Err(last(&tried)),
                Decision::Again(hint) => hint,
            };
            self.note(Level::Info, &format!("node {} is done again: {hint}", at.name));
            let (name, time_ms, budget) = (at.prepared.name.clone(), at.node.timeout_ms, at.node.budget);
            let terms = Terms { node: Some(name), time_ms, budget };
            match self.held(at, Some(hint), &terms).await {
                Ok(output) => return Ok(output),
                Err(broken) => tried.push((at.name.to_owned(), broken.0)),
            }
        }
        Err(last(&tried))
    }

    /// Lets a node of the workflow decide. One that fails, or says something else, decides nothing.
    async fn by_node(&self, at: &At<'_>, name: &str, about: &Tree) -> Decision {
        match self.child(name, &at.scope, about.clone()).await {
            Ok(said) => read(&said).unwrap_or_else(|| {
                self.note(Level::Warn, &format!("what {name} decided about node {} cannot be read: {said}", at.name));
                Decision::Nothing
            }),
            Err(broken) => {
                let message = broken.message();
                self.note(Level::Warn, &format!("{name} could not decide about node {}: {message}", at.name));
                Decision::Nothing
            }
        }
    }

    /// Lets a person decide.
    async fn by_person(&self, at: &At<'_>, escalate: &Escalate, about: Tree) -> Result<Decision, Broken> {
        let text = format!(
            "Node {} failed for good: {}. Use a value in its place {{\"use\": …}}, do it again with a hint {{\"again\": \
             \"…\"}}, or give it up {{\"give-up\": \"…\"}}?",
            at.name,
            about.get("failure").and_then(|failure| failure.get("message")).and_then(Tree::as_str).unwrap_or_default()
        );
        let question = Question {
            about: Some(Json::from(about)),
            kind: Ask::Answer,
            schema: Json::parse(DECISION).ok(),
            expires_ms: escalate.expires_ms,
            ..Question::new(text)
        };
        match self.ask(Effect::AskHuman(question)).await {
            Ok(effect::Value::Answer(answer)) => Ok(read(&answer.value.to_value()).unwrap_or(Decision::Nothing)),
            Ok(other) => Err(unexpected(&other)),
            Err(Broken(Failure::Timeout(_))) => Ok(Decision::Nothing),
            // A question that nobody can be asked does not hide why it was to be asked.
            Err(Broken(Failure::Invalid(invalid))) => {
                self.note(Level::Warn, &format!("nobody could be asked about node {}: {}", at.name, invalid.reason));
                Ok(Decision::Nothing)
            }
            Err(broken) => Err(broken),
        }
    }
}

/// Everything that is needed to decide.
fn about(at: &At<'_>, tried: &[(String, Failure)]) -> Result<Tree, Broken> {
    let message = |failure: &Failure| failure.to_string().chars().take(EXCERPT_CHARS).collect::<String>();
    let told = |failure: &Failure| json!({ "kind": failure.kind(), "message": message(failure) });
    let whole = written(&at.input)?;
    let given = match whole.byte_len() > GIVEN_BYTES_MAX {
        true => {
            json!({ "excerpt": whole.as_str().chars().take(EXCERPT_CHARS).collect::<String>(), "bytes": whole.byte_len() })
        }
        false => whole.to_value(),
    };
    let attempts: Vec<Tree> =
        tried.iter().map(|(name, failure)| json!({ "node": name, "failure": told(failure) })).collect();
    Ok(json!({
        "node": at.name,
        "what": at.node.kind.word(),
        "description": at.node.description,
        "given": given,
        "failure": tried.last().map(|(_, failure)| told(failure)),
        "attempts": attempts,
    }))
}

fn read(said: &Tree) -> Option<Decision> {
    let text = |key: &str| said.get(key).and_then(Tree::as_str).map(str::to_owned);
    if let Some(value) = said.get("use") {
        return Some(Decision::Use(Value::from(value.clone())));
    }
    text("again").map(Decision::Again).or_else(|| text("give-up").map(Decision::GiveUp))
}
