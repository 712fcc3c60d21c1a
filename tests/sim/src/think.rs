// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models and memory in what a seed stands for, and what has to hold of them: nothing is paid twice, nothing is noted below
//! what was asked, and what was said is written down whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::grant::GrantKind;
use priory_core::memory::{FactId, MemoryOp, MemoryValue, Scope};
use priory_core::model::{Expense, ExpenseKey, Message, Prompt, Sampling, Spent};
use priory_core::{Amounts, Digest, Effect, FramePath, Value};
use priory_testkit::sim::{Act, Asked, Op, SimKept, SimModels, SimRng};

use crate::history::History;
use crate::plan::Part;
use crate::world::Story;

/// How many steps of scripts are added to each program, at most.
const ADDED_MAX: usize = 5;

/// What models and memory a run has, and what it may spend on them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Thinking {
    /// What all runs may spend in a day.
    pub quota: QuotaSpec,
    /// What the run may spend.
    pub budget: BudgetSpec,
}

impl Thinking {
    /// Lets some programs of a run talk to models, and remember.
    pub fn draw(seed: u64, parts: &mut [Part], is_steady: bool, parks: bool) -> Self {
        let rng = SimRng::new(!seed);
        if rng.percent(30) {
            return Self::default();
        }
        for part in parts.iter_mut().filter(|part| part.flow.is_none()) {
            part.grants.extend(["model=*", "memory=*:write"].into_iter().filter_map(|text| text.parse().ok()));
            for grant in
                part.grants.iter_mut().filter(|grant| matches!(grant.kind, GrantKind::Model | GrantKind::Memory))
            {
                grant.asks = parks && rng.percent(5);
            }
            for _ in 0..rng.index(ADDED_MAX + 1) {
                // What is left open at the end of a steady program is waited for there.
                let at = rng.index(part.script.len().max(1));
                part.script.insert(at.min(part.script.len()), op(&rng, is_steady));
            }
            if !is_steady && rng.percent(20) {
                part.budget = with(part.budget, small(&rng));
            }
            if !is_steady && rng.percent(15) {
                let small = small(&rng);
                for (dimension, amount) in [
                    (priory_core::Dimension::TokensIn, small.tokens_in),
                    (priory_core::Dimension::TokensOut, small.tokens_out),
                    (priory_core::Dimension::MoneyMicrousd, small.money_microusd),
                ] {
                    amount.into_iter().for_each(|amount| part.limits.set(dimension, amount));
                }
            }
        }
        if is_steady {
            return Self::default();
        }
        let budget = if rng.percent(30) { small(&rng) } else { BudgetSpec::default() };
        let BudgetSpec { tokens_in, tokens_out, money_microusd, .. } =
            if rng.percent(25) { small(&rng) } else { BudgetSpec::default() };
        Self { quota: QuotaSpec { tokens_in, tokens_out, money_microusd }, budget }
    }
}

fn op(rng: &SimRng, is_steady: bool) -> Op {
    let model = || if rng.percent(80) { "good" } else { "spare" }.to_owned();
    // What others remember meanwhile is a matter of timing; so is which pieces an answer comes in.
    match rng.below(if is_steady { 60 } else { 100 }) {
        0..25 => Op::Do(Act::Model(model())),
        25..40 => Op::Start(Act::Model(model())),
        40..48 => Op::Repeat(1 + u32::try_from(rng.below(12)).unwrap_or(0), vec![Op::Do(Act::Model(model()))]),
        48..54 => Op::Do(Act::Vectors),
        // The id of a fact is the run's, and a run of which nothing was kept is begun again under another id.
        54..60 => Op::Quietly(Act::Remember(scope(rng))),
        60..80 => Op::Listen(model(), u32::try_from(rng.below(6)).unwrap_or(0)),
        80..85 => Op::Start(Act::Remember(scope(rng))),
        85..93 => Op::Do(Act::Recall(scope(rng))),
        93..96 => Op::Do(Act::Unlearn(scope(rng))),
        _ => Op::Do(Act::Model("nobody".to_owned())),
    }
}

fn scope(rng: &SimRng) -> Scope {
    match rng.below(4) {
        0 => Scope::Run,
        1 => Scope::Agent,
        2 => Scope::User("ann".to_owned()),
        _ => Scope::Tenant,
    }
}

/// Draws what is too little for long.
fn small(rng: &SimRng) -> BudgetSpec {
    let (tokens_in, tokens_out) = (20 + rng.below(600), 200 + rng.below(2_000));
    let money_microusd = Some(tokens_in + 4 * tokens_out).filter(|_| rng.percent(50));
    let some = |amount: u64| rng.percent(60).then_some(amount);
    BudgetSpec { tokens_in: some(tokens_in), tokens_out: some(tokens_out), money_microusd, ..BudgetSpec::default() }
}

/// Adds to a budget what models may take.
pub fn with(budget: BudgetSpec, models: BudgetSpec) -> BudgetSpec {
    let BudgetSpec { tokens_in, tokens_out, money_microusd, .. } = models;
    BudgetSpec { tokens_in, tokens_out, money_microusd, ..budget }
}

