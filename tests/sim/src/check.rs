// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has to hold of a run that went through crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use priory_core::effect::Nature;
use priory_core::inbox::Origin;
use priory_core::journal::RunState;
use priory_core::ports::Compute;
use priory_core::{Effect, Envelope, Event, EventRecord, Failure, Journal, Value};
use priory_engine::{InDoubt, Replayed, Trial};
use priory_journal::MemoryJournal;
use priory_testkit::sim::{Arrival, Faults, Outside, SimRng};

use crate::artifacts;
use crate::history::History;
use crate::plan::Plan;
use crate::process::{Beyond, Deaf, Process};
use crate::state::State;
use crate::think;
use crate::world::{Crashes, Story, World};

/// How many steps one replay may take.
const REPLAY_STEPS_MAX: u64 = 400_000;

/// What was seen of one seed.
#[derive(Debug, Default, Clone, Copy)]
pub struct Report {
    /// Steps of all simulated runs.
    pub steps: u64,
    /// Lives of hosts.
    pub lives: u64,
    /// Events that were kept.
    pub events: u64,
    /// Requests that reached the outside.
    pub arrivals: u64,
}

/// Simulates a seed with crashes by chance, and says what is wrong.
pub fn try_seed(seed: u64) -> Result<Report, String> {
    guard(|| {
        let plan = Plan::of(seed);
        let story = World::new(seed, Crashes::Often).tell()?;
        check(&plan, seed, &story)?;
        let mut report = Report::of(&story);
        if plan.is_steady {
            let calm = World::new(seed, Crashes::Never).tell().map_err(|why| format!("without a crash: {why}"))?;
            check(&plan, seed, &calm).map_err(|why| format!("without a crash: {why}"))?;
            report.steps += calm.steps;
            same(&plan, &calm, &story)?;
        }
        Ok(report)
    })
}

/// Simulates a seed without a crash, and then with one crash at each of its steps, `stride` apart.
pub fn exhaust(seed: u64, stride: u64) -> Result<Report, String> {
    guard(|| {
        let plan = Plan::of(seed);
        let calm = World::new(seed, Crashes::Never).tell()?;
        check(&plan, seed, &calm)?;
        let mut report = Report::of(&calm);
        for step in (1..=calm.steps).step_by(usize::try_from(stride.max(1)).unwrap_or(1)) {
            let at = |why: String| format!("with a crash at step {step}: {why}");
            let story = World::new(seed, Crashes::At(step)).tell().map_err(at)?;
            check(&plan, seed, &story).map_err(at)?;
            if plan.is_steady {
                same(&plan, &calm, &story).map_err(at)?;
            }
            report.add(Report::of(&story));
        }
        Ok(report)
    })
}

fn guard(act: impl FnOnce() -> Result<Report, String>) -> Result<Report, String> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("it panicked: {}", text.unwrap_or_default()))
    })
}

impl Report {
    fn of(story: &Story) -> Self {
        let (events, arrivals) = (story.events.len() as u64, story.arrivals.len() as u64);
        Self { steps: story.steps, lives: story.lives, events, arrivals }
    }

    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.lives += other.lives;
        self.events += other.events;
        self.arrivals += other.arrivals;
    }
}

/// Holds a run to all that has to hold whatever happened.
fn check(plan: &Plan, seed: u64, story: &Story) -> Result<(), String> {
    let history = History::read(&story.events, story.was_ended_parked)?;
    end(story, &history)?;
    budget(plan, story, &history)?;
    requests(&history, &story.arrivals)?;
    touches(plan, story)?;
    answers(story)?;
    events(&history, story)?;
    State::read(&story.events)?;
    think::check(&plan.thinking, &plan.parts, &history, story)?;
    artifacts::check(&story.journal, story.run, &story.events)?;
    replay(plan, seed, story)
}

/// What was shown is what is kept, and what was used is what the frames used.
fn end(story: &Story, history: &History) -> Result<(), String> {
    let Some(Event::RunEnded { result, usage }) = story.events.last().map(|last| &last.event) else {
        return Err("the last event is not the end of the run".to_owned());
    };
    if *result != story.end.result {
        return Err(format!("{:?} was shown, and {result:?} is kept", story.end.result));
    }
    let (used, frames) = (*usage, history.usage);
    let differ = (used.fuel, used.calls, used.bytes) != (frames.fuel, frames.calls, frames.bytes);
    // Who is cancelled on the way back to where it was has not counted all of it again.
    let was_cancelled = story.lives > 1 && story.end.state == RunState::Cancelled;
    if differ && !was_cancelled && !story.was_ended_parked && !history.was_restarted && !history.was_in_doubt {
        return Err(format!("the run is said to have used {used:?}, and its frames used {frames:?}"));
    }
    Ok(())
}

