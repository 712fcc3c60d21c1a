// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example `brief`: what it writes can be traced, it fails honestly, and what is taken out of its manifest is missed.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::stage::{Ended, Home, path, root};

const QUESTION: &str = "How do bees survive the winter?";

/// A copy of the example's manifest that names the plugins where they are.
struct Brief {
    home: Home,
    docs: PathBuf,
}

impl Brief {
    fn new() -> Self {
        Self::edited(|manifest| manifest)
    }

    /// Copies the manifest, and changes it as a user would in an editor.
    fn edited(edit: impl Fn(String) -> String) -> Self {
        let home = Home::of_plugins();
        let example = root().join("examples/brief");
        let text = std::fs::read_to_string(example.join("priory.toml")).unwrap();
        let text = text.replace("\"../../plugins/", &format!("\"{}/plugins/", path(&root())));
        let text = text.replace("\"agents/", &format!("\"{}/agents/", path(&example)));
        home.write("priory.toml", edit(text));
        Self { home, docs: example.join("docs") }
    }

    fn ask(&self, question: &str, docs: &Path, more: &[&str]) -> Ended {
        let folder = path(docs);
        let arguments = ["run", "--no-build", "--question", question, "--folder", &folder];
        self.home.run(&[&arguments[..], more].concat())
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.home.path().join("brief.md")).unwrap()
    }
}

