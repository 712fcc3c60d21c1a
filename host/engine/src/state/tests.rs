// SPDX-License-Identifier: MIT OR Apache-2.0
//! What writes come to, and what the state of a run may hold.

use super::*;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn write(key: &str, merge: Merge, value: &str) -> StateOp {
    StateOp::Write { key: key.into(), value: json(value), merge, expected: None }
}

fn origin(step: u32) -> Origin {
    Origin { frame: FramePath::root(), step, unix_ms: 7 }
}

/// Does an operation and returns what it came to.
fn perform(space: &mut Space, op: &StateOp) -> Result<Value, Failure> {
    let decided = space.decide(op, |_| true)?;
    space.apply(op, &decided, origin(0));
    Ok(decided)
}

/// Returns what a key holds, and its revision.
fn read(space: &Space, key: &str) -> Option<(String, u64)> {
    match space.decide(&StateOp::Read { key: key.into() }, |_| true).unwrap() {
        Value::State(entry) => entry.map(|entry| (entry.value.to_string(), entry.revision)),
        other => panic!("{other:?}"),
    }
}

/// Writes values one after the other and returns what the key holds then, or what the first failure says.
fn after(merge: Merge, values: &[&str]) -> Result<String, String> {
    let mut space = Space::default();
    for value in values {
        perform(&mut space, &write("k", merge, value)).map_err(|failure| failure.to_string())?;
    }
    Ok(read(&space, "k").unwrap().0)
}

