// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens by itself: events, triggers, and the process that serves a folder.

use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Ended, Home, path, root};

/// How long a process may take to do what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A project whose agent does what its input `steps` lists.
struct Shop {
    home: Home,
}

impl Shop {
    /// Makes one with some triggers.
    fn new(triggers: &str) -> Self {
        static BUILT: OnceLock<()> = OnceLock::new();
        let home = Home::of_plugins();
        let steps = path(&root().join("tests/guests/steps"));
        let agent = "plugin = \"steps\"\ngrants = { sleep = true, events = [\"*\"], agents = [\"clerk\"] }";
        home.write(
            "priory.toml",
            format!(
                "name = \"shop\"\nentry = \"clerk\"\n[inputs.steps]\n[plugins.steps]\npath = {steps:?}\n\
                 [agents.clerk]\n{agent}\n[agents.caller]\n{agent}\n{triggers}"
            ),
        );
        BUILT.get_or_init(|| drop(home.run(&["build"]).exits(0)));
        Self { home }
    }

    fn does(&self, arguments: &[&str]) -> Ended {
        self.home.run(arguments)
    }

    fn run(&self, steps: &Value, more: &[&str]) -> Ended {
        let steps = steps.to_string();
        self.does(&[&["run", "--no-build", "--steps", &steps], more].concat())
    }

    /// Serves the folder once, and returns what was told, without when.
    fn serve(&self) -> Vec<Value> {
        let told = self.does(&["serve", "--once", "--no-build", "--json"]).exits(0).json_lines();
        told.into_iter().map(without_time).collect()
    }

