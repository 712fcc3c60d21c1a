// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run came to, as it is told: its result, what it waits for, or why it failed.

use owo_colors::OwoColorize;
use priory::RunEnd;
use priory::core::failure::Denial;
use priory::core::journal::RunState;
use priory::core::json::JsonError;
use priory::core::money::Dollars;
use priory::core::{Failure, Json, RunId, Usage};

use crate::amount::{show_bytes, show_count, show_micros};
use crate::ui::error::{Error, Settings};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::{counted, printable};
use crate::ui::tree::Tree;
use crate::ui::waits::Waits;

/// A run that was driven as far as it went.
pub(crate) struct Ended {
    pub(crate) run: RunId,
    pub(crate) end: RunEnd,
    pub(crate) tree: Tree,
    /// What a tool missed without being refused.
    pub(crate) missing: Option<Denial>,
    pub(crate) is_interrupted: bool,
    /// When that was, in milliseconds since 1970.
    pub(crate) now: u64,
}

impl Ended {
    /// Returns how the program ends after this run.
    pub(crate) fn exit(&self) -> Exit {
        match (&self.end.result, self.end.state) {
            (_, RunState::Parked) => Exit::Parked,
            (Err(Failure::Unavailable(unavailable)), RunState::Open) if unavailable.subject == "journal" => Exit::Store,
            (Ok(_), _) => Exit::Ok,
            (Err(_), _) if self.is_interrupted => Exit::Interrupted,
            // What was given cannot be passed: no guest has computed anything.
            (Err(Failure::Invalid(_)), _) if self.end.usage.fuel == 0 => Exit::Usage,
            (Err(failure), _) => Exit::of(failure),
        }
    }

    /// Returns the error that is told where the run failed.
    pub(crate) fn error(&self, settings: &Settings) -> Option<Error> {
        let failure = self.end.result.as_ref().err()?;
        let of_failure = Error::of_failure(failure, settings);
        let mut error = match (failure, self.tree.denial().or(self.missing.as_ref())) {
            (Failure::Cancelled { .. }, _) if self.is_interrupted => {
                Error::new(Exit::Interrupted, "the run was interrupted")
            }
            (Failure::Denied(_) | Failure::Limit(_) | Failure::Timeout(_), _) => of_failure,
            _ if self.end.state == RunState::Open => {
                of_failure.hint(format!("nothing is lost: `priory runs resume {}` goes on", self.run))
            }
            (_, Some(denial)) => of_failure.hint_at_denial(denial, settings),
            (Failure::Trap(_), None) if !self.tree.has_log() => of_failure.hint_at_log(settings),
            _ => of_failure,
        };
        error.exit = self.exit();
        Some(error)
    }

    /// Prints what the run came to. `folder` is what has to be typed so that the same folder of runs is used; `None` says
    /// that the run is not kept.
    pub(crate) fn show(&self, json: bool, settings: &Settings, folder: Option<&str>) -> Exit {
        if json {
            output::line(&self.as_json());
            return self.exit();
        }
        let waits = self.waits(folder.unwrap_or_default());
        match &self.end.result {
            _ if self.end.state == RunState::Parked => {
                let left = if self.is_interrupted { "is left parked" } else { "is parked" };
                anstream::eprintln!("{} {left}: it {}", self.run, waits.headline());
                anstream::eprint!("{}", waits.render());
            }
            Ok(report) => {
                output::result(&report.output);
                if let Some(summary) = &report.summary {
                    anstream::eprintln!("{}", printable(summary.trim_end()));
                }
            }
            Err(_) => {
                if let Some(error) = self.error(settings) {
                    anstream::eprint!("{}", error.render());
                }
            }
        }
        let run = folder.map(|_| format!(" · {}", self.run)).unwrap_or_default();
        anstream::eprintln!("{}", format!("{}{run}", self.summary()).dimmed());
        self.exit()
    }

    fn waits<'a>(&'a self, folder: &'a str) -> Waits<'a> {
        Waits { run: self.run, waits: &self.end.waits, now: self.now, folder }
    }

