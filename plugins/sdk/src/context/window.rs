// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a window, what part of it each is, and what is done when there is no room.

use super::{Budgets, Headlines, Summarise};
use crate::Failure;
use crate::artifacts::Reference;
use crate::model::{Completion, Message, Request, Role};
use crate::outside::Outside;
use crate::tokens;

/// By how much a summary may be longer than its budget before it is cut: a model counts its tokens in its own way.
const SUMMARY_SLACK: u64 = 2;
/// Tokens of what stands around a text that is cut: where it is, and how much of it.
const NOTE_TOKENS: u64 = 120;
/// How long the reason is that a summary gives, in characters.
const REASON_CHARS: usize = 300;

/// A part of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    System,
    Pinned,
    Summary,
    Retrieved,
    Recent,
}

/// What is known of a message beside it.
#[derive(Debug, Clone, Copy)]
struct Note {
    place: Place,
    tokens: u64,
}

/// The messages that a model is shown.
#[derive(Debug, Clone)]
pub struct Window {
    budgets: Budgets,
    messages: Vec<Message>,
    /// One for each message.
    notes: Vec<Note>,
    /// What was said before, without the words around it.
    summary: Option<String>,
    /// Where the messages are that went last; they say where those before them are.
    dropped: Option<Reference>,
    dropped_count: u64,
    /// What is not shown whole, and can be read on in.
    readable: Vec<Reference>,
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// How many messages went.
    pub messages: usize,
    /// Where they are; `None` where they could not be kept: then they are only in the record of the run.
    pub artifact: Option<Reference>,
    /// The summary now.
    pub summary: String,
    /// Why it is made of headlines only.
    pub problem: Option<String>,
}

// === impl Place ===

impl Place {
    fn label(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Pinned => "pinned",
            Self::Summary => "summary",
            Self::Retrieved => "retrieved",
            Self::Recent => "recent",
        }
    }
}

// === impl Window ===

impl Window {
    /// Makes an empty window.
    pub fn new(budgets: Budgets) -> Self {
        let (messages, notes, readable) = (Vec::new(), Vec::new(), Vec::new());
        Self { budgets, messages, notes, summary: None, dropped: None, dropped_count: 0, readable }
    }

    /// Returns the messages, in order.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Returns the budgets.
    pub fn budgets(&self) -> Budgets {
        self.budgets
    }

    /// Estimates how many tokens it has altogether.
    pub fn tokens(&self) -> u64 {
        self.notes.iter().fold(0, |sum, note| sum.saturating_add(note.tokens))
    }

    /// Returns what was said before, as far as it is summarised.
    pub fn summary(&self) -> Option<&str> {
        self.summary.as_deref()
    }

    /// Adds words of whoever set the agent up. What does not fit is refused.
    pub fn system(&mut self, words: impl Into<String>) -> Result<(), Failure> {
        self.held(Place::System, self.budgets.system, Message::system(words))
    }

    /// Adds words of whoever gave the task, which stay. What does not fit is refused.
    pub fn pin(&mut self, words: impl Into<String>) -> Result<(), Failure> {
        self.pin_message(Message::user(words))
    }

    /// Adds words that stay, as far as the budget for what is pinned allows: what does not fit is put into an artifact, and the
    /// message says so.
    pub fn pin_long(&mut self, outside: &dyn Outside, words: &str) -> Result<(), Failure> {
        let held = self.held_tokens(Place::Pinned).saturating_add(NOTE_TOKENS);
        let left = self.budgets.pinned.saturating_sub(held);
        let shown = self.shortened(outside, words, left);
        self.pin(shown)
    }

    /// Cuts a text that is to be shown to a length. What does not fit is put into an artifact, and the text says so.
    pub fn shortened(&mut self, outside: &dyn Outside, text: &str, tokens_max: u64) -> String {
        if tokens::estimate(text) <= tokens_max {
            return text.to_owned();
        }
        let head = tokens::head(text, tokens_max);
        let (shown, all) = (head.len(), text.len());
        let place = self.put_away(outside, text);
        format!("{head}\n[cut: {shown} of {all} bytes are shown; the whole is {place}]")
    }

    /// Returns what is not shown whole, and can be read on in.
    pub fn readable(&self) -> &[Reference] {
        &self.readable
    }

    /// Adds a message that stays. What does not fit is refused.
    pub fn pin_message(&mut self, message: Message) -> Result<(), Failure> {
        self.held(Place::Pinned, self.budgets.pinned, message)
    }

    /// Adds what was said.
    pub fn said(&mut self, message: Message) {
        self.push(Place::Recent, message);
    }

