// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a request is put together.

use serde_json::Value;

use super::{Choice, Definition, Effort, Message, Offer, Request};

impl Request {
    /// Makes a request of a conversation, to the model that is configured for the agent.
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Self {
        Self {
            model: None,
            messages: messages.into_iter().collect(),
            tools: Vec::new(),
            choice: Choice::Auto,
            output: None,
            output_tokens_max: None,
            temperature: None,
            seed: None,
            stop: Vec::new(),
            effort: None,
            purpose: None,
        }
    }

    /// Names the model that is asked.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// Offers a tool that is granted.
    pub fn tool(mut self, name: impl Into<String>) -> Self {
        self.tools.push(Offer::Tool(name.into()));
        self
    }

    /// Offers something that the program itself performs.
    pub fn custom(mut self, definition: Definition) -> Self {
        self.tools.push(Offer::Custom(definition));
        self
    }

    /// Says whether the model calls tools.
    pub fn choice(mut self, choice: Choice) -> Self {
        self.choice = choice;
        self
    }

    /// Asks for an answer that fits a JSON Schema.
    pub fn output(mut self, schema: &Value) -> Self {
        self.output = Some(schema.to_string());
        self
    }

    /// Bounds the answer, reasoning included.
    pub fn output_tokens_max(mut self, tokens: u64) -> Self {
        self.output_tokens_max = Some(tokens);
        self
    }

    /// Sets the temperature, from 0 to 2.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the seed, where the provider has any use for one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Adds a text at which the answer ends.
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.stop.push(text.into());
        self
    }

    /// Says how much the model is to think.
    pub fn effort(mut self, effort: Effort) -> Self {
        self.effort = Some(effort);
        self
    }

    /// Says what the request is for, for whoever reads the run.
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = Some(purpose.into());
        self
    }
}

impl Definition {
    /// Makes a definition of something that the program itself performs. The schema is of an object.
    pub fn new(name: impl Into<String>, description: impl Into<String>, input_schema: &Value) -> Self {
        Self { name: name.into(), description: description.into(), input_schema: input_schema.to_string() }
    }
}

impl Offer {
    /// Returns the name under which it is offered.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) => name,
            Self::Custom(definition) => &definition.name,
        }
    }
}
