// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nodes that are one effect: calls of agents, tools and workflows, questions, events.

use priory_core::effect::{self, Ask, Decision, Question, Terms};
use priory_core::failure::Other;
use priory_core::{Effect, Failure, Json};
use serde_json::json;

use super::broken::Broken;
use super::execution::{Execution, written};
use super::node::At;
use crate::definition::{Expiry, Human, HumanKind, Kind};
use crate::expression::{Mapping, Value};

impl Execution {
    /// Does what a node does.
    pub(crate) async fn kind(&self, at: &At<'_>, feedback: Option<String>, terms: Terms) -> Result<Value, Broken> {
        match &at.node.kind {
            Kind::Agent(name) | Kind::Workflow(name) => self.call_agent(at, name, feedback, terms).await,
            Kind::Tool(name) => self.call_tool(at, name, terms).await,
            Kind::Model(asked) => self.ask_model(at, asked, feedback, terms).await,
            Kind::Human(human) => self.ask_human(at, human, feedback).await,
            Kind::Value(mapping) => {
                let value = self.value(at, "value", mapping)?;
                let bytes = value.measure().map_err(|error| Failure::other(error.to_string()))?;
                self.pace.make(bytes as u64, &self.label)?;
                Ok(value)
            }
            Kind::Emit(name) => {
                let data = written(&at.input)?;
                self.ask(Effect::Emit { name: name.clone(), data, key: None }).await?;
                Ok(at.input.clone())
            }
            Kind::Event { name, matching, expires_ms, on_expiry } => {
                let matching = self.matching(at, matching)?;
                let effect = Effect::AwaitEvent { name: name.clone(), matching, expires_ms: *expires_ms };
                match self.ask(effect).await {
                    Ok(effect::Value::Event(event)) => Ok(Value::from(event.data.to_value())),
                    Ok(other) => Err(unexpected(&other)),
                    Err(broken) => self.expired(at, "event", on_expiry, broken),
                }
            }
            pattern => self.pattern(at, pattern).await,
        }
    }

    async fn call_agent(
        &self,
        at: &At<'_>,
        agent: &str,
        feedback: Option<String>,
        terms: Terms,
    ) -> Result<Value, Broken> {
        let input = self.passed(at).await?;
        let effect = Effect::AgentCall { agent: agent.to_owned(), input, feedback, terms: Some(Box::new(terms)) };
        match self.ask(effect).await? {
            effect::Value::Report(report) => Ok(Value::from(report.output.to_value())),
            other => Err(unexpected(&other)),
        }
    }

    async fn call_tool(&self, at: &At<'_>, tool: &str, terms: Terms) -> Result<Value, Broken> {
        let arguments = match &at.input {
            Value::Null => Json::from(json!({})),
            input => written(input)?,
        };
        let effect = Effect::ToolCall { tool: tool.to_owned(), arguments, terms: Some(Box::new(terms)) };
        match self.ask(effect).await? {
            effect::Value::Json(json) => Ok(Value::from(json.to_value())),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask_human(&self, at: &At<'_>, human: &Human, feedback: Option<String>) -> Result<Value, Broken> {
        let text = human.text.render(&at.scope);
        let mut text = text.map_err(|error| self.wrong(at.name, "human.text", &error))?;
        if let Some(feedback) = feedback {
            text = format!("{text}\n\nThe answer before was refused: {feedback}");
        }
        let about = match &human.about {
            Some(about) => self.value(at, "human.about", about)?,
            None => at.input.clone(),
        };
        let kind = match &human.kind {
            HumanKind::Approve => Ask::Approve,
            HumanKind::Edit => Ask::Edit,
            HumanKind::Answer => Ask::Answer,
            HumanKind::Choose(options) => {
                let options: Result<_, _> = options.iter().map(|option| option.render(&at.scope)).collect();
                Ask::Choose { options: options.map_err(|error| self.wrong(at.name, "human.options", &error))? }
            }
        };
        let schema = at.node.contract.output.clone().filter(|_| kind == Ask::Answer);
        let (who, expires_ms) = (human.who.clone(), human.expires_ms);
        let question = Question { text, schema, who, expires_ms, about: Some(written(&about)?), kind };
        match self.ask(Effect::AskHuman(question)).await {
            Ok(effect::Value::Answer(answer)) => decided(&human.kind, about, &answer),
            Ok(other) => Err(unexpected(&other)),
            Err(broken) => self.expired(at, "human", &human.on_expiry, broken),
        }
    }

    fn matching(
        &self,
        at: &At<'_>,
        matching: &std::collections::BTreeMap<String, Mapping>,
    ) -> Result<Option<Json>, Broken> {
        if matching.is_empty() {
            return Ok(None);
        }
        let field = |(field, mapping): (&String, &Mapping)| {
            let value = self.value(at, &format!("event.matching.{field}"), mapping)?;
            Ok((field.as_str().into(), value))
        };
        let fields: Vec<_> = matching.iter().map(field).collect::<Result<_, Broken>>()?;
        Ok(Some(written(&Value::map(fields))?))
    }

    /// Returns what a node comes to where nobody answered in time; every other failure stays what it is.
    fn expired(&self, at: &At<'_>, key: &str, expiry: &Expiry, broken: Broken) -> Result<Value, Broken> {
        match (expiry, &broken.0) {
            (Expiry::Value(mapping), Failure::Timeout(_)) => self.value(at, &format!("{key}.on-expiry.value"), mapping),
            _ => Err(broken),
        }
    }

    pub(crate) fn value(&self, at: &At<'_>, key: &str, mapping: &Mapping) -> Result<Value, Broken> {
        mapping.evaluate(&at.scope).map_err(|error| self.wrong(at.name, key, &error))
    }
}

/// Returns what a node comes to by what a person said about something.
fn decided(kind: &HumanKind, about: Value, answer: &effect::Answer) -> Result<Value, Broken> {
    if matches!(kind, HumanKind::Answer | HumanKind::Choose(_)) {
        return Ok(Value::from(answer.value.to_value()));
    }
    match Decision::read(&answer.value).map_err(Failure::other)? {
        Decision::Approve => Ok(about),
        Decision::Edit { value } => Ok(Value::from(value.to_value())),
        Decision::Reject { reason } => {
            let reason = reason.unwrap_or_else(|| "no reason was given".to_owned());
            let data = Json::from(json!({ "decision": "reject", "reason": reason, "by": answer.by }));
            let message = format!("{} rejected it: {reason}", answer.by);
            Err(Failure::Other(Other { message, data: Some(data) }).into())
        }
    }
}

pub(super) fn unexpected(value: &effect::Value) -> Broken {
    Failure::other(format!("the effect gave back something of another kind: {value:?}")).into()
}
