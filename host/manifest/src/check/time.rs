// SPDX-License-Identifier: MIT OR Apache-2.0
//! Points in time, as RFC 3339 writes them, and ages.

use toml::value::{Date, Datetime, Offset};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Returns the milliseconds since 1970 of a date with time and offset; `None` for anything else, and before 1970.
pub(super) fn unix_ms(text: &str) -> Option<u64> {
    let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = text.parse().ok()? else { return None };
    let offset_minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute) - offset_minutes;
    let millis = i64::from(time.second.unwrap_or(0)) * 1_000 + i64::from(time.nanosecond.unwrap_or(0) / 1_000_000);
    u64::try_from(days(date) * DAY_MS + minutes * MINUTE_MS + millis).ok()
}

/// Returns the milliseconds of an age such as `90d` or `12h`; `None` for anything else, and for nothing at all.
pub(super) fn age_ms(text: &str) -> Option<u64> {
    const HOUR_MS: u64 = 3_600_000;
    let (number, unit_ms) = match text.strip_suffix('d') {
        Some(number) => (number, 24 * HOUR_MS),
        None => (text.strip_suffix('h')?, HOUR_MS),
    };
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number = is_number.then(|| number.parse::<u64>().ok())??;
    number.checked_mul(unit_ms).filter(|age| *age > 0)
}

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar.
fn days(date: Date) -> i64 {
    // A year that begins in March has its leap day at the end.
    let (year, month) = match date.month {
        1 | 2 => (i64::from(date.year) - 1, i64::from(date.month) + 9),
        month => (i64::from(date.year), i64::from(month) - 3),
    };
    let day_of_year = (153 * month + 2) / 5 + i64::from(date.day) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        for (text, expected) in [
            ("90d", Some(7_776_000_000)),
            ("12h", Some(43_200_000)),
            ("0d", None),
            ("90", None),
            ("d", None),
            ("+1d", None),
            ("-1d", None),
            ("1m", None),
            ("99999999999999999d", None),
        ] {
            assert_eq!(age_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn times_become_milliseconds() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:30:15.250Z", Some(951_827_415_250)),
            ("2026-11-20T00:00:00Z", Some(1_795_132_800_000)),
            ("2027-01-01T01:00:00+01:00", Some(1_798_761_600_000)),
            ("2027-01-01T00:00:00-05:30", Some(1_798_781_400_000)),
            ("2027-01-01 00:00:00Z", Some(1_798_761_600_000)),
            ("1969-12-31T23:59:59Z", None),
            ("2027-01-01T00:00:00", None),
            ("2027-01-01", None),
            ("2027-02-30T00:00:00Z", None),
            ("soon", None),
        ] {
            assert_eq!(unix_ms(text), expected, "{text}");
        }
    }
}
