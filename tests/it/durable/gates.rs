// SPDX-License-Identifier: MIT OR Apache-2.0
//! Breakers and rates: they hold for all runs of a host, and what they decided stays decided.

use std::sync::Arc;
use std::time::Duration;

use priory::core::gate::{BreakerSpec, Fault, RateSpec};
use priory::core::journal::RunState;
use priory::core::ports::Clock;
use priory::core::{Dimension, Journal, LimitSpec, RunId};
use priory::journal::MemoryJournal;
use priory::record::Silent;
use priory::{
    AgentSpec, Builder, Durability, GateInfo, GateKind, GateState, Host, PluginSpec, Replayed, RunEnd, RunSpec, Started,
};
use priory_testkit::SimClock;
use serde_json::{Value, json};

use super::scene;
use crate::stage::{self, block, build, good, grant, json, output, text_plugin};

const OPEN_MS: u64 = 30_000;

fn breaker(failures: u32) -> BreakerSpec {
    BreakerSpec { failures, open_ms: OPEN_MS, ..BreakerSpec::default() }
}

fn fickle() -> PluginSpec {
    text_plugin("fickle").breaker(breaker(2))
}

/// A host whose time stands still, and an agent that does what it is told.
fn host(clock: &SimClock, journal: &Arc<dyn Journal>, fickle: PluginSpec) -> Builder {
    let root = AgentSpec::new("root", "steps").grant(grant("tool=*")).grant(grant("agent=*"));
    let limited = AgentSpec { name: "limited".into(), ..root.clone() }.rate(RateSpec::at_once(1));
    let durable = Durability::new(journal.clone()).park_after(None);
    stage::builder()
        .plugin(good())
        .plugin(fickle)
        .plugin(scene::steps_plugin("steps"))
        .agent(root)
        .agent(limited)
        .clock(Arc::new(clock.clone()))
        .durable(durable)
}

struct Scene {
    clock: SimClock,
    journal: Arc<dyn Journal>,
    host: Host,
}

fn scene(fickle: PluginSpec) -> Scene {
    let (clock, journal) = (SimClock::at(1_000_000), Arc::new(MemoryJournal::new()) as Arc<dyn Journal>);
    let host = build(host(&clock, &journal, fickle));
    Scene { clock, journal, host }
}

fn work(breaks: bool) -> Value {
    json!({ "do": "tool", "name": "fickle.work", "with": { "breaks": breaks } })
}

fn root(steps: &Value) -> RunSpec {
    RunSpec::agent("root", json(json!({ "steps": steps })))
}

impl Scene {
    /// Runs steps in a run of their own, and returns its id and what each step came to: a value, or the end of a failure.
    fn run(&self, steps: Value) -> (RunId, Vec<Value>) {
        let mut started = scene::start(&self.host, root(&steps));
        let end = block(started.wait());
        (started.id, output(&end).as_array().unwrap().clone())
    }

    /// Waits for the end of a run, and lets time pass whenever nothing else happens for a moment.
    fn wait(&self, started: &mut Started) -> RunEnd {
        block(async {
            let mut wait = std::pin::pin!(started.wait());
            loop {
                tokio::select! {
                    end = &mut wait => break end,
                    () = tokio::time::sleep(Duration::from_millis(1)) => self.clock.advance(Duration::from_millis(10)),
                }
            }
        })
    }

    #[track_caller]
    fn gate(&self, name: &str) -> GateInfo {
        self.host.gates().into_iter().find(|gate| &*gate.name == name).expect("somebody went through it")
    }

    /// Executes a run again, and checks that it comes to the same.
    #[track_caller]
    fn replays(&self, run: RunId) {
        let fresh = scene(fickle());
        let events = scene::events(&self.journal, run);
        assert_eq!(block(fresh.host.replay(events, Arc::new(Silent))).unwrap(), Replayed::Same);
        assert_eq!(fresh.host.gates(), [], "nobody asks a gate on the way back");
    }
}

#[track_caller]
fn fails(value: &Value, with: &str) {
    let failure = value["failure"].as_str().unwrap_or_else(|| panic!("a failure is expected, not {value}"));
    assert!(failure.contains(with), "{failure}");
}

const IS_OPEN: &str = "its breaker is open for another 30000 ms after 2 failures, the last of them `trap`";

#[test]
pub fn a_tool_that_breaks_is_left_alone_for_a_while() {
    let scene = scene(fickle());
    let (first, results) = scene.run(json!([work(true), work(false), work(true), work(true), work(false)]));
    fails(&results[0], "unreachable");
    assert_eq!(results[1], 7, "the failures were not in a row");
    fails(&results[4], IS_OPEN);
    let gate = scene.gate("fickle.work");
    assert_eq!((gate.kind, gate.state, gate.failures), (GateKind::Tool, GateState::Open, 2));
    assert_eq!((gate.until_unix_ms, gate.last_failure), (Some(1_000_000 + OPEN_MS), Some(Fault::Trap)));
    assert_eq!((gate.calls, gate.running, gate.waiting), (4, 0, 0));

    // Another run finds it so, and the other tools as they were.
    let spin = json!({ "do": "tool", "name": "fickle.spin", "with": { "spins": false } });
    let (second, results) = scene.run(json!([work(false), spin]));
    fails(&results[0], IS_OPEN);
    assert_eq!(results[1], 7);

    scene.clock.advance(Duration::from_millis(OPEN_MS));
    let (third, results) = scene.run(json!([work(true), work(false)]));
    fails(&results[0], "unreachable");
    fails(&results[1], "its breaker is open for another 30000 ms");
    scene.clock.advance(Duration::from_millis(OPEN_MS));
    let (fourth, results) = scene.run(json!([work(false), work(false)]));
    assert_eq!(results, [7, 7]);
    assert_eq!(scene.gate("fickle.work").state, GateState::Closed);
    [first, second, third, fourth].into_iter().for_each(|run| scene.replays(run));
}

