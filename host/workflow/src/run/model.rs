// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nodes that ask a model themselves.

use priory_core::effect::{self, Level, Terms};
use priory_core::model::{Completion, Message, ModelRequest, Role, Sampling, StopReason};
use priory_core::{Effect, Failure};

use super::broken::Broken;
use super::call::unexpected;
use super::execution::{Execution, written};
use super::node::At;
use crate::definition::AskedModel;
use crate::expression::{Template, Value};

impl Execution {
    /// Asks a model, and comes to its answer: JSON where the node has an output schema, and else a text.
    pub(super) async fn ask_model(
        &self,
        at: &At<'_>,
        asked: &AskedModel,
        feedback: Option<String>,
        terms: Terms,
    ) -> Result<Value, Broken> {
        let mut messages = Vec::new();
        if let Some(system) = &asked.system {
            messages.push(Message::text(Role::System, self.said(at, "model.system", system)?));
        }
        let mut prompt = match (&asked.prompt, &at.input) {
            (Some(prompt), _) => self.said(at, "model.prompt", prompt)?,
            (None, Value::Text(text)) => text.to_string(),
            (None, input) => written(input)?.as_str().to_owned(),
        };
        if let Some(feedback) = feedback {
            prompt = format!("{prompt}\n\nThe answer before was refused: {feedback}");
        }
        messages.push(Message::text(Role::User, prompt));
        let mut request = ModelRequest::new(messages);
        request.model.clone_from(&asked.name);
        request.sampling = Sampling {
            output: at.node.contract.output.clone(),
            output_tokens_max: asked.output_tokens_max,
            temperature_milli: asked.temperature_milli,
            effort: asked.effort,
            ..Sampling::default()
        };
        let (request, terms) = (Box::new(request), Some(Box::new(terms)));
        match self.ask(Effect::ModelCall { request, is_heard: false, terms }).await? {
            effect::Value::Completion(completion) => self.answered(at, &completion),
            other => Err(unexpected(&other)),
        }
    }

    fn said(&self, at: &At<'_>, key: &str, template: &Template) -> Result<String, Broken> {
        template.render(&at.scope).map_err(|error| self.wrong(at.name, key, &error))
    }

    /// Returns what a model answered. What does not fit the schema is told by the contract of the node.
    fn answered(&self, at: &At<'_>, completion: &Completion) -> Result<Value, Broken> {
        match completion.stop {
            StopReason::Refused => {
                let words = completion.message.words();
                let message = format!("model {} refuses to answer: {words}", completion.model);
                return Err(Failure::other(message.trim_end_matches([' ', ':'])).into());
            }
            StopReason::Length => {
                let note = format!("node {}: the answer of model {} was cut at its length", at.name, completion.model);
                self.note(Level::Warn, &note);
            }
            StopReason::End | StopReason::StopSequence | StopReason::ToolCalls => {}
        }
        Ok(match &completion.output {
            Some(output) => Value::from(output.to_value()),
            None => Value::from(serde_json::Value::String(completion.message.words())),
        })
    }
}
