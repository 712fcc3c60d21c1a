// SPDX-License-Identifier: MIT OR Apache-2.0
//! TLS with an authority that exists for one test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::server::{After, Event, Server};
use super::{egress, get, line, send};
use crate::{Egress, EgressConfig, Error, Root};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An authority: its certificate, and what signs others.
pub(super) struct Authority {
    pub(super) certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key) }
    }

    /// Returns what a server needs to be known as these names.
    pub(super) fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        // A client that offered HTTP/2 would get it.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    pub(super) fn egress(&self) -> Egress {
        trusting(Root::Der(self.certificate.der().to_vec())).unwrap()
    }
}

/// Returns what a server sees of a client that brings no session along and offers HTTP/1.1 only.
fn full_handshake() -> Event {
    Event::Handshake(HandshakeKind::Full, Some(b"http/1.1".to_vec()))
}

fn trusting(root: Root) -> Result<Egress, Error> {
    Egress::new(EgressConfig { roots: vec![root], ..Default::default() })
}

#[tokio::test]
async fn an_authority_that_is_trusted_is_enough_for_names_and_addresses() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(&["localhost", "127.0.0.1"]);
    let pem = authority.certificate.pem().into_bytes();
    for egress in [authority.egress(), trusting(Root::Pem(pem)).unwrap()] {
        for host in ["localhost", "127.0.0.1"] {
            let mut server = Server::start_tls(vec![(OK.to_vec(), After::Close)], acceptor.clone()).await;
            let request = get(format!("https://{host}:{}/a?b=c", server.address.port()));
            assert_eq!(line(&send(&egress, &request).await), "200 [content-length=2] ok");
            assert_eq!(server.event().await, Some(full_handshake()));
            assert!(server.request().await.0.starts_with("GET /a?b=c HTTP/1.1\r\n"));
        }
    }
}

#[tokio::test]
async fn no_session_is_resumed() {
    let authority = Authority::new();
    let answers = vec![(OK.to_vec(), After::Close); 3];
    let mut server = Server::start_tls(answers, authority.acceptor(&["localhost"])).await;
    let (egress, request) = (authority.egress(), get(format!("https://localhost:{}/", server.address.port())));
    for _ in 0..3 {
        assert_eq!(line(&send(&egress, &request).await), "200 [content-length=2] ok");
        assert_eq!(server.event().await, Some(full_handshake()));
        server.request().await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_no_request() {
    let authority = Authority::new();
    let check = async |egress: Egress, name: &str, expect: &str| {
        let acceptor = authority.acceptor(&[name]);
        let mut server = Server::start_tls(vec![(OK.to_vec(), After::Close)], acceptor).await;
        let got = line(&send(&egress, &get(format!("https://localhost:{}/", server.address.port()))).await);
        assert!(got.starts_with(&format!("final: tls failed: invalid peer certificate: {expect}")), "{got}");
        assert_eq!(server.event().await, Some(Event::NoHandshake));
    };
    check(egress(), "localhost", "UnknownIssuer").await;
    check(Authority::new().egress(), "localhost", "").await;
    check(authority.egress(), "elsewhere.test", "certificate not valid for name \"localhost\"").await;
}

/// Dials a server that speaks before it reads, and closes when the client has.
async fn spoken_to_first(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(words).await.unwrap();
        stream.shutdown().await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap_or_default();
    });
    let got = line(&send(&egress(), &get(format!("https://{address}/"))).await);
    server.await.unwrap();
    got
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_final() {
    let got = spoken_to_first(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(got.starts_with("final: tls failed: "), "{got}");
}

#[tokio::test]
async fn a_handshake_that_breaks_off_may_be_tried_again() {
    let got = spoken_to_first(b"").await;
    assert!(got.starts_with("retriable: the connection ended before"), "{got}");
}

#[tokio::test]
async fn a_handshake_that_stalls_may_be_tried_again() {
    let egress = Egress::new(EgressConfig { connect_ms: 20, ..Default::default() }).unwrap();
    // It waits for the end of a line, which a handshake need not have, and says nothing.
    let mut server = Server::once("", After::Hold).await;
    let got = line(&send(&egress, &get(format!("https://{}/", server.address))).await);
    assert_eq!(got, "retriable: the tls handshake took more than 20 ms");
    assert_eq!(server.event().await, Some(Event::Closed));
}

#[tokio::test]
async fn an_end_that_nobody_vouches_for_is_not_an_end() {
    let authority = Authority::new();
    let check = async |answer: &str, after: After, expect: &str| {
        let acceptor = authority.acceptor(&["localhost"]);
        let server = Server::start_tls(vec![(answer.as_bytes().to_vec(), after)], acceptor).await;
        let request = get(format!("https://localhost:{}/", server.address.port()));
        let got = line(&send(&authority.egress(), &request).await);
        assert!(got.starts_with(expect), "{got}");
    };
    // A body that ends with the connection may have been cut by anybody on the way.
    check("HTTP/1.1 200 OK\r\n\r\nhello", After::Close, "200 [] hello").await;
    check("HTTP/1.1 200 OK\r\n\r\nhello", After::Cut, "retriable: the connection ended before").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", After::Cut, "200 [content-length=5] hello").await;
}

#[test]
fn roots_that_are_none_are_refused() {
    let check = |root: Root, expect: &str| {
        let error = trusting(root).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(Root::Pem(Vec::new()), "position 0 hold no certificate");
    check(Root::Pem(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec()), "are not valid PEM");
    check(Root::Der(b"nonsense".to_vec()), "is not a valid certificate");
    let many = Authority::new().certificate.pem().repeat(1_025);
    check(Root::Pem(many.into_bytes()), "are more than 1024");
}
