// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that were at work on files when the host went away.

use std::sync::Arc;

use priory::core::effect::Nature;
use priory::core::journal::RunState;
use priory::core::{Event, FramePath, Journal, RunId};
use priory::journal::MemoryJournal;
use priory::{AgentSpec, Durability, Host, InDoubt, RunEnd};
use serde_json::{Value, json};

use super::scene::{self, Outside};
use crate::stage::{block, build, grant, output};

/// What one of these runs is about: a scribe that holds a folder, and what is done when it is cut.
struct Scene {
    folder: tempfile::TempDir,
    journal: Arc<dyn Journal>,
    outside: Arc<Outside>,
    in_doubt: InDoubt,
    declared: Option<Nature>,
    mode: &'static str,
}

impl Scene {
    fn new(in_doubt: InDoubt, mode: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("desk")).unwrap();
        std::fs::write(folder.path().join("desk/book"), "once. ").unwrap();
        let (journal, outside) = (Arc::new(MemoryJournal::new()), Arc::default());
        Self { folder, journal, outside, in_doubt, declared: None, mode }
    }

    fn host(&self, journal: &Arc<dyn Journal>) -> Host {
        let mut scribe = scene::steps_plugin("scribe");
        scribe.in_doubt = self.in_doubt;
        scribe.declared = self.declared;
        let file = format!("file={}/desk:{}", self.folder.path().display(), self.mode);
        let agent = AgentSpec::new("scribe", "scribe").grant(grant(&file)).grant(grant("log"));
        let root = AgentSpec::new("root", "steps")
            .grant(grant("agent=scribe"))
            .grant(grant("log"))
            .grant(grant("human"))
            .grant(grant("http=http://outside.example/*"))
            .lend(grant(&file));
        let builder = crate::stage::builder().without_pool().http(self.outside.clone());
        let builder = builder.plugin(scene::steps_plugin("steps")).plugin(scribe).agent(root).agent(agent);
        build(builder.durable(Durability::new(journal.clone()).park_after(Some(std::time::Duration::from_millis(2)))))
    }

    fn book(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("desk/book")).unwrap()
    }

    /// Lets a run end, and returns a journal in which it is as it was when the scribe was at work.
    fn cut(&self, step: &Value) -> (RunId, Arc<dyn Journal>) {
        let host = self.host(&self.journal);
        let scribe = json!({ "do": "agent", "name": "scribe", "with": { "looks": true, "steps": [step] } });
        let mut started =
            scene::start(&host, scene::root(json!([scene::post("before"), scribe, scene::post("after")])));
        let (run, end) = (started.id, block(started.wait()));
        assert_eq!(end.state, RunState::Done, "{end:?}");
        let events = scene::events(&self.journal, run);
        let at_work = FramePath::root().child(1);
        let ended =
            |event: &priory::core::Envelope| event.frame == at_work && matches!(event.event, Event::FrameEnded { .. });
        let count = events.iter().position(ended).expect("the scribe has ended");
        (run, scene::cut(&self.journal, run, &events[..count]))
    }

    fn turn(&self, journal: &Arc<dyn Journal>, run: RunId) -> RunEnd {
        scene::turn(&self.host(journal), run)
    }
}

fn append() -> Value {
    json!({ "do": "append", "path": "/desk/book", "text": "again. " })
}

#[test]
fn a_write_that_was_cut_is_in_doubt() {
    let scene = Scene::new(InDoubt::Fail, "write");
    let (run, journal) = scene.cut(&append());
    let end = scene.turn(&journal, run);
    let told = output(&end)["results"][1]["failure"].as_str().map(str::to_owned);
    assert_eq!((told.as_deref(), &*scene.book()), (Some("in doubt: agent scribe"), "once. again. "));
    // The run goes on all the same, and its program decides what that means.
    scene.outside.did_once(2);
}

#[test]
fn a_person_decides_about_a_write_that_was_cut() {
    for (answer, book) in [("repeat", "once. again. again. "), ("fail", "once. again. ")] {
        let scene = Scene::new(InDoubt::Ask, "write");
        let (run, journal) = scene.cut(&append());
        let end = scene.turn(&journal, run);
        assert_eq!((end.state, end.waits.len()), (RunState::Parked, 1), "{end:?}");
        // Killed and taken up again it asks no second question.
        let again = scene.turn(&journal, run);
        assert_eq!(again.waits, end.waits);
        assert_eq!(scene.book(), "once. again. ");
        let host = scene.host(&journal);
        assert!(scene::reply(&journal, &host, run, &end.waits[0], json!("perhaps")).is_err());
        scene::reply(&journal, &host, run, &end.waits[0], json!(answer)).unwrap();
        let end = scene.turn(&journal, run);
        let failure = output(&end)["results"][1]["failure"].as_str().map(str::to_owned);
        assert_eq!((end.state, failure.is_some(), &*scene.book()), (RunState::Done, answer == "fail", book), "{end:?}");
        scene.outside.did_once(2);
    }
}

#[test]
fn a_write_that_may_be_repeated_is_repeated() {
    for (in_doubt, declared) in [(InDoubt::Repeat, None), (InDoubt::Fail, Some(Nature::Repeatable))] {
        let scene = Scene { declared, ..Scene::new(in_doubt, "write") };
        let (run, journal) = scene.cut(&append());
        let end = scene.turn(&journal, run);
        assert_eq!((end.state, &*scene.book()), (RunState::Done, "once. again. again. "), "{end:?}");
        scene.outside.did_once(2);
    }
}

#[test]
fn reading_that_was_cut_starts_again() {
    let scene = Scene::new(InDoubt::Fail, "read");
    let (run, journal) = scene.cut(&json!({ "do": "read", "path": "/desk/book" }));
    // What it would read now is something else than what it read then, and nobody has used that.
    std::fs::write(scene.folder.path().join("desk/book"), "later. ").unwrap();
    let end = scene.turn(&journal, run);
    let mut result = output(&end);
    assert_eq!(result["results"][1]["results"], json!(["later. "]), "{end:?}");
    scene::saw_the_same(&scene::events(&journal, run), &mut result);
    let host = scene.host(&journal);
    let replayed = block(host.replay(scene::events(&journal, run), Arc::new(priory::record::Silent))).unwrap();
    assert_eq!(replayed, priory::Replayed::Same);
    scene.outside.did_once(2);
}
