// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/memory`.

use priory_bindings::wit::priory::agent::memory::{Fact, NewFact, Query, Scope, Which};
use priory_bindings::wit::types;
use priory_bindings::{fact_of_guest, query_of_guest, scope_of_guest, which_of_guest};
use priory_core::memory::{MemoryOp, MemoryValue};
use priory_core::{Effect, Failure, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, check_name, perform, unexpected};
use crate::state::Guest;

pub(super) fn add(memory: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    memory.func_wrap_async("remember", |store, (scope, fact)| remember(store, scope, fact))?;
    memory.func_wrap_async("recall", |store, (scope, query)| recall(store, scope, query))?;
    memory.func_wrap_async("forget", |store, (scope, which)| forget(store, scope, which))
}

/// Refuses what is longer than any name could be, before it is written anywhere.
fn check_words(scope: &Scope, words: [Option<&str>; 2]) -> Result<(), Failure> {
    if let Scope::User(name) = scope {
        check_name(name, "name of a user")?;
    }
    words.into_iter().flatten().try_for_each(|word| check_name(word, "subject or source of a fact"))
}

fn remember(
    store: StoreContextMut<'_, Guest>,
    scope: Scope,
    fact: NewFact,
) -> HostFuture<'_, Result<String, types::Failure>> {
    let asked = asked(&store);
    let effect = check_words(&scope, [fact.subject.as_deref(), fact.source.as_deref()]).and_then(|()| {
        let (scope, fact) = (scope_of_guest(scope)?, fact_of_guest(fact)?);
        Ok(Effect::Memory(MemoryOp::Remember { scope, fact }))
    });
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::Memory(MemoryValue::Remembered(id))) => Ok(id.to_string()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn recall(
    store: StoreContextMut<'_, Guest>,
    scope: Scope,
    query: Query,
) -> HostFuture<'_, Result<Vec<Fact>, types::Failure>> {
    let asked = asked(&store);
    let effect = check_words(&scope, [query.subject.as_deref(), None])
        .and_then(|()| query_of_guest(scope, query).map(Effect::Memory));
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::Memory(MemoryValue::Recalled(facts))) => Ok(facts.into_iter().map(Into::into).collect()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn forget(
    store: StoreContextMut<'_, Guest>,
    scope: Scope,
    which: Which,
) -> HostFuture<'_, Result<u64, types::Failure>> {
    let asked = asked(&store);
    let subject = if let Which::Subject(subject) = &which { Some(subject.as_str()) } else { None };
    let effect = check_words(&scope, [subject, None]).and_then(|()| {
        let (scope, which) = (scope_of_guest(scope)?, which_of_guest(which)?);
        Ok(Effect::Memory(MemoryOp::Forget { scope, which }))
    });
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::Memory(MemoryValue::Forgotten(count))) => Ok(count),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}
