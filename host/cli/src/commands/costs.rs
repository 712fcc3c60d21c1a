// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory costs`: what models have cost, over all runs of the data folder.

use owo_colors::OwoColorize;
use priory::core::model::{ExpenseQuery, ExpenseTotal, GroupBy, TokenUsage, day_of};
use priory::core::money::Dollars;
use priory::machine_clock;
use serde_json::json;

use crate::amount::show_count;
use crate::running;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::printable;
use crate::ui::{output, table};
use crate::when::{When, parse_when};

/// Show what models have cost, over all runs of the data folder
///
/// Days are those of UTC. What comes from the cache of the host, from a recorded run or from a replay costs nothing, and is
/// not counted. What `priory run --ephemeral`, `priory call` and `priory models test` spend is counted; without `[quota]`, they go
/// on uncounted where another process has the folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    data: Data,
    /// By what it is summed: day, model, program or run
    #[arg(long, value_name = "WHAT", default_value = "day", value_parser = parse_by)]
    by: GroupBy,
    /// From this day on, such as 2026-11-01, or 30d for the last 30 days [default: all that is known]
    #[arg(long, value_name = "DATE", value_parser = parse_when)]
    since: Option<When>,
    /// How many lines at most, the dearest first
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 100)]
    limit: u16,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

fn parse_by(text: &str) -> Result<GroupBy, String> {
    text.parse().map_err(|_| "day, model, program or run is expected".to_owned())
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let now = machine_clock().unix_ms();
    let since_day = args.since.map_or(0, |since| day_of(since.unix_ms(now)));
    let most = usize::from(args.limit);
    let runtime = running::runtime()?;
    let mut sums = runtime.block_on(async {
        let expenses = args.data.expenses()?;
        let query = ExpenseQuery { since_day, until_day: u32::MAX, by: args.by, most };
        Ok::<_, Error>(expenses.sum(query).await?)
    })?;
    if args.by == GroupBy::Day {
        sums.sort_by(|a, b| a.of.cmp(&b.of));
    }
    let total = total(&sums);
    if args.json {
        output::json(&json!({ "by": args.by, "sums": sums, "total": total }));
        return Ok(Exit::Ok);
    }
    if sums.is_empty() {
        anstream::eprintln!("{}", "no model was paid".dimmed());
        return Ok(Exit::Ok);
    }
    output::text(&render(args.by, &sums, &total));
    if sums.len() == most {
        anstream::eprintln!("{}", "there may be more: -n N shows N lines".dimmed());
    }
    Ok(Exit::Ok)
}

/// Adds the sums that are shown.
fn total(sums: &[ExpenseTotal]) -> ExpenseTotal {
    let nothing = ExpenseTotal { of: "total".to_owned(), requests: 0, usage: TokenUsage::default(), microusd: 0 };
    sums.iter().fold(nothing, |sum, one| ExpenseTotal {
        requests: sum.requests.saturating_add(one.requests),
        usage: sum.usage.saturating_add(one.usage),
        microusd: sum.microusd.saturating_add(one.microusd),
        of: sum.of,
    })
}

fn render(by: GroupBy, sums: &[ExpenseTotal], total: &ExpenseTotal) -> String {
    let heading = by.to_string();
    let mut rows = table::table([&*heading, "requests", "tokens in", "cached", "tokens out", "$"]);
    for sum in sums.iter().chain([total].into_iter().filter(|_| sums.len() > 1)) {
        rows.add_row([
            printable(&sum.of),
            sum.requests.to_string(),
            show_count(sum.usage.input),
            show_count(sum.usage.cached),
            show_count(sum.usage.output),
            Dollars(sum.microusd).to_string(),
        ]);
    }
    table::align_right(&mut rows, &[1, 2, 3, 4, 5]);
    table::show(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(of: &str, input: u64, microusd: u64) -> ExpenseTotal {
        let usage = TokenUsage { input, output: 10, ..TokenUsage::default() };
        ExpenseTotal { of: of.to_owned(), requests: 2, usage, microusd }
    }

    #[test]
    fn sums_stand_below_each_other() {
        let sums = [sum("fast", 12_000, 1_500), sum("slow", 30, 2_000_001)];
        let expected = "\
MODEL  REQUESTS  TOKENS IN  CACHED  TOKENS OUT         $
fast          2       12 k       0          10    0.0015
slow          2         30       0          10  2.000001
total         4       12 k       0          20  2.001501
";
        assert_eq!(render(GroupBy::Model, &sums, &total(&sums)), expected);
    }
}
