// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is asked of models and of the memory, and what they give back, with everything in it that there is.

use priory_core::inbox::Origin;
use priory_core::memory::{Fact, FactId, Forget, MemoryOp, MemoryValue, NewFact, Scope, Search};
use priory_core::model::{
    Ability, CalledTool, Choice, Completion, Delta, Effort, Embedded, ListedModel, Media, Message, ModelInfo,
    ModelRequest, Offer, Part, Price, Reasoning, Role, Sampling, Spent, StopReason, TokenUsage, ToolDefinition,
    ToolResult, Transcript, Vector,
};

use super::*;

fn message() -> Message {
    let media = Media { mime: "image/png".into(), artifact: Digest::of(b"a"), name: Some("a.png".into()) };
    let call = CalledTool {
        id: "call_1".into(),
        name: "files.read".into(),
        arguments: json("{ \"b\": 1.50, \"a\": [18446744073709551615] }"),
        problem: Some("`path` is missing".into()),
        opaque: Some("signed".into()),
    };
    let result = ToolResult { id: "call_1".into(), name: "files.read".into(), content: "[1]".into(), is_error: true };
    let parts = vec![
        Part::Text("words\u{0}\n".into()),
        Part::Image(media.clone()),
        Part::File(Media { name: None, ..media }),
        Part::Reasoning(Reasoning { text: String::new(), opaque: Some("signed".into()) }),
        Part::ToolCall(call.clone()),
        Part::ToolCall(CalledTool { arguments: json("\"[[\""), problem: None, opaque: None, ..call }),
        Part::ToolResult(result.clone()),
        Part::ToolResult(ToolResult { is_error: false, ..result }),
    ];
    Message { role: Role::Assistant, parts, label: Some("pinned".into()) }
}

fn request() -> ModelRequest {
    let earlier = [Message::text(Role::System, "be brief"), Message::text(Role::User, "hello")].map(Arc::new);
    let mut messages = [earlier.as_slice(), &[Arc::new(message())]].concat();
    let messages = Transcript::folded(&mut messages, 3, &earlier);
    assert!(messages.slices().len() < 3, "{messages:?}");
    let custom = ToolDefinition {
        name: "finish".into(),
        description: "Ends it.".into(),
        input_schema: json("{ \"type\": \"object\" }"),
    };
    let sampling = Sampling {
        choice: Choice::Only("finish".into()),
        output: Some(json("{ \"type\": \"object\", \"maximum\": 1.0 }")),
        output_tokens_max: Some(u64::MAX),
        temperature_milli: Some(700),
        seed: Some(u64::MAX),
        stop: vec!["\n\n".into()],
        effort: Some(Effort::Low),
    };
    let tools = vec![Offer::Tool("files.read".into()), Offer::Custom(custom)];
    ModelRequest { model: Some("fast".into()), messages, tools, sampling, purpose: Some("compaction".into()) }
}

fn scopes() -> [Scope; 4] {
    [Scope::Run, Scope::Agent, Scope::User("ann".into()), Scope::Tenant]
}