    /// Serves the folder until somebody stops it.
    fn start(&self) -> Child {
        let mut command = self.home.command(&self.home.path(), &["serve", "--no-build"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn runs(&self, more: &[&str]) -> Vec<Value> {
        self.does(&[&["runs", "list", "--json"], more].concat()).exits(0).json_lines()
    }

    fn await_runs(&self, count: usize, more: &[&str]) -> Vec<Value> {
        let since = now();
        loop {
            let runs = self.runs(more);
            if runs.len() >= count {
                return runs;
            }
            assert!(since.elapsed() < PATIENCE, "{more:?}: {:?}", self.runs(&[]));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn input(&self, run: &Value) -> Value {
        let run = run["id"].as_str().unwrap();
        self.does(&["runs", "show", run, "--json"]).exits(0).json()["started"]["input"].clone()
    }
}

#[allow(clippy::disallowed_methods, reason = "a process of its own is waited for")]
fn now() -> Instant {
    Instant::now()
}

fn without_time(mut told: Value) -> Value {
    told.as_object_mut().unwrap().remove("unix-ms").unwrap();
    told
}

fn kinds(told: &[Value]) -> Vec<&str> {
    told.iter().map(|told| told["told"].as_str().unwrap()).collect()
}

/// Writes steps as a text of a manifest.
fn steps(steps: &Value) -> String {
    format!("'{steps}'")
}

fn placed(does: &Value, more: &str) -> String {
    format!(
        "[triggers.placed]\nevent = \"order.placed\"\nmatching = {{ shop = \"north\" }}\nstart = \"clerk\"\n\
         input = {{ steps = {}, order = \"{{event.data.order}}\" }}\n{more}",
        steps(does)
    )
}

#[test]
fn an_event_starts_one_run() {
    let shop = Shop::new(&placed(&json!([]), ""));
    shop.does(&["emit", "order.placed", r#"{"shop": "north", "order": 17}"#, "--id", "order-17"])
        .exits(0)
        .prints("order-17\n");
    shop.does(&["emit", "order.placed", r#"{"shop": "south", "order": 18}"#]).exits(0);
    shop.does(&["events", "list"]).exits(0).prints("").tells(&["2 events on the way", "no event was published"]);
    let told = shop.serve();
    assert_eq!(kinds(&told), ["serving", "event", "event", "started", "run"], "{told:?}");
    assert_eq!((&told[1]["id"], &told[1]["data"]["order"]), (&json!("order-17"), &json!(17)));
    assert_eq!((&told[3]["trigger"], &told[4]["state"]), (&json!("placed"), &json!("done")));
    assert_eq!(told[3]["run"], told[4]["run"]);
    let runs = shop.runs(&["--label", "trigger=placed"]);
    assert_eq!((runs.len(), &shop.input(&runs[0])), (1, &json!({ "steps": "[]", "order": 17 })), "{runs:?}");

    // The same again says nothing new, and another one under its id is put aside.
    shop.does(&["emit", "order.placed", r#"{"shop": "north", "order": 17}"#, "--id", "order-17"]).exits(0);
    shop.does(&["emit", "order.placed", r#"{"shop": "north", "order": 99}"#, "--id", "order-17"]).exits(0);
    let told = shop.serve();
    assert_eq!(kinds(&told), ["serving", "event", "refused"], "{told:?}");
    assert_eq!(told[1]["new"], false);
    assert!(told[2]["reason"].as_str().unwrap().contains("another event was published under the id"));
    assert_eq!(kinds(&shop.serve()), ["serving"]);
    assert_eq!(shop.runs(&[]).len(), 1);

    let listed = shop.does(&["events", "list", "--json"]).exits(0).tells_only("").json_lines();
    assert_eq!(listed.iter().map(|event| event["position"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(listed[1]["id"], "order-17");
    let table = shop.does(&["events", "list", "--name", "order.placed", "-n", "1"]).exits(0).out;
    assert!(table.starts_with("POSITION ") && table.contains(r#"{"shop": "south", "order": 18}"#), "{table}");
    let listed = shop.does(&["triggers", "list", "--json"]).exits(0).json();
    assert_eq!((&listed["last-run"], &listed["starts"]), (&runs[0]["id"], &json!("clerk")), "{listed}");
}

#[test]
fn a_run_that_waits_is_given_its_event() {
    let shop = Shop::new("");
    let waits = json!([{ "do": "await", "name": "paid", "matching": { "order": 7 } }]);
    let ended = shop.run(&waits, &[]).exits(7);
    assert!(ended.err.contains("waits for 1 event") && ended.err.contains("paid"), "{}", ended.err);
    let listed = shop.does(&["runs", "list"]).exits(0).out;
    assert!(listed.contains("  event paid"), "{listed}");
    assert_eq!(kinds(&shop.serve()), ["serving"], "nothing has come");
    shop.does(&["emit", "paid", r#"{"order": 6}"#]).exits(0);
    assert_eq!(kinds(&shop.serve()), ["serving", "event"]);
    shop.does(&["emit", "paid", r#"{"order": 7}"#, "--id", "p7"]).exits(0);
    let told = shop.serve();
    assert_eq!(kinds(&told), ["serving", "event", "taken-up", "run"], "{told:?}");
    assert_eq!((&told[3]["state"], &told[3]["result"][0]["id"]), (&json!("done"), &json!("p7")));
}

#[test]
fn runs_resume_takes_what_has_come() {
    let shop = Shop::new("");
    shop.run(&json!([{ "do": "await", "name": "paid" }]), &[]).exits(7);
    shop.run(&json!([{ "do": "emit", "name": "paid", "with": 1 }]), &[]).exits(0);
    shop.does(&["runs", "resume", "--all"]).exits(0);
    assert_eq!(shop.runs(&["--state", "done"]).len(), 2, "a run is told by another");
}

#[test]
fn one_run_starts_the_next() {
    let emits = json!([{ "do": "emit", "name": "order.sent", "key": "17", "with": { "by": "clerk" } }]);
    let more = format!(
        "[triggers.then]\nafter = \"clerk\"\nstart = \"caller\"\ninput = {{ steps = {}, why = \"{{run.result}}\" }}\n\
         [triggers.sent]\nevent = \"order.sent\"\nstart = \"caller\"\ninput = {{ steps = '[]', by = \"{{event.data.by}}\" }}\n",
        steps(&json!([]))
    );
    let shop = Shop::new(&placed(&emits, &more));
    shop.does(&["emit", "order.placed", r#"{"shop": "north"}"#]).exits(0);
    let told = shop.serve();
    let count = |kind: &str| told.iter().filter(|told| told["told"] == kind).count();
    assert_eq!((count("started"), count("run")), (3, 3), "{told:?}");
    let sent = shop.runs(&["--label", "trigger=sent"]);
    assert_eq!(shop.input(&sent[0]), json!({ "steps": "[]", "by": "clerk" }));
    let then = shop.runs(&["--label", "trigger=then"]);
    assert_eq!((then.len(), &shop.input(&then[0])["why"]), (1, &json!(["order.sent/17"])));
    assert_eq!(kinds(&shop.serve()), ["serving"], "the end of the caller starts nothing");
}

#[test]
#[cfg(unix)]
fn a_folder_is_served_until_somebody_stops_it() {
    let shop = Shop::new(&placed(&json!([{ "do": "sleep", "ms": 1 }]), ""));
    let mut child = shop.start();
    shop.does(&["emit", "order.placed", r#"{"shop": "north", "order": 1}"#]).exits(0);
    shop.await_runs(1, &["--state", "done"]);
    shop.does(&["serve", "--once", "--no-build"]).exits(8).tells(&["is in use by another process"]);
    shop.does(&["emit", "order.placed", r#"{"shop": "north", "order": 2}"#]).exits(0);
    shop.await_runs(2, &["--state", "done"]);
    signal(&child, "TERM");
    let status = child.wait().unwrap();
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut told).unwrap();
    assert_eq!(status.code(), Some(0), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].contains(" serving ") && lines[0].ends_with(" with 1 trigger"), "{told}");
    assert!(lines.iter().any(|line| line.contains(" placed started run_") && line.ends_with(" clerk")), "{told}");
    assert!(lines.last().unwrap().ends_with(" stopped"), "{told}");
}

#[test]
#[cfg(unix)]
fn what_a_killed_server_left_goes_on_and_starts_once() {
    let slow = json!([{ "do": "wasi-sleep", "ms": 1_500 }, { "do": "emit", "name": "order.sent", "with": 1 }]);
    let shop = Shop::new(&placed(&slow, ""));
    let mut child = shop.start();
    shop.does(&["emit", "order.placed", r#"{"shop": "north"}"#]).exits(0);
    shop.await_runs(1, &["--state", "open"]);
    signal(&child, "KILL");
    child.wait().unwrap();
    let told = shop.serve();
    assert!(kinds(&told).contains(&"taken-up"), "{told:?}");
    let since = now();
    // It rests until its timer is due, and whoever serves once does not wait for that.
    while shop.runs(&["--state", "done"]).is_empty() {
        assert!(since.elapsed() < PATIENCE, "{:?}", shop.runs(&[]));
        shop.serve();
    }
    assert_eq!(shop.runs(&[]).len(), 1);
    let sent = shop.does(&["events", "list", "--name", "order.sent", "--json"]).exits(0).json_lines();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["from"]["run"], shop.runs(&[])[0]["id"]);
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Two workflows that ask: one does nothing else, and a branch of the other keeps it in memory meanwhile.
fn asking() -> String {
    let nap = json!(json!([{ "do": "wasi-sleep", "ms": 2_000 }]).to_string());
    format!(
        r#"
[triggers.placed]
event = "order.placed"
start = "sign"
input = {{ steps = '[]' }}
[triggers.large]
event = "order.large"
start = "weigh"
input = {{ steps = '[]' }}
[workflows.sign.nodes]
ask.human = {{ kind = "approve", text = "Send it?", who = ["ada"] }}
[workflows.weigh]
result = "both"
[workflows.weigh.nodes]
both.parallel = {{ branches = ["asked", "nap"] }}
asked.human = {{ kind = "approve", text = "Send it?" }}
nap = {{ agent = "clerk", with = '{{"steps": {nap}}}' }}
"#
    )
}

#[test]
#[cfg(unix)]
fn whoever_serves_a_folder_takes_answers() {
    let shop = Shop::new(&asking());
    let mut child = shop.start();
    shop.does(&["emit", "order.placed"]).exits(0);
    let run = shop.await_runs(1, &["--state", "parked"])[0]["id"].as_str().unwrap().to_owned();
    // Who may answer is checked where the run is, and told as ever.
    let wrong = ["answer", &run, "--approve", "--by", "bob"];
    let refused = shop.does(&wrong).exits(1).tells(&["bob may not answer", "--by NAME; it may be ada"]).err;
    shop.does(&["answer", &run, "perhaps", "--by", "ada"]).exits(2).tells(&["a decision is expected"]);
    shop.does(&["answer", &run, "q_0000000000000000", "--approve"]).exits(6).tells(&["does not ask"]);
    signal(&child, "KILL");
    child.wait().unwrap();
    shop.does(&wrong).exits(1).tells_only(&refused);

    let mut child = shop.start();
    shop.does(&["emit", "order.placed"]).exits(0);
    shop.await_runs(2, &["--state", "parked"]);
    let answered = shop.does(&["answer", &run, "--approve", "--by", "ada"]).exits(0);
    assert_eq!(answered.json(), json!({ "steps": "[]" }), "what was approved");
    let done = shop.runs(&["--state", "done"]);
    assert_eq!((done.len(), done[0]["id"].as_str()), (1, Some(&*run)));
    shop.does(&["answer", &run, "--approve", "--by", "ada"]).exits(6).tells(&["asks nothing: it is done"]);

    let other = shop.runs(&["--state", "parked"])[0]["id"].as_str().unwrap().to_owned();
    shop.does(&["runs", "cancel", &other]).exits(0).tells_only(&format!("{other} is cancelled\n"));
    assert_eq!(shop.runs(&["--state", "cancelled"])[0]["id"], *other);
    shop.does(&["runs", "cancel", &other]).exits(1).tells(&["has ended: it is cancelled"]);

    let left = std::fs::read_dir(shop.home.data().join("requests")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["served"], "every request and reply is removed");
    signal(&child, "TERM");
    child.wait().unwrap();
}

#[test]
#[cfg(unix)]
fn a_run_in_the_memory_of_another_process_is_answered() {
    let shop = Shop::new(&asking());
    let mut child = shop.start();
    shop.does(&["emit", "order.large"]).exits(0);
    let run = shop.await_runs(1, &[])[0]["id"].as_str().unwrap().to_owned();
    let since = now();
    let answered = loop {
        let ended = shop.does(&["answer", &run, "--approve", "--json"]);
        if ended.code == Some(0) {
            break ended;
        }
        // It has not asked yet.
        assert!(ended.code == Some(6) && since.elapsed() < PATIENCE, "{ended:?}");
    };
    let last = answered.json_lines().pop().unwrap();
    assert_eq!((&last["event"], &last["state"]), (&json!("result"), &json!("done")), "{last}");
    assert_eq!(last["report"]["output"], json!({ "asked": { "steps": "[]" }, "nap": [null] }), "{last}");
    signal(&child, "TERM");
    child.wait().unwrap();
}

#[test]
#[cfg(unix)]
fn whoever_serves_nothing_takes_no_answers() {
    let shop = Shop::new("");
    let steps = json!([{ "do": "sleep", "ms": 600_000 }]).to_string();
    let mut command = shop.home.command(&shop.home.path(), &["run", "--no-build", "--steps", &steps]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    shop.await_runs(1, &["--state", "parked"]);
    let refused = ["is in use by another process", "does not take requests, as `priory serve` does"];
    shop.does(&["answer", "@last", "--approve"]).exits(8).tells(&refused);
    shop.does(&["runs", "cancel", "@last"]).exits(8).tells(&refused);
    signal(&child, "KILL");
    child.wait().unwrap();
}

#[test]
fn schedules_are_shown_and_wait_for_their_time() {
    let shop = Shop::new(
        "[triggers.daily]\nschedule = \"0 7 * * MON-FRI\"\nzone = \"Europe/Berlin\"\nstart = \"clerk\"\ninput = { steps = '[]' }\n",
    );
    assert_eq!(kinds(&shop.serve()), ["serving"], "a trigger begins when it is first seen");
    let listed = shop.does(&["triggers", "list", "--json"]).exits(0).json();
    assert_eq!(listed["when"], "0 7 * * MON-FRI Europe/Berlin");
    assert!(listed["next-unix-ms"].as_u64().is_some_and(|next| next > 1_790_000_000_000), "{listed}");
    let table = shop.does(&["triggers", "list"]).exits(0).out;
    assert!(
        table.starts_with("TRIGGER ") && table.contains("daily    0 7 * * MON-FRI Europe/Berlin  clerk   in "),
        "{table}"
    );
}

#[test]
fn what_is_no_event_is_refused() {
    let shop = Shop::new("");
    shop.does(&["emit", "Order Placed"]).exits(2).prints("").tells(&["cannot name an event", "order.placed"]);
    shop.does(&["emit", "a", "{order: 17}"]).exits(2).prints("").tells(&["not JSON", "quote it for the shell"]);
    shop.does(&["emit", "a", "1", "--id", "a b"]).exits(2).prints("").tells(&["cannot be the id of an event"]);
    shop.does(&["emit", "a", "1", "--id", "@run"]).exits(2).prints("").tells(&["cannot be the id of an event"]);
    assert_eq!(kinds(&shop.serve()), ["serving"]);
    let shop = Shop::new("[triggers.t]\nevent = \"a\"\nstart = \"clrek\"\ninput = { steps = '[]' }\n");
    shop.does(&["check"]).exits(3).tells(&["there is no agent or workflow `clrek`", "did you mean `clerk`?"]);
}
