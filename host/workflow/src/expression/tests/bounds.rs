// SPDX-License-Identifier: MIT OR Apache-2.0
//! Evaluation ends within its bounds, and never panics.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::*;

fn limit(source: &str, scope: &Scope) -> String {
    match Expression::compile(source).and_then(|expression| expression.evaluate(scope)) {
        Err(error @ ExpressionError::Limit { .. }) => error.to_string(),
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn steps_are_counted() {
    let scope = Scope::new().with("l", json!((0..1000).collect::<Vec<_>>()));
    let steps = "the expression takes more than 10000000 steps; go through fewer items, or use a tool";
    assert_eq!(limit("l.all(a, l.all(b, l.all(c, a + b + c >= 0)))", &scope), steps);
    // What only decides may not pass a limit over.
    assert_eq!(limit("l.exists(a, l.all(b, l.all(c, a + b + c >= 0))) || true", &scope), steps);
    // What is within is allowed.
    let within = Expression::compile("l.map(a, l.filter(b, b == a)[0]).size()").unwrap();
    assert_eq!(within.evaluate(&scope).unwrap(), Value::Int(1000));
}

#[test]
fn bytes_are_counted_before_they_are_made() {
    let long = "x".repeat(1 << 20);
    let list: Vec<_> = (0..1000).collect();
    let scope = Scope::new().with("s", json!(long)).with("l", json!(list)).with("empty", json!(""));
    let made = "the expression makes more than 67108864 bytes; make less, or use a tool";
    assert_eq!(limit("l.map(i, s + s)", &scope), made);
    assert_eq!(limit("s.replace(empty, s)", &scope), made);
    assert_eq!(limit("l.map(i, s).join()", &scope), made);
    assert_eq!(limit("lists.range(1000000000)", &scope), made);
    assert_eq!(limit("s.split(empty)", &scope), made);
    assert_eq!(limit("l.map(i, l).flatten().map(x, l).flatten()", &scope), made);
    let large = "the expression makes too much: the value has more than 16777216 bytes as JSON; hand on less of it";
    assert_eq!(limit("lists.range(20).map(i, s)", &scope), large);
    // Sharing makes large values of a short source and little memory.
    let shared = (0..12).fold("[1]".to_owned(), |inner, n| format!("cel.bind(v{n}, {inner}, [v{n},v{n},v{n},v{n}])"));
    assert_eq!(limit(&shared, &scope), large);
    assert!(limit(&format!("{shared} == {shared}"), &scope).contains("steps"));
    assert!(limit(&format!("json.encode({shared})"), &scope).contains("encodes too much"));
}

#[test]
fn patterns_are_bounded() {
    let check = |source: &str, expected: &str| {
        let error = Expression::compile(source).and_then(|expression| expression.evaluate(&Scope::new())).unwrap_err();
        assert!(error.to_string().contains(expected), "{source}: {error}");
    };
    check("'a'.matches('(a{1000}){1000}')", "repeats too much");
    check("'a'.matches('(a{1000})' + '{1000}')", "repeats too much");
    check(&format!("'a'.matches('{}')", "a".repeat(1025)), "more than 1024 bytes");
}

#[test]
fn sources_are_bounded() {
    let check = |source: &str, expected: &str| {
        let error = Expression::compile(source).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&"1".repeat(SOURCE_BYTES_MAX + 1), "more than 4096 bytes");
    for bracket in ["(", "[", "{'a':", "size(", "[1].map(x,", "a[", "cel.bind(x,", "has("] {
        check(&bracket.repeat(100), "nested more than 32 deep");
    }
    for chain in ["-a", "!a", "a.b", "a+", "a||", "a[0]", "a.size()"] {
        let (one, rest) = chain.split_at(1);
        let source = match one {
            "-" | "!" => format!("{}a", one.repeat(200)),
            _ if rest.ends_with(['+', '|']) => format!("{}a", chain.repeat(200)),
            _ => format!("a{}", rest.repeat(200)),
        };
        check(&source, "more than 128 parts");
    }
}

#[test]
fn the_highest_expressions_fit_a_small_stack() {
    // A thread of a runtime has 2 MiB, and others call us from further in.
    let body = || {
        let deep = (0..31).fold("1".to_owned(), |inner, _| format!("[1].map(x, {inner})"));
        Expression::compile(&deep).unwrap().evaluate(&Scope::new()).unwrap();
        let sum = format!("{}1", "1+".repeat(127));
        assert_eq!(Expression::compile(&sum).unwrap().evaluate(&Scope::new()), Ok(Value::Int(128)));
        let types = Types::new();
        assert_eq!(Expression::compile(&sum).unwrap().check(&types), []);
        let nested = "[".repeat(31) + &"]".repeat(31);
        Expression::compile(&nested).unwrap().evaluate(&Scope::new()).unwrap();
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(body).unwrap().join().unwrap();
}

#[test]
fn values_are_not_nested_without_end() {
    let wrap = Expression::compile("[v]").unwrap();
    let mut value = Value::Int(1);
    let error = loop {
        match wrap.evaluate(&Scope::new().with("v", value)) {
            Ok(next) => value = next,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("nested more than 128 deep"), "{error}");
}

/// Values as JSON has them, of all kinds and with numbers at the ends of their ranges.
fn values() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1), -5i64..5].prop_map(Json::from),
        prop_oneof![Just(u64::MAX), Just(1u64 << 63)].prop_map(Json::from),
        prop_oneof![Just(f64::MAX), Just(-0.0), Just(1e-300), Just(9.3e18), -5.0..5.0f64].prop_map(Json::from),
        "[a-cé€😀 {}\\\\(]{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map("[abx]", inner, 0..4)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

/// Sources that are expressions more often than not.
fn sources() -> impl Strategy<Value = String> {
    const LEAVES: [&str; 24] = [
        "a",
        "b",
        "c",
        "x",
        "y",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "3u",
        "1.5",
        "1e308",
        "'a'",
        "'é€'",
        "''",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "a.b",
        "a[0]",
        "[1, 'b', 2.5]",
    ];
    let methods = super::super::function::names().collect::<Vec<_>>();
    prop::sample::select(LEAVES.to_vec()).prop_map(str::to_owned).prop_recursive(5, 40, 4, move |inner| {
        let operators = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"];
        let each = ["all", "exists", "exists_one", "filter", "map", "sortBy"];
        let call = (prop::sample::select(methods.clone()), prop::collection::vec(inner.clone(), 0..4));
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(operators.to_vec()), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            1 => inner.clone().prop_map(|of| format!("(-{of})")),
            1 => inner.clone().prop_map(|of| format!("(!{of})")),
            1 => inner.clone().prop_map(|of| format!("{of}.b")),
            1 => inner.clone().prop_map(|of| format!("has({of}.b)")),
            2 => (inner.clone(), inner.clone()).prop_map(|(of, index)| format!("{of}[{index}]")),
            2 => (inner.clone(), prop::sample::select(each.to_vec()), inner.clone())
                .prop_map(|(over, name, body)| format!("{over}.{name}(x, {body})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(over, body)| format!("{over}.transformMap(x, y, {body})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("cel.bind(y, {a}, {b})")),
            2 => call.clone().prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            4 => (inner.clone(), call).prop_map(|(of, (name, arguments))| {
                let name = name.rsplit('.').next().unwrap_or_default();
                format!("{of}.{name}({})", arguments.into_iter().take(2).collect::<Vec<_>>().join(", "))
            }),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            1 => (inner.clone(), inner).prop_map(|(key, value)| format!("{{{key}: {value}}}")),
        ]
    })
}

/// What a value is known to be.
fn type_of(value: &Json) -> Type {
    Type::of_value(&Value::from(value))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluation_never_panics(source in sources(), a in values(), b in values(), c in values()) {
        let Ok(expression) = Expression::compile(&source) else { return Ok(()) };
        let types = Types::new().with("a", type_of(&a)).with("b", type_of(&b)).with("c", type_of(&c));
        let (found, problems) = expression.infer(&types);
        for problem in &problems {
            prop_assert!(source.get(problem.at.clone()).is_some());
        }
        let scope = Scope::new().with("a", a).with("b", b).with("c", c);
        match expression.evaluate(&scope) {
            Ok(value) => {
                let json = value.to_json();
                prop_assert!(json.is_ok());
                prop_assert_eq!(Value::from(&json.unwrap_or_default()), value.clone());
                // What it came to is what was foretold.
                prop_assert_eq!(Type::of_value(&value).may_fit(&found), Ok(()), "{} is {:?}", source, value);
            }
            Err(error) => {
                prop_assert!(source.get(error.at()).is_some());
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(source in "[a-z0-9.()\\[\\]{}'\"`\\\\+\\-*/%<>=!&|?:, \\nbré€]{0,40}") {
        for result in [Expression::compile(&source).map(drop), Template::compile(&source).map(drop)] {
            if let Err(error) = result {
                prop_assert!(source.get(error.at()).is_some(), "{:?} {:?}", source, error);
            }
        }
    }

    #[test]
    fn json_comes_back_as_it_was(json in values()) {
        let value = Value::from(&json);
        prop_assert_eq!(serde_json::to_string(&value).unwrap(), serde_json::to_string(&json).unwrap());
        prop_assert_eq!(value.to_json().unwrap(), json);
    }
}

#[test]
fn values_are_shared() {
    let scope = Scope::new().with("a", json!({"b": "long text"}));
    let path = Expression::compile("a.b").unwrap();
    let (Value::Text(first), Value::Text(second)) = (path.evaluate(&scope).unwrap(), path.evaluate(&scope).unwrap())
    else {
        panic!("no text")
    };
    assert!(Arc::ptr_eq(&first, &second));
}
