// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent on a stage, with a memory that is a list.

use std::cell::RefCell;

use priory_sdk::memory::{Fact, NewFact, Query, Scope, Search, Which};
use priory_sdk::model::{Completion, Request, StopReason};
use priory_sdk::stage::{Stage, answered};

use super::*;

/// A memory for tests: words are found by any word that is the same.
#[derive(Default)]
struct Notebook(RefCell<Vec<(String, Fact)>>);

fn key(scope: &Scope) -> String {
    format!("{scope:?}")
}

impl Facts for Notebook {
    fn recall(&self, scope: &Scope, query: &Query) -> Result<Vec<Fact>, Failure> {
        let fits = |(owner, fact): &&(String, Fact)| {
            let about = query.subject.is_none() || query.subject == fact.subject;
            let words = matches!(query.search, Search::Newest)
                || query
                    .text
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|word| word.len() > 3 && fact.text.contains(word));
            *owner == key(scope) && about && words
        };
        let facts = self.0.borrow();
        Ok(facts.iter().rev().filter(fits).take(query.most as usize).map(|(_, fact)| fact.clone()).collect())
    }

    fn remember(&self, scope: &Scope, new: &NewFact) -> Result<String, Failure> {
        let mut facts = self.0.borrow_mut();
        let id = format!("fact_{:016x}", facts.len());
        let NewFact { text, data, subject, source, expires_ms } = new.clone();
        let (run, expires_unix_ms) = ("run".to_owned(), expires_ms);
        let fact = Fact { id: id.clone(), text, data, subject, source, unix_ms: 0, expires_unix_ms, run, score: 0 };
        facts.push((key(scope), fact));
        Ok(id)
    }

    fn forget(&self, scope: &Scope, which: &Which) -> Result<u64, Failure> {
        let Which::Ids(ids) = which else { panic!("only ids are forgotten") };
        self.0.borrow_mut().retain(|(owner, fact)| *owner != key(scope) || !ids.contains(&fact.id));
        Ok(ids.len() as u64)
    }
}

fn nothing(_: &str) -> Result<Option<String>, Failure> {
    Ok(None)
}

fn says(notebook: &Notebook, input: Value, answers: Vec<Completion>) -> (Result<Report<Value>, Failure>, Vec<Request>) {
    says_with(notebook, &nothing, input, answers)
}

fn says_with(
    notebook: &Notebook,
    get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
    input: Value,
    answers: Vec<Completion>,
) -> (Result<Report<Value>, Failure>, Vec<Request>) {
    let stage = Stage::new(answers);
    let report = talk(&stage, notebook, get, Task { name: "chat".into(), input, feedback: None });
    (report, stage.asked())
}

fn words(request: &Request) -> Vec<String> {
    request.messages.iter().skip(1).map(|message| message.words()).collect()
}

#[test]
fn it_remembers_what_was_said() {
    let notebook = Notebook::default();
    let (report, _) = says(&notebook, json!("I am Ada."), vec![answered("Hello, Ada.")]);
    assert_eq!(report.unwrap().output, json!({ "answer": "Hello, Ada.", "conversation": "main", "turn": 1 }));
    let (report, asked) = says(&notebook, json!("Who am I?"), vec![answered("Ada.")]);
    assert_eq!(report.unwrap().output["turn"], 2);
    assert_eq!(words(&asked[0]), ["I am Ada.", "Hello, Ada.", "Who am I?"]);
}

#[test]
fn conversations_and_users_are_kept_apart() {
    let notebook = Notebook::default();
    let input = |message: &str, conversation: &str, user: Option<&str>| json!({ "message": message, "conversation": conversation, "user": user });
    for (conversation, user) in [("a", None), ("b", None), ("a", Some("ada")), ("a", Some("bob"))] {
        says(&notebook, input("My secret is ".to_owned().as_str(), conversation, user), vec![answered("kept")])
            .0
            .unwrap();
    }
    let (report, asked) = says(&notebook, input("What secret?", "b", None), vec![answered("none")]);
    assert_eq!((report.unwrap().output["turn"].clone(), words(&asked[0]).len()), (json!(2), 3));
    let (report, asked) = says(&notebook, input("What secret?", "c", Some("bob")), vec![answered("found")]);
    assert_eq!(report.unwrap().output["turn"], 1);
    // Of a user, the other conversations are looked through; of an agent, they are not.
    assert!(words(&asked[0])[0].starts_with("What was found in memory"), "{:?}", words(&asked[0]));
    let (_, asked) = says(&notebook, input("What secret?", "c", None), vec![answered("none")]);
    assert_eq!(words(&asked[0]), ["What secret?"]);
}

