// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a guest receives, whatever a server writes.

use priory_core::ports::Http;

use super::server::{After, Event, Server};
use super::{BODY_BYTES_MAX, any_address, egress, get, line, send};
use crate::response::RESPONSE_FIELDS_MAX;
use crate::{Egress, EgressConfig};

/// A time in which a server that answers has answered, and in milliseconds.
const LONG_MS: u64 = 60_000;

/// A time for servers that never answer, in milliseconds.
const SHORT_MS: u64 = 20;

/// Sends one request; `|` in the answer stands for the end of a line.
async fn answered(method: &str, answer: &str, after: After, body_bytes_max: u64) -> String {
    let server = Server::once(answer.replace('|', "\r\n"), after).await;
    let mut request = get(format!("http://{}/", server.address));
    request.method = method.into();
    line(&egress().send(&request, body_bytes_max, &any_address).await)
}

async fn check(answer: &str, after: After, expect: &str) {
    assert_eq!(answered("GET", answer, after, BODY_BYTES_MAX).await, expect, "{answer}");
}

#[tokio::test]
async fn bodies_end_as_their_framing_says() {
    // The server holds the connection, so only the framing can have ended these.
    check("HTTP/1.1 200 OK|content-length: 5||hello", After::Hold, "200 [content-length=5] hello").await;
    check("HTTP/1.1 200 OK|content-length: 5||hello, more", After::Hold, "200 [content-length=5] hello").await;
    check("HTTP/1.1 200 OK|content-length: 0||", After::Hold, "200 [content-length=0] ").await;
    let chunked = "HTTP/1.1 200 OK|transfer-encoding: Chunked||";
    check(&format!("{chunked}3;x=y|hel|2|lo|0||"), After::Hold, "200 [] hello").await;
    check(&format!("{chunked}5|hello|0|x-late: 1||"), After::Hold, "200 [] hello").await;
    check("HTTP/1.1 204 No Content||", After::Hold, "204 [] ").await;
    check("HTTP/1.1 304 Not Modified|etag: \"1\"||", After::Hold, "304 [etag=\"1\"] ").await;
    // These end with the connection.
    check("HTTP/1.1 200 OK||hello", After::Close, "200 [] hello").await;
    check("HTTP/1.0 200 OK||hello", After::Close, "200 [] hello").await;
}

#[tokio::test]
async fn a_head_request_has_no_body_whatever_the_length() {
    let answer = "HTTP/1.1 200 OK|content-length: 5000000||";
    assert_eq!(answered("HEAD", answer, After::Hold, 1).await, "200 [content-length=5000000] ");
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let answer = "HTTP/1.1 100 Continue||HTTP/1.1 103 Early Hints|link: </a>||HTTP/1.1 200 OK|content-length: 2||ok";
    check(answer, After::Hold, "200 [content-length=2] ok").await;
}

#[tokio::test]
async fn fields_are_in_order_in_lower_case_and_bytes() {
    let server = Server::once(
        b"HTTP/1.1 200 OK\r\nZ-Last: 1\r\nSet-Cookie: a\r\nA-First: \xe9\r\nSet-Cookie: b\r\n\
          Connection: close, x-own\r\nKeep-Alive: timeout=1\r\nX-Own: 1\r\nContent-Length: 0\r\n\r\n",
        After::Close,
    )
    .await;
    let response = send(&egress(), &get(format!("http://{}/", server.address))).await.unwrap();
    let expect = [
        ("z-last", b"1".as_slice()),
        ("set-cookie", b"a"),
        ("set-cookie", b"b"),
        ("a-first", b"\xe9"),
        ("x-own", b"1"),
        ("content-length", b"0"),
    ];
    assert_eq!(response.headers, expect.map(|(name, value)| (name.to_owned(), value.to_vec())));
}

#[tokio::test]
async fn contents_are_not_decoded() {
    check(
        "HTTP/1.1 200 OK|content-encoding: gzip|content-length: 3||???",
        After::Hold,
        "200 [content-encoding=gzip content-length=3] ???",
    )
    .await;
}

#[tokio::test]
async fn redirects_cookies_and_connections_are_not_kept() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: /next\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n";
    let mut server = Server::start(vec![(answer.to_vec(), After::Hold), (answer.to_vec(), After::Hold)]).await;
    let (egress, request) = (egress(), get(format!("http://{}/first", server.address)));
    let head = format!("GET /first HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
    for _ in 0..2 {
        let expect = "302 [location=/next set-cookie=a=b content-length=0] ";
        assert_eq!(line(&send(&egress, &request).await), expect);
        assert_eq!(server.event().await, Some(Event::Request(head.clone(), Vec::new())));
        assert_eq!(server.event().await, Some(Event::Closed));
    }
    assert_eq!(server.event().await, None);
}

#[tokio::test]
async fn a_body_is_bounded_however_it_is_framed() {
    let check = async |answer: &str, after: After, over: &str| {
        let got = answered("GET", answer, after, 5).await;
        assert!(got.starts_with("200 ") && got.ends_with(" hello"), "{got}");
        assert_eq!(answered("GET", answer, after, 4).await, over, "{answer}");
    };
    check("HTTP/1.1 200 OK|content-length: 5||hello", After::Hold, "limit: 5 of 4").await;
    check("HTTP/1.1 200 OK|transfer-encoding: chunked||3|hel|2|lo|0||", After::Hold, "limit: 5 of 4").await;
    check("HTTP/1.1 200 OK||hello", After::Close, "limit: 5 of 4").await;

    // An endless body ends at the bound; an announced one is not waited for.
    let announced = "HTTP/1.1 200 OK|content-length: 18446744073709551000||";
    assert_eq!(answered("GET", announced, After::Hold, 4).await, "limit: 18446744073709551000 of 4");
    assert_eq!(answered("GET", "HTTP/1.1 200 OK|content-length: 1||x", After::Hold, 0).await, "limit: 1 of 0");
    assert_eq!(answered("GET", "HTTP/1.1 204 OK||", After::Hold, 0).await, "204 [] ");
}

