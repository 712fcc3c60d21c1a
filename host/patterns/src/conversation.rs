// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several talk on one transcript: by turns, or as a moderator or a rule says.

use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::reply::{Reply, consult, opened, question};
use crate::roster::Roster;
use crate::stop::{Stop, at_most};

/// Turns of a conversation.
pub const TURNS_MAX: usize = 10_000;
/// Entries of the transcript that a speaker is shown.
pub const WINDOW_MAX: usize = 1_000;

/// What is talked about, by whom, and how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// What it is about.
    pub topic: Value,
    /// Who talks.
    pub speakers: Roster,
    /// How often somebody may speak.
    pub turns_max: usize,
    /// How many of the last entries each is shown; of those before them only how many there are.
    pub window: usize,
    /// Whether it is over when the turns are spent; else that is a stop.
    pub turns_are_enough: bool,
}

/// One entry of the transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Who said it.
    pub speaker: String,
    /// What was said.
    pub says: Value,
}

/// Why a conversation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The stop rule held.
    Rule,
    /// A speaker said so.
    Speaker,
    /// The moderator said so, or the turn rule names nobody any more.
    Moderator,
    /// The turns are spent.
    Turns,
}

/// A conversation that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Talk {
    /// What the moderator says came of it; else what was said last.
    pub result: Value,
    /// All that was said.
    pub transcript: Vec<Said>,
    /// Why it is over.
    pub ended: Ended,
}

/// What the moderator said.
enum Word {
    Next(String),
    Stop(Option<Value>),
}

/// Lets the speakers talk in the order of the roster, again and again.
///
/// A speaker gets `{topic, speaker, speakers, transcript: [{speaker, says}], before, turn, turns-max}`, where `before`
/// counts the entries that it is not shown. It replies what it says: any value, or `{"says": any, "stop": true}` when the
/// conversation is to end with that. `is_over` is asked after each entry.
pub async fn round_robin<F, Speak, Fut>(
    order: Conversation,
    speak: Speak,
    is_over: impl Fn(&[Said]) -> Result<bool, F>,
) -> Result<Talk, F>
where
    F: Fault,
    Speak: Fn(String, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let names = order.speakers.names();
    let next = move |said: &[Said]| Ok(said.len().checked_rem(names.len()).and_then(|at| names.get(at).cloned()));
    chosen(order, speak, next, is_over).await
}

/// Lets those speak whom a rule names; `None` ends it. See [`round_robin`] for what a speaker gets.
pub async fn chosen<F, Speak, Fut>(
    order: Conversation,
    speak: Speak,
    next: impl Fn(&[Said]) -> Result<Option<String>, F>,
    is_over: impl Fn(&[Said]) -> Result<bool, F>,
) -> Result<Talk, F>
where
    F: Fault,
    Speak: Fn(String, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let mut room = Room::new(order).map_err(F::stopped)?;
    while room.has_turns() {
        let Some(speaker) = next(&room.transcript)? else { return Ok(room.close(Ended::Moderator, None)) };
        room.order.speakers.check(&speaker).map_err(F::stopped)?;
        let reply = speak(speaker.clone(), room.shown(&speaker)).await?;
        if let Some(ended) = room.hear(speaker, reply, &is_over)? {
            return Ok(room.close(ended, None));
        }
    }
    room.spent()
}