#[test]
fn every_rule_makes_one_value_of_all() {
    for (merge, values, expected) in [
        (Merge::Last, &["1", r#"{"a":2}"#, r#""x""#][..], r#""x""#),
        (Merge::Append, &["1", "[2,3]", "1"], "[1,[2,3],1]"),
        (
            Merge::Union,
            &["1", "[2,1,3]", r#"{"a":1,"b":[2]}"#, r#"[{"b":[2],"a":1}]"#, "[]", "3"],
            r#"[1,2,3,{"a":1,"b":[2]}]"#,
        ),
        (Merge::Union, &[r#"["\u0061"]"#, r#""a""#], r#"["\u0061"]"#),
        // No large number is rounded and taken for another.
        (
            Merge::Union,
            &["18446744073709551616", "18446744073709551617"],
            "[18446744073709551616,18446744073709551617]",
        ),
        (Merge::Sum, &["1", "2", "-5"], "-2"),
        (Merge::Sum, &["9223372036854775807", "9223372036854775807", "1"], "18446744073709551615"),
        (Merge::Sum, &["1", "0.5"], "1.5"),
        (Merge::Sum, &["0.5", "0.5"], "1.0"),
        (Merge::Max, &["1", "18446744073709551615", "18446744073709551614"], "18446744073709551615"),
        (Merge::Max, &["1", "1.5", "-2"], "1.5"),
        (Merge::Max, &[r#""a""#, r#""b""#, r#""B""#], r#""b""#),
        (Merge::Min, &["1", "-1.5", "3"], "-1.5"),
        (Merge::Min, &[r#""b""#, r#""a""#], r#""a""#),
    ] {
        assert_eq!(after(merge, values).as_deref(), Ok(expected), "{merge} {values:?}");
    }
}

#[test]
fn what_does_not_fit_a_rule_is_refused_in_words() {
    for (merge, values, expected) in [
        (Merge::Sum, &[r#""1""#][..], "a number is expected, and this is a string"),
        (Merge::Sum, &["18446744073709551615", "1"], "18446744073709551615 and 1 are more than 64 bits can hold"),
        (Merge::Sum, &["-9223372036854775808", "-1"], "-9223372036854775808 and -1 are more than 64 bits can hold"),
        (Merge::Sum, &["18446744073709551616"], "an integer of at most 64 bits is expected"),
        (Merge::Sum, &["1e400"], "a number of at most 64 bits is expected"),
        (Merge::Sum, &["1e308", "1e308"], "1e308 and 1e308 are more than 64 bits can hold"),
        (Merge::Max, &["true"], "a number or a string is expected, and this is a boolean"),
        (Merge::Min, &["1", r#""a""#], "a string cannot be compared with a number, which is there"),
    ] {
        let expected = format!("value of the state key k: {expected}");
        let now = after(merge, values).map_err(|failure| failure.replace("1e+308", "1e308"));
        assert_eq!(now, Err(expected), "{merge} {values:?}");
    }
}

#[test]
fn a_write_tells_the_new_value_and_of_a_list_what_was_added() {
    let mut space = Space::default();
    for (key, merge, value, told) in [
        ("sum", Merge::Sum, "2", "2"),
        ("sum", Merge::Sum, "3", "5"),
        ("list", Merge::Append, "1", "[1]"),
        ("list", Merge::Append, "1", "[1]"),
        ("set", Merge::Union, "[1,2]", "[1,2]"),
        ("set", Merge::Union, "[2,3]", "[3]"),
        ("max", Merge::Max, "2", "2"),
        ("max", Merge::Max, "1", "2"),
    ] {
        let Value::State(Some(entry)) = perform(&mut space, &write(key, merge, value)).unwrap() else { panic!() };
        assert_eq!(entry.value.as_str(), told, "{key}");
    }
    assert_eq!(read(&space, "list"), Some(("[1,1]".into(), 2)));
    assert_eq!(read(&space, "none"), None);
}

#[test]
fn a_rule_is_fixed_and_a_revision_is_held_to() {
    let mut space = Space::default();
    let expecting = |expected: u64| StateOp::Write {
        key: "k".into(),
        value: json("1"),
        merge: Merge::Last,
        expected: Some(expected),
    };
    let conflict = |result: Result<Value, Failure>| match result {
        Err(Failure::Conflict { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert!(conflict(perform(&mut space, &expecting(1))).contains("is at revision 0, and revision 1 was expected"));
    perform(&mut space, &expecting(0)).unwrap();
    assert!(conflict(perform(&mut space, &expecting(0))).contains("is at revision 1, and revision 0 was expected"));
    perform(&mut space, &expecting(1)).unwrap();
    let other = conflict(perform(&mut space, &write("k", Merge::Sum, "1")));
    assert!(other.contains("merges by `last`, as its first write said, and this write says `sum`"), "{other}");
    assert_eq!(read(&space, "k"), Some(("1".into(), 2)));
}

#[test]
fn one_step_beyond_each_bound_is_refused() {
    let mut space = Space { most: Most { keys: 2, bytes: 40, changes: 3 }, ..Space::default() };
    let reason = |result: Result<Value, Failure>| match result {
        Err(Failure::Invalid(invalid)) => (invalid.subject, invalid.reason),
        other => panic!("{other:?}"),
    };
    for key in ["", "a b", "a\n", &"k".repeat(KEY_BYTES_MAX + 1)] {
        assert_eq!(reason(perform(&mut space, &write(key, Merge::Last, "1"))).0, "key of the state", "{key:?}");
    }
    perform(&mut space, &write("a", Merge::Append, "1234567890")).unwrap();
    perform(&mut space, &write("b", Merge::Last, "1")).unwrap();
    let (subject, why) = reason(perform(&mut space, &write("c", Merge::Last, "1")));
    assert_eq!((subject.as_str(), why.as_str()), ("state of the run", "it has 2 keys, which are the most"));
    // 1 + 12 and 1 + 1 are there; 13 more with their comma are 26 + 2, and 13 more again 41.
    perform(&mut space, &write("a", Merge::Append, "123456789012")).unwrap();
    assert_eq!(space.bytes, 28);
    let (_, why) = reason(perform(&mut space, &write("a", Merge::Append, "123456789012")));
    assert_eq!(why, "it would have 41 bytes, and 40 are the most");
    perform(&mut space, &write("a", Merge::Append, "12345678901")).unwrap();
    assert_eq!(space.bytes, 40);

    let mut space = Space::default();
    let long = |length: u64| format!("\"{}\"", "x".repeat(usize::try_from(length - 2).unwrap()));
    perform(&mut space, &write("a", Merge::Last, &long(VALUE_BYTES_MAX))).unwrap();
    let (_, why) = reason(perform(&mut space, &write("a", Merge::Last, &long(VALUE_BYTES_MAX + 1))));
    assert!(why.starts_with("it would have 1048577 bytes, and 1048576 are the most"), "{why}");
    perform(&mut space, &write("b", Merge::Append, &long(VALUE_BYTES_MAX - 2))).unwrap();
    assert!(perform(&mut space, &write("b", Merge::Append, "1")).is_err(), "a list is a value too");
}

#[test]
fn a_list_of_keys_shows_what_may_be_read() {
    let mut space = Space::default();
    for key in ["b/2", "a", "b/1", "c"] {
        perform(&mut space, &write(key, Merge::Last, "1")).unwrap();
    }
    let keys = |prefix: &str, may_read: fn(&str) -> bool| match space
        .decide(&StateOp::Keys { prefix: prefix.into() }, may_read)
        .unwrap()
    {
        Value::StateKeys(keys) => keys.into_iter().map(|key| key.key).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(keys("", |_| true), ["a", "b/1", "b/2", "c"]);
    assert_eq!(keys("b/", |_| true), ["b/1", "b/2"]);
    assert_eq!(keys("", |key| key != "b/1"), ["a", "b/2", "c"]);
    assert_eq!(keys("d", |_| true), Vec::<String>::new());
}

#[test]
fn a_history_shows_who_wrote_what_and_forgets_the_oldest() {
    let mut space = Space::default();
    let long = format!("\"{}é{}\"", "x".repeat(EXCERPT_BYTES_MAX - 2), "y".repeat(20));
    let op = write("k", Merge::Append, &long);
    let decided = space.decide(&op, |_| true).unwrap();
    space.apply(&op, &decided, Origin { frame: FramePath::root().child(3), step: 5, unix_ms: 9 });
    let history = |space: &Space| match space.decide(&StateOp::History { key: "k".into() }, |_| true).unwrap() {
        Value::StateHistory(changes) => changes,
        other => panic!("{other:?}"),
    };
    let [change] = &history(&space)[..] else { panic!() };
    let StateChange { revision, text, byte_len, by, step, unix_ms } = change;
    assert_eq!((*revision, by.to_string(), *step, *unix_ms), (1, "0.3".to_owned(), 5, 9));
    assert_eq!((text.len(), *byte_len), (EXCERPT_BYTES_MAX - 1, long.len() as u64), "cut before the character");
    for _ in 0..CHANGES_MAX {
        perform(&mut space, &write("k", Merge::Append, "1")).unwrap();
    }
    let changes = history(&space);
    assert_eq!((changes.len(), changes[0].revision), (CHANGES_MAX, 2));
    assert_eq!(space.changes, CHANGES_MAX);

    let mut space = Space { most: Most { keys: 9, bytes: 99, changes: 3 }, ..Space::default() };
    for key in ["a", "b", "k", "k", "k"] {
        perform(&mut space, &write(key, Merge::Last, "1")).unwrap();
    }
    assert_eq!(space.changes, 3);
    assert_eq!(history(&space).iter().map(|change| change.revision).collect::<Vec<_>>(), [3]);
}

#[test]
fn the_fold_of_the_outcomes_is_the_state() {
    let mut space = Space::default();
    let mut told = Vec::new();
    for (number, (key, merge)) in [
        ("s", Merge::Sum),
        ("l", Merge::Append),
        ("u", Merge::Union),
        ("s", Merge::Sum),
        ("u", Merge::Union),
        ("l", Merge::Append),
        ("m", Merge::Max),
        ("n", Merge::Min),
        ("m", Merge::Max),
        ("v", Merge::Last),
    ]
    .into_iter()
    .enumerate()
    {
        let op = write(key, merge, &format!("{}", number % 4));
        let decided = perform(&mut space, &op).unwrap();
        told.push((op, decided));
    }
    let mut folded = Space::default();
    for (op, decided) in &told {
        assert_eq!(folded.again(op, decided, origin(0)), None);
    }
    // What a frame repeats that starts again from its beginning counts once.
    for (op, decided) in &told {
        assert_eq!(folded.again(op, decided, origin(0)), None);
    }
    for key in ["s", "l", "u", "m", "n", "v"] {
        assert_eq!(read(&folded, key), read(&space, key), "{key}");
    }
    assert_eq!(folded.bytes, space.bytes);
}

#[test]
fn an_outcome_that_does_not_follow_is_told() {
    let mut space = Space::default();
    let op = write("k", Merge::Sum, "2");
    let entry = |value: &str, revision| Value::State(Some(StateEntry { value: json(value), revision }));
    assert_eq!(space.again(&op, &entry("2", 1), origin(0)), None);
    assert_eq!(space.again(&op, &entry("5", 2), origin(1)), Some(Ok(entry("4", 2))));
    // What is recorded holds all the same: others have seen it.
    assert_eq!(read(&space, "k"), Some(("5".into(), 2)));
}
