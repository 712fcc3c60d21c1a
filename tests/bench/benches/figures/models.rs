// SPDX-License-Identifier: MIT OR Apache-2.0
//! What it costs to ask a model through the host, what a turn of an agent takes, and how a conversation grows.

use std::net::SocketAddr;
use std::sync::Arc;

use priory::core::amounts::BudgetSpec;
use priory::core::gate::RateSpec;
use priory::core::limits::Dimension;
use priory::core::model::{Ability, ModelInfo, ModelSpec, ModelsSpec, Price, ProviderKind, ProviderSpec};
use priory::core::{Journal, Json};
use priory::journal::SqliteJournal;
use priory::{AgentSpec, Durability, Host, PluginSpec, RunSpec};
use priory_bench::watch::{median, micros, now};
use priory_bench::{guests, provider};
use serde_json::{Value, json};

use crate::Bench;

const ROUNDS: usize = 40;
/// Completions of one round: enough that the run around them does not count.
const COMPLETIONS: u32 = 200;
const TURN_ROUNDS: usize = 15;
const TURNS: [u32; 2] = [3, 100];
/// Of a conversation, and of one ten times as long.
const SHORT: u32 = 100;
const AT_ONCE: u32 = 1_000;

/// Measures what models cost.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let address = provider::start()?;
    let folder = tempfile::tempdir_in(guests::workspace().join("target"))?;
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder.path())?);
    let plain = host(bench, address, None).await?;
    let kept = host(bench, address, Some(journal.clone())).await?;
    let bare = Bare::new(address)?;
    overhead(bench, &bare, &plain, &kept).await?;
    turns(bench, &bare, &plain, &kept).await?;
    growth(bench, &journal, &kept).await?;
    overspend(bench, address).await
}

/// The floor: an HTTP client, and nothing around it.
struct Bare {
    client: reqwest::Client,
    url: String,
}

impl Bare {
    fn new(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { client: client()?, url: format!("http://{address}/v1/chat/completions") })
    }

    /// Sends a request, and returns how long its answer is.
    async fn post(&self, body: String) -> anyhow::Result<usize> {
        let request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        Ok(request.send().await?.error_for_status()?.bytes().await?.len())
    }

    /// Has a conversation of some turns, and returns how long it took, in microseconds.
    async fn converse(&self, turns: u32) -> anyhow::Result<f64> {
        let began = now();
        for body in conversation(turns) {
            self.post(body).await?;
        }
        Ok(micros(began.elapsed()))
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    // It speaks to loopback only, and a client without a way to check certificates is not made.
    let roots = rustls::RootCertStore::empty();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?)
}

/// Returns the bodies of the requests of a conversation in which a tool is called in each turn but the last.
fn conversation(turns: u32) -> Vec<String> {
    let tool = json!({ "type": "function", "function": { "name": "tool__add", "description": "Adds two numbers.",
        "parameters": { "type": "object", "properties": { "a": { "type": "integer" }, "b": { "type": "integer" } } } } });
    let mut messages = vec![
        json!({ "role": "system", "content": "You add numbers. Call the tool until you are done." }),
        json!({ "role": "user", "content": format!("turns={turns}") }),
    ];
    let mut bodies = Vec::new();
    for turn in 0..=turns {
        bodies.push(json!({ "model": "scripted", "messages": messages, "tools": [tool] }).to_string());
        let function = json!({ "name": "tool__add", "arguments": json!({ "a": turn, "b": 1 }).to_string() });
        let call = json!({ "id": format!("call_{turn}"), "type": "function", "function": function });
        messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
        messages.push(json!({ "role": "tool", "tool_call_id": format!("call_{turn}"), "content": turn.to_string() }));
    }
    bodies
}

/// Configures the provider of the benchmarks as if it was a real one.
fn models(address: SocketAddr) -> anyhow::Result<ModelsSpec> {
    let provider = ProviderSpec {
        name: "loopback".into(),
        kind: ProviderKind::Openai,
        url: Some(format!("http://{address}/v1/").parse()?),
        key: None,
        headers: Vec::new(),
        rate: RateSpec::default(),
        breaker: None,
        attempts: 1,
        time_ms: 60_000,
        idle_ms: 60_000,
    };
    let info = ModelInfo {
        name: "scripted".into(),
        provider: "openai".into(),
        id: "scripted".into(),
        context_tokens: None,
        output_tokens_max: 4_096,
        abilities: vec![Ability::Tools, Ability::Streaming],
        price: Some(Price { input: 250_000, output: 2_000_000, ..Price::default() }),
        fallbacks: Vec::new(),
        call_microusd_max: None,
        copies: 1,
        cache_ms: None,
    };
    let model = ModelSpec {
        info: Arc::new(info),
        provider: "loopback".into(),
        hedge_ms: None,
        caches_prompt: false,
        image_tokens: 2_000,
        token_margin_percent: 0,
        extra: None,
        script: None,
    };
    let (providers, models) = (vec![provider], vec![model]);
    Ok(ModelsSpec { providers, models, default: Some("scripted".into()), embedding: None })
}

/// Builds a host with the agent of the benchmarks and one that reasons and acts.
async fn host(bench: &Bench, address: SocketAddr, journal: Option<Arc<dyn Journal>>) -> anyhow::Result<Host> {
    let grants = |agent: AgentSpec, grants: &[&str]| {
        grants.iter().try_fold(agent, |agent, grant| anyhow::Ok(agent.grant(grant.parse()?)))
    };
    let asker = grants(AgentSpec::new("asker", "agent"), &["model=*"])?;
    let react = grants(AgentSpec::new("react", "react"), &["model=*", "tool=tool.add", "artifact", "log", "config=*"])?;
    let mut react = react.limit(Dimension::TimeMs, 120_000);
    for (key, value) in [("turns-max", "200"), ("calls-max", "1000"), ("repeats-max", "1000")] {
        react.config.insert(key.to_owned(), value.to_owned());
    }
    let builder = bench.builder(256)?.models(models(address)?);
    let builder = builder.plugin(PluginSpec::file("react", bench.components.join("priory_plugin_react.wasm"))?);
    let builder = builder.agent(asker).agent(react);
    let builder = match journal {
        Some(journal) => builder.durable(Durability::new(journal)),
        None => builder,
    };
    Ok(builder.build().await?)
}

