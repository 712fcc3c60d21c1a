// SPDX-License-Identifier: MIT OR Apache-2.0
//! One execution of a script.

use std::sync::Arc;

use priory_core::artifact::{ArtifactOp, Content};
use priory_core::effect::{Level, Question, Value};
use priory_core::http::HttpRequest;
use priory_core::model::Message;
use priory_core::ports::{BoxFuture, FrameHost, Order};
use priory_core::state::{Merge, StateOp};
use priory_core::usage::Meter;
use priory_core::{Digest, Dimension, Effect, Failure, Json, Outcome};
use url::Url;

use super::{Act, Op, ScriptPlugin};
use crate::sim::random::{hash, mix};
use crate::sim::think::{self, Place};
use crate::sim::{pause, shared};

/// One execution of a script.
pub(super) struct Guest {
    pub(super) plugin: Arc<ScriptPlugin>,
    pub(super) order: Order,
    pub(super) host: Arc<dyn FrameHost>,
    pub(super) meter: Arc<Meter>,
    pub(super) fuel: u64,
    /// Stands for all that it was told.
    pub(super) told: u64,
    /// What was started and not forgotten; taken ones stay.
    pub(super) pending: Vec<u32>,
    pub(super) last: Option<Failure>,
    /// The artifact of which it heard last.
    pub(super) made: Option<Digest>,
    /// What it said to models, and they to it.
    pub(super) said: Vec<Arc<Message>>,
}

