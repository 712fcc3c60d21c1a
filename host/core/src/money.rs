// SPDX-License-Identifier: MIT OR Apache-2.0
//! Money as people write it: dollars as a decimal number, exact to the micro-dollar.

use std::fmt;
use std::str::FromStr;

/// Micro-dollars of a dollar.
const MICROS: u64 = 1_000_000;
/// Digits behind the point.
const DIGITS: usize = 6;

/// An amount of money, in micro-dollars, that is read and written as dollars: `0.50`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dollars(pub u64);

/// Says why a text is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// It is no decimal number.
    #[error("dollars are written as a decimal number without a sign, as in `0.50`")]
    Form,
    /// It is finer than what is counted.
    #[error("money is exact to the micro-dollar, which is six digits behind the point")]
    TooFine,
    /// It does not fit.
    #[error("that is more money than can be counted")]
    TooMuch,
}

impl FromStr for Dollars {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || part.is_some_and(|part| !is_digits(part)) {
            return Err(MoneyError::Form);
        }
        let part = part.unwrap_or_default();
        if part.len() > DIGITS {
            return Err(MoneyError::TooFine);
        }
        let whole: u64 = whole.parse().map_err(|_| MoneyError::TooMuch)?;
        let part: u64 = format!("{part:0<DIGITS$}").parse().map_err(|_| MoneyError::Form)?;
        let micros = whole.checked_mul(MICROS).and_then(|micros| micros.checked_add(part));
        micros.map(Self).ok_or(MoneyError::TooMuch)
    }
}

impl fmt::Display for Dollars {
    /// Writes at least two digits behind the point, and as many as there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:0DIGITS$}", self.0 % MICROS);
        let (cents, rest) = part.split_at_checked(2).unwrap_or((&part, ""));
        write!(f, "{}.{cents}{}", self.0 / MICROS, rest.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        for (text, micros, shown) in [
            ("0", 0, "0.00"),
            ("0.50", 500_000, "0.50"),
            ("1", 1_000_000, "1.00"),
            ("0.025", 25_000, "0.025"),
            ("0.000001", 1, "0.000001"),
            ("12.345678", 12_345_678, "12.345678"),
            ("007.1", 7_100_000, "7.10"),
            ("18446744073709.551615", u64::MAX, "18446744073709.551615"),
        ] {
            let read = text.parse::<Dollars>();
            assert_eq!(read, Ok(Dollars(micros)), "{text}");
            assert_eq!(Dollars(micros).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (text, expected) in [
            ("", MoneyError::Form),
            (".5", MoneyError::Form),
            ("1.", MoneyError::Form),
            ("-1", MoneyError::Form),
            ("+1", MoneyError::Form),
            ("1e3", MoneyError::Form),
            ("1,5", MoneyError::Form),
            ("$1", MoneyError::Form),
            ("1.2.3", MoneyError::Form),
            ("0.0000001", MoneyError::TooFine),
            ("18446744073709.551616", MoneyError::TooMuch),
            ("99999999999999999999999", MoneyError::TooMuch),
        ] {
            assert_eq!(text.parse::<Dollars>(), Err(expected), "{text}");
        }
    }
}
