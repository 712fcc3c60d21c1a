// SPDX-License-Identifier: MIT OR Apache-2.0
//! One provider: how it is spoken to, where it is, and what stands before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use priory_core::model::{ATTEMPTS_MAX, KEY_HEADERS, OWN_HEADERS, ProviderSpec};
use priory_core::ports::Clock;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;
use crate::gate::Gate;
use crate::key::Keys;
use crate::wire::Wire;

/// How long reaching a server may take, TLS included.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long a connection is kept that nobody uses: less than servers do, so that it is rarely closed under a request.
const IDLE_CONNECTION_TIME: Duration = Duration::from_secs(45);
/// How many connections are kept that nobody uses.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// How this host calls itself.
const AGENT: &str = concat!("priory/", env!("CARGO_PKG_VERSION"));

/// One provider.
pub(crate) struct Provider {
    pub(crate) name: Arc<str>,
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) client: Client,
    pub(crate) keys: Option<Keys>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) attempts: u32,
    pub(crate) time: Duration,
    pub(crate) idle: Duration,
    /// On each request.
    pub(crate) headers: HeaderMap,
    url: Url,
    jitter: AtomicU64,
}

/// Builds what every TLS handshake shares.
pub(crate) fn tls() -> Result<ClientConfig, Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

// === impl Provider ===

impl Provider {
    /// Sets a provider up. Nothing is sent.
    pub(crate) fn new(
        spec: &ProviderSpec,
        wire: Box<dyn Wire>,
        tls: ClientConfig,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Result<Self, Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .connect_timeout(CONNECT_TIME)
            .pool_idle_timeout(IDLE_CONNECTION_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build()
            .map_err(|error| Error::Setup(error.to_string()))?;
        Ok(Self {
            name: spec.name.clone(),
            wire,
            client,
            keys: spec.key.clone().map(|source| Keys::new(source, clock.clone())),
            gate: Gate::new(spec.name.clone(), &spec.rate, spec.breaker.as_ref(), clock.clone()),
            clock,
            attempts: spec.attempts.clamp(1, ATTEMPTS_MAX),
            time: Duration::from_millis(spec.time_ms),
            idle: Duration::from_millis(spec.idle_ms),
            headers: headers(spec)?,
            url: base(spec)?,
            jitter: AtomicU64::new(seed),
        })
    }

    /// Returns the URL of a path; `None` where the path makes none.
    pub(crate) fn url(&self, path: &str) -> Option<Url> {
        let url = self.url.join(path).ok()?;
        // What stands in a path never leads elsewhere.
        (url.origin() == self.url.origin()).then_some(url)
    }

    /// Returns a number that spreads what happens at the same time, from 0 to 999.
    pub(crate) fn jitter(&self) -> u64 {
        // SplitMix64: it decides nothing but when somebody tries again.
        let mut mixed = self.jitter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1_000
    }
}

fn base(spec: &ProviderSpec) -> Result<Url, Error> {
    let failed = |reason| Error::Url { provider: spec.name.to_string(), reason };
    let mut url = spec.url.clone().ok_or_else(|| failed("is missing; add `url = \"https://…\"`"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return Err(failed("is neither https nor http; give one that begins with `https://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(failed("holds a name or a password; give the key as `key`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(failed("has a query; give the scheme, the host, the port and the path alone"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn headers(spec: &ProviderSpec) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in &spec.headers {
        let failed = |reason| Error::Header { provider: spec.name.to_string(), header: name.clone(), reason };
        let name =
            HeaderName::try_from(name).map_err(|_| failed("is no name of a header; use letters, digits and `-`"))?;
        if KEY_HEADERS.contains(&name.as_str()) || OWN_HEADERS.contains(&name.as_str()) {
            return Err(failed("is written by the host; give a key as `key`, and leave the others out"));
        }
        let value =
            HeaderValue::try_from(value).map_err(|_| failed("has a value with characters that none may have"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
