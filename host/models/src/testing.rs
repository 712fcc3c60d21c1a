// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests of this room are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::gate::RateSpec;
use priory_core::id::RunId;
use priory_core::json::Json;
use priory_core::model::{
    Ability, CalledTool, Message, ModelInfo, ModelSpec, ModelsSpec, Part, Prompt, ProviderKind, ProviderSpec, Role,
    Sampling, TokenUsage, ToolDefinition, ToolResult,
};
use url::Url;

use crate::wire::{Asked, Extra, Names, Wire};

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

pub(crate) fn prompt(messages: Vec<Message>) -> Prompt {
    Prompt {
        model: "m".into(),
        messages: messages.into_iter().map(Arc::new).collect(),
        media: BTreeMap::new(),
        tools: Vec::new(),
        sampling: Sampling::default(),
        output_tokens_max: 100,
        spare: TokenUsage { input: u64::MAX, output: u64::MAX, ..TokenUsage::default() },
        streams: false,
        key: "key-1".to_owned(),
        run: RunId::from_parts(0, 0),
        time_ms: 60_000,
    }
}

pub(crate) fn asks(words: &str) -> Prompt {
    prompt(vec![Message::text(Role::User, words)])
}

pub(crate) fn offering(names: &[&str]) -> Prompt {
    let tools = names.iter().map(|name| ToolDefinition {
        name: (*name).to_owned(),
        description: "does it".to_owned(),
        input_schema: json(r#"{"type":"object"}"#),
    });
    Prompt { tools: tools.collect(), ..asks("go") }
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(CalledTool {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: json(arguments),
        problem: None,
        opaque: None,
    })
}

pub(crate) fn result(id: &str, name: &str, content: &str) -> Part {
    Part::ToolResult(ToolResult {
        id: id.to_owned(),
        name: name.to_owned(),
        content: content.to_owned(),
        is_error: false,
    })
}

pub(crate) fn says(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, label: None }
}

pub(crate) fn model(id: &str, abilities: &[Ability]) -> ModelSpec {
    let info = ModelInfo {
        name: "m".into(),
        provider: "p".into(),
        id: id.into(),
        context_tokens: None,
        output_tokens_max: 1_000,
        abilities: abilities.to_vec(),
        price: None,
        fallbacks: Vec::new(),
        call_microusd_max: None,
        copies: 1,
        cache_ms: None,
    };
    ModelSpec {
        info: Arc::new(info),
        provider: "p".into(),
        hedge_ms: None,
        caches_prompt: false,
        image_tokens: 1_000,
        token_margin_percent: 0,
        extra: None,
        script: None,
    }
}

pub(crate) fn provider(kind: ProviderKind, url: Option<Url>) -> ProviderSpec {
    ProviderSpec {
        name: "p".into(),
        kind,
        url,
        key: None,
        headers: Vec::new(),
        rate: RateSpec::default(),
        breaker: None,
        attempts: 4,
        time_ms: 60_000,
        idle_ms: 60_000,
    }
}

pub(crate) fn models(provider: ProviderSpec, model: ModelSpec) -> ModelsSpec {
    ModelsSpec { providers: vec![provider], models: vec![model], default: None, embedding: None }
}

/// Returns the body that a format writes.
pub(crate) fn body(wire: &dyn Wire, spec: &ModelSpec, prompt: &Prompt) -> serde_json::Value {
    let names = Names::of(prompt);
    let extra = Extra::of(spec.extra.as_ref()).unwrap();
    let request = wire.request(&Asked { spec, extra: &extra, prompt, names: &names }).unwrap();
    serde_json::from_slice(&request.body).unwrap()
}