#[test]
fn what_was_refused_stays_so_wherever_the_host_goes_away() {
    let scene = scene(fickle());
    let steps = json!([work(true), work(true), work(false), work(false)]);
    let (run, results) = scene.run(steps);
    let events = scene::events(&scene.journal, run);
    for count in 1..events.len() {
        let copy = scene::cut(&scene.journal, run, &events[..count]);
        // A host that knows nothing of any failure.
        let fresh = build(host(&scene.clock, &copy, fickle()));
        let end = scene::finish(&copy, &fresh, run);
        assert_eq!(end.state, RunState::Done, "{end:?}");
        let again = output(&end).as_array().unwrap().clone();
        let refused = |results: &[Value]| results.iter().filter(|one| one.to_string().contains("breaker")).count();
        // What was decided is as it was; what was not finds another breaker, which has not seen what went before.
        let decided = events[..count].iter().filter(|event| is_outcome(event)).count();
        assert_eq!(again[..decided], results[..decided], "after {count} events");
        assert!(refused(&again) <= refused(&results));
        let events = scene::events(&copy, run);
        assert_eq!(block(fresh.replay(events, Arc::new(Silent))).unwrap(), Replayed::Same, "after {count} events");
    }
}

fn is_outcome(envelope: &priory::core::Envelope) -> bool {
    matches!(envelope.event, priory::core::Event::Outcome { .. })
}

#[test]
fn who_calls_with_too_little_does_not_shut_a_tool_off_for_others() {
    let spin = json!({ "do": "tool", "name": "fickle.spin", "with": { "spins": true } });
    let scene = scene(fickle());
    let spent = stage::budget(&[(Dimension::Fuel, 20_000_000)]);
    let mut started = scene::start(&scene.host, root(&json!([spin, spin, spin])).budget(spent));
    fails(&output(&block(started.wait()))[0], "limit: Fuel");
    let gate = scene.gate("fickle.spin");
    assert_eq!((gate.state, gate.failures), (GateState::Closed, 0));
    // Whoever gives it all that it is configured with, and sees it fail, does.
    let limits: LimitSpec = [(Dimension::Fuel, 100_000)].into_iter().collect();
    let scene = self::scene(PluginSpec { limits, ..fickle() });
    let (_, results) = scene.run(json!([spin, spin, spin]));
    fails(&results[1], "limit: Fuel, 100000 of 100000");
    fails(&results[2], "after 2 failures, the last of them `limit`");
}

#[test]
fn an_agent_that_calls_itself_does_not_wait_for_itself() {
    let scene = scene(fickle());
    let call = |steps: Value| json!({ "do": "agent", "name": "limited", "with": { "steps": steps } });
    let add = json!({ "do": "tool", "name": "good.add", "with": { "a": 1, "b": 2 } });
    let nested = call(json!([call(json!([call(json!([add]))]))]));
    let (run, results) = scene.run(json!([nested]));
    assert_eq!(results, [json!([[[3]]])]);
    scene.replays(run);
    // Side by side there is one at a time, and nobody may wait.
    let (run, results) = scene.run(json!([{ "do": "all", "steps": vec![nested.clone(); 8] }]));
    let results = results[0].as_array().unwrap();
    assert!(results.contains(&json!([[[3]]])));
    for result in results.iter().filter(|result| !result.is_array()) {
        fails(result, "no turn is free: 1 call may go on at once, and this one may wait 0 ms");
    }
    scene.replays(run);
    let gate = scene.gate("limited");
    assert_eq!((gate.kind, gate.running, gate.waiting), (GateKind::Agent, 0, 0));
}

#[test]
fn calls_wait_for_their_turn() {
    let slow = fickle().rate(RateSpec { concurrency: Some(1), ..RateSpec::calls(2, 1_000) }.waiting(5_000));
    let scene = scene(slow);
    let calls = json!([{ "do": "all", "steps": vec![work(false); 6] }]);
    let mut started = scene::start(&scene.host, root(&calls));
    let end = scene.wait(&mut started);
    assert_eq!(output(&end), json!([[7, 7, 7, 7, 7, 7]]));
    assert!(scene.clock.unix_ms() - 1_000_000 >= 2_000, "four of the six had to wait for half a second each");
    let fresh = self::scene(fickle());
    let events = scene::events(&scene.journal, started.id);
    assert_eq!(block(fresh.host.replay(events, Arc::new(Silent))).unwrap(), Replayed::Same);
}

#[test]
fn a_wait_for_a_turn_is_cut_with_its_frame() {
    let slow = fickle().rate(RateSpec::calls(1, 60_000).waiting(600_000));
    let scene = scene(slow);
    let limits: LimitSpec = [(Dimension::TimeMs, 1_000)].into_iter().collect();
    let mut started = scene::start(&scene.host, root(&json!([work(false), work(false)])).limits(limits));
    let end = scene.wait(&mut started);
    assert_eq!(stage::timeout(&end).allowed_ms, 1_000);
    let gate = scene.gate("fickle.work");
    assert_eq!((gate.running, gate.waiting, gate.calls), (0, 0, 1), "nobody waits for it any more");
}
