// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is beyond a run: a service that remembers what reached it, and things that are touched without anybody's leave.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::Failure;
use priory_core::failure::Unavailable;
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::ports::{BoxFuture, Clock, Http};

use super::random::hash;
use super::{SimRng, pause};
use crate::SimClock;

/// Where every name leads.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34));
/// How long an answer takes at most, in milliseconds.
const LATENCY_MS_MAX: u64 = 40;

/// Something that reached the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The method, in capitals.
    pub method: String,
    /// Where to.
    pub url: String,
    /// The idempotency keys that it carried.
    pub keys: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is beyond a run. Clones are the same, and outlive every process.
#[derive(Clone)]
pub struct Outside {
    shared: Arc<Shared>,
}

struct Shared {
    rng: SimRng,
    is_steady: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    arrivals: Vec<Arrival>,
    /// The answer to each key: a repetition gets the same.
    answers: BTreeMap<String, HttpResponse>,
    touches: BTreeMap<String, u64>,
}

impl Outside {
    /// Makes an outside. When it is steady, an answer depends on nothing but the request.
    pub fn new(rng: SimRng, is_steady: bool) -> Self {
        Self { shared: Arc::new(Shared { rng, is_steady, state: Mutex::default() }) }
    }

    /// Returns what has arrived, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.state.lock().arrivals.clone()
    }

    /// Changes something without anybody knowing, such as a file.
    pub fn touch(&self, what: &str) {
        *self.shared.state.lock().touches.entry(what.to_owned()).or_default() += 1;
    }

    /// Returns how often each thing was touched.
    pub fn touches(&self) -> BTreeMap<String, u64> {
        self.shared.state.lock().touches.clone()
    }

    /// Takes a request in and answers it.
    fn take(&self, arrival: Arrival) -> Result<HttpResponse, Failure> {
        let rng = &self.shared.rng;
        let mut state = self.shared.state.lock();
        let asked = hash(format!("{} {} {:?}", arrival.method, arrival.url, arrival.body).as_bytes());
        let chance = if self.shared.is_steady { asked } else { rng.next() };
        let fresh = HttpResponse {
            status: if chance % 9 == 0 { 503 } else { 200 },
            headers: vec![("x-chance".to_owned(), (chance % 7).to_string().into_bytes())],
            body: format!("{chance:x}").into_bytes(),
        };
        let answer = match arrival.keys.first() {
            Some(key) => state.answers.entry(key.clone()).or_insert(fresh).clone(),
            None => fresh,
        };
        state.arrivals.push(arrival);
        if chance % 11 == 0 { Err(lost("the answer was lost")) } else { Ok(answer) }
    }
}

fn lost(reason: &str) -> Failure {
    Failure::Unavailable(Unavailable { subject: "the outside".into(), reason: reason.into(), retriable: true })
}

/// The way out of one process.
#[derive(Clone)]
pub struct Line {
    outside: Outside,
    clock: SimClock,
    rng: SimRng,
    state: Arc<Mutex<LineState>>,
}

#[derive(Default)]
struct LineState {
    is_cut: bool,
    next: u64,
    /// What was sent and has not arrived.
    on_the_way: BTreeMap<u64, Arrival>,
}

impl Line {
    /// Makes the way out of a process.
    pub fn new(outside: Outside, clock: SimClock, rng: SimRng) -> Self {
        Self { outside, clock, rng, state: Arc::default() }
    }

    /// Ends the process: what is on the way may arrive or not, and nothing is sent any more.
    pub fn crash(&self) {
        let on_the_way = {
            let mut state = self.state.lock();
            state.is_cut = true;
            std::mem::take(&mut state.on_the_way)
        };
        for arrival in on_the_way.into_values() {
            if self.rng.percent(50) {
                let _ = self.outside.take(arrival);
            }
        }
    }

    fn depart(&self, arrival: Arrival) -> OnTheWay {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        if !state.is_cut {
            state.on_the_way.insert(number, arrival);
        }
        OnTheWay { line: self.clone(), number }
    }

    async fn delay(&self) {
        pause(self.rng.below(4)).await;
        if self.rng.percent(30) {
            let ms = 1 + self.rng.below(LATENCY_MS_MAX);
            self.clock.sleep_until(self.clock.elapsed().saturating_add(Duration::from_millis(ms))).await;
        }
        if self.state.lock().is_cut {
            std::future::pending().await
        }
    }
}

/// A request that was sent. When nobody waits for it any more, it arrives or not.
struct OnTheWay {
    line: Line,
    number: u64,
}

impl OnTheWay {
    fn arrive(&self) -> Result<HttpResponse, Failure> {
        let arrival = self.line.state.lock().on_the_way.remove(&self.number);
        arrival.map_or_else(|| Err(lost("the process is gone")), |arrival| self.line.outside.take(arrival))
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        let arrival = self.line.state.lock().on_the_way.remove(&self.number);
        if let Some(arrival) = arrival.filter(|_| self.line.rng.percent(50)) {
            let _ = self.line.outside.take(arrival);
        }
    }
}

impl Http for Line {
    fn send<'a>(
        &'a self,
        request: &'a HttpRequest,
        _: u64,
        may_dial: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>> {
        Box::pin(async move {
            may_dial(ADDRESS)?;
            let keys = request.headers.iter().filter(|(name, _)| name == "idempotency-key");
            let sent = self.depart(Arrival {
                method: request.method.clone(),
                url: request.url.to_string(),
                keys: keys.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect(),
                body: request.body.clone(),
            });
            self.delay().await;
            let answer = sent.arrive();
            self.delay().await;
            answer
        })
    }
}
