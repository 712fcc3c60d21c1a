// SPDX-License-Identifier: MIT OR Apache-2.0
//! Vectors of texts.

use std::sync::Arc;

use priory_core::model::{Ability, ProviderKind, Unanswered};
use priory_core::ports::{EmbedOrder, Models, Vectors};
use priory_testkit::provider::Act;

use super::run::{Bench, KEY, TIME_MS};

async fn ask(kind: ProviderKind, texts: &[&str], acts: Vec<Act>) -> (Result<Vectors, Unanswered>, Bench) {
    let bench = Bench::new(kind, |_, model| Arc::make_mut(&mut model.info).abilities = vec![Ability::Embedding]).await;
    bench.provider.then(acts);
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    let order = EmbedOrder { model: "m".into(), texts, key: "k".to_owned(), spare_input: u64::MAX, time_ms: TIME_MS };
    let result = bench.driven(bench.gateway.embed(&order), TIME_MS, || true).await;
    assert!(!format!("{result:?}").contains(KEY));
    assert!(bench.provider.asked().iter().all(|asked| asked.refusal.is_none()), "{:?}", bench.provider.asked());
    (result, bench)
}

const KINDS: [ProviderKind; 3] = [ProviderKind::Openai, ProviderKind::OpenaiResponses, ProviderKind::Gemini];

#[tokio::test]
async fn texts_become_vectors() {
    for kind in KINDS {
        let act = Act::vectors(vec![vec![1.0, -0.5], vec![0.25, 2.0]]);
        let (result, _) = ask(kind, &["a", "b"], vec![Act::error(429, "Slow down."), act]).await;
        let vectors = result.unwrap();
        let numbers: Vec<Vec<f32>> = vectors.vectors.iter().map(|vector| vector.0.to_vec()).collect();
        assert_eq!((numbers, vectors.attempts), (vec![vec![1.0, -0.5], vec![0.25, 2.0]], 2), "{kind}");
        assert!(vectors.usage.input > 0 && vectors.is_paid, "{kind}: {:?}", vectors.usage);
    }
}

#[tokio::test]
async fn what_is_no_vector_is_none() {
    for kind in KINDS {
        for (what, acts) in [
            ("too few", vec![vec![1.0]]),
            ("too many", vec![vec![1.0], vec![1.0], vec![1.0]]),
            ("of different lengths", vec![vec![1.0], vec![1.0, 2.0]]),
            ("no numbers", vec![vec![], vec![]]),
            ("beyond all numbers", vec![vec![1e300], vec![1.0]]),
        ] {
            let (result, _) = ask(kind, &["a", "b"], vec![Act::vectors(acts.clone()), Act::vectors(acts)]).await;
            let unanswered = result.expect_err(what);
            assert_eq!(unanswered.failure.kind(), "unavailable", "{kind}, {what}");
        }
    }
}

#[tokio::test]
async fn as_many_texts_as_there_may_be_become_vectors() {
    let texts: Vec<String> = (0..priory_core::model::TEXTS_MAX).map(|n| format!("text {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for kind in KINDS {
        // Gemini takes a hundred at once.
        let most = if kind == ProviderKind::Gemini { 100 } else { texts.len() };
        let acts = texts.chunks(most).map(|chunk| Act::vectors(chunk.iter().map(|_| vec![0.5]).collect())).collect();
        let (result, bench) = ask(kind, &texts, acts).await;
        assert_eq!(result.unwrap().vectors.len(), texts.len(), "{kind}");
        assert_eq!(bench.provider.acts_left(), 0, "{kind}");
    }
}

#[tokio::test]
async fn a_format_without_vectors_says_so() {
    let (result, bench) = ask(ProviderKind::Anthropic, &["a"], Vec::new()).await;
    let unanswered = result.expect_err("Anthropic makes none");
    assert!(!unanswered.failure.is_retriable(), "{}", unanswered.failure);
    assert!(bench.provider.asked().is_empty());
}
