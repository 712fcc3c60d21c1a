// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be made of a run that is kept: executed again, carried elsewhere, led another way, compared, asked what if.
//!
//! The run is that of the example `brief`: an editor (frame 0) calls a researcher (0.0), a writer (0.1) and a reviewer (0.2),
//! and writes the brief down (0.3).

use std::collections::BTreeMap;
use std::path::PathBuf;

use priory::core::event::{Event, Program};
use priory::core::journal::{Batch, RunHeader, RunState};
use priory::core::{Journal, Json};
use priory::journal::{Bundle, MemoryJournal, export};
use serde_json::Value;

use crate::stage::{Ended, Home, path, root};

const QUESTION: &str = "How do bees survive the winter?";
const SEED: &str = "5eed";

/// A folder with the example's manifest, and a data folder.
struct Kept {
    home: Home,
    data: PathBuf,
}

impl Kept {
    fn new() -> Self {
        let home = Home::of_plugins();
        let example = root().join("examples/brief");
        let text = std::fs::read_to_string(example.join("priory.toml")).unwrap();
        let text = text.replace("\"../../plugins/", &format!("\"{}/plugins/", path(&root())));
        let text = text.replace("\"agents/", &format!("\"{}/agents/", path(&example)));
        home.write("priory.toml", text);
        let data = home.path().join("data");
        Self { home, data }
    }

    /// Makes one with a run in it.
    fn with_run() -> (Self, String) {
        let kept = Self::new();
        let run = kept.ask(QUESTION);
        (kept, run)
    }

    /// Asks a question, and returns the id of the run.
    fn ask(&self, question: &str) -> String {
        let docs = path(&root().join("examples/brief/docs"));
        self.does(&["run", "--no-build", "--question", question, "--folder", &docs, "--seed", SEED]).exits(0);
        self.last()
    }

    fn does(&self, arguments: &[&str]) -> Ended {
        self.does_in(&self.data, arguments)
    }

    /// Does something with another data folder.
    fn does_in(&self, data: &std::path::Path, arguments: &[&str]) -> Ended {
        let mut command = self.home.command(&self.home.path(), arguments);
        Ended::of(arguments, &command.env("PRIORY_DATA_DIR", data).output().unwrap())
    }

    fn last(&self) -> String {
        let shown = self.does(&["runs", "show", "@last", "--json"]).exits(0).json();
        shown["run"]["id"].as_str().unwrap().to_owned()
    }

    /// Returns everything that is kept of a run.
    fn whole(&self, run: &str) -> String {
        self.does(&["runs", "verify", run]).exits(0).out + &self.does(&["runs", "show", run, "--json"]).exits(0).out
    }
}

#[test]
fn a_run_is_replayed_on_another_machine() {
    let (kept, run) = Kept::with_run();
    let same = format!("{run} comes to the same, to the last bit: 22 frames, 68 effects\n");
    let replayed = kept.does(&["runs", "replay", "@last"]).exits(0);
    assert!(replayed.out.starts_with(&same), "{replayed:#?}");
    // Only what saw files is believed.
    assert!(replayed.out.contains("  tool export.write  saw files  frame 0.3\n"), "{replayed:#?}");

    kept.does(&["runs", "export", &run, "-o", "run.priory"]).exits(0).prints("run.priory\n");
    kept.does(&["runs", "export", &run, "-o", "run.priory"]).exits(1).tells(&["run.priory is there already"]);
    let elsewhere = kept.home.path().join("elsewhere");
    let replayed = kept.does_in(&elsewhere, &["runs", "replay", "run.priory", "--json"]).exits(0).json();
    assert_eq!((&replayed["result"]["verdict"], &replayed["frames"]), (&Value::from("same"), &Value::from(22)));
    assert!(!elsewhere.exists(), "a replay of a file needs no data folder");

    kept.does_in(&elsewhere, &["runs", "import", "run.priory"]).exits(0).prints(&format!("{run}\n"));
    kept.does_in(&elsewhere, &["runs", "import", "run.priory"]).exits(1).tells(&[
        &run,
        "is there already",
        "runs diff",
    ]);
    let replayed = kept.does_in(&elsewhere, &["runs", "replay", &run]).exits(0);
    assert!(replayed.out.starts_with(&same), "{replayed:#?}");
    kept.does(&["runs", "diff", &run, "run.priory"]).exits(0);
}