/// The run has not spent more than it may, however often it was taken up.
fn budget(plan: &Plan, story: &Story, history: &History) -> Result<(), String> {
    let (mut allowed, used) = (plan.budget.amounts(), history.usage);
    // Nobody is at work who could refuse an answer that is given while the run is parked.
    let answered = story.events.iter().filter_map(|envelope| match &envelope.event {
        Event::Outcome { outcome, .. } => match &**outcome {
            Ok(Value::Answer(answer)) => Some(answer.value.byte_len() + answer.by.len() as u64),
            _ => None,
        },
        _ => None,
    });
    // Nor the wish to cancel it.
    let cancelled = history.effects().filter_map(|(_, _, known)| match (&*known.effect, known.outcome.as_deref()) {
        (Effect::AwaitCancel, Some(Ok(Value::Json(by)))) => Some(by.byte_len()),
        _ => None,
    });
    allowed.bytes = allowed.bytes.saturating_add(answered.sum::<u64>()).saturating_add(cancelled.sum());
    match used.fuel > allowed.fuel || used.calls > allowed.calls || used.bytes > allowed.bytes {
        true => Err(format!("it was allowed {allowed:?}, and used {used:?}")),
        false => Ok(()),
    }
}

/// Every request that changes something has one key, one body, an intent that is kept; and what is said to have been
/// answered has arrived.
fn requests(history: &History, arrivals: &[Arrival]) -> Result<(), String> {
    let mut arrived: BTreeMap<&str, &Arrival> = BTreeMap::new();
    for arrival in arrivals.iter().filter(|arrival| arrival.method == "POST") {
        let [key] = arrival.keys.as_slice() else {
            return Err(format!("a request without exactly one key arrived: {arrival:?}"));
        };
        let first = arrived.entry(key).or_insert(arrival);
        if *first != arrival {
            return Err(format!("two requests have one key: {first:?} and {arrival:?}"));
        }
    }
    let mut unknown: BTreeSet<&str> = arrived.keys().copied().collect();
    for (path, step, known) in history.effects() {
        let Effect::HttpRequest(request) = &*known.effect else { continue };
        if request.method != "POST" {
            continue;
        }
        let end = format!("-{path}-{step}");
        let found = arrived.iter().find(|(key, _)| key.ends_with(&end));
        if found.is_some() && history.was_not_approved(&path.child(step)) {
            return Err(format!("{request:?} arrived, and nobody approved it"));
        }
        match (found, known.outcome.as_deref()) {
            (Some((key, arrival)), _) if arrival.body == request.body && arrival.url == request.url.as_str() => {
                unknown.remove(key);
            }
            (Some((_, arrival)), _) => return Err(format!("{request:?} was recorded, and {arrival:?} arrived")),
            (None, Some(Ok(Value::Http(_)))) => {
                return Err(format!("{request:?} is said to be done, and never arrived"));
            }
            (None, _) => {}
        }
    }
    match unknown.first() {
        Some(key) => Err(format!("a request arrived of which nothing is kept: {key}")),
        None => Ok(()),
    }
}

/// What is said to be published is there, as it was asked for, and nothing else of the run is; and the run took each event
/// once, all of which were published.
fn events(history: &History, story: &Story) -> Result<(), String> {
    let published: BTreeMap<&str, &EventRecord> = story.published.iter().map(|event| (&*event.id, event)).collect();
    let mut unknown: BTreeSet<&str> =
        story.published.iter().filter(|event| event.from.is_some()).map(|event| &*event.id).collect();
    let mut taken = BTreeSet::new();
    for (path, step, known) in history.effects() {
        match (&*known.effect, known.outcome.as_deref()) {
            (Effect::Emit { name, data, .. }, outcome) => {
                let id = EventRecord::id_of(name, None, &Origin { run: story.run, frame: path.clone(), step });
                unknown.remove(&*id);
                match (published.get(&*id), outcome) {
                    (Some(event), _) if event.name == *name && event.data == *data => {}
                    (Some(event), _) => {
                        return Err(format!("{:?} was asked for, and {event:?} is there", known.effect));
                    }
                    (None, Some(Ok(_))) => return Err(format!("{id} is said to be published, and is not there")),
                    (None, _) => {}
                }
            }
            (Effect::AwaitEvent { .. }, Some(Ok(Value::Event(event)))) => {
                if !taken.insert(event.id.clone()) {
                    return Err(format!("{} was taken twice", event.id));
                }
                if published.get(&*event.id) != Some(&event) {
                    return Err(format!("{event:?} was taken, and {:?} is there", published.get(&*event.id)));
                }
            }
            _ => {}
        }
    }
    match unknown.first() {
        Some(id) => Err(format!("an event is there of which nothing is kept: {id}")),
        None => Ok(()),
    }
}

/// Every answer that was taken while the run was in memory is kept, once.
fn answers(story: &Story) -> Result<(), String> {
    let mut kept: BTreeMap<&str, u32> = BTreeMap::new();
    for envelope in &story.events {
        if let Event::Outcome { outcome, .. } = &envelope.event
            && let Ok(Value::Answer(answer)) = &**outcome
        {
            *kept.entry(&answer.by).or_default() += 1;
        }
    }
    match story.answered_by.iter().find(|by| kept.get(by.as_str()) != Some(&1)) {
        Some(by) => Err(format!("the answer of {by} was taken, and is kept {:?} times", kept.get(by.as_str()))),
        None => Ok(()),
    }
}

