// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work that runs on the threads of the runtime, and ends with the future that waits for it.
//!
//! The future of a request may be polled on a thread that is set apart for guests; TLS and parsing there would
//! be paid by their compute.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::Trouble;

/// Aborts its task when it is dropped, which drops the socket that the task owns.
struct Leash<T>(JoinHandle<Result<T, Trouble>>);

impl<T> Drop for Leash<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs `work` on the runtime; dropping the returned future aborts it.
pub(crate) async fn on_runtime<T, F>(handle: &Handle, work: F) -> Result<T, Trouble>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Trouble>> + Send + 'static,
{
    let mut leash = Leash(handle.spawn(work));
    match (&mut leash.0).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Trouble::Stopping),
        Err(_) => Err(Trouble::Panicked),
    }
}
