// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that are kept and meet no accident.

use std::sync::Arc;
use std::time::Duration;

use priory::core::{Dimension, Journal, LimitSpec};
use priory::journal::{MemoryJournal, SqliteJournal};
use serde_json::{Value, json};

use super::scene::{self, Outside};
use crate::stage::block;

fn runs(journal: &Arc<dyn Journal>) -> Value {
    let outside = Arc::new(Outside::default());
    let host = scene::host(journal, &outside, None);
    let mut started = scene::start(&host, scene::root(scene::everything()));
    let end = block(started.wait());
    let result = scene::is_sound(journal, &end, started.id);
    outside.did_once(6);
    assert_eq!((outside.repetitions(), outside.looks()), (0, 1));
    result
}

#[test]
pub fn comes_to_the_same_again() {
    let result = runs(&(Arc::new(MemoryJournal::new()) as Arc<dyn Journal>));
    let results = &result["results"];
    assert_eq!((&results[0], &results[1]), (&json!(3), &json!([200, { "done": 0 }])), "{results:#}");
    assert_eq!(results[4]["results"], json!([11, [200, { "done": 1 }], null]));
    assert_eq!((&results[5][0], &results[5][2]), (&json!(7), &Value::Null));
    assert!(results[9]["failure"].as_str().unwrap().contains("Denied"), "{results:#}");
}

#[test]
fn comes_to_the_same_again_from_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    runs(&(Arc::new(SqliteJournal::open(folder.path()).unwrap()) as Arc<dyn Journal>));
}

#[test]
fn which_of_several_ended_first_is_known() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let outside = Arc::new(Outside::default());
    let host = scene::host(&journal, &outside, None);
    let tool = json!({ "do": "tool", "name": "good.add", "with": { "a": 1, "b": 2 } });
    let child = |tag| json!({ "do": "agent", "name": "child", "with": { "steps": [scene::post(tag)] } });
    let all = [tool.clone(), child("a"), child("b"), json!({ "do": "sleep", "ms": 1 }), tool, child("c")];
    for _ in 0..20 {
        let mut started =
            scene::start(&host, scene::root(json!([{ "do": "all", "order": true, "steps": all }, scene::post("d")])));
        let end = block(started.wait());
        scene::is_sound(&journal, &end, started.id);
    }
}

/// The answer and the timer race, and which of them came first has to stay so.
#[test]
fn which_of_an_answer_and_a_timer_came_first_is_known() {
    let tool = json!({ "do": "tool", "name": "good.add", "with": { "a": 1, "b": 2 } });
    for (delay_ms, ms) in [(0, 1_000), (60, 25), (30, 30), (30, 5), (3, 5)] {
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        let outside = Arc::new(Outside::slow(Duration::from_millis(delay_ms)));
        let host = scene::host(&journal, &outside, None);
        let look = json!({ "do": "get-within", "url": "http://outside.example/look", "ms": ms });
        let steps = json!([look, tool, look, scene::post("after")]);
        let mut started: Vec<_> = (0..5).map(|_| scene::start(&host, scene::root(steps.clone()))).collect();
        for started in &mut started {
            let end = block(started.wait());
            scene::is_sound(&journal, &end, started.id);
        }
        // Cut anywhere, what was decided stays.
        let (run, events) = (started[0].id, scene::events(&journal, started[0].id));
        for count in (1..events.len()).step_by(2) {
            let copy = scene::cut(&journal, run, &events[..count]);
            let end = scene::finish(&copy, &scene::host(&copy, &outside, None), run);
            scene::is_sound(&copy, &end, run);
        }
        outside.did_once(5);
    }
}

#[test]
fn a_timer_is_ready_when_its_time_has_come() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let host = scene::host(&journal, &Arc::default(), None);
    let mut started = scene::start(&host, scene::root(json!([{ "do": "wasi-spin", "ms": 1 }])));
    let end = block(started.wait());
    assert_eq!(scene::is_sound(&journal, &end, started.id)["results"], json!([true]));
}

#[test]
fn what_is_spent_or_refused_stays_so() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let outside = Arc::new(Outside::default());
    let host = scene::host(&journal, &outside, None);
    let tool = |name: &str| json!({ "do": "tool", "name": name, "with": { "a": 1, "b": 2 } });
    let other = json!({ "do": "post", "url": "http://elsewhere.example/", "with": 1 });
    let steps = json!([tool("good.add"), other, tool("nobody.nothing"), scene::post("a"), tool("good.add"), other]);
    for calls in [0, 2, 3, 8] {
        let limits: LimitSpec = [(Dimension::Calls, calls)].into_iter().collect();
        let mut started = scene::start(&host, scene::root(steps.clone()).limits(limits));
        let end = block(started.wait());
        let result = scene::is_sound(&journal, &end, started.id);
        let (run, events) = (started.id, scene::events(&journal, started.id));
        for count in (1..events.len()).step_by(3) {
            let copy = scene::cut(&journal, run, &events[..count]);
            let end = scene::finish(&copy, &scene::host(&copy, &outside, None), run);
            assert_eq!(scene::is_sound(&copy, &end, run), result, "{calls} calls, {count} events");
        }
    }
    outside.did_once(1);
}
