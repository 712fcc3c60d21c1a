// SPDX-License-Identifier: MIT OR Apache-2.0
//! The key is on the header of a request and nowhere else. Each case is searched for it where it runs; here is the rest.

use priory_core::model::ProviderKind;
use priory_testkit::provider::{Act, Framing};

use super::case;
use super::run::{self, Bench, KEY};

const KINDS: [ProviderKind; 4] =
    [ProviderKind::Openai, ProviderKind::OpenaiResponses, ProviderKind::Anthropic, ProviderKind::Gemini];

/// Returns parts of the key that would give it away.
fn parts() -> Vec<String> {
    let base64 = "c2stZmFrZS0wMTIzNDU2Nzg5LU5ldmVyLVNob3du";
    vec![KEY.to_owned(), KEY[..16].to_owned(), KEY[KEY.len() - 12..].to_owned(), base64.to_owned()]
}

#[tokio::test]
async fn a_provider_that_shows_the_key_does_not_show_it_to_anybody() {
    let logged = run::logged();
    // At the end of what is kept of a message, a key would be cut.
    let fillers = (0..60).map(|n| "x".repeat(270 + n));
    for kind in KINDS {
        for filler in ["", "key=", "Bearer "].into_iter().map(str::to_owned).chain(fillers.clone()) {
            let bench = Bench::new(kind, |_, _| ()).await;
            bench.provider.then([Act::error(401, &format!("{filler}{KEY}"))]);
            let (result, heard) = bench.ask(&case::prompt(), 0, None).await;
            let shown = format!("{:?} {heard:?} {:?}", result.expect_err("it was refused"), bench.gateway);
            for part in parts() {
                assert!(!shown.contains(&part), "{kind}, behind {} bytes: {shown}", filler.len());
            }
        }
    }
    let logged = String::from_utf8_lossy(&logged.lock()).into_owned();
    assert!(parts().iter().all(|part| !logged.contains(part)));
}

#[tokio::test]
async fn a_key_within_an_answer_is_what_the_model_said() {
    for kind in KINDS {
        let bench = Bench::new(kind, |_, _| ()).await;
        bench
            .provider
            .then([Act::body(200, "application/json", format!("{{\"k\": \"{KEY}\"")).framed(Framing::Length)]);
        let (result, _) = bench.ask(&case::prompt(), 0, None).await;
        assert!(!format!("{result:?}").contains(KEY), "{kind}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_no_reason_to_ask() {
    let gone = priory_core::model::KeySource::File("no-such-folder/no-such-key".into());
    let bench = Bench::new(ProviderKind::Anthropic, move |provider, _| provider.key = Some(gone.clone())).await;
    let (result, _) = bench.ask(&case::prompt(), 0, None).await;
    let unanswered = result.expect_err("there is no key");
    assert_eq!((unanswered.failure.kind(), unanswered.failure.is_retriable()), ("unavailable", false));
    assert!(bench.provider.asked().is_empty());
}
