// SPDX-License-Identifier: MIT OR Apache-2.0
//! Amounts that people write as text: money, and spans of time with a unit.

use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::money::Dollars;

use super::Check;
use crate::wire::{self, At, Decimal};

/// Units of time, the longest names first, with their milliseconds.
const UNITS: [(&str, u64); 5] = [("min", 60_000), ("ms", 1), ("s", 1_000), ("h", 3_600_000), ("d", 24 * 3_600_000)];

/// Returns the milliseconds of a span of time such as `5min`, `60s` or `250ms`; `None` for anything else, and for nothing.
pub(super) fn span_ms(text: &str) -> Option<u64> {
    let (number, unit_ms) = UNITS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, *ms)))?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number = is_number.then(|| number.parse::<u64>().ok())??;
    number.checked_mul(unit_ms).filter(|ms| *ms > 0)
}

/// Writes a span of time with the largest unit that needs no fraction.
pub(super) fn span_words(ms: u64) -> String {
    let mut units = UNITS;
    units.sort_unstable_by_key(|(_, unit_ms)| std::cmp::Reverse(*unit_ms));
    let unit = units.iter().find(|(_, unit_ms)| ms >= *unit_ms && ms.is_multiple_of(*unit_ms));
    unit.map_or_else(|| "0ms".to_owned(), |(unit, unit_ms)| format!("{}{unit}", ms / unit_ms))
}

impl Check<'_> {
    /// Checks a budget.
    pub(crate) fn budget(&mut self, wire: &wire::Budget) -> BudgetSpec {
        BudgetSpec {
            fuel: wire.fuel,
            memory_bytes: wire.memory_bytes,
            calls: wire.calls,
            bytes: wire.bytes,
            tokens_in: wire.tokens_in,
            tokens_out: wire.tokens_out,
            money_microusd: wire.money.as_ref().and_then(|money| self.dollars(money)),
        }
    }

    /// Checks what may be spent in a day.
    pub(super) fn quota(&mut self) -> QuotaSpec {
        let wire = &self.wire.quota;
        let money_microusd = wire.money.as_ref().and_then(|money| self.dollars(money));
        QuotaSpec { tokens_in: wire.tokens_in, tokens_out: wire.tokens_out, money_microusd }
    }

    /// Returns an amount of dollars in micro-dollars; reports what is none, or not exact.
    pub(super) fn dollars(&mut self, money: &At<Decimal>) -> Option<u64> {
        match &**money {
            Decimal::Number(number) => {
                let message = format!("`{number}` is a number, and dollars are written as text, which is exact");
                let hint = match number.parse::<Dollars>() {
                    Ok(dollars) => format!("write `\"{dollars}\"`"),
                    Err(_) => "write it between quotes, as in `\"0.50\"`".to_owned(),
                };
                self.problems.push(money.span(), message, Some(hint));
                None
            }
            Decimal::Text(text) => match text.parse::<Dollars>() {
                Ok(Dollars(microusd)) => Some(microusd),
                Err(error) => {
                    let message = format!("`{text}` is no amount of money");
                    self.problems.push(money.span(), message, Some(error.to_string()));
                    None
                }
            },
        }
    }

    /// Returns a span of time in milliseconds, if it is within its bounds; reports what is none.
    pub(super) fn span(&mut self, text: &At<String>, least_ms: u64, most_ms: u64) -> Option<u64> {
        let Some(ms) = span_ms(text) else {
            let hint = "write a number above 0 with its unit, such as `90s`, `5min`, `1h` or `250ms`".to_owned();
            self.problems.push(text.span(), format!("`{}` is no span of time", text.as_str()), Some(hint));
            return None;
        };
        if !(least_ms..=most_ms).contains(&ms) {
            let bounds = format!("from {} to {}", span_words(least_ms), span_words(most_ms));
            self.problems.push(text.span(), format!("`{}` is out of bounds: it may be {bounds}", text.as_str()), None);
            return None;
        }
        Some(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("60s", Some(60_000)),
            ("5min", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("2d", Some(172_800_000)),
            ("5 min", None),
            ("5m", None),
            ("0s", None),
            ("s", None),
            ("1.5h", None),
            ("-1s", None),
            ("60", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(span_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn spans_are_written_shortly() {
        for (ms, expected) in
            [(1, "1ms"), (1_000, "1s"), (90_000, "90s"), (3_600_000, "1h"), (86_400_000, "1d"), (1_500, "1500ms")]
        {
            assert_eq!(span_words(ms), expected);
        }
    }
}
