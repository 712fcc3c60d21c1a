// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gate lets through, and when.

use std::future::Future;
use std::task::{Context, Waker};

use priory_core::gate::{Fault, Pace};
use priory_testkit::SimClock;

use super::*;

const FOREVER: Duration = Duration::from_secs(1_000_000);

fn gate(rate: RateSpec, breaker: Option<BreakerSpec>) -> (Arc<Gate>, SimClock) {
    let clock = SimClock::at(0);
    (Gate::new("p".into(), &rate, breaker.as_ref(), Arc::new(clock.clone())), clock)
}

/// Looks once whether a future is ready.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

fn pass(gate: &Arc<Gate>) -> Result<Pass, Refusal> {
    poll(std::pin::pin!(gate.pass(FOREVER))).unwrap_or_else(|| panic!("it waits"))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn nothing_stands_before_what_is_not_limited() {
    let (gate, _) = gate(RateSpec::default(), None);
    let passes: Vec<_> = (0..1_000).map(|_| pass(&gate)).collect();
    assert!(passes.iter().all(Result::is_ok));
}

#[test]
fn no_more_go_on_at_once_than_may() {
    let (gate, clock) = gate(RateSpec::at_once(2).waiting(100), None);
    let (one, two) = (pass(&gate).unwrap(), pass(&gate).unwrap());
    let mut third = Box::pin(gate.pass(FOREVER));
    let mut fourth = Box::pin(gate.pass(FOREVER));
    assert!(poll(third.as_mut()).is_none() && poll(fourth.as_mut()).is_none());
    one.end(Verdict::Answered);
    assert!(poll(fourth.as_mut()).is_none(), "who came first goes first");
    let third = poll(third.as_mut()).unwrap().unwrap();
    clock.advance(ms(100));
    assert!(matches!(poll(fourth.as_mut()), Some(Err(Refusal::Concurrency { most: 2, wait_ms: 100 }))));
    drop((two, third));
    assert!(pass(&gate).is_ok());
}

#[test]
fn without_time_to_wait_it_fails_at_once() {
    let (gate, _) = gate(RateSpec::at_once(1), None);
    let _one = pass(&gate).unwrap();
    assert!(matches!(pass(&gate), Err(Refusal::Concurrency { most: 1, wait_ms: 0 })));
}

#[test]
fn turns_come_one_after_the_other() {
    let pace = Pace { calls: 10, per_ms: 1_000, burst: 2 };
    let (gate, clock) = gate(RateSpec { pace: Some(pace), concurrency: None, wait_ms_max: 150 }, None);
    assert!(pass(&gate).is_ok() && pass(&gate).is_ok());
    let mut third = Box::pin(gate.pass(FOREVER));
    assert!(poll(third.as_mut()).is_none());
    assert!(matches!(pass(&gate), Err(Refusal::Pace { next_ms: 200, wait_ms: 150, .. })), "its turn is too late");
    clock.advance(ms(99));
    assert!(poll(third.as_mut()).is_none());
    clock.advance(ms(1));
    assert!(poll(third.as_mut()).unwrap().is_ok());
    clock.advance(ms(10_000));
    assert!(pass(&gate).is_ok() && pass(&gate).is_ok(), "no more turns gather than the burst");
    assert!(poll(Box::pin(gate.pass(FOREVER)).as_mut()).is_none());
}

#[test]
fn who_goes_away_gives_the_turn_back() {
    let pace = Pace { calls: 1, per_ms: 100, burst: 1 };
    let (gate, clock) = gate(RateSpec { pace: Some(pace), concurrency: None, wait_ms_max: 100 }, None);
    pass(&gate).unwrap();
    let mut second = Box::pin(gate.pass(FOREVER));
    assert!(poll(second.as_mut()).is_none());
    drop(second);
    let mut third = Box::pin(gate.pass(FOREVER));
    assert!(poll(third.as_mut()).is_none(), "the turn of the second is free");
    clock.advance(ms(100));
    assert!(poll(third.as_mut()).unwrap().is_ok());
}

#[test]
fn nobody_waits_beyond_the_deadline() {
    let pace = Pace { calls: 1, per_ms: 100, burst: 1 };
    let (gate, _) = gate(RateSpec { pace: Some(pace), concurrency: None, wait_ms_max: 10_000 }, None);
    pass(&gate).unwrap();
    assert!(matches!(poll(std::pin::pin!(gate.pass(ms(50)))), Some(Err(Refusal::Pace { next_ms: 100, .. }))));
}

#[test]
fn a_breaker_opens_and_closes() {
    let spec = BreakerSpec { failures: 2, open_ms: 1_000, probes: 1, ..BreakerSpec::default() };
    let (gate, clock) = gate(RateSpec::default(), Some(spec));
    let failed = Verdict::Failed(Fault::Unavailable);
    pass(&gate).unwrap().end(failed);
    pass(&gate).unwrap().end(Verdict::Answered);
    pass(&gate).unwrap().end(failed);
    drop(pass(&gate).unwrap());
    pass(&gate).unwrap().end(Verdict::Failed(Fault::Denied));
    let late = pass(&gate).unwrap();
    pass(&gate).unwrap().end(failed);
    assert!(matches!(pass(&gate), Err(Refusal::Open { left_ms: 1_000, failures: 2, last: Fault::Unavailable })));
    late.end(Verdict::Answered);
    clock.advance(ms(999));
    assert!(matches!(pass(&gate), Err(Refusal::Open { left_ms: 1, .. })));
    clock.advance(ms(1));
    let probe = pass(&gate).unwrap();
    assert!(matches!(pass(&gate), Err(Refusal::Tried { probes: 1, .. })));
    probe.end(failed);
    assert!(matches!(pass(&gate), Err(Refusal::Open { .. })));
    clock.advance(ms(1_000));
    drop(pass(&gate).unwrap());
    pass(&gate).unwrap().end(Verdict::Answered);
    pass(&gate).unwrap().end(failed);
    assert!(pass(&gate).is_ok(), "it is closed, and counts from the beginning");
}
