// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models from the command line: `models`, and runs that ask one. All of them are scripted, and say so.

use serde_json::{Value, json};

use crate::stage::{Home, path};

/// A workflow without any plugin: it asks a model for a draft, and another for a number that fits a schema.
pub const PROJECT: &str = r#"
name = "thinks"
default-model = "fast"

[inputs.question]

[providers.scripted]

[models.fast]
provider = "scripted"
script = "fast.toml"
price = { input = "1", output = "10" }

[models.exact]
provider = "scripted"
script = "exact.toml"

[workflows.answer]
result = "{'draft': draft, 'grade': grade.grade}"

[workflows.answer.nodes]
draft = { model = { system = "Be brief.", prompt = "{input.question}" } }

[workflows.answer.nodes.grade]
model = { name = "exact", prompt = "Grade: {draft}" }
output-schema = { type = "object", required = ["grade"], properties = { grade = { type = "integer" } } }
"#;

/// Writes the project, and what its models say.
pub fn project(home: &Home, text: &str) {
    home.write("priory.toml", text);
    let fast = "[[rule]]\nwhen.user-contains = \"sky\"\nsay.text = \"Blue.\"\nsay.usage = { input = 1000, output = 50 }\n\
                [[rule]]\nsay.text = \"I do not know.\"\nsay.usage = { input = 10, output = 5 }\n";
    home.write("fast.toml", fast);
    let exact = "[[rule]]\nwhen.user-contains = \"refused\"\nsay.json = { grade = 5 }\n\
                 [[rule]]\nwhen.user-contains = \"Grade\"\nsay.json = { grade = \"high\" }\n\
                 [[rule]]\nsay.failure = { kind = \"unavailable\", reason = \"it is tired\", retriable = true }\n";
    home.write("exact.toml", exact);
}

fn asks() -> [&'static str; 3] {
    ["run", "--question", "Why is the sky blue?"]
}

#[test]
fn a_workflow_asks_models_and_says_what_they_took() {
    let home = Home::new();
    project(&home, PROJECT);
    let ended = home.run(&asks()).exits(0);
    assert_eq!(ended.json(), json!({ "draft": "Blue.", "grade": 5 }), "what does not fit goes back to the model");
    // 1,000 tokens for 1 dollar a million, and 50 for 10: the second model has no price.
    assert!(ended.err.contains("tokens in · ") && ended.err.contains(" out · $0.0015 · run_"), "{}", ended.err);

    let shown = home.run(&["runs", "show", "@last"]).exits(0).out;
    assert!(shown.contains("fast · 1 k tokens in · 50 out · $0.0015\n"), "{shown}");
    assert!(shown.contains("window: 1 system, 1 user (29 B)"), "{shown}");
    assert!(shown.contains("model=exact"), "the grants that were used: {shown}");
    let json: Value = home.run(&["runs", "show", "@last", "--json"]).exits(0).json();
    let first = &json["frames"][0]["effects"][0];
    assert_eq!(first["spent"][0]["microusd"], 1_500);
    assert_eq!(first["window"][0], json!({ "label": "system", "messages": 1, "bytes": 9 }));
    assert_eq!(json["usage"]["money-microusd"], 1_500);
    home.run(&["runs", "replay", "@last"]).exits(0);
    let costs = home.run(&["costs", "--json"]).exits(0).json();
    assert_eq!(costs["total"]["microusd"], 1_500, "a replay costs nothing: {costs}");
}