#[test]
fn a_file_that_was_altered_is_refused() {
    let (kept, run) = Kept::with_run();
    kept.does(&["runs", "export", &run, "-o", "run.priory"]).exits(0);
    let file = kept.home.path().join("run.priory");
    let bytes = std::fs::read(&file).unwrap();
    let elsewhere = kept.home.path().join("elsewhere");
    for at in [20, bytes.len() / 2, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        std::fs::write(&file, altered).unwrap();
        for verb in ["import", "replay"] {
            kept.does_in(&elsewhere, &["runs", verb, "run.priory"])
                .exits(3)
                .tells(&["run.priory is refused", "not as it was"]);
        }
    }
    std::fs::write(&file, "something else").unwrap();
    kept.does_in(&elsewhere, &["runs", "import", "run.priory"]).exits(3).tells(&["this is not a run"]);
    assert!(!elsewhere.exists(), "what is refused leaves nothing behind");
}

#[test]
fn a_file_from_elsewhere_touches_nothing() {
    let (kept, run) = Kept::with_run();
    kept.does(&["runs", "export", &run, "-o", "run.priory"]).exits(0);
    let file = kept.home.path().join("run.priory");
    let bundle = Bundle::read(&mut std::fs::read(&file).unwrap().as_slice()).unwrap();
    // Somebody writes down a run that only began, of a tool whose own grants let it write here.
    let mut first = bundle.events[0].clone();
    let Event::RunStarted(started) = &mut first.event else { panic!("{first:?}") };
    started.program = Program::Tool("export.write".into());
    started.input = Json::parse(r#"{"path":"evil.md","content":"x","mode":"create"}"#).unwrap();
    let header = RunHeader {
        started_unix_ms: 0,
        program: started.program.clone(),
        labels: BTreeMap::new(),
        pins: bundle.header.pins,
    };
    let journal = MemoryJournal::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let evil = runtime.block_on(async {
        for (_, bytes) in bundle.pins {
            journal.keep(bytes).await.unwrap();
        }
        let (run, events, state) = (first.run, vec![first], Some(RunState::Open));
        let batch = Batch { run, epoch: 0, first_seq: 0, events, header: Some(header), state, waits: None };
        journal.append(batch).await.unwrap();
        export(&journal, run).await.unwrap()
    });
    let mut bytes = Vec::new();
    evil.write(&mut bytes).unwrap();
    kept.home.write("evil.priory", bytes);
    let replayed = kept.does(&["runs", "replay", "evil.priory"]);
    assert!(!kept.home.path().join("evil.md").exists(), "{replayed:#?}");
    replayed.exits(0);
    // The same tool does write when its run is really taken up: it could have.
    let elsewhere = kept.home.path().join("elsewhere");
    kept.does_in(&elsewhere, &["runs", "import", "evil.priory"]).exits(0);
    kept.does_in(&elsewhere, &["runs", "resume", &run]).exits(0);
    assert!(kept.home.path().join("evil.md").exists());
    kept.does_in(&elsewhere, &["runs", "replay", &run]).exits(1).tells(&["cannot be executed again", "saw files"]);
}

#[test]
fn another_outcome_leads_to_another_result() {
    let (kept, run) = Kept::with_run();
    let before = kept.whole(&run);
    let refused = r#"outcome={"accepted":false,"reasons":["not yet"]}"#;
    let ended = kept.does(&["runs", "fork", &run, "--at", "0.2", "--set", refused]).exits(0);
    assert_eq!(ended.json()["rounds"], 2, "{ended:#?}");
    let ended = ended.tells(&["has 202 events of", "round 1: not yet"]);
    let fork = kept.last();
    assert!(fork != run && ended.err.contains(&fork), "{ended:#?}");
    assert_eq!(kept.whole(&run), before, "nothing of the parent changes");

    let compared = kept.does(&["runs", "diff", &run, &fork]).exits(1);
    let first = "first difference: step 2 of frame 0 (agent editor), another outcome\n";
    assert!(compared.out.contains(first), "{compared:#?}");
    let compared = kept.does(&["runs", "diff", &run, &fork, "--json"]).exits(1).json();
    assert_eq!(compared["differences"][0]["frame"], "0");
    assert_eq!(compared["differences"][0]["step"], 2);
    let replayed = kept.does(&["runs", "replay", &fork]).exits(0);
    assert!(replayed.out.contains("comes to the same, to the last bit"), "{replayed:#?}");

    kept.does(&["runs", "fork", &run, "--at", "0.1", "--set", "failure=no paper"]).exits(1).tells(&["no paper"]);
    // Without anything set, the same happens again.
    kept.does(&["runs", "fork", &run, "--at", "0.1"]).exits(0);
    kept.does(&["runs", "diff", &run, "@last"]).exits(0).tells_only("");
}

#[test]
fn another_input_starts_anew() {
    let (kept, run) = Kept::with_run();
    let docs = path(&root().join("examples/brief/docs"));
    let input = format!(r#"input={{"question":"What is varroa?","folder":"{docs}","out":"."}}"#);
    kept.does(&["runs", "fork", &run, "--at", "1", "--set", &input]).exits(0);
    let brief = std::fs::read_to_string(kept.home.path().join("brief.md")).unwrap();
    assert!(brief.starts_with("# What is varroa?"), "{brief}");
    let compared = kept.does(&["runs", "diff", &run, "@last"]).exits(1);
    assert!(compared.out.contains("first difference: what they were started with, input\n"), "{compared:#?}");
    kept.does(&["runs", "fork", &run, "--at", "0.2", "--set", &input]).exits(2).tells(&["at the beginning", "--at 1"]);
}

#[test]
fn a_fork_has_a_place_and_a_fitting_outcome() {
    let (kept, run) = Kept::with_run();
    let fork = |more: &[&str], code: i32, told: &str| {
        let arguments = [&["runs", "fork", &run], more].concat();
        kept.does(&arguments).exits(code).tells(&[told]);
    };
    fork(&["--at", "0"], 2, "its events from 1 to 278 are where it can");
    fork(&["--at", "279"], 2, "its events from 1 to 278 are where it can");
    fork(&["--at", "0.9"], 6, "step 9 of frame 0 is not there");
    fork(&["--at", "1", "--set", "outcome=1"], 2, "event 1 is no outcome");
    fork(&["--at", "0.3", "--set", "outcome=5"], 2, "that cannot be the outcome of tool export.write");
    assert_eq!(kept.last(), run, "nothing was forked");
    fork(&["--at", "278", "--no-resume"], 0, "has 278 events");
    let listed = kept.does(&["runs", "list", "--state", "open"]).exits(0);
    assert_eq!(listed.out.lines().count(), 2, "{listed:#?}");
    kept.does(&["runs", "resume", "--all"]).exits(0);
    kept.does(&["runs", "diff", &run, "@last"]).exits(0);
}

#[test]
fn a_plugin_that_does_something_else_is_told() {
    let (kept, run) = Kept::with_run();
    let before = kept.whole(&run);
    // With the same plugins it goes on, although they are taken from the project.
    kept.does(&["runs", "fork", &run, "--at", "0.3", "--current", ".", "--no-build"]).exits(0);
    kept.does(&["runs", "diff", &run, "@last"]).exits(0);

    let manifest = kept.home.path().join("priory.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let agents = path(&root().join("examples/brief/agents"));
    let swapped = text.replace(&format!("{agents}/editor"), &format!("{agents}/researcher"));
    assert_ne!(text, swapped);
    std::fs::write(&manifest, swapped).unwrap();
    let ended = kept.does(&["runs", "fork", &run, "--at", "0.3", "--current", "--no-build"]).exits(1);
    // Both sides: what it does now, and what was recorded.
    let ended = ended.tells(&["does something else than", "at step 0 of frame 0", "files.search", "researcher"]);
    assert_eq!(ended.out, "");
    let shown = kept.does(&["runs", "show", "@last", "--json"]).exits(0).json();
    assert_eq!(shown["run"]["state"], "cancelled", "{shown:#}");
    assert_eq!(kept.whole(&run), before);
    // The run itself stays on the plugins that it began with.
    kept.does(&["runs", "replay", &run]).exits(0);
}

#[test]
fn equal_runs_do_not_differ() {
    let (kept, run) = Kept::with_run();
    let again = kept.ask(QUESTION);
    let compared = kept.does(&["runs", "diff", &run, &again]).exits(0);
    assert!(compared.out.contains("\nnothing differs\n") && !compared.out.contains("seeds"), "{compared:#?}");
    let other = kept.ask("What is varroa?");
    let compared = kept.does(&["runs", "diff", &run, &other]).exits(1);
    assert!(compared.out.contains("first difference: what they were started with, input\n"), "{compared:#?}");
}

#[test]
fn a_grant_is_thought_away() {
    let (kept, run) = Kept::with_run();
    let revoke = |more: &[&str]| kept.does(&[&["revoke", "--dry-run"], more].concat());
    let missed = |more: &[&str]| {
        let found = revoke(&[more, &["--json"]].concat()).exits(1).json_lines();
        assert_eq!((found.len(), found[0]["run"].as_str()), (1, Some(&*run)));
        found[0].clone()
    };
    let found = missed(&["tool=export.write", "--holder", "agent:editor"]);
    assert_eq!(found["fails"], true);
    let first = &found["missed"][0];
    assert_eq!((&first["site"]["frame"], &first["site"]["step"]), (&Value::from("0"), &Value::from(3)), "{found:#}");
    assert_eq!((&first["by"], &first["consequence"]), (&Value::from("agent editor"), &Value::from("fails")));
    assert_eq!(found["missed"].as_array().unwrap().len(), 1, "{found:#}");

    let shown = revoke(&["agent=researcher"]).exits(1);
    assert!(shown.out.contains("agent researcher") && shown.out.contains("refused by agent editor"), "{shown:#?}");
    shown.tells(&["1 of 1 run would have been refused something"]);
    assert_eq!(missed(&["log", "--holder", "agent:writer"])["fails"], false);

    revoke(&["tool=nothing.*"]).exits(6).tells(&["nobody had the grant tool=nothing.*"]);
    revoke(&["agent=researcher", "--holder", "plugin:files"]).exits(6).tells(&["plugin files never had the grant"]);
    revoke(&["agent=researcher", "--since", "2100-01-01"]).exits(0).tells(&["0 of 0 runs"]);
    kept.does(&["revoke", "agent=researcher"]).exits(2).tells(&["the host that executes them", "--dry-run"]);
}

#[test]
fn a_sentence_is_traced_to_its_document() {
    let (kept, run) = Kept::with_run();
    let sentence = "A colony survives the winter on the honey that it stored in summer.";
    let traced = kept.does(&["runs", "show", &run, "--lineage", sentence]).exits(0);
    let line = |part: &str| traced.out.lines().position(|line| line.contains(part)).unwrap_or(usize::MAX);
    let way = [
        "agent editor had it last, in what it asked for: tool export.write",
        "agent writer was given it; contained in /passages/0/text: “# Stores for the winter A colony",
        "agent researcher got it from tool files.read {\"path\":\"winter-stores.md\"",
        "tool files.read read it from its files",
        "read by tool files.read {\"path\":\"winter-stores.md\"",
    ];
    let order: Vec<usize> = way.iter().map(|part| line(part)).collect();
    let (from, to) = (line("agent researcher got it"), line("SOURCE"));
    assert!(order.iter().all(|at| *at < usize::MAX), "{order:?} {traced:#?}");
    assert!(order[0] < from && from < to && to < order[4], "{order:?} {traced:#?}");

    let traced = kept.does(&["runs", "show", &run, "--lineage", sentence, "--json"]).exits(0).json();
    let sources = traced["sources"].as_array().unwrap().iter();
    let sources: Vec<&Value> = sources.map(|at| &traced["chain"][at.as_u64().unwrap() as usize]).collect();
    assert!(sources.len() >= 2 && sources.iter().all(|source| source["how"] == "read"), "{traced:#}");
    assert_eq!(traced["value"], sentence);

    // A place in the result, and what nobody gave the program that made it.
    let traced = kept.does(&["runs", "show", &run, "--lineage", "/sources/0"]).exits(0);
    assert!(traced.out.starts_with("\"winter-stores.md\"\n"), "{traced:#?}");
    assert!(traced.out.contains("the result; equal to /sources/0\n"), "{traced:#?}");
    let asked = kept.does(&["runs", "show", &run, "--lineage", QUESTION]).exits(0);
    assert!(
        asked.out.contains("● event 0, frame 0: whoever started the run gave it; equal to /question"),
        "{asked:#?}"
    );
    kept.does(&["runs", "show", &run, "--lineage", "/facts/0"]).exits(6).tells(&[
        "is neither a place in the result nor a value of the run",
        "the result has /brief, /rounds, /sentences, /sources/0",
    ]);
}