/// Lets those speak whom a moderator names.
///
/// It gets what a speaker gets, without `speaker`, and replies `{"next": speaker}`, or `{"stop": true, "result": any}`.
pub async fn moderated<F, Moderate, ModerateFut, Speak, SpeakFut>(
    order: Conversation,
    moderate: Moderate,
    speak: Speak,
    is_over: impl Fn(&[Said]) -> Result<bool, F>,
) -> Result<Talk, F>
where
    F: Fault,
    Moderate: Fn(Value) -> ModerateFut,
    ModerateFut: Future<Output = Result<Value, F>>,
    Speak: Fn(String, Value) -> SpeakFut,
    SpeakFut: Future<Output = Result<Value, F>>,
{
    let mut room = Room::new(order).map_err(F::stopped)?;
    while room.has_turns() {
        let read = |value| word(value, &room.order.speakers);
        let speaker = match consult(&moderate, room.view(), read).await? {
            Word::Next(speaker) => speaker,
            Word::Stop(result) => return Ok(room.close(Ended::Moderator, result)),
        };
        let reply = speak(speaker.clone(), room.shown(&speaker)).await?;
        if let Some(ended) = room.hear(speaker, reply, &is_over)? {
            return Ok(room.close(ended, None));
        }
    }
    room.spent()
}

fn word(value: Value, speakers: &Roster) -> Result<Word, Stop> {
    let mut reply = Reply::read("the moderator", value)?;
    if reply.flag("stop")? {
        return Ok(Word::Stop(reply.take("result")));
    }
    if !reply.has("next") {
        return Err(reply.refused("say `next` with the name of a speaker, or `stop` with true"));
    }
    let speaker = reply.text("next")?;
    speakers.check(&speaker).map(|()| Word::Next(speaker))
}

/// Where they talk.
struct Room {
    order: Conversation,
    transcript: Vec<Said>,
}

// === impl Room ===

impl Room {
    fn new(order: Conversation) -> Result<Self, Stop> {
        at_most("turns", order.turns_max, TURNS_MAX)?;
        at_most("entries of the window", order.window, WINDOW_MAX)?;
        Ok(Self { order, transcript: Vec::new() })
    }

    fn has_turns(&self) -> bool {
        self.transcript.len() < self.order.turns_max
    }

    fn view(&self) -> Map<String, Value> {
        let before = self.transcript.len().saturating_sub(self.order.window);
        let entries: Value = self
            .transcript
            .iter()
            .skip(before)
            .map(|said| json!({ "speaker": said.speaker, "says": said.says }))
            .collect();
        question(json!({
            "topic": self.order.topic,
            "speakers": self.order.speakers.to_value(),
            "transcript": entries,
            "before": before,
            "turn": self.transcript.len() + 1,
            "turns-max": self.order.turns_max,
        }))
    }

    fn shown(&self, speaker: &str) -> Value {
        let mut view = self.view();
        view.insert("speaker".to_owned(), Value::from(speaker));
        Value::Object(view)
    }

    /// Writes down what somebody said, and tells whether that was the end.
    fn hear<F>(
        &mut self,
        speaker: String,
        reply: Value,
        is_over: impl Fn(&[Said]) -> Result<bool, F>,
    ) -> Result<Option<Ended>, F> {
        let (says, stops) = spoken(reply);
        self.transcript.push(Said { speaker, says });
        if stops {
            return Ok(Some(Ended::Speaker));
        }
        Ok(is_over(&self.transcript)?.then_some(Ended::Rule))
    }

    fn close(self, ended: Ended, result: Option<Value>) -> Talk {
        let last = || self.transcript.last().map_or(Value::Null, |said| said.says.clone());
        Talk { result: result.unwrap_or_else(last), transcript: self.transcript, ended }
    }

    fn spent<F: Fault>(self) -> Result<Talk, F> {
        if self.order.turns_are_enough {
            return Ok(self.close(Ended::Turns, None));
        }
        Err(F::stopped(Stop::TurnsSpent { pattern: "the conversation", most: self.order.turns_max }))
    }
}

/// Returns what was said, and whether it was meant to be the end.
fn spoken(reply: Value) -> (Value, bool) {
    let Value::Object(mut fields) = opened(reply.clone()) else { return (reply, false) };
    let stops = fields.get("stop") == Some(&Value::Bool(true));
    match fields.remove("says") {
        Some(says) => (says, stops),
        None => (reply, stops),
    }
}
