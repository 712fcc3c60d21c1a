// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/human`.

use priory_bindings::wit::priory::agent::human::{Answer, Kind, Question};
use priory_bindings::wit::types;
use priory_core::effect::Ask;
use priory_core::{Effect, Failure, Value, effect};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::{HostFuture, asked, json, perform, start, unexpected};
use crate::state::Guest;

pub(super) fn add(human: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    human.func_wrap_async("ask", |store, (question,)| ask(store, question))?;
    human.func_wrap("start", |mut store, (question,): (Question,)| Ok((start(&mut store, effect(question))?,)))
}

fn effect(question: Question) -> Result<Effect, Failure> {
    let schema = question.schema.map(|schema| json(&schema, "schema of the question")).transpose()?;
    let about = question.about.map(|about| json(&about, "what the question is about")).transpose()?;
    let kind = match question.kind {
        Kind::Answer => Ask::Answer,
        Kind::Approve => Ask::Approve,
        Kind::Choose(options) => Ask::Choose { options },
        Kind::Edit => Ask::Edit,
    };
    let Question { text, who, expires_ms, .. } = question;
    Ok(Effect::AskHuman(effect::Question { text, about, kind, schema, who, expires_ms }))
}

fn ask(store: StoreContextMut<'_, Guest>, question: Question) -> HostFuture<'_, Result<Answer, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        Ok((match perform(asked, effect(question)).await {
            Ok(Value::Answer(answer)) => Ok(Answer { value: answer.value.to_string(), by: answer.by }),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}