    /// Begins with a summary that was made before, such as in an earlier run.
    pub fn begin_with(&mut self, summary: impl Into<String>) {
        let summary = summary.into();
        self.show_summary(&summary, "what was said before, in short");
        self.summary = Some(summary);
    }

    /// Puts what was looked up in the place of what was looked up before, the best first. What does not fit is put into an
    /// artifact, and the message says so. `heading` says what it is.
    pub fn retrieved(&mut self, outside: &dyn Outside, heading: &str, texts: &[String]) {
        let is_other = |note: &Note| note.place != Place::Retrieved;
        let keeps: Vec<bool> = self.notes.iter().map(is_other).collect();
        self.retain(&keeps);
        if texts.is_empty() {
            return;
        }
        let mut left = self.budgets.retrieved.saturating_sub(tokens::estimate(heading));
        let fitting = texts.iter().take_while(|text| {
            let rest = left.checked_sub(tokens::estimate(text).saturating_add(2));
            rest.inspect(|rest| left = *rest).is_some()
        });
        let count = fitting.count();
        let (shown, rest) = texts.split_at(count);
        let mut words = format!("{heading}\n\n{}", shown.iter().map(|text| format!("- {text}\n")).collect::<String>());
        if !rest.is_empty() {
            let place = self.put_away(outside, &rest.join("\n\n"));
            words.push_str(&format!("\n({} more were found and do not fit; they are {place})", rest.len()));
        }
        self.push(Place::Retrieved, Message::user(words));
    }

    /// Asks a model with the messages of the window; those of the request are not sent. The window does not change.
    pub fn ask(&mut self, outside: &dyn Outside, request: &mut Request) -> Result<Completion, Failure> {
        // Lent for the time of the request, since a copy of a long conversation costs more than all that is done with it.
        request.messages = std::mem::take(&mut self.messages);
        let completion = outside.complete(request);
        self.messages = std::mem::take(&mut request.messages);
        completion
    }

    /// Makes room where the recent messages are over their budget: see the module. Returns what was done, where anything was.
    pub fn fit(&mut self, outside: &dyn Outside, summarise: &dyn Summarise) -> Option<Compacted> {
        self.fit_within(outside, summarise, usize::MAX)
    }

    /// Makes room as [`Window::fit`] does, and also where there are more recent messages than `messages_max`.
    pub fn fit_within(
        &mut self,
        outside: &dyn Outside,
        summarise: &dyn Summarise,
        messages_max: usize,
    ) -> Option<Compacted> {
        let mut left = self.held_tokens(Place::Recent);
        let mut count = self.notes.iter().filter(|note| note.place == Place::Recent).count();
        // Half of what is over is made free, so that it is not done again at once; the newest group always stays.
        let tokens_goal = if left > self.budgets.recent { self.budgets.recent / 2 } else { u64::MAX };
        let count_goal = if count > messages_max { messages_max / 2 } else { usize::MAX };
        let groups = self.groups();
        let mut keeps = vec![true; self.notes.len()];
        for (from, to) in groups.iter().take(groups.len().saturating_sub(1)) {
            if left <= tokens_goal && count <= count_goal {
                break;
            }
            for (keep, note) in keeps.iter_mut().zip(&self.notes).take(*to).skip(*from) {
                *keep = false;
                left = left.saturating_sub(note.tokens);
                count = count.saturating_sub(1);
            }
        }
        if keeps.iter().all(|keep| *keep) {
            return None;
        }
        let dropped = self.retain(&keeps);
        Some(self.compacted(outside, summarise, &dropped))
    }

    /// Puts messages that went into an artifact and into the summary.
    fn compacted(&mut self, outside: &dyn Outside, summarise: &dyn Summarise, dropped: &[Message]) -> Compacted {
        self.dropped_count = self.dropped_count.saturating_add(dropped.len() as u64);
        let before = self.dropped.as_ref().map(|reference| &reference.artifact);
        let whole = serde_json::json!({ "before": before, "messages": dropped }).to_string();
        let kept = outside.keep(whole.as_bytes());
        let most = self.budgets.summary;
        let extended = summarise.extend(outside, self.summary.as_deref(), dropped, most);
        let (summary, problem) = match extended {
            Ok(summary) => (self.bounded(outside, summary), None),
            Err(failure) => {
                let reason: String = failure.to_string().chars().take(REASON_CHARS).collect();
                // It asks nobody, so it does not fail.
                let lines = Headlines.extend(outside, self.summary.as_deref(), dropped, most).unwrap_or_default();
                (lines, Some(reason))
            }
        };
        let count = self.dropped_count;
        let place = match &kept {
            Ok(reference) => format!("they are whole in the artifact {}", reference.artifact),
            Err(failure) => format!("they are only in the record of the run, since they could not be kept: {failure}"),
        };
        let made = problem.as_ref().map(|reason| format!("; only headlines, since no summary could be made: {reason}"));
        let about = format!("what was said before, in short: {count} messages; {place}{}", made.unwrap_or_default());
        self.show_summary(&summary, &about);
        outside.tell(&format!("{} messages are summarised; {place}", dropped.len()));
        let artifact = kept.ok();
        self.readable.extend(artifact.clone());
        self.dropped = artifact.clone().or(self.dropped.take());
        self.summary = Some(summary.clone());
        Compacted { messages: dropped.len(), artifact, summary, problem }
    }

