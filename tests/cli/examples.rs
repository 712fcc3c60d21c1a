// SPDX-License-Identifier: MIT OR Apache-2.0
//! The larger examples of workflows: what they write, how they go on when a person has decided, and what is done again.

use serde_json::{Value, json};

use crate::stage::{Ended, Home, path, root};

/// Runs an example, with the home as its folder for output.
fn run(home: &Home, example: &str, more: &[&str]) -> Ended {
    let out = path(&home.path());
    let arguments = ["run", "--no-build", "--out", &out];
    home.run_in(&root().join("examples").join(example), &[&arguments[..], more].concat())
}

fn read(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path().join(name)).unwrap()
}

/// Returns the calls of a run that was told in lines, each as what it calls; in the order of the alphabet.
fn calls(told: &Ended) -> Vec<String> {
    let lines = told.json_lines();
    let called = lines.iter().filter(|line| line["event"] == "intent").filter_map(|line| {
        let effect = &line["data"]["effect"]["of"];
        effect["tool"].as_str().or(effect["agent"].as_str()).map(str::to_owned)
    });
    let mut called: Vec<String> = called.collect();
    called.sort();
    called
}

/// Makes sure that the last run is as it was written, and comes to the same again.
fn comes_to_the_same(home: &Home) {
    home.run(&["runs", "verify", "@last"]).exits(0);
    home.run(&["runs", "replay", "@last"]).exits(0);
}

#[test]
fn a_workflow_writes_the_brief_that_an_agent_writes() {
    // The second question takes two drafts.
    for (question, rounds) in [("How do bees survive the winter?", 1), ("What does a queen do in June?", 2)] {
        let question = ["--question", question, "--json"];
        let homes = [Home::of_plugins(), Home::of_plugins()];
        let by_agent = run(&homes[0], "brief", &question).exits(0);
        let by_workflow = run(&homes[1], "brief-workflow", &question).exits(0);
        let output = |ended: &Ended| ended.json_lines().pop().unwrap()["report"]["output"].clone();
        assert_eq!(output(&by_workflow), output(&by_agent));
        assert_eq!(output(&by_workflow)["rounds"], rounds);
        assert_eq!(read(&homes[1], "brief.md"), read(&homes[0], "brief.md"));
        assert_eq!(calls(&by_workflow), calls(&by_agent));
        comes_to_the_same(&homes[1]);
    }
}

#[test]
fn a_workflow_fails_as_honestly_as_an_agent() {
    let home = Home::of_plugins();
    let none = run(&home, "brief-workflow", &["--question", "zyzzyva quokka?"]).exits(1).prints("");
    none.tells(&["error: output of node found at /passages: [] has less than 1 item"]);
    let empty = run(&home, "brief-workflow", &["--question", "?"]).exits(2).prints("");
    empty.tells(&["error: input of workflow brief at /question: "]);
    assert!(!home.path().join("brief.md").exists());
}

const TRIP: &str = "TB88+alfama";

/// Plans a trip up to the question, while a price changes.
fn trip() -> Home {
    let home = Home::of_example("travel");
    let ended = run(&home, "travel", &[]).exits(7);
    ended.tells(&[
        "another plan, because of new prices: NV214\n",
        "Book flight TB88 and hotel alfama for 570?",
        "priory answer",
        "--approve",
    ]);
    let held: Value = serde_json::from_str(&read(&home, "holds.json")).unwrap();
    assert_eq!(held, json!({ TRIP: { "flight": "TB88", "hotel": "alfama", "total": 570, "booked": false } }));
    home
}

#[test]
fn a_trip_is_planned_again_when_a_price_changes_and_booked_when_it_is_approved() {
    let home = trip();
    let ended = home.run(&["answer", "@last", "--approve", "--by", "ada"]).exits(0);
    assert_eq!(ended.json(), json!({ "flight": "TB88", "hotel": "alfama", "total": 570, "looks": 5 }));
    let held: Value = serde_json::from_str(&read(&home, "holds.json")).unwrap();
    assert_eq!(held[TRIP]["booked"], true);
    comes_to_the_same(&home);

    let shown = home.run(&["runs", "show", "@last"]).exits(0).out;
    let count = |part: &str| shown.matches(part).count();
    // What depends on the price was found again, and nothing else.
    assert_eq!(
        (count(" plans: agent planner "), count(" flights: agent "), count(" hotels: agent ")),
        (3, 2, 1),
        "{shown}"
    );
    assert_eq!(count("\"changed\":[\"NV214\"]"), 1, "{shown}");
    assert!(shown.contains(" by ada"), "{shown}");
}

