// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host with one run, whose agent hears the answer of a model while it is written: `priory-kill heard FOLDER URL`.
//!
//! It begins the run, or takes it up where there is one, and prints a line of JSON about how it ended. The test beside this
//! crate plays the provider, and kills the host in the middle of the answer.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use priory::core::gate::RateSpec;
use priory::core::journal::{RunQuery, Verdict};
use priory::core::model::{
    Ability, ExpenseQuery, GroupBy, KeySource, ModelInfo, ModelSpec, ModelsSpec, Price, ProviderKind, ProviderSpec,
};
use priory::core::ports::Expenses;
use priory::core::{Event, Journal, Json};
use priory::journal::SqliteJournal;
use priory::record::Silent;
use priory::{AgentSpec, Durability, Host, PluginSpec, RunSpec};
use serde_json::json;

use crate::guests;
use crate::worker::JOURNAL;

/// How many events of the run are looked at: it has some dozens.
const EVENTS_MAX: usize = 10_000;
/// The file of the provider's key, in the folder.
const KEY: &str = "key";

pub(crate) async fn run(folder: &Path, url: &str) -> anyhow::Result<()> {
    guests::build_asking(folder)?;
    let store = Arc::new(SqliteJournal::open(&folder.join(JOURNAL))?);
    let journal: Arc<dyn Journal> = store.clone();
    let host = Host::builder()
        .cache_dir(folder.join("code"))
        .plugin(PluginSpec::file("ask", folder.join(guests::ASKING))?)
        .agent(AgentSpec::new("root", "ask").grant("model=*".parse()?))
        .models(models(folder, url)?)
        .expenses(store.clone())
        .durable(Durability::new(journal.clone()));
    let host = host.build().await?;
    let known = journal.list(RunQuery { most: 1, ..RunQuery::default() }).await?;
    let mut started = match known.first() {
        Some(info) => host.resume(info.id, Arc::new(Silent)).await?,
        None => {
            let heard = json!({ "do": "stream", "request": { "say": "Tell me of bees." }, "then": "finish" });
            let whole = json!({ "do": "complete", "request": { "say": "And of wasps?" } });
            host.start(RunSpec::agent("root", Json::from(json!({ "steps": [heard, whole] }))))?
        }
    };
    let end = started.wait().await;
    let told: serde_json::Value = end.result.context("the run failed")?.output.read()?;
    let events = journal.read(started.id, 0, EVENTS_MAX).await?;
    let spent = events.iter().filter(|envelope| matches!(envelope.event, Event::Spent { .. })).count();
    let query = ExpenseQuery { since_day: 0, until_day: u32::MAX, by: GroupBy::Model, most: 10 };
    let expenses = store.sum(query).await?;
    let is_whole = matches!(journal.verify(started.id).await?, Verdict::Intact { .. });
    println!(
        "{}",
        json!({ "told": told, "usage": end.usage, "spent-events": spent, "expenses": expenses, "is-whole": is_whole })
    );
    Ok(())
}

fn models(folder: &Path, url: &str) -> anyhow::Result<ModelsSpec> {
    let provider = ProviderSpec {
        name: "loopback".into(),
        kind: ProviderKind::Openai,
        url: Some(url.parse()?),
        key: Some(KeySource::File(folder.join(KEY))),
        headers: Vec::new(),
        rate: RateSpec::default(),
        breaker: None,
        attempts: 1,
        time_ms: 60_000,
        idle_ms: 60_000,
    };
    let info = ModelInfo {
        name: "m".into(),
        provider: "openai".into(),
        id: "fake-1".into(),
        context_tokens: None,
        output_tokens_max: 1_000,
        abilities: vec![Ability::Streaming],
        price: Some(Price { input: 1_000_000, output: 10_000_000, ..Price::default() }),
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
        image_tokens: 1_000,
        token_margin_percent: 0,
        extra: None,
        script: None,
    };
    Ok(ModelsSpec { providers: vec![provider], models: vec![model], default: Some("m".into()), embedding: None })
}
