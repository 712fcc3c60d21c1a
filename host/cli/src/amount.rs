// SPDX-License-Identifier: MIT OR Apache-2.0
//! Amounts as people write and read them: fuel, sizes, durations.

/// Suffixes of a number without a unit.
const COUNTS: &[(&str, u64)] =
    &[("", 1), ("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000)];
/// Suffixes of a size. The bare letters mean powers of two, as memory is counted.
const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
];
/// Suffixes of a duration, in milliseconds. There is none without a unit: 30 could be anything.
const DURATIONS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// How many digits may stand behind the point.
const FRACTION_MAX: usize = 9;

/// Reads an amount of fuel, such as `500000000`, `500M` or `1e9`.
pub(crate) fn parse_fuel(text: &str) -> Result<u64, String> {
    parse(text, COUNTS).ok_or_else(|| "a number above 0 is expected, such as 500M, 2G or 1e9".to_owned())
}

/// Reads a size in bytes, such as `65536`, `64MiB` or `1G`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    parse(text, SIZES).ok_or_else(|| "a size above 0 is expected, such as 65536, 64MiB or 1G".to_owned())
}

/// Reads a duration into milliseconds, such as `500ms`, `30s` or `2m`.
pub(crate) fn parse_duration(text: &str) -> Result<u64, String> {
    parse(text, DURATIONS).ok_or_else(|| "a time with its unit is expected, such as 500ms, 30s or 2m".to_owned())
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase().replace('_', "");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(split)?;
    let suffix = suffix.trim_start();
    let factor = match suffix.strip_prefix('e') {
        Some(power) if units.iter().any(|(unit, _)| unit.is_empty()) => 10u64.checked_pow(power.parse().ok()?)?,
        _ => units.iter().find(|(unit, _)| *unit == suffix).map(|(_, factor)| *factor)?,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > FRACTION_MAX || number.ends_with('.') {
        return None;
    }
    let tenths = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let whole = whole.parse::<u128>().ok()?.checked_mul(u128::from(factor))?;
    let total = whole.checked_add(part.checked_mul(u128::from(factor))? / tenths)?;
    u64::try_from(total).ok().filter(|total| *total > 0)
}

/// Shows a number in three digits, such as `1.23 G`.
pub(crate) fn show_count(value: u64) -> String {
    scaled(value, 1_000, &["", " k", " M", " G", " T", " P", " E"])
}

/// Shows a size in three digits, such as `1.5 MiB`.
pub(crate) fn show_bytes(value: u64) -> String {
    scaled(value, 1_024, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"])
}

/// Shows a time that is given in microseconds, such as `1.2 ms`.
pub(crate) fn show_micros(value: u64) -> String {
    match value {
        0..1_000 => format!("{value} µs"),
        1_000..1_000_000 => format!("{} ms", three_digits(value, 1_000)),
        _ => format!("{} s", three_digits(value, 1_000_000)),
    }
}

/// Writes a number as TOML reads it, in groups of three digits.
pub(crate) fn separated(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn scaled(value: u64, step: u64, units: &[&str]) -> String {
    let mut unit = 1u64;
    let mut names = units.iter();
    let mut name = names.next().copied().unwrap_or_default();
    while value / unit >= step {
        let Some(next) = names.next() else { break };
        name = next;
        unit = unit.saturating_mul(step);
    }
    format!("{}{name}", three_digits(value, unit))
}

/// Divides, and keeps as many decimals as three digits leave room for.
fn three_digits(value: u64, unit: u64) -> String {
    let whole = value / unit;
    let decimals = match whole {
        _ if unit == 1 => 0,
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let power = 10u128.pow(decimals);
    let scaled = u128::from(value) * power / u128::from(unit);
    match decimals {
        0 => scaled.to_string(),
        _ => {
            let text = format!("{}.{:0width$}", scaled / power, scaled % power, width = decimals as usize);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, expected) in [
            ("1", Some(1)),
            ("1_000", Some(1_000)),
            ("500M", Some(500_000_000)),
            ("1.5G", Some(1_500_000_000)),
            ("1e9", Some(1_000_000_000)),
            ("0", None),
            ("", None),
            ("-1", None),
            ("1.", None),
            ("5 apples", None),
            ("1e30", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_fuel(text).ok(), expected, "{text}");
        }
        for (text, expected) in [
            ("64MiB", Some(64 << 20)),
            ("64 MiB", Some(64 << 20)),
            ("64m", Some(64 << 20)),
            ("64MB", Some(64_000_000)),
            ("0.5g", Some(1 << 29)),
            ("12", Some(12)),
            ("12s", None),
        ] {
            assert_eq!(parse_size(text).ok(), expected, "{text}");
        }
        for (text, expected) in
            [("500ms", Some(500)), ("30s", Some(30_000)), ("1.5s", Some(1_500)), ("2m", Some(120_000)), ("30", None)]
        {
            assert_eq!(parse_duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_in_three_digits() {
        assert_eq!(show_count(0), "0");
        assert_eq!(show_count(999), "999");
        assert_eq!(show_count(1_234), "1.23 k");
        assert_eq!(show_count(1_000_000_000), "1 G");
        assert_eq!(show_count(u64::MAX), "18.4 E");
        assert_eq!(show_bytes(64 << 20), "64 MiB");
        assert_eq!(show_bytes(1_536), "1.5 KiB");
        assert_eq!(show_micros(12), "12 µs");
        assert_eq!(show_micros(1_250), "1.25 ms");
        assert_eq!(show_micros(61_000_000), "61 s");
        assert_eq!(separated(1_234_567), "1_234_567");
        assert_eq!(separated(123), "123");
    }
}
