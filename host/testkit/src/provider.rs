// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fake of a provider of models, for tests: a server on the loopback interface that speaks the wire formats for real.
//!
//! It does what a test tells it, request by request, in the ways in which providers answer and in those in which they
//! misbehave. What a real provider would refuse, it refuses, with the provider's own form of an error: what is sent to it is
//! held to the rules that are publicly known. Nobody thinks here: every answer was written by a test.

mod act;
mod answer;
mod anthropic;
mod body;
mod gemini;
mod openai;
mod refusal;
mod request;
mod responses;
mod serve;
mod shape;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::model::ProviderKind;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use url::Url;

pub use act::{Act, Cuts, Framing, Lines, Place, Reply};
pub use answer::{Answer, Event, Say, Tokens, UsageForm};
pub use request::Asked;

/// A provider on the loopback interface. It is gone when this is dropped.
#[derive(Debug)]
pub struct LoopbackProvider {
    kind: ProviderKind,
    address: SocketAddr,
    stage: Arc<Stage>,
    task: JoinHandle<()>,
}

/// What the connections share with the test.
#[derive(Debug)]
struct Stage {
    kind: ProviderKind,
    key: String,
    play: Mutex<Play>,
    /// Told to go on where an act holds.
    released: Notify,
}

#[derive(Debug, Default)]
struct Play {
    acts: VecDeque<Act>,
    asked: Vec<Asked>,
    /// The request that is kept waiting, while its connection is there.
    waiting: Option<usize>,
    /// Whether an act holds until it is released.
    is_held: bool,
    connections: usize,
}

impl LoopbackProvider {
    /// Opens the doors of a provider that takes one key.
    pub async fn start(kind: ProviderKind, key: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stage = Stage { kind, key: key.to_owned(), play: Mutex::new(Play::default()), released: Notify::new() };
        let stage = Arc::new(stage);
        let task = tokio::spawn(serve::accept(listener, Arc::clone(&stage)));
        Ok(Self { kind, address, stage, task })
    }

    /// Returns where it is, as it stands in a manifest.
    pub fn url(&self) -> Option<Url> {
        let path = if self.kind == ProviderKind::Gemini { "v1beta" } else { "v1" };
        Url::parse(&format!("http://{}/{path}/", self.address)).ok()
    }

    /// Appends what it does with the next requests, one for each. A request that it refuses takes none, and where none is
    /// left it answers with an error 500 that says so.
    pub fn then(&self, acts: impl IntoIterator<Item = Act>) {
        self.stage.play.lock().acts.extend(acts);
    }

    /// Returns the requests that came so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.stage.play.lock().asked.clone()
    }

    /// Returns how many acts are left.
    pub fn acts_left(&self) -> usize {
        self.stage.play.lock().acts.len()
    }

    /// Returns how many connections were made so far.
    pub fn connections(&self) -> usize {
        self.stage.play.lock().connections
    }

    /// Returns the number of the request that is kept waiting, from 0, as long as whoever asked is there.
    pub fn waiting(&self) -> Option<usize> {
        self.stage.play.lock().waiting
    }

    /// Tells whether an act holds until it is released.
    pub fn is_held(&self) -> bool {
        self.stage.play.lock().is_held
    }

    /// Lets the act that holds go on.
    pub fn release(&self) {
        let mut play = self.stage.play.lock();
        if std::mem::take(&mut play.is_held) {
            play.waiting = None;
            self.stage.released.notify_one();
        }
    }
}

impl Drop for LoopbackProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}
