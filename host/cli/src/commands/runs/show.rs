// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs show`: a run with all its frames, what they asked for and what they got.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;

use owo_colors::OwoColorize;
use priory::audit::{self, Allowed};
use priory::core::event::Envelope;
use priory::core::journal::{RunInfo, RunState, Wait};
use priory::core::model::Spent;
use priory::core::money::Dollars;
use priory::core::{FramePath, Journal, RunId, Usage};
use priory::{lineage, machine_clock};
use serde_json::{Value, json};

use super::list::{self, labels};
use crate::amount::{show_bytes, show_count, show_micros};
use crate::ended::spending;
use crate::history::{Frame, History, Step};
use crate::recorded::offline_host;
use crate::running;
use crate::store::{self, Data};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::{counted, printable};
use crate::ui::waits::Waits;
use crate::ui::{self, output, table, value};
use crate::when::{show_span, show_time};

/// How many hexadecimal digits of a digest are shown.
const DIGEST_CHARS: usize = 16;
/// How many frames may stand inside each other in what is shown; deeper ones stand at the same margin.
const INDENT_MAX: usize = 20;

/// Show a run: its frames, their effects and outcomes, and what it waits for
///
/// With --lineage it shows instead where a value of the result came from: through which frames, down to what somebody gave,
/// sent or read, or to the program that made it. That is found by comparison, so equal values may have met by chance; texts
/// are also compared by the parts that they have in common, from 16 characters.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, or @last
    run: String,
    /// Show where a value came from: a JSON Pointer into the result, such as /facts/0, or a text or number of the run
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    lineage: Option<String>,
    /// How many lines of effects at most
    #[arg(short = 'n', long = "most", value_name = "N", default_value_t = 500)]
    most: usize,
    /// Write it as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = data.read()?;
        let info = store::find(&journal, &args.run).await?;
        let events = priory::resume::read_all(&journal, info.id).await?;
        if let Some(value) = &args.lineage {
            return traced(args, &events, value);
        }
        let waits = match info.state {
            RunState::Parked => journal.waits(info.id).await?,
            _ => Vec::new(),
        };
        let history = History::of(&events);
        let now = machine_clock().unix_ms();
        // A run is worth seeing where its plugins cannot be loaded any more.
        let grants = grants(&journal, info.id, &events).await.map_err(|error| error.message());
        if args.json {
            output::json(&as_json(&info, &history, &waits, now, grants.as_deref().unwrap_or_default()));
            return Ok(Exit::Ok);
        }
        let mut text = header(&info, &history, now);
        let mut tree = Tree::new(&history, args.most);
        tree.frame(&FramePath::root(), 0);
        let _ = write!(text, "\n{}", tree.finish());
        text.push_str(&footer(&info, &history));
        match &grants {
            Ok(grants) => text.push_str(&used(grants)),
            Err(error) => anstream::eprintln!("which grants were used cannot be found out: {error}"),
        }
        if !waits.is_empty() {
            let typed = data.typed();
            let waits = Waits { run: info.id, waits: &waits, now, folder: &typed };
            let _ = write!(text, "\n{}\n{}", waits.headline(), waits.render());
        }
        output::text(&text);
        Ok(Exit::Ok)
    })
}

/// Shows where a value came from.
fn traced(args: &Args, events: &[Envelope], value: &str) -> Result<Exit> {
    let lineage = lineage::trace(events, value).map_err(|error| ui::lineage::error(&error))?;
    match args.json {
        true => output::json(&json!(lineage)),
        false => output::text(&ui::lineage::render(&lineage, args.most, terminal_width())),
    }
    if !lineage.is_whole {
        anstream::eprintln!("this is not all: there is too much of it to be traced as a whole");
    }
    Ok(Exit::Ok)
}

/// Returns how wide the terminal is; what is not shown on one is not cut.
fn terminal_width() -> usize {
    let width = std::io::stdout().is_terminal().then(table::width).flatten();
    width.map_or(usize::MAX, usize::from)
}

/// Finds out which grants allowed what.
async fn grants(journal: &Arc<dyn Journal>, run: RunId, events: &[Envelope]) -> Result<Vec<Allowed>> {
    let host = offline_host(journal, run).await?;
    audit::allowed(host.catalog(), events).map_err(|error| Error::new(Exit::Failed, error.to_string()))
}

