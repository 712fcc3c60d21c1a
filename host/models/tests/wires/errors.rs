// SPDX-License-Identifier: MIT OR Apache-2.0
//! What providers say instead of an answer, and when they want to be asked again.

use priory_core::model::ProviderKind;
use priory_testkit::provider::{Act, Framing};
use serde_json::json;

use super::case::{Case, case};
use super::run::KEY;

const SECOND_TIME: &str = "text \"Hello\"; End; 11+7; 2 attempts";
const GIVEN_UP: &str = "unavailable retriable; 4 attempts";
/// Who failed may have written an answer by then: the prompt has 89 tokens.
const LOST: &str = "text \"Hello\"; End; 11+7; lost 89+0; 2 attempts";
const ALL_LOST: &str = "unavailable retriable; lost 356+0; 4 attempts";

fn then_hello(act: impl Fn() -> Act + Send + Sync + 'static) -> impl Fn() -> Vec<Act> + Send + Sync + 'static {
    move || vec![act(), Act::text("Hello")]
}

fn often(act: impl Fn() -> Act + Send + Sync + 'static) -> impl Fn() -> Vec<Act> + Send + Sync + 'static {
    move || (0..4).map(|_| act()).collect()
}

fn once(act: impl Fn() -> Act + Send + Sync + 'static) -> impl Fn() -> Vec<Act> + Send + Sync + 'static {
    move || vec![act()]
}

pub(crate) fn cases(kind: ProviderKind) -> Vec<Case> {
    let mut cases = busy(kind);
    cases.extend(failing());
    cases.extend(refusing(kind));
    cases
}

fn busy(kind: ProviderKind) -> Vec<Case> {
    let hinted = |name: &str, header: &'static str, value: &'static str, least, most| {
        let act = move || Act::error(429, "Slow down.").header(header, value);
        case(&format!("asked too often, and told when to come again: {name}"), then_hello(act))
            .is(SECOND_TIME)
            .waits(least, most)
    };
    let detail = json!([
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"},
    ]);
    let mut cases = vec![
        hinted("seconds", "retry-after", "7", 7_000, 7_800),
        hinted("a date", "retry-after", "Sat, 21 Nov 2026 00:01:30 GMT", 90_000, 99_100),
        hinted("a date that has passed", "retry-after", "Sat, 21 Nov 2020 00:01:30 GMT", 0, 1_000),
        hinted("milliseconds", "retry-after-ms", "1500", 1_500, 1_700),
        hinted("no time at all", "retry-after", "soon", 250, 1_000),
        hinted("OpenAI's reset", "x-ratelimit-reset-requests", "1m2.5s", 62_500, 68_800),
        hinted("Anthropic's reset", "anthropic-ratelimit-requests-reset", "2026-11-21T00:00:45Z", 45_000, 49_600),
        case("asked too often, without a hint", then_hello(|| Act::error(429, "Slow down.")))
            .is(SECOND_TIME)
            .waits(1, 1_000),
        case("asked too often, again and again", often(|| Act::error(429, "Slow down."))).is(GIVEN_UP).says("busy"),
        case(
            "asked too often, and not to be asked again",
            once(|| Act::error(429, "Slow down.").header("x-should-retry", "false")),
        )
        .is("unavailable retriable"),
        case(
            "asked too often, for longer than the request may take",
            once(|| Act::error(429, "Slow down.").header("retry-after", "3600")),
        )
        .asks(|prompt| prompt.time_ms = 40 * 60 * 1_000)
        .is("unavailable retriable")
        .waits(0, 0),
        case("overloaded", then_hello(|| Act::error(529, "Overloaded"))).is(SECOND_TIME),
        case("not available, and told when", then_hello(|| Act::error(503, "Later.").header("retry-after", "3")))
            .is(SECOND_TIME)
            .waits(3_000, 3_400),
        case(
            "what is paid for is used up",
            once(|| {
                let message = "You exceeded your current quota, please check your plan and billing details.";
                Act::error_named(429, "insufficient_quota", message)
            }),
        )
        .is("unavailable")
        .says("used up"),
    ];
    if kind == ProviderKind::Gemini {
        cases.push(
            case(
                "asked too often, and told when in the details",
                then_hello(move || Act::error_detailed(429, "Resource has been exhausted.", detail.clone())),
            )
            .is(SECOND_TIME)
            .waits(34_500, 38_000),
        );
    }
    cases
}

fn failing() -> Vec<Case> {
    vec![
        case("a failure", then_hello(|| Act::error(500, "Something broke."))).is(LOST),
        case("a failure again and again", often(|| Act::error(500, "Something broke.")))
            .is(ALL_LOST)
            .says("Something broke."),
        case(
            "a failure that will not mend",
            once(|| Act::error(500, "Something broke.").header("x-should-retry", "false")),
        )
        .is("unavailable retriable; lost 89+0"),
        case(
            "a page of a proxy",
            then_hello(|| {
                Act::body(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>")
                    .framed(Framing::Length)
            }),
        )
        .is(LOST),
        case(
            "a page of a proxy again and again",
            often(|| Act::body(504, "text/html", "<h1>504 Gateway Timeout</h1>")),
        )
        .is(ALL_LOST)
        .says("504 Gateway Timeout"),
        case("an error of no words", often(|| Act::body(500, "application/json", ""))).is(ALL_LOST),
        case("an error that is a list", once(|| Act::body(400, "application/json", "[1, 2]"))).is("invalid"),
        case("an error that is huge", often(|| Act::body(500, "text/plain", "x".repeat(1 << 20)))).is(ALL_LOST),
        case("a time that is over at the provider", then_hello(|| Act::error(408, "Timed out."))).is(LOST),
        case("attempts as configured", || vec![Act::error(500, "a"), Act::error(500, "b")])
            .with(|provider, _| provider.attempts = 2)
            .is("unavailable retriable; lost 178+0; 2 attempts"),
    ]
}

fn refusing(kind: ProviderKind) -> Vec<Case> {
    let echo = move || {
        // The provider shows the key that it was given.
        let message = format!("Incorrect API key provided: {KEY}. Also Bearer {KEY}");
        vec![Act::error(401, &message)]
    };
    let failed = match kind {
        ProviderKind::Anthropic => "api_error",
        ProviderKind::Gemini => "INTERNAL",
        _ => "server_error",
    };
    let long = match kind {
        ProviderKind::Anthropic => ("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        ProviderKind::Gemini => {
            ("INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens")
        }
        _ => ("context_length_exceeded", "This model's maximum context length is 128000 tokens."),
    };
    vec![
        case("a key that is refused", once(|| Act::error(401, "No."))).is("unavailable").says("refuses the key"),
        case("a key that is shown", echo).is("unavailable").says("refuses the key"),
        case("a key that is shown in a page", || {
            vec![Act::body(403, "text/html", format!("<pre>x-api-key: {KEY}\nAuthorization: Bearer {KEY}</pre>"))]
        })
        .is("unavailable"),
        case("a key that may not do this", once(|| Act::error(403, "Not yours."))).is("unavailable"),
        case("a model that is not there", once(|| Act::error(404, "The model `fake-1` does not exist.")))
            .is("unavailable"),
        case("a request at fault", once(|| Act::error(400, "Bad `temperature`.")))
            .is("invalid")
            .says("Bad `temperature`."),
        case("a request that cannot be processed", once(|| Act::error(422, "Bad field."))).is("invalid"),
        case("a conversation that is too long", move || vec![Act::error_named(400, long.0, long.1)])
            .is("invalid")
            .says("too long"),
        case("a request that is too large", once(|| Act::error(413, "Request too large.")))
            .is("invalid")
            .says("too long"),
        case(
            "somewhere else",
            once(|| Act::body(307, "text/plain", "").header("location", "http://127.0.0.1:9/v1/elsewhere")),
        )
        .is("unavailable"),
        case(
            "an answer that nobody asked for",
            then_hello(|| Act::body(204, "application/json", "").framed(Framing::Close)),
        )
        .is(SECOND_TIME),
        case("an error with a good status", then_hello(move || Act::error_named(200, failed, "It went wrong.")))
            .is(LOST),
    ]
}
