// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/tools`.

use priory_bindings::wit::{PendingHandle, types};
use priory_core::{Effect, Failure, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};

use super::{HostFuture, asked, json, perform, start, unexpected};
use crate::state::Guest;

pub(super) fn add(tools: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    tools.func_wrap_async("list", |store, (): ()| list(store))?;
    tools.func_wrap_async("call", |store, (name, arguments)| call(store, name, arguments))?;
    tools.func_wrap("start", |mut store, (name, arguments): (String, String)| {
        start(&mut store, effect(name, &arguments)).map(|started: Result<Resource<PendingHandle>, _>| (started,))
    })
}

fn effect(tool: String, arguments: &str) -> Result<Effect, Failure> {
    super::check_name(&tool, "name of a tool")?;
    let arguments = json(arguments, &format!("arguments of {tool}"))?;
    Ok(Effect::tool(tool, arguments))
}

fn list(store: StoreContextMut<'_, Guest>) -> HostFuture<'_, Result<Vec<types::Tool>, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        Ok((match perform(asked, Ok(Effect::ToolList)).await {
            Ok(Value::Tools(tools)) => Ok(tools.into_iter().map(Into::into).collect()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn call(
    store: StoreContextMut<'_, Guest>,
    name: String,
    arguments: String,
) -> HostFuture<'_, Result<String, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        Ok((match perform(asked, effect(name, &arguments)).await {
            Ok(Value::Json(json)) => Ok(json.to_string()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}
