// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program can be asked to do: one file for each verb.

mod answer;
mod build;
mod call;
mod check;
mod completions;
mod costs;
mod doctor;
mod emit;
mod events;
mod explain;
mod fit;
mod graph;
mod inspect;
mod memory;
mod models;
mod new;
mod revoke;
mod run;
mod runs;
mod schema;
mod serve;
mod triggers;

use clap::{Parser, Subcommand};

pub(crate) use runs::export_to;

use crate::ui::error::Result;
use crate::ui::exit::{self, Exit};

/// Runs agents and tools that are WebAssembly components: each call in a sandbox of its own, within a budget, with
/// nothing but what it was granted
#[derive(Debug, Parser)]
#[command(name = "priory", version, after_help = exit::HELP, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Args),
    Call(call::Args),
    Answer(answer::TopArgs),
    Runs(runs::Args),
    Serve(serve::Args),
    Emit(emit::Args),
    Events(events::Args),
    Triggers(triggers::Args),
    Revoke(revoke::Args),
    Build(build::Args),
    Check(check::Args),
    Models(models::Args),
    Costs(costs::Args),
    Memory(memory::Args),
    Inspect(inspect::Args),
    Explain(explain::Args),
    Fit(fit::Args),
    Graph(graph::Args),
    New(new::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Schema(schema::Args),
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn execute(self) -> Result<Exit> {
        match self.verb {
            Verb::Run(args) => run::execute(&args),
            Verb::Call(args) => call::execute(&args),
            Verb::Answer(args) => answer::execute_top(&args),
            Verb::Runs(args) => runs::execute(&args),
            Verb::Serve(args) => serve::execute(&args),
            Verb::Emit(args) => emit::execute(&args),
            Verb::Events(args) => events::execute(&args),
            Verb::Triggers(args) => triggers::execute(&args),
            Verb::Revoke(args) => revoke::execute(&args),
            Verb::Build(args) => build::execute(&args),
            Verb::Check(args) => check::execute(&args),
            Verb::Models(args) => models::execute(&args),
            Verb::Costs(args) => costs::execute(&args),
            Verb::Memory(args) => memory::execute(&args),
            Verb::Inspect(args) => inspect::execute(&args),
            Verb::Explain(args) => explain::execute(&args),
            Verb::Fit(args) => fit::execute(&args),
            Verb::Graph(args) => graph::execute(&args),
            Verb::New(args) => new::execute(&args),
            Verb::Doctor(args) => doctor::execute(&args),
            Verb::Completions(args) => completions::execute(&args),
            Verb::Schema(args) => schema::execute(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        assert!(help.contains("Exit codes:") && help.contains("124  time ran out"), "{help}");
    }

    #[test]
    fn a_wrong_command_line_has_the_code_of_one() {
        let error = Cli::try_parse_from(["priory", "run", "--fuel", "lots"]).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()));
    }
}
