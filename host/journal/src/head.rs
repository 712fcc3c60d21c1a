// SPDX-License-Identifier: MIT OR Apache-2.0
//! The position of the last event that was published, and waiting for the next.

use std::future::pending;
use std::sync::Arc;

use priory_core::ports::BoxFuture;
use tokio::sync::watch;

/// The position of the last event; those who wait are told when it moves.
pub(crate) type Head = Arc<watch::Sender<u64>>;

/// Makes the head of a store that has events up to a position.
pub(crate) fn head(position: u64) -> Head {
    Arc::new(watch::Sender::new(position))
}

/// Moves the head on; it never goes back.
pub(crate) fn move_to(head: &Head, position: u64) {
    head.send_if_modified(|head| {
        let moves = position > *head;
        *head = position.max(*head);
        moves
    });
}

/// Waits until the head is behind a position; a store that is shut has no more events.
pub(crate) fn beyond(head: &Head, after: u64) -> BoxFuture<'static, ()> {
    let mut receiver = head.subscribe();
    Box::pin(async move {
        if receiver.wait_for(|head| *head > after).await.is_err() {
            pending().await
        }
    })
}
