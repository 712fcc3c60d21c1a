// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads a code base and says what is wrong with it: functions that nobody calls, that nobody tests, and that are long.

use std::collections::BTreeSet;

use priory_sdk::{Failure, Report, Task, tools};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

priory_sdk::ceiling!(["tool=files.list", "tool=files.read", "tool=checker.outline", "tool=checker.tested"]);
priory_sdk::agent!(run);

/// How many lines a function may have; more are hard to keep in mind.
const LINES_MAX: u32 = 8;

#[derive(Deserialize)]
struct Input {
    /// The function with which everything begins: nobody has to call it.
    entry: String,
}

/// What it answers.
#[derive(Serialize)]
struct Output {
    programs: Vec<Source>,
    tests: Vec<Source>,
    /// The functions that no test calls.
    untested: Vec<Function>,
    findings: Vec<Finding>,
}

/// A file.
#[derive(Clone, Serialize, Deserialize)]
struct Source {
    path: String,
    text: String,
}

#[derive(Deserialize)]
struct Listing {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
}

#[derive(Deserialize)]
struct Part {
    text: String,
}

/// A function, as `checker` tells of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Function {
    name: String,
    parameters: Vec<String>,
    first_line: u32,
    last_line: u32,
    calls: Vec<String>,
    examples: Vec<Value>,
}

#[derive(Serialize)]
struct Finding {
    path: String,
    line: u32,
    message: String,
}

fn run(task: Task<Input>) -> Result<Report<Output>, Failure> {
    let listing: Listing =
        tools::call("files.list", &json!({ "folder": null, "recursive": true, "max-entries": null }))?;
    let (mut programs, mut tests) = (Vec::new(), Vec::new());
    for Entry { path } in listing.entries {
        match path.rsplit_once('.') {
            Some((_, "calc")) => programs.push(read(path)?),
            Some((_, "test")) => tests.push(read(path)?),
            _ => {}
        }
    }
    let mut functions: Vec<(String, Function)> = Vec::new();
    for program in &programs {
        let found: Vec<Function> = tools::call("checker.outline", &json!({ "program": program }))?;
        functions.extend(found.into_iter().map(|function| (program.path.clone(), function)));
    }
    let mut tested: BTreeSet<String> = BTreeSet::new();
    for file in &tests {
        tested.extend(tools::call::<Vec<String>>("checker.tested", &json!({ "tests": file }))?);
    }
    let findings = findings(&functions, &tested, &task.input.entry);
    let summary = format!("Found {} things in {} functions.", findings.len(), functions.len());
    let untested = functions.into_iter().map(|(_, function)| function).filter(|found| !tested.contains(&found.name));
    Ok(Report::new(Output { untested: untested.collect(), programs, tests, findings }, summary))
}

fn read(path: String) -> Result<Source, Failure> {
    let part: Part = tools::call("files.read", &json!({ "path": path, "first-line": null, "line-count": null }))?;
    Ok(Source { path, text: part.text })
}

fn findings(functions: &[(String, Function)], tested: &BTreeSet<String>, entry: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, function) in functions {
        let name = &function.name;
        let mut say = |message| findings.push(Finding { path: path.clone(), line: function.first_line, message });
        // Calling itself does not make a function useful.
        let is_called = functions.iter().any(|(_, other)| other.name != *name && other.calls.contains(name));
        if !is_called && name != entry {
            say(format!("nobody calls `{name}`"));
        }
        if !tested.contains(name) {
            say(format!("nobody tests `{name}`"));
        }
        let lines = function.last_line.saturating_sub(function.first_line).saturating_add(1);
        if lines > LINES_MAX {
            say(format!("`{name}` has {lines} lines; more than {LINES_MAX} are hard to keep in mind"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, last_line: u32, calls: &[&str]) -> (String, Function) {
        let calls = calls.iter().map(|call| (*call).to_owned()).collect();
        let (parameters, examples) = (Vec::new(), Vec::new());
        let function = Function { name: name.into(), parameters, first_line: 1, last_line, calls, examples };
        ("a".into(), function)
    }

    #[test]
    fn each_rule_finds_what_it_says() {
        let functions = [function("main", 9, &["used"]), function("used", 8, &[]), function("own", 3, &["own"])];
        let tested = BTreeSet::from(["used".to_owned(), "own".to_owned()]);
        let found: Vec<String> =
            findings(&functions, &tested, "main").into_iter().map(|finding| finding.message).collect();
        let expect =
            ["nobody tests `main`", "`main` has 9 lines; more than 8 are hard to keep in mind", "nobody calls `own`"];
        assert_eq!(found, expect);
    }
}
