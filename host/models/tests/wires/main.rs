// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gateway against providers that speak each wire format for real, and misbehave as providers do.
//!
//! A case says what the provider does, and what the gateway has to come to. Each runs with a whole answer and with a stream,
//! over the loopback interface, by a clock that only moves when nothing else can happen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test ends it"
)]

mod anthropic;
mod calls;
mod case;
mod conversations;
mod errors;
mod gemini;
mod network;
mod openai;
mod responses;
mod run;
mod secrets;
mod texts;
mod vectors;

use case::Case;
use priory_core::model::ProviderKind;

/// How many cases there are at least for each format.
const CASES_MIN: usize = 60;

/// Returns the cases that hold for every format, each with what it comes to in one of them.
fn common(kind: ProviderKind) -> Vec<Case> {
    let mut cases = texts::cases(kind);
    cases.extend(calls::cases(kind));
    cases.extend(errors::cases(kind));
    cases.extend(network::cases(kind));
    cases.extend(conversations::cases(kind));
    cases
}

/// Returns all cases of a format.
fn all(kind: ProviderKind) -> Vec<Case> {
    let mut cases = common(kind);
    cases.extend(match kind {
        ProviderKind::Openai => openai::cases(),
        ProviderKind::OpenaiResponses => responses::cases(),
        ProviderKind::Anthropic => anthropic::cases(),
        ProviderKind::Gemini => gemini::cases(),
        ProviderKind::Scripted => Vec::new(),
    });
    cases
}

async fn check(kind: ProviderKind) {
    let cases = all(kind);
    assert!(cases.len() >= CASES_MIN, "there are only {} cases", cases.len());
    run::all(kind, &cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openai_comes_to_what_it_should() {
    check(ProviderKind::Openai).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_come_to_what_they_should() {
    check(ProviderKind::OpenaiResponses).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anthropic_comes_to_what_it_should() {
    check(ProviderKind::Anthropic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gemini_comes_to_what_it_should() {
    check(ProviderKind::Gemini).await;
}
