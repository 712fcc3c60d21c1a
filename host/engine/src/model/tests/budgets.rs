// SPDX-License-Identifier: MIT OR Apache-2.0
//! Very many requests at once under budgets that are too small for all of them: none is ever over, and nothing is left that
//! somebody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::effect::Terms;
use priory_core::model::{ModelInfo, Price};
use priory_core::{Dimension, Effect, Failure, Json, LimitSpec, Value};
use priory_testkit::sim::{SimRng, hash};
use priory_testkit::{FakeModels, Reply};

use super::scene::{Act, Agent, Scene, acting, ask, asks_for, of_models};

/// How many agents ask, and how often each.
const AGENTS: u32 = 50;
const EACH: u32 = 20;
/// How many orders of events are tried of each.
const SEEDS: u64 = 4;
/// What one request reads, as it is counted where its bytes are more than there is.
const INPUT: u64 = 100;
/// How long an answer may be.
const OUTPUT: u64 = 50;

/// Answers with less than is set aside, now and then after a while, and fails now and then.
fn model() -> ModelInfo {
    let price = Price { input: 1_000_000, output: 3_000_000, ..Price::default() };
    ModelInfo { price: Some(price), output_tokens_max: OUTPUT, ..FakeModels::info("m") }
}

/// Asks something that has so many tokens.
fn ask_long() -> Effect {
    ask(&"four".repeat(100))
}

/// Makes the program of an agent that begins so many requests at once, and reports how many were answered.
fn asks(requests: u32) -> Act {
    asks_for(requests, ask_long)
}

/// What is set aside for one request at least.
fn need() -> (u64, u64, u64) {
    (INPUT, OUTPUT, INPUT + 3 * OUTPUT)
}

/// Lets 50 agents begin 20 requests each at once, and returns what they were answered and what everybody used.
fn thousand(
    seed: u64,
    run: BudgetSpec,
    agent: Agent,
    node: BudgetSpec,
    quota: QuotaSpec,
) -> (u64, (u64, u64, u64), Scene) {
    let rng = SimRng::new(seed);
    let scene = Scene::with(seed, quota, vec![model()], move |prompt| {
        let chance = hash(prompt.key.as_bytes());
        let (input, output) = (chance % (INPUT + 1), chance / 1_000 % (OUTPUT + 1));
        let reply = match chance % 7 {
            0 => Reply::unavailable(input, output),
            _ => Reply::words("hi", input, output),
        };
        Reply::After(rng.below(6), Box::new(reply))
    });
    let scene = scene.agents(vec![("a", agent, asks(EACH))], run);
    let answered = Arc::new(AtomicU64::new(0));
    let count = answered.clone();
    let end = scene.native(move |context| async move {
        let terms = || Some(Box::new(Terms { node: Some("n".into()), time_ms: None, budget: node }));
        let call = || Effect::AgentCall { agent: "a".into(), input: Json::null(), feedback: None, terms: terms() };
        let started: Vec<u32> = (0..AGENTS).map(|_| context.start(call()).unwrap()).collect();
        for number in started {
            let Ok(Value::Report(report)) = context.take(number).await else { panic!() };
            count.fetch_add(report.output.read::<u64>().unwrap(), Ordering::AcqRel);
        }
    });
    let used = of_models(end.usage);
    let of_events = scene
        .spent()
        .iter()
        .fold((0, 0, 0), |(a, b, c), spent| (a + spent.usage.input, b + spent.usage.output, c + spent.microusd));
    assert_eq!(used, of_events, "seed {seed}");
    let book = scene.book.kept.lock().values().fold((0, 0, 0), |(a, b, c), expense| {
        assert!(expense.is_settled, "seed {seed}: {expense:?}");
        (a + expense.usage.input, b + expense.usage.output, c + expense.microusd)
    });
    assert_eq!(used, book, "seed {seed}");
    (answered.load(Ordering::Acquire), used, scene)
}

/// Holds what was used to what is allowed: never more, and, where somebody was refused, no room for one more.
fn check(seed: u64, used: (u64, u64, u64), allowed: (u64, u64, u64), was_refused: bool) {
    let need = need();
    assert!(used.0 <= allowed.0 && used.1 <= allowed.1 && used.2 <= allowed.2, "seed {seed}: {used:?} of {allowed:?}");
    let is_room = |used: u64, need: u64, allowed: u64| used.saturating_add(need) <= allowed;
    let is_room =
        is_room(used.0, need.0, allowed.0) && is_room(used.1, need.1, allowed.1) && is_room(used.2, need.2, allowed.2);
    assert!(!was_refused || !is_room, "seed {seed}: {used:?} of {allowed:?} were used, and somebody was refused");
}

