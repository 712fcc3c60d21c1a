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
    /// Whether the model may have written something, so that it may have to be paid.
    pub(crate) may_cost: bool,
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
    // A provider or a balancer before it gave up; those that had no room for a request have not begun with it.
    let may_cost = status == 408 || (status >= 500 && ![501, 503, 529].contains(&status));
    ProviderFault { kind, message, is_retriable: may, retry_after_ms, may_cost }
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
        may_cost: kind == FaultKind::Failed,
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
    if is_unclear && (named(&["insufficient_quota", "billing"]) || says(&["exceeded your current quota, please check"]))
    {
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
        // A good status that is not the one of an answer is no fault of the request.
        200..=299 | 500..=599 => FaultKind::Failed,
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

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    /// 2026-11-21 12:00:00 UTC.
    const NOW: u64 = 1_795_262_400_000;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let field =
            |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        fields.iter().map(field).collect()
    }

    fn openai(kind: &str, code: &str, message: &str) -> String {
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
    }

    #[track_caller]
    fn check(status: u16, body: &str, kind: FaultKind, is_retriable: bool, message: &str) {
        let fault = read(status, &HeaderMap::new(), body.as_bytes(), NOW);
        assert_eq!((fault.kind, fault.is_retriable), (kind, is_retriable), "{body}");
        assert_eq!(fault.message, message);
    }

    #[test]
    fn errors_of_openai_are_sorted() {
        use FaultKind::*;
        let body = openai("invalid_request_error", "invalid_api_key", "Incorrect API key");
        check(401, &body, Key, false, "status 401: Incorrect API key");
        let body = openai("insufficient_quota", "insufficient_quota", "You exceeded your quota");
        check(429, &body, Quota, false, "status 429: You exceeded your quota");
        let body = openai("tokens", "rate_limit_exceeded", "Slow down");
        check(429, &body, Busy, true, "status 429: Slow down");
        let body = openai("invalid_request_error", "context_length_exceeded", "Too many tokens");
        check(400, &body, TooLong, false, "status 400: Too many tokens");
        let body = openai("invalid_request_error", "model_not_found", "No such model");
        check(404, &body, Absent, false, "status 404: No such model");
        check(400, &openai("invalid_request_error", "x", "No"), Invalid, false, "status 400: No");
        check(500, &openai("server_error", "", "Oh"), Failed, true, "status 500: Oh");
    }

    #[test]
    fn errors_of_others_are_sorted() {
        use FaultKind::*;
        let anthropic =
            |kind, message| json!({"type": "error", "error": {"type": kind, "message": message}}).to_string();
        check(529, &anthropic("overloaded_error", "Overloaded"), Failed, true, "status 529: Overloaded");
        let long = "prompt is too long: 5 tokens > 4 maximum";
        check(400, &anthropic("invalid_request_error", long), TooLong, false, &format!("status 400: {long}"));
        let gemini = |code, status, message| json!({"error": {"code": code, "status": status, "message": message}});
        let list = json!([gemini(429, "RESOURCE_EXHAUSTED", "Quota")]).to_string();
        check(429, &list, Busy, true, "status 429: Quota");
        let mut key = gemini(400, "INVALID_ARGUMENT", "API key not valid");
        key["error"]["details"] = json!([{"@type": "ErrorInfo", "reason": "API_KEY_INVALID"}]);
        check(400, &key.to_string(), Key, false, "status 400: API key not valid");
        check(404, r#"{"error":"model 'x' not found"}"#, Absent, false, "status 404: model 'x' not found");
        check(
            400,
            r#"{"object":"error","message":"bad","type":"BadRequestError","code":400}"#,
            Invalid,
            false,
            "status 400: bad",
        );
        check(422, r#"{"detail":"extra fields"}"#, Invalid, false, "status 422: extra fields");
        check(402, r#"{"error":{"code":402,"message":"no credits"}}"#, Quota, false, "status 402: no credits");
    }

    #[test]
    fn what_is_no_json_is_told_shortly() {
        use FaultKind::*;
        check(
            502,
            "<html>\n<b>Bad Gateway</b>\u{7}</html>",
            Failed,
            true,
            "status 502: <html> <b>Bad Gateway</b> </html>",
        );
        check(503, "", Failed, true, "status 503:");
        check(302, "", Absent, false, "status 302:");
        check(413, "{}", TooLong, false, "status 413");
        for status in [408, 409, 425, 504, 520] {
            assert!(read(status, &HeaderMap::new(), b"", NOW).is_retriable, "{status}");
        }
        let long = read(500, &HeaderMap::new(), "é".repeat(5_000).as_bytes(), NOW);
        assert_eq!(long.message.chars().count(), MESSAGE_CHARS_MAX + 1);
    }

    #[track_caller]
    fn check_hint(fields: &[(&str, &str)], expected: Option<u64>) {
        let fault = read(429, &headers(fields), b"{}", NOW);
        assert_eq!(fault.retry_after_ms, expected, "{fields:?}");
    }

    #[test]
    fn hints_are_read_in_every_form() {
        check_hint(&[], None);
        check_hint(&[("retry-after", "7")], Some(7_000));
        check_hint(&[("retry-after", "0.5")], Some(500));
        check_hint(&[("retry-after-ms", "120"), ("retry-after", "7")], Some(120));
        check_hint(&[("retry-after", "Sat, 21 Nov 2026 12:00:30 GMT")], Some(30_000));
        check_hint(&[("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT")], Some(0));
        check_hint(&[("retry-after", "soon")], None);
        check_hint(&[("retry-after", "-1")], None);
        check_hint(&[("retry-after", "1e300")], Some(HINT_MS_MAX));
        check_hint(&[("x-ratelimit-reset-requests", "1m30s")], Some(90_000));
        check_hint(&[("x-ratelimit-reset-tokens", "20ms")], Some(20));
        let spent = [
            ("x-ratelimit-reset-requests", "10s"),
            ("x-ratelimit-remaining-requests", "5"),
            ("x-ratelimit-reset-tokens", "2s"),
            ("x-ratelimit-remaining-tokens", "0"),
        ];
        check_hint(&spent, Some(2_000));
        check_hint(&[("anthropic-ratelimit-requests-reset", "2026-11-21T12:00:05Z")], Some(5_000));
    }

    #[test]
    fn google_says_in_the_body_when() {
        let body = json!({"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"},
        ]}});
        let fault = read(429, &HeaderMap::new(), body.to_string().as_bytes(), NOW);
        assert_eq!(fault.retry_after_ms, Some(34_070));
    }

    #[test]
    fn a_provider_can_say_whether_to_come_again() {
        assert!(!read(500, &headers(&[("x-should-retry", "false")]), b"{}", NOW).is_retriable);
        assert!(read(400, &headers(&[("x-should-retry", "true")]), b"{}", NOW).is_retriable);
    }

    #[test]
    fn errors_within_an_answer_are_sorted() {
        for (error, kind) in [
            (json!({"type": "overloaded_error", "message": "x"}), FaultKind::Failed),
            (json!({"type": "rate_limit_error", "message": "x"}), FaultKind::Busy),
            (json!({"type": "invalid_request_error", "message": "x"}), FaultKind::Invalid),
            (json!({"code": 429, "message": "x"}), FaultKind::Busy),
            (json!({"code": "rate_limit_exceeded", "message": "x"}), FaultKind::Busy),
            (json!({"code": 502, "message": "x"}), FaultKind::Failed),
            (json!("x"), FaultKind::Failed),
        ] {
            let WireError::Provider(fault) = inside(&error) else { panic!("{error}") };
            assert_eq!((fault.kind, &*fault.message), (kind, "x"), "{error}");
        }
    }
}