    /// Holds a summary to its length; what is cut off is in an artifact that it names.
    fn bounded(&mut self, outside: &dyn Outside, summary: String) -> String {
        let most = self.budgets.summary.saturating_mul(SUMMARY_SLACK);
        if tokens::estimate(&summary) <= most {
            return summary;
        }
        let place = self.put_away(outside, &summary);
        format!("{} [cut here; the whole is {place}]", tokens::head(&summary, most))
    }

    /// Puts a summary where there is one already, or behind what stands at the beginning for good.
    fn show_summary(&mut self, summary: &str, about: &str) {
        let message = Message::user(format!("({about})\n\n{summary}")).labelled(Place::Summary.label());
        let note = Note { place: Place::Summary, tokens: tokens::of_message(&message) };
        let there = self.notes.iter().position(|note| note.place == Place::Summary);
        if let Some(place) = there
            && let (Some(at), Some(noted)) = (self.messages.get_mut(place), self.notes.get_mut(place))
        {
            (*at, *noted) = (message, note);
            return;
        }
        let is_fixed = |note: &Note| matches!(note.place, Place::System | Place::Pinned);
        let place = self.notes.iter().position(|note| !is_fixed(note)).unwrap_or(self.notes.len());
        self.messages.insert(place, message);
        self.notes.insert(place, note);
    }

    /// Returns where the groups of recent messages begin and end: a message with what tools gave back to it.
    fn groups(&self) -> Vec<(usize, usize)> {
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for (place, (message, note)) in self.messages.iter().zip(&self.notes).enumerate() {
            if note.place != Place::Recent {
                continue;
            }
            match groups.last_mut() {
                Some((_, to)) if message.role == Role::Tool => *to = place + 1,
                _ => groups.push((place, place + 1)),
            }
        }
        groups
    }

    /// Adds a message that is never dropped, where there is room for it.
    fn held(&mut self, place: Place, most: u64, message: Message) -> Result<(), Failure> {
        let found = self.held_tokens(place).saturating_add(tokens::of_message(&message));
        if found > most {
            let label = place.label();
            let reason =
                format!("it has about {found} tokens, and {most} are the most; shorten it, or raise `window.{label}`");
            return Err(Failure::invalid(format!("part `{label}` of the window"), "", reason));
        }
        self.push(place, message);
        Ok(())
    }

    fn held_tokens(&self, place: Place) -> u64 {
        let notes = self.notes.iter().filter(|note| note.place == place);
        notes.fold(0, |sum, note| sum.saturating_add(note.tokens))
    }

    /// Puts a text where it can be read on, and says where that is.
    fn put_away(&mut self, outside: &dyn Outside, text: &str) -> String {
        match outside.keep(text.as_bytes()) {
            Ok(reference) => {
                let place = format!("in the artifact {}", reference.artifact);
                self.readable.push(reference);
                place
            }
            Err(failure) => format!("not shown, since it cannot be kept: {failure}"),
        }
    }

    fn push(&mut self, place: Place, message: Message) {
        let label = message.label.clone().unwrap_or_else(|| place.label().to_owned());
        let message = message.labelled(label);
        self.notes.push(Note { place, tokens: tokens::of_message(&message) });
        self.messages.push(message);
    }

    /// Keeps some messages, and returns the others.
    fn retain(&mut self, keeps: &[bool]) -> Vec<Message> {
        let mut gone = Vec::new();
        let (messages, notes) = (std::mem::take(&mut self.messages), std::mem::take(&mut self.notes));
        for ((message, note), keep) in messages.into_iter().zip(notes).zip(keeps) {
            if *keep {
                self.messages.push(message);
                self.notes.push(note);
            } else {
                gone.push(message);
            }
        }
        gone
    }
}
