// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drives a run as far as it goes, shows it meanwhile, and takes an interrupt for a wish to stop.

use std::future::{Future, ready};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use owo_colors::OwoColorize;
use priory::core::journal::{RunState, Wait};
use priory::core::ports::Recorder;
use priory::core::{Failure, RunId};
use priory::{Host, RunSpec, Started};
use tokio::runtime::Runtime;
use tokio::signal::ctrl_c;

use crate::amount::parse_duration;
pub(crate) use crate::ended::Ended;
use crate::ui::error::{Error, Result, Settings};
use crate::ui::exit::Exit;
use crate::ui::live::{Live, Mode};
use crate::ui::tree::Tree;
use crate::when::{show_due, show_time};

/// A wait that is longer than this is told.
const TOLD_FROM_MS: u64 = 1_000;

/// How long a run that only waits for timers is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until the last timer.
    Endless,
    /// For timers that are due within so many milliseconds.
    Within(u64),
}

impl Patience {
    /// Returns when a run goes on by itself, where it does and that is waited for.
    pub(crate) fn wakes_at(self, waits: &[Wait], now: u64) -> Option<u64> {
        // Whoever is asked may answer in a year, and nobody can while this process has the folder.
        if waits.iter().any(|wait| wait.question.is_some()) {
            return None;
        }
        let due = waits.iter().filter_map(|wait| wait.due_unix_ms).min()?;
        match self {
            Self::Endless => Some(due),
            Self::Within(ms) => (due.saturating_sub(now) <= ms).then_some(due),
        }
    }
}

/// Reads how long to wait: a time, or `0`.
pub(crate) fn parse_wait(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { parse_duration(text) }
}

/// Makes the runtime that a host lives in.
pub(crate) fn runtime() -> Result<Runtime> {
    // The main thread does the I/O while it waits for the run; guests compute on threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::io("the threads of the host cannot be started", &error))
}

/// Drives a run to its end, or as far as it goes.
pub(crate) async fn run(host: &Host, spec: RunSpec, mode: Mode, patience: Patience) -> Result<Ended> {
    let mut session = Session::begin(mode, Tree::default()).await?;
    let started = host.start(spec.recorder(session.recorder.clone())).map_err(|failure| refused(&failure))?;
    session.drive(host, started, patience).await
}

/// Takes a run up that is kept, and drives it to its end, or as far as it goes. `tree` is what happened before.
pub(crate) async fn resume(host: &Host, run: RunId, tree: Tree, mode: Mode, patience: Patience) -> Result<Ended> {
    let mut session = Session::begin(mode, tree).await?;
    let started = host.resume(run, session.recorder.clone()).await?;
    session.drive(host, started, patience).await
}

/// Waits until a signal comes that asks to stop.
type Interrupt = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// One run that is shown and can be interrupted.
struct Session {
    recorder: Arc<dyn Recorder>,
    live: Option<Live>,
    interrupt: Interrupt,
    is_interrupted: bool,
}

impl Session {
    async fn begin(mode: Mode, tree: Tree) -> Result<Self> {
        let (recorder, live) = Live::start(mode, tree).map_err(|error| Error::io("the run cannot be shown", &error))?;
        let mut interrupt: Interrupt = Box::pin(ctrl_c());
        // It listens once it is polled, and it must listen before anybody can see that the run began.
        tokio::select! {
            biased;
            _ = &mut interrupt => interrupt = Box::pin(ctrl_c()),
            () = ready(()) => {}
        }
        Ok(Self { recorder, live: Some(live), interrupt, is_interrupted: false })
    }

    async fn drive(&mut self, host: &Host, mut started: Started, patience: Patience) -> Result<Ended> {
        let run = started.id;
        loop {
            let end = self.wait(&mut started).await;
            let wakes_at = match end.state {
                RunState::Parked if !self.is_interrupted => patience.wakes_at(&end.waits, host.clock().unix_ms()),
                _ => None,
            };
            let is_over = match wakes_at {
                Some(due) => !self.sleep(host, due).await,
                None => true,
            };
            if is_over {
                let tree = self.live.take().map(Live::finish).unwrap_or_default();
                let now = host.clock().unix_ms();
                return Ok(Ended { run, end, tree, missing: None, is_interrupted: self.is_interrupted, now });
            }
            started = host.resume(run, self.recorder.clone()).await?;
        }
    }

    /// Waits until a run ends or is parked.
    async fn wait(&mut self, started: &mut Started) -> priory::RunEnd {
        loop {
            tokio::select! {
                end = started.wait() => return end,
                signal = &mut self.interrupt => {
                    if self.is_interrupted || signal.is_err() {
                        // Asked twice: whatever still holds the run up is not waited for.
                        std::process::exit(Exit::Interrupted.code().into());
                    }
                    self.is_interrupted = true;
                    self.interrupt = Box::pin(ctrl_c());
                    started.cancel();
                }
            }
        }
    }

    /// Waits until a parked run goes on. Returns whether it did; an interrupt leaves it parked.
    async fn sleep(&mut self, host: &Host, due: u64) -> bool {
        let clock = host.clock();
        let now = clock.unix_ms();
        let left_ms = due.saturating_sub(now);
        if left_ms >= TOLD_FROM_MS
            && let Some(live) = &self.live
        {
            let (at, left) = (show_time(due), show_due(due, now));
            let line = format!("waits for a timer that is due at {at} UTC, {left}; Ctrl-C leaves the run parked");
            live.say(line.dimmed().to_string());
        }
        let awake = clock.elapsed().saturating_add(Duration::from_millis(left_ms));
        let mut sleep = pin!(clock.sleep_until(awake));
        tokio::select! {
            () = &mut sleep => true,
            _ = &mut self.interrupt => {
                self.is_interrupted = true;
                false
            }
        }
    }
}

/// Says why a run did not begin.
fn refused(failure: &Failure) -> Error {
    match failure {
        Failure::Unavailable(_) => Error::not_found(failure.to_string()),
        Failure::Invalid(_) => Error::usage(failure.to_string()),
        _ => Error::of_failure(failure, &Settings::Flags),
    }
}

#[cfg(test)]
mod tests {
    use priory::core::FramePath;
    use priory::core::effect::Question;
    use priory::core::journal::QuestionId;

    use super::*;

    #[test]
    fn only_timers_are_waited_for() {
        let timer = |due| Wait { frame: FramePath::root(), step: 0, due_unix_ms: Some(due), question: None };
        let timers = [timer(9_000), timer(5_000)];
        assert_eq!(Patience::Endless.wakes_at(&timers, 1_000), Some(5_000));
        assert_eq!(Patience::Within(4_000).wakes_at(&timers, 1_000), Some(5_000));
        assert_eq!(Patience::Within(3_999).wakes_at(&timers, 1_000), None);
        assert_eq!(Patience::Within(0).wakes_at(&timers, 6_000), Some(5_000), "it is over already");
        let question = Question { text: "?".into(), schema: None, who: vec![], expires_ms: None };
        let id = QuestionId::of(RunId::from_parts(0, 0), &FramePath::root(), 1, &question);
        let asked = Wait { question: Some((id, question)), ..timer(5_000) };
        assert_eq!(Patience::Endless.wakes_at(&[timer(5_000), asked], 1_000), None);
    }
}