#[test]
fn the_models_are_listed_with_where_their_keys_are() {
    let home = Home::new();
    let more = "[providers.openai]\n[providers.claude]\nkind = \"anthropic\"\nkey = { file = \"key\" }\n\
                [models.gpt]\nprovider = \"openai\"\nid = \"gpt-5-mini\"\ncontext-tokens = 400_000\n\
                price = { input = \"0.25\", output = \"2\" }\n\
                [models.claude]\nprovider = \"claude\"\nid = \"claude-sonnet\"\n";
    project(&home, &format!("{PROJECT}{more}"));
    home.write("key", "sk-ant-secret-in-a-file");
    let list = |key: &str| {
        let mut command = home.command(&home.path(), &["models", "list"]);
        command.env("OPENAI_API_KEY", key);
        let output = command.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = list("sk-secret-in-the-environment");
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}")).to_owned();
    assert!(line("fast *").contains("scripted") && line("fast").contains("none needed"), "{text}");
    assert!(line("gpt").contains("gpt-5-mini") && line("gpt").contains("found in env OPENAI_API_KEY"), "{text}");
    assert!(line("gpt").contains("0.25") && line("gpt").contains("400 k"), "{text}");
    assert!(line("claude").contains("found in file "), "{text}");
    assert!(!text.contains("secret-in"), "{text}");
    assert!(list("").contains("missing in env OPENAI_API_KEY"));

    let json = home.run(&["models", "list", "--json"]).exits(0).json();
    let claude = json["models"].as_array().unwrap().iter().find(|model| model["name"] == "claude").unwrap();
    assert_eq!((&claude["kind"], &claude["key"]["is-there"]), (&json!("anthropic"), &json!(true)));
    let mut check = home.command(&home.path(), &["check"]);
    let checked = check.env_remove("OPENAI_API_KEY").output().unwrap();
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success(), "a missing key is no error: {told}");
    assert!(told.contains("the key of provider `openai` is missing in env OPENAI_API_KEY; it is for `gpt`"), "{told}");
    assert!(String::from_utf8(checked.stdout).unwrap().contains("1 workflow, 4 models."));
}

#[test]
fn models_are_tried() {
    let home = Home::new();
    project(&home, PROJECT);
    let one = home.run(&["models", "test", "fast"]).exits(0).out;
    assert!(one.contains("✓ fast  ") && one.contains("10 + 5 tokens · $0.00006 · \"I do not know.\""), "{one}");
    let all = home.run(&["models", "test"]).exits(1).out;
    assert!(all.contains("✓ fast") && all.contains("✗ exact") && all.contains("it is tired"), "{all}");
    let lines = home.run(&["models", "test", "--json"]).exits(1).out;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered: Vec<bool> = lines.iter().map(|line| line["answered"].as_bool().unwrap()).collect();
    assert_eq!((answered.len(), answered.iter().filter(|answered| **answered).count()), (2, 1));
    home.run(&["models", "test", "fsat"]).exits(6).tells(&["did you mean `fast`?"]);
}

#[test]
fn a_run_may_ask_another_model() {
    let home = Home::new();
    let other = "[models.other]\nprovider = \"scripted\"\nscript = \"other.toml\"\n";
    project(&home, &format!("{PROJECT}{other}"));
    home.write("other.toml", "[[rule]]\nsay.text = \"Green.\"\n");
    let ended = home.run(&[&asks()[..], &["--model", "other"]].concat()).exits(0);
    assert_eq!(ended.json()["draft"], "Green.", "what a node names itself stays: {:?}", ended.json());
    home.run(&[&asks()[..], &["--model", "othr"]].concat()).exits(6).tells(&["did you mean `other`?"]);
}

