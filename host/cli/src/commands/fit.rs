// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory fit`: measures a function on samples, and proposes its limits.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use priory::core::{Dimension, Failure, Json, LimitSpec, Usage};
use priory::{Host, RunSpec};

use super::call;
use crate::amount::{separated, show_bytes, show_count, show_micros};
use crate::bounds::{Bounds, Given};
use crate::running::{self, Patience};
use crate::ui::error::{Error, Result, Settings};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::text::counted;
use crate::ui::{output, table};
use crate::{function, project};

/// How many samples are run.
const SAMPLES_MAX: usize = 10_000;
/// What a sample may use: far more than what is looked for, and not without end.
const GENEROUS: [(Dimension, u64); 5] = [
    (Dimension::Fuel, 100_000_000_000),
    (Dimension::MemoryBytes, 2 << 30),
    (Dimension::TimeMs, 600_000),
    (Dimension::OutputBytes, 256 << 20),
    (Dimension::CallBytes, 256 << 20),
];
/// A limit of time below this would be hit by a machine that is busy.
const TIME_MS_MIN: u64 = 1_000;
/// A limit of output below this saves nothing.
const OUTPUT_BYTES_MIN: u64 = 1_024;
/// Memory grows by pages.
const PAGE_BYTES: u64 = 65_536;

/// Measure a function on samples, and propose limits for its plugin
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plugin of the manifest, a `.wasm` file, or the folder of a crate
    #[arg(value_name = "PLUGIN|FILE")]
    plugin: String,
    /// The function
    function: String,
    /// The arguments of one sample, as a JSON object. May be given many times
    #[arg(long, value_name = "JSON", required_unless_present = "samples")]
    args: Vec<String>,
    /// A file with the arguments of one sample on each line
    #[arg(long, value_name = "FILE.jsonl")]
    samples: Option<PathBuf>,
    /// How much more than the most that was measured is allowed
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0, value_parser = parse_margin)]
    margin: f64,
    #[command(flatten)]
    given: Given,
    /// What a sample may do, as in `priory call`. May be given many times
    #[arg(long = "grant", value_name = "KIND=VALUE")]
    grants: Vec<String>,
    /// Take plugins as they were built last
    #[arg(long)]
    no_build: bool,
}

/// What one sample took.
#[derive(Debug, Clone, Copy)]
struct Measured {
    usage: Usage,
    output_bytes: u64,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let samples = samples(args)?;
    let bounds = Bounds { grants: args.grants.clone(), ..Bounds::default() };
    let opened = project::open_for_measuring(&args.plugin, &bounds, &args.given, !args.no_build)?;
    let runtime = running::runtime()?;
    let measured = runtime.block_on(async {
        let builder = opened.builder.limits(LimitSpec::from_iter(GENEROUS));
        let (host, loaded) = project::build(builder, &opened.plugin).await?;
        let name = function::resolve(loaded.info(), &args.function)?;
        let mut measured = Vec::with_capacity(samples.len());
        for (index, arguments) in samples.into_iter().enumerate() {
            let spec = RunSpec::tool(format!("{}.{name}", opened.plugin), arguments).inputs(opened.inputs.clone());
            let spec = match &opened.narrowed {
                Some(grants) => spec.narrowed(grants.clone()),
                None => spec,
            };
            measured.push(measure(&host, spec, index + 1, &opened.settings).await?);
        }
        Ok::<_, Error>(measured)
    })?;
    output::text(&report(&opened.plugin, &measured, args.margin));
    Ok(Exit::Ok)
}

async fn measure(host: &Host, spec: RunSpec, number: usize, settings: &Settings) -> Result<Measured> {
    let ended = running::run(host, spec, Mode::Quiet, Patience::Endless, false).await?;
    let output_bytes = match &ended.end.result {
        Ok(report) => report.output.byte_len(),
        // An error that the function itself returned is a result like any other.
        Err(Failure::Other(other)) => other.data.as_ref().map_or(0, Json::byte_len),
        Err(_) => {
            let error = ended.error(settings).unwrap_or_else(|| Error::new(Exit::Failed, "the run failed"));
            return Err(error.cause(format!("it was sample {number}")));
        }
    };
    Ok(Measured { usage: ended.tree.root_usage().unwrap_or(ended.end.usage), output_bytes })
}

fn samples(args: &Args) -> Result<Vec<Json>> {
    let mut samples = args.args.iter().map(|text| call::parse(text)).collect::<Result<Vec<_>>>()?;
    if let Some(path) = &args.samples {
        samples.extend(read_samples(path)?);
    }
    match samples.len() {
        0 => Err(Error::usage("there are no samples").hint("give --args or --samples")),
        1..=SAMPLES_MAX => Ok(samples),
        count => Err(Error::usage(format!("there are {count} samples, and {SAMPLES_MAX} are the most"))),
    }
}

