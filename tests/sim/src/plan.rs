// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a seed stands for: programs that call each other, with their grants and limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::amounts::BudgetSpec;
use priory_core::effect::Nature;
use priory_core::gate::GateSpec;
use priory_core::grant::template::{GrantTemplate, GrantTemplates};
use priory_core::ports::Plugin;
use priory_core::state::Merge;
use priory_core::{Amounts, Dimension, LimitSpec, Limits};
use priory_engine::{AgentEntry, Catalog, InDoubt, PluginEntry};
use priory_testkit::sim::{Act, Op, Outside, ScriptPlugin, SimRng};
use priory_workflow::Workflow;

use crate::flow::{self, Flow};
use crate::think::{self, Thinking};

/// When every run begins, in milliseconds since 1970.
pub const START_UNIX_MS: u64 = 1_700_000_000_000;
/// The agent with which every run begins.
pub const ROOT: &str = "a0";
/// How many steps the scripts of one run may have: each life goes through all of them again.
const WEIGHT_MAX: u64 = 300;
/// How many plans are drawn until one is small enough; the last is taken anyway.
const DRAWS_MAX: u32 = 50;
/// How long a frame of a steady run may take: longer than anything in it.
const STEADY_TIME_MS: u64 = 10_000_000;

/// One program with what its operator says of it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name, as a plugin and as an agent.
    pub name: String,
    /// What it does.
    pub script: Vec<Op>,
    pub(crate) limits: LimitSpec,
    pub(crate) budget: BudgetSpec,
    pub(crate) grants: Vec<GrantTemplate>,
    lends: Vec<GrantTemplate>,
    /// What it is instead of a script, where it is a workflow.
    pub flow: Option<Flow>,
    /// Whether it changes the outside without asking the host, and what repeating that means.
    pub touches: Option<(InDoubt, Option<Nature>)>,
}

/// What a seed stands for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether what it comes to depends on nothing but the seed: no timing shows.
    pub is_steady: bool,
    /// The programs; each calls only later ones.
    pub parts: Vec<Part>,
    /// Whether every effect is made durable at once.
    pub is_eager: bool,
    /// After how many milliseconds a run that rests leaves memory.
    pub park_after_ms: Option<u64>,
    /// What the whole run may spend.
    pub budget: BudgetSpec,
    /// What it has of models and memory.
    pub thinking: Thinking,
}

impl Part {
    /// Returns what one frame of it may spend on models itself.
    pub fn own(&self) -> Amounts {
        let most = |dimension| self.limits.get(dimension).unwrap_or(u64::MAX);
        Amounts {
            tokens_in: most(Dimension::TokensIn),
            tokens_out: most(Dimension::TokensOut),
            money_microusd: most(Dimension::MoneyMicrousd),
            ..Amounts::UNBOUNDED
        }
    }
}

impl Plan {
    /// Makes the plan of a seed: the first that is drawn and is not too large.
    pub fn of(seed: u64) -> Self {
        let rng = SimRng::new(seed);
        let mut plan = Self::draw(&rng);
        for _ in 0..DRAWS_MAX {
            if plan.weight() <= WEIGHT_MAX {
                break;
            }
            plan = Self::draw(&rng);
        }
        plan.thinking = Thinking::draw(seed, &mut plan.parts, plan.is_steady, plan.park_after_ms.is_some());
        plan.budget = think::with(plan.budget, plan.thinking.budget);
        plan
    }

    /// Returns how many steps of scripts the whole run has at most.
    fn weight(&self) -> u64 {
        let mut weights: BTreeMap<&str, u64> = BTreeMap::new();
        for part in self.parts.iter().rev() {
            let weight = match &part.flow {
                Some(flow) => flow_weight(flow, &weights),
                None => weight(&part.script, &weights),
            };
            weights.insert(&part.name, weight);
        }
        weights.get(ROOT).copied().unwrap_or_default()
    }

