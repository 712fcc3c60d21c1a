// SPDX-License-Identifier: MIT OR Apache-2.0
//! What models are shown of pictures and files: only what their frame may read, and no more than fits.

use priory_core::artifact::{ArtifactOp, Content};
use priory_core::model::{Media, Message, ModelRequest, Part, Role};
use priory_core::{Digest, Effect, Failure, Json, Value};
use priory_testkit::Reply;

use super::asking::model;
use super::scene::{Scene, asking, request};

/// Makes a request that shows one picture so many times.
fn shows(picture: Digest, times: usize) -> ModelRequest {
    let part = Part::Image(Media { mime: "image/png".to_owned(), artifact: picture, name: None });
    let of = |count: usize| Message { role: Role::User, parts: vec![part.clone(); count], label: None };
    ModelRequest { messages: vec![of(times / 2), of(times - times / 2)].into(), ..request("") }
}

#[test]
fn what_a_frame_may_not_read_is_not_shown_however_often_it_is_asked() {
    let scene = Scene::new(vec![model("m")], |_| Reply::words("I see", 1, 1));
    let target = crate::Target::native("test", |context| async move {
        for _ in 0..3 {
            let outcome = context.perform(asking(shows(Digest::of(b"picture"), 1))).await;
            assert!(matches!(outcome, Err(Failure::Denied(_))), "{outcome:?}");
        }
        Ok(Json::null())
    });
    let grants = ["model=*"].map(|grant| grant.parse::<priory_core::Grant>().unwrap());
    let mut started = scene.begin(target, Some(grants.into_iter().collect()), Default::default());
    scene.end(&mut started).result.unwrap();
    assert!(scene.models.asked().is_empty());
}

#[test]
fn a_picture_counts_each_time_that_it_is_shown() {
    let scene = Scene::new(vec![model("m")], |_| Reply::words("I see", 1, 1));
    scene.native(|context| async move {
        let put = Effect::Artifact(ArtifactOp::Put { content: Content::new(vec![0; 1 << 20]) });
        let Ok(Value::Artifact(picture)) = context.perform(put).await else { panic!() };
        // What it would cost is another matter.
        let fits = |outcome| !matches!(outcome, Err(Failure::Invalid(_)));
        assert!(fits(context.perform(asking(shows(picture.digest, 64))).await));
        let small = Effect::Artifact(ArtifactOp::Put { content: Content::new(vec![0; 16]) });
        let Ok(Value::Artifact(small)) = context.perform(small).await else { panic!() };
        assert!(fits(context.perform(asking(shows(small.digest, 256))).await));
        for refused in [shows(picture.digest, 65), shows(small.digest, 257)] {
            match context.perform(asking(refused)).await {
                Err(Failure::Invalid(invalid)) => assert_eq!(invalid.pointer, "/messages", "{invalid:?}"),
                other => panic!("{other:?}"),
            }
        }
    });
}
