// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server on loopback that reads one request a connection and writes what the test says.

use std::net::SocketAddr;

use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// What the server does when it has written its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Closes the connection in order.
    Close,
    /// Closes it without a word: no `close_notify`.
    Cut,
    /// Resets it.
    Reset,
    /// Waits until the client has closed it.
    Hold,
}

/// What the server saw.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// A TLS handshake succeeded, in this way, and agreed on this protocol.
    Handshake(HandshakeKind, Option<Vec<u8>>),
    /// A TLS handshake failed.
    NoHandshake,
    /// A request: its head and its body.
    Request(String, Vec<u8>),
    /// A connection on which the client said no more.
    Closed,
}

/// A running server; it stops with the runtime.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Server {
    /// Starts a server that gives its connections these answers, in order; then it stops listening.
    pub(super) async fn start(answers: Vec<(Vec<u8>, After)>) -> Self {
        Self::launch(answers, None).await
    }

    /// Starts one that speaks TLS.
    pub(super) async fn start_tls(answers: Vec<(Vec<u8>, After)>, acceptor: TlsAcceptor) -> Self {
        Self::launch(answers, Some(acceptor)).await
    }

    /// Starts one with one answer.
    pub(super) async fn once(answer: impl Into<Vec<u8>>, after: After) -> Self {
        Self::start(vec![(answer.into(), after)]).await
    }

    async fn launch(answers: Vec<(Vec<u8>, After)>, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for (answer, after) in answers {
                let (stream, _) = listener.accept().await.unwrap();
                if after == After::Reset {
                    stream.set_zero_linger().unwrap();
                }
                tokio::spawn(connection(stream, acceptor.clone(), answer, after, sender.clone()));
            }
        });
        Self { address, events }
    }

    /// Waits for the next thing that it sees; `None` when all its connections are gone.
    pub(super) async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Waits for the next request.
    pub(super) async fn request(&mut self) -> (String, Vec<u8>) {
        match self.event().await {
            Some(Event::Request(head, body)) => (head, body),
            other => panic!("no request but {other:?}"),
        }
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    answer: Vec<u8>,
    after: After,
    events: mpsc::UnboundedSender<Event>,
) {
    match acceptor {
        None => talk(stream, answer, after, events).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Err(_) => events.send(Event::NoHandshake).unwrap_or_default(),
            Ok(stream) => {
                let tls = stream.get_ref().1;
                let (kind, protocol) = (tls.handshake_kind().unwrap(), tls.alpn_protocol().map(<[u8]>::to_vec));
                events.send(Event::Handshake(kind, protocol)).unwrap_or_default();
                talk(stream, answer, after, events).await;
            }
        },
    }
}

/// A test may have ended before its server, so nothing here insists on being heard.
async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: Vec<u8>,
    after: After,
    events: mpsc::UnboundedSender<Event>,
) {
    if let Some((head, body)) = read_request(&mut stream).await {
        events.send(Event::Request(head, body)).unwrap_or_default();
    }
    stream.write_all(&answer).await.unwrap_or_default();
    stream.flush().await.unwrap_or_default();
    match after {
        After::Close => stream.shutdown().await.unwrap_or_default(),
        After::Cut | After::Reset => {}
        After::Hold => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap_or_default();
            events.send(Event::Closed).unwrap_or_default();
        }
    }
}

/// Reads a head, and a body of the length that it says.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
