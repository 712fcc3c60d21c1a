// SPDX-License-Identifier: MIT OR Apache-2.0
//! What providers answer instead of a completion, sorted by what can be done about it.
//!
//! Their words differ less than one would think: all of them answer with a status and an object `error` that has a message
//! and some name for what happened. So one reader serves all formats.

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::WireError;

/// How much of the message of a provider is kept, in characters: it may hold anything, a whole prompt too.
const MESSAGE_CHARS_MAX: usize = 300;
/// How long a provider may ask to be left alone, in milliseconds: a day. What it says beyond is as good as never.
const HINT_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// What can be done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The provider was asked too often.
    Busy,
    /// The provider failed, or has too much to do.
    Failed,
    /// What is paid for is used up.
    Quota,
    /// The key is missing, wrong, or may not do this.
    Key,
    /// The model, or the path, is not there.
    Absent,
    /// The conversation is longer than the model takes.
    TooLong,
    /// The request is at fault.
    Invalid,
}

/// What a provider answered instead of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderFault {
    /// What can be done about it.
    pub(crate) kind: FaultKind,
    /// What it said, cut. It may hold what was sent, so whoever shows it takes the key out.
    pub(crate) message: String,
    /// Whether the same request may succeed later.
    pub(crate) is_retriable: bool,
    /// When, in milliseconds from now, as far as it says so.
    pub(crate) retry_after_ms: Option<u64>,
}

/// Reads an answer that is no completion.
pub(crate) fn read(status: u16, headers: &HeaderMap, body: &[u8], unix_ms: u64) -> ProviderFault {
    let tree: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = error_of(&tree);
    let names = names_of(error);
    let said = message_of(error, &tree);
    let kind = kind_of(status, &names, said);
    let message = match said {
        "" if tree.is_null() => clipped(&format!("status {status}: {}", String::from_utf8_lossy(body))),
        "" => format!("status {status}"),
        said => clipped(&format!("status {status}: {said}")),
    };
    let may = match header(headers, "x-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(kind, FaultKind::Busy | FaultKind::Failed),
    };
    let retry_after_ms = hint(headers, unix_ms).or_else(|| delay_of(error)).map(|ms| ms.min(HINT_MS_MAX));
    ProviderFault { kind, message, is_retriable: may, retry_after_ms }
}

/// Reads an error that stands inside of an answer whose status was good.
pub(crate) fn inside(error: &Value) -> WireError {
    let names = names_of(error);
    let said = message_of(error, error);
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let kind = kind_of(status.unwrap_or(0), &names, said);
    WireError::Provider(ProviderFault {
        kind,
        message: match said {
            "" => clipped(&format!("an error within the answer: {error}")),
            said => clipped(said),
        },
        is_retriable: matches!(kind, FaultKind::Busy | FaultKind::Failed),
        retry_after_ms: delay_of(error).map(|ms| ms.min(HINT_MS_MAX)),
    })
}

/// Cuts a text of a stranger, and takes out what would disturb a terminal.
pub(crate) fn clipped(text: &str) -> String {
    let text = text.split_whitespace().flat_map(|word| [word, " "]).collect::<String>();
    let mut chars = text.trim().chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut clipped: String = chars.by_ref().take(MESSAGE_CHARS_MAX).collect();
    if chars.next().is_some() {
        clipped.push('…');
    }
    clipped
}

/// Returns the object that says what went wrong.
fn error_of(tree: &Value) -> &Value {
    // Gemini answers with a list when a stream was asked for.
    let tree = tree.get(0).unwrap_or(tree);
    match tree.get("error") {
        Some(error) if !error.is_null() => error,
        _ => tree,
    }
}

