// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the tests play: a host that most of them share, and what they ask of every run.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use priory::core::amounts::BudgetSpec;
use priory::core::failure::{Denial, Invalid, LimitHit, Other, Timeout, Trap, Unavailable};
use priory::core::grant::GrantTemplate;
use priory::core::{Dimension, Failure, Json, LimitSpec};
use priory::{AgentSpec, Builder, Host, PluginSpec, RunEnd, RunSpec};
use priory_testkit::MemoryRecorder;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::guests;

/// Fuel of every frame of a test: enough for what behaves, and spent within milliseconds by what does not.
pub const FUEL: u64 = 50_000_000;
/// Memory of frames that try to take too much.
pub const MEMORY_BYTES: u64 = 16 << 20;

pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

pub fn block<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// Begins a host of a test: small, and with compiled code kept between tests.
pub fn builder() -> Builder {
    let limits: LimitSpec = [(Dimension::Fuel, FUEL), (Dimension::TimeMs, 60_000)].into_iter().collect();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("code");
    Host::builder().frames_max(64).compute_threads(2).limits(limits).cache_dir(cache)
}

pub fn build(builder: Builder) -> Host {
    block(builder.build()).unwrap_or_else(|error| panic!("{error}"))
}

pub fn text_plugin(name: &str) -> PluginSpec {
    PluginSpec::new(name, guests::wat(name))
}

pub fn good() -> PluginSpec {
    text_plugin("good")
}

pub fn rogue_plugin() -> PluginSpec {
    PluginSpec::new("rogue", guests::rust("agent-misuse"))
}

pub fn wasi_plugin() -> PluginSpec {
    PluginSpec::new("wasi", guests::rust("wasi-misuse"))
}

pub fn grant(text: &str) -> GrantTemplate {
    text.parse().unwrap()
}

/// Grants for a caller or for native code.
pub fn grants(texts: &[&str]) -> priory::core::GrantSet {
    texts.iter().map(|text| text.parse::<priory::core::Grant>().unwrap()).collect()
}

pub fn json(value: Value) -> Json {
    Json::from(value)
}

/// Returns the host that tests share: every guest that can be loaded and needs no grants.
pub fn shared() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let mut builder = builder().plugin(good());
        for name in ["spin", "start-spin", "start-trap", "recursion", "traps", "liar", "realloc-liar", "huge-result"] {
            builder = builder.plugin(text_plugin(name));
        }
        for name in ["post-return", "handles", "work", "nan", "memory-fill", "memory-own-maximum", "memory-minimum"] {
            builder = builder.plugin(text_plugin(name));
        }
        for name in ["memory-grow", "memory-many", "start-grow"] {
            builder = builder.plugin(text_plugin(name).limit(Dimension::MemoryBytes, MEMORY_BYTES));
        }
        for name in ["table-grow", "table-minimum"] {
            builder = builder.plugin(text_plugin(name).limit(Dimension::TableElements, 10_000));
        }
        let rogue = |name| AgentSpec::new(name, "rogue").grant(grant("tool=good.add")).grant(grant("tool=spin.run"));
        let ping_pong = |name| AgentSpec::new(name, "rogue").grant(grant("agent=ping")).grant(grant("agent=pong"));
        builder = builder
            .plugin(rogue_plugin().limit(Dimension::MemoryBytes, 32 << 20))
            .plugin(wasi_plugin())
            .plugin(PluginSpec::new("echo", guests::rust("echo")))
            .agent(rogue("rogue"))
            .agent(AgentSpec::new("bare", "rogue"))
            .agent(AgentSpec::new("brief", "rogue").limit(Dimension::OutputBytes, 1_024))
            .agent(rogue("loud").grant(grant("log")))
            .agent(ping_pong("ping"))
            .agent(ping_pong("pong"));
        build(builder)
    })
}

/// Runs to the end.
pub fn run(host: &Host, spec: RunSpec) -> RunEnd {
    block(host.start(spec).unwrap_or_else(|failure| panic!("the run does not start: {failure}")).wait())
}

pub fn tool(host: &Host, name: &str, arguments: Value) -> RunEnd {
    run(host, RunSpec::tool(name, json(arguments)))
}

pub fn agent(host: &Host, name: &str, input: Value) -> RunEnd {
    run(host, RunSpec::agent(name, json(input)))
}

/// Runs with a journal in memory.
pub fn recorded(host: &Host, spec: RunSpec) -> (RunEnd, Arc<MemoryRecorder>) {
    let recorder = Arc::new(MemoryRecorder::new());
    let end = run(host, spec.recorder(recorder.clone()));
    assert!(recorder.is_complete(), "the events have gaps, or no end, or are too many: {end:?}");
    (end, recorder)
}

/// Calls a tool of the shared host that misbehaves, and sees that its neighbour does not notice.
pub fn misbehaves(name: &str, arguments: Value) -> RunEnd {
    let end = tool(shared(), name, arguments);
    neighbour_works(shared());
    end
}

/// Gives an agent of the shared host a task in which it misbehaves.
pub fn agent_misbehaves(name: &str, input: Value) -> RunEnd {
    let end = agent(shared(), name, input);
    neighbour_works(shared());
    end
}

pub fn neighbour_works(host: &Host) {
    assert_eq!(output(&tool(host, "good.add", serde_json::json!({ "a": 40, "b": 2 }))), 42);
}

pub fn budget(spec: &[(Dimension, u64)]) -> BudgetSpec {
    let get = |wanted| spec.iter().find(|(dimension, _)| *dimension == wanted).map(|(_, amount)| *amount);
    BudgetSpec {
        fuel: get(Dimension::Fuel),
        memory_bytes: get(Dimension::MemoryBytes),
        calls: get(Dimension::Calls),
        bytes: get(Dimension::TotalBytes),
        tokens_in: get(Dimension::TokensIn),
        tokens_out: get(Dimension::TokensOut),
        money_microusd: get(Dimension::MoneyMicrousd),
    }
}

/// Resident memory of this process, in bytes.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

/// Does something often, and sees that it does not keep memory. The bound is generous: other tests run at the same time.
pub fn keeps_no_memory(times: u32, mut something: impl FnMut()) {
    something();
    let before = resident_bytes();
    (0..times).for_each(|_| something());
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 600 << 20, "{times} times of it have kept {} MiB", grown >> 20);
}

// What a run came to: each returns the data of the one case that is expected.

pub fn output(end: &RunEnd) -> Value {
    match &end.result {
        Ok(report) => report.output.to_value(),
        Err(failure) => panic!("a result is expected, not: {failure:?}"),
    }
}

macro_rules! cases {
    ($($name:ident: $case:ident($data:ident);)*) => {$(
        #[track_caller]
        pub fn $name(end: &RunEnd) -> &$data {
            match &end.result {
                Err(Failure::$case(data)) => data,
                other => panic!(concat!("a failure `", stringify!($name), "` is expected, not: {:?}"), other),
            }
        }
    )*};
}

cases! {
    denied: Denied(Denial);
    limit: Limit(LimitHit);
    timeout: Timeout(Timeout);
    trap: Trap(Trap);
    invalid: Invalid(Invalid);
    unavailable: Unavailable(Unavailable);
    other: Other(Other);
}

/// Checks that a limit was hit: which, and how much was allowed; that more was wanted, and by whom.
#[track_caller]
pub fn hits(end: &RunEnd, dimension: Dimension, allowed: u64, frame: &str) {
    let hit = limit(end);
    assert_eq!((hit.dimension, hit.allowed, &*hit.frame), (dimension, allowed, frame), "{hit:?}");
    assert!(hit.used >= hit.allowed, "{hit:?}");
}
