// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server receives, and what is refused before anything is dialled.

use priory_core::http::HttpRequest;

use super::server::{After, Server};
use super::{egress, get, line, send, with_headers};
use crate::request::{REQUEST_FIELDS_MAX, REQUEST_HEAD_BYTES_MAX};

const EMPTY: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Sends a request to a server; `ADDRESS` in the URL and in what is returned stands for the server.
async fn received(request: HttpRequest) -> String {
    let mut server = Server::once(EMPTY, After::Close).await;
    let address = server.address.to_string();
    let request =
        HttpRequest { url: request.url.as_str().replace("address.test", &address).parse().unwrap(), ..request };
    assert_eq!(line(&send(&egress(), &request).await), "204 [] ");
    let (head, body) = server.request().await;
    format!("{head}{}", String::from_utf8_lossy(&body)).replace(&address, "ADDRESS").replace("\r\n", "|")
}

#[tokio::test]
async fn the_head_is_built_anew_and_the_fragment_stays_here() {
    let request = get("http://address.test/a/%20b;c?x=1&y={2}#part");
    assert_eq!(
        received(with_headers(request, &[("x-one", "1"), ("accept", "*/*"), ("x-one", "2")])).await,
        "GET /a/%20b;c?x=1&y={2} HTTP/1.1|x-one: 1|x-one: 2|accept: */*|host: ADDRESS|connection: close||"
    );
}

#[tokio::test]
async fn a_body_has_its_length() {
    let mut request = get("http://address.test/");
    request.method = "POST".into();
    let end = "host: ADDRESS|connection: close|content-length:";
    assert_eq!(received(request.clone()).await, format!("POST / HTTP/1.1|{end} 0||"));
    request.body = b"hello".to_vec();
    assert_eq!(received(request.clone()).await, format!("POST / HTTP/1.1|{end} 5||hello"));
    request.method = "DELETE".into();
    assert_eq!(received(request).await, format!("DELETE / HTTP/1.1|{end} 5||hello"));
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let mut server = Server::once(EMPTY, After::Close).await;
    let mut request = get(format!("http://{}/", server.address));
    request.method = "PUT".into();
    request.body = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    assert_eq!(line(&send(&egress(), &request).await), "204 [] ");
    assert!(server.request().await.1 == request.body);
}

#[tokio::test]
async fn what_belongs_to_the_connection_is_not_taken_from_a_guest() {
    let given = [
        ("Host", "elsewhere.test"),
        ("connection", "keep-alive, x-kept"),
        ("content-length", "3"),
        ("expect", "100-continue"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-anything", "1"),
        ("TE", "trailers"),
        ("trailer", "x-late"),
        ("Transfer-Encoding", "chunked"),
        ("upgrade", "websocket"),
        ("x-kept", "yes"),
    ];
    let mut request = with_headers(get("http://address.test/"), &given);
    request.body = b"hello".to_vec();
    assert_eq!(
        received(request).await,
        "GET / HTTP/1.1|x-kept: yes|host: ADDRESS|connection: close|content-length: 5||hello"
    );
}

#[tokio::test]
async fn what_is_not_a_request_is_refused_at_once() {
    // Nothing listens here, and nothing is resolved: only a check that comes first can give these answers.
    let check = async |change: &dyn Fn(&mut HttpRequest), expect: &str| {
        let mut request = get("http://nothing.invalid/");
        change(&mut request);
        assert_eq!(line(&send(&egress(), &request).await), expect);
    };
    let url = |text: &'static str| move |r: &mut HttpRequest| r.url = text.parse().unwrap();
    let method = |text: &'static str| move |r: &mut HttpRequest| r.method = text.into();
    let header = |name: &'static str, value: &'static [u8]| {
        move |r: &mut HttpRequest| r.headers = vec![("a".into(), b"b".to_vec()), (name.into(), value.to_vec())]
    };

    check(&url("ftp://nothing.invalid/"), "invalid /url: the scheme is neither `http` nor `https`").await;
    check(&url("file:///etc/passwd"), "invalid /url: the scheme is neither `http` nor `https`").await;
    let credentials = "invalid /url: the URL holds credentials; send them as a header field, or grant a secret";
    check(&url("http://me@nothing.invalid/"), credentials).await;
    check(&url("http://:word@nothing.invalid/"), credentials).await;
    check(&|r| r.url.set_path(&"a".repeat(70_000)), "invalid /url: the path and query are too long").await;

    for text in ["", "GET /", "G\r\nX", "GÉT"] {
        check(&method(text), "invalid /method: the method is not a word, such as `GET`").await;
    }
    check(&method("get"), "invalid /method: methods are written in capitals").await;
    for text in ["CONNECT", "TRACE"] {
        check(&method(text), "invalid /method: `CONNECT` and `TRACE` are never sent").await;
    }

    for name in ["", "a b", "a:", "a\r\nhost", "é"] {
        check(&header(name, b"x"), "invalid /headers/1/0: the name is not a word").await;
    }
    for value in [b"x\r\nhost: y".as_slice(), b"x\ny", b"\0", b"\x7f"] {
        check(&header("x", value), "invalid /headers/1/1: the value has control characters in it").await;
    }
}

#[tokio::test]
async fn the_fields_of_a_request_are_bounded() {
    let many = |count: usize| {
        let mut request = get("http://address.test/");
        request.headers = (0..count).map(|i| (format!("x-{i}"), b"1".to_vec())).collect();
        request
    };
    assert!(received(many(REQUEST_FIELDS_MAX)).await.contains("|x-255: 1|"));
    assert_eq!(
        line(&send(&egress(), &many(REQUEST_FIELDS_MAX + 1)).await),
        "invalid /headers: there are more than 256 header fields"
    );

    // The name, `: ` and the end of the line are five bytes.
    let large = |bytes: usize| {
        let mut request = get("http://address.test/");
        request.headers = vec![("x".into(), vec![b'v'; bytes - 5])];
        request
    };
    assert!(received(large(REQUEST_HEAD_BYTES_MAX)).await.contains("|x: vvv"));
    assert_eq!(
        line(&send(&egress(), &large(REQUEST_HEAD_BYTES_MAX + 1)).await),
        "invalid /headers: the header fields have more than 65536 bytes"
    );
}