/// Returns the names that an error has, in lower case and joined.
fn names_of(error: &Value) -> String {
    let own = ["type", "code", "status", "reason"].into_iter().filter_map(|field| error.get(field)?.as_str());
    let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
    let reasons = details.filter_map(|detail| detail.get("reason")?.as_str());
    own.chain(reasons).collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// Returns what an error says.
fn message_of<'a>(error: &'a Value, tree: &'a Value) -> &'a str {
    let field = |value: &'a Value, name: &str| value.get(name).and_then(Value::as_str);
    let first = error.as_str().or_else(|| field(error, "message")).or_else(|| field(error, "error"));
    first.or_else(|| field(tree, "message")).or_else(|| field(tree, "detail")).unwrap_or_default()
}

/// Sorts an error. Names say more than a status where they are known: servers put everything into 400.
fn kind_of(status: u16, names: &str, said: &str) -> FaultKind {
    let named = |words: &[&str]| words.iter().any(|word| names.contains(word));
    let said = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let is_unclear = matches!(status, 0 | 400 | 422 | 429 | 500);
    if is_unclear && (named(&["insufficient_quota", "billing"]) || says(&["exceeded your current quota, please check"])) {
        return FaultKind::Quota;
    }
    if matches!(status, 0 | 400 | 404 | 422) {
        if named(&["context_length", "exceed_context"]) || says(&TOO_LONG) {
            return FaultKind::TooLong;
        }
        if named(&["model_not_found", "not_found"]) {
            return FaultKind::Absent;
        }
        if named(&["invalid_api_key", "api_key_invalid", "authentication", "permission", "unauthenticated"]) {
            return FaultKind::Key;
        }
        if named(&["failed_precondition"]) {
            return FaultKind::Quota;
        }
    }
    match status {
        401 | 403 => FaultKind::Key,
        402 => FaultKind::Quota,
        413 => FaultKind::TooLong,
        408 | 409 | 425 => FaultKind::Failed,
        429 => FaultKind::Busy,
        300..=399 | 404 | 405 | 410 | 501 => FaultKind::Absent,
        500..=599 => FaultKind::Failed,
        0 if named(&["rate_limit", "resource_exhausted"]) => FaultKind::Busy,
        0 if named(&["invalid_request", "invalid_argument", "invalid_prompt"]) => FaultKind::Invalid,
        // Nothing is known, and it went wrong within an answer: it is the provider's until somebody says something else.
        0 => FaultKind::Failed,
        _ => FaultKind::Invalid,
    }
}

/// How servers say that a conversation is too long, where they have no name for it.
const TOO_LONG: [&str; 7] = [
    "maximum context length",
    "context window",
    "context length",
    "context size",
    "prompt is too long",
    "input token count",
    "maximum number of tokens",
];

/// Reads when to come again from the head of an answer.
fn hint(headers: &HeaderMap, unix_ms: u64) -> Option<u64> {
    if let Some(ms) = header(headers, "retry-after-ms").and_then(|text| text.parse::<f64>().ok()).and_then(whole) {
        return Some(ms);
    }
    if let Some(text) = header(headers, "retry-after") {
        let seconds = text.parse::<f64>().ok().and_then(|seconds| whole(seconds * 1_000.0));
        return seconds.or_else(|| until(http_date(text)?, unix_ms));
    }
    // Which of several budgets is spent is told by what remains of it; where nothing tells, all of them are waited for.
    let resets = RESETS.into_iter().filter_map(|(reset, remaining)| {
        let is_spent = header(headers, remaining).is_none_or(|left| left == "0");
        let text = header(headers, reset).filter(|_| is_spent)?;
        let time = || until(text.parse::<Timestamp>().ok()?.as_millisecond().try_into().ok()?, unix_ms);
        duration(text).or_else(time)
    });
    resets.max()
}

/// Header fields that say when a budget is full again, each with what remains of it.
const RESETS: [(&str, &str); 6] = [
    ("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),
    ("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
    ("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    ("anthropic-ratelimit-input-tokens-reset", "anthropic-ratelimit-input-tokens-remaining"),
    ("anthropic-ratelimit-output-tokens-reset", "anthropic-ratelimit-output-tokens-remaining"),
    ("anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"),
];

/// Reads Google's `RetryInfo`.
fn delay_of(error: &Value) -> Option<u64> {
    let details = error.get("details")?.as_array()?;
    details.iter().find_map(|detail| duration(detail.get("retryDelay")?.as_str()?))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Reads a duration such as `1m30.5s`, `20ms` or `34.07s`, in milliseconds.
fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| char != '.' && !char.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let ms = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * ms;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum).and_then(whole)
}

/// Reads a date as HTTP writes it, in milliseconds since 1970.
fn http_date(text: &str) -> Option<u64> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    u64::try_from(zoned.timestamp().as_millisecond()).ok()
}

fn until(then_unix_ms: u64, unix_ms: u64) -> Option<u64> {
    Some(then_unix_ms.saturating_sub(unix_ms))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
fn whole(ms: f64) -> Option<u64> {
    (ms.is_finite() && ms >= 0.0).then_some(ms.ceil().min(1e15) as u64)
}
