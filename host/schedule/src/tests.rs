// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schedules in zones where clocks go forward and back, and texts that are none.

use super::*;

fn at(text: &str) -> u64 {
    let time: Timestamp = text.parse().unwrap();
    u64::try_from(time.as_millisecond()).unwrap()
}

fn show(unix_ms: u64) -> String {
    Timestamp::from_millisecond(i64::try_from(unix_ms).unwrap()).unwrap().to_string()
}

/// Compares when a schedule comes due after a time.
fn check(text: &str, zone: &str, after: &str, expected: &[&str]) {
    let schedule = Schedule::new(text, Some(zone)).unwrap();
    let mut now = at(after);
    let mut times = Vec::new();
    for _ in expected {
        now = schedule.next_after(now).unwrap();
        times.push(show(now));
    }
    assert_eq!(times, expected, "{text} {zone}");
}

#[test]
fn fields_are_read_in_their_zone() {
    let friday = "2026-11-20T12:00:00Z";
    check("0 7 * * MON-FRI", "Europe/Berlin", friday, &["2026-11-23T06:00:00Z", "2026-11-24T06:00:00Z"]);
    check("0 7 * * MON-FRI", "UTC", friday, &["2026-11-23T07:00:00Z"]);
    check("*/20 * * * *", "UTC", friday, &["2026-11-20T12:20:00Z", "2026-11-20T12:40:00Z", "2026-11-20T13:00:00Z"]);
    check("30 6 L * *", "Asia/Kolkata", friday, &["2026-11-30T01:00:00Z", "2026-12-31T01:00:00Z"]);
    check("@monthly", "UTC", friday, &["2026-12-01T00:00:00Z"]);
    check("0 0 29 2 *", "UTC", friday, &["2028-02-29T00:00:00Z"]);
    let schedule = Schedule::new("0 7 * * *", None).unwrap();
    assert_eq!((schedule.zone(), schedule.to_string()), (UTC, "0 7 * * * UTC".to_owned()));
    assert_eq!(schedule.next_after(at("2026-11-20T07:00:00Z")).map(show).as_deref(), Some("2026-11-21T07:00:00Z"));
}

/// On 2026-03-29, 02:00 is 03:00 in Berlin: it is 01:00 UTC.
#[test]
fn a_time_that_is_skipped_comes_right_after() {
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T00:00:00Z",
        &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    check(
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-03-29T00:15:00Z",
        &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
    );
}

/// On 2026-10-25, 03:00 is 02:00 again in Berlin: it is 01:00 UTC.
#[test]
fn a_time_that_comes_twice_comes_due_once() {
    check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    check(
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-10-25T00:15:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"],
    );
}

#[test]
fn what_came_due_is_listed_and_bounded() {
    let schedule = Schedule::new("0 * * * *", None).unwrap();
    let (after, upto) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T05:00:00Z"));
    let due = schedule.due(after, upto, 10);
    assert_eq!((due.unix_ms.len(), due.left_out), (5, 0), "not the first moment, and the last");
    assert_eq!(due.unix_ms.last(), Some(&upto));
    let last = schedule.due(after, upto, 2);
    assert_eq!((last.unix_ms, last.left_out), (due.unix_ms[3..].to_vec(), 3));
    assert_eq!(schedule.due(upto, after, 10), Due::default());
    assert_eq!(schedule.due(after, after + 3_599_999, 10), Due::default());
    assert_eq!(schedule.due(after, upto, 0), Due { unix_ms: Vec::new(), left_out: 5 });
}

#[test]
fn what_is_no_schedule_says_why() {
    let check = |text: &str, reason: &str, meant: Option<&str>| {
        let error = Schedule::new(text, None).unwrap_err();
        let ScheduleError::Fields { reason: said, meant: guessed, .. } = &error else { panic!("{error}") };
        assert!(said.contains(reason), "{text}: {said}");
        assert_eq!(guessed.as_deref(), meant, "{text}");
    };
    check("0 25 * * *", "`25` is no hour, which is 0 to 23", Some("25 0 * * *"));
    check("60 7 * * *", "`60` is no minute", None);
    check("0 7 * * MONDAY", "`MONDAY` is no day of the week", Some("0 7 * * MON"));
    check("0 7 * * monday-friday", "is no day of the week", Some("0 7 * * MON-FRI"));
    check("0 7 * january *", "is no month", Some("0 7 * JAN *"));
    check("0/15 * * * *", "is no minute", Some("*/15 * * * *"));
    check("0 7 * *", "it has 4 of the five fields", None);
    check("0 0 7 * * *", "it has 6 fields, and not five fields", Some("0 7 * * *"));
    check("", "it has 0 of the five fields", None);
    check("every day", "it has 2 of the five fields", None);
    check("@never", "the words are @yearly", None);
    check(&"0".repeat(TEXT_BYTES_MAX + 1), "are the most", None);
    assert_eq!(Schedule::new("0 0 30 2 *", None), Err(ScheduleError::Never { text: "0 0 30 2 *".into() }));
}

#[test]
fn unknown_zones_are_guessed() {
    let near = |zone: &str| match Schedule::new("0 7 * * *", Some(zone)) {
        Err(ScheduleError::Zone { near, .. }) => near,
        other => panic!("{zone}: {other:?}"),
    };
    assert_eq!(near("Europe/Berln").as_deref(), Some("Europe/Berlin"));
    assert_eq!(near("europe/berlin").as_deref(), Some("Europe/Berlin"));
    assert_eq!(near("Berlin").as_deref(), Some("Europe/Berlin"));
    assert_eq!(near("Mars/Olympus"), None);
    assert_eq!(near(""), None);
    assert!(Schedule::new("0 7 * * *", Some("Asia/Kolkata")).is_ok());
}
