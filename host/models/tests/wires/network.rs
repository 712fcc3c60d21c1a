// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to bytes: silence, cuts, and answers that are no answers.

use priory_core::model::ProviderKind;
use priory_testkit::provider::{Act, Event, Framing, Place};

use super::calls::of;
use super::case::{Case, case, either};
use super::run::IDLE_MS;

/// After how long a second copy of a request is sent: sooner than the provider may be silent, and later than any pause.
const HEDGE_MS: u64 = 25 * 60 * 1_000;
const FIRST_TIME: &str = "text \"Hello\"; End; 11+7";
/// The first attempt may have to be paid: the prompt has 89 tokens.
const LOST: &str = "text \"Hello\"; End; 11+7; lost 89+0; 2 attempts";
const OVER: &str = "timeout retriable; lost 89+0";
const GIVEN_UP: &str = "unavailable retriable; lost 356+0; 4 attempts";

fn hello() -> Act {
    Act::text("Hello")
}

fn then_hello(act: impl Fn() -> Act + Send + Sync + 'static) -> impl Fn() -> Vec<Act> + Send + Sync + 'static {
    move || vec![act(), hello()]
}

pub(crate) fn cases(kind: ProviderKind) -> Vec<Case> {
    let mut cases = silence(kind);
    cases.extend(cuts(kind));
    cases.extend(no_answers());
    cases.extend(too_much(kind));
    cases
}

/// Returns behind which event of a stream two pieces were heard.
fn second(kind: ProviderKind) -> usize {
    of(kind, [3, 6, 5, 2])
}

/// Returns what comes of a stream of which two pieces were heard, of two tokens: some formats say first what was read.
fn heard_two(kind: ProviderKind) -> &'static str {
    let (counted, reported) = ("unavailable retriable; lost 89+2", "unavailable retriable; lost 11+2");
    of(kind, [counted, counted, reported, reported])
}

fn silence(kind: ProviderKind) -> Vec<Case> {
    let second = second(kind);
    let long = || Act::text("Hello, this is a rather long answer.");
    vec![
        either("silence before the first byte", |streams| {
            if streams { vec![hello().hang_at(Place::Start), hello()] } else { vec![hello().hang_at(Place::Start)] }
        })
        .whole(OVER)
        .stream(LOST),
        either("silence again and again", |streams| {
            (0..if streams { 4 } else { 1 }).map(|_| hello().hang_at(Place::Start)).collect()
        })
        .whole(OVER)
        .stream("unavailable retriable; lost 356+0; 4 attempts"),
        either("silence behind the header", |streams| {
            if streams {
                vec![hello().hang_at(Place::AfterHead), hello()]
            } else {
                vec![hello().hang_at(Place::AfterHead)]
            }
        })
        .whole(OVER)
        .stream(LOST),
        case("silence in the middle of the answer", then_hello(|| hello().hang_at(Place::Half)))
            .silent(IDLE_MS)
            .whole(LOST),
        case("silence in the middle of the stream", move || vec![long().hang_at(Place::Events(second))])
            .hears(2)
            .stream(heard_two(kind)),
        case("silence that is hedged", || vec![hello().hang_at(Place::Start), hello()])
            .with(|_, model| model.hedge_ms = Some(HEDGE_MS))
            .silent(HEDGE_MS)
            .is("text \"Hello\"; End; 11+7; lost 11+7; 2 attempts"),
        case("a slow first byte", || vec![hello().hold_at(Place::Start)]).is("text \"Hello\"; End; 11+7"),
        case("a slow header", || vec![hello().hold_at(Place::InHead)]).is("text \"Hello\"; End; 11+7"),
        case("a slow body", || vec![hello().hold_at(Place::AfterHead)]).is("text \"Hello\"; End; 11+7"),
        case("a slow middle", || vec![hello().hold_at(Place::Half)]).is("text \"Hello\"; End; 11+7"),
    ]
}

fn cuts(kind: ProviderKind) -> Vec<Case> {
    let second = second(kind);
    let cut = heard_two(kind);
    let long = || Act::text("Hello, this is a rather long answer.");
    vec![
        case("closed before the first byte", then_hello(|| hello().cut_at(Place::Start))).is(LOST),
        case("closed within the header", then_hello(|| hello().cut_at(Place::InHead))).is(LOST),
        case("closed behind the header", then_hello(|| hello().cut_at(Place::AfterHead))).is(LOST),
        case(
            "closed before a body of a known length",
            then_hello(|| hello().cut_at(Place::Bytes(0)).framed(Framing::Length)),
        )
        .is(LOST),
        case(
            "closed in the middle of a body of a known length",
            then_hello(|| hello().cut_at(Place::Half).framed(Framing::Length)),
        )
        .whole(LOST),
        case("closed in the middle of chunks", then_hello(|| hello().cut_at(Place::Half))).whole(LOST),
        case(
            "closed in the middle of a body that ends so",
            then_hello(|| hello().cut_at(Place::Half).framed(Framing::Close)),
        )
        .whole(&format!("text \"Hello\"; End; 11+7; lost 89+{}; 2 attempts", of(kind, [80, 78, 53, 46]))),
        case("a stream closed in the middle of chunks", move || vec![long().cut_at(Place::Events(second))]).stream(cut),
        case("a stream closed in the middle of an event", move || vec![long().cut_at(Place::Half)]).stream(of(
            kind,
            [
                "unavailable retriable; lost 89+6",
                "unavailable retriable; lost 89+6",
                "unavailable retriable; lost 11+4",
                "unavailable retriable; lost 11+6",
            ],
        )),
        case("a stream closed in the middle of a known length", move || {
            vec![long().cut_at(Place::Events(second)).framed(Framing::Length)]
        })
        .stream(cut),
        case("a stream that ends in the middle", move || {
            vec![long().cut_at(Place::Events(second)).framed(Framing::Close)]
        })
        .stream(cut),
        case("a stream closed before anything was said", || {
            vec![hello().cut_at(Place::Bytes(3)).framed(Framing::Close), hello()]
        })
        .stream(LOST),
        either("closed before it says that it ends", |streams| {
            let cut = hello().cut_at(Place::End);
            if streams { vec![cut] } else { vec![cut, hello()] }
        })
        .whole(LOST)
        .stream(FIRST_TIME),
    ]
}

