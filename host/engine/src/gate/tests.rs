// SPDX-License-Identifier: MIT OR Apache-2.0
//! What gates let through, against a clock that only moves when it is told to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use priory_core::gate::{BreakerSpec, Fault, GateSpec, Pace, RateSpec, Refusal};
use priory_core::ports::Clock;
use priory_testkit::SimClock;
use proptest::prelude::*;

use super::{Gate, GateInfo, GateKind, GateState, Gates, Pass, Passed, Verdict, WAITING_MAX, Way};
use crate::activity::Activity;

const TRAP: Verdict = Verdict::Failed(Fault::Trap);

type Going = Pin<Box<dyn Future<Output = Result<Pass, Refusal>>>>;

/// One gate, and a run that comes to it.
struct Scene {
    clock: SimClock,
    activity: Activity,
    gate: Arc<Gate>,
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn scene(spec: GateSpec) -> Scene {
    let clock = SimClock::at(1_000_000);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let gate = Arc::new(Gate::new(GateKind::Tool, Arc::from("a.b"), &spec, shared.clone()));
    Scene { activity: Activity::new(shared), clock, gate }
}

fn breaker(failures: u32, window_ms: Option<u64>, probes: u32) -> GateSpec {
    let breaker = BreakerSpec { failures, window_ms, open_ms: 1_000, probes, ..BreakerSpec::default() };
    GateSpec { breaker: Some(breaker), rate: None }
}

fn rate(rate: RateSpec) -> GateSpec {
    GateSpec { breaker: None, rate: Some(rate) }
}

impl Scene {
    /// Comes to the gate.
    fn go(&self, way: Way, patience: Option<Duration>) -> Going {
        let (gate, activity) = (self.gate.clone(), self.activity.clone());
        Box::pin(async move { gate.pass(way, patience, &activity).await })
    }

    /// Comes to the gate as any call does, and does not wait.
    fn try_new(&self) -> Result<Pass, Refusal> {
        poll(&mut self.go(Way::New, None)).expect("it is decided at once")
    }

