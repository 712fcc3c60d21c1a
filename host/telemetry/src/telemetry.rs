// SPDX-License-Identifier: MIT OR Apache-2.0
//! The recorder, and what becomes of it at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use priory_core::event::Envelope;
use priory_core::ports::{Clock, Heard, Recorder};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::config::TelemetryConfig;
use crate::export::{self, Exporter, QUEUE_BYTES_MAX, QUEUE_MAX, Tally, Waiting};
use crate::metrics::Metrics;
use crate::spans::Spans;

/// How many may wait at once until everything is sent; it is done once, at the end.
const FLUSHES_MAX: usize = 8;

/// Tells a collector what runs do.
pub struct Telemetry {
    spans: Spans,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    queue: mpsc::Sender<Waiting>,
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    tally: Arc<Tally>,
    /// Whether it was said that something is dropped; it is said once.
    has_warned: AtomicBool,
}

/// What was told when everything was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushed {
    /// Spans that the collector took.
    pub sent: u64,
    /// Spans that it never saw.
    pub dropped: u64,
    /// Whether all that there was is among them: false where time ran out.
    pub is_complete: bool,
}

impl Telemetry {
    /// Begins to tell. The task that sends ends when this is dropped.
    pub fn start(config: TelemetryConfig, clock: Arc<dyn Clock>, io: &Handle) -> Result<Self, Error> {
        let start_unix_ms = clock.unix_ms();
        let metrics = Arc::new(Metrics::new(start_unix_ms));
        let tally = Arc::new(Tally::default());
        let exporter = Exporter {
            client: export::client(&config)?,
            traces: config.signal("v1/traces")?,
            metrics_url: config.signal("v1/metrics")?,
            resource: export::resource(&config),
            metrics: metrics.clone(),
            clock: clock.clone(),
            tally: tally.clone(),
            start_unix_ms,
        };
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (flushes, asked) = mpsc::channel(FLUSHES_MAX);
        io.spawn(exporter.run(waiting, asked));
        let has_warned = AtomicBool::new(false);
        let spans = Spans::new(config, tally.clone());
        Ok(Self { spans, metrics, clock, queue, flushes, tally, has_warned })
    }

    /// Sends what there is, and waits for that as long as it may take.
    pub async fn flush(&self, most: Duration) -> Flushed {
        let (done, wait) = oneshot::channel();
        let asked = self.flushes.try_send(done).is_ok();
        let late = self.clock.sleep_until(self.clock.elapsed().saturating_add(most));
        let is_complete = asked
            && tokio::select! {
                sent = wait => sent.is_ok(),
                () = late => false,
            };
        let tally = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        Flushed { sent: tally(&self.tally.sent), dropped: tally(&self.tally.dropped), is_complete }
    }
}

impl Recorder for Telemetry {
    fn record(&self, envelope: &Envelope) {
        for span in self.spans.record(envelope, &self.metrics) {
            let sent = self.tally.admit(span).is_some_and(|waiting| match self.queue.try_send(waiting) {
                Ok(()) => true,
                Err(TrySendError::Full(waiting) | TrySendError::Closed(waiting)) => {
                    self.tally.release(waiting);
                    false
                }
            });
            if !sent {
                self.tally.dropped.fetch_add(1, Ordering::Relaxed);
                if !self.has_warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        most = QUEUE_MAX,
                        bytes_max = QUEUE_BYTES_MAX,
                        "the collector is slow: spans are dropped from here on, and counted"
                    );
                }
            }
        }
    }

    fn hear(&self, heard: &Heard) {
        self.spans.heard(heard.run, &heard.frame, heard.step, self.clock.unix_ms());
    }
}