#[test]
fn what_there_is_no_room_for_goes_into_the_notes() {
    let notebook = Notebook::default();
    let get = |key: &str| Ok((key == "window.recent").then(|| "300".to_owned()));
    let long = |number: u32| json!(format!("Message {number} {}", "word ".repeat(80)));
    for number in 1..=4 {
        says_with(&notebook, &get, long(number), vec![answered("yes")]).0.unwrap();
    }
    // Four turns do not fit: the fifth run makes notes first.
    let (report, asked) = says_with(&notebook, &get, json!("Message 5"), vec![answered("the notes"), answered("five")]);
    assert_eq!(report.unwrap().output["turn"], 5);
    assert_eq!(asked[0].purpose.as_deref(), Some("compaction"));
    let shown = words(&asked[1]);
    assert!(shown[0].contains("the notes"), "{shown:?}");
    assert!(shown.iter().any(|words| words.starts_with("Message 4")), "{shown:?}");
    let notes: Vec<_> =
        notebook.0.borrow().iter().filter(|(_, f)| f.subject.as_deref() == Some("notes/main")).cloned().collect();
    assert_eq!(notes.len(), 1);
    // The next run goes on from the notes, and asks for none.
    let (_, asked) = says_with(&notebook, &get, json!("Message 6"), vec![answered("six")]);
    let shown = words(&asked[0]);
    assert!(asked.len() == 1 && shown[0].contains("the notes"), "{shown:?}");
    assert_eq!(shown.iter().filter(|words| words.starts_with("Message ")).count(), 4, "{shown:?}");
    // What is in the notes is still found by its words.
    let found = shown.iter().find(|words| words.starts_with("What was found")).unwrap();
    assert!(found.contains("Message 1 word"), "{found}");
    // New notes take the place of the old ones.
    for number in 7..=9 {
        let answers = vec![answered("more notes"), answered("x"), answered("x")];
        says_with(&notebook, &get, long(number), answers).0.unwrap();
    }
    let notes: Vec<_> =
        notebook.0.borrow().iter().filter(|(_, f)| f.subject.as_deref() == Some("notes/main")).cloned().collect();
    assert_eq!((notes.len(), notes[0].1.text.as_str()), (1, "more notes"));
}

#[test]
fn short_turns_that_leave_go_into_the_notes() {
    let notebook = Notebook::default();
    let get = |key: &str| Ok((key == "history").then(|| "4".to_owned()));
    for number in 1..=5 {
        let (report, asked) = says_with(&notebook, &get, json!(format!("Turn {number}")), vec![answered("yes")]);
        assert_eq!((report.unwrap().output["turn"].clone(), asked.len()), (json!(number), 1), "there is room for all");
    }
    let (report, asked) = says_with(&notebook, &get, json!("Turn 6"), vec![answered("the notes"), answered("six")]);
    report.unwrap();
    assert_eq!(asked[0].purpose.as_deref(), Some("compaction"));
    let material = asked[0].messages[1].words();
    assert!(material.contains("Turn 1") && material.contains("Turn 3") && !material.contains("Turn 4"), "{material}");
    let shown = words(&asked[1]);
    assert!(shown[0].contains("the notes") && shown[1] == "Turn 4", "{shown:?}");
    // It is not done again at once.
    let (_, asked) = says_with(&notebook, &get, json!("Turn 7"), vec![answered("seven")]);
    let shown = words(&asked[0]);
    assert!(asked.len() == 1 && shown[0].contains("the notes") && shown[1] == "Turn 4", "{shown:?}");
    assert!(!shown.iter().any(|words| words.contains("neither shown")), "{shown:?}");
}

#[test]
fn turns_that_cannot_be_read_at_once_are_told_of() {
    let notebook = Notebook::default();
    let wide = |key: &str| Ok((key == "history").then(|| "150".to_owned()));
    let narrow = |key: &str| Ok((key == "history").then(|| "1".to_owned()));
    let talk = Talk::read(json!("x")).unwrap();
    for number in 1..=230_u64 {
        let last = History::at(number - 1);
        assert_eq!(last.remember(&notebook, &wide, &talk, "yes").unwrap(), number);
    }
    let told = "(30 older turns are neither shown nor in the notes.)";
    let (report, asked) = says_with(&notebook, &narrow, json!("Turn 231"), vec![answered("notes"), answered("x")]);
    report.unwrap();
    assert!(words(&asked[1]).iter().any(|words| words == told), "{:?}", words(&asked[1]));
    // It stays so.
    let (_, asked) = says_with(&notebook, &narrow, json!("Turn 232"), vec![answered("more"), answered("x")]);
    let shown = words(asked.last().unwrap());
    assert!(shown.iter().any(|words| words == told), "{shown:?}");
}

#[test]
fn a_turn_that_failed_was_not_said() {
    let notebook = Notebook::default();
    let refusal = Completion { stop: StopReason::Refused, ..answered("no") };
    says(&notebook, json!("Help."), vec![refusal]).0.unwrap_err();
    assert!(notebook.0.borrow().is_empty());
}

#[test]
fn a_message_has_to_say_something() {
    for input in [
        json!(""),
        json!({}),
        json!({ "message": " " }),
        json!(3),
        json!({ "message": "x", "conversation": "c".repeat(200) }),
    ] {
        assert!(Talk::read(input).is_err());
    }
}

#[test]
fn what_is_very_long_is_remembered_in_part_and_says_so() {
    let notebook = Notebook::default();
    let get = |key: &str| Ok((key == "remember-ms").then(|| "1000".to_owned()));
    let long = "ü".repeat(40 << 10);
    says_with(&notebook, &get, json!("Write much."), vec![answered(&long)]).0.unwrap();
    let facts = notebook.0.borrow();
    let fact = &facts[0].1;
    assert!(fact.text.len() < 64 << 10 && fact.text.ends_with("ü [the rest is not remembered]"));
    assert_eq!(fact.expires_unix_ms, Some(1_000));
}
