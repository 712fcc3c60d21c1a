// SPDX-License-Identifier: MIT OR Apache-2.0
//! Points in time as people write and read them. All are UTC, so that a list means the same wherever it is read.

use crate::amount::parse_duration;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The last year that is written out.
const YEAR_MAX: u64 = 9_999;

/// A point in time that a user named: `2026-11-21`, `2026-11-21T08:30`, or `2h` for two hours ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Milliseconds since 1970.
    At(u64),
    /// Milliseconds ago.
    Ago(u64),
}

impl When {
    /// Returns the milliseconds since 1970.
    pub(crate) fn unix_ms(self, now: u64) -> u64 {
        match self {
            Self::At(at) => at,
            Self::Ago(ms) => now.saturating_sub(ms),
        }
    }
}

/// Reads a point in time.
pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    if let Ok(ago) = parse_duration(text) {
        return Ok(When::Ago(ago));
    }
    let wrong =
        || "a day such as 2026-11-21, a time such as 2026-11-21T08:30 (UTC), or 2h for two hours ago is expected";
    parse_date(text).map(When::At).ok_or_else(|| wrong().to_owned())
}

fn parse_date(text: &str) -> Option<u64> {
    let text = text.trim_end_matches('Z');
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut parts = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut clock = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let is_right = (1970..=YEAR_MAX).contains(&year) && parts.next().is_none() && clock.next().is_none();
    if !is_right || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_until(year, month, day)?;
    // A day that its month does not have would come out as another one.
    (civil(days) == (year, month, day))
        .then_some(days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS)
}

/// Shows a point in time to the second, such as `2026-11-21 08:30:15`.
pub(crate) fn show_time(unix_ms: u64) -> String {
    let (year, month, day) = civil(unix_ms / DAY_MS);
    let within = unix_ms % DAY_MS;
    let (hour, minute, second) = (within / HOUR_MS, within % HOUR_MS / MINUTE_MS, within % MINUTE_MS / SECOND_MS);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Shows how long something took in one unit, such as `3.2 s` or `2.0 d`.
pub(crate) fn show_span(ms: u64) -> String {
    match ms {
        0..SECOND_MS => format!("{ms} ms"),
        SECOND_MS..MINUTE_MS => tenths(ms, SECOND_MS, "s"),
        MINUTE_MS..HOUR_MS => tenths(ms, MINUTE_MS, "min"),
        HOUR_MS..DAY_MS => tenths(ms, HOUR_MS, "h"),
        _ => tenths(ms, DAY_MS, "d"),
    }
}

fn tenths(ms: u64, unit_ms: u64, unit: &str) -> String {
    let tenths = ms.saturating_add(unit_ms / 20) / (unit_ms / 10);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Shows when something is due, as seen from now.
pub(crate) fn show_due(due: u64, now: u64) -> String {
    match due.checked_sub(now) {
        Some(ms) if ms > 0 => format!("in {}", show_span(ms)),
        _ => "now".to_owned(),
    }
}

/// Counts the days from 1970 to a day of the calendar. Years begin in March here, so that a leap day is the last.
fn days_until(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

/// Returns year, month and day of a day since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_they_are_read() {
        for (text, unix_ms) in [
            ("1970-01-01 00:00:00", 0),
            ("2000-02-29 23:59:59", 951_868_799_000),
            ("2026-11-21 08:30:15", 1_795_249_815_000),
            ("2100-03-01 00:00:00", 4_107_542_400_000),
        ] {
            assert_eq!(show_time(unix_ms), text);
            assert_eq!(parse_when(text), Ok(When::At(unix_ms)), "{text}");
        }
        assert_eq!(parse_when("2026-11-21").unwrap(), When::At(1_795_219_200_000));
        assert_eq!(parse_when("2026-11-21T08:30Z").unwrap(), When::At(1_795_249_800_000));
        assert_eq!(parse_when("2h").unwrap().unix_ms(7_200_500), 500);
        for wrong in ["2026-02-30", "2026-13-01", "1969-12-31", "2026-11", "2026-11-21T25:00", "yesterday", ""] {
            assert!(parse_when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_have_one_unit() {
        let shown = [999, 3_250, 90_000, 7_300_000, 200_000_000].map(show_span);
        assert_eq!(shown, ["999 ms", "3.3 s", "1.5 min", "2.0 h", "2.3 d"]);
        assert_eq!(show_due(5_000, 4_000), "in 1.0 s");
        assert_eq!(show_due(4_000, 4_000), "now");
    }
}