    fn draw(rng: &SimRng) -> Self {
        let is_steady = rng.percent(50);
        let count = 1 + rng.index(5);
        let touching = usize::from(rng.percent(25));
        let mut parts: Vec<Part> = (0..count).map(|index| Writer { rng, is_steady, index, count }.part()).collect();
        for index in count..count + touching {
            parts.push(touching_part(rng, index));
        }
        if touching > 0 {
            call_touching(rng, &mut parts, count);
        }
        make_flows(rng, &mut parts, count, is_steady);
        if !is_steady && rng.percent(40) {
            guard_something(rng, &mut parts);
        }
        let is_tight = !is_steady && rng.percent(25);
        let budget = BudgetSpec {
            fuel: is_tight.then(|| 2_000 + rng.below(20_000)),
            calls: is_tight.then(|| 5 + rng.below(60)),
            bytes: is_tight.then(|| 500 + rng.below(5_000)),
            ..BudgetSpec::default()
        };
        let approved = |part: &Part| part.grants.iter().any(|grant| grant.asks);
        let asks = parts.iter().any(|part| part.touches.is_some() || asks(&part.script) || approved(part));
        let parks = asks || rng.percent(80);
        let park_after_ms = parks.then(|| rng.below(60));
        let is_eager = rng.percent(25);
        Self { is_steady, parts, is_eager, park_after_ms, budget, thinking: Thinking::default() }
    }

    /// Makes the catalog of one process.
    pub fn catalog(&self, outside: &Outside, rng: &SimRng) -> Result<Catalog, String> {
        let plugin = |part: &Part| -> Result<Arc<PluginEntry>, String> {
            let script = || ScriptPlugin::new(&part.name, part.script.clone(), outside.clone(), rng.fork(1));
            let plugin: Arc<dyn Plugin> = match &part.flow {
                Some(flow) => Arc::new(Workflow::new(&flow.bytes).map_err(|error| error.to_string())?),
                None => Arc::new(script()),
            };
            Ok(Arc::new(PluginEntry {
                name: Arc::from(part.name.as_str()),
                plugin,
                limits: part.limits.clone(),
                grants: GrantTemplates(part.grants.clone()),
                config: Vec::new(),
                linked_tools: Vec::new(),
                declared: part.touches.and_then(|(_, declared)| declared),
                in_doubt: part.touches.map(|(in_doubt, _)| in_doubt).unwrap_or_default(),
                gate: GateSpec::default(),
            }))
        };
        let plugins: Vec<Arc<PluginEntry>> = self.parts.iter().map(plugin).collect::<Result<_, _>>()?;
        let agents = self.parts.iter().zip(&plugins).filter(|(part, _)| part.touches.is_none());
        let agents = agents.map(|(part, plugin)| {
            Arc::new(AgentEntry {
                name: plugin.name.clone(),
                description: String::new(),
                plugin: plugin.clone(),
                limits: LimitSpec::default(),
                budget: part.budget,
                grants: GrantTemplates(part.grants.clone()),
                lends: GrantTemplates(part.lends.clone()),
                config: Vec::new(),
                gate: GateSpec::default(),
                model: None,
            })
        });
        let mut most = LimitSpec::default();
        most.set(Dimension::TimeMs, STEADY_TIME_MS);
        let limits: Limits = most.over_defaults();
        Catalog::new(plugins.clone(), agents.collect(), limits, self.budget).map_err(|error| error.to_string())
    }
}

