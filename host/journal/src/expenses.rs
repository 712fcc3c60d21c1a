// SPDX-License-Identifier: MIT OR Apache-2.0
//! What both stores know of expenses: how long they stay, what no request takes, and how sums are ordered.

use priory_core::model::{Expense, ExpenseTotal, TokenUsage, day_of};

/// For how many days single expenses stay. What a day came to stays for good: it is one row a day.
pub(crate) const DAYS_KEPT: u32 = 400;

/// What one request takes at most, in tokens of each kind and in micro-dollars: a trillion, and a million dollars. A
/// provider that reports more is wrong, and a sum of such numbers would be none.
const NUMBER_MAX: u64 = 1 << 40;

/// Returns the first day of which single expenses stay.
pub(crate) fn first_day(unix_ms: u64) -> u32 {
    day_of(unix_ms).saturating_sub(DAYS_KEPT)
}

/// Returns an expense with numbers that can be summed.
pub(crate) fn bounded(expense: Expense) -> Expense {
    let TokenUsage { input, output, cached, cache_written, reasoning } = expense.usage;
    let [input, output, cached, cache_written, reasoning, microusd] =
        [input, output, cached, cache_written, reasoning, expense.microusd].map(|number| number.min(NUMBER_MAX));
    let usage = TokenUsage { input, output, cached, cache_written, reasoning };
    Expense { usage, microusd, ..expense }
}

/// Returns the sum of nothing.
pub(crate) fn nothing(of: String) -> ExpenseTotal {
    ExpenseTotal { of, requests: 0, usage: TokenUsage::default(), microusd: 0 }
}

/// Returns a day as `2026-11-21`.
pub(crate) fn date(day: u32) -> String {
    // Years that begin in March have the leap day at their end; 400 of them have 146,097 days.
    let days = u64::from(day) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_have_dates() {
        for (day, text) in
            [(0, "1970-01-01"), (58, "1970-02-28"), (59, "1970-03-01"), (789, "1972-02-29"), (11_016, "2000-02-29")]
        {
            assert_eq!(date(day), text);
        }
        assert_eq!(
            (date(20_778), date(20_819), date(20_818)),
            ("2026-11-21".into(), "2027-01-01".into(), "2026-12-31".into())
        );
        assert_eq!(date(u32::MAX), "11761191-01-20");
    }
}