const NO_BOUND: (u64, u64, u64) = (u64::MAX, u64::MAX, u64::MAX);

fn budget((tokens_in, tokens_out, money): (u64, u64, u64)) -> BudgetSpec {
    let bound = |amount: u64| (amount < u64::MAX).then_some(amount);
    BudgetSpec {
        tokens_in: bound(tokens_in),
        tokens_out: bound(tokens_out),
        money_microusd: bound(money),
        ..BudgetSpec::default()
    }
}

/// Draws a budget that is too small for a thousand requests, in one or more of what counts.
fn small(rng: &SimRng, requests: u64) -> (u64, u64, u64) {
    let (input, output, money) = need();
    let amount = |need: u64| 1 + need * rng.below(requests) / 2;
    match rng.below(4) {
        0 => (amount(input), u64::MAX, u64::MAX),
        1 => (u64::MAX, amount(output), u64::MAX),
        2 => (u64::MAX, u64::MAX, amount(money)),
        _ => (amount(input), amount(output), amount(money)),
    }
}

fn refused(scene: &Scene) -> u64 {
    let is_limit = |outcome: &priory_core::Outcome| matches!(outcome, Err(Failure::Limit(_)));
    let events = scene.recorder.events();
    let refused = events.iter().filter(|envelope| match &envelope.event {
        priory_core::Event::Outcome { outcome, .. } => envelope.frame.depth() > 0 && is_limit(outcome),
        _ => false,
    });
    refused.count() as u64
}

#[test]
fn a_thousand_requests_never_take_more_than_the_run_has() {
    for seed in 0..SEEDS {
        let allowed = small(&SimRng::new(seed).fork(1), 1_000);
        let (_, used, scene) =
            thousand(seed, budget(allowed), Agent::default(), BudgetSpec::default(), QuotaSpec::default());
        check(seed, used, allowed, refused(&scene) > 0);
    }
}

#[test]
fn a_thousand_requests_never_take_more_than_the_day_has() {
    for seed in 0..SEEDS {
        let allowed = small(&SimRng::new(seed).fork(2), 1_000);
        let BudgetSpec { tokens_in, tokens_out, money_microusd, .. } = budget(allowed);
        let quota = QuotaSpec { tokens_in, tokens_out, money_microusd };
        let (_, used, scene) = thousand(seed, BudgetSpec::default(), Agent::default(), BudgetSpec::default(), quota);
        check(seed, used, allowed, refused(&scene) > 0);
        let (spent, reserved) = scene.engine.ports().quota.known(0);
        assert_eq!((spent.tokens_in, spent.tokens_out, spent.money_microusd), used);
        assert_eq!(reserved, priory_core::Amounts::default());
    }
}

#[test]
fn no_agent_and_no_node_takes_more_than_it_has() {
    for seed in 0..SEEDS {
        let rng = SimRng::new(seed).fork(3);
        let (of_agent, of_node, of_frame) = (small(&rng, 30), small(&rng, 30), small(&rng, 30));
        let limits: LimitSpec = [
            (Dimension::TokensIn, of_frame.0),
            (Dimension::TokensOut, of_frame.1),
            (Dimension::MoneyMicrousd, of_frame.2),
        ]
        .into_iter()
        .collect();
        let agent = Agent { budget: budget(of_agent), limits, model: None, grants: &[] };
        let (_, _, scene) = thousand(seed, BudgetSpec::default(), agent, budget(of_node), QuotaSpec::default());
        let least = |of: fn(&(u64, u64, u64)) -> u64| of(&of_agent).min(of(&of_node)).min(of(&of_frame));
        let allowed = (least(|a| a.0), least(|a| a.1), least(|a| a.2));
        let (mut frames, events) = (0, scene.recorder.events());
        for envelope in &events {
            let priory_core::Event::FrameEnded { usage, .. } = &envelope.event else { continue };
            if envelope.frame.depth() == 1 {
                frames += 1;
                let used = of_models(*usage);
                let was_refused = events.iter().any(|other| {
                    let is_limit = |event: &priory_core::Event| match event {
                        priory_core::Event::Outcome { outcome, .. } => matches!(&**outcome, Err(Failure::Limit(_))),
                        _ => false,
                    };
                    other.frame == envelope.frame && is_limit(&other.event)
                });
                check(seed, used, allowed, was_refused);
            }
        }
        assert_eq!(frames, AGENTS);
    }
}

