// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory revoke --dry-run`: says which recorded runs would have failed without a grant, and where.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory::audit::{Consequence, Hypothesis, Missed, Without, without};
use priory::core::authority::Holder;
use priory::core::journal::RunInfo;
use priory::core::{Digest, Grant, Journal, RunId};
use priory::{Catalog, machine_clock};
use serde_json::json;

use crate::recorded::offline_host;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::{counted, printable};
use crate::ui::{output, table};
use crate::when::{When, parse_when, show_time};
use crate::{running, taking};

/// How many runs are shown of which something would have become otherwise.
const SHOWN_MAX: usize = 100;

/// Say which recorded runs would have failed without a grant, and where
///
/// The authority of every frame is built anew from what was configured when its run began, and each effect is decided
/// again without the grant. Which addresses were dialled is not recorded, so they are not decided again.
/// It ends with 0 when nothing would have become otherwise, and with 1 when something would.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    data: Data,
    /// The grant, as `priory runs show` and `priory explain` write it, such as `tool=files.read`
    #[arg(value_name = "GRANT")]
    grant: Grant,
    /// Whose grant it is: agent:NAME, workflow:NAME, plugin:NAME or caller [default: whoever has it]
    #[arg(long, value_name = "HOLDER", value_parser = parse_holder)]
    holder: Option<Holder>,
    /// Only runs that began at this time or later: 2026-11-21, 2026-11-21T08:30 (UTC), or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    since: Option<When>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Write one line of JSON for each run of which something would have become otherwise
    #[arg(long)]
    json: bool,
}

fn parse_holder(text: &str) -> Result<Holder, String> {
    match text.split_once(':') {
        Some(("agent", name)) => Ok(Holder::Agent(Arc::from(name))),
        Some(("workflow", name)) => Ok(Holder::Workflow(Arc::from(name))),
        Some(("plugin", name)) => Ok(Holder::Plugin(Arc::from(name))),
        None if text == "caller" => Ok(Holder::Caller),
        _ => Err("agent:NAME, workflow:NAME, plugin:NAME or caller is expected".to_owned()),
    }
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    if !args.dry_run {
        return Err(Error::usage("a grant is taken back from live runs by the host that executes them")
            .cause("a program that embeds the host calls `Host::revoke`; a project takes the grant out of its manifest")
            .hint("--dry-run says which recorded runs would have failed without it"));
    }
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = args.data.read()?;
        let since = args.since.map(|since| since.unix_ms(machine_clock().unix_ms()));
        let mut infos = taking::every(&journal, &[]).await?;
        infos.retain(|info| since.is_none_or(|since| info.started_unix_ms >= since));
        let thought = Without { holder: args.holder.clone(), grant: args.grant.clone() };
        let mut audit =
            Audit { journal, thought, found: Vec::new(), unread: Vec::new(), looked_at: 0, was_held: false };
        audit.all(infos).await?;
        audit.show(args)
    })
}

/// Runs that are looked through one by one.
struct Audit {
    journal: Arc<dyn Journal>,
    thought: Without,
    /// Runs of which something would have become otherwise.
    found: Vec<(RunInfo, Vec<Missed>)>,
    /// Runs that cannot be looked through, and why.
    unread: Vec<(RunId, String)>,
    looked_at: usize,
    was_held: bool,
}

impl Audit {
    /// Looks through runs; those that began with the same configuration share a catalog.
    async fn all(&mut self, infos: Vec<RunInfo>) -> Result<()> {
        let mut groups: BTreeMap<Option<Digest>, Vec<RunInfo>> = BTreeMap::new();
        for info in infos {
            match priory::resume::read_start(&self.journal, info.id).await {
                Ok(started) => groups.entry(started.catalog).or_default().push(info),
                Err(error) => self.unread.push((info.id, error.to_string())),
            }
        }
        for infos in groups.into_values() {
            let Some(first) = infos.first().map(|info| info.id) else { continue };
            match offline_host(&self.journal, first).await {
                Ok(host) => {
                    for info in infos {
                        self.one(host.catalog(), info).await;
                    }
                }
                Err(error) => {
                    let why = error.message().to_owned();
                    self.unread.extend(infos.iter().map(|info| (info.id, why.clone())));
                }
            }
        }
        self.found.sort_by_key(|(info, _)| std::cmp::Reverse(info.id));
        Ok(())
    }

