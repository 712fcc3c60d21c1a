// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fake models: a closure answers, nobody is asked, and every request is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use priory_core::Failure;
use priory_core::failure::Unavailable;
use priory_core::model::{
    Ability, Answered, CalledTool, Delta, Message, ModelInfo, Part, Prompt, Role, StopReason, TokenUsage, Unanswered,
    Vector,
};
use priory_core::ports::{BoxFuture, EmbedOrder, Models, Vectors};

/// How many requests are kept. A test that makes more has gone wrong.
const ASKED_MAX: usize = 100_000;
/// Bytes of one token, as the fake counts.
const TOKEN_BYTES: u64 = 4;

/// What a fake model does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It answers.
    Answer(Answered),
    /// It fails.
    Fail(Unanswered),
    /// It says some pieces first.
    Say(Vec<Delta>, Box<Reply>),
    /// It lets others go on some times first.
    After(u64, Box<Reply>),
    /// It never answers.
    Never,
}

type Script = Box<dyn Fn(&Prompt) -> Reply + Send + Sync>;

/// Fake models.
pub struct FakeModels {
    infos: BTreeMap<Arc<str>, Arc<ModelInfo>>,
    script: Script,
    asked: Mutex<Vec<Prompt>>,
    embedded: Mutex<Vec<EmbedOrder>>,
    at_once: AtomicU64,
    most_at_once: AtomicU64,
    is_held: AtomicBool,
    is_recording: AtomicBool,
    held: Mutex<Vec<Waker>>,
}

