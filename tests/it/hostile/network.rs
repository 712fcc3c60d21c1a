// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that try to reach what they may not: by sockets, which nobody has, and by requests beyond their grants.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use priory::core::{Event, Failure};
use priory::{Host, RunSpec};
use priory_testkit::ScriptedHttp;
use serde_json::json;

use crate::stage::{build, builder, good, grant, json, neighbour_works, other, output, recorded, tool, wasi_plugin};

/// A server on the loopback that counts who comes.
struct Server {
    port: u16,
    visits: Arc<AtomicUsize>,
}

fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, visits) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = visits.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 1_024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
        }
    });
    Server { port, visits }
}

#[test]
fn connects_by_sockets() {
    let server = server();
    let host = build(builder().plugin(good()).plugin(wasi_plugin().grant(grant("http=http://*:*"))));
    for address in [format!("127.0.0.1:{}", server.port), format!("[::1]:{}", server.port), "169.254.169.254:80".into()]
    {
        let end = tool(&host, "wasi.connect", json!({ "address": address }));
        assert!(other(&end).data.is_some(), "{address}: {end:?}");
    }
    for name in ["localhost", "127.0.0.1", "example.org"] {
        let end = tool(&host, "wasi.look-up", json!({ "name": name }));
        assert!(other(&end).data.is_some(), "{name}: {end:?}");
    }
    assert!(other(&tool(&host, "wasi.bind-udp", json!({}))).data.is_some());
    assert_eq!(server.visits.load(Ordering::SeqCst), 0);
    neighbour_works(&host);
}

/// Asks for a URL, and returns what the guest was told with the failures that were written down.
fn get(host: &Host, url: &str) -> (Result<String, String>, Vec<Failure>) {
    let (end, journal) = recorded(host, RunSpec::tool("wasi.get", json(json!({ "url": url }))));
    let failures = journal.events().into_iter().filter_map(|envelope| match envelope.event {
        Event::Outcome { outcome, .. } => outcome.as_ref().as_ref().err().cloned(),
        Event::Refused { failure, .. } => Some(failure),
        _ => None,
    });
    let told = match &end.result {
        Ok(_) => Ok(output(&end).as_str().unwrap().to_owned()),
        Err(_) => Err(other(&end).data.as_ref().unwrap().to_string()),
    };
    (told, failures.collect())
}

#[track_caller]
fn is_denied(host: &Host, url: &str) -> priory::core::failure::Denial {
    let (told, failures) = get(host, url);
    assert!(told.as_ref().is_err_and(|error| error.contains("HttpRequestDenied")), "{url}: {told:?}");
    match &failures[..] {
        [Failure::Denied(denial)] => denial.clone(),
        others => panic!("{url}: {others:?}"),
    }
}

#[test]
fn sends_requests_without_a_grant() {
    let server = server();
    let host = build(builder().plugin(good()).plugin(wasi_plugin()));
    let denial = is_denied(&host, &format!("http://127.0.0.1:{}/x?token=1", server.port));
    assert_eq!(denial.by, "plugin wasi");
    assert_eq!(denial.remedy, format!("[plugins.wasi.grants]\nhttp = [\"GET http://127.0.0.1:{}/x\"]", server.port));
    is_denied(&host, "http://example.org/");
    assert_eq!(server.visits.load(Ordering::SeqCst), 0);
    neighbour_works(&host);
}

#[test]
fn reaches_inside_by_a_grant_for_everything_outside() {
    let server = server();
    // Every name and every port: yet no address that is not public.
    let host = build(builder().plugin(good()).plugin(wasi_plugin().grant(grant("http=http://*:*"))));
    for host_name in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433"] {
        let (told, failures) = get(&host, &format!("http://{host_name}:{}/", server.port));
        assert!(told.is_err(), "{host_name}: {told:?}");
        assert!(failures.iter().all(|failure| matches!(failure, Failure::Denied(_) | Failure::Unavailable(_))));
        if host_name != "localhost" {
            assert!(matches!(&failures[..], [Failure::Denied(_)]), "{host_name}: {failures:?}");
        }
    }
    is_denied(&host, "http://169.254.169.254/latest/meta-data/");
    is_denied(&host, "http://10.0.0.1/");
    assert_eq!(server.visits.load(Ordering::SeqCst), 0);
    neighbour_works(&host);
}

#[test]
fn reaches_what_is_granted_by_address() {
    let server = server();
    let allow = format!("http=GET http://127.0.0.1:{}/docs/*", server.port);
    let host = build(builder().plugin(good()).plugin(wasi_plugin().grant(grant(&allow))));
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    assert_eq!(get(&host, &url("/docs/a")).0, Ok("200 hello".into()));
    for path in ["/", "/docs/../secret", "/docs/%2e%2e/secret", "/docs%2fa", "//docs/a"] {
        is_denied(&host, &url(path));
    }
    is_denied(&host, &format!("https://127.0.0.1:{}/docs/a", server.port));
    assert_eq!(server.visits.load(Ordering::SeqCst), 1);
}

#[test]
fn follows_a_redirect_to_where_it_may_not() {
    let outside = IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34));
    let script = ScriptedHttp::new()
        .name("good.example", outside)
        .name("bad.example", outside)
        .answer("GET http://good.example/a", 302, &[("location", "http://bad.example/")], "")
        .answer("GET http://good.example/b", 302, &[("location", "http://169.254.169.254/")], "")
        .answer("GET http://good.example/c", 302, &[("location", "http://good.example/d")], "")
        .answer("GET http://good.example/d", 200, &[], "fine")
        .answer("GET http://bad.example/", 200, &[], "stolen");
    let script = Arc::new(script);
    let plugin = wasi_plugin().grant(grant("http=http://good.example/*"));
    let host = build(builder().plugin(good()).plugin(plugin).http(script.clone()));
    is_denied(&host, "http://good.example/a");
    is_denied(&host, "http://good.example/b");
    assert_eq!(get(&host, "http://good.example/c").0, Ok("200 fine".into()));
    let sent: Vec<String> = script.sent().iter().map(|request| request.url.to_string()).collect();
    let expect = ["http://good.example/a", "http://good.example/b", "http://good.example/c", "http://good.example/d"];
    assert_eq!(sent, expect);
}