fn no_answers() -> Vec<Case> {
    let broken = |events: &mut Vec<Event>| events[0].data = "{\"x\": ".to_owned();
    let plain = |status, mime: &'static str, body: &'static str| {
        move || vec![Act::body(status, mime, body), Act::body(status, mime, body)]
    };
    let often = |status, mime: &'static str, body: &'static str| {
        move || (0..4).map(|_| Act::body(status, mime, body)).collect::<Vec<_>>()
    };
    vec![
        case("no JSON", plain(200, "application/json", "{\"choices\": ["))
            .whole("unavailable retriable; lost 178+8; 2 attempts"),
        case("no JSON the first time", then_hello(|| Act::body(200, "application/json", "{\"id\": ")))
            .whole("text \"Hello\"; End; 11+7; lost 89+4; 2 attempts"),
        case("one event that is no JSON", move || vec![hello().events_edited(broken), hello()]).stream(LOST),
        case("nothing", plain(200, "application/json", "")).whole("unavailable retriable; lost 178+0; 2 attempts"),
        case("a stream of nothing", often(200, "text/event-stream", "")).stream(GIVEN_UP),
        case("a stream of nothing but comments", often(200, "text/event-stream", ": a\n\n: b\n\n")).stream(GIVEN_UP),
        either("a page", |streams| {
            let page = || Act::body(200, "text/html", "<html>Welcome to the captive portal.</html>");
            (0..if streams { 4 } else { 2 }).map(|_| page()).collect()
        })
        .whole("unavailable retriable; lost 178+20; 2 attempts")
        .stream(GIVEN_UP),
        case("JSON that is no answer", plain(200, "application/json", "{\"hello\": \"world\"}"))
            .is("unavailable retriable; lost 178+12; 2 attempts"),
        case("JSON that is a list", plain(200, "application/json", "[]"))
            .is("unavailable retriable; lost 178+2; 2 attempts"),
        case("JSON that is null", plain(200, "application/json", "null"))
            .is("unavailable retriable; lost 178+2; 2 attempts"),
        case("bytes that are no text", || {
            vec![Act::body(200, "application/json", vec![0xff; 99]), Act::body(200, "application/json", vec![0xff; 99])]
        })
        .is("unavailable retriable; lost 178+26; 2 attempts"),
        case("JSON that is too deep", || {
            let deep = "[".repeat(100_000);
            vec![Act::body(200, "application/json", deep.clone()), Act::body(200, "application/json", deep)]
        })
        .is("unavailable retriable; lost 178+8192; 2 attempts"),
    ]
}

fn too_much(kind: ProviderKind) -> Vec<Case> {
    vec![
        case("compressed although nobody asked", || vec![hello().gzipped(), hello().gzipped()])
            .is("unavailable retriable; lost 178+0; 2 attempts")
            .says("packed"),
        case("a list beyond all measure", move || {
            // What is small on its way would be large in memory.
            let list = |one: &str| vec![one; 100_000].join(",");
            let bodies = [
                format!(r#"{{"choices": [{}]}}"#, list("null")),
                format!(r#"{{"status": "completed", "output": [{}]}}"#, list("{}")),
                format!(r#"{{"content": [{}]}}"#, list("{}")),
                format!(r#"{{"candidates": [{{"content": {{"parts": [{}]}}}}]}}"#, list("{}")),
            ];
            let body = bodies[of(kind, [0, 1, 2, 3])].clone();
            vec![Act::body(200, "application/json", body.clone()), Act::body(200, "application/json", body)]
        })
        .is("unavailable retriable; lost 178+8192; 2 attempts")
        .says("a list of at most"),
        case("an answer beyond all measure", || vec![Act::text(&"x".repeat(5 << 20))])
            .whole("unavailable; lost 89+4096")
            .stream(of(
                kind,
                [
                    "unavailable; lost 89+4096",
                    "unavailable; lost 89+4096",
                    "unavailable; lost 11+4096",
                    "unavailable; lost 11+4096",
                ],
            ))
            .says("4194304 bytes"),
        case("a body beyond all measure", || vec![Act::body(200, "application/json", vec![b' '; 33 << 20])])
            .whole("unavailable; lost 89+0")
            .says("33554432 bytes"),
        case("an event beyond all measure", || {
            let mut body = b"data: ".to_vec();
            body.resize(17 << 20, b'x');
            vec![Act::body(200, "text/event-stream", body)]
        })
        .stream("unavailable; lost 89+0")
        .says("bytes of one event"),
        case("a header beyond all measure", || {
            let act = || hello().header("x-large", &"x".repeat(1 << 20));
            (0..4).map(|_| act()).collect()
        })
        .is(GIVEN_UP),
        case("too many fields in the header", || {
            let act = || (0..300).fold(hello(), |act, n| act.header(&format!("x-{n}"), "x"));
            (0..4).map(|_| act()).collect()
        })
        .is(GIVEN_UP),
        case("a stream where a whole answer was asked for", || {
            (0..4).map(|_| Act::body(200, "text/event-stream", "data: {}\n\n")).collect()
        })
        .whole(GIVEN_UP),
    ]
}