    #[track_caller]
    fn pass(&self) -> Pass {
        self.try_new().unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    #[track_caller]
    fn refused(&self) -> Refusal {
        self.try_new().err().expect("it is refused")
    }

    fn call(&self, verdict: Verdict) {
        self.pass().end(verdict);
    }

    fn wait(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }

    fn state(&self) -> (GateState, u32) {
        let info = self.gate.info();
        (info.state, info.failures)
    }
}

#[test]
fn failures_in_a_row_open_it_and_a_success_closes_it() {
    let scene = scene(breaker(3, None, 1));
    for verdict in [TRAP, TRAP, Verdict::Answered, TRAP, Verdict::Nothing, TRAP] {
        scene.call(verdict);
        scene.wait(100_000);
    }
    assert_eq!(scene.state(), (GateState::Closed, 2));
    scene.call(TRAP);
    assert_eq!(scene.state(), (GateState::Open, 3));
    scene.wait(400);
    assert_eq!(scene.refused(), Refusal::Open { left_ms: 600, failures: 3, last: Fault::Trap });
    assert_eq!(scene.gate.info().until_unix_ms, Some(scene.clock.unix_ms() + 600));
    scene.wait(599);
    assert_eq!(scene.refused(), Refusal::Open { left_ms: 1, failures: 3, last: Fault::Trap });
    scene.wait(1);
    assert_eq!(scene.state(), (GateState::HalfOpen, 3));
    let probe = scene.pass();
    assert_eq!(scene.refused(), Refusal::Tried { probes: 1, last: Fault::Trap });
    probe.end(Verdict::Answered);
    assert_eq!(scene.state(), (GateState::Closed, 0));
    scene.call(Verdict::Answered);
    assert_eq!(scene.gate.info().last_failure, Some(Fault::Trap));
}

#[test]
fn a_probe_that_fails_opens_it_again_and_one_that_is_withdrawn_comes_back() {
    let scene = scene(breaker(1, None, 1));
    scene.call(TRAP);
    scene.wait(1_000);
    drop(scene.pass());
    scene.call(Verdict::Failed(Fault::Timeout));
    assert_eq!(scene.refused(), Refusal::Open { left_ms: 1_000, failures: 1, last: Fault::Timeout });
    scene.wait(1_000);
    scene.call(Verdict::Nothing);
    scene.call(Verdict::Answered);
    assert_eq!(scene.state(), (GateState::Closed, 0));
}

#[test]
fn several_probes_have_to_succeed() {
    let scene = scene(breaker(1, None, 3));
    scene.call(TRAP);
    scene.wait(1_000);
    let (first, second, third) = (scene.pass(), scene.pass(), scene.pass());
    assert!(matches!(scene.refused(), Refusal::Tried { probes: 3, .. }));
    first.end(Verdict::Answered);
    second.end(Verdict::Answered);
    assert!(matches!(scene.refused(), Refusal::Tried { .. }), "there are no more than three");
    third.end(Verdict::Answered);
    assert_eq!(scene.state(), (GateState::Closed, 0));
}

#[test]
fn a_window_forgets_failures_and_no_success_does() {
    let scene = scene(breaker(3, Some(1_000), 1));
    scene.call(TRAP);
    scene.wait(600);
    scene.call(TRAP);
    scene.call(Verdict::Answered);
    assert_eq!(scene.state(), (GateState::Closed, 2));
    scene.wait(400);
    assert_eq!(scene.state(), (GateState::Closed, 1), "the first is as old as the window");
    scene.call(TRAP);
    assert_eq!(scene.state(), (GateState::Closed, 2));
    scene.call(TRAP);
    assert_eq!(scene.state(), (GateState::Open, 3));
}

#[test]
fn what_ends_after_the_breaker_turned_says_nothing() {
    let scene = scene(breaker(1, None, 1));
    let (late, later) = (scene.pass(), scene.pass());
    scene.call(TRAP);
    late.end(TRAP);
    scene.wait(999);
    assert!(matches!(scene.refused(), Refusal::Open { left_ms: 1, .. }), "it does not stay open for longer");
    scene.wait(1);
    let probe = scene.pass();
    later.end(Verdict::Answered);
    assert_eq!(scene.state().0, GateState::HalfOpen, "that was no probe");
    probe.end(Verdict::Answered);
    assert_eq!(scene.state().0, GateState::Closed);
}

#[test]
fn turns_come_back_with_time() {
    let pace = Pace { calls: 2, per_ms: 1_000, burst: 3 };
    let scene = scene(rate(RateSpec { pace: Some(pace), ..RateSpec::default() }));
    (0..3).for_each(|_| scene.call(Verdict::Answered));
    assert_eq!(scene.refused(), Refusal::Pace { pace, next_ms: 500, wait_ms: 0 });
    assert_eq!(scene.gate.info().calls, 3);
    scene.wait(499);
    assert_eq!(scene.refused(), Refusal::Pace { pace, next_ms: 1, wait_ms: 0 });
    scene.wait(1);
    scene.call(TRAP);
    assert!(scene.try_new().is_err());
    scene.wait(10_000);
    (0..3).for_each(|_| scene.call(Verdict::Answered));
    assert!(scene.try_new().is_err(), "more than the burst are never there");
}

#[test]
fn calls_wait_for_their_turn_in_the_order_in_which_they_came() {
    let pace = Pace { calls: 1, per_ms: 100, burst: 1 };
    let scene = scene(rate(RateSpec { pace: Some(pace), concurrency: None, wait_ms_max: 250 }));
    scene.call(Verdict::Answered);
    let mut going: Vec<Going> = (0..2).map(|_| scene.go(Way::New, None)).collect();
    assert!(going.iter_mut().all(|going| poll(going).is_none()));
    assert_eq!(scene.refused(), Refusal::Pace { pace, next_ms: 300, wait_ms: 250 }, "its turn would come too late");
    assert_eq!(scene.gate.info().waiting, 2);
    scene.wait(100);
    assert!(poll(&mut going[1]).is_none(), "it came later");
    assert!(poll(&mut going[0]).unwrap().is_ok());
    assert!(poll(&mut going[1]).is_none());
    scene.wait(100);
    assert!(poll(&mut going[1]).unwrap().is_ok());
    assert_eq!(scene.gate.info().waiting, 0);
}

#[test]
fn who_gives_up_leaves_its_place_to_the_next() {
    let scene = scene(rate(RateSpec::at_once(1).waiting(1_000)));
    let first = scene.pass();
    let mut going: Vec<Going> = (0..3).map(|_| scene.go(Way::New, None)).collect();
    assert!(going.iter_mut().all(|going| poll(going).is_none()));
    drop(going.remove(0));
    drop(first);
    assert!(poll(&mut going[1]).is_none());
    let second = poll(&mut going[0]).unwrap();
    assert_eq!((scene.gate.info().running, scene.gate.info().waiting), (1, 1));
    scene.wait(1_000);
    let late = poll(&mut going[1]).unwrap().err().unwrap();
    assert_eq!(late, Refusal::Concurrency { most: 1, wait_ms: 1_000 });
    drop(second);
    assert_eq!((scene.gate.info().running, scene.gate.info().waiting), (0, 0));
}

#[test]
fn a_call_waits_no_longer_than_it_was_given() {
    let scene = scene(rate(RateSpec::at_once(1).waiting(1_000)));
    let _first = scene.pass();
    let mut going = scene.go(Way::New, Some(Duration::from_millis(30)));
    assert!(poll(&mut going).is_none());
    scene.wait(30);
    assert_eq!(poll(&mut going).unwrap().err().unwrap(), Refusal::Concurrency { most: 1, wait_ms: 30 });
    let none = scene.go(Way::New, Some(Duration::ZERO));
    assert_eq!(poll(&mut { none }).unwrap().err().unwrap(), Refusal::Concurrency { most: 1, wait_ms: 0 });
}

#[test]
fn those_who_wait_are_told_when_the_breaker_opens() {
    let spec = GateSpec { rate: Some(RateSpec::at_once(1).waiting(60_000)), ..breaker(1, None, 1) };
    let scene = scene(spec);
    let first = scene.pass();
    let mut going: Vec<Going> = (0..2).map(|_| scene.go(Way::New, None)).collect();
    assert!(going.iter_mut().all(|going| poll(going).is_none()));
    first.end(TRAP);
    for going in &mut going {
        assert!(matches!(poll(going).unwrap(), Err(Refusal::Open { .. })));
    }
}

#[test]
fn a_call_below_one_that_has_passed_is_a_part_of_it() {
    let pace = Pace { calls: 1, per_ms: 100, burst: 2 };
    let rate = RateSpec { pace: Some(pace), concurrency: Some(1), wait_ms_max: 1_000 };
    let scene = scene(GateSpec { rate: Some(rate), ..breaker(1, None, 1) });
    let outer = scene.pass();
    let mut other = scene.go(Way::New, None);
    assert!(poll(&mut other).is_none());
    let inner = poll(&mut scene.go(Way::Within, None)).unwrap().unwrap();
    inner.end(TRAP);
    assert_eq!(scene.state(), (GateState::Closed, 0), "the outer one is what counts");
    // It is called as often as any other, and waits before those who wait for the place of what it belongs to.
    let mut second = scene.go(Way::Within, None);
    assert!(poll(&mut second).is_none());
    scene.wait(100);
    assert!(poll(&mut other).is_none());
    drop(poll(&mut second).unwrap().unwrap());
    outer.end(TRAP);
    assert!(matches!(poll(&mut other).unwrap(), Err(Refusal::Open { .. })));
}

#[test]
fn what_comes_back_is_not_stopped() {
    let rate = RateSpec::at_once(1);
    let scene = scene(GateSpec { rate: Some(rate), ..breaker(1, None, 1) });
    scene.call(TRAP);
    let back = poll(&mut scene.go(Way::Back, None)).unwrap().unwrap();
    let more = poll(&mut scene.go(Way::Back, None)).unwrap().unwrap();
    assert_eq!(scene.gate.info().running, 2);
    scene.wait(1_000);
    assert_eq!(scene.refused(), Refusal::Concurrency { most: 1, wait_ms: 0 });
    back.end(TRAP);
    drop(more);
    scene.call(Verdict::Answered);
    assert_eq!(scene.state(), (GateState::Closed, 0));
}

#[test]
fn no_more_wait_than_may() {
    let scene = scene(rate(RateSpec::at_once(1).waiting(1_000)));
    let _first = scene.pass();
    let mut going: Vec<Going> = (0..WAITING_MAX).map(|_| scene.go(Way::New, None)).collect();
    assert!(going.iter_mut().all(|going| poll(going).is_none()));
    assert_eq!(scene.refused(), Refusal::Queue { most: WAITING_MAX });
    going.pop();
    assert!(poll(&mut scene.go(Way::New, None)).is_none());
}

#[test]
fn who_waits_for_a_turn_gives_nothing_back() {
    let scene = scene(rate(RateSpec::at_once(1).waiting(1_000)));
    let _running = scene.activity.begin();
    let _first = scene.pass();
    let mut going = scene.go(Way::New, None);
    assert!(poll(&mut going).is_none());
    assert_eq!((scene.activity.running(), scene.activity.quiet_since()), (0, None));
    drop(going);
    assert_eq!(scene.activity.running(), 1);
}

fn gates() -> (SimClock, Gates) {
    let clock = SimClock::at(0);
    (clock.clone(), Gates::new(Arc::new(clock)))
}

fn names(gates: &Gates) -> Vec<String> {
    gates.infos().iter().map(|GateInfo { kind, name, .. }| format!("{kind:?} {name}")).collect()
}

#[test]
fn each_tool_has_a_gate_and_what_the_host_says_holds() {
    let (_, gates) = gates();
    let (p, q): (Arc<str>, Arc<str>) = (Arc::from("p"), Arc::from("q"));
    let find =
        |holder: &Arc<str>, name: &str, spec: &GateSpec| gates.find(GateKind::Tool, holder, &Arc::from(name), spec);
    let unset = GateSpec::default();
    assert!(find(&p, "p.x", &unset).is_none(), "where nothing is set, there is none");
    gates.configure(GateKind::Tool, "p", breaker(1, None, 1));
    gates.configure(GateKind::Tool, "free", GateSpec::default());
    let (x, y) = (find(&p, "p.x", &unset).unwrap(), find(&p, "p.y", &breaker(9, None, 9)).unwrap());
    assert!(Arc::ptr_eq(&x, &find(&p, "p.x", &unset).unwrap()));
    assert!(!Arc::ptr_eq(&x, &y));
    assert_eq!(x.state.lock().breaker.as_ref().unwrap().spec.failures, 1);
    assert_eq!(y.state.lock().breaker.as_ref().unwrap().spec.failures, 1, "what the run began with does not");
    assert!(find(&Arc::from("free"), "free.x", &breaker(9, None, 9)).is_none());
    assert!(find(&q, "q.x", &unset).is_none());
    let q = find(&q, "q.x", &breaker(9, None, 9)).unwrap();
    assert_eq!(q.state.lock().breaker.as_ref().unwrap().spec.failures, 9, "unless the host says nothing");
    assert!(gates.find(GateKind::Agent, &p, &p, &unset).is_none(), "an agent of that name is another");
    assert_eq!(names(&gates), ["Tool p.x", "Tool p.y", "Tool q.x"]);
}

#[test]
fn names_without_end_share_a_gate() {
    let (clock, gates) = gates();
    let holder: Arc<str> = Arc::from("p");
    gates.configure(GateKind::Tool, "p", breaker(1, None, 1));
    let find = |number: usize| {
        let name = Arc::from(format!("p.t{number}"));
        gates.find(GateKind::Tool, &holder, &name, &GateSpec::default()).unwrap()
    };
    let activity = Activity::new(Arc::new(clock.clone()));
    let pass = |gate: Arc<Gate>| poll(&mut Box::pin(async { gate.pass(Way::New, None, &activity).await })).unwrap();
    // Those of which nothing is to be remembered make room.
    (0..2_000).for_each(|number| drop(find(number)));
    assert!(names(&gates).len() <= 1_024);
    (2_000..4_000).for_each(|number| {
        pass(find(number)).unwrap_or_else(|r| panic!("{number}: {r}")).end(match number {
            ..3_024 => TRAP,
            _ => Verdict::Answered,
        })
    });
    assert!(names(&gates).len() <= 1_025, "{}", names(&gates).len());
    assert!(Arc::ptr_eq(&find(9_000), &find(9_001)));
    assert_eq!(&*find(9_000).name, "p.*");
    assert!(pass(find(2_500)).is_err(), "what is to be remembered is");
}

#[test]
fn the_gates_above_are_known() {
    let (one, other) = (scene(breaker(1, None, 1)).gate, scene(breaker(1, None, 1)).gate);
    let top = Passed::below(None, Some(one.clone()));
    let below = Passed::below(Passed::below(top.clone(), None), Some(other.clone()));
    assert!(Passed::has(below.as_ref(), &one) && Passed::has(below.as_ref(), &other));
    assert!(Passed::has(top.as_ref(), &one) && !Passed::has(top.as_ref(), &other));
    assert!(!Passed::has(None, &one));
}

/// What happens at a gate.
#[derive(Debug, Clone)]
enum Step {
    /// So many milliseconds pass.
    Wait(u64),
    /// A call comes, and waits as long as it may.
    Come,
    /// The call that passed first, or some other, ends.
    End(usize, Verdict),
    /// One that waits gives up.
    GiveUp(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![Just(Verdict::Answered), Just(TRAP), Just(Verdict::Nothing)];
    let step = prop_oneof![
        2 => (0u64..150).prop_map(Step::Wait),
        4 => Just(Step::Come),
        4 => (0usize..8, verdict).prop_map(|(at, verdict)| Step::End(at, verdict)),
        1 => (0usize..8).prop_map(Step::GiveUp),
    ];
    prop::collection::vec(step, 0..160)
}

/// A breaker told plainly, without epochs and without forgetting early.
struct Model {
    spec: BreakerSpec,
    /// When it opened last, while it has not closed since.
    opened: Option<u64>,
    /// When failures were since it closed, or since the last success.
    failures: Vec<u64>,
    /// The calls that try it, and how many of them have succeeded.
    probes: Vec<usize>,
    succeeded: u32,
    /// The calls that began while it was closed, since it closed last.
    counted: Vec<usize>,
}

impl Model {
    /// Tells whether a call may pass now.
    fn lets(&self, now: u64) -> bool {
        match self.opened {
            None => true,
            Some(opened) => {
                now >= opened + self.spec.open_ms && (self.probes.len() as u32 + self.succeeded) < self.spec.probes
            }
        }
    }

