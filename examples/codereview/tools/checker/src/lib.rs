// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tools that take programs of a small language apart, and run their tests. `wit/checker.wit` says what the language is.
//!
//! This file only translates; see `token` and `parse` for how a program is read, and `value` for how it is executed.

mod parse;
mod token;
mod value;

#[allow(missing_docs, unsafe_code, unreachable_pub)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "plugin", additional_derives: [PartialEq] });
    export!(Checker);
    use super::Checker;
}

use wit::exports::review::checker::checker as api;

priory_sdk::wit_text!("../wit/checker.wit");
priory_sdk::ceiling!([]);

/// How long all texts may be together, in bytes.
const TEXT_BYTES_MAX: usize = 256 << 10;

struct Checker;

impl api::Guest for Checker {
    fn outline(program: api::Source) -> Result<Vec<api::Function>, api::Error> {
        check_length([&program])?;
        let functions = read(&program, parse::program)?;
        Ok(functions.into_iter().map(shown).collect())
    }

    fn tested(tests: api::Source) -> Result<Vec<String>, api::Error> {
        check_length([&tests])?;
        let mut called = Vec::new();
        for test in read(&tests, parse::tests)? {
            test.found.calls(&mut called);
        }
        Ok(called)
    }

    fn evaluate(programs: Vec<api::Source>, expression: String) -> Result<i64, api::Error> {
        check_length(&programs)?;
        let functions = all(&programs)?;
        let expression = parse::expression(&expression).map_err(api::Error::NoValue)?;
        value::evaluate(&functions, &expression).map_err(api::Error::NoValue)
    }

    fn run(programs: Vec<api::Source>, tests: Vec<api::Source>) -> Result<Vec<api::Verdict>, api::Error> {
        check_length(programs.iter().chain(&tests))?;
        let functions = all(&programs)?;
        let mut verdicts = Vec::new();
        for file in &tests {
            for test in read(file, parse::tests)? {
                let problem = value::problem(&functions, &test);
                let (path, line) = (file.path.clone(), test.line);
                verdicts.push(api::Verdict { path, line, test: test.text, problem });
            }
        }
        Ok(verdicts)
    }
}

fn check_length<'a>(sources: impl IntoIterator<Item = &'a api::Source>) -> Result<(), api::Error> {
    let bytes: usize = sources.into_iter().map(|source| source.text.len()).sum();
    if bytes > TEXT_BYTES_MAX { Err(api::Error::TooLong(bytes as u64)) } else { Ok(()) }
}

/// Reads a file, and says of a mistake where it is.
fn read<T>(source: &api::Source, read: impl Fn(&str) -> Result<T, parse::Mistake>) -> Result<T, api::Error> {
    read(&source.text).map_err(|parse::Mistake { line, message }| {
        api::Error::Syntax(api::Mistake { path: source.path.clone(), line, message })
    })
}

fn all(programs: &[api::Source]) -> Result<value::Functions, api::Error> {
    let mut functions = value::Functions::new();
    for program in programs {
        functions.extend(read(program, parse::program)?.into_iter().map(|function| (function.name.clone(), function)));
    }
    Ok(functions)
}

fn shown(function: parse::Function) -> api::Function {
    let calls = function.calls();
    let examples = function.examples.into_iter().map(|(call, expected)| api::Example { call, expected }).collect();
    let parse::Function { name, parameters, first_line, last_line, .. } = function;
    api::Function { name, parameters, first_line, last_line, calls, examples }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Guest;

    fn source(text: &str) -> api::Source {
        api::Source { path: "a".into(), text: text.into() }
    }

    #[test]
    fn one_byte_over_the_maximum_is_refused() {
        let most = format!("#{}", "a".repeat(TEXT_BYTES_MAX - 1));
        assert_eq!(Checker::outline(source(&most)), Ok(Vec::new()));
        let over = api::Error::TooLong(TEXT_BYTES_MAX as u64 + 1);
        assert_eq!(Checker::outline(source(&format!("{most}a"))), Err(over));
    }

    #[test]
    fn a_test_says_what_it_came_to() {
        let program = source("# example: twice(2) = 4\nfn twice(n)\n  return n + n\nend\n");
        let outline = Checker::outline(program.clone()).unwrap();
        assert_eq!((outline[0].first_line, outline[0].last_line, outline[0].examples.len()), (2, 4, 1));
        let verdicts = Checker::run(vec![program], vec![source("check twice(2) = 4\ncheck twice(3) = 5\n")]).unwrap();
        let problems: Vec<Option<&str>> = verdicts.iter().map(|verdict| verdict.problem.as_deref()).collect();
        assert_eq!(problems, [None, Some("it is 6, and 5 is expected")]);
    }
}
