// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that are kept: what they wait for, how they go on in another process, and what can be seen of them.

use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Ended, Home, path, root};

/// How long a process may take to do what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A project with one agent, which does what its input `steps` lists.
struct Project {
    home: Home,
}

impl Project {
    fn new() -> Self {
        Self::with("")
    }

    /// Makes one with more in its manifest.
    fn with(more: &str) -> Self {
        static BUILT: OnceLock<()> = OnceLock::new();
        let home = Home::of_plugins();
        let steps = path(&root().join("tests/guests/steps"));
        let text = path(&root().join("plugins/text"));
        home.write(
            "priory.toml",
            format!(
                "name = \"x\"\n[inputs.steps]\n[plugins.steps]\npath = {steps:?}\n[plugins.text]\npath = {text:?}\n\
                 [agents.doer]\nplugin = \"steps\"\ngrants = {{ human = true, sleep = true, tools = [\"text.*\"] }}\n{more}"
            ),
        );
        BUILT.get_or_init(|| drop(home.run(&["build"]).exits(0)));
        Self { home }
    }

    fn run(&self, steps: &Value, more: &[&str]) -> Ended {
        let steps = steps.to_string();
        self.home.run(&[&["run", "--no-build", "--steps", &steps], more].concat())
    }

    /// Starts a run, and does not wait for its end.
    fn start(&self, steps: &Value) -> Child {
        let steps = steps.to_string();
        let mut command = self.home.command(&self.home.path(), &["run", "--no-build", "--steps", &steps]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn does(&self, arguments: &[&str]) -> Ended {
        self.home.run(arguments)
    }

    fn list(&self, more: &[&str]) -> Vec<Value> {
        self.does(&[&["runs", "list", "--json"], more].concat()).exits(0).json_lines()
    }

    /// Waits until there is a run in a state, and returns its id.
    fn await_one(&self, state: &str) -> String {
        let since = now();
        loop {
            if let Some(run) = self.list(&["--state", state]).first() {
                return run["id"].as_str().unwrap().to_owned();
            }
            assert!(since.elapsed() < PATIENCE, "no run is {state}: {:?}", self.list(&[]));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns what a parked run asks.
    fn questions(&self, run: &str) -> Vec<Value> {
        self.does(&["runs", "show", run, "--json"]).exits(0).json()["waits"].as_array().unwrap().clone()
    }
}

#[allow(clippy::disallowed_methods, reason = "a process of its own is waited for")]
fn now() -> Instant {
    Instant::now()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn similarity() -> Value {
    json!([{"do": "tool", "name": "text.similarity", "with": {"a": "one two", "b": "one two"}}])
}

#[test]
fn a_run_is_kept_unless_it_is_not_to_be() {
    let project = Project::new();
    project.does(&["runs", "list"]).exits(0).prints("").tells(&["no run is kept in "]);
    assert_eq!(project.list(&[]), Vec::<Value>::new());
    project.run(&similarity(), &["--ephemeral"]).exits(0).prints("[1.0]\n");
    assert_eq!(project.list(&[]).len(), 0);
    let ended = project.run(&similarity(), &["--label", "job=7", "--label", "of=me"]).exits(0).prints("[1.0]\n");
    let runs = project.list(&["--label", "job=7", "--state", "done", "--program", "doer"]);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let id = runs[0]["id"].as_str().unwrap();
    assert!(ended.err.trim_end().ends_with(id), "{}", ended.err);
    assert!(project.list(&["--label", "job=8"]).is_empty() && project.list(&["--until", "1h"]).is_empty());
    let table = project.does(&["runs", "list"]).exits(0);
    let (heading, row) = table.out.split_once('\n').unwrap();
    assert!(heading.starts_with("RUN ") && heading.contains(" STARTED (UTC) ") && !table.out.contains('\u{1b}'));
    assert!(row.starts_with(&format!("{id}  done   agent doer  ")) && row.contains("  job=7 of=me"), "{row}");

    let shown = project.does(&["runs", "show", "@last"]).exits(0);
    let parts = [
        "run      run_",
        "state    done",
        "program  agent doer",
        "seed     ",
        "plugin   agent doer blake3:",
        "labels   job=7 of=me",
        "✓ 0 agent doer",
        "  ✓ 0.0 tool text.similarity {",
        "→ 1",
        "result  [1.0]",
    ];
    let mut rest = shown.out.as_str();
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is not shown: {}", shown.out)).1;
    }
    let seen = project.does(&["runs", "show", &id[4..20], "--json"]).exits(0).json();
    assert_eq!(seen["frames"][0]["effects"][0]["effect"]["effect"], "tool-call");
    assert_eq!(seen["frames"][1]["program"]["name"], "text.similarity");
    let verified = project.does(&["runs", "verify", "--all"]).exits(0);
    assert!(verified.out.starts_with(&format!("{id} intact: ")), "{verified:?}");
    let watched = project.does(&["runs", "watch", id, "--json"]).exits(0).json_lines();
    assert_eq!(watched.len() as u64, runs[0]["events"].as_u64().unwrap());
    assert_eq!(watched.last().unwrap()["event"], "run-ended");
}

#[test]
fn a_question_parks_a_run_until_it_is_answered_once() {
    let project = Project::new();
    let schema = json!({"type": "object", "properties": {"pages": {"type": "integer"}}, "required": ["pages"]});
    let ask = json!({"do": "ask", "text": "How long?", "schema": schema, "who": ["ada"], "expires-ms": 3_600_000});
    let asked = project.run(&json!([ask]), &[]).exits(7).prints("");
    let run = project.await_one("parked");
    let question = project.questions(&run)[0]["question"].as_str().unwrap().to_owned();
    let line = format!("priory answer {run} {question} ANSWER --by ada\n");
    asked.tells(&["is parked: it waits for 1 answer\n", &question, "    How long?\n", "for ada\n", "until 2", &line]);

    let answer = |answer: &str, by: &str| project.does(&["answer", &run, &question, answer, "--by", by]);
    answer(r#"{"pages":"3"}"#, "ada").exits(2).prints("").tells(&["/pages", "hint: the question is still open"]);
    answer(r#"{"pages":3}"#, "bob").exits(1).prints("").tells(&["bob may not answer", "--by NAME", "ada"]);
    answer(r#"{"pages":3}"#, "ada").exits(0).prints("[[{\"pages\":3},\"ada\"]]\n");
    answer(r#"{"pages":4}"#, "ada").exits(6).prints("").tells(&["asks nothing: it is done"]);
    assert_eq!(project.list(&[]).len(), 1);
}

#[test]
fn each_of_several_questions_has_its_answer() {
    let project = Project::new();
    let both = json!([{"do": "all", "steps": [{"do": "ask", "text": "A?"}, {"do": "ask", "text": "B?"}]}]);
    let parked = project.run(&both, &["--json"]).exits(7).json_lines();
    let last = parked.last().unwrap();
    assert_eq!((&last["event"], &last["exit"], &last["state"]), (&json!("result"), &json!(7), &json!("parked")));
    assert_eq!(last["waits"].as_array().unwrap().len(), 2);
    let run = last["run"].as_str().unwrap();
    project.does(&["answer", run, "yes"]).exits(2).tells(&["asks several questions", "A?", "B?"]);
    let questions = project.questions(run);
    let second = questions.iter().find(|question| question["text"] == "B?").unwrap()["question"].as_str().unwrap();
    project.does(&["answer", run, second, "text b", "--by", "me"]).exits(7).tells(&["waits for 1 answer", "A?"]);
    let ended = project.does(&["runs", "answer", run, "true", "--by", "me", "--no-resume"]).exits(0).prints("");
    ended.tells(&["is answered", "priory runs resume"]);
    project.run(&json!([]), &[]).exits(0).tells(&["1 run left open: `priory runs resume --all`"]);
    let resumed = project.does(&["runs", "resume", "--all"]).exits(0);
    assert!(resumed.out.contains(&format!("{run}  done   [[")), "{resumed:#?}");
    let report = &project.does(&["runs", "show", run, "--json"]).exits(0).json()["result"]["report"]["output"];
    assert_eq!(*report, json!([[true, "text b"]]));
}

#[test]
fn a_decision_has_words_of_its_own() {
    let project = Project::new();
    let ask = |kind: &str, more: Value| {
        let mut ask = json!({"do": "ask", "text": "May it?", "kind": kind});
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([ask])
    };
    let parked = |steps: &Value| {
        let ended = project.run(steps, &[]).exits(7).prints("");
        (project.await_one("parked"), ended)
    };
    let (run, told) = parked(&ask("approve", json!({"about": {"price": 5}})));
    told.tells(&[
        "    May it?\n    it is about\n      {\n        \"price\": 5\n      }\n",
        " --approve\n",
        " --reject\n",
    ]);
    project.does(&["answer", &run, "perhaps"]).exits(2).tells(&["a decision is expected"]);
    project.does(&["answer", &run]).exits(2).tells(&["there is no answer"]);
    project
        .does(&["answer", &run, "--choose", "x"])
        .exits(2)
        .tells(&["approved or rejected: use --approve or --reject [REASON]"]);
    let rejected = project.does(&["answer", &run, "--by", "me", "--reject", "too dear"]).exits(0);
    assert_eq!(rejected.json(), json!([[{"decision": "reject", "reason": "too dear"}, "me"]]));
    let (run, told) = parked(&ask("choose", json!({"options": ["tea", "black coffee"]})));
    told.tells(&["    - tea\n    - black coffee\n", " --choose tea\n", " --choose 'black coffee'\n"]);
    let shown = project.questions(&run).remove(0);
    assert_eq!((&shown["kind"], &shown["options"]), (&json!("choose"), &json!(["tea", "black coffee"])));
    let chosen = project.does(&["answer", &run, "--by", "me", "--choose", "black coffee"]).exits(0);
    assert_eq!(chosen.json(), json!([["black coffee", "me"]]));
    let (run, _) = parked(&ask("edit", json!({"about": {"n": 1}})));
    let edited = path(&project.home.write("edited.json", "{\"n\": 2}"));
    project.does(&["answer", &run, "--approve", "--edit", &edited]).exits(2);
    let ended = project.does(&["answer", &run, "--by", "me", "--edit", &edited]).exits(0);
    assert_eq!(ended.json(), json!([[{"decision": "edit", "value": {"n": 2}}, "me"]]));
}

#[test]
fn a_run_is_answered_where_it_runs() {
    let project = Project::new();
    let steps = json!([
        {"do": "ask", "text": "How many?", "schema": {"type": "integer"}},
        {"do": "ask", "text": "Which?", "kind": "choose", "options": ["tea", "coffee"]},
        {"do": "ask", "text": "And this?"},
    ])
    .to_string();
    for more in [&[][..], &["--ephemeral"]] {
        let arguments = [&["run", "--no-build", "--answer", "--steps", &steps], more].concat();
        let mut command = project.home.command(&project.home.path(), &arguments);
        command.env("USER", "ada").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut typed = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut typed, b"many\n3\n2\nthis and that\n").unwrap();
        let ended = Ended::of(&arguments, &child.wait_with_output().unwrap());
        drop(typed);
        let out = json!([[3, "ada"], ["coffee", "ada"], ["this and that", "ada"]]);
        assert_eq!(ended.exits(0).json(), out);
    }
}

#[test]
fn a_grant_may_ask_a_person() {
    let project = Project::new();
    project.home.write(
        "priory.toml",
        std::fs::read_to_string(project.home.path().join("priory.toml"))
            .unwrap()
            .replace("tools = [\"text.*\"]", "tools = [{ allow = \"text.*\", ask = true }]"),
    );
    project.does(&["explain", "doer", "--no-build"]).exits(0);
    let explained = project.does(&["explain", "doer", "--no-build"]).exits(0);
    assert!(explained.out.contains("tool=text.*  (a person approves each use)"), "{explained:?}");
    let checked = project.does(&["check", "--no-build"]).exits(0);
    assert!(checked.out.contains("1 grant asks a person"), "{checked:?}");
    let parked = project.run(&similarity(), &[]).exits(7).prints("");
    parked.tells(&["wants to use tool text.similarity. May it?", "\"arguments\": {", "--approve", "--reject"]);
    project.does(&["answer", "@last", "--approve"]).exits(0).prints("[1.0]\n");
    project.run(&similarity(), &[]).exits(7);
    let rejected = project.does(&["answer", "@last", "--by", "ada", "--reject", "too dear"]).exits(0);
    assert!(rejected.out.contains("is denied by ada (too dear)"), "{rejected:?}");
}

#[test]
fn a_timer_outlives_the_process_that_set_it() {
    let project = Project::new();
    // It is long enough to be parked and killed before, and short enough to be waited for.
    let killed = project.start(&json!([{"do": "sleep", "ms": 3_000}, {"do": "sleep", "ms": 1}]));
    let run = project.await_one("parked");
    let busy = project.run(&similarity(), &[]).exits(8).prints("");
    busy.tells(&[&format!(" is in use by another process (process {})", killed.id()), "--data DIR", "--ephemeral"]);
    project.run(&similarity(), &["--ephemeral"]).exits(0);
    let other = path(&project.home.path().join("other"));
    project.run(&similarity(), &["--data", &other]).exits(0);
    kill(killed);
    project.does(&["runs", "resume", "--all", "--wait"]).exits(0).tells(&[&format!("{run} done")]);
    let shown = project.does(&["runs", "show", &run, "--json"]).exits(0).json();
    assert_eq!(shown["result"]["report"]["output"], json!([null, null]));
    assert_eq!(project.list(&["--state", "done"]).len(), 1);
}

#[test]
fn a_run_may_be_left_to_its_timer() {
    let project = Project::new();
    let sleep = json!([{"do": "sleep", "ms": 3_600_000}]);
    let left = project.run(&sleep, &["--wait", "0"]).exits(7).prints("");
    left.tells(&["is parked: it waits for 1 timer", "timer of frame 0, due 2", "priory runs resume run_"]);
    let run = project.await_one("parked");
    project.does(&["runs", "resume", "--all"]).exits(7).tells(&[&format!("{run} stays parked: it waits for 1 timer")]);
    project.does(&["runs", "resume", &run]).exits(7).tells(&["is parked"]);
    project.does(&["answer", &run, "yes"]).exits(6).tells(&["asks nothing: it is parked"]);
    project.does(&["runs", "prune", "--keep", "0"]).exits(0).prints("0 runs with 0 B removed\n");
    project.does(&["runs", "cancel", &run]).exits(0).tells(&[&format!("{run} is cancelled")]);
    project.does(&["runs", "cancel", &run]).exits(1).tells(&["has ended: it is cancelled"]);
    project.does(&["runs", "resume", &run]).exits(1).tells(&["has ended: it is cancelled"]);
    project.does(&["runs", "prune", "--keep", "0", "--dry-run"]).exits(0).prints(&format!("{run}\n"));
    assert_eq!(project.list(&[]).len(), 1);
    let pruned = project.does(&["runs", "prune", "--keep", "0"]).exits(0);
    assert!(pruned.out.starts_with("1 run with "), "{pruned:?}");
    assert_eq!(project.list(&[]).len(), 0);
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_a_run_to_its_timer() {
    let project = Project::new();
    let mut child = project.start(&json!([{"do": "sleep", "ms": 3_600_000}]));
    project.await_one("parked");
    let interrupted = std::process::Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(7));
    project.await_one("parked");
}

#[test]
fn a_manifest_says_how_many_runs_are_kept() {
    let project = Project::with("[runs]\nkeep-count = 2\n");
    for _ in 0..4 {
        project.run(&json!([]), &[]).exits(0);
    }
    assert_eq!(project.list(&[]).len(), 2);
}

#[test]
fn a_run_is_found_by_what_it_is_called() {
    let project = Project::new();
    project.does(&["runs", "show", "@last"]).exits(6).tells(&["no run is kept"]);
    project.run(&json!([]), &[]).exits(0);
    project.run(&json!([]), &[]).exits(0);
    project.does(&["runs", "show", "run_0"]).exits(2).tells(&["the beginning of several runs", "run_", "run_"]);
    project.does(&["runs", "show", "run_7ZZ"]).exits(6).tells(&["there is no run `run_7ZZ`", "priory runs list"]);
    project.does(&["runs", "show", "run_00000000000000000000000000"]).exits(6).tells(&["there is no run run_0"]);
    project.does(&["runs", "show", "last!"]).exits(2).tells(&["`last!` names no run"]);
    project.does(&["runs", "verify"]).exits(2);
    project.does(&["runs", "prune"]).exits(2).tells(&["nothing says what is to be removed"]);
}
