// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/budget`.

use priory_bindings::wit::priory::agent::budget::Remaining;
use priory_bindings::wit::types;
use priory_core::{Effect, Failure, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, kill, perform};
use crate::state::Guest;

pub(super) fn add(budget: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    budget.func_wrap_async("left", |store, (): ()| left(store))?;
    budget.func_wrap_async("used", |store, (): ()| used(store))
}

/// These functions cannot fail in the contract; when the frame may perform no more effects, it ends.
fn left(store: StoreContextMut<'_, Guest>) -> HostFuture<'_, Remaining> {
    let asked = asked(&store);
    Box::new(async move {
        match perform(asked, Ok(Effect::BudgetLeft)).await {
            Ok(Value::Remaining(left)) => Ok((left.into(),)),
            Ok(_) => Err(kill(Failure::other("the budget is of another kind"))),
            Err(failure) => Err(kill(failure)),
        }
    })
}

fn used(store: StoreContextMut<'_, Guest>) -> HostFuture<'_, types::Usage> {
    let asked = asked(&store);
    Box::new(async move {
        match perform(asked, Ok(Effect::BudgetUsed)).await {
            Ok(Value::Usage(used)) => Ok((used.into(),)),
            Ok(_) => Err(kill(Failure::other("the usage is of another kind"))),
            Err(failure) => Err(kill(failure)),
        }
    })
}