#[test]
fn a_trip_that_is_rejected_is_held_no_longer() {
    let home = trip();
    let ended = home.run(&["answer", "@last", "--reject", "too early", "--by", "ada"]).exits(1).prints("");
    ended.tells(&["node held is undone by release", "error: ada rejected it: too early"]);
    assert_eq!(read(&home, "holds.json"), "{}\n");
    comes_to_the_same(&home);
    let shown = home.run(&["runs", "show", "@last"]).exits(0).out;
    assert!(shown.contains(" release: tool desk.release ") && !shown.contains("desk.book "), "{shown}");
}

#[test]
fn a_trip_that_is_cancelled_is_held_no_longer() {
    let home = trip();
    home.run(&["runs", "cancel", "@last"]);
    assert_eq!(read(&home, "holds.json"), "{}\n");
}

#[test]
fn a_trip_must_fit_the_budget() {
    let home = Home::of_example("travel");
    let ended = run(&home, "travel", &["--budget", "100"]).exits(1).prints("");
    ended.tells(&["a trip for 100 is not available: no flight and hotel together cost as little"]);
    assert!(!home.path().join("holds.json").exists());
}

#[test]
fn a_review_finds_what_is_wrong_and_writes_tests_that_hold() {
    let home = Home::of_example("codereview");
    let ended = run(&home, "codereview", &[]).exits(0);
    let result = ended.json();
    assert_eq!((&result["findings"], &result["rounds"]), (&json!(7), &json!(2)), "{result}");
    let review = read(&home, "review.md");
    for line in [
        "- geometry.calc:18: nobody calls `diagonal`",
        "- money.calc:6: nobody tests `discounted`",
        "- carpets.calc:5: `carpet` has 10 lines; more than 8 are hard to keep in mind",
        "- an example is wrong: `check discounted(999, 50) = 499`: it is 500, and 499 is expected",
        "- there were 3, of which 0 do not hold",
    ] {
        assert_eq!(review.lines().filter(|found| *found == line).count(), 1, "{line}: {review}");
    }
    // Its only example is not enough: it was told so, and added a call of its own.
    ended.tells(&["node write_tests is asked again", "has less than 2 items"]);
    assert_eq!(
        read(&home, "tests/around.test"),
        "# Tests of `around`.\ncheck around(3, 4) = 14\ncheck around(0, 0) = 0\n"
    );
    comes_to_the_same(&home);

    // With the tests that it proposed, and what they found put right, there is little left to say.
    let code = home.path().join("code");
    std::fs::create_dir(&code).unwrap();
    let example = root().join("examples/codereview/code");
    for file in std::fs::read_dir(example).unwrap().chain(std::fs::read_dir(home.path().join("tests")).unwrap()) {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        std::fs::write(
            code.join(file.file_name()),
            text.replace("discounted(999, 50) = 499", "discounted(999, 50) = 500"),
        )
        .unwrap();
    }
    let result = run(&home, "codereview", &["--code", &path(&code)]).exits(0).json();
    assert_eq!(result, json!({ "report": "review.md", "findings": 2, "tests": [], "rounds": 1 }));
    assert!(read(&home, "review.md").contains("- there were 13, of which 0 do not hold\n"));
}

/// Runs an example with the model that only follows rules.
fn run_scripted(home: &Home, example: &str, more: &[&str]) -> Ended {
    let arguments = ["run", "--no-build", "--model", "scripted"];
    home.run_in(&root().join("examples").join(example), &[&arguments[..], more].concat())
}

#[test]
fn an_assistant_answers_from_what_its_tools_give_back() {
    let home = Home::of_example("assistant");
    let answer = |more: &[&str]| run_scripted(&home, "assistant", more).exits(0).json().as_str().unwrap().to_owned();
    let night_train = answer(&[]);
    assert!(night_train.contains("needs no approval up to 180 euros"), "{night_train}");
    assert!(night_train.contains("[travel.md, lines "), "{night_train}");
    comes_to_the_same(&home);
    let laptops = answer(&["--task", "When are laptops replaced?"]);
    assert!(
        laptops.contains("Laptops are replaced after four years") && laptops.contains("[equipment.md, "),
        "{laptops}"
    );
    // What is in no file is not made up, and another folder has other answers.
    assert_eq!(answer(&["--task", "zyzzyva quokka?"]), "The files say nothing about it: 5 were searched.");
    home.write("notes/tea.md", "Tea is brewed for four minutes.\n");
    let tea = answer(&["--task", "How long is tea brewed?", "--folder", &path(&home.path().join("notes"))]);
    assert_eq!(tea, "Tea is brewed for four minutes.\n\n[tea.md, lines 1 to 1]");
    let told = run_scripted(&home, "assistant", &["--json"]).exits(0);
    assert_eq!(calls(&told), ["files.read", "files.search", "text.keywords"]);
}