/// Shows the grants that were used, each with how often.
fn used(grants: &[Allowed]) -> String {
    let mut uses: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (holder, grant) in grants.iter().flat_map(|allowed| &allowed.by) {
        *uses.entry((holder.to_string(), grant.to_string())).or_default() += 1;
    }
    if uses.is_empty() {
        return String::new();
    }
    let mut table = table::table(["grants used", "of", "times"]);
    for ((holder, grant), count) in uses {
        table.add_row([printable(&grant), printable(&holder), count.to_string()]);
    }
    table::align_right(&mut table, &[2]);
    format!("\n{}", table::show(table))
}

fn allowed_as_json(allowed: &Allowed) -> Value {
    let by: Vec<Value> =
        allowed.by.iter().map(|(holder, grant)| json!({"holder": holder, "grant": grant.to_string()})).collect();
    json!({"site": allowed.site, "access": allowed.access, "by": by})
}

fn as_json(info: &RunInfo, history: &History, waits: &[Wait], now: u64, grants: &[Allowed]) -> Value {
    let waits = Waits { run: info.id, waits, now, folder: "" };
    let result = history.result.as_ref().map(|result| match result {
        Ok(report) => json!({"report": report}),
        Err(failure) => json!({"failure": failure}),
    });
    json!({
        "run": list::as_json(info),
        "started": history.started,
        "resumed": history.resumed,
        "frames": history.frames_as_json(),
        "result": result,
        "usage": history.usage,
        "waits": waits.as_json(),
        "grants": grants.iter().map(allowed_as_json).collect::<Vec<_>>(),
    })
}

fn header(info: &RunInfo, history: &History, now: u64) -> String {
    let mut table = table::plain();
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), printable(&value.replace(['\n', '\t'], " "))]);
    };
    row("run", info.id.to_string());
    row("state", info.state.to_string());
    row("program", info.program.to_string());
    let until = if info.state.has_ended() { info.updated_unix_ms } else { now };
    let took = show_span(until.saturating_sub(info.started_unix_ms));
    row(
        "started",
        format!(
            "{} UTC, {} {took}",
            show_time(info.started_unix_ms),
            if info.state.has_ended() { "took" } else { "for" }
        ),
    );
    if history.resumed > 0 {
        row("taken up", counted(history.resumed, "time"));
    }
    if let Some(started) = &history.started {
        row("input", value::json(&started.input));
        if let Some((run, seq)) = &started.forked_from {
            row("forked", format!("from event {seq} of {run}"));
        }
        if let Some(model) = &started.model {
            row("model", model.clone());
        }
        row("seed", started.seed.clone());
        row("engine", started.engine.to_string());
    }
    for (name, digest) in plugins(history) {
        row("plugin", format!("{name} {digest}…"));
    }
    if !info.labels.is_empty() {
        row("labels", labels(info));
    }
    let events = usize::try_from(info.events).unwrap_or(usize::MAX);
    row("stored", format!("{}, {}", counted(events, "event"), show_bytes(info.bytes)));
    table::show(table)
}

/// Returns the programs that were executed with the digests of their plugins, each pair once.
fn plugins(history: &History) -> Vec<(String, String)> {
    let of = |frame: &Frame| {
        let digest = frame.plugin?.to_hex().chars().take(DIGEST_CHARS).collect::<String>();
        Some((frame.program.to_string(), format!("blake3:{digest}")))
    };
    let mut found: Vec<_> = history.frames.values().filter_map(of).collect();
    found.sort();
    found.dedup();
    found
}

fn footer(info: &RunInfo, history: &History) -> String {
    let mut text = String::new();
    match &history.result {
        Some(Ok(report)) => {
            let _ = writeln!(text, "\nresult  {}", printable(&value::json(&report.output)));
        }
        Some(Err(failure)) => {
            let _ = writeln!(text, "\nfailed  {}", printable(&value::failure(failure)));
        }
        None if info.state == RunState::Open => {
            let _ = writeln!(text, "\nopen: a process executes it, or was killed; `priory runs resume` takes it up");
        }
        None => {}
    }
    if let Some(usage) = &history.usage {
        let _ = writeln!(text, "used    {}", facts(usage));
    }
    text
}

/// Writes frames with what they asked for, each below the effect that called it.
struct Tree<'a> {
    history: &'a History,
    lines: Vec<String>,
    left_out: usize,
    most: usize,
    width: usize,
}

