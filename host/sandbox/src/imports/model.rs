// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory:agent/model`.

use priory_bindings::wit::priory::agent::model as wit;
use priory_bindings::wit::{AnswerHandle, types};
use priory_core::model::{Delta, TEXTS_MAX};
use priory_core::{Effect, Failure, Outcome, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use super::{HostFuture, asked, check_name, perform, start, unexpected};
use crate::state::Guest;

type Handle = Resource<AnswerHandle>;

pub(super) fn add(model: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    model.resource("answer", ResourceType::host::<AnswerHandle>(), |mut store, handle| {
        let answer = store.data_mut().table.delete(Handle::new_own(handle))?;
        if let Ok(number) = answer.asked {
            store.data().host.forget(number);
        }
        Ok(())
    })?;
    model.func_wrap_async("complete", |store, (request,)| complete(store, request))?;
    model.func_wrap("start", |mut store, (request,): (wit::Request,)| {
        Ok((start(&mut store, effect(request, false))?,))
    })?;
    model.func_wrap("[constructor]answer", |mut store, (request,): (wit::Request,)| {
        let (host, fuel) = asked(&store);
        let asked = effect(request, true).and_then(|effect| host.start(effect, fuel));
        let answer = AnswerHandle { asked, part: 0, offset: 0, is_words: None, is_whole: false };
        Ok((store.data_mut().table.push(answer)?,))
    })?;
    model.func_wrap_async("[method]answer.next", |store, (handle,)| next(store, handle))?;
    model.func_wrap_async("[method]answer.finish", |store, (handle,)| finish(store, handle))?;
    model.func_wrap_async("list", |store, (): ()| list(store))?;
    model.func_wrap_async("embed", |store, (model, texts)| embed(store, model, texts))
}

fn effect(request: wit::Request, is_heard: bool) -> Result<Effect, Failure> {
    for (name, subject) in [(&request.model, "name of a model"), (&request.purpose, "purpose of a request")] {
        check_name(name.as_deref().unwrap_or_default(), subject)?;
    }
    for offer in &request.tools {
        let (wit::Offer::Tool(name) | wit::Offer::Custom(wit::Definition { name, .. })) = offer;
        check_name(name, "name of a tool")?;
    }
    let request = Box::new(priory_bindings::request_of_guest(request)?);
    Ok(Effect::ModelCall { request, is_heard, terms: None })
}

fn complete(
    store: StoreContextMut<'_, Guest>,
    request: wit::Request,
) -> HostFuture<'_, Result<wit::Completion, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move { Ok((completed(perform(asked, effect(request, false)).await),)) })
}

fn completed(outcome: Outcome) -> Result<wit::Completion, types::Failure> {
    match outcome {
        Ok(Value::Completion(completion)) => Ok((*completion).into()),
        Ok(_) => unexpected(),
        Err(failure) => Err(failure.into()),
    }
}