/// Returns how many steps a script has at most, with those of all that it calls.
fn weight(script: &[Op], weights: &BTreeMap<&str, u64>) -> u64 {
    let weigh = |op: &Op| match op {
        Op::Do(Act::Tool(name))
        | Op::Start(Act::Tool(name))
        | Op::Do(Act::Agent(name))
        | Op::Start(Act::Agent(name)) => 1 + weights.get(name.trim_end_matches(".work")).copied().unwrap_or_default(),
        Op::Repeat(times, body) => u64::from(*times) * weight(body, weights),
        Op::Guard(acts, undo) => {
            let acts: Vec<Op> = acts.iter().cloned().map(Op::Start).collect();
            2 + weight(&acts, weights) + weight(undo, weights)
        }
        Op::Either(one, other) => 1 + weight(one, weights).max(weight(other, weights)),
        _ => 1,
    };
    script.iter().map(weigh).sum()
}

/// Makes workflows of some programs that call others, and are called as agents only.
fn make_flows(rng: &SimRng, parts: &mut [Part], count: usize, is_steady: bool) {
    for index in 0..count.saturating_sub(1) {
        if rng.percent(25) {
            let callees: Vec<String> = (index + 1..count).map(|later| format!("a{later}")).collect();
            if let Some(part) = parts.get_mut(index) {
                part.flow = Some(flow::draw(rng, &callees, is_steady));
            }
        }
    }
}

/// Returns how many steps a workflow has at most, with those of all that it calls.
fn flow_weight(flow: &Flow, weights: &BTreeMap<&str, u64>) -> u64 {
    let calls = flow.calls.iter();
    calls.map(|(name, times)| times * (1 + weights.get(name.as_str()).copied().unwrap_or_default())).sum::<u64>() + 3
}

fn asks(script: &[Op]) -> bool {
    script.iter().any(|op| match op {
        Op::Do(Act::Ask(_) | Act::Await(..)) | Op::Start(Act::Ask(_) | Act::Await(..)) => true,
        Op::Guard(acts, undo) => acts.iter().any(|act| matches!(act, Act::Ask(_) | Act::Await(..))) || asks(undo),
        Op::Repeat(_, body) => asks(body),
        Op::Either(one, other) => asks(one) || asks(other),
        _ => false,
    })
}

fn grant(text: &str) -> Option<GrantTemplate> {
    text.parse().ok()
}

/// Makes a program that changes the outside without asking the host.
fn touching_part(rng: &SimRng, index: usize) -> Part {
    let in_doubt = [InDoubt::Ask, InDoubt::Fail, InDoubt::Repeat];
    let in_doubt = in_doubt.get(rng.index(in_doubt.len())).copied().unwrap_or_default();
    let declared = rng.percent(20).then_some(Nature::Repeatable);
    let note = || Op::Do(Act::Write("append1".to_owned(), Merge::Append));
    let script = vec![Op::Burn(5), note(), Op::Log, Op::Touch, note(), Op::Burn(5)];
    Part {
        name: format!("a{index}"),
        script,
        limits: LimitSpec::default(),
        budget: BudgetSpec::default(),
        grants: ["log", "file=/srv/sim:write", "state=append*"].into_iter().filter_map(grant).collect(),
        lends: Vec::new(),
        flow: None,
        touches: Some((in_doubt, declared)),
    }
}

/// Lets the first program clear up behind itself when somebody cancels the run while it waits.
fn guard_something(rng: &SimRng, parts: &mut [Part]) {
    let Some(root) = parts.first_mut() else { return };
    let waits = [Act::Ask(None), Act::Sleep(100), Act::Ask(Some(2_000)), Act::Post("https://out.example/1".to_owned())];
    let acts = (0..=rng.index(3)).filter_map(|_| waits.get(rng.index(waits.len())).cloned());
    let acts = std::iter::once(Act::Ask(None)).chain(acts).collect();
    let undo = vec![Op::Do(Act::Post("https://out.example/2".to_owned())), Op::Do(Act::Sleep(rng.below(80)))];
    let at = rng.index(root.script.len() + 1);
    root.script.insert(at, Op::Guard(acts, undo));
}

