// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory serve`: owns a data folder, and does what is due in it.

use std::path::PathBuf;

use priory::machine_clock;
use priory::spool::Spool;
use priory::spool::requests::Requests;

use crate::project;
use crate::running;
use crate::serving::{Serving, Setting, Told};
use crate::store::Data;
use crate::telling;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::when::show_time;

/// How many runs go on at once where nobody says anything. Each has its past in memory.
const AT_ONCE: u16 = 64;

/// Do what is due in a data folder until Ctrl-C: start what triggers say, deliver events, take up what may go on
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder with a `priory.toml` [default: the nearest manifest]
    #[arg(value_name = "PROJECT")]
    project: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
    /// Do what is due now, and end when nothing goes on any more
    #[arg(long)]
    once: bool,
    /// How many runs may go on at once
    #[arg(long, value_name = "N", default_value_t = AT_ONCE, value_parser = clap::value_parser!(u16).range(1..))]
    at_once: u16,
    /// Make every effect durable at once, whether anything outside depends on it or not
    #[arg(long)]
    eager: bool,
    /// Write one line of JSON for each thing that happens
    #[arg(long)]
    json: bool,
    /// Take plugins as they were built last
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let manifest = project::read_manifest(args.project.as_deref())?;
    let builder = project::open_all(&manifest, !args.no_build)?;
    let folder = args.data.folder()?;
    let (clock, is_json) = (machine_clock(), args.json);
    let tell = move |told: &Told| {
        let now = clock.unix_ms();
        output::line(&match is_json {
            true => told.as_json(now).to_string(),
            false => format!("{} {}", show_time(now), told.line(now)),
        });
    };
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let mut stop = std::pin::pin!(stopped());
        let kept = args.data.open()?;
        let requests = Requests::of(&folder);
        // Whoever asks for something before all is ready waits for it. One pass may wait for its runs, and not look.
        let served = if args.once { Ok(None) } else { requests.serve().map(Some) };
        let _served = served.map_err(|error| Error::io("it cannot be said that the folder is served", &error))?;
        let telemetry = telling::of_manifest(&manifest)?;
        let host = telling::observed(kept.equip(builder, args.eager), telemetry.as_ref()).build().await?;
        tell(&Told::Serving { folder: folder.clone(), triggers: manifest.triggers.len() });
        let (spool, at_once) = (Spool::of(&folder), usize::from(args.at_once));
        let setting = Setting { folder: kept, spool, requests, host, manifest, at_once, is_eager: args.eager };
        let mut serving = Serving::begin(setting, Box::new(tell.clone())).await?;
        let served = async {
            match args.once {
                true => serving.once().await,
                false => serving.endlessly().await,
            }
        };
        let is_stopped = tokio::select! {
            result = served => {
                result?;
                false
            }
            signal = &mut stop => {
                signal?;
                true
            }
        };
        if is_stopped {
            // What goes on is left as it is: it is open, and goes on from what is kept of it.
            tell(&Told::Stopped { live: serving.live() });
        }
        telling::flush(telemetry).await;
        Ok(Exit::Ok)
    })
}

/// Waits until somebody asks the process to stop.
async fn stopped() -> Result<()> {
    let failed = |error: &std::io::Error| Error::io("signals cannot be received", error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt.map_err(|error| failed(&error)),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(|error| failed(&error))
}
