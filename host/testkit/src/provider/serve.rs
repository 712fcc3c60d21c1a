// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes connections, and plays one act for each request.

use std::io;
use std::sync::Arc;

use priory_core::model::ProviderKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::act::{Act, Framing, Place};
use super::body::{self, Written};
use super::refusal::{Refusal, Verdict};
use super::request::{self, Asked};
use super::{Stage, anthropic, gemini, openai, responses};

/// What becomes of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Next,
    Close,
}

/// Takes connections until the provider is dropped.
pub(super) async fn accept(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stage.play.lock().connections += 1;
        while connections.try_join_next().is_some() {}
        let stage = Arc::clone(&stage);
        // What goes wrong on a connection is what whoever asked will see of it.
        connections.spawn(async move { drop(connection(stream, &stage).await) });
    }
}

async fn connection(mut stream: TcpStream, stage: &Stage) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(mut asked) = request::read(&mut stream, &mut buffer).await? {
        let verdict = check(stage.kind, &stage.key, &asked);
        asked.refusal = verdict.as_ref().err().map(|refusal| refusal.message.clone());
        let (number, act) = {
            let mut play = stage.play.lock();
            play.asked.push(asked.clone());
            let number = play.asked.len().saturating_sub(1);
            let act = match verdict {
                Err(refusal) => Act::error(refusal.status, &refusal.message).framed(Framing::Length),
                Ok(()) => play.acts.pop_front().unwrap_or_else(|| Act::error(500, "the test has no act for this")),
            };
            (number, act)
        };
        let written = body::write(stage.kind, &act, &asked);
        if play(&mut stream, stage, number, &act, &written).await? == Then::Close {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

/// Tells whether the real provider would take a request.
fn check(kind: ProviderKind, key: &str, asked: &Asked) -> Verdict {
    if asked.method != "POST" {
        return Err(Refusal::new(405, "only POST is allowed here"));
    }
    if asked.header("content-type").is_none_or(|mime| !mime.starts_with("application/json")) {
        return Err(Refusal::new(415, "the content type has to be application/json"));
    }
    match kind {
        ProviderKind::Anthropic => anthropic::check(key, asked),
        ProviderKind::Gemini => gemini::check(key, asked),
        ProviderKind::OpenaiResponses => responses::check(key, asked),
        ProviderKind::Openai | ProviderKind::Scripted => openai::check(key, asked),
    }
}

async fn play(stream: &mut TcpStream, stage: &Stage, number: usize, act: &Act, written: &Written) -> io::Result<Then> {
    for place in [Place::Start, Place::InHead, Place::AfterHead] {
        let half = written.head.len() / 2;
        match place {
            Place::InHead => stream.write_all(written.head.get(..half).unwrap_or_default()).await?,
            Place::AfterHead => stream.write_all(written.head.get(half..).unwrap_or_default()).await?,
            _ => {}
        }
        if stops(stream, stage, number, act, |asked| asked == place).await? == Then::Close {
            return Ok(Then::Close);
        }
    }
    let mut places: Vec<usize> =
        [act.cut, act.hang, act.hold].into_iter().flatten().filter_map(|place| written.offset(place)).collect();
    places.extend(&written.ends);
    places.push(0);
    places.sort_unstable();
    places.dedup();
    let mut from = 0;
    for to in places {
        let piece = written.body.get(from..to).unwrap_or_default();
        if !piece.is_empty() {
            if act.framing == Framing::Chunked {
                stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
            }
            stream.write_all(piece).await?;
            if act.framing == Framing::Chunked {
                stream.write_all(b"\r\n").await?;
            }
            stream.flush().await?;
        }
        from = to;
        if stops(stream, stage, number, act, |place| written.offset(place) == Some(to)).await? == Then::Close {
            return Ok(Then::Close);
        }
    }
    if act.framing == Framing::Chunked {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(if act.framing == Framing::Close { Then::Close } else { Then::Next })
}

/// Does what the act has for a place: waits, hangs, or closes the connection.
async fn stops(
    stream: &mut TcpStream,
    stage: &Stage,
    number: usize,
    act: &Act,
    is_here: impl Fn(Place) -> bool,
) -> io::Result<Then> {
    if act.hold.is_some_and(&is_here) {
        {
            let mut play = stage.play.lock();
            play.waiting = Some(number);
            play.is_held = true;
        }
        tokio::select! {
            () = stage.released.notified() => {}
            () = gone(stream) => {
                no_longer(stage, number);
                return Ok(Then::Close);
            }
        }
    }
    if act.hang.is_some_and(&is_here) {
        stage.play.lock().waiting = Some(number);
        gone(stream).await;
        no_longer(stage, number);
        return Ok(Then::Close);
    }
    Ok(if act.cut.is_some_and(&is_here) { Then::Close } else { Then::Next })
}

fn no_longer(stage: &Stage, number: usize) {
    let mut play = stage.play.lock();
    if play.waiting == Some(number) {
        play.waiting = None;
        play.is_held = false;
    }
}

/// Waits until the other end of a connection has gone.
async fn gone(stream: &mut TcpStream) {
    let mut byte = [0; 1];
    while matches!(stream.read(&mut byte).await, Ok(read) if read > 0) {}
}