/// Lets agents, which may lend files, call a program that touches.
fn call_touching(rng: &SimRng, parts: &mut [Part], index: usize) {
    let tool = Act::Tool(format!("a{index}.work"));
    for part in parts.iter_mut().take(index) {
        let at = rng.index(part.script.len() + 1);
        part.script.insert(at, if rng.percent(50) { Op::Do(tool.clone()) } else { Op::Start(tool.clone()) });
        if part.script.iter().all(|op| !matches!(op, Op::Settle)) {
            part.script.push(Op::Settle);
        }
    }
}

/// Writes one program.
struct Writer<'a> {
    rng: &'a SimRng,
    is_steady: bool,
    index: usize,
    count: usize,
}

impl Writer<'_> {
    fn part(&self) -> Part {
        let rng = self.rng;
        let mut script = self.script(1 + rng.index(7), 2);
        if self.is_steady || rng.percent(60) {
            script.push(Op::Settle);
        }
        let mut grants =
            vec!["tool=*", "agent=*", "log", "human", "http=https://out.example/*", "state=*", "artifact", "event=*"];
        if !rng.percent(20) {
            grants.push("sleep");
        }
        if self.index > 0 && rng.percent(15) {
            let _ = grants.swap_remove(rng.index(grants.len()));
        }
        let mut grants: Vec<GrantTemplate> = grants.into_iter().filter_map(grant).collect();
        if !self.is_steady && rng.percent(15) {
            let uses_max = Some(1 + u32::try_from(rng.below(4)).unwrap_or(0));
            grants
                .iter_mut()
                .filter(|grant| grant.text.contains("out.example"))
                .for_each(|grant| grant.uses_max = uses_max);
        }
        self.ask_for(&mut grants);
        let budget = match !self.is_steady && rng.percent(15) {
            true => {
                BudgetSpec { calls: Some(rng.below(12)), fuel: Some(500 + rng.below(5_000)), ..BudgetSpec::default() }
            }
            false => BudgetSpec::default(),
        };
        let lends = grant("file=/srv/sim:write").into_iter().collect();
        let limits = self.limits();
        Part { name: format!("a{}", self.index), script, limits, budget, grants, lends, flow: None, touches: None }
    }

    /// Has a person approve each use of some grants.
    fn ask_for(&self, grants: &mut [GrantTemplate]) {
        let rng = self.rng;
        for grant in grants.iter_mut().filter(|grant| grant.kind.has_asks()) {
            grant.asks = rng.percent(4);
            if grant.asks && !self.is_steady && rng.percent(30) {
                grant.until_unix_ms = Some(START_UNIX_MS + rng.below(3_000));
            }
        }
    }

    fn limits(&self) -> LimitSpec {
        let rng = self.rng;
        let mut limits = LimitSpec::default();
        limits.set(Dimension::Fuel, 1_000_000);
        if rng.percent(15) {
            limits.set(Dimension::Calls, rng.below(6));
        }
        if rng.percent(10) {
            limits.set(Dimension::Pending, rng.below(4));
        }
        if rng.percent(10) {
            limits.set(Dimension::Depth, rng.below(4));
        }
        if !self.is_steady {
            if rng.percent(10) {
                limits.set(Dimension::Fuel, 50 + rng.below(400));
            }
            if rng.percent(25) {
                limits.set(Dimension::TimeMs, 1 + rng.below(300));
            }
            if rng.percent(10) {
                limits.set(Dimension::TotalBytes, rng.below(600));
            }
        }
        limits
    }

    fn script(&self, length: usize, levels: u32) -> Vec<Op> {
        (0..length).map(|_| self.op(levels)).collect()
    }

    fn op(&self, levels: u32) -> Op {
        let rng = self.rng;
        match rng.below(if self.is_steady { 80 } else { 104 }) {
            76..80 if self.is_steady => Op::Quietly(Act::Write(self.key(Merge::Append), Merge::Append)),
            100..104 => Op::Quietly(self.state()),
            0..22 => Op::Do(self.act()),
            22..46 => Op::Start(self.act()),
            46..54 => Op::Wait(rng.index(6)),
            54..58 => Op::Log,
            58..62 => Op::Burn(rng.below(200)),
            62..64 => Op::Settle,
            64 => {
                let acts = (0..=rng.index(3)).map(|_| self.act()).collect();
                Op::Guard(acts, self.script(rng.index(3), levels.saturating_sub(1)))
            }
            65..69 if levels > 0 => {
                Op::Repeat(1 + u32::try_from(rng.below(3)).unwrap_or(0), self.script(1 + rng.index(3), levels - 1))
            }
            69..73 if levels > 0 => {
                Op::Either(self.script(1 + rng.index(3), levels - 1), self.script(rng.index(3), levels - 1))
            }
            65..73 => Op::Log,
            // Where timing must not show, what was started comes to its end before the frame does.
            73..75 if self.is_steady => Op::Settle,
            73..75 => Op::PassOn,
            75 if self.is_steady => Op::Either(vec![Op::Settle, Op::Fail], Vec::new()),
            75 => Op::Either(vec![Op::Fail], Vec::new()),
            76..83 => Op::WaitAny(rng.index(6)),
            83..88 => Op::Cancel(rng.index(6)),
            88..91 => Op::Forget(rng.index(6)),
            91..95 => Op::LookAround,
            _ => Op::Announce(self.url()),
        }
    }

    fn url(&self) -> String {
        let host = if self.rng.percent(4) { "elsewhere.example" } else { "out.example" };
        format!("https://{host}/{}", self.rng.below(5))
    }

    /// Returns one of two keys for each rule, or, now and then, one that is not for it.
    fn key(&self, merge: Merge) -> String {
        match !self.is_steady && self.rng.percent(4) {
            true => "mixed".to_owned(),
            false => format!("{merge}{}", self.rng.below(2)),
        }
    }

    fn state(&self) -> Act {
        let rng = self.rng;
        let merge = Merge::ALL.get(rng.index(Merge::ALL.len())).copied().unwrap_or_default();
        match rng.below(20) {
            0..11 => Act::Write(self.key(merge), merge),
            11..13 => Act::Swap(self.key(Merge::Last), rng.below(4)),
            13..17 => Act::Read(self.key(merge)),
            17..19 => Act::History(self.key(merge)),
            _ => Act::Keys,
        }
    }

    fn event(&self) -> String {
        format!("event.{}", self.rng.below(2))
    }

    fn act(&self) -> Act {
        let rng = self.rng;
        let later = self.count.saturating_sub(self.index + 1);
        let callee = (later > 0).then(|| format!("a{}", self.index + 1 + rng.index(later)));
        match (rng.below(if self.is_steady { 94 } else { 168 }), callee) {
            (90..92, _) if self.is_steady => Act::Put,
            (92.., _) if self.is_steady => Act::Part(rng.below(30)),
            (137..142, _) => Act::Put,
            (142..146, _) => Act::Part(rng.below(30)),
            (146, _) => Act::Stat,
            (131..137 | 157.., _) => Act::Await(self.event(), rng.percent(50).then(|| rng.below(3_000))),
            (125.., _) => Act::Emit(self.event()),
            (100.., _) => self.state(),
            (0..20, Some(callee)) => Act::Tool(format!("{callee}.work")),
            (20..38, Some(callee)) => Act::Agent(callee),
            (0..38, None) | (38..62, _) => Act::Post(self.url()),
            (62..70, _) => Act::Get(self.url()),
            (70..78, _) => Act::Sleep(rng.below(120)),
            (78..83, _) => Act::Ask((!self.is_steady && rng.percent(50)).then(|| rng.below(3_000))),
            (83..85, _) => Act::Tools,
            (85..87, _) => Act::Agents,
            (87..90, _) => Act::Tool("nobody.work".to_owned()),
            (90..95, _) => Act::BudgetLeft,
            _ => Act::BudgetUsed,
        }
    }
}