impl<'a> Tree<'a> {
    fn new(history: &'a History, most: usize) -> Self {
        Self { history, lines: Vec::new(), left_out: 0, most, width: terminal_width() }
    }

    fn frame(&mut self, root: &FramePath, depth: usize) {
        let Some(frame) = self.history.frames.get(root) else { return };
        let mark = mark(frame.end.as_ref().map(|(failure, _)| failure.is_none()));
        let facts = frame.end.as_ref().map(|(_, usage)| facts(usage)).unwrap_or_default();
        self.line(&mark, depth, &format!("{root} {}", frame.program), &facts);
        self.steps(root, depth + 1);
    }

    /// Writes the effects of a frame. How deep frames are nested is limited, so this ends.
    fn steps(&mut self, path: &FramePath, depth: usize) {
        let Some(frame) = self.history.frames.get(path) else { return };
        for (number, step) in &frame.steps {
            let child = path.child(*number);
            self.step(&child, step, depth);
            self.steps(&child, depth + 1);
        }
    }

    fn step(&mut self, path: &FramePath, step: &Step, depth: usize) {
        let frame = self.history.frames.get(path);
        let is_ok = step.outcome.as_ref().map(|(outcome, _)| outcome.is_ok());
        let outcome = match &step.outcome {
            Some((outcome, _)) => format!(" → {}", value::outcome(outcome)),
            None => " …".to_owned(),
        };
        let facts = frame.and_then(|frame| frame.end.as_ref()).map(|(_, usage)| facts(usage)).unwrap_or_default();
        self.line(&mark(is_ok), depth, &format!("{path} {}{outcome}", value::effect(&step.effect)), &facts);
        for spent in &step.spent {
            self.line("·", depth + 1, &paid(spent), "");
        }
        if let Some(window) = &step.window {
            self.line("·", depth + 1, &format!("window: {}", window.words()), "");
        }
    }

    fn line(&mut self, mark: &str, depth: usize, text: &str, facts: &str) {
        if self.lines.len() >= self.most {
            self.left_out += 1;
            return;
        }
        let text = printable(&text.replace(['\n', '\t'], " "));
        let margin = "  ".repeat(depth.min(INDENT_MAX));
        let room = self.width.saturating_sub(margin.chars().count() + 2);
        let (len, facts_len) = (text.chars().count(), facts.chars().count());
        let text = match len > room {
            true => text.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            false => text,
        };
        // What it took is left out where there is no room for it.
        let has_facts = !facts.is_empty() && len + 2 + facts_len <= room;
        let facts = if has_facts { format!("  {}", facts.dimmed()) } else { String::new() };
        self.lines.push(format!("{margin}{mark} {text}{facts}"));
    }

    fn finish(self) -> String {
        let mut text: String = self.lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect();
        if self.left_out > 0 {
            let _ = writeln!(text, "… and {}: -n N shows N lines", counted(self.left_out, "more line"));
        }
        text
    }
}

/// Says what one model took for a step.
fn paid(spent: &Spent) -> String {
    let usage = &spent.usage;
    let cached = if usage.cached > 0 { format!(" ({} cached)", show_count(usage.cached)) } else { String::new() };
    let mut parts = vec![
        spent.model.to_string(),
        format!("{} tokens in{cached}", show_count(usage.input)),
        format!("{} out", show_count(usage.output)),
        format!("${}", Dollars(spent.microusd)),
    ];
    if spent.attempts > 1 {
        parts.push(counted(spent.attempts as usize, "attempt"));
    }
    if !spent.is_answered {
        parts.push("no answer".to_owned());
    }
    if !spent.is_paid {
        parts.push("from a recorded run".to_owned());
    }
    parts.join(" · ")
}

fn mark(is_ok: Option<bool>) -> String {
    match is_ok {
        Some(true) => "✓".green().to_string(),
        Some(false) => "✗".red().to_string(),
        None => "▸".cyan().to_string(),
    }
}

fn facts(usage: &Usage) -> String {
    let parts = [
        format!("{} fuel", show_count(usage.fuel)),
        show_bytes(usage.memory_bytes),
        format!("{} compute", show_micros(usage.compute_us)),
    ];
    parts.into_iter().chain(spending(usage)).collect::<Vec<_>>().join(" · ")
}
