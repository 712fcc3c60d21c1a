// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that wait for people and timers, and leave memory meanwhile.

use std::sync::Arc;
use std::time::Duration;

use priory::core::journal::{RunState, Wait};
use priory::core::{Event, Failure, Journal, RunId};
use priory::journal::MemoryJournal;
use priory::{Host, RunEnd, Started};
use serde_json::{Value, json};

use super::scene::{self, Outside};
use crate::stage::block;

/// After how long a run that only waits leaves memory.
const PARK_AFTER: Option<Duration> = Some(Duration::from_millis(2));

struct Scene {
    journal: Arc<dyn Journal>,
    outside: Arc<Outside>,
    host: Host,
}

fn scene() -> Scene {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let outside = Arc::new(Outside::default());
    let host = scene::host(&journal, &outside, PARK_AFTER);
    Scene { journal, outside, host }
}

impl Scene {
    fn start(&self, steps: Value) -> (RunId, RunEnd) {
        let mut started: Started = scene::start(&self.host, scene::root(steps));
        let end = block(started.wait());
        (started.id, end)
    }

    /// Takes the run up on a host that knows nothing of it.
    fn turn(&mut self, run: RunId) -> RunEnd {
        self.host = scene::host(&self.journal, &self.outside, PARK_AFTER);
        scene::turn(&self.host, run)
    }

    fn answer(&self, run: RunId, wait: &Wait, value: Value) -> Result<(), Failure> {
        scene::reply(&self.journal, &self.host, run, wait, value)
    }

    /// Counts what a run asked for, by the words that name the effect.
    fn asked(&self, run: RunId, what: &str) -> usize {
        let events = scene::events(&self.journal, run);
        let fits = |event: &Event| matches!(event, Event::Intent { effect, .. } if effect.summary().starts_with(what));
        events.iter().filter(|envelope| fits(&envelope.event)).count()
    }
}

#[track_caller]
fn is_parked(end: &RunEnd, waits: usize) -> &[Wait] {
    assert_eq!((end.state, end.waits.len()), (RunState::Parked, waits), "{end:?}");
    &end.waits
}

fn ask(text: &str) -> Value {
    json!({ "do": "ask", "text": text, "schema": { "type": "string" } })
}

#[test]
fn a_host_that_starts_takes_up_what_may_go_on() {
    let mut scene = scene();
    let (asks, _) = scene.start(json!([ask("Go on?")]));
    let (sleeps, end) = scene.start(json!([{ "do": "sleep", "ms": 30 }, scene::post("after")]));
    let due = is_parked(&end, 1)[0].due_unix_ms.unwrap();
    let (answered, end) = scene.start(json!([ask("And this?")]));
    scene.answer(answered, &is_parked(&end, 1)[0], json!("yes")).unwrap();
    scene::wait_until(&scene.host, due);
    // A host that knows nothing of them.
    scene.host = scene::host(&scene.journal, &scene.outside, PARK_AFTER);
    let silent = |_: RunId| -> Arc<dyn priory::core::ports::Recorder> { Arc::new(priory::record::Silent) };
    let mut started = block(scene.host.resume_all(silent)).unwrap();
    let states: Vec<_> = started.iter_mut().map(|run| (run.id, block(run.wait()).state)).collect();
    assert_eq!(states, [(sleeps, RunState::Done), (answered, RunState::Done)], "what still waits is left alone");
    assert_eq!(scene::state(&scene.journal, asks), RunState::Parked);
    scene.outside.did_once(1);
}

#[test]
fn an_answer_brings_the_run_back() {
    let mut scene = scene();
    let (run, end) = scene.start(json!([scene::post("before"), ask("Go on?"), scene::post("after")]));
    let waits = is_parked(&end, 1).to_vec();
    assert_eq!(scene::state(&scene.journal, run), RunState::Parked);
    assert_eq!(block(scene.journal.waits(run)).unwrap(), waits);
    scene.outside.did_once(1);

    // Nobody answered, so it asks the same again.
    let end = scene.turn(run);
    assert_eq!(is_parked(&end, 1), waits);

    let wrong = scene.answer(run, &waits[0], json!(7));
    assert!(matches!(&wrong, Err(Failure::Invalid(_))), "{wrong:?}");
    scene.answer(run, &waits[0], json!("yes")).unwrap();
    assert_eq!(scene::state(&scene.journal, run), RunState::Open);
    let twice = scene.answer(run, &waits[0], json!("no"));
    assert!(matches!(&twice, Err(Failure::Unavailable(_))), "{twice:?}");

    let end = scene.turn(run);
    let result = scene::is_sound(&scene.journal, &end, run);
    assert_eq!(result["results"][1], json!(["yes", "ann"]));
    scene.outside.did_once(2);
    assert_eq!((scene.outside.repetitions(), scene.asked(run, "question")), (0, 1));
}