async fn run(host: &Host, agent: &str, input: Value) -> anyhow::Result<f64> {
    let began = now();
    host.start(RunSpec::agent(agent, Json::from(input)))?.wait().await.result?;
    Ok(micros(began.elapsed()))
}

/// A completion through guest, waist, ledger and gateway beside the same request from a bare client.
async fn overhead(bench: &mut Bench, bare: &Bare, plain: &Host, kept: &Host) -> anyhow::Result<()> {
    let messages = [
        json!({ "role": "system", "content": "Be brief." }),
        json!({ "role": "user", "content": "How do bees survive the winter?" }),
    ];
    let body = json!({ "model": "scripted", "messages": messages, "max_completion_tokens": 4_096 }).to_string();
    let (mut floor, mut asked, mut durable) = (Vec::new(), Vec::new(), Vec::new());
    let each = f64::from(COMPLETIONS);
    for round in 0..ROUNDS {
        let began = now();
        for _ in 0..COMPLETIONS {
            bare.post(body.clone()).await?;
        }
        let bare = micros(began.elapsed()) / each;
        let input = || json!({ "completions": COMPLETIONS });
        let readings = (run(plain, "asker", input()).await? / each, run(kept, "asker", input()).await? / each);
        if round > 0 {
            floor.push(bare);
            asked.push(readings.0);
            durable.push(readings.1);
        }
    }
    let (floor, asked, durable) = (median(&floor), median(&asked), median(&durable));
    let note = format!(
        "{asked:.1} µs ÷ {floor:.1} µs of a bare client to a provider that answers at once; {durable:.1} µs where each \
         request is on disk before it is sent"
    );
    bench.summary.take("model_overhead_ratio", asked / floor, Some(1.3), note);
    bench.summary.take("model_overhead_us", asked - floor, None, "the host's share of a completion");
    Ok(())
}

/// A turn of an agent that reasons and acts: an answer of the model, and a call of a tool in a sandbox of its own.
async fn turns(bench: &mut Bench, bare: &Bare, plain: &Host, kept: &Host) -> anyhow::Result<()> {
    for turns in TURNS {
        let (mut floor, mut passed, mut durable) = (Vec::new(), Vec::new(), Vec::new());
        let (input, each) = (|| json!(format!("turns={turns}")), f64::from(turns));
        for round in 0..TURN_ROUNDS {
            let readings = (
                bare.converse(turns).await? / each,
                run(plain, "react", input()).await? / each,
                run(kept, "react", input()).await? / each,
            );
            if round > 0 {
                floor.push(readings.0);
                passed.push(readings.1);
                durable.push(readings.2);
            }
        }
        let (floor, passed, durable) = (median(&floor), median(&passed), median(&durable));
        let share = durable - floor;
        let note = format!(
            "of a conversation of {turns} turns; the host's share is {share:.0} µs ({:.0} where nothing is kept), and \
             {floor:.0} µs are a bare client's",
            passed - floor
        );
        bench.summary.take(&format!("react_turn_{turns}_us"), durable, None, note);
    }
    Ok(())
}

/// What is kept of a conversation, and of one ten times as long.
async fn growth(bench: &mut Bench, journal: &Arc<dyn Journal>, kept: &Host) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    for turns in [SHORT, 10 * SHORT] {
        let mut started = kept.start(RunSpec::agent("asker", Json::from(json!({ "turns": turns }))))?;
        let id = started.id;
        started.wait().await.result?;
        bytes.push(journal.info(id).await?.bytes);
    }
    let [short, long] = bytes[..] else { anyhow::bail!("two conversations are compared") };
    let note = format!("{} KiB for {} turns ÷ {} KiB for {SHORT}", long / 1024, 10 * SHORT, short / 1024);
    bench.summary.take("conversation_bytes_growth", long as f64 / short as f64, Some(11.0), note);
    Ok(())
}

/// What a thousand requests at once spend beyond a budget that is enough for some of them.
async fn overspend(bench: &mut Bench, address: SocketAddr) -> anyhow::Result<()> {
    let host = host(bench, address, None).await?;
    let budgets = [
        BudgetSpec { tokens_in: Some(3_000), ..BudgetSpec::default() },
        BudgetSpec { tokens_out: Some(1_000), ..BudgetSpec::default() },
        BudgetSpec { money_microusd: Some(700), ..BudgetSpec::default() },
    ];
    let (mut over, mut answered) = (0, Vec::new());
    for budget in budgets {
        let input = Json::from(json!({ "completions": AT_ONCE, "at_once": true }));
        let end = host.start(RunSpec::agent("asker", input).budget(budget))?.wait().await;
        answered.push(end.result?.output.read::<u64>()?);
        let spent = [
            (end.usage.tokens_in, budget.tokens_in),
            (end.usage.tokens_out, budget.tokens_out),
            (end.usage.money_microusd, budget.money_microusd),
        ];
        over += spent.iter().map(|(used, most)| most.map_or(0, |most| used.saturating_sub(most))).sum::<u64>();
    }
    let note = format!("tokens and micro-dollars over three budgets, which answered {answered:?} of {AT_ONCE} at once");
    bench.summary.take("overspend", over as f64, Some(0.0), note);
    Ok(())
}
