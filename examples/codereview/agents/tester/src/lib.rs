// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the tests of a function: one for each example in its comment. When it is told that they are too few, it adds calls
//! with small numbers and what they come to today, so that nobody changes that without noticing.

use priory_sdk::{Failure, Task, tools};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

priory_sdk::ceiling!(["tool=checker.evaluate"]);
priory_sdk::agent!(run);

/// How many numbers are tried for calls of its own.
const NUMBERS_MAX: i64 = 3;
/// How many tests are enough with those of its own.
const ENOUGH: usize = 2;

#[derive(Deserialize)]
struct Input {
    function: Function,
    programs: Value,
    /// Tests that did not hold.
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    parameters: Vec<String>,
    examples: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    call: String,
    expected: String,
}

#[derive(Deserialize)]
struct Failed {
    test: String,
}

/// What it answers.
#[derive(Debug, Serialize)]
struct Output {
    /// The file that it proposes.
    path: String,
    text: String,
    /// Its tests.
    checks: Vec<String>,
}

fn run(task: Task<Input>) -> Result<Output, Failure> {
    let Input { function, programs, failed } = task.input;
    let mut checks = of_examples(&function.examples, &failed);
    if task.feedback.is_some() {
        for number in 0..NUMBERS_MAX {
            let call = call(&function, number);
            let is_new = !checks.iter().any(|check| check.starts_with(&format!("check {call} =")));
            if checks.len() < ENOUGH && is_new {
                let asked = json!({ "programs": programs, "expression": call });
                let value: i64 = tools::call("checker.evaluate", &asked)?;
                checks.push(format!("check {call} = {value}"));
            }
        }
    }
    let text = format!("# Tests of `{}`.\n{}\n", function.name, checks.join("\n"));
    Ok(Output { path: format!("{}.test", function.name), text, checks })
}

/// Makes a test of each example, but for those that did not hold.
fn of_examples(examples: &[Example], failed: &[Failed]) -> Vec<String> {
    let checks = examples.iter().map(|example| format!("check {} = {}", example.call, example.expected));
    checks.filter(|check| failed.iter().all(|failed| failed.test != *check)).collect()
}

/// Makes a call with the same number everywhere.
fn call(function: &Function, number: i64) -> String {
    let given: Vec<String> = function.parameters.iter().map(|_| number.to_string()).collect();
    format!("{}({})", function.name, given.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_did_not_hold_is_no_test() {
        let example = |call: &str, expected: &str| Example { call: call.to_owned(), expected: expected.to_owned() };
        let examples = [example("f(1)", "1"), example("f(2)", "3")];
        let failed = [Failed { test: "check f(2) = 3".into() }];
        assert_eq!(of_examples(&examples, &[]), ["check f(1) = 1", "check f(2) = 3"]);
        assert_eq!(of_examples(&examples, &failed), ["check f(1) = 1"]);
        let function = Function { name: "f".into(), parameters: vec!["a".into(), "b".into()], examples: Vec::new() };
        assert_eq!(call(&function, 2), "f(2, 2)");
    }
}