/// Hears the next piece. Where it begins follows from the pieces before, so a replay asks for the same.
fn next(
    mut store: StoreContextMut<'_, Guest>,
    handle: Handle,
) -> HostFuture<'_, Result<Option<wit::Delta>, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        let answer = store.data_mut().table.get_mut(&handle)?;
        let call = match &answer.asked {
            Ok(number) => *number,
            Err(failure) => return Ok((Err(failure.clone().into()),)),
        };
        if answer.is_whole {
            return Ok((Ok(None),));
        }
        let read = Effect::ModelRead { call, part: answer.part, offset: answer.offset };
        Ok((match perform(asked, Ok(read)).await {
            Ok(Value::Delta(delta)) => {
                move_on(store.data_mut().table.get_mut(&handle)?, delta.as_ref());
                Ok(delta.map(Into::into))
            }
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

/// Moves the place on behind a piece. Words and reasoning go on in their part, and a piece of the other kind begins the
/// next one; the call of a tool is a part of its own.
fn move_on(answer: &mut AnswerHandle, delta: Option<&Delta>) {
    let (text, is_words) = match delta {
        Some(Delta::Text(text)) => (text, true),
        Some(Delta::Reasoning(text)) => (text, false),
        Some(Delta::ToolCall(_)) => {
            let open = u32::from(answer.is_words.is_some());
            answer.part = answer.part.saturating_add(open).saturating_add(1);
            (answer.offset, answer.is_words) = (0, None);
            return;
        }
        None => {
            answer.is_whole = true;
            return;
        }
    };
    if answer.is_words.is_some_and(|kind| kind != is_words) {
        (answer.part, answer.offset) = (answer.part.saturating_add(1), 0);
    }
    answer.is_words = Some(is_words);
    answer.offset = answer.offset.saturating_add(text.len() as u64);
}

fn finish(
    store: StoreContextMut<'_, Guest>,
    handle: Handle,
) -> HostFuture<'_, Result<wit::Completion, types::Failure>> {
    let number = store.data().table.get(&handle).map(|answer| answer.asked.clone());
    let (host, _) = asked(&store);
    Box::new(async move {
        Ok((match number? {
            Ok(number) => completed(host.wait(number).await),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn list(store: StoreContextMut<'_, Guest>) -> HostFuture<'_, Result<Vec<wit::ModelInfo>, types::Failure>> {
    let asked = asked(&store);
    Box::new(async move {
        Ok((match perform(asked, Ok(Effect::ModelList)).await {
            Ok(Value::Models(models)) => Ok(models.into_iter().map(Into::into).collect()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

fn embed(
    store: StoreContextMut<'_, Guest>,
    model: Option<String>,
    texts: Vec<String>,
) -> HostFuture<'_, Result<wit::Embedded, types::Failure>> {
    let asked = asked(&store);
    let effect = check_name(model.as_deref().unwrap_or_default(), "name of a model").and_then(|()| {
        if texts.len() > TEXTS_MAX {
            let reason = format!("they are {}, and {TEXTS_MAX} are the most at once", texts.len());
            return Err(Failure::invalid("texts to embed", "", reason));
        }
        Ok(Effect::Embed { model, texts })
    });
    Box::new(async move {
        Ok((match perform(asked, effect).await {
            Ok(Value::Embedded(embedded)) => Ok(embedded.into()),
            Ok(_) => unexpected(),
            Err(failure) => Err(failure.into()),
        },))
    })
}

#[cfg(test)]
mod tests {
    use priory_core::Json;
    use priory_core::model::CalledTool;

    use super::*;

    /// Returns the places that are asked for, before each piece and after the last.
    fn places(pieces: &[Delta]) -> Vec<(u32, u64)> {
        let mut answer = AnswerHandle { asked: Ok(0), part: 0, offset: 0, is_words: None, is_whole: false };
        let mut places = vec![(answer.part, answer.offset)];
        for piece in pieces {
            move_on(&mut answer, Some(piece));
            places.push((answer.part, answer.offset));
        }
        assert!(!answer.is_whole);
        move_on(&mut answer, None);
        assert!(answer.is_whole);
        places
    }

    #[test]
    fn places_follow_from_the_pieces() {
        let text = |text: &str| Delta::Text(text.into());
        let reasoning = |text: &str| Delta::Reasoning(text.into());
        let call = || {
            let (id, name) = ("1".to_owned(), "a.b".to_owned());
            Delta::ToolCall(CalledTool { id, name, arguments: Json::null(), problem: None, opaque: None })
        };
        assert_eq!(places(&[]), [(0, 0)]);
        assert_eq!(places(&[text("ab"), text("ü")]), [(0, 0), (0, 2), (0, 4)]);
        assert_eq!(places(&[reasoning("hmm"), text("a"), text("b")]), [(0, 0), (0, 3), (1, 1), (1, 2)]);
        assert_eq!(places(&[call(), call(), text("a")]), [(0, 0), (1, 0), (2, 0), (2, 1)]);
        assert_eq!(places(&[text("a"), call(), reasoning("r"), call()]), [(0, 0), (0, 1), (2, 0), (2, 1), (4, 0)]);
    }
}