pub(super) fn effects() -> Vec<Effect> {
    let call = |request, is_heard| Effect::ModelCall { request: Box::new(request), is_heard, terms: None };
    let fact = NewFact {
        text: "Ann likes tea\n".into(),
        data: Some(json("{ \"sure\": 0.90 }")),
        subject: Some("ann".into()),
        source: Some("mail of Monday".into()),
        expires_ms: Some(u64::MAX),
    };
    let least = NewFact { text: String::new(), data: None, subject: None, source: None, expires_ms: None };
    let id = FactId::of(sample::run(1), &FramePath::root(), 2);
    let mut effects = vec![
        call(request(), true),
        call(ModelRequest::new(vec![Message::text(Role::User, "hello")]), false),
        call(ModelRequest::new(vec![message()]), false),
        Effect::ModelRead { call: 1, part: 2, offset: u64::MAX },
        Effect::ModelList,
        Effect::Embed { model: Some("embed".into()), texts: vec!["a".into(), String::new()] },
        Effect::Embed { model: None, texts: Vec::new() },
        Effect::Memory(MemoryOp::Remember { scope: Scope::Run, fact: least }),
        Effect::Memory(MemoryOp::Forget { scope: Scope::Run, which: Forget::Ids(vec![id]) }),
        Effect::Memory(MemoryOp::Forget { scope: Scope::Run, which: Forget::Subject("ann".into()) }),
        Effect::Memory(MemoryOp::Forget { scope: Scope::Run, which: Forget::All }),
    ];
    let remember = |scope| Effect::Memory(MemoryOp::Remember { scope, fact: fact.clone() });
    effects.extend(scopes().map(remember));
    effects.extend([Search::Best, Search::Words, Search::Meaning, Search::Newest].map(|search| {
        let subject = (search == Search::Words).then(|| "ann".to_owned());
        Effect::Memory(MemoryOp::Recall { scope: Scope::Agent, text: "tea?".into(), subject, search, most: 5 })
    }));
    effects
}

pub(super) fn values() -> Vec<Value> {
    let usage = TokenUsage { input: 9, output: 8, cached: 7, cache_written: 6, reasoning: 5 };
    let completion = Completion {
        message: message(),
        stop: StopReason::ToolCalls,
        model: "fast".into(),
        usage,
        microusd: u64::MAX,
        output: Some(json("{ \"sum\": 1.50 }")),
        problem: Some("`sum` is too large".into()),
        is_cached: true,
    };
    let call = message().calls().next().cloned().unwrap();
    let info = ModelInfo {
        name: "fast".into(),
        provider: "openai".into(),
        id: "m-1".into(),
        context_tokens: Some(400_000),
        output_tokens_max: 16_384,
        abilities: vec![Ability::Tools, Ability::Embedding],
        price: Some(Price { input: 250_000, output: 2_000_000, cached: Some(25_000), cache_written: None }),
        fallbacks: vec!["local".into()],
        call_microusd_max: Some(50_000),
        copies: 2,
        cache_ms: Some(1),
    };
    let vectors = vec![Vector(Arc::from([0.1_f32, -0.0, f32::MAX, f32::MIN_POSITIVE])), Vector(Arc::from([1.0]))];
    let from = Origin { run: sample::run(1), frame: FramePath::root().child(2), step: 3 };
    let fact = Fact {
        id: FactId::of(from.run, &from.frame, from.step),
        text: "Ann likes tea".into(),
        data: Some(json("[ 1.50 ]")),
        subject: Some("ann".into()),
        source: Some("mail".into()),
        unix_ms: 5,
        expires_unix_ms: Some(6),
        from,
        score_ppm: 1_000_000,
    };
    let least = Fact { data: None, subject: None, source: None, expires_unix_ms: None, ..fact.clone() };
    vec![
        Value::Completion(Box::new(completion.clone())),
        Value::Completion(Box::new(Completion { output: None, problem: None, is_cached: false, ..completion })),
        Value::Delta(None),
        Value::Delta(Some(Delta::Text("wor".into()))),
        Value::Delta(Some(Delta::Reasoning("so".into()))),
        Value::Delta(Some(Delta::ToolCall(call))),
        Value::Models(vec![ListedModel { info, is_default: true }]),
        Value::Embedded(Embedded { vectors, model: "embed".into(), usage, microusd: 3 }),
        Value::Memory(MemoryValue::Remembered(fact.id)),
        Value::Memory(MemoryValue::Recalled(vec![fact, least])),
        Value::Memory(MemoryValue::Forgotten(u64::MAX)),
    ]
}

pub(super) fn spent() -> Event {
    let usage = TokenUsage { input: 9, output: 8, ..TokenUsage::default() };
    let (model, provider) = ("fast".into(), "openai".into());
    let spent = Spent {
        model,
        provider,
        usage,
        microusd: 7,
        attempts: 2,
        is_answered: true,
        is_asked_again: false,
        is_paid: false,
    };
    Event::Spent { step: 4, spent }
}
