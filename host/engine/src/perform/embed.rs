// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making vectors of texts.

use std::sync::Arc;

use priory_core::model::{Ability, Embedded, ModelInfo, REQUEST_TIME_MS_MAX, TokenUsage, VECTOR_LEN_MAX};
use priory_core::ports::{EmbedOrder, Vectors};
use priory_core::{Failure, Outcome, Value};

use super::model::time_left_ms;
use super::paid::{self, Came, Paid, Step};
use crate::frame::Frame;
use crate::model::bill::Bill;
use crate::model::estimate::{Estimate, text_tokens_max};
use crate::model::names;

/// Makes vectors of texts, for the frame.
pub(super) async fn embed(
    frame: &Arc<Frame>,
    step: u32,
    bill: &Bill,
    model: &str,
    texts: Vec<String>,
    fuel: u64,
) -> Outcome {
    vectors(Step { frame, step, fuel, bill }, model, texts).await.map(Value::Embedded)
}

/// Makes vectors of texts. There is nobody to stand in: vectors of two models cannot be compared.
pub(super) async fn vectors(at: Step<'_>, model: &str, texts: Vec<String>) -> Result<Embedded, Failure> {
    let frame = at.frame;
    let info = names::info(frame, model)?;
    if !info.can(Ability::Embedding) {
        return Err(Failure::invalid(format!("model {model}"), "", "it makes no vectors"));
    }
    let Some(models) = frame.run.ports.models.clone() else {
        return Err(Failure::absent(format!("model {model}"), "it is not configured"));
    };
    let input = text_tokens_max(&texts);
    let estimate = Estimate::of_vectors(info.clone(), input);
    let today = paid::today(at).await;
    // What their length says is little, so they are not counted more closely.
    let (whole, _) = paid::reserve(at, estimate, today.as_ref(), || input).await?;
    let so_far = || TokenUsage { input, ..TokenUsage::default() };
    let mut paid = Paid::new(at, &info, 0, whole, today.as_ref(), so_far);
    paid.ready().await;
    let time_ms = time_left_ms(frame).min(REQUEST_TIME_MS_MAX);
    let order = EmbedOrder { model: info.name.clone(), key: at.key(0), spare_input: 0, time_ms, texts };
    match models.embed(&order).await {
        Ok(Vectors { vectors, usage, attempts, is_paid }) => {
            let microusd = paid.settle(usage, attempts, Came::Answered { is_paid }).map_or(0, |spent| spent.microusd);
            let embedded = Embedded { vectors, model: info.name.clone(), usage, microusd };
            check(&info, &embedded, order.texts.len()).map(|()| embedded)
        }
        Err(unanswered) => {
            paid.settle(unanswered.lost, unanswered.attempts, Came::Not);
            Err(unanswered.failure)
        }
    }
}

/// Refuses what cannot be the vectors of some texts.
fn check(info: &ModelInfo, embedded: &Embedded, texts: usize) -> Result<(), Failure> {
    let refuse = |reason: String| Err(Failure::invalid(format!("vectors by model {}", info.name), "", reason));
    let vectors = &embedded.vectors;
    if vectors.len() != texts {
        return refuse(format!("they are {}, for {texts} texts", vectors.len()));
    }
    let length = vectors.first().map_or(0, |vector| vector.0.len());
    if length == 0 || length > VECTOR_LEN_MAX || vectors.iter().any(|vector| vector.0.len() != length) {
        return refuse(format!("all of the same length of 1 to {VECTOR_LEN_MAX} are expected"));
    }
    match vectors.iter().flat_map(|vector| vector.0.iter()).all(|number| number.is_finite()) {
        true => Ok(()),
        false => refuse("one of their numbers is no number".to_owned()),
    }
}