#[test]
fn with_no_bound_all_are_asked_at_once() {
    let (answered, used, scene) =
        thousand(1, budget(NO_BOUND), Agent::default(), BudgetSpec::default(), QuotaSpec::default());
    // Some are asked again, since their answers were lost.
    let asked = scene.models.asked();
    let steps: std::collections::BTreeSet<_> =
        asked.iter().map(|prompt| prompt.key.rsplit_once('-').unwrap().0.to_owned()).collect();
    assert_eq!(steps.len(), 1_000);
    assert!(scene.models.most_at_once() > 200, "{} at once", scene.models.most_at_once());
    assert!((800..1_000).contains(&answered) && used.0 > 0, "{answered} were answered");
}

#[test]
fn who_waits_gets_what_others_give_back() {
    // Two at once are too much; but each takes so little in the end that all of them are served, one after the other.
    let (input, _, _) = need();
    let scene = Scene::new(vec![model()], |_| Reply::After(3, Box::new(Reply::words("hi", 1, 1))));
    let run = budget((2 * input - 1, u64::MAX, u64::MAX));
    let scene = scene.agents(vec![("a", Agent::default(), asks(20))], run);
    assert_eq!(scene.agent("a").result.unwrap().output.as_str(), "20");
    assert_eq!(scene.models.most_at_once(), 1);
}

#[test]
fn a_refusal_says_whose_budget_it_is() {
    let over = |run: BudgetSpec, agent: Agent, quota: QuotaSpec| {
        let scene = Scene::with(1, quota, vec![model()], |_| Reply::words("hi", 1, 1));
        let act = acting(|host| async move { Err(host.perform(ask_long(), 0).await.unwrap_err()) });
        match scene.agents(vec![("a", agent, act)], run).agent("a").result.unwrap_err() {
            Failure::Limit(hit) => format!("{}: {} {} of {}", hit.frame, hit.dimension, hit.used, hit.allowed),
            other => other.to_string(),
        }
    };
    let one = budget((1, u64::MAX, u64::MAX));
    // Before anybody is refused, it is counted: 400 bytes are 100 tokens.
    assert_eq!(over(one, Agent::default(), QuotaSpec::default()), "the budget of the run: tokens-in 100 of 1");
    let agent = Agent { budget: one, ..Agent::default() };
    assert_eq!(over(BudgetSpec::default(), agent, QuotaSpec::default()), "the budget of 0 agent a: tokens-in 100 of 1");
    let limits = [(Dimension::MoneyMicrousd, 3)].into_iter().collect();
    let agent = Agent { limits, ..Agent::default() };
    assert_eq!(over(BudgetSpec::default(), agent, QuotaSpec::default()), "0 agent a: money-microusd 250 of 3");
    let quota = QuotaSpec { tokens_out: Some(3), ..QuotaSpec::default() };
    assert_eq!(over(BudgetSpec::default(), Agent::default(), quota), "the quota of the day: tokens-out 50 of 3");
}

#[test]
fn what_a_provider_takes_beyond_what_was_set_aside_is_charged() {
    let scene = Scene::new(vec![model()], |_| Reply::words("hi", 10_000, 1));
    let run = budget((1_000, u64::MAX, u64::MAX));
    let scene = scene.agents(vec![("a", Agent::default(), asks(1))], run);
    let end = scene.agent("a");
    assert_eq!((end.result.unwrap().output.as_str(), end.usage.tokens_in), ("1", 10_000));
}

#[test]
fn a_new_day_has_a_quota_of_its_own() {
    let quota = QuotaSpec { tokens_in: Some(INPUT), ..QuotaSpec::default() };
    let scene = Scene::with(1, quota, vec![model()], |_| Reply::words("hi", INPUT, 1));
    let clock = scene.clock.clone();
    scene.native(move |context| async move {
        assert!(context.perform(ask_long()).await.is_ok());
        assert!(matches!(context.perform(ask_long()).await, Err(Failure::Limit(_))));
        clock.advance(std::time::Duration::from_secs(24 * 60 * 60));
    });
    scene.native(|context| async move {
        assert!(context.perform(ask_long()).await.is_ok());
    });
    // Another host knows what the day has spent.
    let other = Scene::with(1, quota, vec![model()], |_| Reply::words("hi", 1, 1));
    *other.book.kept.lock() = scene.book.kept.lock().clone();
    other.native(|context| async move {
        assert!(matches!(context.perform(ask_long()).await, Err(Failure::Limit(_))));
    });
}
