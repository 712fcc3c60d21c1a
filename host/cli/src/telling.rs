// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells a collector what runs do, where the manifest says which one.

use std::sync::Arc;
use std::time::Duration;

use owo_colors::OwoColorize;
use priory::manifest::Manifest;
use priory::telemetry::config::HEADERS_VARIABLE;
use priory::telemetry::{Telemetry, TelemetryConfig};
use priory::{Builder, machine_clock};
use tokio::runtime::Handle;

use crate::ui::error::{Error, Result};

/// What the host is called, as the specification of OpenTelemetry names the variable.
const SERVICE_VARIABLE: &str = "OTEL_SERVICE_NAME";
/// How long the end of the program waits for the collector.
const FLUSH: Duration = Duration::from_secs(5);

/// Begins to tell, where the manifest says to whom. It must be called inside a tokio runtime.
pub(crate) fn of_manifest(manifest: &Manifest) -> Result<Option<Arc<Telemetry>>> {
    let Some(said) = &manifest.telemetry else { return Ok(None) };
    let mut config = TelemetryConfig::new(said.otlp.clone());
    config.content = said.content;
    let models = manifest.models.models.iter().map(|model| (model.info.name.clone(), model.info.id.clone()));
    config.models = models.collect();
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    if let Some(service) = variable(SERVICE_VARIABLE) {
        config.service = service;
    }
    if let Some(headers) = variable(HEADERS_VARIABLE) {
        config = config.with_headers(&headers).map_err(|error| Error::usage(error.to_string()))?;
    }
    let telemetry = Telemetry::start(config, machine_clock(), &Handle::current());
    Ok(Some(Arc::new(telemetry.map_err(priory::Error::from)?)))
}

/// Begins to tell as the nearest manifest says: nobody wrote down where the one of a run is. It must be called inside a tokio
/// runtime.
pub(crate) fn of_nearest() -> Result<Option<Arc<Telemetry>>> {
    let manifest = std::env::current_dir().ok().and_then(|folder| Manifest::find(&folder).ok().flatten());
    // What is wrong with a manifest is told where it is run.
    manifest.and_then(|path| Manifest::read(&path).ok()).map_or(Ok(None), |manifest| of_manifest(&manifest))
}

/// Has a host tell what its runs do.
pub(crate) fn observed(builder: Builder, telemetry: Option<&Arc<Telemetry>>) -> Builder {
    match telemetry {
        Some(telemetry) => builder.observer(telemetry.clone()),
        None => builder,
    }
}

/// Sends what was not sent yet, and says what the collector never saw.
pub(crate) async fn flush(telemetry: Option<Arc<Telemetry>>) {
    let Some(telemetry) = telemetry else { return };
    let flushed = telemetry.flush(FLUSH).await;
    let lost = match (flushed.is_complete, flushed.dropped) {
        (true, 0) => return,
        (true, dropped) => format!("the collector has not seen {dropped} of {} spans", dropped + flushed.sent),
        (false, _) => "the collector did not take everything in time".to_owned(),
    };
    anstream::eprintln!("{}", lost.dimmed());
}
