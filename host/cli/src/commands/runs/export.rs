// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs export`: writes a run into one file, for another machine.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use priory::core::{Journal, RunId};

use crate::amount::show_bytes;
use crate::recorded::{EXTENSION, of_bundle};
use crate::running;
use crate::store::{self, Data};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::counted;

/// Write a run into one file that another machine can replay
///
/// The plugins that it began with go along, so no plugin, no key and no network is needed there. The file holds all that the
/// run was given and came to, and none of the values of its secrets.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, or @last
    #[arg(value_name = "RUN")]
    run: String,
    /// The file [default: the id of the run and `.priory`]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = data.read()?;
        let run = store::find(&journal, &args.run).await?.id;
        let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{run}.{EXTENSION}")));
        let told = export_to(&journal, run, &path).await?;
        anstream::eprintln!("{run}: {told}");
        output::line(&path.display().to_string());
        Ok(Exit::Ok)
    })
}

/// Writes a run into a new file, and returns what it has.
pub(crate) async fn export_to(journal: &Arc<dyn Journal>, run: RunId, path: &Path) -> Result<String> {
    let bundle = priory::journal::export(&**journal, run).await.map_err(|error| of_bundle(path, error))?;
    let mut bytes = Vec::new();
    bundle.write(&mut bytes).map_err(|error| of_bundle(path, error))?;
    write(path, &bytes)?;
    let events = counted(bundle.events.len(), "event");
    let pins = counted(bundle.pins.len(), "pinned part");
    Ok(format!("{events}, {pins}, {}", show_bytes(bytes.len() as u64)))
}

/// Writes a new file, or none.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::new(Exit::Failed, format!("{} is there already", path.display()))
            .hint("remove it, or name another file with -o"),
        _ => Error::io(format!("{} cannot be written", path.display()), &error),
    })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half of a run is of no use to anybody.
        let _ = std::fs::remove_file(path);
        Error::io(format!("{} cannot be written", path.display()), &error)
    })
}
