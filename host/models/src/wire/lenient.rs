// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of answers that servers do not agree about: read where they are what they should be, and passed over where not.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{WireError, fault};

/// The largest count that is believed: no model reads or writes more tokens for one answer.
const COUNT_MAX: u64 = u32::MAX as u64;

/// How many things of one kind an answer lists at most: more than anything reads. Each takes many times the bytes in memory
/// that it takes on its way, so a list without a bound would be as large as a stranger wants.
const LIST_MAX: usize = 1_024;
/// How much of an error that stands inside of an answer is read, in bytes.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// A list that is not longer than foreseen. Reading a longer one fails where it becomes too long.
pub(crate) struct Few<T, const MOST: usize = LIST_MAX>(pub(crate) Vec<T>);

impl<T, const MOST: usize> IntoIterator for Few<T, MOST> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_seq(Listing(PhantomData))
    }
}

struct Listing<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Listing<T, MOST> {
    type Value = Few<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut listed = Vec::new();
        while let Some(one) = seq.next_element()? {
            if listed.len() >= MOST {
                return Err(serde::de::Error::invalid_length(MOST.saturating_add(1), &self));
            }
            listed.push(one);
        }
        Ok(Few(listed))
    }
}

/// Reads a count; `None` of what is none, such as a negative number.
pub(crate) fn count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    d.deserialize_any(Count)
}

/// Reads a text; a number becomes its digits, and anything else `None`.
pub(crate) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    d.deserialize_any(Text)
}

/// Reads a value of a type; `None` where it has another form.
pub(crate) fn maybe<'de, D: Deserializer<'de>, T: DeserializeOwned>(d: D) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(d)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Reads an answer of a server. Where it has another form because it is an error, that is what it is.
pub(crate) fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, WireError> {
    #[derive(serde::Deserialize)]
    struct Failed<'a> {
        #[serde(default, borrow)]
        error: Option<&'a RawValue>,
    }
    let is_object = || body.trim_ascii_start().starts_with(b"{");
    let failed = || serde_json::from_slice::<Failed<'_>>(body).ok().filter(|_| is_object())?.error;
    serde_json::from_slice(body).map_err(|error| match failed() {
        Some(error) => inside(error),
        None => WireError::Malformed(fault::clipped(&error.to_string())),
    })
}

/// Reads an error that stands inside of an answer. One that is longer than any says nothing.
pub(crate) fn inside(error: &RawValue) -> WireError {
    let text = Some(error.get()).filter(|text| text.len() <= ERROR_BYTES_MAX);
    fault::inside(&text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
}

/// Reads an object; `None` of anything else. A list would be read as the fields in their order, which nobody wrote.
pub(crate) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(d: D) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(d)?;
    Ok(raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok()).flatten())
}

struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count")
    }

    fn visit_u64<E>(self, count: u64) -> Result<Self::Value, E> {
        Ok((count <= COUNT_MAX).then_some(count))
    }

    fn visit_i64<E>(self, count: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(count).ok().filter(|count| *count <= COUNT_MAX))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    #[expect(clippy::cast_precision_loss, reason = "the largest count is exact")]
    fn visit_f64<E>(self, count: f64) -> Result<Self::Value, E> {
        Ok((count >= 0.0 && count <= COUNT_MAX as f64).then_some(count.ceil() as u64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.trim().parse().ok().filter(|count| *count <= COUNT_MAX))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug, PartialEq)]
    struct Answer<'a> {
        #[serde(default, deserialize_with = "count")]
        count: Option<u64>,
        #[serde(default, deserialize_with = "text", borrow)]
        text: Option<Cow<'a, str>>,
        #[serde(default, deserialize_with = "maybe")]
        list: Option<Vec<u8>>,
        #[serde(default, deserialize_with = "object")]
        inner: Option<Inner>,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    struct Inner {
        n: u8,
    }

    #[test]
    fn a_list_is_no_object() {
        for (json, expected) in [(r#"{"n": 7}"#, Some(7)), ("[7]", None), ("null", None), (r#"{"m": 7}"#, None)] {
            let whole = format!(r#"{{"inner": {json}}}"#);
            let answer: Answer<'_> = serde_json::from_str(&whole).unwrap();
            assert_eq!(answer.inner.map(|inner| inner.n), expected, "{json}");
        }
    }

    #[track_caller]
    fn check(json: &str, count: Option<u64>, text: Option<&str>, list: Option<&[u8]>) {
        let answer: Answer<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(
            answer,
            Answer { count, text: text.map(Cow::Borrowed), list: list.map(<[u8]>::to_vec), inner: None },
            "{json}"
        );
    }

    #[test]
    fn what_is_odd_is_passed_over() {
        check(r#"{"count": 5, "text": "a", "list": [1]}"#, Some(5), Some("a"), Some(&[1]));
        check(r#"{"count": 5.2, "text": 7, "list": null}"#, Some(6), Some("7"), None);
        check(r#"{"count": "12", "text": null, "list": "x"}"#, Some(12), None, None);
        check(r#"{"count": -1, "text": [1, {"a": 2}], "list": {"a": 1}}"#, None, None, None);
        check(r#"{"count": 4294967296, "text": {"a": []}, "list": [300]}"#, None, None, None);
        check(r#"{"count": -0.5, "text": true}"#, None, None, None);
        check(r#"{"count": {"a": 1}, "text": "\u00e9"}"#, None, Some("é"), None);
        check("{}", None, None, None);
        assert!(serde_json::from_str::<Answer<'_>>(r#"{"count": }"#).is_err());
    }

    #[test]
    fn a_list_is_no_longer_than_foreseen() {
        let read = |count: usize| serde_json::from_str::<Few<u8, 3>>(&format!("[{}]", vec!["1"; count].join(",")));
        assert_eq!(read(3).ok().map(|few| few.into_iter().count()), Some(3));
        let error = read(4).err().unwrap().to_string();
        assert!(error.contains("a list of at most 3"), "{error}");
    }

    #[test]
    fn an_error_inside_has_a_length() {
        let body = |len: usize| format!(r#"{{"choices": 1, "error": {{"message": "{}"}}}}"#, "x".repeat(len));
        let of = |len| parsed::<Few<u8>>(body(len).as_bytes()).err().unwrap();
        assert!(matches!(of(10), WireError::Provider(fault) if fault.message == "x".repeat(10)));
        assert!(matches!(of(ERROR_BYTES_MAX), WireError::Provider(fault) if fault.message.contains("null")));
    }
}