#[test]
fn an_assistant_holds_no_key_and_asks_only_what_is_configured() {
    let home = Home::of_example("assistant");
    let example = root().join("examples/assistant");
    // Without a key there is no answer, and no provider is asked.
    let arguments = ["run", "--no-build"];
    let mut command = home.command(&example, &arguments);
    command.env_remove("OPENAI_API_KEY");
    let ended = Ended::of(&arguments, &command.output().unwrap()).exits(1).prints("");
    ended.tells(&["OPENAI_API_KEY"]);
    // What a tool refuses is told to the model, which goes on.
    let told = run_scripted(&home, "assistant", &["--task", "?"]).exits(0).json();
    assert_eq!(told, r#"I could not find it out: files.search returned an error: {"invalid":"query holds no word"}"#);
}

/// Has a question researched, up to the question to a person.
fn researched() -> Home {
    let home = Home::of_example("research");
    let out = path(&home.path());
    let ended = run_scripted(&home, "research", &["--out", &out]).exits(7);
    ended.tells(&["Publish the report of essay?", "priory answer"]);
    assert!(!home.path().join("report.md").exists());
    home
}

#[test]
fn research_is_planned_done_side_by_side_judged_and_approved() {
    let home = researched();
    let result = home.run(&["answer", "@last", "--approve", "--by", "ada"]).exits(0).json();
    let why = "It has a title, and says all that was found.";
    assert_eq!(result, json!({ "report": "report.md", "by": "essay", "why": why, "findings": 4 }));
    let report = read(&home, "report.md");
    assert!(report.starts_with("# What 30 km/h would change\n"), "{report}");
    // Each finding stands in the document and on the lines that it names.
    let docs = root().join("examples/research/docs");
    for (id, document) in
        [("accidents", "accidents.md"), ("noise", "noise.md"), ("buses", "buses.md"), ("opinion", "survey.md")]
    {
        let finding = report.split(&format!("## {id}\n\n")).nth(1).unwrap_or_else(|| panic!("{id}: {report}"));
        let (text, source) = finding.split_once('[').unwrap();
        let (lines, _) =
            source.strip_prefix(document).unwrap_or_else(|| panic!("{id}: {source}")).split_once(']').unwrap();
        let (first, last) = lines[1..].split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let whole = std::fs::read_to_string(docs.join(document)).unwrap();
        let quoted: Vec<&str> = whole.lines().skip(first - 1).take(last + 1 - first).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), quoted, "{id}");
    }
    comes_to_the_same(&home);
    let shown = home.run(&["runs", "show", "@last"]).exits(0).out;
    let count = |part: &str| shown.matches(part).count();
    assert_eq!(count(": agent researcher "), 4, "{shown}");
    assert!(shown.contains(" by ada"), "{shown}");
}

#[test]
fn research_that_is_rejected_is_not_published() {
    let home = researched();
    let ended = home.run(&["answer", "@last", "--reject", "no", "--by", "ada"]).exits(1).prints("");
    ended.tells(&["ada rejected it: no"]);
    assert!(!home.path().join("report.md").exists());
}

#[test]
fn tests_that_do_not_hold_are_reported_with_their_lines() {
    let home = Home::of_example("codereview");
    // Neither a function that calls itself for ever nor a long expression takes the checker down.
    let sum = vec!["1"; 120].join(" + ");
    home.write("code/a.calc", format!("fn ever(n)\n  return ever(n)\nend\nfn sum()\n  return {sum}\nend\n"));
    home.write("code/a.test", "check ever(1) = 1\ncheck sum() = 120\n");
    run(&home, "codereview", &["--code", &path(&home.path().join("code")), "--entry", "sum"]).exits(0);
    let review = read(&home, "review.md");
    let told = "- there were 2, of which 1 do not hold\n  - a.test:1: `check ever(1) = 1`: calls stand in each other more \
                than 256 deep\n- none are proposed\n";
    assert!(review.contains(told), "{review}");
}

#[test]
fn code_that_cannot_be_read_is_told_with_its_line() {
    let home = Home::of_example("codereview");
    home.write("code/bad.calc", "fn a()\n  return 1 +\nend\n");
    let ended = run(&home, "codereview", &["--code", &path(&home.path().join("code"))]).exits(1).prints("");
    ended.tells(&["bad.calc", "a name is expected"]);
}
