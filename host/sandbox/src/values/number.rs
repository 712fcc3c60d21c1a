// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the numbers of JSON exactly, from their text.

use wasmtime::component::Val;

use crate::values::names::shown;

/// How many digits the largest 64-bit integer has; a number with more is out of range whatever they are.
const DIGITS_MAX: usize = 20;

/// The largest f32, as its shortest decimal: this is what is written, so it has to be what is read.
pub(super) const F32_GREATEST: f64 = 3.402_823_5e38;

/// The strings for the floats that JSON has no numbers for.
pub(super) const FLOAT_WORDS: [(&str, f64); 3] =
    [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// One of the integer types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integer {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

// === impl Integer ===

impl Integer {
    /// Returns the name in WIT, the least and the greatest value.
    pub(super) fn facts(self) -> (&'static str, i128, i128) {
        match self {
            Self::S8 => ("s8", i8::MIN.into(), i8::MAX.into()),
            Self::U8 => ("u8", u8::MIN.into(), u8::MAX.into()),
            Self::S16 => ("s16", i16::MIN.into(), i16::MAX.into()),
            Self::U16 => ("u16", u16::MIN.into(), u16::MAX.into()),
            Self::S32 => ("s32", i32::MIN.into(), i32::MAX.into()),
            Self::U32 => ("u32", u32::MIN.into(), u32::MAX.into()),
            Self::S64 => ("s64", i64::MIN.into(), i64::MAX.into()),
            Self::U64 => ("u64", u64::MIN.into(), u64::MAX.into()),
        }
    }

    /// Reads a JSON number, or says what is wrong with it.
    ///
    /// `1.0` and `1e3` are whole numbers: JSON does not tell them from `1` and `1000`, and neither do schemas.
    pub(super) fn read(self, text: &str) -> Result<Val, String> {
        let (name, least, greatest) = self.facts();
        let Some(number) = whole(text) else {
            return Err(format!("{} has a fraction, and {name} takes whole numbers only", shown(text)));
        };
        if number < least {
            return Err(format!("{} is below {least}, the least {name}", shown(text)));
        }
        self.val(number).ok_or_else(|| format!("{} is above {greatest}, the greatest {name}", shown(text)))
    }

    fn val(self, number: i128) -> Option<Val> {
        Some(match self {
            Self::S8 => Val::S8(number.try_into().ok()?),
            Self::U8 => Val::U8(number.try_into().ok()?),
            Self::S16 => Val::S16(number.try_into().ok()?),
            Self::U16 => Val::U16(number.try_into().ok()?),
            Self::S32 => Val::S32(number.try_into().ok()?),
            Self::U32 => Val::U32(number.try_into().ok()?),
            Self::S64 => Val::S64(number.try_into().ok()?),
            Self::U64 => Val::U64(number.try_into().ok()?),
        })
    }
}

/// Reads an f64, rounded to the nearest.
pub(super) fn read_f64(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{} is not a number", shown(text)))?;
    if number.is_finite() { Ok(number) } else { Err(beyond(text, "f64", f64::MAX)) }
}

/// Reads an f32, rounded once from the decimal text.
pub(super) fn read_f32(text: &str) -> Result<f32, String> {
    // The range is compared in f64, as whoever checks a schema does.
    if read_f64(text)?.abs() > F32_GREATEST {
        return Err(beyond(text, "f32", F32_GREATEST));
    }
    text.parse().map_err(|_| format!("{} is not a number", shown(text)))
}

fn beyond(text: &str, name: &str, greatest: f64) -> String {
    format!("{} is outside of ±{greatest:e}, the range of {name}; \"Infinity\" is a value too", shown(text))
}

/// Returns the value of a JSON number when it is whole.
///
/// What has more than [`DIGITS_MAX`] digits comes back as the largest number of its sign.
fn whole(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)),
        None => (unsigned, 0),
    };
    let (integral, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = [integral, fraction].concat();
    let leading = digits.trim_start_matches('0');
    let digits = leading.trim_end_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    let dropped = i64::try_from(leading.len() - digits.len()).ok()?;
    let scale = exponent.saturating_sub(i64::try_from(fraction.len()).ok()?).saturating_add(dropped);
    if scale < 0 {
        return None;
    }
    let scale = u32::try_from(scale).unwrap_or(u32::MAX);
    let saturated = if negative { i128::MIN } else { i128::MAX };
    if digits.len().saturating_add(scale as usize) > DIGITS_MAX {
        return Some(saturated);
    }
    let number = digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(scale)?)?;
    Some(if negative { -number } else { number })
}

/// Reads an exponent; one that does not fit is as good as the largest.
fn read_exponent(text: &str) -> i64 {
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact_however_they_are_written() {
        let cases: &[(&str, Option<i128>)] = &[
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-0.0e99", Some(0)),
            ("1.0", Some(1)),
            ("1e3", Some(1000)),
            ("1.5E+1", Some(15)),
            ("1500e-2", Some(15)),
            ("1.5", None),
            ("15e-1", None),
            ("1e-999999999999999999999", None),
            ("9007199254740993.0", Some(9_007_199_254_740_993)),
            ("18446744073709551615.000", Some(u64::MAX.into())),
            ("-9223372036854775808e0", Some(i64::MIN.into())),
            ("184467440737095516160e-1", Some(u64::MAX as i128 + 1)),
            ("1e19", Some(10_000_000_000_000_000_000)),
            ("1e400", Some(i128::MAX)),
            ("-1e999999999999999999999", Some(i128::MIN)),
            ("123456789012345678901234567890", Some(i128::MAX)),
        ];
        for (text, expected) in cases {
            assert_eq!(whole(text), *expected, "{text}");
        }
    }

    #[test]
    fn a_number_outside_of_its_type_is_refused_with_the_bound() {
        assert_eq!(Integer::U32.read("-1"), Err("-1 is below 0, the least u32".to_owned()));
        assert_eq!(Integer::S8.read("128"), Err("128 is above 127, the greatest s8".to_owned()));
        assert_eq!(
            Integer::U64.read("18446744073709551616"),
            Err("18446744073709551616 is above 18446744073709551615, the greatest u64".to_owned())
        );
        assert_eq!(Integer::U8.read("0.5"), Err("0.5 has a fraction, and u8 takes whole numbers only".to_owned()));
        assert_eq!(Integer::U64.read("18446744073709551615"), Ok(Val::U64(u64::MAX)));
    }

    #[test]
    fn floats_are_rounded_once_and_bounded() {
        assert!(read_f64("1e400").is_err());
        assert_eq!(read_f32("3.4028234663852886e38"), Ok(f32::MAX));
        assert_eq!(read_f32(&format!("{:?}", f32::MAX)), Ok(f32::MAX));
        assert!(read_f32("3.4028236e38").is_err());
        assert_eq!(read_f64("-0").map(f64::to_bits), Ok((-0.0_f64).to_bits()));
    }
}