/// What nobody can repeat is not repeated without leave.
fn touches(plan: &Plan, story: &Story) -> Result<(), String> {
    let repeats = |touches: &(InDoubt, Option<Nature>)| touches.0 != InDoubt::Fail || touches.1.is_some();
    if plan.parts.iter().filter_map(|part| part.touches.as_ref()).any(repeats) {
        return Ok(());
    }
    match story.touches.iter().find(|(_, times)| **times > 1) {
        Some((frame, times)) => Err(format!("frame {frame} touched the outside {times} times")),
        None => Ok(()),
    }
}

/// Executed again offline, the run comes to the same.
fn replay(plan: &Plan, seed: u64, story: &Story) -> Result<(), String> {
    let recorded = story.end.result.as_ref().err();
    let saw_files =
        story.events.iter().any(|envelope| matches!(&envelope.event, Event::FrameStarted(s) if !s.mounts.is_empty()));
    let replayed = try_again(plan, seed, story.events.clone(), story.journal.clone())?;
    let is_cut = matches!(recorded, Some(Failure::Cancelled { .. } | Failure::Timeout(_) | Failure::InDoubt { .. }));
    match replayed {
        Replayed::Same => Ok(()),
        Replayed::UpTo { .. } if is_cut || saw_files => Ok(()),
        other => Err(format!("executed again, it is not the same: {other:?}")),
    }
}

fn try_again(plan: &Plan, seed: u64, events: Vec<Envelope>, kept: Arc<dyn Journal>) -> Result<Replayed, String> {
    let rng = SimRng::new(seed).fork(9);
    let beyond = Beyond::new(seed, Outside::new(rng.fork(10), true), true);
    let empty: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let process = Process::new(plan, &beyond, &empty, &rng, (seed, 1, Faults::default()))?;
    let slot = Arc::new(Mutex::new(None));
    let (engine, catalog, result) = (process.engine.clone(), process.catalog.clone(), slot.clone());
    let trial = Trial { events, kept: Some(kept), recorder: Arc::new(Deaf) };
    let task = process.compute().spawn(Box::pin(async move {
        let replayed = engine.replay(&catalog, trial).await;
        if let Ok(mut result) = result.lock() {
            *result = Some(replayed);
        }
    }));
    for _ in 0..REPLAY_STEPS_MAX {
        if let Some(replayed) = slot.lock().ok().and_then(|mut slot| slot.take()) {
            drop(task);
            process.crash();
            if let Some((key, _)) = beyond.models.asked().first_key_value() {
                return Err(format!("executed again offline, it has asked {key}"));
            }
            return match beyond.outside.arrivals().first() {
                Some(arrival) => Err(format!("executed again offline, it has sent {arrival:?}")),
                None => replayed.map_err(|failure| format!("it cannot be executed again: {failure}")),
            };
        }
        if !process.step() {
            return Err("executed again, it stands still".to_owned());
        }
    }
    Err("executed again, it does not end".to_owned())
}

/// Where no timing shows, crashes change nothing.
fn same(plan: &Plan, calm: &Story, story: &Story) -> Result<(), String> {
    if plan.parts.iter().any(|part| part.touches.is_some()) {
        return Ok(());
    }
    if calm.end.result != story.end.result {
        return Err(format!("it came to {:?}, and without a crash to {:?}", story.end.result, calm.end.result));
    }
    let (one, two) = (calm.end.usage, story.end.usage);
    if one.amounts() != two.amounts() {
        return Err(format!("it used {two:?}, and without a crash {one:?}"));
    }
    // Only what is merged without regard to order is written where no timing shows.
    let (calm_state, state) = (State::read(&calm.events)?, State::read(&story.events)?);
    if calm_state.without_order() != state.without_order() {
        let (now, then) = (state.without_order(), calm_state.without_order());
        return Err(format!("its state is {now:?}, and without a crash {then:?}"));
    }
    if story.end.state != RunState::Cancelled && think::asked_without_run(calm) != think::asked_without_run(story) {
        return Err("models were asked something else than without a crash".to_owned());
    }
    // A run of which nothing was kept is begun again later, and so under another id.
    let place = |key: &String| key.split_once('-').map(|(_, place)| place.to_owned());
    let keys = |story: &Story| -> BTreeSet<(Vec<String>, Vec<u8>)> {
        let posts = story.arrivals.iter().filter(|arrival| arrival.method == "POST");
        posts.map(|arrival| (arrival.keys.iter().filter_map(place).collect(), arrival.body.clone())).collect()
    };
    if story.end.state != RunState::Cancelled && keys(calm) != keys(story) {
        return Err(format!("outside it did {:?}, and without a crash {:?}", keys(story), keys(calm)));
    }
    Ok(())
}
