// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/pending`.

use priory_bindings::wit::{PendingHandle, types};
use priory_core::{EventRecord, Failure, Json, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use super::{HostFuture, asked, kill};
use crate::state::Guest;

type Handle = Resource<PendingHandle>;

pub(super) fn add(pending: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    pending.resource("pending", ResourceType::host::<PendingHandle>(), |mut store, handle| {
        let handle = store.data_mut().table.delete(Resource::<PendingHandle>::new_own(handle))?;
        store.data().host.forget(handle.0);
        Ok(())
    })?;
    pending.func_wrap_async("[method]pending.wait", |store, (handle,)| wait(store, handle))?;
    pending.func_wrap("[method]pending.cancel", |store, (handle,): (Handle,)| {
        let number = store.data().table.get(&handle)?.0;
        store.data().host.cancel(number);
        Ok(())
    })?;
    pending.func_wrap_async("wait-any", |store, (handles,)| wait_any(store, handles))
}

fn wait(store: StoreContextMut<'_, Guest>, handle: Handle) -> HostFuture<'_, Result<String, types::Failure>> {
    let number = store.data().table.get(&handle).map(|handle| handle.0);
    let (host, _) = asked(&store);
    Box::new(async move {
        Ok((match host.wait(number?).await {
            Ok(Value::Json(json)) => Ok(json.to_string()),
            Ok(Value::Report(report)) => Ok(report.output.to_string()),
            Ok(Value::Answer(answer)) => Ok(answer.value.to_string()),
            Ok(Value::Event(event)) => {
                let said = EventRecord { from: None, ..event };
                Ok(Json::of(&said).map_or_else(|_| "null".to_owned(), |said| said.to_string()))
            }
            Ok(Value::Completion(completion)) => {
                Ok(Json::of(&completion).map_or_else(|_| "null".to_owned(), |completion| completion.to_string()))
            }
            Ok(Value::Unit) => Ok("null".to_owned()),
            Ok(_) => super::unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn wait_any(store: StoreContextMut<'_, Guest>, handles: Vec<Handle>) -> HostFuture<'_, u32> {
    let table = &store.data().table;
    let numbers: Result<Vec<u32>, _> = handles.iter().map(|handle| table.get(handle).map(|handle| handle.0)).collect();
    let (host, _) = asked(&store);
    Box::new(async move {
        let numbers = numbers?;
        if numbers.is_empty() {
            return Err(kill(Failure::invalid("calls of wait-any", "", "the list is empty, so nothing can ever end")));
        }
        let position = host.wait_any(&numbers).await;
        Ok((u32::try_from(position).unwrap_or(u32::MAX),))
    })
}
