// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory call`: calls one function.

use std::io::Read;
use std::path::PathBuf;

use priory::RunSpec;
use priory::core::Json;

use crate::bounds::{Bounds, Given, parse_seed};
use crate::running::{self, Patience};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::output;
use crate::{function, project};

/// How long arguments may be, in bytes: the most that a frame takes is below that.
const ARGUMENTS_BYTES_MAX: u64 = 256 << 20;

/// Call one function of a plugin, and print its result
///
/// A plugin of the manifest may do what the manifest grants it. A file may do nothing but what `--grant` allows, within
/// 1G fuel, 64 MiB and 30 s unless options say otherwise. The run is kept nowhere; what it spends on models is noted in the data
/// folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plugin of the manifest, a `.wasm` file, or the folder of a crate
    #[arg(value_name = "PLUGIN|FILE")]
    plugin: String,
    /// The function: `function` or `interface.function`
    function: String,
    /// The arguments, as a JSON object with one property a parameter
    #[arg(long, value_name = "JSON", conflicts_with = "args_file")]
    args: Option<String>,
    /// A file that holds the arguments; `-` is standard input
    #[arg(long, value_name = "FILE")]
    args_file: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    bounds: Bounds,
    /// The seed of all randomness, up to 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    seed: Option<[u8; 32]>,
    /// Write every event as one line of JSON, and the result as the last one
    #[arg(long)]
    json: bool,
    /// Take plugins as they were built last
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let arguments = arguments(args.args.as_deref(), args.args_file.as_deref())?;
    let opened = project::open(&args.plugin, &args.bounds, &args.given, !args.no_build)?;
    let settings = opened.settings.clone();
    let mode = if args.json { Mode::Json } else { Mode::Quiet };
    let runtime = running::runtime()?;
    let ended = runtime.block_on(async {
        let (host, loaded) = project::build(opened.builder, &opened.plugin).await?;
        let name = function::resolve(loaded.info(), &args.function)?;
        let spec = RunSpec::tool(format!("{}.{name}", opened.plugin), arguments);
        let spec = spec.inputs(opened.inputs).limits(opened.limits);
        let spec = match opened.narrowed {
            Some(grants) => spec.narrowed(grants),
            None => spec,
        };
        let spec = match args.seed {
            Some(seed) => spec.seed(seed),
            None => spec,
        };
        let ended = running::run(&host, spec, mode, Patience::Endless, false).await;
        // The process ends now, and the kernel takes a host apart faster than the host does.
        std::mem::forget((host, loaded));
        ended
    })?;
    runtime.shutdown_background();
    opened.spending.map_or(Ok(()), |spending| spending.check())?;
    if args.json {
        output::line(&ended.as_json());
        return Ok(ended.exit());
    }
    match &ended.end.result {
        Ok(report) => output::result(&report.output),
        Err(_) => return ended.error(&settings).map_or(Ok(ended.exit()), Err),
    }
    Ok(Exit::Ok)
}

/// Reads the arguments; none are an empty object.
pub(super) fn arguments(text: Option<&str>, file: Option<&std::path::Path>) -> Result<Json> {
    let text = match (text, file) {
        (Some(text), _) => text.to_owned(),
        (None, Some(path)) => read(path)?,
        (None, None) => "{}".to_owned(),
    };
    parse(&text)
}

pub(super) fn parse(text: &str) -> Result<Json> {
    Json::parse(text.trim()).map_err(|error| {
        Error::usage(format!("the arguments are {error}"))
            .hint(r#"an object with one property a parameter is expected, such as --args '{"name": "Ada"}'"#)
    })
}

fn read(path: &std::path::Path) -> Result<String> {
    let failed = |error: &std::io::Error| Error::io(format!("{} cannot be read", path.display()), error);
    let mut text = String::new();
    let read = if path == std::path::Path::new("-") {
        std::io::stdin().lock().take(ARGUMENTS_BYTES_MAX).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
        file.take(ARGUMENTS_BYTES_MAX).read_to_string(&mut text)
    };
    read.map_err(|error| failed(&error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_empty_object_by_default() {
        assert_eq!(arguments(None, None).unwrap().as_str(), "{}");
        assert_eq!(arguments(Some(" {\"a\":1} "), None).unwrap().as_str(), "{\"a\":1}");
        assert_eq!(arguments(Some("{a:1}"), None).unwrap_err().exit, Exit::Usage);
        let missing = arguments(None, Some(std::path::Path::new("/nowhere/args.json")));
        assert_eq!(missing.unwrap_err().exit, Exit::NotFound);
    }
}
