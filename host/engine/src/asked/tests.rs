// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which questions can be asked, and which answers fit them.

use super::*;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn of_kind(kind: Ask) -> Question {
    Question { kind, about: Some(json("1")), ..Question::new("Go on?") }
}

fn choose(options: &[&str]) -> Ask {
    Ask::Choose { options: options.iter().map(|option| (*option).to_owned()).collect() }
}

/// Returns which of some answers fit a question.
fn fit(question: &Question, answers: &[&str]) -> Vec<bool> {
    answers.iter().map(|answer| check_value(question, &json(answer), "answer").is_ok()).collect()
}

#[test]
fn each_kind_has_its_answers() {
    let answers = [
        r#"{"decision":"approve"}"#,
        r#"{"decision":"reject","reason":"too dear"}"#,
        r#"{"decision":"edit","value":5}"#,
        r#"{"decision":"edit","value":"five"}"#,
        r#""tea""#,
        "5",
    ];
    let integer = Some(json(r#"{"type":"integer"}"#));
    let edit = Question { schema: integer.clone(), ..of_kind(Ask::Edit) };
    let answer = Question { schema: integer, ..of_kind(Ask::Answer) };
    assert_eq!(fit(&of_kind(Ask::Approve), &answers), [true, true, false, false, false, false]);
    assert_eq!(fit(&of_kind(choose(&["tea", "coffee"])), &answers), [false, false, false, false, true, false]);
    assert_eq!(fit(&edit, &answers), [true, true, true, false, false, false]);
    assert_eq!(fit(&answer, &answers), [false, false, false, false, false, true]);
    assert_eq!(fit(&of_kind(Ask::Answer), &answers), [true; 6]);
}

#[test]
fn a_question_without_answers_is_refused() {
    let pointer = |question: &Question| match check_question(question) {
        Ok(()) => "fine".to_owned(),
        Err(Failure::Invalid(invalid)) => invalid.pointer,
        Err(other) => panic!("{other:?}"),
    };
    let schema = Some(json("true"));
    let many = vec!["x"; OPTIONS_MAX + 1].iter().zip(0..).map(|(x, n)| format!("{x}{n}")).collect();
    for (question, expected) in [
        (of_kind(Ask::Approve), "fine"),
        (of_kind(choose(&["a", "b"])), "fine"),
        (of_kind(Ask::Edit), "fine"),
        (Question::new(" "), "/text"),
        (Question { schema: schema.clone(), ..of_kind(Ask::Approve) }, "/schema"),
        (Question { schema: schema.clone(), ..of_kind(choose(&["a"])) }, "/schema"),
        (Question { schema, ..of_kind(Ask::Edit) }, "fine"),
        (Question { about: None, ..of_kind(Ask::Edit) }, "/about"),
        (of_kind(choose(&[])), "/kind"),
        (of_kind(Ask::Choose { options: many }), "/kind"),
        (of_kind(choose(&["a", " "])), "/kind/options/1"),
        (of_kind(choose(&["a", "b", "a"])), "/kind/options/2"),
        (of_kind(choose(&[&"x".repeat(OPTION_BYTES_MAX + 1)])), "/kind/options/0"),
        (of_kind(choose(&[&"x".repeat(OPTION_BYTES_MAX)])), "fine"),
    ] {
        assert_eq!(pointer(&question), expected, "{question:?}");
    }
    let about = |bytes: u64| {
        let text = format!("\"{}\"", "x".repeat(usize::try_from(bytes).unwrap() - 2));
        Question { about: Some(json(&text)), ..Question::new("?") }
    };
    assert_eq!(pointer(&about(ABOUT_BYTES_MAX)), "fine");
    assert_eq!(pointer(&about(ABOUT_BYTES_MAX + 1)), "/about");
}