    fn passed(&mut self, call: usize) {
        if self.opened.is_some() { self.probes.push(call) } else { self.counted.push(call) }
    }

    fn ended(&mut self, now: u64, call: usize, verdict: Verdict) {
        if self.probes.contains(&call) {
            self.probes.retain(|other| *other != call);
            match verdict {
                Verdict::Failed(_) => self.open(now),
                Verdict::Nothing => {}
                Verdict::Answered => {
                    self.succeeded += 1;
                    if self.succeeded == self.spec.probes {
                        (self.opened, self.failures) = (None, Vec::new());
                    }
                }
            }
        } else if self.opened.is_none() && self.counted.contains(&call) {
            match (verdict, self.spec.window_ms) {
                (Verdict::Failed(_), window) => {
                    self.failures.push(now);
                    let within = |then: &&u64| window.is_none_or(|window| now - **then < window);
                    if self.failures.iter().filter(within).count() as u32 >= self.spec.failures {
                        self.open(now);
                    }
                }
                (Verdict::Answered, None) => self.failures.clear(),
                _ => {}
            }
        }
    }

    fn open(&mut self, now: u64) {
        self.opened = Some(now);
        (self.probes, self.counted, self.succeeded) = (Vec::new(), Vec::new(), 0);
    }
}

/// A gate that is played with.
struct Play {
    scene: Scene,
    now: u64,
    /// Each call that waits, and the number of it.
    waiting: Vec<(usize, Going)>,
    /// Each call that has passed and goes on.
    going: Vec<(usize, Pass)>,
    passed_at: Vec<u64>,
}

impl Play {
    /// Lets everybody look who may have been woken, as often as somebody passed; returns who passed and who was refused.
    fn look(&mut self) -> (Vec<usize>, Vec<Refusal>) {
        let (mut passed, mut refused) = (Vec::new(), Vec::new());
        loop {
            let mut ended = None;
            for (at, (_, going)) in self.waiting.iter_mut().enumerate() {
                if let Some(result) = poll(going) {
                    ended = Some((at, result));
                    break;
                }
            }
            let Some((at, result)) = ended else { return (passed, refused) };
            let (call, _) = self.waiting.remove(at);
            match result {
                Ok(pass) => {
                    self.going.push((call, pass));
                    self.passed_at.push(self.now);
                    passed.push(call);
                }
                Err(refusal) => refused.push(refusal),
            }
        }
    }
}

fn play(spec: &GateSpec, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let rate = spec.rate.clone().unwrap();
    let (pace, most) = (rate.pace.unwrap(), rate.concurrency.unwrap());
    let breaker = spec.breaker.clone().unwrap();
    let mut model =
        Model { spec: breaker, opened: None, failures: vec![], probes: vec![], succeeded: 0, counted: vec![] };
    let mut play =
        Play { scene: scene(spec.clone()), now: 0, waiting: Vec::new(), going: Vec::new(), passed_at: Vec::new() };
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Wait(ms) => {
                // In small steps, so that whoever has a turn takes it when it comes.
                for _ in 0..ms {
                    play.scene.wait(1);
                    play.now += 1;
                    let (passed, refused) = play.look();
                    check(&mut model, &play, &passed, &refused)?;
                }
            }
            Step::Come => {
                let going = play.scene.go(Way::New, None);
                play.waiting.push((number, going));
            }
            Step::End(at, verdict) if at < play.going.len() => {
                let (call, pass) = play.going.remove(at);
                pass.end(verdict);
                model.ended(play.now, call, verdict);
            }
            Step::GiveUp(at) if at < play.waiting.len() => drop(play.waiting.remove(at)),
            Step::End(..) | Step::GiveUp(_) => {}
        }
        let (passed, refused) = play.look();
        check(&mut model, &play, &passed, &refused)?;
        prop_assert!(play.going.len() <= most as usize, "{} at once", play.going.len());
        prop_assert_eq!(play.scene.gate.info().running as usize, play.going.len());
        prop_assert_eq!(play.scene.gate.info().waiting, play.waiting.len());
        let is_open = play.scene.state().0 != GateState::Closed;
        prop_assert_eq!(is_open, model.opened.is_some());
    }
    for (at, from) in play.passed_at.iter().enumerate() {
        let within = play.passed_at[at..].iter().filter(|then| **then - from <= pace.per_ms).count();
        prop_assert!(within as u32 <= pace.calls + pace.burst, "{within} from {from} on: {:?}", play.passed_at);
    }
    (play.going, play.waiting) = (Vec::new(), Vec::new());
    let info = play.scene.gate.info();
    prop_assert_eq!((info.running, info.waiting), (0, 0), "nothing leaks");
    Ok(())
}

/// Compares who passed and who was refused with what the model says.
fn check(model: &mut Model, play: &Play, passed: &[usize], refused: &[Refusal]) -> Result<(), TestCaseError> {
    for refusal in refused {
        let by_breaker = matches!(refusal, Refusal::Open { .. } | Refusal::Tried { .. });
        // Before this step's calls passed it let them, so only then it may look as if it still did.
        prop_assert!(!by_breaker || !passed.is_empty() || !model.lets(play.now), "{refusal} at {}", play.now);
    }
    for call in passed {
        prop_assert!(model.lets(play.now), "call {call} passed at {}", play.now);
        model.passed(*call);
        prop_assert!(model.probes.len() as u32 + model.succeeded <= model.spec.probes);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_gate_does_what_a_plain_one_does(
        steps in steps(),
        (failures, window_ms, open_ms, probes) in (1u32..4, prop::option::of(1u64..300), 1u64..300, 1u32..3),
        (calls, per_ms, burst) in (1u32..6, 1u64..200, 1u32..6),
        (concurrency, wait_ms_max) in (1u32..5, prop_oneof![Just(0u64), 1u64..300]),
    ) {
        let breaker = BreakerSpec { failures, window_ms, open_ms, probes, ..BreakerSpec::default() };
        let pace = Some(Pace { calls, per_ms, burst });
        let rate = RateSpec { pace, concurrency: Some(concurrency), wait_ms_max };
        play(&GateSpec { breaker: Some(breaker), rate: Some(rate) }, steps)?;
    }
}
