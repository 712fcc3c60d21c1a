// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program of one's own that hosts a component: it loads one, lists its tools, and orchestrates calls to it in native
//! code, under one budget.
//!
//! ```console
//! $ cargo run --release -- build examples/brief
//! $ cargo run --release --example embed -- target/wasm32-wasip2/guest/priory_plugin_text.wasm "some text" "another text"
//! ```

use anyhow::{Context as _, bail};
use priory::core::amounts::BudgetSpec;
use priory::core::{Failure, Grant, GrantSet, Json};
use priory::{Context, Host, PluginSpec, RunSpec};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, texts @ ..] = arguments.as_slice() else { bail!("usage: embed TEXT.wasm TEXT TEXT…") };

    // A host without any grant: what is loaded can compute, and nothing else.
    let plugin = PluginSpec::file("text", component).context("the text plugin is built by `priory build`")?;
    let host = Host::builder().plugin(plugin).build().await?;
    for tool in host.catalog().tools() {
        println!("{}", tool.name);
    }

    // Native code is a program like any other: it may call what it is granted here, and all of it shares one budget.
    let grants: GrantSet = ["tool=text.similarity".parse::<Grant>()?].into_iter().collect();
    let budget = BudgetSpec { fuel: Some(10_000_000_000), ..BudgetSpec::default() };
    let texts = texts.to_vec();
    let run = RunSpec::native("compare", grants, move |context| compare(context, texts)).budget(budget);
    let end = host.start(run)?.wait().await;
    println!("{}", end.result?.output);
    println!("{} fuel, {} µs of compute", end.usage.fuel, end.usage.compute_us);
    Ok(())
}

/// Compares every text with every later one.
async fn compare(context: Context, texts: Vec<String>) -> Result<Json, Failure> {
    let json = |value: &dyn Fn() -> Result<Json, priory::core::json::JsonError>| {
        value().map_err(|error| Failure::other(error.to_string()))
    };
    let mut found: Vec<(usize, usize, f64)> = Vec::new();
    for (first, a) in texts.iter().enumerate() {
        for (second, b) in texts.iter().enumerate().skip(first + 1) {
            let arguments = json(&|| Json::of(&std::collections::BTreeMap::from([("a", a), ("b", b)])))?;
            let similarity = context.call_tool("text.similarity", arguments).await?;
            let similarity = similarity.read().map_err(|error| Failure::other(error.to_string()))?;
            found.push((first, second, similarity));
        }
    }
    json(&|| Json::of(&found))
}
