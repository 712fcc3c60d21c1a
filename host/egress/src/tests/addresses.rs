// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which addresses are shown, and which are dialled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use priory_core::failure::Failure;
use priory_core::ports::Http;
use tokio::net::TcpSocket;

use super::server::{After, Event, Server};
use super::{BODY_BYTES_MAX, egress, get, line, send};
use crate::connect::dial;
use crate::resolve::{admit, distinct};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn refusal(address: IpAddr) -> Failure {
    Failure::other(format!("{address} is refused"))
}

fn sockets(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Returns an address on which nobody listens, and the socket that keeps others from it.
fn closed() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_refused_address_is_not_dialled() {
    let mut server = Server::once(OK, After::Close).await;
    let (egress, request) = (egress(), get(format!("http://{}/refused", server.address)));
    let result = egress.send(&request, BODY_BYTES_MAX, &|ip| Err(refusal(ip))).await;
    assert_eq!(result, Err(refusal("127.0.0.1".parse().unwrap())));

    // The server takes one connection, and it is this one.
    let request = get(format!("http://{}/accepted", server.address));
    assert_eq!(line(&send(&egress, &request).await), "200 [content-length=2] ok");
    assert!(server.request().await.0.starts_with("GET /accepted "));
    assert_eq!(server.event().await, None);
}

#[tokio::test]
async fn an_address_in_the_url_is_shown_in_whatever_form_it_is_written() {
    let check = async |host: &str, expect: &str| {
        for scheme in ["http", "https"] {
            let shown = Mutex::new(Vec::new());
            let may_dial = |ip: IpAddr| {
                shown.lock().unwrap().push(ip.to_string());
                Err(refusal(ip))
            };
            let request = get(format!("{scheme}://{host}/"));
            let result = egress().send(&request, BODY_BYTES_MAX, &may_dial).await;
            assert_eq!(result, Err(refusal(expect.parse().unwrap())), "{host}");
            assert_eq!(*shown.lock().unwrap(), [expect], "{host}");
        }
    };
    check("127.0.0.1", "127.0.0.1").await;
    check("0x7f.1", "127.0.0.1").await;
    check("127.1", "127.0.0.1").await;
    check("0177.0.0.1", "127.0.0.1").await;
    check("2130706433", "127.0.0.1").await;
    check("%31%32%37.0.0.1", "127.0.0.1").await;
    check("127。0。0。1", "127.0.0.1").await;
    check("169.254.169.254", "169.254.169.254").await;
    check("0", "0.0.0.0").await;
    check("[::1]", "::1").await;
    check("[::ffff:127.0.0.1]", "127.0.0.1").await;
    check("[0:0:0:0:0:ffff:7f00:1]", "127.0.0.1").await;
    check("[64:ff9b::7f00:1]", "64:ff9b::7f00:1").await;
}

#[tokio::test]
async fn an_ipv4_address_in_ipv6_clothes_is_dialled_as_what_it_is() {
    let server = Server::once(OK, After::Close).await;
    let request = get(format!("http://[::ffff:127.0.0.1]:{}/", server.address.port()));
    assert_eq!(line(&send(&egress(), &request).await), "200 [content-length=2] ok");
}

#[tokio::test]
async fn a_name_is_resolved_and_every_address_shown() {
    let mut server = Server::once(OK, After::Close).await;
    let request = get(format!("http://localhost:{}/", server.address.port()));

    let refused = egress().send(&request, BODY_BYTES_MAX, &|ip| Err(refusal(ip))).await;
    assert!(matches!(refused, Err(Failure::Other(_))), "{refused:?}");

    // The server has an IPv4 address only; where `localhost` has another as well, that one is refused.
    let shown = Mutex::new(Vec::new());
    let may_dial = |ip: IpAddr| {
        shown.lock().unwrap().push(ip);
        if ip.is_ipv4() { Ok(()) } else { Err(refusal(ip)) }
    };
    let result = egress().send(&request, BODY_BYTES_MAX, &may_dial).await;
    assert_eq!(line(&result), "200 [content-length=2] ok");
    let shown = shown.into_inner().unwrap();
    assert!(shown.contains(&server.address.ip()) && shown.iter().all(IpAddr::is_loopback), "{shown:?}");
    let (head, _) = server.request().await;
    assert!(head.contains(&format!("\r\nhost: localhost:{}\r\n", server.address.port())), "{head}");
    assert_eq!(server.event().await, None);
}

#[tokio::test]
async fn a_name_without_address_may_be_asked_for_again() {
    // A label of more than 63 bytes cannot be asked of any server, so this stays on this machine.
    let request = get(format!("http://{}.invalid/", "a".repeat(64)));
    let got = line(&send(&egress(), &request).await);
    assert!(got.starts_with("retriable: its name cannot be resolved: "), "{got}");
}

#[tokio::test]
async fn a_server_that_does_not_listen_may_do_so_later() {
    let (_socket, address) = closed();
    let got = line(&send(&egress(), &get(format!("http://{address}/"))).await);
    assert!(got.starts_with(&format!("retriable: cannot connect to {address}: ")), "{got}");
}

#[test]
fn addresses_are_counted_once_and_bounded() {
    let check = |found: &[&str], max: usize, expect: &[&str]| {
        assert_eq!(distinct(sockets(found), max), sockets(expect));
    };
    check(&["1.1.1.1:80", "1.1.1.1:80", "[::ffff:1.1.1.1]:80", "[2::1]:80"], 2, &["1.1.1.1:80", "[2::1]:80"]);
    check(&["1.1.1.1:80", "2.2.2.2:80", "3.3.3.3:80"], 2, &["1.1.1.1:80", "2.2.2.2:80"]);
    check(&["[fe80::1%3]:80", "[fe80::1%4]:80"], 2, &["[fe80::1%3]:80", "[fe80::1%4]:80"]);
}

#[test]
fn what_is_accepted_keeps_its_order_and_the_first_refusal_counts() {
    let check = |found: &[&str], expect: Result<&[&str], &str>| {
        let private = |ip: IpAddr| if ip.to_string().starts_with("10.") { Err(refusal(ip)) } else { Ok(()) };
        let expect = expect.map(sockets).map_err(|ip| refusal(ip.parse().unwrap()));
        assert_eq!(admit(sockets(found), "http://x/", &private), expect);
    };
    check(&["10.0.0.1:1", "1.1.1.1:1", "10.0.0.2:1", "2.2.2.2:1"], Ok(&["1.1.1.1:1", "2.2.2.2:1"]));
    check(&["10.0.0.1:1", "10.0.0.2:1"], Err("10.0.0.1"));
    let none = admit(Vec::new(), "http://x/", &|_| Ok(())).map(|_| unreachable!());
    assert_eq!(line(&none), "retriable: its name has no address");
}

#[tokio::test]
async fn addresses_are_dialled_in_order_until_one_answers() {
    let mut server = Server::once(OK, After::Hold).await;
    let ((_one, first), (_two, last)) = (closed(), closed());
    let stream = dial(&[first, server.address, last], 60_000).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), server.address);
    drop(stream);
    assert_eq!(server.event().await, Some(Event::Closed));

    let trouble = dial(&[first, last], 60_000).await.unwrap_err().to_string();
    assert!(trouble.starts_with(&format!("cannot connect to {last}: ")), "{trouble}");
}
