// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/timers`.

use priory_bindings::wit::types;
use priory_core::Effect;
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, perform, start};
use crate::state::Guest;

pub(super) fn add(timers: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    timers.func_wrap_async("sleep", |store, (ms,)| sleep(store, ms))?;
    timers.func_wrap("start", |mut store, (ms,): (u64,)| Ok((start(&mut store, Ok(Effect::Sleep { ms }))?,)))
}

fn sleep(store: StoreContextMut<'_, Guest>, ms: u64) -> HostFuture<'_, Result<(), types::Failure>> {
    let asked = asked(&store);
    Box::new(async move { Ok((perform(asked, Ok(Effect::Sleep { ms })).await.map(|_| ()).map_err(Into::into),)) })
}