/// What was outside of a run that asks models and remembers.
pub struct Outcome {
    /// What the providers of models know.
    pub asked: BTreeMap<String, Asked>,
    /// What is kept across runs.
    pub kept: SimKept,
}

impl Outcome {
    /// Takes what there is at the end of a run.
    pub fn of(models: &SimModels, kept: &SimKept) -> Self {
        Self { asked: models.asked(), kept: kept.clone() }
    }
}

/// Holds what a run said to models, and remembered, to all that has to hold.
pub fn check(thinking: &Thinking, parts: &[Part], history: &History, story: &Story) -> Result<(), String> {
    let spent = spent(history, story)?;
    within(thinking, parts, history, story, &spent)?;
    expenses(history, story)?;
    transcripts(history, story)?;
    facts(history, story)
}

fn amounts(spent: &Spent) -> Amounts {
    let (tokens_in, tokens_out) = (spent.usage.input, spent.usage.output);
    Amounts { tokens_in, tokens_out, money_microusd: spent.microusd, ..Amounts::default() }
}

/// What the run is said to have spent is what its steps did, those of frames that were started again included.
fn spent(history: &History, story: &Story) -> Result<BTreeMap<FramePath, Amounts>, String> {
    let mut frames: BTreeMap<FramePath, Amounts> = history.sunk.clone();
    for (path, _, known) in history.effects() {
        let sum = frames.entry(path.clone()).or_default();
        *sum = known.spent.iter().fold(*sum, |sum, spent| sum.saturating_add(amounts(spent)));
    }
    let all = history.spent;
    let of_frames = frames.values().fold(Amounts::default(), |sum, of_frame| sum.saturating_add(*of_frame));
    let Amounts { tokens_in, tokens_out, money_microusd, .. } = story.end.usage.amounts();
    let said = Amounts { tokens_in, tokens_out, money_microusd, ..Amounts::default() };
    // What a frame withdrew at its end, when its host went away before that end was written down, is known to count for some
    // and not for others: here one of both sums holds.
    // Who ends a run that is in nobody's memory counts nothing.
    if said != all && said != of_frames && !story.was_ended_parked {
        return Err(format!("models are said to have taken {said:?}, and took {all:?}"));
    }
    Ok(frames)
}

/// Neither the run, nor any agent, nor any frame has spent more than it may. What was heard when a host went away is charged
/// afterwards, whatever is left.
fn within(
    thinking: &Thinking,
    parts: &[Part],
    history: &History,
    story: &Story,
    frames: &BTreeMap<FramePath, Amounts>,
) -> Result<(), String> {
    if story.lives > 1 && history.was_heard() {
        return Ok(());
    }
    let hold = |whose: &str, used: Amounts, allowed: Amounts| match used.first_over(allowed) {
        Some((dimension, used, allowed)) => Err(format!("{whose} took {used} of {allowed} {dimension}")),
        None => Ok(()),
    };
    let below = |above: &FramePath| {
        let within = frames.iter().filter(|(path, _)| path.is_within(above));
        within.fold(Amounts::default(), |sum, (_, of_frame)| sum.saturating_add(*of_frame))
    };
    hold("the run", below(&FramePath::root()), thinking.budget.amounts())?;
    for (path, program) in history.programs() {
        let name = program.split_once(' ').map_or(program.as_str(), |(_, name)| name.trim_end_matches(".work"));
        let Some(part) = parts.iter().find(|part| part.name == name) else { continue };
        if program.starts_with("agent ") {
            hold(&format!("frame {path}"), below(path), part.budget.amounts())?;
        }
        let own = frames.get(path).copied().unwrap_or_default();
        hold(&format!("frame {path} itself"), own, part.own())?;
    }
    // What is not settled took what the provider says, and not what was set aside for it.
    let mut days: BTreeMap<u32, Amounts> = BTreeMap::new();
    for expense in story.thought.kept.expenses().values().filter(|expense| expense.is_settled) {
        let day = days.entry(expense.day).or_default();
        *day = day.saturating_add(of_expense(expense));
    }
    let QuotaSpec { tokens_in, tokens_out, money_microusd } = thinking.quota;
    let quota = BudgetSpec { tokens_in, tokens_out, money_microusd, ..BudgetSpec::default() };
    days.values().try_for_each(|day| hold("a day", *day, quota.amounts()))
}

fn of_expense(expense: &Expense) -> Amounts {
    let (tokens_in, tokens_out) = (expense.usage.input, expense.usage.output);
    Amounts { tokens_in, tokens_out, money_microusd: expense.microusd, ..Amounts::default() }
}

