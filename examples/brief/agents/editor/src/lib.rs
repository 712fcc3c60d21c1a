// SPDX-License-Identifier: MIT OR Apache-2.0
//! The editor: has a question researched, written up and reviewed, and writes the brief down.
//!
//! It never reads a document itself, and holds no file: what it may do is call the other three and the one tool that
//! writes. A draft that the reviewer refuses goes back to the writer with the reasons.

mod rounds;

use std::path::Path;

use priory_sdk::{Failure, Report, Task, agents, log, tools};
use serde::{Deserialize, Serialize};

use rounds::{Draft, Passage, Review};

priory_sdk::ceiling!(["agent=researcher", "agent=writer", "agent=reviewer", "tool=export.write", "log"]);
priory_sdk::agent!(run);

/// The name of the file that is written.
const BRIEF: &str = "brief.md";
/// How long a question may be, in characters; no search takes more.
const QUESTION_CHARS_MAX: usize = 2_000;

/// What the editor is asked. It cannot open the folders; only its tools see them.
#[derive(Deserialize)]
struct Input {
    question: String,
    #[serde(default)]
    folder: String,
    #[serde(default)]
    out: String,
}

/// What it answers.
#[derive(Serialize)]
struct Output {
    /// The file that was written, relative to the folder for output.
    brief: String,
    /// How many sentences it has.
    sentences: u32,
    /// The files that they are from.
    sources: Vec<String>,
    /// How many drafts it took.
    rounds: u32,
}

#[derive(Serialize)]
struct Research<'a> {
    question: &'a str,
    /// A brief of an earlier run is no source.
    exclude: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Findings {
    passages: Vec<Passage>,
    files_searched: u32,
    files_skipped: u32,
    complete: bool,
}

#[derive(Serialize)]
struct Assignment<'a> {
    question: &'a str,
    passages: &'a [Passage],
    draft: Option<&'a serde_json::Value>,
}

#[derive(Serialize)]
struct Submission<'a> {
    markdown: &'a str,
}

#[derive(Serialize)]
struct Write<'a> {
    path: &'a str,
    content: &'a str,
    mode: &'a str,
}

#[derive(Deserialize)]
struct Written {
    path: String,
}

fn run(task: Task<Input>) -> Result<Report<Output>, Failure> {
    let question = task.input.question.trim();
    check_question(question)?;
    let exclude = Vec::from_iter(own_source(&task.input.folder, &task.input.out));
    let found: Findings = agents::call("researcher", &Research { question, exclude }, None)?.output;
    if found.passages.is_empty() {
        return Err(nothing_found(question, &found));
    }
    if !found.complete {
        log::warn("the folder is too large to be searched as a whole; the brief rests on a part of it");
    }
    let accepted = rounds::until_accepted(
        |draft, feedback| {
            let assignment = Assignment { question, passages: &found.passages, draft };
            Ok(agents::call::<Draft>("writer", &assignment, feedback)?.output)
        },
        |draft| Ok(agents::call::<Review>("reviewer", &Submission { markdown: &draft.markdown }, None)?.output),
    )?;
    let (draft, rounds) = (accepted.draft, accepted.rounds);
    let write = Write { path: BRIEF, content: &draft.markdown, mode: "replace" };
    let written: Written = tools::call("export.write", &write)?;
    let summary = format!(
        "Wrote {}: {} from {} of {}, accepted in round {rounds}.",
        written.path,
        counted(draft.sentences, "sentence"),
        draft.sources.len(),
        counted(found.files_searched, "document"),
    );
    let Draft { sentences, sources, .. } = draft;
    Ok(Report::new(Output { brief: written.path, sentences, sources, rounds }, summary))
}

/// Returns where the brief of an earlier run is among the documents; `None` when it is written elsewhere.
fn own_source(folder: &str, out: &str) -> Option<String> {
    let below = Path::new(out).strip_prefix(folder).ok()?;
    Some(below.join(BRIEF).to_string_lossy().into_owned())
}

fn check_question(question: &str) -> Result<(), Failure> {
    let pointer = "/question";
    if !question.chars().any(char::is_alphanumeric) {
        return Err(Failure::invalid("task of the editor", pointer, "a question in words is expected"));
    }
    if question.chars().count() > QUESTION_CHARS_MAX {
        let reason = format!("at most {QUESTION_CHARS_MAX} characters are expected");
        return Err(Failure::invalid("task of the editor", pointer, reason));
    }
    Ok(())
}

/// Says honestly why there is no brief.
fn nothing_found(question: &str, found: &Findings) -> Failure {
    let skipped = match found.files_skipped {
        0 => String::new(),
        files => format!(" ({} left out, not being text)", counted(files, "file")),
    };
    let reason = match found.files_searched {
        0 => format!("the folder holds no text{skipped}"),
        1 => format!("the only document in the folder does not mention it{skipped}"),
        files => format!("none of the {files} documents in the folder mentions it{skipped}"),
    };
    Failure::unavailable(format!("an answer to {question:?}"), reason)
}

fn counted(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files_searched: u32, files_skipped: u32) -> Findings {
        Findings { passages: Vec::new(), files_searched, files_skipped, complete: true }
    }

    fn check(searched: u32, skipped: u32, expect: &str) {
        assert_eq!(
            nothing_found("Why?", &found(searched, skipped)).to_string(),
            format!("an answer to \"Why?\": {expect}")
        );
    }

    #[test]
    fn a_folder_without_an_answer_is_told_honestly() {
        check(0, 0, "the folder holds no text");
        check(0, 1, "the folder holds no text (1 file left out, not being text)");
        check(1, 0, "the only document in the folder does not mention it");
        check(12, 3, "none of the 12 documents in the folder mentions it (3 files left out, not being text)");
    }

    #[test]
    fn an_earlier_brief_is_no_source() {
        assert_eq!(own_source("/docs", "/docs").as_deref(), Some("brief.md"));
        assert_eq!(own_source("/docs", "/docs/a/b/").as_deref(), Some("a/b/brief.md"));
        assert_eq!(own_source("/docs", "/docs2"), None);
        assert_eq!(own_source("/docs", "/"), None);
        assert_eq!(own_source("", "").as_deref(), Some("brief.md"));
    }

    #[test]
    fn a_question_needs_words_and_an_end() {
        assert!(check_question("Why?").is_ok());
        assert!(check_question("?!").is_err());
        assert!(check_question(&"a".repeat(QUESTION_CHARS_MAX)).is_ok());
        assert!(check_question(&"a".repeat(QUESTION_CHARS_MAX + 1)).is_err());
    }
}