fn read_samples(path: &Path) -> Result<Vec<Json>> {
    let failed = |error: &std::io::Error| Error::io(format!("{} cannot be read", path.display()), error);
    let lines = BufReader::new(File::open(path).map_err(|error| failed(&error))?).lines();
    let mut samples = Vec::new();
    for (index, line) in lines.take(SAMPLES_MAX + 1).enumerate() {
        let line = line.map_err(|error| failed(&error))?;
        if !line.trim().is_empty() {
            let parsed = call::parse(&line);
            samples.push(parsed.map_err(|error| error.cause(format!("line {} of {}", index + 1, path.display())))?);
        }
    }
    Ok(samples)
}

fn report(plugin: &str, measured: &[Measured], margin: f64) -> String {
    let mut rows = table::table(["what", "median", "most"]);
    let mut row = |name: &str, of: &dyn Fn(&Measured) -> u64, show: &dyn Fn(u64) -> String| {
        let mut values: Vec<u64> = measured.iter().map(of).collect();
        values.sort_unstable();
        let median = values.get(values.len() / 2).copied().unwrap_or_default();
        let most = values.last().copied().unwrap_or_default();
        rows.add_row([name.to_owned(), show(median), show(most)]);
        most
    };
    let fuel = row("fuel", &|m| m.usage.fuel, &show_count);
    let memory = row("memory", &|m| m.usage.memory_bytes, &show_bytes);
    row("compute", &|m| m.usage.compute_us, &show_micros);
    let time = row("time", &|m| m.usage.compute_us.saturating_add(m.usage.wait_us), &show_micros);
    let output = row("output", &|m| m.output_bytes, &show_bytes);
    table::align_right(&mut rows, &[1, 2]);
    let memory = scaled(memory, margin).div_ceil(PAGE_BYTES).saturating_mul(PAGE_BYTES);
    format!(
        "{}\n# {} times the most of {}\n[plugins.{plugin}.limits]\nfuel = {}\nmemory-bytes = {}\ntime-ms = {}\noutput-bytes = {}\n",
        table::show(rows),
        margin,
        counted(measured.len(), "sample"),
        separated(rounded(scaled(fuel, margin).max(1))),
        separated(memory.max(PAGE_BYTES)),
        separated(rounded(scaled(time, margin).div_ceil(1_000)).max(TIME_MS_MIN)),
        separated(rounded(scaled(output, margin)).max(OUTPUT_BYTES_MIN)),
    )
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a proposal needs no exact numbers, and a float that is too large becomes the largest number"
)]
fn scaled(value: u64, margin: f64) -> u64 {
    (value as f64 * margin).ceil() as u64
}

/// Rounds up to two digits, so that the same samples propose the same limits tomorrow.
fn rounded(value: u64) -> u64 {
    let mut unit = 1u64;
    while value / unit >= 100 {
        unit = unit.saturating_mul(10);
    }
    value.div_ceil(unit).saturating_mul(unit)
}

fn parse_margin(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(margin) if (1.0..=1_000.0).contains(&margin) => Ok(margin),
        _ => Err("a number from 1 to 1000 is expected, such as 1.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_proposed_with_the_margin() {
        let measured = |fuel, memory_bytes, compute_us, output_bytes| Measured {
            usage: Usage { fuel, memory_bytes, compute_us, wait_us: 10, ..Usage::default() },
            output_bytes,
        };
        let samples =
            [measured(1_000, 70_000, 50, 10), measured(1_234_567, 1_114_112, 2_000_000, 9_999), measured(500, 1, 1, 1)];
        assert_eq!(
            report("text", &samples, 2.0),
            "\
WHAT       MEDIAN      MOST
fuel          1 k    1.23 M
memory   68.3 KiB  1.06 MiB
compute     50 µs       2 s
time        60 µs       2 s
output       10 B  9.76 KiB

# 2 times the most of 3 samples
[plugins.text.limits]
fuel = 2_500_000
memory-bytes = 2_228_224
time-ms = 4_100
output-bytes = 20_000
"
        );
    }

    #[test]
    fn numbers_are_rounded_up_to_two_digits() {
        for (value, expected) in [(0, 0), (99, 99), (101, 110), (1_000, 1_000), (123_456, 130_000)] {
            assert_eq!(rounded(value), expected);
        }
        assert!(parse_margin("0.5").is_err() && parse_margin("NaN").is_err() && parse_margin("1.5").is_ok());
    }
}
