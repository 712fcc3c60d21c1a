// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/events`.

use priory_bindings::wit::priory::agent::events::{Published, Sought};
use priory_bindings::wit::types;
use priory_core::{Effect, Failure, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, check_name, json, perform, start, unexpected};
use crate::state::Guest;

pub(super) fn add(events: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    events.func_wrap_async("emit", |store, (name, data, key)| emit(store, name, data, key))?;
    events.func_wrap_async("wait", |store, (sought,)| wait(store, sought))?;
    events.func_wrap("start", |mut store, (sought,): (Sought,)| Ok((start(&mut store, awaited(sought))?,)))
}

fn emit(
    store: StoreContextMut<'_, Guest>,
    name: String,
    data: String,
    key: Option<String>,
) -> HostFuture<'_, Result<String, types::Failure>> {
    let asked = asked(&store);
    let effect = check_name(&name, "name of an event").and_then(|()| {
        check_name(key.as_deref().unwrap_or_default(), "key of an event")?;
        Ok(Effect::Emit { name, data: json(&data, "data of an event")?, key })
    });
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::Json(id)) => Ok(id.read().unwrap_or_default()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn awaited(sought: Sought) -> Result<Effect, Failure> {
    let Sought { name, matching, expires_ms } = sought;
    check_name(&name, "name of an event")?;
    let matching = matching.map(|matching| json(&matching, "fields of an event")).transpose()?;
    Ok(Effect::AwaitEvent { name, matching, expires_ms })
}

fn wait(store: StoreContextMut<'_, Guest>, sought: Sought) -> HostFuture<'_, Result<Published, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        Ok((match perform(asked, awaited(sought)).await {
            Ok(Value::Event(event)) => {
                Ok(Published { id: event.id, name: event.name, data: event.data.to_string(), unix_ms: event.unix_ms })
            }
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}