    async fn one(&mut self, catalog: &Catalog, info: RunInfo) {
        let looked = match priory::resume::read_all(&self.journal, info.id).await {
            Ok(events) => without(catalog, &events, &self.thought).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match looked {
            Ok(Hypothesis { was_held, missed }) => {
                self.looked_at += 1;
                self.was_held |= was_held;
                if !missed.is_empty() {
                    self.found.push((info, missed));
                }
            }
            Err(why) => self.unread.push((info.id, why)),
        }
    }

    fn show(&self, args: &Args) -> Result<Exit> {
        for (run, why) in &self.unread {
            anstream::eprintln!("{run} cannot be looked through: {}", printable(why));
        }
        if !self.was_held && self.unread.is_empty() && self.looked_at > 0 {
            let who = args.holder.as_ref().map_or_else(|| "nobody".to_owned(), |holder| format!("{holder} never"));
            return Err(Error::not_found(format!("{who} had the grant {} in {}", args.grant, self.runs()))
                .hint("`priory runs show RUN` names the grants that a run used, in the words to write here"));
        }
        if args.json {
            for (info, missed) in &self.found {
                output::line(&json!({"run": info.id, "fails": fails(missed), "missed": missed}).to_string());
            }
        } else if !self.found.is_empty() {
            output::text(&self.table());
        }
        let failed = self.found.iter().filter(|(_, missed)| fails(missed)).count();
        let less = self.found.len() - failed;
        let less = if less > 0 { format!(", and {less} would have seen or told less") } else { String::new() };
        anstream::eprintln!(
            "without {}, {failed} of {} would have been refused something{less}",
            args.grant,
            self.runs()
        );
        Ok(if self.found.is_empty() && self.unread.is_empty() { Exit::Ok } else { Exit::Failed })
    }

    fn runs(&self) -> String {
        counted(self.looked_at, "run")
    }

    fn table(&self) -> String {
        let mut rows = table::table(["run", "began (UTC)", "event", "frame", "step", "program", "what", "becomes"]);
        for (info, missed) in self.found.iter().take(SHOWN_MAX) {
            // Where something fails, that is what matters first.
            let first = missed.iter().find(|one| one.consequence == Consequence::Fails).or(missed.first());
            let Some(first) = first else { continue };
            let becomes = match first.consequence {
                Consequence::Fails => "refused",
                Consequence::Unseen => "not seen",
                Consequence::Dropped => "dropped",
            };
            let more = if missed.len() > 1 { format!(", and {} more", missed.len() - 1) } else { String::new() };
            rows.add_row([
                info.id.to_string(),
                show_time(info.started_unix_ms),
                first.site.seq.to_string(),
                first.site.frame.to_string(),
                first.site.step.map_or_else(|| "-".to_owned(), |step| step.to_string()),
                first.site.program.to_string(),
                printable(&first.access),
                format!("{becomes} by {}{more}", first.by),
            ]);
        }
        let mut text = table::show(rows);
        if self.found.len() > SHOWN_MAX {
            text.push_str(&format!("… and {} more, which --json lists\n", self.found.len() - SHOWN_MAX));
        }
        text
    }
}

fn fails(missed: &[Missed]) -> bool {
    missed.iter().any(|one| one.consequence == Consequence::Fails)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_a_kind() {
        assert_eq!(parse_holder("agent:a"), Ok(Holder::Agent("a".into())));
        assert_eq!(parse_holder("plugin:p"), Ok(Holder::Plugin("p".into())));
        assert_eq!(parse_holder("caller"), Ok(Holder::Caller));
        assert!(parse_holder("a").is_err() && parse_holder("ceiling:a").is_err());
    }
}