#[test]
fn siblings_of_a_question_are_left_alone() {
    let mut scene = scene();
    let child = |tag: &str, more: Value| {
        let steps = json!([scene::post(tag), more, scene::post(&format!("{tag} again"))]);
        json!({ "do": "agent", "name": "child", "with": { "looks": true, "steps": steps } })
    };
    let tool = json!({ "do": "tool", "name": "good.add", "with": { "a": 1, "b": 2 } });
    let steps = json!([{ "do": "all", "steps": [
        child("a", ask("First?")), tool, child("b", ask("Second?")), child("c", tool), ask("Third?"),
    ] }]);
    let (run, mut end) = scene.start(steps);
    // What both children did before they asked, and all of the third.
    let mut done = 4;
    for left in (1..=3).rev() {
        let waits = is_parked(&end, left).to_vec();
        scene.outside.did_once(done);
        let child = waits.iter().find(|wait| wait.frame.depth() > 0);
        scene.answer(run, child.unwrap_or(&waits[0]), json!("yes")).unwrap();
        done += usize::from(child.is_some());
        end = scene.turn(run);
    }
    let result = scene::is_sound(&scene.journal, &end, run);
    let results = &result["results"][0];
    assert_eq!((&results[1], &results[4]), (&json!(3), &json!("yes")), "{results:#}");
    assert_eq!(
        (&results[0]["results"][1], &results[2]["results"][1]),
        (&json!(["yes", "ann"]), &json!(["yes", "ann"]))
    );
    scene.outside.did_once(6);
    assert_eq!((scene.outside.repetitions(), scene.asked(run, "question"), scene.asked(run, "tool")), (0, 3, 2));
}

#[test]
fn timers_outlast_the_host() {
    for sleep in ["sleep", "wasi-sleep"] {
        let mut scene = scene();
        let began = scene.host.clock().unix_ms();
        let (run, end) = scene.start(json!([scene::post("a"), { "do": sleep, "ms": 150 }, scene::post("b")]));
        let due = is_parked(&end, 1)[0].due_unix_ms.unwrap();
        assert!(due >= began + 150, "{due}");
        let found = block(scene.journal.due(due, 10)).unwrap();
        assert_eq!(found.iter().map(|due| due.run).collect::<Vec<_>>(), [run]);
        assert_eq!(block(scene.journal.info(run)).unwrap().due_unix_ms, Some(due));
        // Too early: it is due when it was due.
        let early = scene.turn(run);
        if early.state == RunState::Parked {
            assert_eq!(early.waits[0].due_unix_ms, Some(due));
        }
        scene::wait_until(&scene.host, due);
        let end = if early.state == RunState::Parked { scene.turn(run) } else { early };
        scene::is_sound(&scene.journal, &end, run);
        scene.outside.did_once(2);
        assert_eq!((scene.outside.repetitions(), scene.asked(run, "sleep")), (0, 1));
    }
}

#[test]
fn a_question_expires() {
    let mut scene = scene();
    let question = json!({ "do": "ask", "text": "Quick?", "expires-ms": 40 });
    let (run, end) = scene.start(json!([question, scene::post("after")]));
    let wait = is_parked(&end, 1)[0].clone();
    scene::wait_until(&scene.host, wait.due_unix_ms.unwrap());
    let late = scene.answer(run, &wait, json!("yes"));
    assert!(matches!(&late, Err(Failure::Conflict { .. })), "{late:?}");
    let end = scene.turn(run);
    let result = scene::is_sound(&scene.journal, &end, run);
    assert!(result["results"][0]["failure"].as_str().unwrap().contains("took longer than 40 ms"), "{result:#}");
    scene.outside.did_once(1);
}

#[test]
fn only_who_is_asked_may_answer() {
    let scene = scene();
    let (run, end) = scene.start(json!([{ "do": "ask", "text": "Bob?", "who": ["bob"] }]));
    let refused = scene.answer(run, &is_parked(&end, 1)[0], json!("yes"));
    assert!(matches!(&refused, Err(Failure::Conflict { .. })), "{refused:?}");
    assert_eq!(scene::state(&scene.journal, run), RunState::Parked);
}

/// A run that is parked again and again, on whichever host happens to be there, is the same run.
#[test]
fn everything_with_questions_in_between() {
    let mut scene = scene();
    let mut steps = scene::everything();
    let list = steps.as_array_mut().unwrap();
    list.insert(1, ask("One?"));
    list.insert(5, ask("Two?"));
    list.push(ask("Three?"));
    let (run, mut end) = scene.start(steps);
    let mut turns = 0;
    while end.state == RunState::Parked {
        scene::go_on(&scene.journal, &scene.host, run, &end.waits);
        end = scene.turn(run);
        turns += 1;
    }
    scene::is_sound(&scene.journal, &end, run);
    assert!(turns >= 3, "{turns}");
    scene.outside.did_once(6);
    assert_eq!((scene.outside.repetitions(), scene.asked(run, "question")), (0, 3));
}
