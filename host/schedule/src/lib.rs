// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says when what is scheduled comes due: five fields of cron, read in a time zone.
//!
//! It reads no clock: whoever asks says from when on. The time zones are those that were known when the host was built, so
//! that a schedule means the same on every machine.
//!
//! Where clocks go forward, a fixed time that is skipped comes due at the first moment after it, on the same day; where
//! they go back, it comes due once, the first time. What comes due every so many minutes or hours does so as time
//! passes: not in an hour that there is not, and again in one that there is twice.

#![forbid(unsafe_code)]

mod field;

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// How long the text of a schedule, or the name of a zone, may be, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// The zone that holds where none is named.
pub const UTC: &str = "UTC";
/// From how many letters apart on a name is not taken for a zone any more.
const NEAR_MAX: usize = 3;

/// When something comes due, again and again.
#[derive(Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    text: String,
    zone_name: String,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The fields are not right.
    #[error("`{text}` is no schedule: {reason}")]
    Fields {
        /// The text, cut.
        text: String,
        /// What is wrong, and what would be right.
        reason: String,
        /// What may have been meant.
        meant: Option<String>,
    },
    /// Every field is right, and no day has all of them.
    #[error("`{text}` never comes due: there is no such day")]
    Never {
        /// The text.
        text: String,
    },
    /// There is no such zone.
    #[error("there is no time zone `{name}`")]
    Zone {
        /// The name, cut.
        name: String,
        /// The zone that is nearest.
        near: Option<String>,
    },
}

/// When something came due in a while.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// The times, in milliseconds since 1970; the last ones where they are too many.
    pub unix_ms: Vec<u64>,
    /// How many earlier ones were left out.
    pub left_out: u64,
}

impl Schedule {
    /// Reads five fields, or a word such as `@daily`, in a zone such as `Europe/Berlin`; [`UTC`] where none is named.
    pub fn new(text: &str, zone: Option<&str>) -> Result<Self, ScheduleError> {
        let zone_name = zone.unwrap_or(UTC);
        let cron = parser().parse(text).ok().filter(|_| field::has_form(text));
        let cron = cron.ok_or_else(|| field::wrong(text))?;
        let zone = find_zone(zone_name)?;
        let schedule = Self { cron, zone, text: text.to_owned(), zone_name: zone_name.to_owned() };
        match schedule.next_after(0) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never { text: text.to_owned() }),
        }
    }

    /// Returns when it comes due first after a time, in milliseconds since 1970.
    pub fn next_after(&self, unix_ms: u64) -> Option<u64> {
        let now = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
        let next: Zoned = self.cron.find_next_occurrence(&now.to_zoned(self.zone.clone()), false).ok()?;
        // Fields are whole seconds, and a search never goes back; both are held to, since whoever asks goes on from here.
        u64::try_from(next.timestamp().as_millisecond()).ok().filter(|next| *next > unix_ms)
    }

    /// Returns when it came due after a time and up to another: the last `most`, and how many came before those.
    pub fn due(&self, after_unix_ms: u64, upto_unix_ms: u64, most: usize) -> Due {
        /// How many times are gone through at most: two years of every minute.
        const STEPS_MAX: u64 = 1_100_000;
        let (mut times, mut left_out, mut at) = (std::collections::VecDeque::new(), 0, after_unix_ms);
        for _ in 0..STEPS_MAX {
            let Some(next) = self.next_after(at).filter(|next| *next <= upto_unix_ms) else { break };
            times.push_back(next);
            if times.len() > most {
                times.pop_front();
                left_out += 1;
            }
            at = next;
        }
        Due { unix_ms: times.into(), left_out }
    }

    /// Returns its fields.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the name of its zone.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    /// Shows a time as its zone has it, such as `2026-03-29 03:00:00 CEST`.
    pub fn show(&self, unix_ms: u64) -> String {
        let time = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let shown = time.map(|time| time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string());
        shown.unwrap_or_default()
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.zone_name == other.zone_name
    }
}

impl Eq for Schedule {}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({} in {})", self.text, self.zone_name)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text, self.zone_name)
    }
}

/// Reads five fields: no seconds, and no years.
fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build()
}

/// Finds a zone by its exact name.
fn find_zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let known = || jiff::tz::db().available().map(|known| known.to_string());
    // The database takes names in any case; a manifest says each in one way.
    if let Ok(zone) = jiff::tz::db().get(name)
        && zone.iana_name() == Some(name)
    {
        return Ok(zone);
    }
    let cut: String = name.chars().take(80).collect();
    let lower = cut.to_ascii_lowercase();
    let near = known().find(|known| known.to_ascii_lowercase() == lower).or_else(|| {
        // Whoever writes `Berlin` means the zone with that city.
        known().find(|known| known.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&cut)))
    });
    let near = near.or_else(|| {
        let far = |known: &String| strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &lower);
        known()
            .map(|known| (far(&known), known))
            .filter(|(far, known)| *far <= NEAR_MAX.min(known.len() / 3))
            .min()
            .map(|(_, known)| known)
    });
    Err(ScheduleError::Zone { name: cut, near })
}

#[cfg(test)]
mod tests;
