// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is found in expressions before there are values.

use serde_json::json;

use super::super::*;

fn types() -> Types {
    let input = json!({
        "type": "object",
        "properties": {
            "to": {"type": "string"}, "day": {"type": "integer"}, "price": {"type": "number"}, "fly": {"type": "boolean"},
            "stops": {"type": "array", "items": {"$ref": "#/$defs/stop"}}, "any": {}, "kind": {"enum": ["a", "b"]}
        },
        "required": ["to"],
        "additionalProperties": false,
        "$defs": {"stop": {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": false}}
    });
    let open = json!({"type": "object", "properties": {"x": {"type": "integer"}}});
    Types::new().with("input", Type::of_schema(&input)).with("open", Type::of_schema(&open)).with("any", Type::Any)
}

/// Holds the problems of an expression, each with its part of the source, to what is expected.
fn check(source: &str, expected: &[(&str, &str)]) {
    let found = Expression::compile(source).unwrap().check(&types());
    let shown = |problem: &Problem| {
        let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        (source[problem.at.clone()].to_owned(), format!("{}{hint}", problem.message))
    };
    let found: Vec<_> = found.iter().map(shown).collect();
    let expected: Vec<_> = expected.iter().map(|(part, message)| ((*part).to_owned(), (*message).to_owned())).collect();
    assert_eq!(found, expected, "{source}");
}

#[test]
fn what_may_be_right_is_not_found() {
    for source in [
        "input.to + string(input.day)",
        "input.stops.map(s, s.city + input.to)",
        "open.y.z + 1 + any.q[0]",
        "any ? 1 : 'a'",
        "input.price + input.day > 3",
        "[1, 'a'].map(x, x + 1)",
        "has(input.fly) && input.fly",
        "input.any == null || input.to == null",
        "input[input.to]",
        "{'a': [input.day]}.a[0] + 1",
        "cel.bind(x, input.stops, x[0].city.size() + 1)",
        "input.stops.sortBy(s, s.city)[0].city",
        "'a' in input",
        "input.kind == 'c'",
        "math.greatest(input.stops.map(s, s.city.size()))",
    ] {
        check(source, &[]);
    }
}

#[test]
fn what_is_certainly_wrong_is_found() {
    check("inputt.to", &[("inputt", "`inputt` is not there; did you mean `input`?")]);
    check("input.too", &[("input.too", "`input` has no `too`; did you mean `to`?")]);
    check("input.stops[0].town", &[("input.stops[0].town", "`input.stops[0]` has no `town`; the fields are `city`")]);
    check("input.stops.map(s, s.town)", &[("s.town", "`s` has no `town`; the fields are `city`")]);
    let first = "`.city` takes a map; `input.stops` is a list; `[0].city` is that of its first item, `.map(item, item.city)` is that of all";
    check("input.stops.city", &[("input.stops", first)]);
    check("input.to.x", &[("input.to", "`.x` takes a map; `input.to` is a text")]);
    check("'a' + 1", &[("1", "`+` takes a text; `1` is an integer")]);
    check("true + 1", &[("true", "`+` takes a number, a text or a list; `true` is a bool")]);
    check("input.to * 2", &[("input.to", "`*` takes a number; `input.to` is a text")]);
    check("input.to < 1", &[("1", "`<` takes a text; `1` is an integer")]);
    check("input.day == 'a'", &[("input.day == 'a'", "an integer and a text are never equal")]);
    check("input.day && true", &[("input.day", "`&&` takes a bool; `input.day` is an integer")]);
    check("!input.to", &[("input.to", "`!` takes a bool; `input.to` is a text")]);
    check("-input.to", &[("input.to", "`-` takes a number; `input.to` is a text")]);
    check("input.to ? 1 : 2", &[("input.to", "`?` takes a bool; `input.to` is a text")]);
    check("size(input.day)", &[("input.day", "`size` takes a text, a list or a map; `input.day` is an integer")]);
    check("input.to.contains(1)", &[("1", "`contains` takes a text; `1` is an integer")]);
    check("input.day.all(x, x)", &[("input.day", "`all` takes a list or a map; `input.day` is an integer")]);
    check("input.stops.filter(s, s.city)", &[("s.city", "`filter` takes a bool; `s.city` is a text")]);
    check("input.stops['a']", &[("'a'", "an index of a list takes a number; `'a'` is a text")]);
    check("input[1]", &[("1", "a key of a map takes a text; `1` is an integer")]);
    check("has(input.too)", &[("has(input.too)", "`input` has no `too`; did you mean `to`?")]);
    check("1 in input.to", &[("input.to", "`in` takes a list or a map; `input.to` is a text")]);
    let listed = |name| format!("`{name}` is not there; the names are `any`, `input`, `open`");
    check("qqqqq + zzzzz", &[("qqqqq", &listed("qqqqq")), ("zzzzz", &listed("zzzzz"))]);
}

#[test]
fn conditions_are_true_or_false() {
    let check = |source: &str, count| {
        assert_eq!(Expression::compile(source).unwrap().check_condition(&types()).len(), count, "{source}");
    };
    check("input.fly", 0);
    check("any", 0);
    check("input.to", 1);
    check("input.day + 1", 1);
    let wanted = Expression::compile("input.to").unwrap().check_is(&types(), &Type::Int);
    assert_eq!(wanted[0].message, "this cannot be an integer: it is a text, and an integer is wanted");
}

#[test]
fn contracts_are_compared() {
    let wanted = Type::of_schema(&json!({
        "type": "object", "required": ["to", "n"], "additionalProperties": false,
        "properties": {"to": {"type": "string"}, "n": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}
    }));
    let check = |source: &str, expected: Result<(), &str>| {
        let (found, problems) = Expression::compile(source).unwrap().infer(&types());
        assert_eq!(problems, [], "{source}");
        assert_eq!(found.may_fit(&wanted), expected.map_err(str::to_owned), "{source}");
    };
    check("{'to': input.to, 'n': 1}", Ok(()));
    check("{'to': input.to, 'n': input.price, 'tags': []}", Ok(()));
    check("any", Ok(()));
    check("{input.to: 1}", Ok(()));
    check("open", Ok(()));
    check("{'to': 1, 'n': 1}", Err("`to` of it is an integer, and a text is wanted"));
    check("{'to': 'a'}", Err("it has no `n`, which is wanted"));
    check("{'to': 'a', 'n': 1, 'm': 2}", Err("it has `m`, which is not wanted"));
    check("{'to': 'a', 'n': 1, 'tags': [1]}", Err("an item of `tags` of it is an integer, and a text is wanted"));
    check("input.stops", Err("it is a list, and a map is wanted"));
    check("open.x > 1 ? {'to': 'a', 'n': 1} : null", Ok(()));
}

#[test]
fn schemas_are_read_as_far_as_they_are_certain() {
    let of = |schema| Type::of_schema(&schema);
    assert_eq!(of(json!({"type": ["string", "null"]})), Type::Any);
    assert_eq!(of(json!({"anyOf": [{"type": "string"}]})), Type::Any);
    assert_eq!(of(json!({"const": 1})), Type::Int);
    assert_eq!(of(json!({"enum": [1, 2.5]})), Type::Number);
    assert_eq!(of(json!({"enum": ["a", 1]})), Type::Any);
    assert_eq!(of(json!(true)), Type::Any);
    assert_eq!(of(json!({"type": "array"})), Type::list(Type::Any));
    assert_eq!(of(json!({"type": "object"})), Type::any_map());
    // A schema that holds itself, and one that doubles with each reference, end.
    let endless = json!({"$ref": "#"});
    assert_eq!(of(endless), Type::Any);
    let double: serde_json::Map<_, _> = (0..40)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            (format!("d{n}"), json!({"type": "object", "properties": {"a": next, "b": next}}))
        })
        .collect();
    assert!(matches!(of(json!({"$ref": "#/$defs/d0", "$defs": double})), Type::Map(_)));
}
