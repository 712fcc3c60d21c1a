// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order that an agent is given, and what it gives back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;
use crate::bindings::priory::agent::types;

/// The order that an agent is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task<I> {
    /// The name under which the operator configured the agent.
    pub name: String,
    /// What the caller wants.
    pub input: I,
    /// Why the previous attempt at this same task was refused; `None` on the first attempt.
    pub feedback: Option<String>,
}

/// What an agent gives back: an output, and a sentence about it for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<O> {
    /// The result.
    pub output: O,
    /// For a person.
    pub summary: Option<String>,
}

impl<O> Report<O> {
    /// Makes a report with a summary.
    pub fn new(output: O, summary: impl Into<String>) -> Self {
        Self { output, summary: Some(summary.into()) }
    }
}

/// What the function of an agent may return: a [`Report`], or just its output.
pub trait IntoReport {
    /// Turns it into what the contract asks for.
    fn into_report(self) -> Result<types::Report, Failure>;
}

impl<O: Serialize> IntoReport for O {
    fn into_report(self) -> Result<types::Report, Failure> {
        Ok(types::Report { output: serde_json::to_string(&self)?, summary: None })
    }
}

impl<O: Serialize> IntoReport for Report<O> {
    fn into_report(self) -> Result<types::Report, Failure> {
        Ok(types::Report { output: serde_json::to_string(&self.output)?, summary: self.summary })
    }
}

/// Runs the function of an agent on a task as the host hands it over.
#[doc(hidden)]
pub fn answer<I: DeserializeOwned, R: IntoReport>(
    task: types::Task,
    run: impl FnOnce(Task<I>) -> Result<R, Failure>,
) -> Result<types::Report, types::Failure> {
    let types::Task { name, input, feedback } = task;
    let subject = || format!("task of {name}");
    let input = serde_json::from_str(&input).map_err(|error| Failure::invalid(subject(), "", error.to_string()))?;
    Ok(run(Task { name, input, feedback })?.into_report()?)
}

/// Exports a function as the agent of this component: `fn(Task<I>) -> Result<O, Failure>`.
///
/// `I` is read from JSON by serde; `O` is written as JSON, or is a [`Report`] around something that is.
#[macro_export]
macro_rules! agent {
    ($run:path) => {
        struct PrioryAgent;

        impl $crate::bindings::exports::priory::agent::agent::Guest for PrioryAgent {
            fn run(
                task: $crate::bindings::priory::agent::types::Task,
            ) -> ::core::result::Result<
                $crate::bindings::priory::agent::types::Report,
                $crate::bindings::priory::agent::types::Failure,
            > {
                $crate::private::answer(task, $run)
            }
        }

        $crate::bindings::export_agent!(PrioryAgent with_types_in $crate::bindings);
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn task(input: &str) -> types::Task {
        types::Task { name: "a".into(), input: input.into(), feedback: None }
    }

    fn double(task: Task<u32>) -> Result<Report<u32>, Failure> {
        Ok(Report::new(task.input * 2, "doubled"))
    }

    #[test]
    fn the_input_is_read_and_the_output_is_written() {
        let report = answer(task("21"), double).unwrap();
        assert_eq!((report.output.as_str(), report.summary.as_deref()), ("42", Some("doubled")));
        let report = answer(task("1"), |task: Task<u32>| Ok(vec![task.input])).unwrap();
        assert_eq!((report.output.as_str(), report.summary), ("[1]", None));
    }

    #[test]
    fn an_input_of_another_form_is_invalid() {
        let failure = answer(task("\"x\""), double).unwrap_err();
        assert!(matches!(failure, Kind::Invalid(invalid) if invalid.subject == "task of a"));
    }
}
