// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lets inputs be written as options: `--question "Why?"` for `--input question="Why?"`.
//!
//! Which inputs there are stands in the manifest, and that is read later; so every option that a verb does not have is taken
//! for an input. One that is misspelt is then told to be no input, with the nearest one that is.

use std::collections::VecDeque;
use std::ffi::OsString;

use clap::Command;

/// The option that every other form of an input stands for.
const INPUT: &str = "input";

/// Rewrites the arguments of a verb that takes inputs.
pub(crate) fn expand(arguments: impl Iterator<Item = OsString>, command: &Command) -> Vec<OsString> {
    let mut rest: VecDeque<OsString> = arguments.collect();
    let mut expanded: Vec<OsString> = rest.drain(..rest.len().min(2)).collect();
    let verb = expanded.get(1).and_then(|verb| command.find_subcommand(verb));
    let takes_value = |name: &str| {
        let known = verb?.get_arguments().find(|argument| argument.get_long() == Some(name))?;
        Some(known.get_action().takes_values())
    };
    if takes_value(INPUT).is_none() {
        expanded.extend(rest);
        return expanded;
    }
    while let Some(argument) = rest.pop_front() {
        let text = argument.to_str().and_then(|text| text.strip_prefix("--")).map(str::to_owned);
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            let is_end = argument == "--";
            expanded.push(argument);
            if is_end {
                expanded.extend(rest);
                return expanded;
            }
            continue;
        };
        let (name, value) = text.split_once('=').map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
        match takes_value(name) {
            // Clap adds these two by itself.
            None if matches!(name, "help" | "version") => expanded.push(argument),
            Some(takes) => {
                expanded.push(argument);
                if takes && value.is_none() {
                    expanded.extend(rest.pop_front());
                }
            }
            None => match value.map(str::to_owned).or_else(|| rest.pop_front()?.into_string().ok()) {
                Some(value) => expanded.extend([format!("--{INPUT}").into(), format!("{name}={value}").into()]),
                // Without a value it is nothing that anybody can mean, and clap says so.
                None => expanded.push(argument),
            },
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::Cli;

    fn check(line: &str, expect: &str) {
        let arguments = line.split(' ').map(OsString::from);
        let expanded = expand(arguments, &Cli::command());
        let shown: Vec<_> = expanded.iter().map(|argument| argument.to_str().unwrap()).collect();
        assert_eq!(shown.join(" "), expect);
    }

    #[test]
    fn options_that_a_verb_does_not_have_are_inputs() {
        check("priory run . --question Why?", "priory run . --input question=Why?");
        check("priory run --question=Why? --json", "priory run --input question=Why? --json");
        check("priory run --agent --x --fuel 1 --x --y", "priory run --agent --x --fuel 1 --input x=--y");
        check("priory run -i a=b --input c=d", "priory run -i a=b --input c=d");
        check("priory call p f --args {} --folder docs", "priory call p f --args {} --input folder=docs");
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for line in [
            "priory",
            "priory --help",
            "priory run --help",
            "priory run -- --x y",
            "priory run --x",
            "priory build --x y",
        ] {
            check(line, line);
        }
    }
}
