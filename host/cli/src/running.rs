// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs something to its end, shows it meanwhile, and takes an interrupt for a wish to stop.

use std::future::ready;
use std::pin::pin;

use priory::core::failure::Denial;
use priory::core::json::JsonError;
use priory::core::{Failure, Json, Usage};
use priory::{Host, RunEnd, RunSpec};
use tokio::runtime::Runtime;
use tokio::signal::ctrl_c;

use crate::amount::{show_bytes, show_count, show_micros};
use crate::ui::error::{Error, Result, Settings};
use crate::ui::exit::Exit;
use crate::ui::live::{Live, Mode};
use crate::ui::text::counted;
use crate::ui::tree::Tree;

/// A run that has ended.
pub(crate) struct Ended {
    pub(crate) end: RunEnd,
    pub(crate) tree: Tree,
    /// What a tool missed without being refused.
    pub(crate) missing: Option<Denial>,
    interrupted: bool,
}

/// Makes the runtime that a host lives in.
pub(crate) fn runtime() -> Result<Runtime> {
    // The main thread does the I/O while it waits for the run; guests compute on threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::io("the threads of the host cannot be started", &error))
}

/// Runs something to its end.
pub(crate) async fn run(host: &Host, spec: RunSpec, mode: Mode) -> Result<Ended> {
    let show = |error: &std::io::Error| Error::io("the run cannot be shown", error);
    let (recorder, live) = Live::start(mode).map_err(|error| show(&error))?;
    let mut interrupt = pin!(ctrl_c());
    // It listens once it is polled, and it must listen before anybody can see that the run began.
    tokio::select! {
        biased;
        _ = &mut interrupt => interrupt.set(ctrl_c()),
        () = ready(()) => {}
    }
    let mut started = host.start(spec.recorder(recorder)).map_err(|failure| refused(&failure))?;
    let mut interrupted = false;
    let end = loop {
        tokio::select! {
            end = started.wait() => break end,
            signal = &mut interrupt => {
                if interrupted || signal.is_err() {
                    // Asked twice: whatever still holds the run up is not waited for.
                    std::process::exit(Exit::Interrupted.code().into());
                }
                interrupted = true;
                interrupt.set(ctrl_c());
                started.cancel();
            }
        }
    };
    Ok(Ended { end, tree: live.finish(), missing: None, interrupted })
}

/// Says why a run did not begin.
fn refused(failure: &Failure) -> Error {
    match failure {
        Failure::Unavailable(_) => Error::not_found(failure.to_string()),
        Failure::Invalid(_) => Error::usage(failure.to_string()),
        _ => Error::of_failure(failure, &Settings::Flags),
    }
}

impl Ended {
    /// Returns how the program ends after this run.
    pub(crate) fn exit(&self) -> Exit {
        match &self.end.result {
            Ok(_) => Exit::Ok,
            Err(_) if self.interrupted => Exit::Interrupted,
            // What was given cannot be passed: no guest has computed anything.
            Err(Failure::Invalid(_)) if self.end.usage.fuel == 0 => Exit::Usage,
            Err(failure) => Exit::of(failure),
        }
    }

    /// Returns the error that is told where the run failed.
    pub(crate) fn error(&self, settings: &Settings) -> Option<Error> {
        let failure = self.end.result.as_ref().err()?;
        let of_failure = Error::of_failure(failure, settings);
        let mut error = match (failure, self.tree.denial().or(self.missing.as_ref())) {
            (Failure::Cancelled { .. }, _) if self.interrupted => {
                Error::new(Exit::Interrupted, "the run was interrupted")
            }
            (Failure::Denied(_) | Failure::Limit(_) | Failure::Timeout(_), _) => of_failure,
            (_, Some(denial)) => of_failure.hint_at_denial(denial, settings),
            (Failure::Trap(_), None) if !self.tree.has_log() => of_failure.hint_at_log(settings),
            _ => of_failure,
        };
        error.exit = self.exit();
        Some(error)
    }

    /// Returns the last line of `--json`. The result stands in it as it was written: no number is rounded.
    pub(crate) fn as_json(&self) -> String {
        let (key, value) = match &self.end.result {
            Ok(report) => ("report", Json::of(report)),
            Err(failure) => ("failure", Json::of(failure)),
        };
        let text = |json: std::result::Result<Json, _>| json.unwrap_or_else(|_: JsonError| Json::null());
        let (value, usage) = (text(value), text(Json::of(&self.end.usage)));
        format!(r#"{{"event":"result","exit":{},"{key}":{value},"usage":{usage}}}"#, self.exit().code())
    }

    /// Returns what the run took, on one line.
    pub(crate) fn summary(&self) -> String {
        summary(self.tree.frames(), &self.end.usage)
    }
}

fn summary(frames: usize, usage: &Usage) -> String {
    format!(
        "{} · {} fuel · {} · {} compute · {} wait · {}",
        counted(frames, "frame"),
        show_count(usage.fuel),
        show_bytes(usage.memory_bytes),
        show_micros(usage.compute_us),
        show_micros(usage.wait_us),
        counted(usize::try_from(usage.calls).unwrap_or(usize::MAX), "call"),
    )
}

#[cfg(test)]
mod tests {
    use priory::core::Report;
    use priory::core::journal::RunState;

    use super::*;

    fn ended(result: std::result::Result<Report, Failure>, interrupted: bool) -> Ended {
        let end = RunEnd { state: RunState::Done, result, usage: Usage::default(), waits: Vec::new() };
        Ended { end, tree: Tree::default(), missing: None, interrupted }
    }

    #[test]
    fn the_last_line_of_json_holds_the_result() {
        let report = Report { output: Json::parse(r#"{"b":1.50,"a":2}"#).unwrap(), summary: None };
        let line = ended(Ok(report), false).as_json();
        let start =
            r#"{"event":"result","exit":0,"report":{"output":{"b":1.50,"a":2},"summary":null},"usage":{"fuel":0,"#;
        assert!(line.starts_with(start), "{line}");
        let line = ended(Err(Failure::other("x")), false).as_json();
        assert!(line.starts_with(r#"{"event":"result","exit":1,"failure":{"kind":"other","message":"x""#), "{line}");
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
    fn what_a_run_took_stands_on_one_line() {
        let usage = Usage { fuel: 12_000, memory_bytes: 65_536, compute_us: 10, wait_us: 0, calls: 1, bytes: 0 };
        assert_eq!(summary(2, &usage), "2 frames · 12 k fuel · 64 KiB · 10 µs compute · 0 µs wait · 1 call");
    }
}
