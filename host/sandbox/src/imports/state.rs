// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/state`.

use priory_bindings::wit::priory::agent::state::{Change, Entry, KeyInfo, Merge};
use priory_bindings::wit::types;
use priory_core::state::{self, StateEntry, StateOp};
use priory_core::{Effect, Failure, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, check_name, json, perform, unexpected};
use crate::state::Guest;

pub(super) fn add(state: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    state.func_wrap_async("read", |store, (key,)| read(store, key))?;
    state.func_wrap_async("write", |store, (key, value, merge, expected)| write(store, key, value, merge, expected))?;
    state.func_wrap_async("keys", |store, (prefix,)| keys(store, prefix))?;
    state.func_wrap_async("history", |store, (key,)| history(store, key))
}

/// Makes an effect of an operation on a key, or on all that begin like it.
fn effect(key: String, make: impl FnOnce(String) -> Result<StateOp, Failure>) -> Result<Effect, Failure> {
    check_name(&key, "key of the state")?;
    make(key).map(Effect::State)
}

fn read(store: StoreContextMut<'_, Guest>, key: String) -> HostFuture<'_, Result<Option<Entry>, types::Failure>> {
    let asked = asked(&store);
    let effect = effect(key, |key| Ok(StateOp::Read { key }));
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::State(found)) => Ok(found.map(entry)),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn write(
    store: StoreContextMut<'_, Guest>,
    key: String,
    value: String,
    merge: Merge,
    expected: Option<u64>,
) -> HostFuture<'_, Result<Entry, types::Failure>> {
    let asked = asked(&store);
    let effect = effect(key, |key| {
        let value = json(&value, "value for the state")?;
        Ok(StateOp::Write { key, value, merge: rule(merge), expected })
    });
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::State(Some(written))) => Ok(entry(written)),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn keys(store: StoreContextMut<'_, Guest>, prefix: String) -> HostFuture<'_, Result<Vec<KeyInfo>, types::Failure>> {
    let asked = asked(&store);
    let effect = effect(prefix, |prefix| Ok(StateOp::Keys { prefix }));
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::StateKeys(keys)) => {
                Ok(keys.into_iter().map(|one| KeyInfo { key: one.key, revision: one.revision }).collect())
            }
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn history(store: StoreContextMut<'_, Guest>, key: String) -> HostFuture<'_, Result<Vec<Change>, types::Failure>> {
    let asked = asked(&store);
    let effect = effect(key, |key| Ok(StateOp::History { key }));
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::StateHistory(changes)) => Ok(changes.into_iter().map(change).collect()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn entry(entry: StateEntry) -> Entry {
    Entry { value: entry.value.to_string(), revision: entry.revision }
}

fn change(change: state::StateChange) -> Change {
    let state::StateChange { revision, text, byte_len, by, step, unix_ms } = change;
    Change { revision, text, bytes: byte_len, by: by.to_string(), step, unix_ms }
}

fn rule(merge: Merge) -> state::Merge {
    match merge {
        Merge::Last => state::Merge::Last,
        Merge::Append => state::Merge::Append,
        Merge::Union => state::Merge::Union,
        Merge::Sum => state::Merge::Sum,
        Merge::Max => state::Merge::Max,
        Merge::Min => state::Merge::Min,
    }
}
