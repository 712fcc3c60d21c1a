// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/agents`.

use priory_bindings::wit::types;
use priory_core::{Effect, Failure, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, json, perform, start, unexpected};
use crate::state::Guest;

type Call = (String, String, Option<String>);

pub(super) fn add(agents: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    agents.func_wrap_async("list", |store, (): ()| list(store))?;
    agents.func_wrap_async("call", call)?;
    agents.func_wrap("start", |mut store, order: Call| Ok((start(&mut store, effect(order))?,)))
}

fn effect((agent, input, feedback): Call) -> Result<Effect, Failure> {
    super::check_name(&agent, "name of an agent")?;
    let input = json(&input, &format!("input of {agent}"))?;
    Ok(Effect::agent(agent, input, feedback))
}

fn list(store: StoreContextMut<'_, Guest>) -> HostFuture<'_, Result<Vec<types::AgentInfo>, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        Ok((match perform(asked, Ok(Effect::AgentList)).await {
            Ok(Value::Agents(agents)) => Ok(agents.into_iter().map(Into::into).collect()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn call(store: StoreContextMut<'_, Guest>, order: Call) -> HostFuture<'_, Result<types::Report, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        Ok((match perform(asked, effect(order)).await {
            Ok(Value::Report(report)) => Ok(report.into()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}