/// Everything that was asked is noted, under the key under which it was asked, and with no less than it took, unless it was
/// withdrawn; and what is settled is what the run has written down.
fn expenses(history: &History, story: &Story) -> Result<(), String> {
    let (expenses, asked) = (story.thought.kept.expenses(), &story.thought.asked);
    let mut by_key: BTreeMap<String, &Expense> = BTreeMap::new();
    for (key, expense) in &expenses {
        let ExpenseKey { run, frame, step, turn } = key;
        by_key.insert(format!("{run}-{frame}-{step}-{turn}"), expense);
    }
    for (key, asked) in asked {
        let Some(expense) = by_key.get(key) else {
            return Err(format!("{key} was asked, and no expense is noted"));
        };
        let known = history.step(&expense.key.frame, expense.key.step);
        let spent = known.and_then(|known| known.spent.iter().find(|spent| spent.model == expense.model));
        let took = asked.usage;
        let is_below = expense.usage.input < took.input || expense.usage.output < took.output;
        // Of a frame that was started again, only what it asked the last time is written down at its place.
        let turn = expense.key.turn % 16;
        if expense.is_settled && history.number(&expense.key.frame, turn) != u64::from(expense.key.turn) {
            continue;
        }
        let was_withdrawn = expense.is_settled && spent.is_none_or(|spent| !spent.is_answered);
        if is_below && !was_withdrawn {
            return Err(format!("{key} took {took:?}, and {expense:?} is noted"));
        }
        if let Some(spent) = spent.filter(|spent| spent.is_answered && expense.is_settled)
            && (spent.usage, spent.microusd) != (expense.usage, expense.microusd)
        {
            return Err(format!("{key} is written down as {spent:?}, and noted as {expense:?}"));
        }
    }
    Ok(())
}

/// What is written down of a conversation is, put together, what the model was asked.
fn transcripts(history: &History, story: &Story) -> Result<(), String> {
    let mut whole: BTreeMap<(&FramePath, u32), Vec<Arc<Message>>> = BTreeMap::new();
    let mut calls: Vec<_> = history
        .all_steps()
        .filter_map(|(path, step, known)| match &*known.effect {
            Effect::ModelCall { request, .. } => Some((path, step, &request.messages)),
            _ => None,
        })
        .collect();
    calls.sort_by_key(|(path, step, _)| ((*path).clone(), *step));
    for (path, step, messages) in calls {
        let earlier = |step: u32| whole.get(&(path, step)).map(Vec::as_slice);
        let all = messages.whole(earlier);
        let all = all.ok_or_else(|| format!("step {step} of frame {path} points at what is not there"))?;
        let digest = Prompt::digest_of(&all, &[], &Sampling::default());
        for turn in 0..2 {
            let key = format!("{}-{path}-{step}-{}", story.run, history.number(path, turn));
            if let Some(asked) = story.thought.asked.get(&key).filter(|asked| asked.digest != digest) {
                return Err(format!("{key} asked {asked:?}, and {all:?} is written down"));
            }
        }
        whole.insert((path, step), all);
    }
    Ok(())
}

/// What is said to be remembered is there, unless something was forgotten; and what is there is of some step.
fn facts(history: &History, story: &Story) -> Result<(), String> {
    let facts = story.thought.kept.facts();
    let mut forgets = false;
    for (path, step, known) in history.effects() {
        match (&*known.effect, known.outcome.as_deref()) {
            (Effect::Memory(MemoryOp::Forget { .. }), _) => forgets = true,
            (Effect::Memory(MemoryOp::Remember { .. }), Some(Ok(Value::Memory(MemoryValue::Remembered(id)))))
                if *id != FactId::of(story.run, path, step) =>
            {
                return Err(format!("step {step} of frame {path} remembered {id}, which is not its own"));
            }
            _ => {}
        }
    }
    for (path, step, known) in history.effects() {
        let Effect::Memory(MemoryOp::Remember { fact, .. }) = &*known.effect else { continue };
        let kept = facts.iter().find(|kept| kept.id == FactId::of(story.run, path, step));
        match kept {
            Some(kept) if kept.text != fact.text && matches!(known.outcome.as_deref(), Some(Ok(_))) => {
                return Err(format!("{kept:?} is kept, and {fact:?} was said"));
            }
            None if !forgets && matches!(known.outcome.as_deref(), Some(Ok(_))) => {
                return Err(format!("{fact:?} is said to be remembered, and is not there"));
            }
            _ => {}
        }
    }
    let is_known = |fact: &priory_core::memory::Fact| history.step(&fact.from.frame, fact.from.step).is_some();
    match facts.iter().find(|fact| fact.from.run == story.run && !is_known(fact)) {
        Some(fact) if !history.was_restarted => Err(format!("{fact:?} is there, and nobody remembered it")),
        _ => Ok(()),
    }
}

/// Returns what nobody's memory depends on: which requests reached models, without the run.
pub fn asked_without_run(story: &Story) -> BTreeMap<String, Digest> {
    let place = |key: &String| key.split_once('-').map_or_else(String::new, |(_, place)| place.to_owned());
    story.thought.asked.iter().map(|(key, asked)| (place(key), asked.digest)).collect()
}
