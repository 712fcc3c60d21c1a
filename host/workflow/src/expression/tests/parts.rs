// SPDX-License-Identifier: MIT OR Apache-2.0
//! Templates and mappings.

use serde_json::json;

use super::super::*;
use super::journey;

#[test]
fn templates_have_holes() {
    let render = |source: &str| Template::compile(source).unwrap().render(&journey()).unwrap();
    assert_eq!(render("Fly to {input.to} on day {input.day}?"), "Fly to Rome on day 3?");
    assert_eq!(render("{{{input.stops}}} {{'a': '}}'}}"), "{[\"Turin\",\"Genoa\",\"Pisa\"]} {'a': '}'}");
    assert_eq!(render("{ {'a': '}'}.a }{skipped}"), "}null");
    assert_eq!(render(""), "");
    let template = Template::compile("a {input.to} b {x + y}").unwrap();
    let holes: Vec<_> = template.holes().map(|(at, hole)| (at, hole.source())).collect();
    assert_eq!(holes, [(3, "input.to"), (16, "x + y")]);
    let kept = serde_json::to_value(&template).unwrap();
    assert_eq!(serde_json::from_value::<Template>(kept).unwrap(), template);
}

#[test]
fn templates_say_where_they_are_wrong() {
    let check = |source: &str, part: &str, expected: &str| {
        let error = match Template::compile(source) {
            Ok(template) => template.render(&journey()).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.to_string(), expected);
        assert_eq!(source.get(error.at()), Some(part));
    };
    check("a {", "", "found the end where a value was meant");
    check("a {input", "", "found the end where an operator or `}` was meant");
    check("a } b", "}", "this brace closes nothing; a brace is written `}}`");
    check("a {1 +} b", "}", "found `}` where a value was meant");
    check("to {input.too}", "input.too", "`input` has no `too`; did you mean `to`?");
    let long = format!("{{{}}}", "1 +".repeat(SOURCE_BYTES_MAX));
    assert!(Template::compile(&long).is_err());
    assert!(Template::compile(&"{1}".repeat(257)).unwrap_err().to_string().contains("holes"));
}

#[test]
fn mappings_are_tables_of_expressions() {
    let source = json!({
        "to": "input.to", "deep": {"days": "input.day + 1", "list": ["'a'", 2, {"b": true}]}, "n": null, "f": 1.5
    });
    let mapping: Mapping = serde_json::from_value(source.clone()).unwrap();
    assert_eq!(serde_json::to_value(&mapping).unwrap(), source);
    let expected = json!({"to": "Rome", "deep": {"days": 4, "list": ["a", 2, {"b": true}]}, "n": null, "f": 1.5});
    assert_eq!(mapping.to_json(&journey()).unwrap(), expected);
    let keys: Vec<_> =
        mapping.expressions().into_iter().map(|(key, expression)| format!("{key}={}", expression.source())).collect();
    assert_eq!(keys, ["deep.days=input.day + 1", "deep.list.0='a'", "to=input.to"]);
    let whole: Mapping = serde_json::from_value(json!("input.stops")).unwrap();
    assert_eq!(whole.expressions()[0].0, "");
    assert_eq!(whole.to_json(&journey()).unwrap(), json!(["Turin", "Genoa", "Pisa"]));
}

#[test]
fn mappings_say_which_part_is_wrong() {
    let mapping: Mapping = serde_json::from_value(json!({"a": {"b": ["1", "input.too"]}})).unwrap();
    let error = mapping.to_json(&journey()).unwrap_err();
    assert_eq!(error.key, "a.b.1");
    assert_eq!(error.to_string(), "in `a.b.1`, `input.too`: `input` has no `too`; did you mean `to`?");
    let types = Types::new().with("input", Type::map([("to".into(), Type::Text)]));
    let (found, problems) = mapping.infer(&types);
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].0.as_str(), problems[0].1.at.clone()), ("a.b.1", 0..9));
    let wanted = Type::of_schema(&json!({"type": "object", "required": ["c"]}));
    assert_eq!(found.may_fit(&wanted), Err("it has no `c`, which is wanted".to_owned()));
    assert!(serde_json::from_value::<Mapping>(json!({"a": "1 +"})).is_err());
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    assert!(serde_json::from_value::<Mapping>(deep).is_err());
}