/// Replaces a part of a text that is there once.
#[track_caller]
fn replace(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` in {text}");
    text.replace(from, to)
}

/// Splits `sentence [path:first-last]`.
fn citation(line: &str) -> Option<(&str, &str, usize, usize)> {
    let (sentence, source) = line.strip_suffix(']')?.rsplit_once(" [")?;
    let (path, lines) = source.rsplit_once(':')?;
    let (first, last) = lines.split_once('-')?;
    Some((sentence, path, first.parse().ok()?, last.parse().ok()?))
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_sentence_names_its_source() {
    let brief = Brief::new();
    let ended = brief.ask(QUESTION, &brief.docs, &[]).exits(0);
    let result = ended.json();
    assert_eq!(result["brief"], "brief.md");
    let text = brief.written();
    let body = text.split("## Sources").next().unwrap();
    let bullets: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("- ")).collect();
    assert!(bullets.len() > 5, "{text}");
    assert_eq!(result["sentences"], bullets.len());
    for bullet in bullets {
        let (sentence, path, first, last) = citation(bullet).unwrap_or_else(|| panic!("no source: {bullet}"));
        let source = std::fs::read_to_string(brief.docs.join(path)).unwrap();
        let lines: Vec<&str> = source.lines().collect();
        assert!(1 <= first && first <= last && last <= lines.len(), "{bullet}");
        let quoted = words(&lines[first - 1..last].join(" "));
        assert!(quoted.contains(sentence), "{bullet}\nis not in: {quoted}");
        assert!(result["sources"].as_array().unwrap().contains(&Value::from(path)), "{result}: {path}");
    }
    ended.tells(&["Wrote brief.md: ", " frames · ", " fuel · ", " calls"]);
}

#[test]
fn the_same_question_has_the_same_answer() {
    let brief = Brief::new();
    let first = brief.ask(QUESTION, &brief.docs, &["--seed", "1"]).exits(0);
    let first_text = brief.written();
    let second = brief.ask(QUESTION, &brief.docs, &["--seed", "2"]).exits(0);
    assert_eq!((first.out, first_text), (second.out, brief.written()));
}

#[test]
fn nothing_is_made_up() {
    let brief = Brief::new();
    let empty = brief.home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let ended = brief.ask(QUESTION, &empty, &[]).exits(1).prints("");
    ended.tells(&["error: an answer to ", QUESTION, "the folder holds no text"]);
    let ended = brief.ask("zyzzyva quokka?", &brief.docs, &[]).exits(1).prints("");
    ended.tells(&["error: an answer to ", "zyzzyva", "none of the 13 documents in the folder mentions it"]);
    brief.ask(QUESTION, &brief.home.path().join("nowhere"), &[]).exits(1).prints("").tells(&["error: ", "nowhere"]);
    assert!(!brief.home.path().join("brief.md").exists());
}

#[test]
fn machines_are_told_in_lines_of_json() {
    let brief = Brief::new();
    let ended = brief.ask(QUESTION, &brief.docs, &["--json"]).exits(0).tells_only("");
    let lines = ended.json_lines();
    assert_eq!(lines[0]["event"], "run-started");
    assert_eq!(lines[0]["data"]["program"]["name"], "editor");
    let (last, events) = lines.split_last().unwrap();
    assert_eq!((&last["event"], &last["exit"]), (&Value::from("result"), &Value::from(0)));
    assert_eq!(last["report"]["output"]["brief"], "brief.md");
    for (seq, event) in events.iter().enumerate() {
        assert_eq!((&event["seq"], &event["run"]), (&Value::from(seq), &lines[0]["run"]));
    }
    let count = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!(count("frame-started"), count("frame-ended"));
    assert_eq!(count("intent"), count("outcome"));
    assert_eq!(events.last().unwrap()["event"], "run-ended");
    // A failure is told the same way.
    let nobody = brief.ask("?", &brief.docs, &["--json"]).exits(1).tells_only("");
    let last = nobody.json_lines().pop().unwrap();
    assert_eq!((&last["exit"], &last["failure"]["kind"]), (&Value::from(1), &Value::from("invalid")));
}

#[test]
fn no_agent_holds_a_file() {
    let brief = Brief::new();
    for agent in ["editor", "researcher", "writer", "reviewer"] {
        let explained = brief.home.run(&["explain", agent, "--no-build", "--json"]).exits(0).tells_only("").json();
        let grants: Vec<&str> = explained["grants"].as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
        assert!(!grants.is_empty() && grants.iter().all(|grant| !grant.starts_with("file=")), "{grants:?}");
        // Nor could the operator give it one by mistake: its author says that it never needs any.
        let ceiling = explained["ceiling"].as_array().unwrap();
        assert!(ceiling.iter().all(|grant| !grant.as_str().unwrap().starts_with("file=")), "{ceiling:?}");
    }
    let files = brief.home.run(&["explain", "files", "--no-build", "--json"]).exits(0).json();
    assert_eq!(files["grants"], serde_json::json!([format!("file={}:read", path(&brief.home.path().join("docs")))]));
    let ended = brief.home.run(&["explain", "editor", "--no-build"]).exits(0).tells_only("");
    assert!(ended.out.starts_with("agent editor\n\nmay\n  tool=export.write\n"), "{}", ended.out);
}

#[test]
fn an_agent_is_denied_what_it_was_not_granted() {
    let brief = Brief::edited(|text| replace(&text, ", tools = [\"export.write\"], log", ", log"));
    let ended = brief.ask(QUESTION, &brief.docs, &[]).exits(4).prints("");
    ended.tells(&[
        "error: tool export.write is not granted: agent editor does not allow it\nhint: to allow it, add to priory.toml:",
        "    [agents.editor.grants]\n    tools = [\"export.write\"]\n",
    ]);
    assert!(!brief.home.path().join("brief.md").exists());
}

/// Takes a line out of the manifest, or puts another in its place, and names the agent that is then in the way.
fn check_lending(from: &str, to: &str, agent: &str) {
    let brief = Brief::edited(|text| replace(&text, from, to));
    let ended = brief.ask(QUESTION, &brief.docs, &[]).exits(1).prints("");
    ended.tells(&[
        "error: files.search returned an error: \"no-folder\"\n  on the way, file=",
        &format!("/docs:read for tool files.search was not granted: agent {agent} does not allow it\nhint: "),
        &format!("add to priory.toml:\n\n    [agents.{agent}.lends]\n    files = [\"{{input.folder}}:read\"]\n"),
    ]);
    assert!(!brief.home.path().join("brief.md").exists());
}

#[test]
fn a_folder_that_is_not_lent_is_missed() {
    let editor = "files = [\"{input.folder}:read\", \"{input.out}:write\"]";
    check_lending(&format!(", {editor}"), "", "editor");
    check_lending(editor, "files = [\"{input.out}:write\", \"elsewhere:read\"]", "editor");
    let researcher =
        "\"text.keywords\"], log = true }\nlends = { files = [\"{input.folder}:read\"] }\n\n[agents.writer]";
    check_lending(researcher, "\"text.keywords\"], log = true }\n\n[agents.writer]", "researcher");
}

#[test]
fn whoever_lends_all_is_not_in_the_way() {
    let brief = Brief::new();
    // A tool that fails for another reason: what it looks for is a file.
    let file = brief.home.write("file.txt", "The bees survive the winter.");
    let ended = brief.ask(QUESTION, &file, &[]).prints("");
    assert_ne!(ended.code, Some(0), "{ended:#?}");
    assert!(!ended.err.contains("was not granted"), "{ended:#?}");
}

#[test]
fn the_command_line_only_takes_away() {
    let brief = Brief::new();
    let ended = brief.ask(QUESTION, &brief.docs, &["--grant", "agent=researcher"]).prints("");
    assert!(matches!(ended.code, Some(1 | 4)), "{ended:#?}");
    ended.tells(&["error: ", "--grant"]);
    let ended = brief.ask(QUESTION, &brief.docs, &["--fuel", "1M"]).exits(5).prints("");
    ended.tells(&["reached its limit of fuel", "hint: if it may take more, raise it with --fuel 2000000"]);
}
