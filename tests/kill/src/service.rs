// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service on loopback: it knows requests by their idempotency keys, answers a repetition as it did the first time,
//! and counts.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Dice;
use crate::chain::Step;

/// How long one request may be, in bytes.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// A running service; it stops with the runtime.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) url: String,
    book: Arc<Mutex<Book>>,
}

/// What reached the service.
#[derive(Debug, Default)]
pub(crate) struct Book {
    by_key: HashMap<String, Entry>,
    /// The keys under which each step of each run arrived: one, when all is well.
    pub(crate) by_step: HashMap<(u64, Step), BTreeSet<String>>,
    /// How many requests came.
    pub(crate) arrivals: u64,
    /// What broke the rules of the service.
    pub(crate) complaints: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    body: String,
    answer: u64,
    count: u64,
}

impl Book {
    /// Returns how many requests came whose key had come before.
    pub(crate) fn repetitions(&self) -> u64 {
        self.by_key.values().map(|entry| entry.count - 1).sum()
    }

    pub(crate) fn keys(&self) -> u64 {
        self.by_key.len() as u64
    }

    /// Returns what was answered to a key.
    pub(crate) fn answer(&self, key: &str) -> Option<u64> {
        self.by_key.get(key).map(|entry| entry.answer)
    }

    fn take(&mut self, key: String, body: String, seed: u64) -> anyhow::Result<u64> {
        let what: Value = serde_json::from_str(&body).context("the body is no JSON")?;
        let number = |pointer: &str| {
            let number = what.pointer(pointer).and_then(Value::as_u64);
            number.with_context(|| format!("the body has no {pointer}: {body}"))
        };
        let step = (number("/0/run")?, number("/0/step")?);
        self.arrivals += 1;
        self.by_step.entry(step).or_default().insert(key.clone());
        // It depends on when it was given: a host that forgets it cannot guess it.
        let answer = Dice::new(seed ^ self.arrivals).roll() >> 12;
        let entry = self.by_key.entry(key.clone()).or_insert_with(|| Entry { body: body.clone(), answer, count: 0 });
        entry.count += 1;
        if entry.body != body {
            self.complaints.push(format!("{key} came with {body}, and before with {}", entry.body));
        }
        Ok(entry.answer)
    }
}

impl Service {
    pub(crate) async fn start(seed: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let service = Self { url, book: Arc::default() };
        let serving = service.clone();
        tokio::spawn(async move {
            let mut dice = Dice::new(seed);
            while let Ok((stream, _)) = listener.accept().await {
                // Most answers come at once, some let many of the kills find a request on its way.
                let delay_ms = if dice.below(8) == 0 { dice.below(60) } else { dice.below(4) };
                let service = serving.clone();
                tokio::spawn(async move {
                    if let Err(error) = service.serve(stream, Duration::from_millis(delay_ms), seed).await {
                        service.with(|book| book.complaints.push(format!("a request cannot be read: {error:#}")));
                    }
                });
            }
        });
        Ok(service)
    }

    /// Looks into the book.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn serve(&self, mut stream: TcpStream, delay: Duration, seed: u64) -> anyhow::Result<()> {
        let Some((key, body)) = read(&mut stream).await? else { return Ok(()) };
        // From here on it has happened, whether anybody is told or not.
        let answer = self.with(|book| book.take(key, body, seed))?;
        tokio::time::sleep(delay).await;
        let body = json!({ "answer": answer }).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        // A host that was killed is not there to read it.
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        Ok(())
    }
}

/// Reads the key and the body of a request; nothing, when the host was killed before all of it was there.
async fn read(stream: &mut TcpStream) -> anyhow::Result<Option<(String, String)>> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let field = |name: &str| {
                let mut fields = head.lines().filter_map(|line| line.split_once(':'));
                fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
            };
            let length: usize = field("content-length").context("there is no length")?.parse()?;
            if body.len() >= length {
                let key = field("idempotency-key").context("there is no key")?;
                return Ok(Some((key, body.to_owned())));
            }
        }
        if bytes.len() > REQUEST_BYTES_MAX {
            bail!("it is longer than {REQUEST_BYTES_MAX} bytes");
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
    }
}
