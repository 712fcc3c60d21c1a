// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens when nobody waits any longer, and who may wait.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use tokio::time::timeout;

use super::server::{After, Event, Server};
use super::{egress, get, line, send};
use crate::{Egress, EgressConfig};

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread, outside of any worker.
fn poll_here<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[tokio::test]
async fn dropping_the_future_cuts_the_socket() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"] {
        let mut server = Server::once(answer, After::Hold).await;
        // No timeout of the request itself can be what closes the connection.
        let egress = Egress::new(EgressConfig { idle_ms: u64::MAX, ..Default::default() }).unwrap();
        let request = get(format!("http://{}/", server.address));
        tokio::select! {
            result = send(&egress, &request) => panic!("{result:?}"),
            (head, _) = server.request() => assert!(head.starts_with("GET / ")),
        }
        let closed = timeout(Duration::from_secs(60), server.event()).await;
        assert_eq!(closed, Ok(Some(Event::Closed)), "the connection outlived the future");
    }
}

#[test]
fn a_thread_that_is_no_worker_may_wait() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::once("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", After::Close));
    let request = get(format!("http://localhost:{}/", server.address.port()));
    let result = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _entered = runtime.handle().enter();
            poll_here(send(&egress(), &request))
        });
        thread.join().unwrap()
    });
    assert_eq!(line(&result), "200 [content-length=2] ok");
}

#[test]
fn without_a_runtime_there_is_a_failure_and_no_panic() {
    let result = poll_here(send(&egress(), &get("http://127.0.0.1:1/")));
    assert_eq!(
        line(&result),
        "final: the host sends from a thread that has entered no runtime; this build of the host is broken"
    );
}
