// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was said before: read from the memory, shown to a model, and remembered.

use std::collections::BTreeSet;

use priory_sdk::context::{Summarise, Window};
use priory_sdk::memory::{self, Fact, NewFact, Query, Scope, Which};
use priory_sdk::model::Message;
use priory_sdk::outside::Outside;
use priory_sdk::{Failure, config};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many turns are read where nothing is configured.
const HISTORY: u32 = 40;
/// How many facts the memory gives at once.
const FACTS_MAX: u32 = 200;
/// How many turns are shown at most: one more is read, to see whether any leave.
const HISTORY_MAX: u32 = FACTS_MAX - 1;
/// How many older turns are looked up where nothing is configured.
const RECALLED: u32 = 5;
/// How long the name of a conversation may be, in bytes: it stands in the subject of a fact.
const NAME_BYTES_MAX: usize = 128;
/// How much of a message, and of an answer, is remembered, in bytes: a fact has room for two of them.
const SAID_BYTES_MAX: usize = 30 << 10;
/// How much of a message is searched for, in bytes.
const QUERY_BYTES_MAX: usize = 2 << 10;

/// What facts are read from and written to.
pub(crate) trait Facts {
    /// Finds facts.
    fn recall(&self, scope: &Scope, query: &Query) -> Result<Vec<Fact>, Failure>;
    /// Remembers one and returns its id.
    fn remember(&self, scope: &Scope, fact: &NewFact) -> Result<String, Failure>;
    /// Forgets some.
    fn forget(&self, scope: &Scope, which: &Which) -> Result<u64, Failure>;
}

/// The memory of the host.
pub(crate) struct Remembered;

/// What is said now.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    pub(crate) message: String,
    pub(crate) conversation: String,
    pub(crate) scope: Scope,
}

/// What was said before.
#[derive(Debug)]
pub(crate) struct History {
    /// The notes, and the fact that they are.
    notes: Option<(String, String)>,
    /// The turns behind the notes, in order.
    turns: Vec<Turn>,
    /// How many turns there were.
    last: u64,
    /// How many turns are shown.
    most: u32,
    /// How many older turns are neither shown nor in the notes, since the memory does not give so many at once.
    missing: u64,
    /// Older turns that bear on the message, the best first.
    pub(crate) found: Vec<String>,
}

/// Notes that were made anew, and up to which turn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notes {
    text: String,
    through: u64,
    missing: u64,
}

/// The turns behind the notes.
struct Stretch {
    turns: Vec<Turn>,
    /// The facts that they are.
    shown: BTreeSet<String>,
    /// The number of the last turn.
    last: u64,
    /// How many there are before them that could not be read.
    unread: u64,
}

#[derive(Debug)]
struct Turn {
    number: u64,
    message: String,
    answer: String,
}

/// What belongs to a turn beside its words.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TurnData {
    turn: u64,
    /// Where in the text the answer begins, in bytes.
    answer_at: usize,
}

/// What belongs to notes beside their words.
#[derive(Serialize, Deserialize)]
struct NotesData {
    through: u64,
    /// How many of the turns up to there they do not tell of.
    #[serde(default)]
    missing: u64,
}

// === impl Remembered ===

impl Facts for Remembered {
    fn recall(&self, scope: &Scope, query: &Query) -> Result<Vec<Fact>, Failure> {
        memory::recall(scope, query)
    }

    fn remember(&self, scope: &Scope, fact: &NewFact) -> Result<String, Failure> {
        memory::remember(scope, fact)
    }

    fn forget(&self, scope: &Scope, which: &Which) -> Result<u64, Failure> {
        memory::forget(scope, which)
    }
}

// === impl Talk ===

impl Talk {
    pub(crate) fn read(input: Value) -> Result<Self, Failure> {
        let text = |field: &str| input.get(field).and_then(Value::as_str).map(str::to_owned);
        let message = input.as_str().map(str::to_owned).or_else(|| text("message")).unwrap_or_default();
        if message.trim().is_empty() {
            return Err(Failure::invalid("task of the chat", "/message", "a text is expected that says something"));
        }
        let conversation = text("conversation").filter(|name| !name.is_empty()).unwrap_or_else(|| "main".to_owned());
        if conversation.len() > NAME_BYTES_MAX {
            let reason = format!("at most {NAME_BYTES_MAX} bytes are expected");
            return Err(Failure::invalid("task of the chat", "/conversation", reason));
        }
        let scope = text("user").filter(|user| !user.is_empty()).map_or(Scope::Agent, Scope::User);
        Ok(Self { message, conversation, scope })
    }

    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }

    fn notes_subject(&self) -> String {
        format!("notes/{}", self.conversation)
    }
}

// === impl History ===

impl History {
    /// Makes one of so many turns, of which none is shown.
    #[cfg(test)]
    pub(crate) fn at(last: u64) -> Self {
        Self { notes: None, turns: Vec::new(), last, most: 1, missing: 0, found: Vec::new() }
    }