    /// Returns the last line of `--json`. The result stands in it as it was written: no number is rounded.
    pub(crate) fn as_json(&self) -> String {
        let text = |json: std::result::Result<Json, _>| json.unwrap_or_else(|_: JsonError| Json::null()).to_string();
        let (key, value) = match &self.end.result {
            _ if self.end.state == RunState::Parked => ("waits", self.waits("").as_json().to_string()),
            Ok(report) => ("report", text(Json::of(report))),
            Err(failure) => ("failure", text(Json::of(failure))),
        };
        let (exit, state, run, usage) = (self.exit().code(), self.end.state, self.run, text(Json::of(&self.end.usage)));
        format!(r#"{{"event":"result","exit":{exit},"state":"{state}","run":"{run}","{key}":{value},"usage":{usage}}}"#)
    }

    /// Returns what the run took, on one line.
    fn summary(&self) -> String {
        summary(self.tree.frames(), &self.end.usage)
    }
}

/// Says on one line what a run took.
pub(crate) fn summary(frames: usize, usage: &Usage) -> String {
    let models = spending(usage).map(|spent| format!(" · {spent}")).unwrap_or_default();
    format!(
        "{} · {} fuel · {} · {} compute · {} wait · {}{models}",
        counted(frames, "frame"),
        show_count(usage.fuel),
        show_bytes(usage.memory_bytes),
        show_micros(usage.compute_us),
        show_micros(usage.wait_us),
        counted(usize::try_from(usage.calls).unwrap_or(usize::MAX), "call"),
    )
}

/// Says what models took; nothing where none was asked.
pub(crate) fn spending(usage: &Usage) -> Option<String> {
    let Usage { tokens_in, tokens_out, money_microusd, .. } = *usage;
    (tokens_in > 0 || tokens_out > 0 || money_microusd > 0).then(|| {
        let (tokens_in, tokens_out) = (show_count(tokens_in), show_count(tokens_out));
        format!("{tokens_in} tokens in · {tokens_out} out · ${}", Dollars(money_microusd))
    })
}

#[cfg(test)]
mod tests {
    use priory::core::Report;

    use super::*;

    fn ended(result: std::result::Result<Report, Failure>, is_interrupted: bool) -> Ended {
        let state = if result.is_ok() { RunState::Done } else { RunState::Failed };
        let end = RunEnd { state, result, usage: Usage::default(), waits: Vec::new() };
        Ended { run: RunId::from_parts(0, 0), end, tree: Tree::default(), missing: None, is_interrupted, now: 0 }
    }

    #[test]
    fn the_last_line_of_json_holds_the_result() {
        let report = Report { output: Json::parse(r#"{"b":1.50,"a":2}"#).unwrap(), summary: None };
        let line = ended(Ok(report), false).as_json();
        let start = r#"{"event":"result","exit":0,"state":"done","run":"run_00000000000000000000000000","report":{"output":{"b":1.50,"a":2},"summary":null},"usage":{"fuel":0,"#;
        assert!(line.starts_with(start), "{line}");
        let line = ended(Err(Failure::other("x")), false).as_json();
        assert!(line.contains(r#","failure":{"kind":"other","detail":{"message":"x""#), "{line}");
        assert!(Json::parse(&line).is_ok());
    }

    #[test]
    fn an_interrupt_is_told_as_one() {
        let cancelled = || Err(Failure::Cancelled { by: "whoever started the run".into() });
        assert_eq!(ended(cancelled(), true).error(&Settings::Flags).unwrap().exit, Exit::Interrupted);
        let text = ended(cancelled(), true).error(&Settings::Flags).unwrap().render();
        assert!(text.contains("the run was interrupted"));
        assert_eq!(ended(Err(Failure::other("x")), true).exit(), Exit::Interrupted);
    }

    #[test]
    fn a_run_that_is_parked_has_not_failed() {
        let mut parked = ended(Err(Failure::other("it waits")), false);
        parked.end.state = RunState::Parked;
        assert_eq!(parked.exit(), Exit::Parked);
        assert!(parked.as_json().contains(r#""exit":7,"state":"parked","#), "{}", parked.as_json());
        assert!(parked.as_json().contains(r#","waits":[],"#), "{}", parked.as_json());
    }

    #[test]
    fn a_run_that_could_not_be_kept_goes_on_later() {
        let full = priory::core::JournalError::Full { path: "runs".into() };
        let mut open = ended(Err(full.into()), false);
        open.end.state = RunState::Open;
        assert_eq!(open.exit(), Exit::Store);
        assert!(
            open.error(&Settings::Flags).unwrap().render().contains("`priory runs resume run_0"),
            "{}",
            open.as_json()
        );
    }

    #[test]
    fn what_a_run_took_stands_on_one_line() {
        let usage = Usage { fuel: 12_000, memory_bytes: 65_536, compute_us: 10, calls: 1, ..Usage::default() };
        assert_eq!(summary(2, &usage), "2 frames · 12 k fuel · 64 KiB · 10 µs compute · 0 µs wait · 1 call");
        let usage = Usage { tokens_in: 1_200, tokens_out: 34, money_microusd: 1_234, ..Usage::default() };
        let line = summary(1, &usage);
        assert!(line.ends_with(" · 0 calls · 1.2 k tokens in · 34 out · $0.001234"), "{line}");
    }
}
