// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends what is told: a queue that never waits, and a task that sends what is in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use priory_core::ports::Clock;
use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::Error;
use crate::attribute::text;
use crate::config::TelemetryConfig;
use crate::metrics::{self, Metrics};

/// How many spans wait to be sent; what ends while they do is dropped and counted.
pub(crate) const QUEUE_MAX: usize = 8_192;
/// How much they may hold, in bytes: with content, few spans are a lot.
pub(crate) const QUEUE_BYTES_MAX: usize = 64 << 20;
/// How many spans go into one request.
const BATCH_MAX: usize = 512;
/// How large one request may become, in bytes, before it is sent: with content, few spans are a lot.
const BATCH_BYTES_MAX: usize = 2 << 20;
/// How long a span waits for others to come along.
const BATCH_TIME: Duration = Duration::from_secs(5);
/// How often what was counted is sent.
const METRICS_TIME: Duration = Duration::from_secs(30);
/// How long one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How often one request is sent.
const ATTEMPTS: u32 = 3;
/// How long to wait before it is sent again, the first time; twice as long the second time.
const BACKOFF: Duration = Duration::from_millis(500);
/// How long a collector may make it wait by what it says.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// What was told, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// What waits to be sent holds so many bytes.
    waiting: AtomicUsize,
}

/// A span that waits to be sent, with what it holds, in bytes.
pub(crate) struct Waiting {
    span: Span,
    bytes: usize,
}

impl Tally {
    /// Makes room for a span that is to wait; `None` where there is none.
    pub(crate) fn admit(&self, span: Span) -> Option<Waiting> {
        let bytes = span.encoded_len();
        let grow = |held: usize| held.checked_add(bytes).filter(|held| *held <= QUEUE_BYTES_MAX);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).ok()?;
        Some(Waiting { span, bytes })
    }

    /// Gives back the room of a span that waits no more.
    pub(crate) fn release(&self, waiting: Waiting) -> (Span, usize) {
        self.waiting.fetch_sub(waiting.bytes, Ordering::Relaxed);
        (waiting.span, waiting.bytes)
    }
}

/// The task that sends.
pub(crate) struct Exporter {
    pub(crate) client: Client,
    pub(crate) traces: Url,
    pub(crate) metrics_url: Url,
    pub(crate) resource: Resource,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) start_unix_ms: u64,
}

/// Makes a client that sends the header fields of a configuration with each request.
pub(crate) fn client(config: &TelemetryConfig) -> Result<Client, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let wrong = || Error::Headers { variable: crate::config::HEADERS_VARIABLE, name: name.clone() };
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(Error::Tls)?;
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(REQUEST_TIME)
        .build()
        .map_err(Error::Client)
}

/// Returns what the host is called.
pub(crate) fn resource(config: &TelemetryConfig) -> Resource {
    let attributes = vec![
        text("service.name", config.service.clone()),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("telemetry.sdk.name", "priory"),
        text("telemetry.sdk.language", "rust"),
        text("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource { attributes, ..Resource::default() }
}

impl Exporter {
    /// Sends until nobody tells anything any more. Whoever asks for it is told when everything so far was sent, or given up.
    pub(crate) async fn run(
        self,
        mut spans: mpsc::Receiver<Waiting>,
        mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        let mut metrics_due = self.clock.elapsed().saturating_add(METRICS_TIME);
        let mut batch = Batch::default();
        loop {
            let due = batch.due.unwrap_or(metrics_due).min(metrics_due);
            tokio::select! {
                span = spans.recv() => match span {
                    Some(waiting) => batch.push(self.tally.release(waiting), self.clock.elapsed()),
                    None => {
                        self.send_spans(&mut batch).await;
                        self.send_metrics().await;
                        return;
                    }
                },
                Some(done) = flushes.recv() => {
                    while let Ok(waiting) = spans.try_recv() {
                        batch.push(self.tally.release(waiting), self.clock.elapsed());
                        if batch.is_full() {
                            self.send_spans(&mut batch).await;
                        }
                    }
                    self.send_spans(&mut batch).await;
                    self.send_metrics().await;
                    // Who asked may have given up.
                    let _ = done.send(());
                }
                () = self.clock.sleep_until(due) => {}
            }
            let now = self.clock.elapsed();
            if batch.is_full() || batch.due.is_some_and(|due| due <= now) {
                self.send_spans(&mut batch).await;
            }
            if metrics_due <= now {
                self.send_metrics().await;
                metrics_due = self.clock.elapsed().saturating_add(METRICS_TIME);
            }
        }
    }

    async fn send_spans(&self, batch: &mut Batch) {
        let Batch { spans, .. } = std::mem::take(batch);
        if spans.is_empty() {
            return;
        }
        let count = spans.len() as u64;
        let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let tally = if self.send(&self.traces, body).await { &self.tally.sent } else { &self.tally.dropped };
        tally.fetch_add(count, Ordering::Relaxed);
    }

    async fn send_metrics(&self) {
        let now = self.clock.unix_ms();
        let mut metrics = self.metrics.all(now);
        if metrics.is_empty() {
            return;
        }
        metrics.push(metrics::lost(self.tally.dropped.load(Ordering::Relaxed), self.start_unix_ms, now));
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
        let resource = Some(self.resource.clone());
        let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
        // What was counted is told again with the next one.
        self.send(&self.metrics_url, ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()).await;
    }

    /// Sends a request, again where that may help; tells whether it was taken.
    async fn send(&self, url: &Url, body: Vec<u8>) -> bool {
        let mut wait = BACKOFF;
        for attempt in 1..=ATTEMPTS {
            let request =
                self.client.post(url.clone()).header(CONTENT_TYPE, "application/x-protobuf").body(body.clone());
            let (reason, pause) = match request.send().await {
                Ok(response) if response.status().is_success() => return true,
                Ok(response) if may_pass(response.status()) => {
                    (response.status().to_string(), asked_to_wait(response.headers()))
                }
                Ok(response) => {
                    tracing::warn!(endpoint = %url, status = %response.status(), "the collector refuses telemetry");
                    return false;
                }
                // What it says may hold the address only.
                Err(error) => (error.without_url().to_string(), None),
            };
            if attempt == ATTEMPTS {
                tracing::warn!(endpoint = %url, reason, "telemetry cannot be sent");
                break;
            }
            let until = self.clock.elapsed().saturating_add(pause.unwrap_or(wait));
            self.clock.sleep_until(until).await;
            wait = wait.saturating_mul(2);
        }
        false
    }
}

/// Tells whether a request may be taken later that was answered like this, as the specification of OTLP says.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn asked_to_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "priory".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

/// Spans that go together.
#[derive(Default)]
struct Batch {
    spans: Vec<Span>,
    bytes: usize,
    /// When it is sent, however few they are.
    due: Option<Duration>,
}

impl Batch {
    fn push(&mut self, (span, bytes): (Span, usize), now: Duration) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.due.get_or_insert(now.saturating_add(BATCH_TIME));
        self.spans.push(span);
    }

    fn is_full(&self) -> bool {
        self.spans.len() >= BATCH_MAX || self.bytes >= BATCH_BYTES_MAX
    }
}