    /// Reads what was said before, and looks up what bears on the message.
    pub(crate) fn read(
        facts: &dyn Facts,
        get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
        talk: &Talk,
    ) -> Result<Self, Failure> {
        let most = config::parsed("history", get("history")?, HISTORY)?.clamp(1, HISTORY_MAX);
        let recalled = config::parsed("recalled", get("recalled")?, RECALLED)?.min(FACTS_MAX);
        let noted = facts.recall(&talk.scope, &memory::newest(1).subject(talk.notes_subject()))?.pop();
        let data = noted.as_ref().and_then(|fact| fact.data::<NotesData>());
        let NotesData { through, missing } = data.unwrap_or(NotesData { through: 0, missing: 0 });
        let Stretch { turns, shown, last, unread } = Stretch::read(facts, talk, most, through)?;
        let missing = missing.saturating_add(unread);
        let found = match recalled {
            0 => Vec::new(),
            recalled => {
                // What is shown anyway is found too, so more is asked for.
                let query =
                    memory::query(head(&talk.message, QUERY_BYTES_MAX), recalled.saturating_add(most).min(FACTS_MAX));
                // The conversations of a user are hers, and those of an agent are of many: nothing crosses between them.
                let query = match talk.scope {
                    Scope::User(_) => query,
                    _ => query.subject(talk.subject()),
                };
                let is_new = |fact: &Fact| {
                    let is_notes = fact.subject.as_deref().is_some_and(|subject| subject.starts_with("notes/"));
                    !is_notes && !shown.contains(&fact.id)
                };
                let facts = facts.recall(&talk.scope, &query)?.into_iter().filter(is_new);
                facts.take(recalled as usize).map(|fact| fact.text).collect()
            }
        };
        Ok(Self { notes: noted.map(|fact| (fact.text, fact.id)), turns, last, most, missing, found })
    }

    /// Puts what was said before into a window. Returns new notes, where there was no room for all of it.
    pub(crate) fn show(
        &self,
        outside: &dyn Outside,
        window: &mut Window,
        summarise: &dyn Summarise,
    ) -> Result<Option<Notes>, Failure> {
        if self.missing > 0 {
            window.pin(format!("({} older turns are neither shown nor in the notes.)", self.missing))?;
        }
        if let Some((notes, _)) = &self.notes {
            window.begin_with(notes);
        }
        for turn in &self.turns {
            window.said(Message::user(&turn.message));
            window.said(Message::assistant(&turn.answer));
        }
        let Some(compacted) = window.fit_within(outside, summarise, 2 * self.most as usize) else { return Ok(None) };
        // Two messages are a turn; of one that went by half, all is shown again the next time.
        let last = (compacted.messages / 2).checked_sub(1).and_then(|whole| self.turns.get(whole));
        let missing = self.missing;
        Ok(last.map(|turn| Notes { text: compacted.summary, through: turn.number, missing }))
    }

    /// Remembers a turn and returns its number.
    pub(crate) fn remember(
        &self,
        facts: &dyn Facts,
        get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
        talk: &Talk,
        answer: &str,
    ) -> Result<u64, Failure> {
        let turn = self.last.saturating_add(1);
        let mut text = kept(&talk.message);
        text.push('\n');
        let answer_at = text.len();
        text.push_str(&kept(answer));
        let fact = memory::fact(text).subject(talk.subject()).source("chat").data(&TurnData { turn, answer_at })?;
        let expires = get("remember-ms")?.map(|ms| config::parsed("remember-ms", Some(ms), 0)).transpose()?;
        facts.remember(&talk.scope, &NewFact { expires_ms: expires, ..fact })?;
        Ok(turn)
    }

    /// Remembers new notes, and forgets the old ones then.
    pub(crate) fn note(&self, facts: &dyn Facts, talk: &Talk, notes: &Notes) -> Result<(), Failure> {
        let data = NotesData { through: notes.through, missing: notes.missing };
        let fact = memory::fact(head(&notes.text, 2 * SAID_BYTES_MAX)).subject(talk.notes_subject()).source("chat");
        facts.remember(&talk.scope, &fact.data(&data)?)?;
        if let Some((_, id)) = &self.notes {
            facts.forget(&talk.scope, &Which::Ids(vec![id.clone()]))?;
        }
        Ok(())
    }
}

// === impl Stretch ===

impl Stretch {
    /// Reads the turns behind a number: as many as are shown, or all where there are more, so that the notes tell of those
    /// that leave.
    fn read(facts: &dyn Facts, talk: &Talk, most: u32, through: u64) -> Result<Self, Failure> {
        let newest = |most| facts.recall(&talk.scope, &memory::newest(most).subject(talk.subject()));
        let is_behind = |fact: &&Fact| number(fact).is_some_and(|turn| turn > through);
        let mut kept = newest(most + 1)?;
        let last = kept.iter().filter_map(number).max().unwrap_or(0).max(through);
        let leave = kept.iter().filter(is_behind).count() > most as usize;
        if leave {
            kept = newest(u32::try_from(last - through).unwrap_or(FACTS_MAX).clamp(most + 1, FACTS_MAX))?;
        }
        let behind = || kept.iter().filter(is_behind);
        let mut turns: Vec<Turn> = behind().filter_map(Turn::read).collect();
        turns.sort_by_key(|turn| turn.number);
        let first = turns.first().map_or(last, |turn| turn.number);
        // Where none leave, those that are not there were forgotten.
        let unread = if leave { (first - through).saturating_sub(1) } else { 0 };
        Ok(Self { turns, shown: behind().map(|fact| fact.id.clone()).collect(), last, unread })
    }
}

// === impl Turn ===

impl Turn {
    fn read(fact: &Fact) -> Option<Self> {
        let data: TurnData = fact.data()?;
        let (message, answer) = fact.text.split_at_checked(data.answer_at)?;
        let message = message.strip_suffix('\n').unwrap_or(message);
        Some(Self { number: data.turn, message: message.to_owned(), answer: answer.to_owned() })
    }
}

fn number(fact: &Fact) -> Option<u64> {
    fact.data::<TurnData>().map(|data| data.turn)
}

/// Returns what is remembered of what was said; where it is cut, it says so.
fn kept(said: &str) -> String {
    let head = head(said, SAID_BYTES_MAX);
    if head.len() < said.len() { format!("{head} [the rest is not remembered]") } else { said.to_owned() }
}

/// Returns the beginning of a text, cut between characters.
fn head(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
