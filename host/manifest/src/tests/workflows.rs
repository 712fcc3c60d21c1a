// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows in manifests: good ones, and what is said of bad ones.

mod around;
mod callees;
mod expressions;
mod form;
mod good;
mod models;
mod odd;
mod patterns;
mod tree;

use super::{parse, short};
use crate::{Error, Problem};

/// What stands in front of each workflow; its first line is line 1.
const HEAD: &str =
    "name = 'a'\nentry = 'w'\nplugins.p.path = 'p'\nagents.x.plugin = 'p'\nagents.y.plugin = 'p'\n[workflows.w]\n";

/// Returns what is said of a workflow, one problem or warning a line, counted from its own first line.
fn said(text: &str) -> String {
    let (problems, warnings) = match parse(&format!("{HEAD}{text}")) {
        Ok(manifest) => (Vec::new(), manifest.warnings),
        Err(Error::Problems { problems, .. }) => (problems, Vec::new()),
        Err(other) => panic!("another error: {other}"),
    };
    let own = |mut problem: Problem| {
        problem.line = problem.line.saturating_sub(HEAD.lines().count());
        problem
    };
    // That `x` and `y` are not called is no matter here.
    let meant = |warning: &Problem| {
        !warning.message.contains("is out of reach of") && !warning.message.contains("is used by nobody")
    };
    let problems: Vec<Problem> = problems.into_iter().map(own).collect();
    let warnings: Vec<Problem> = warnings.into_iter().filter(meant).map(own).collect();
    let warnings = short(&warnings).into_iter().map(|warning| format!("warning: {warning}"));
    short(&problems).into_iter().chain(warnings).collect::<Vec<_>>().join("\n")
}
