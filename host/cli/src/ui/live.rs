// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shows a run while it goes on: as a tree on a terminal, as lines of JSON for programs, else not at all.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;
use priory::core::effect::Level;
use priory::core::event::{Envelope, Event};
use priory::core::ports::{Heard, Recorder};
use priory::record::Each;

use super::speaking::Speaking;
use super::text::printable;
use super::tree::Tree;

/// How many events may wait to be shown. A run that is faster than its terminal or its reader waits for it: no event is
/// lost, and no memory is filled with them.
const WAITING_MAX: usize = 4_096;
/// How many events are taken in between two drawings.
const BATCH_MAX: usize = 256;
/// How often a tree is drawn when nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// How many lines a tree has at most.
const HEIGHT_MAX: usize = 24;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One event a line, on stdout.
    Json,
    /// A tree on the terminal.
    Tree,
    /// Only what guests log.
    Quiet,
}

impl Mode {
    /// Chooses how a run of agents is shown.
    pub(crate) fn of_run(json: bool) -> Self {
        match json {
            true => Self::Json,
            false if io::stderr().is_terminal() => Self::Tree,
            false => Self::Quiet,
        }
    }
}

/// What whoever shows a run is told.
pub(crate) enum Message {
    Event(Envelope),
    /// A piece of an answer that a model is still writing.
    Heard(Heard),
    /// A line of the program itself.
    Say(String),
    /// Show nothing that changes, since somebody types, or go on with that.
    Pause(bool),
    /// There will be nothing more.
    End,
}

/// A run that is being shown.
pub(crate) enum Live {
    /// Writing blocks on its reader, so it has a thread of its own.
    Thread(JoinHandle<Tree>, SyncSender<Message>),
    /// There is little to write, so whoever has an event writes it.
    Inline(Arc<Mutex<Shown>>),
}

impl Live {
    /// Begins to show a run of which something may have happened before; its events go to the recorder.
    pub(crate) fn start(mode: Mode, tree: Tree) -> io::Result<(Arc<dyn Recorder>, Self)> {
        let shown = Shown::new(mode, tree);
        if mode == Mode::Quiet {
            let shown = Arc::new(Mutex::new(shown));
            let mine = shown.clone();
            let recorder = Arc::new(Each(move |envelope: &Envelope| {
                unpoisoned(&mine).take(envelope);
            }));
            return Ok((recorder, Self::Inline(shown)));
        }
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("priory-show".into()).spawn(move || show(shown, &receiver))?;
        let events = sender.clone();
        // Where whoever shows is slow, the run waits for it; where its thread broke, the run goes on without it.
        let recorder = Arc::new(Teller { events, hears: mode == Mode::Tree });
        Ok((recorder, Self::Thread(thread, sender)))
    }

    /// Says something in between.
    pub(crate) fn say(&self, line: String) {
        match self {
            Self::Thread(_, sender) => drop(sender.send(Message::Say(line))),
            Self::Inline(_) => anstream::eprintln!("{line}"),
        }
    }

    /// Shows nothing that changes while somebody types, or goes on with that.
    pub(crate) fn pause(&self, is_paused: bool) {
        match self {
            Self::Thread(_, sender) => drop(sender.send(Message::Pause(is_paused))),
            Self::Inline(_) => {}
        }
    }

    /// Waits until everything was shown. The run must not go on any more.
    pub(crate) fn finish(self) -> Tree {
        match self {
            Self::Thread(thread, sender) => {
                // A run that is parked has no last event.
                drop(sender.send(Message::End));
                thread.join().unwrap_or_default()
            }
            Self::Inline(shown) => std::mem::take(&mut unpoisoned(&shown).tree),
        }
    }
}

/// Hands what happens to the thread that shows it.
struct Teller {
    events: SyncSender<Message>,
    /// Whether pieces of answers are shown.
    hears: bool,
}

impl Recorder for Teller {
    fn record(&self, envelope: &Envelope) {
        drop(self.events.send(Message::Event(envelope.clone())));
    }

    fn hear(&self, heard: &Heard) {
        if self.hears {
            // Where there is no room, a piece is left out: what was said is in the outcome, which is not.
            drop(self.events.try_send(Message::Heard(heard.clone())));
        }
    }
}