#[test]
fn a_recorded_run_answers_for_its_models() {
    let home = Home::new();
    project(&home, PROJECT);
    let file = path(&home.path().join("tape.priory"));
    let first = home.run(&[&asks()[..], &["--record", &file]].concat()).exits(0).json();
    home.run(&[&asks()[..], &["--record", &file]].concat()).exits(1).tells(&["is there already"]);
    // Neither the manifest nor the rules are needed where it is executed again.
    std::fs::rename(home.path().join("exact.toml"), home.path().join("gone.toml")).unwrap();
    home.run_in(&home.cache().join(".."), &["runs", "replay", &file]).exits(0);
    std::fs::rename(home.path().join("gone.toml"), home.path().join("exact.toml")).unwrap();
    // From here on, the model would say something else.
    home.write("fast.toml", "[[rule]]\nsay.text = \"Red.\"\n");
    assert_eq!(home.run(&asks()).exits(0).json()["draft"], "Red.");
    let again = home.run(&[&asks()[..], &["--cassette", &file, "--json"]].concat()).exits(0);
    let last: Value = serde_json::from_str(again.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["report"]["output"], first);
    let spent: Vec<Value> = again.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let spent: Vec<&Value> = spent.iter().filter(|event| event["event"] == "spent").collect();
    assert!(!spent.is_empty() && spent.iter().all(|event| event["data"]["spent"]["is-paid"] == false), "{spent:?}");
    let costs = |home: &Home| home.run(&["costs", "--json"]).exits(0).json()["total"]["microusd"].clone();
    let before = costs(&home);
    home.run(&[&asks()[..], &["--cassette", &file]].concat()).exits(0);
    assert_eq!(costs(&home), before, "a recorded run costs nothing");

    let missed = home.run(&["run", "--question", "Why is grass green?", "--cassette", &file]).exits(1);
    missed.tells(&["the recorded run has no such request among its 3", "Why is grass green?"]);
    let pure = "name = \"x\"\nworkflows.w.nodes.a.value = \"1\"\n";
    home.write("other/priory.toml", pure);
    let other = path(&home.path().join("other"));
    let tape = path(&home.path().join("none.priory"));
    home.run(&["run", &other, "--record", &tape]).exits(0);
    home.run(&[&asks()[..], &["--cassette", &tape]].concat()).exits(1).tells(&["asked no model"]);
}

#[test]
fn what_is_spent_ends_a_run_with_the_code_of_limits() {
    let home = Home::new();
    project(&home, PROJECT);
    home.run(&[&asks()[..], &["--money", "0.000001"]].concat()).exits(5).tells(&["may spend $0.000001"]);
    project(&home, &format!("{PROJECT}[budget]\ntokens-in = 3\n"));
    let ended = home.run(&asks()).exits(5);
    ended.tells(&["may spend 3 tokens in", "raise `tokens-in` in priory.toml"]);
    project(&home, &format!("{PROJECT}[quota]\nmoney = \"0.000001\"\n"));
    home.run(&asks()).exits(5).tells(&["of [quota] in priory.toml"]);
}

#[test]
fn explain_says_who_is_asked_and_what_that_may_cost() {
    let home = Home::new();
    project(&home, &format!("{PROJECT}[quota]\nmoney = \"20\"\n[budget]\ntokens-in = 1000\n"));
    let text = home.run(&["explain"]).exits(0).out;
    for expected in [
        "draft: model\n",
        "grade: model exact\n",
        "fast (fast of scripted, the default)",
        "a call of it: not bounded",
        "a run: 1_000 tokens in",
        "all runs of a day: $20.00",
        "model=fast",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    home.run(&["graph"]).exits(0);
}

#[test]
fn a_key_is_in_nothing_that_is_written() {
    const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz";
    let home = Home::new();
    // Nobody listens there, so the request fails after the key was read.
    let more = "[providers.nobody]\nkind = \"openai\"\nurl = \"http://127.0.0.1:9/v1/\"\nkey = { env = \"NOBODYS_KEY\" }\n\
                attempts = 1\n[models.gone]\nprovider = \"nobody\"\nid = \"x\"\n";
    project(&home, &format!("{PROJECT}{more}"));
    for arguments in [
        vec!["run", "--question", "?", "--model", "gone", "--json"],
        vec!["models", "test", "gone", "--json"],
        vec!["models", "list", "--json"],
        vec!["runs", "show", "@last", "--json"],
    ] {
        let mut command = home.command(&home.path(), &arguments);
        let output = command.env("NOBODYS_KEY", KEY).env("PRIORY_LOG", "trace").output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("0123456789abcdef"), "{arguments:?} shows it:\n{told}");
    }
    for entry in std::fs::read_dir(home.data()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(16).any(|window| window == b"0123456789abcdef"), "it is in the data folder");
    }
    let wrong =
        PROJECT.replace("[providers.scripted]", &format!("[providers.openai]\nkey = \"{KEY}\"\n[providers.scripted]"));
    project(&home, &wrong);
    let refused = home.run(&["check"]).exits(3);
    let refused = refused.tells(&["a key is not written into a manifest"]);
    assert!(!refused.err.contains("0123456789abcdef"), "{}", refused.err);
}