impl Guest {
    pub(super) fn follow<'a>(&'a mut self, script: &'a [Op]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for op in script {
                self.burn(10 + self.told % 7)?;
                pause(self.plugin.rng.below(3)).await;
                self.step(op).await?;
            }
            Ok(())
        })
    }

    async fn step(&mut self, op: &Op) -> Result<(), Failure> {
        match op {
            Op::Do(act) => {
                let effect = self.effect(act);
                let outcome = self.host.clone().perform(effect, self.fuel).await;
                self.hear(outcome);
            }
            Op::Quietly(act) => {
                let effect = self.effect(act);
                let outcome = self.host.clone().perform(effect, self.fuel).await;
                self.mix(u64::from(outcome.is_ok()));
            }
            Op::Start(act) => {
                let effect = self.effect(act);
                let started = self.host.start(effect, self.fuel);
                self.started(started);
            }
            Op::Announce(url) => self.announce(url).await,
            Op::Listen(model, pieces) => self.listen(model, *pieces).await,
            Op::Wait(which) => self.wait(*which).await,
            Op::WaitAny(_) if self.pending.is_empty() => {}
            Op::WaitAny(from) => {
                let (before, after) = self.pending.split_at(from % self.pending.len());
                let numbers = [after, before].concat();
                let at = self.host.clone().wait_any(&numbers).await;
                self.mix(at as u64);
            }
            Op::Cancel(which) => self.pending(*which).into_iter().for_each(|number| self.host.cancel(number)),
            Op::Forget(which) => {
                if let Some(number) = self.pending(*which) {
                    self.host.forget(number);
                    self.pending.retain(|other| *other != number);
                }
            }
            Op::Log => self.host.log(Level::Info, &format!("told {:x}", self.told), self.fuel)?,
            Op::Burn(amount) => self.burn(amount.wrapping_add(self.told % 100))?,
            Op::LookAround => {
                let Order { limits, unix_ms, seen, .. } = &self.order;
                self.mix(hash(format!("{limits:?} {unix_ms} {}", seen.unix_ms()).as_bytes()));
            }
            // Only who sees files can change them.
            Op::Touch if self.order.mounts.is_empty() => {}
            Op::Touch => self.plugin.outside.touch(&self.order.label.path.to_string()),
            Op::Repeat(times, body) => {
                for _ in 0..*times {
                    self.follow(body).await?;
                }
            }
            Op::Either(one, other) => self.follow(if self.told.is_multiple_of(2) { one } else { other }).await?,
            Op::Guard(acts, undo) => self.guard(acts, undo).await?,
            Op::Settle => {
                for which in 0..self.pending.len() {
                    self.wait(which).await;
                }
            }
            Op::PassOn => return self.last.take().map_or(Ok(()), Err),
            Op::Fail => return Err(Failure::other(format!("the script fails, told {:x}", self.told))),
        }
        Ok(())
    }

    async fn guard(&mut self, acts: &[Act], undo: &[Op]) -> Result<(), Failure> {
        let cancel = match self.host.start(Effect::AwaitCancel, self.fuel) {
            Ok(cancel) => cancel,
            Err(failure) => {
                self.hear(Err(failure));
                return Ok(());
            }
        };
        let mut waiting = Vec::new();
        for act in acts {
            let effect = self.effect(act);
            match self.host.start(effect, self.fuel) {
                Ok(number) => waiting.push(number),
                Err(failure) => self.hear(Err(failure)),
            }
        }
        for (at, number) in waiting.iter().enumerate() {
            if self.host.clone().wait_any(&[cancel, *number]).await == 0 {
                let outcome = self.host.clone().wait(cancel).await;
                // Where it was refused, it is over at once, and nobody is told later.
                if outcome.is_ok() {
                    self.hear(outcome);
                    waiting.iter().skip(at).for_each(|number| self.host.forget(*number));
                    self.follow(undo).await?;
                    return Err(Failure::other("cleared up"));
                }
            }
            let outcome = self.host.clone().wait(*number).await;
            self.hear(outcome);
        }
        self.host.forget(cancel);
        Ok(())
    }

    async fn listen(&mut self, model: &str, pieces: u32) {
        let effect = think::ask(self.told, &mut self.said, model, true);
        let started = self.host.start(effect, self.fuel);
        let call = started.as_ref().ok().copied();
        self.started(started);
        let Some(call) = call else { return };
        let mut place = Place::default();
        for _ in 0..pieces {
            let read = Effect::ModelRead { call, part: place.part, offset: place.offset };
            let outcome = self.host.clone().perform(read, self.fuel).await;
            let piece = match &outcome {
                Ok(Value::Delta(Some(delta))) => Some(delta.clone()),
                _ => None,
            };
            self.hear(outcome);
            match piece {
                Some(delta) => place.move_on(&delta),
                None => return,
            }
        }
    }

    async fn announce(&mut self, url: &str) {
        let Some(request) = self.request("POST", url) else { return };
        let announced = self.host.announce(&request.method, &request.url, self.fuel);
        let number = announced.as_ref().ok().copied();
        self.started(announced);
        if let Some(number) = number {
            let outcome = self.host.clone().perform(Effect::BudgetUsed, self.fuel).await;
            self.mix(u64::from(outcome.is_ok()));
            self.host.send(number, request);
        }
    }

    fn started(&mut self, started: Result<u32, Failure>) {
        match started {
            Ok(number) => self.pending.push(number),
            Err(failure) => self.hear(Err(failure)),
        }
    }

    fn pending(&self, which: usize) -> Option<u32> {
        self.pending.get(which.checked_rem(self.pending.len())?).copied()
    }

    async fn wait(&mut self, which: usize) {
        if let Some(number) = self.pending(which) {
            let outcome = self.host.clone().wait(number).await;
            self.hear(outcome);
        }
    }

    fn burn(&mut self, amount: u64) -> Result<(), Failure> {
        let allowed = self.order.limits.get(Dimension::Fuel);
        let wanted = self.fuel.saturating_add(amount);
        self.fuel = wanted.min(allowed);
        self.meter.set_fuel(self.fuel);
        self.meter.set_memory(1_000 + self.told % 1_000);
        if wanted > allowed {
            return Err(Failure::limit(Dimension::Fuel, wanted, allowed, &self.order.label));
        }
        Ok(())
    }

    fn mix(&mut self, heard: u64) {
        self.told = mix(self.told.rotate_left(7) ^ heard);
    }

    fn hear(&mut self, outcome: Outcome) {
        match &outcome {
            Ok(Value::Artifact(info)) => self.made = Some(info.digest),
            Ok(Value::ArtifactPart(part)) => self.mix(hash(&part.bytes)),
            Ok(Value::Completion(answer)) => self.said.push(Arc::new(answer.message.clone())),
            _ => {}
        }
        self.mix(hash(format!("{outcome:?}").as_bytes()));
        self.last = outcome.err();
    }

    fn request(&self, method: &str, url: &str) -> Option<HttpRequest> {
        let is_post = method == "POST";
        let body = if is_post { self.told.to_string().into_bytes() } else { Vec::new() };
        let url = Url::parse(url).ok()?;
        Some(HttpRequest { method: method.to_owned(), url, headers: Vec::new(), body, first_byte_ms: None })
    }

    fn made(&self) -> Digest {
        self.made.unwrap_or_else(|| Digest::of(b"nobody made this"))
    }

    fn effect(&mut self, act: &Act) -> Effect {
        let told = self.told;
        let number = || Json::from_encoder(told.to_string());
        match act {
            Act::Model(model) => think::ask(told, &mut self.said, model, false),
            Act::Vectors => think::vectors(told),
            Act::Remember(scope) => think::remember(told, scope.clone()),
            Act::Recall(scope) => think::recall(scope.clone()),
            Act::Unlearn(scope) => think::forget(scope.clone()),
            Act::Tool(tool) => Effect::tool(tool.as_str(), number()),
            Act::Agent(agent) => Effect::agent(agent.as_str(), number(), None),
            Act::Get(url) => self.request("GET", url).map_or(Effect::BudgetUsed, Effect::HttpRequest),
            Act::Post(url) => self.request("POST", url).map_or(Effect::BudgetUsed, Effect::HttpRequest),
            Act::Sleep(ms) => Effect::Sleep { ms: *ms },
            Act::Ask(expires_ms) => {
                let text = format!("told {:x}, what now?", self.told);
                Effect::AskHuman(Question { expires_ms: *expires_ms, ..Question::new(text) })
            }
            Act::Emit(name) => Effect::Emit { name: name.clone(), data: number(), key: None },
            Act::Await(name, expires_ms) => {
                Effect::AwaitEvent { name: name.clone(), matching: None, expires_ms: *expires_ms }
            }
            Act::BudgetLeft => Effect::BudgetLeft,
            Act::BudgetUsed => Effect::BudgetUsed,
            Act::Tools => Effect::ToolList,
            Act::Agents => Effect::AgentList,
            Act::Read(key) => Effect::State(StateOp::Read { key: key.clone() }),
            Act::Write(key, merge) => shared::write(self.told, key, *merge, None),
            Act::Swap(key, revision) => shared::write(self.told, key, Merge::Last, Some(*revision)),
            Act::Keys => Effect::State(StateOp::Keys { prefix: String::new() }),
            Act::Put => Effect::Artifact(ArtifactOp::Put { content: Content::new(shared::content(self.told)) }),
            Act::Part(offset) => {
                let (digest, offset, length) = (self.made(), *offset, 1 + self.told % 9);
                Effect::Artifact(ArtifactOp::Read { digest, offset, length })
            }
            Act::Stat => Effect::Artifact(ArtifactOp::Stat { digest: self.made() }),
            Act::History(key) => Effect::State(StateOp::History { key: key.clone() }),
        }
    }
}