/// Takes a lock; what is shown stays usable when somebody broke while holding it.
fn unpoisoned(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(mut shown: Shown, messages: &Receiver<Message>) -> Tree {
    loop {
        match messages.recv_timeout(TICK) {
            Ok(message) => {
                let mut batch = std::iter::once(message).chain(messages.try_iter().take(BATCH_MAX));
                let is_end = batch.any(|message| match message {
                    Message::Event(envelope) => shown.take(&envelope),
                    Message::Heard(heard) => shown.hear(heard),
                    Message::Say(line) => shown.say(&line),
                    Message::Pause(is_paused) => shown.pause(is_paused),
                    Message::End => true,
                });
                if is_end {
                    break;
                }
                shown.draw();
            }
            Err(RecvTimeoutError::Timeout) => shown.draw(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    shown.finish()
}

/// What has been shown so far.
pub(crate) struct Shown {
    tree: Tree,
    speaking: Speaking,
    bar: Option<ProgressBar>,
    /// Somebody types: what is drawn would be in the way.
    is_paused: bool,
    json: Option<BufWriter<io::Stdout>>,
    color: bool,
}

impl Shown {
    fn new(mode: Mode, tree: Tree) -> Self {
        let bar = (mode == Mode::Tree).then(bar);
        let json = (mode == Mode::Json).then(|| BufWriter::new(io::stdout()));
        Self { tree, speaking: Speaking::default(), bar, is_paused: false, json, color: is_colored() }
    }

    /// Takes an event; tells whether it is the last one.
    fn take(&mut self, envelope: &Envelope) -> bool {
        self.tree.apply(envelope);
        self.speaking.apply(envelope);
        if let Some(out) = &mut self.json {
            let written = serde_json::to_writer(&mut *out, envelope).map_err(io::Error::from);
            if written.and_then(|()| out.write_all(b"\n")).is_err() {
                // Nobody reads any more.
                self.json = None;
            }
        } else if let Event::Log { level, message } = &envelope.event
            && !message.trim().is_empty()
        {
            let program = self.tree.program(&envelope.frame);
            let line = log_line(program, *level, message);
            self.say(&line);
        }
        matches!(envelope.event, Event::RunEnded { .. })
    }

    /// Takes a piece of an answer; it is never the last thing.
    fn hear(&mut self, heard: Heard) -> bool {
        self.speaking.hear(heard);
        false
    }

    /// Takes the tree from the terminal while somebody types, or puts it back; it is never the last thing.
    fn pause(&mut self, is_paused: bool) -> bool {
        if self.is_paused != is_paused
            && let Some(old) = &mut self.bar
        {
            old.finish_and_clear();
            *old = bar();
        }
        self.is_paused = is_paused;
        false
    }

    /// Writes a line; it is never the last thing.
    fn say(&mut self, line: &str) -> bool {
        match &self.bar {
            Some(bar) if !self.is_paused => bar.suspend(|| anstream::eprintln!("{line}")),
            _ => anstream::eprintln!("{line}"),
        }
        false
    }

    fn draw(&mut self) {
        if let Some(bar) = self.bar.as_ref().filter(|_| !self.is_paused) {
            let mut lines = self.tree.render(HEIGHT_MAX, self.color);
            lines.extend(self.speaking.render(&self.tree, self.color));
            bar.set_message(lines.join("\n"));
            bar.tick();
        }
        if let Some(out) = &mut self.json {
            let _ = out.flush();
        }
    }

    fn finish(mut self) -> Tree {
        if let Some(out) = &mut self.json {
            let _ = out.flush();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            for line in self.tree.render(HEIGHT_MAX, true) {
                anstream::eprintln!("{line}");
            }
        }
        self.tree
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

/// Tells whether stderr takes colours.
pub(crate) fn is_colored() -> bool {
    !matches!(anstream::AutoStream::choice(&io::stderr()), anstream::ColorChoice::Never)
}

fn log_line(program: &str, level: Level, message: &str) -> String {
    let label = match level {
        Level::Error => format!("{} ", "error".red()),
        Level::Warn => format!("{} ", "warning".yellow()),
        Level::Info | Level::Debug | Level::Trace => String::new(),
    };
    format!("{} {label}{}", format!("{program}:").dimmed(), printable(message.trim_end()))
}
