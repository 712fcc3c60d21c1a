// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fake host of one frame that performs effects by a script, and ends started ones in an order drawn from a seed.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use priory_core::effect::Level;
use priory_core::http::HttpRequest;
use priory_core::ports::{BoxFuture, FrameHost};
use priory_core::{Effect, Failure, Outcome};
use url::Url;

use crate::sim::SimRng;

/// How many effects a frame may ask of it. One that asks for more has gone wrong.
const ASKED_MAX: usize = 1_000_000;

/// What performs effects; nothing leaves an effect pending until its frame withdraws it.
type Script = Box<dyn Fn(&Effect) -> Option<Outcome> + Send + Sync>;

/// A fake host of one frame that performs effects by a script.
pub struct ScriptedHost {
    script: Script,
    chance: SimRng,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u32,
    started: BTreeMap<u32, Effect>,
    most: usize,
    asked: Vec<Effect>,
    withdrawn: Vec<Effect>,
    log: Vec<String>,
}

impl ScriptedHost {
    /// Makes a host. What was started ends in an order that depends on the seed alone.
    pub fn new(seed: u64, script: impl Fn(&Effect) -> Option<Outcome> + Send + Sync + 'static) -> Self {
        Self { script: Box::new(script), chance: SimRng::new(seed), inner: Mutex::default() }
    }

    /// Returns what was asked, in order.
    pub fn asked(&self) -> Vec<Effect> {
        self.inner.lock().asked.clone()
    }

    /// Returns what was withdrawn before it ended, in order.
    pub fn withdrawn(&self) -> Vec<Effect> {
        self.inner.lock().withdrawn.clone()
    }

    /// Returns the lines of log so far.
    pub fn log(&self) -> Vec<String> {
        self.inner.lock().log.clone()
    }

    /// Returns how many effects went on at once at most.
    pub fn most_at_once(&self) -> usize {
        self.inner.lock().most
    }

    fn note(&self, effect: &Effect) {
        let mut inner = self.inner.lock();
        if inner.asked.len() < ASKED_MAX {
            inner.asked.push(effect.clone());
        }
    }
}

fn not_here() -> Failure {
    Failure::absent("effect", "the scripted host performs whole effects only")
}

impl FrameHost for ScriptedHost {
    fn perform(&self, effect: Effect, _: u64) -> BoxFuture<'_, Outcome> {
        self.note(&effect);
        Box::pin(async move {
            match (self.script)(&effect) {
                Some(outcome) => outcome,
                None => std::future::pending().await,
            }
        })
    }

    fn start(&self, effect: Effect, _: u64) -> Result<u32, Failure> {
        self.note(&effect);
        let mut inner = self.inner.lock();
        let number = inner.next;
        inner.next += 1;
        inner.started.insert(number, effect);
        inner.most = inner.most.max(inner.started.len());
        Ok(number)
    }

    fn announce(&self, _: &str, _: &Url, _: u64) -> Result<u32, Failure> {
        Err(not_here())
    }

    fn send(&self, _: u32, _: HttpRequest) {}

    fn wait(&self, _: u32) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Err(not_here()) })
    }

    fn outcome(&self, _: u32) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Err(not_here()) })
    }

    fn wait_any<'a>(&'a self, _: &'a [u32]) -> BoxFuture<'a, usize> {
        Box::pin(async { 0 })
    }

    fn next(&self) -> BoxFuture<'_, Option<(u32, Outcome)>> {
        Box::pin(async move {
            let mut waiting: Vec<(u32, Effect)> =
                self.inner.lock().started.iter().map(|(number, effect)| (*number, effect.clone())).collect();
            while !waiting.is_empty() {
                let (number, effect) = waiting.swap_remove(self.chance.index(waiting.len()));
                if let Some(outcome) = (self.script)(&effect) {
                    self.inner.lock().started.remove(&number);
                    return Some((number, outcome));
                }
            }
            None
        })
    }

    fn cancel(&self, _: u32) {}

    fn forget(&self, number: u32) {
        let mut inner = self.inner.lock();
        if let Some(effect) = inner.started.remove(&number) {
            inner.withdrawn.push(effect);
        }
    }

    fn log(&self, _: Level, message: &str, _: u64) -> Result<(), Failure> {
        let mut inner = self.inner.lock();
        if inner.log.len() < ASKED_MAX {
            inner.log.push(message.to_owned());
        }
        Ok(())
    }
}