impl FakeModels {
    /// Makes models that a closure answers for.
    pub fn new(infos: Vec<ModelInfo>, script: impl Fn(&Prompt) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            infos: infos.into_iter().map(|info| (info.name.clone(), Arc::new(info))).collect(),
            script: Box::new(script),
            asked: Mutex::default(),
            embedded: Mutex::default(),
            at_once: AtomicU64::new(0),
            most_at_once: AtomicU64::new(0),
            is_held: AtomicBool::new(false),
            is_recording: AtomicBool::new(false),
            held: Mutex::default(),
        }
    }

    /// Describes a model that can do everything but make vectors, and costs nothing.
    pub fn info(name: &str) -> ModelInfo {
        ModelInfo {
            name: name.into(),
            provider: "fake".into(),
            id: format!("fake-{name}").into(),
            context_tokens: None,
            output_tokens_max: 1_000,
            abilities: vec![Ability::Tools, Ability::Schema, Ability::Images, Ability::Files, Ability::Streaming],
            price: None,
            fallbacks: Vec::new(),
            call_microusd_max: None,
            copies: 1,
            cache_ms: None,
        }
    }

    /// Returns what was asked, in order.
    pub fn asked(&self) -> Vec<Prompt> {
        self.asked.lock().clone()
    }

    /// Returns what was to become vectors, in order.
    pub fn embedded(&self) -> Vec<EmbedOrder> {
        self.embedded.lock().clone()
    }

    /// Returns how many requests were on their way at once at most.
    pub fn most_at_once(&self) -> u64 {
        self.most_at_once.load(Ordering::Acquire)
    }

    /// Lets no request be answered from now on.
    pub fn hold(&self) {
        self.is_held.store(true, Ordering::Release);
    }

    /// Lets all requests be answered.
    pub fn let_go(&self) {
        self.is_held.store(false, Ordering::Release);
        self.held.lock().drain(..).for_each(Waker::wake);
    }

    /// Answers in the place of a recorded run from now on.
    pub fn be_recording(&self) {
        self.is_recording.store(true, Ordering::Release);
    }

    async fn until_let_go(&self) {
        std::future::poll_fn(|cx| {
            let mut held = self.held.lock();
            if !self.is_held.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            held.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn reply(&self, mut reply: Reply, hear: &(dyn Fn(Delta) + Send + Sync)) -> Result<Answered, Unanswered> {
        // As deep as the test made it.
        loop {
            reply = match reply {
                Reply::Answer(answered) => return Ok(answered),
                Reply::Fail(unanswered) => return Err(unanswered),
                Reply::Say(pieces, then) => {
                    for piece in pieces {
                        hear(piece);
                        crate::sim::pause(1).await;
                    }
                    *then
                }
                Reply::After(times, then) => {
                    crate::sim::pause(times).await;
                    *then
                }
                Reply::Never => std::future::pending().await,
            }
        }
    }
}

/// Counts a request while it is on its way.
struct OnTheWay<'a>(&'a FakeModels);

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Models for FakeModels {
    fn get(&self, name: &str) -> Option<Arc<ModelInfo>> {
        self.infos.get(name).cloned()
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.infos.values().cloned().collect()
    }

    fn count(&self, prompt: &Prompt) -> u64 {
        let tools = prompt.tools.iter().map(|tool| tool.input_schema.byte_len()).sum::<u64>();
        let bytes = prompt.messages.iter().map(|message| message.byte_len()).sum::<u64>();
        bytes.saturating_add(tools).div_ceil(TOKEN_BYTES)
    }

    fn complete<'a>(
        &'a self,
        prompt: &'a Prompt,
        hear: &'a (dyn Fn(Delta) + Send + Sync),
    ) -> BoxFuture<'a, Result<Answered, Unanswered>> {
        Box::pin(async move {
            let now = self.at_once.fetch_add(1, Ordering::AcqRel) + 1;
            self.most_at_once.fetch_max(now, Ordering::AcqRel);
            let _on_the_way = OnTheWay(self);
            {
                let mut asked = self.asked.lock();
                if asked.len() < ASKED_MAX {
                    asked.push(prompt.clone());
                }
            }
            self.until_let_go().await;
            self.reply((self.script)(prompt), hear).await
        })
    }

    fn embed<'a>(&'a self, order: &'a EmbedOrder) -> BoxFuture<'a, Result<Vectors, Unanswered>> {
        Box::pin(async move {
            self.embedded.lock().push(order.clone());
            self.until_let_go().await;
            let vector = |text: &String| {
                let hash = crate::sim::hash(text.as_bytes());
                Vector([1.0, f32::from((hash & 0xff) as u8), f32::from((hash >> 8 & 0xff) as u8)].into())
            };
            let input = order.texts.iter().map(|text| (text.len() as u64).div_ceil(TOKEN_BYTES)).sum();
            let usage = TokenUsage { input, ..TokenUsage::default() };
            let vectors = order.texts.iter().map(vector).collect();
            Ok(Vectors { vectors, usage, attempts: 1, is_paid: true })
        })
    }

    fn is_recording(&self) -> bool {
        self.is_recording.load(Ordering::Acquire)
    }
}

// === impl Reply ===

impl Reply {
    /// Says some words, which take so many tokens.
    pub fn words(text: &str, input: u64, output: u64) -> Self {
        Self::message(Message::text(Role::Assistant, text), StopReason::End, input, output)
    }

    /// Calls a tool, which takes so many tokens.
    pub fn call(tool: &str, arguments: priory_core::Json, input: u64, output: u64) -> Self {
        let (id, name) = ("call_1".to_owned(), tool.to_owned());
        let call = Part::ToolCall(CalledTool { id, name, arguments, problem: None, opaque: None });
        let message = Message { role: Role::Assistant, parts: vec![call], label: None };
        Self::message(message, StopReason::ToolCalls, input, output)
    }

    /// Says something, which takes so many tokens.
    pub fn message(message: Message, stop: StopReason, input: u64, output: u64) -> Self {
        let usage = TokenUsage { input, output, ..TokenUsage::default() };
        let lost = TokenUsage::default();
        Self::Answer(Answered { message, stop, usage, lost, attempts: 1, is_paid: true })
    }

    /// Is not there, after it has taken so many tokens.
    pub fn unavailable(input: u64, output: u64) -> Self {
        let reason = "the fake is not there".to_owned();
        let failure = Failure::Unavailable(Unavailable { subject: "model".to_owned(), reason, retriable: true });
        let lost = TokenUsage { input, output, ..TokenUsage::default() };
        Self::Fail(Unanswered { failure, lost, attempts: 1 })
    }
}
