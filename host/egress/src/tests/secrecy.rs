// SPDX-License-Identifier: MIT OR Apache-2.0
//! No failure tells what was on the request.

use priory_core::http::HttpRequest;
use priory_core::ports::Http;

use super::server::{After, Server};
use super::tls::Authority;
use super::{any_address, egress, get, with_headers};
use crate::{Egress, EgressConfig};

/// Stands for a secret wherever one could be.
const SECRET: &str = "s3cr3t";

fn loaded(url: String) -> HttpRequest {
    let request = get(format!("{url}/path?key={SECRET}#{SECRET}"));
    let mut request = with_headers(request, &[("authorization", SECRET), (SECRET, "x")]);
    request.body = SECRET.into();
    request.first_byte_ms = Some(60_000);
    request
}

/// Sends a request that fails, and looks for the secret in all forms of the failure.
async fn check(egress: &Egress, request: HttpRequest, kind: &str, place: &str) {
    let failure = egress.send(&request, 3, &any_address).await.unwrap_err();
    let texts = [failure.to_string(), format!("{failure:?}")];
    assert_eq!(failure.kind(), kind, "{failure}");
    assert!(texts.iter().all(|text| !text.contains(SECRET)), "{texts:?}");
    assert!(kind == "limit" || texts[0].starts_with(place), "{}", texts[0]);
}

#[tokio::test]
async fn failures_hold_nothing_of_the_request_but_the_place() {
    let egress = Egress::new(EgressConfig { idle_ms: 20, ..Default::default() }).unwrap();
    for (answer, after, kind) in [
        ("", After::Close, "unavailable"),
        ("", After::Reset, "unavailable"),
        ("nonsense\r\n\r\n", After::Close, "unavailable"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhe", After::Close, "unavailable"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhe", After::Hold, "unavailable"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhell", After::Close, "limit"),
    ] {
        let server = Server::once(answer, after).await;
        let place = format!("http://{}/path", server.address);
        check(&egress, loaded(format!("http://{}", server.address)), kind, &place).await;
    }
    let name = format!("http://{}.invalid", "a".repeat(64));
    check(&egress, loaded(name.clone()), "unavailable", &format!("{name}/path")).await;

    let acceptor = Authority::new().acceptor(&["localhost"]);
    let server = Server::start_tls(vec![(Vec::new(), After::Close)], acceptor).await;
    let place = format!("https://localhost:{}", server.address.port());
    check(&egress, loaded(place.clone()), "unavailable", &format!("{place}/path")).await;
}

#[tokio::test]
async fn refusals_hold_nothing_of_the_request_but_the_place() {
    let place = "https://x.test/path";
    let check = async |change: &dyn Fn(&mut HttpRequest)| {
        let mut request = loaded("https://x.test".into());
        change(&mut request);
        check(&egress(), request, "invalid", place).await;
    };
    check(&|r| r.url.set_password(Some(SECRET)).unwrap()).await;
    check(&|r| r.url.set_username(SECRET).unwrap()).await;
    check(&|r| r.headers = vec![("a".into(), format!("{SECRET}\n").into())]).await;
    check(&|r| r.headers = vec![(format!("{SECRET}\n"), Vec::new())]).await;
    check(&|r| r.headers = vec![("a".into(), SECRET.repeat(20_000).into())]).await;
    check(&|r| r.headers = vec![(SECRET.into(), Vec::new()); 300]).await;
    check(&|r| r.url.set_query(Some(&SECRET.repeat(20_000)))).await;
    check(&|r| r.method = SECRET.to_uppercase().to_lowercase()).await;
}

#[test]
fn a_place_is_not_endless() {
    let url = format!("http://x.test/{}", "a".repeat(10_000)).parse().unwrap();
    assert_eq!(crate::request::place(&url).len(), 500);
    assert_eq!(crate::request::place(&"https://x.test:443/".parse().unwrap()), "https://x.test/");
    assert_eq!(crate::request::place(&"http://me:word@[::1]:81/a?b#c".parse().unwrap()), "http://[::1]:81/a");
}
