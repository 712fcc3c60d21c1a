// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drives a run as far as it goes, shows it meanwhile, and takes an interrupt for a wish to stop.

use std::future::{Future, pending, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use owo_colors::OwoColorize;
use priory::core::journal::{RunState, Wait};
use priory::core::ports::Recorder;
use priory::core::{Failure, RunId};
use priory::{Host, Open, RunEnd, RunSpec, Started};
use tokio::runtime::Runtime;
use tokio::signal::ctrl_c;

use crate::amount::parse_duration;
use crate::answering;
pub(crate) use crate::ended::Ended;
use crate::prompt::{Prompt, Typed};
use crate::ui::error::{Error, Result, Settings};
use crate::ui::exit::Exit;
use crate::ui::live::{Live, Mode};
use crate::ui::tree::Tree;
use crate::when::{show_due, show_time};

/// A wait that is longer than this is told.
const TOLD_FROM_MS: u64 = 1_000;

/// How long a run takes at most from the moment when it asks no more until it is parked.
const PARKING: Duration = Duration::from_millis(100);

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
        if waits.iter().any(|wait| wait.question().is_some()) {
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

/// Drives a run to its end, or as far as it goes. With `answers`, what it asks is asked here.
pub(crate) async fn run(host: &Host, spec: RunSpec, mode: Mode, patience: Patience, answers: bool) -> Result<Ended> {
    let mut session = Session::begin(mode, Tree::default(), answers).await?;
    let started = host.start(spec.recorder(session.recorder.clone())).map_err(|failure| refused(&failure))?;
    session.drive(host, started, patience).await
}

/// Takes a run up that is kept, and drives it to its end, or as far as it goes. `tree` is what happened before.
pub(crate) async fn resume(
    host: &Host,
    run: RunId,
    tree: Tree,
    mode: Mode,
    patience: Patience,
    answers: bool,
) -> Result<Ended> {
    let mut session = Session::begin(mode, tree, answers).await?;
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
    /// It was interrupted, and there is nothing more that could be waited for.
    is_ending: bool,
    /// Asks what the run asks, where that is wanted.
    prompt: Option<Prompt>,
}

impl Session {
    async fn begin(mode: Mode, tree: Tree, answers: bool) -> Result<Self> {
        let (recorder, live) = Live::start(mode, tree).map_err(|error| Error::io("the run cannot be shown", &error))?;
        let mut interrupt: Interrupt = Box::pin(ctrl_c());
        // It listens once it is polled, and it must listen before anybody can see that the run began.
        tokio::select! {
            biased;
            _ = &mut interrupt => interrupt = Box::pin(ctrl_c()),
            () = ready(()) => {}
        }
        let prompt = answers.then(Prompt::new);
        Ok(Self { recorder, live: Some(live), interrupt, is_interrupted: false, is_ending: false, prompt })
    }

    async fn drive(&mut self, host: &Host, mut started: Started, patience: Patience) -> Result<Ended> {
        let run = started.id;
        loop {
            let end = self.wait(host, &mut started).await;
            let goes_on = match end.state {
                RunState::Parked if !self.is_interrupted => self.unpark(host, run, &end.waits, patience).await,
                _ => false,
            };
            if !goes_on {
                let tree = self.live.take().map(Live::finish).unwrap_or_default();
                let now = host.clock().unix_ms();
                return Ok(Ended { run, end, tree, missing: None, is_interrupted: self.is_interrupted, now });
            }
            started = host.resume(run, self.recorder.clone()).await?;
        }
    }

    /// Waits until a run ends or is parked, and asks meanwhile what it asks.
    async fn wait(&mut self, host: &Host, started: &mut Started) -> RunEnd {
        let run = started.id;
        loop {
            let (prompt, live) = (&mut self.prompt, self.live.as_ref());
            let fits = prompt.as_ref().and_then(Prompt::fits);
            let asked = prompt.as_ref().and_then(Prompt::asked);
            let more = fits.map(|fits| started.next_question(fits));
            let over = asked.map(|asked| started.question_over(asked));
            tokio::select! {
                end = started.wait() => return end,
                open = or_never(more) => prompt.iter_mut().for_each(|prompt| prompt.ask(open.clone(), live)),
                typed = typed(prompt) => {
                    answer(host, run, typed, live).await;
                }
                () = or_never(over) => {
                    // A run that is parked asks no more here, and goes on to ask.
                    if let Ok(end) = tokio::time::timeout(PARKING, started.wait()).await {
                        return end;
                    }
                    prompt.iter_mut().for_each(|prompt| prompt.withdraw(live));
                }
                signal = &mut self.interrupt => {
                    if self.is_ending || signal.is_err() {
                        // Asked again and again: whatever still holds the run up is not waited for.
                        std::process::exit(Exit::Interrupted.code().into());
                    }
                    self.is_interrupted = true;
                    self.interrupt = Box::pin(ctrl_c());
                    let is_told = started.cancel();
                    self.is_ending = !is_told;
                    if let (true, Some(live)) = (is_told, live) {
                        live.say("the run clears up behind itself; Ctrl-C again ends it at once".dimmed().to_string());
                    }
                }
            }
        }
    }

    /// Waits until a parked run goes on: somebody answers here, or a timer is due. Returns whether it does.
    async fn unpark(&mut self, host: &Host, run: RunId, waits: &[Wait], patience: Patience) -> bool {
        let due = waits.iter().filter_map(|wait| wait.due_unix_ms).min();
        loop {
            let (prompt, live) = (&mut self.prompt, self.live.as_ref());
            let mut open = waits.iter().filter_map(|wait| {
                let (id, question) = wait.question()?;
                Some(Open { id, question: question.clone(), due_unix_ms: wait.due_unix_ms })
            });
            match prompt {
                Some(prompt) if prompt.asked().is_none() => match prompt.fits().and_then(|fits| open.find(fits)) {
                    Some(open) => prompt.ask(open, live),
                    None => break,
                },
                Some(_) => {}
                None => break,
            }
            let wake = due.map(|due| awake(host, due));
            tokio::select! {
                typed = typed(prompt) => {
                    if answer(host, run, typed, live).await {
                        return true;
                    }
                }
                () = or_never(wake) => {
                    prompt.iter_mut().for_each(|prompt| prompt.withdraw(live));
                    return true;
                }
                _ = &mut self.interrupt => {
                    self.is_interrupted = true;
                    return false;
                }
            }
        }
        match patience.wakes_at(waits, host.clock().unix_ms()) {
            Some(due) => self.sleep(host, due).await,
            None => false,
        }
    }

    /// Waits until a parked run goes on. Returns whether it did; an interrupt leaves it parked.
    async fn sleep(&mut self, host: &Host, due: u64) -> bool {
        let now = host.clock().unix_ms();
        if due.saturating_sub(now) >= TOLD_FROM_MS
            && let Some(live) = &self.live
        {
            let (at, left) = (show_time(due), show_due(due, now));
            let line = format!("waits for a timer that is due at {at} UTC, {left}; Ctrl-C leaves the run parked");
            live.say(line.dimmed().to_string());
        }
        tokio::select! {
            () = awake(host, due) => true,
            _ = &mut self.interrupt => {
                self.is_interrupted = true;
                false
            }
        }
    }
}

/// Waits until a point in time, in milliseconds since 1970.
async fn awake(host: &Host, due: u64) {
    let clock = host.clock();
    let left = Duration::from_millis(due.saturating_sub(clock.unix_ms()));
    clock.sleep_until(clock.elapsed().saturating_add(left)).await;
}

async fn or_never<T>(future: Option<impl Future<Output = T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn typed(prompt: &mut Option<Prompt>) -> Typed {
    match prompt {
        Some(prompt) => prompt.typed().await,
        None => pending().await,
    }
}

/// Sends what somebody typed. Returns whether it was taken.
async fn answer(host: &Host, run: RunId, typed: Typed, live: Option<&Live>) -> bool {
    let taken = match typed {
        Typed::Answer(id, value) => host.answer(run, id, value, &answering::user()).await.map_err(|e| e.to_string()),
        Typed::Wrong(why) => Err(why),
        Typed::Left => return false,
    };
    if let (Err(why), Some(live)) = (&taken, live) {
        live.say(why.trim_end().to_owned());
    }
    if let Some(live) = live {
        live.pause(false);
    }
    taken.is_ok()
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
    use priory::core::journal::{Awaited, QuestionId};

    use super::*;

    #[test]
    fn only_timers_are_waited_for() {
        let timer = |due| Wait { frame: FramePath::root(), step: 0, due_unix_ms: Some(due), awaited: Awaited::Timer };
        let timers = [timer(9_000), timer(5_000)];
        assert_eq!(Patience::Endless.wakes_at(&timers, 1_000), Some(5_000));
        assert_eq!(Patience::Within(4_000).wakes_at(&timers, 1_000), Some(5_000));
        assert_eq!(Patience::Within(3_999).wakes_at(&timers, 1_000), None);
        assert_eq!(Patience::Within(0).wakes_at(&timers, 6_000), Some(5_000), "it is over already");
        let question = Question::new("?");
        let id = QuestionId::of(RunId::from_parts(0, 0), &FramePath::root(), 1, &question);
        let asked = Wait { awaited: Awaited::Answer(id, Box::new(question)), ..timer(5_000) };
        assert_eq!(Patience::Endless.wakes_at(&[timer(5_000), asked], 1_000), None);
    }
}
