// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers that are heard while they are written.

use priory_core::model::{Delta, ModelInfo, Price};
use priory_core::{Effect, Failure, Value};
use priory_testkit::{FakeModels, Reply};

use super::scene::{Scene, completion, of_models, request};

fn text(text: &str) -> Delta {
    Delta::Text(text.to_owned())
}

fn heard() -> Effect {
    Effect::ModelCall { request: Box::new(request("hello")), is_heard: true, terms: None }
}

fn read(call: u32, offset: u64) -> Effect {
    Effect::ModelRead { call, part: 0, offset }
}

#[test]
fn pieces_are_told_as_they_come_and_then_the_end() {
    let scene = Scene::new(vec![FakeModels::info("m")], |_| {
        Reply::Say(vec![text("ab"), text("cd")], Box::new(Reply::words("abcd", 1, 1)))
    });
    scene.native(|context| async move {
        let call = context.start(heard()).unwrap();
        let mut said = String::new();
        loop {
            match context.perform(read(call, said.len() as u64)).await {
                Ok(Value::Delta(Some(Delta::Text(more)))) => said.push_str(&more),
                Ok(Value::Delta(None)) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(said, "abcd");
        assert_eq!(completion(context.take(call).await).message.words(), "abcd");
        let wrong = context.perform(read(77, 0)).await;
        assert!(matches!(wrong, Err(Failure::Invalid(_))));
    });
    assert!(scene.models.asked()[0].streams);
}

#[test]
fn what_is_not_told_in_pieces_is_told_at_the_end_and_a_failure_too() {
    let scene = Scene::new(vec![FakeModels::info("m")], |prompt| match prompt.key.ends_with("-0-0") {
        true => Reply::words("abcd", 1, 1),
        false => Reply::unavailable(1, 0),
    });
    scene.native(|context| async move {
        let call = context.start(heard()).unwrap();
        assert_eq!(context.perform(read(call, 0)).await, Ok(Value::Delta(Some(text("abcd")))));
        assert_eq!(context.perform(read(call, 4)).await, Ok(Value::Delta(None)));
        let call = context.start(heard()).unwrap();
        assert!(matches!(context.perform(read(call, 0)).await, Err(Failure::Unavailable(_))));
        assert!(context.take(call).await.is_err());
        let refused = Effect::ModelCall {
            request: Box::new(priory_core::model::ModelRequest { model: Some("none".into()), ..request("x") }),
            is_heard: true,
            terms: None,
        };
        let call = context.start(refused).unwrap();
        assert!(matches!(context.perform(read(call, 0)).await, Err(Failure::Unavailable(_))));
    });
}

#[test]
fn who_has_heard_a_part_is_told_nothing_else() {
    let first = ModelInfo { fallbacks: vec!["n".into()], ..FakeModels::info("m") };
    let scene = Scene::new(vec![first, FakeModels::info("n")], |_| {
        Reply::Say(vec![text("ab")], Box::new(Reply::unavailable(1, 1)))
    });
    scene.native(|context| async move {
        let call = context.start(heard()).unwrap();
        assert_eq!(context.perform(read(call, 0)).await, Ok(Value::Delta(Some(text("ab")))));
        assert!(matches!(context.perform(read(call, 2)).await, Err(Failure::Unavailable(_))));
    });
    assert_eq!(scene.models.asked().len(), 1);
}

#[test]
fn what_is_withdrawn_takes_what_was_heard_of_it() {
    let price = Price { input: 1_000_000, output: 1_000_000, ..Price::default() };
    let info = ModelInfo { price: Some(price), ..FakeModels::info("m") };
    let scene = Scene::new(vec![info], |_| Reply::Say(vec![text("12345678")], Box::new(Reply::Never)));
    let end = scene.native(|context| async move {
        let call = context.start(heard()).unwrap();
        assert_eq!(context.perform(read(call, 0)).await, Ok(Value::Delta(Some(text("12345678")))));
    });
    // 5 bytes were asked and 8 were heard; the frame ended meanwhile.
    assert_eq!(of_models(end.usage), (2, 2, 4));
    let spent = scene.spent();
    assert_eq!((spent.len(), spent[0].is_answered, spent[0].microusd), (1, false, 4));
    assert!(scene.book.kept.lock().values().all(|expense| expense.is_settled && expense.microusd == 4));
}