#[tokio::test]
async fn a_head_is_bounded() {
    let head = "HTTP/1.1 200 OK\r\nx: 0123456789\r\ncontent-length: 0\r\n\r\n";
    let check = async |head: &str, response_head_bytes_max: usize| {
        let egress = Egress::new(EgressConfig { response_head_bytes_max, ..Default::default() }).unwrap();
        let server = Server::once(head, After::Hold).await;
        line(&send(&egress, &get(format!("http://{}/", server.address))).await)
    };
    let too_large = |bytes: usize| format!("final: the head of the answer is larger than {bytes} bytes or 256 fields");
    assert_eq!(check(head, head.len()).await, "200 [x=0123456789 content-length=0] ");
    assert_eq!(check(head, head.len() - 1).await, too_large(head.len() - 1));

    // One that never ends is cut, also where the bound is above the first buffer.
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000));
    assert_eq!(check(&endless, 40).await, too_large(40));
    assert_eq!(check(&endless, 50_000).await, too_large(50_000));

    let fields = |count: usize| {
        let fields: String = (0..count - 1).map(|i| format!("x-{i}: 1\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{fields}\r\n")
    };
    assert!(check(&fields(RESPONSE_FIELDS_MAX), 1 << 20).await.starts_with("200 "));
    assert_eq!(check(&fields(RESPONSE_FIELDS_MAX + 1), 1 << 20).await, too_large(1 << 20));
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_be_asked_for_again() {
    let broken = "retriable: the connection ended before the answer was complete: ";
    for (answer, after) in [
        ("", After::Close),
        ("", After::Reset),
        ("HTTP/1.1 200 OK|content-le", After::Close),
        ("HTTP/1.1 200 OK|content-length: 6||hello", After::Close),
        ("HTTP/1.1 200 OK|content-length: 6||hello", After::Reset),
        ("HTTP/1.1 200 OK|transfer-encoding: chunked||", After::Close),
        ("HTTP/1.1 200 OK|transfer-encoding: chunked||6|hello", After::Close),
        ("HTTP/1.1 200 OK|transfer-encoding: chunked||5|hello|", After::Close),
    ] {
        let got = answered("GET", answer, after, BODY_BYTES_MAX).await;
        assert!(got.starts_with(broken), "{answer:?} {after:?}: {got}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_final() {
    for answer in [
        "220 mail.test ESMTP||",
        "HTTP/9.9 200 OK||",
        "HTTP/1.1 2x0 OK||",
        "HTTP/1.1 200 OK|a b: c||",
        "HTTP/1.1 200 OK|a: b| folded||",
        "HTTP/1.1 200 OK|content-length: five||hello",
        "HTTP/1.1 200 OK|content-length: 5|content-length: 6||hello",
        "HTTP/1.1 200 OK|transfer-encoding: chunked||x|hello|0||",
        "HTTP/1.1 200 OK|transfer-encoding: chunked||3|hello|0||",
        "HTTP/1.1 200 OK|transfer-encoding: chunked||fffffffffffffffff|hello|0||",
        "HTTP/1.1 200 OK|transfer-encoding: gzip, chunked||0||",
        "HTTP/1.1 200 OK|transfer-encoding: gzip|transfer-encoding: chunked||0||",
        "HTTP/1.1 200 OK|transfer-encoding: gzip||hello",
        "HTTP/1.0 200 OK|transfer-encoding: chunked||0||",
        "HTTP/1.1 101 Switching Protocols|upgrade: x|connection: upgrade||",
    ] {
        let got = answered("GET", answer, After::Hold, BODY_BYTES_MAX).await;
        assert!(got.starts_with("final: the answer is not valid HTTP/1.1: "), "{answer:?}: {got}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let check = async |answer: &str, first_byte_ms: Option<u64>, idle_ms: u64, expect: &str| {
        let egress = Egress::new(EgressConfig { idle_ms, ..Default::default() }).unwrap();
        let mut server = Server::once(answer.replace('|', "\r\n"), After::Hold).await;
        let mut request = get(format!("http://{}/", server.address));
        request.first_byte_ms = first_byte_ms;
        assert_eq!(line(&send(&egress, &request).await), expect);
        // A short wait may end before the request was read; the connection is closed all the same.
        while server.event().await != Some(Event::Closed) {}
    };
    let head = "retriable: the head of the answer took more than 20 ms";
    check("", Some(SHORT_MS), LONG_MS, head).await;
    check("HTTP/1.1 200 OK|x: ", Some(SHORT_MS), LONG_MS, head).await;
    check("", None, SHORT_MS, head).await;
    let body = "retriable: the next part of the body took more than 20 ms";
    check("HTTP/1.1 200 OK|content-length: 6||hello", Some(LONG_MS), SHORT_MS, body).await;
    check("HTTP/1.1 200 OK|transfer-encoding: chunked||5|hello|", Some(LONG_MS), SHORT_MS, body).await;
}
