// SPDX-License-Identifier: MIT OR Apache-2.0
//! What expressions come to, and what is said of those that come to nothing.

mod bounds;
mod checks;
mod oracle;
mod parts;

use serde_json::{Value as Json, json};

use super::*;

/// What a workflow about a journey may know.
fn journey() -> Scope {
    let input = json!({
        "to": "Rome", "day": 3, "fly": true, "price": 12.5, "big": 18_446_744_073_709_551_615u64, "dry-run": false,
        "stops": ["Turin", "Genoa", "Pisa"], "none": null
    });
    let research = json!({"facts": [{"x": 1, "text": "a"}, {"x": 2, "text": "b"}], "sources": []});
    Scope::new().with("input", input).with("research", research).with("skipped", Value::Null)
}

fn evaluate(source: &str) -> Result<Value, ExpressionError> {
    Expression::compile(source)?.evaluate(&journey())
}

/// Holds what an expression comes to, as JSON, to what is expected.
fn check(source: &str, expected: Json) {
    match evaluate(source).map(|value| value.to_json().unwrap()) {
        Ok(found) => assert_eq!(found, expected, "{source}"),
        Err(error) => panic!("{source}: {error}"),
    }
}

/// Holds what is said of an expression that has no value, and of which part, to what is expected.
fn check_error(source: &str, part: &str, expected: &str) {
    let error = evaluate(source).expect_err(source);
    assert_eq!(error.to_string(), expected, "{source}");
    assert_eq!(source.get(error.at()), Some(part), "{source}");
}

#[test]
fn paths_lead_to_parts() {
    check("input.to", json!("Rome"));
    check("research.facts[0].x", json!(1));
    check("research['facts'][1].text", json!("b"));
    check("input[\"dry-run\"]", json!(false));
    check("input.`dry-run`", json!(false));
    check("research.facts[input.day - 2].x", json!(2));
    check("(research).facts[1 - 1].x", json!(1));
    check("input.stops[2.0]", json!("Pisa"));
    check("{'a': {'b': 1}}.a.b", json!(1));
    check("skipped", json!(null));
}

#[test]
fn numbers_keep_what_they_are() {
    check("input.big", json!(u64::MAX));
    check("-9223372036854775808", json!(i64::MIN));
    check("0x10 + 1", json!(17));
    check("2 + 1.5", json!(3.5));
    check("input.day * 2.0", json!(6.0));
    check("7 / 2", json!(3));
    check("-7 / 2", json!(-3));
    check("-7 % 3", json!(-1));
    check("7 / 2.0", json!(3.5));
    check("input.big - 1", json!(u64::MAX - 1));
    check("input.big - input.big + 1", json!(1));
    check("9007199254740993 == 9007199254740992.0", json!(false));
    check("1 == 1.0 && 1u == 1 && 2 > 1.5 && input.big > 1e18", json!(true));
    check("1.5e3 + .5", json!(1500.5));
    check("- 5 + --5", json!(0));
    check("-input.day", json!(-3));
    check("type(1) == int && type(1.0) == double && type('') != int && type(null) == null_type", json!(true));
    check("type(input.day) in [int, uint]", json!(true));
}

#[test]
fn texts_are_read_as_they_are_written() {
    check(r#"'a\n\'' + "b" + r"\n" + '\u00e9\x41\101\U0001F600'"#, json!("a\n'b\\néAA😀"));
    check("'''a\n'b' ''' + \"\"\"\"c\"\"\"\"[0:]".trim_end_matches("\"[0:]"), json!("a\n'b' \"c"));
    check("size('é€') == 2 && 'é€x'.substring(1, 2) == '€' && 'é€x'.indexOf('x') == 2", json!(true));
    check("'a,b,c'.split(',', 2)", json!(["a", "b,c"]));
    check("'abc'.split('', 2)", json!(["a", "bc"]));
    check("'abc'.split('')", json!(["a", "b", "c"]));
    check("' a-b '.trim().replace('-', '+').upperAscii().reverse()", json!("B+A"));
    check("'aXbXc'.replace('X', '', 1)", json!("abXc"));
    check("['a', 'b'].join('-') + ['c'].join()", json!("a-bc"));
    check("'abc'.charAt(1) + 'abcabc'.substring('abcabc'.lastIndexOf('c'))", json!("bc"));
    check("'abc'.matches('^a.c$') && matches('abc', 'b') && !'abc'.matches('b' + '$')", json!(true));
    check("string(12) + string(1.5) + string(true) + string(1.0)", json!("121.5true1"));
    check("int('12') + int(3.9) + int(uint(1))", json!(16));
    check("double('1.5') + double(1)", json!(2.5));
    check("bool('true') && !bool('0')", json!(true));
    check("json.encode({'b': [1, null], 'a': 'x'})", json!(r#"{"a":"x","b":[1,null]}"#));
    check("json.decode('{\"a\": [1.0, 2]}').a[1]", json!(2));
}

#[test]
fn lists_and_maps_are_gone_through() {
    check("research.facts.map(f, f.x)", json!([1, 2]));
    check("research.facts.map(f, f.x > 1, f.text)", json!(["b"]));
    check("research.facts.filter(f, f.x > 1)", json!([{"x": 2, "text": "b"}]));
    check("input.stops.all(s, s != 'Rome') && input.stops.exists(s, s.startsWith('P'))", json!(true));
    check("[1, 2, 2].exists_one(n, n == 1) && ![1, 2, 2].existsOne(n, n == 2)", json!(true));
    check("input.stops.exists(i, s, i == 1 && s == 'Genoa')", json!(true));
    check("input.stops.transformList(i, s, i != 1, s + string(i))", json!(["Turin0", "Pisa2"]));
    check("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k + string(v))", json!({"b": "b2"}));
    check("{'b': 1, 'a': 2}.map(k, k)", json!(["a", "b"]));
    check("research.facts.sortBy(f, -f.x).map(f, f.x)", json!([2, 1]));
    check("[3, 1.5, 2].sort() + [1].reverse()", json!([1.5, 2, 3, 1]));
    check("[1, 1.0, 2].distinct()", json!([1, 2]));
    check("[[1, [2]], [3]].flatten() + [[1, [2]]].flatten(2)", json!([1, [2], 3, 1, 2]));
    check("input.stops.slice(1, 3) + lists.range(2).map(i, string(i))", json!(["Genoa", "Pisa", "0", "1"]));
    check("'Pisa' in input.stops && 'to' in input && !('x' in input) && !(1 in input)", json!(true));
    check("math.greatest([1, 3, 2]) + math.least(4, 2.5) + math.sum([1, 2])", json!(8.5));
    check("[math.abs(-2), math.ceil(1.2), math.floor(1), math.round(2.5), math.sign(-3)]", json!([2, 2.0, 1, 3.0, -1]));
    check("sets.contains([1, 2], [2]) && !sets.intersects([1], [2])", json!(true));
    check("cel.bind(n, input.day * 2, n + n)", json!(12));
    check("[1, 2].map(x, [10, 20].map(y, x + y))", json!([[11, 21], [12, 22]]));
    check("[1].map(x, [2].map(x, x))[0][0]", json!(2));
}

#[test]
fn what_decides_is_enough() {
    check("input.fly ? 'air' : 'rail'", json!("air"));
    check("false ? 1 : true ? 2 : 3", json!(2));
    check("true || input.missing.x", json!(true));
    check("input.missing.x && false", json!(false));
    check("[1, 2].exists(x, x / (x - 1) == 2)", json!(true));
    check("has(input.to) && !has(input.missing) && !has(skipped.x) && has(input.none)", json!(true));
    check("input.missing == 1 || input.fly", json!(true));
    check("1 == '1' || {'a': 1} == {'a': 1.0} && [1] != [2]", json!(true));
    check("// a comment\n 1 // and another", json!(1));
}

#[test]
fn what_has_no_value_is_explained() {
    check_error("inputt.to", "inputt", "`inputt` is not there; did you mean `input`?");
    check_error("x", "x", "`x` is not there; there is `input`, `research`, `skipped`");
    check_error("research.fact", "research.fact", "`research` has no `fact`; did you mean `facts`?");
    check_error("research.zzz", "research.zzz", "`research` has no `zzz`; there is `facts`, `sources`");
    check_error("research.facts[7].x", "research.facts[7]", "`research.facts` has no item 7; it has 2");
    check_error("input.stops[-1]", "input.stops[-1]", "`input.stops` has no item -1; it has 3");
    check_error("skipped.price", "skipped", "`.price` takes a map; `skipped` is null");
    check_error("input.stops.name", "input.stops", "`.name` takes a map; `input.stops` is a list");
    check_error("input.stops['a']", "'a'", "an index of a list takes a number; `'a'` is a text");
    check_error("1 + 'a'", "'a'", "`+` takes a number; `'a'` is a text");
    check_error("input + 1", "input", "`+` takes a number, a text or a list; `input` is a map");
    check_error("'a' < 1", "1", "`<` takes a text; `1` is a number".replace("a number", "an integer").as_str());
    check_error("size(1)", "1", "`size` takes a text, a list or a map; `1` is an integer");
    check_error("!input.to", "input.to", "`!` takes a bool; `input.to` is a text");
    check_error("1 / 0", "1 / 0", "`1 / 0` has no value: division by zero; ask before whether it is zero");
    let big = "9223372036854775807 + 1";
    check_error(big, big, "`9223372036854775807 + 1` has no value: the result of `+` has more than 64 bits");
    check_error("int('x')", "int('x')", "`int('x')` has no value: \"x\" is not an integer");
    check_error("1 / 0.0", "1 / 0.0", "the result is not finite, and JSON has no such number");
    check_error("{'a': 1, 'a': 2}", "'a'", "the map has the key `a` twice");
    check_error("{1: 2}", "1", "a key of a map takes a text; `1` is an integer");
    check_error("input.to ? 1 : 2", "input.to", "`?` takes a bool; `input.to` is a text");
    check_error("input.day.map(x, x)", "input.day", "`map` takes a list or a map; `input.day` is an integer");
    check_error(
        "[1, 'a'].sort()",
        "[1, 'a'].sort()",
        "`[1, 'a'].sort()` has no value: an integer and a text have no order",
    );
    let holds = Expression::compile("input.to").unwrap().holds(&journey()).unwrap_err();
    assert_eq!(holds.to_string(), "a condition takes a bool; `input.to` is a text");
}

#[test]
fn what_is_no_expression_is_explained() {
    check_error("", "", "found the end where a value was meant");
    check_error("1 +", "", "found the end where a value was meant");
    check_error("a = 1", "=", "`=` means nothing here; `==` compares");
    check_error("a b", "b", "found `b` where an operator or the end was meant");
    check_error("(1", "", "found the end where `)` was meant");
    check_error("a ? b", "", "found the end where `:`, as in `condition ? yes : no`, was meant");
    check_error("'abc", "'abc", "the text has no ' at its end");
    check_error("'\\q'", "\\q", "\\q means nothing; a backslash is written \\\\");
    check_error("'\\uD800'", "\\", "this is no letter; 4 digits that name one must follow");
    check_error("sise(input)", "sise", "there is no function `sise`; did you mean `size`?");
    check_error(
        "a.lowercaseAscii()",
        "lowercaseAscii",
        "there is no function `lowercaseAscii`; did you mean `lowerAscii`?",
    );
    check_error("contains('a', 'b')", "contains", "`contains` is called as `value.contains(…)`");
    check_error("a.int()", "int", "`int` is called as `int(value)`");
    check_error("size()", "size", "`size` takes 1 arguments, and 0 are given");
    check_error("'a'.substring(1, 2, 3)", "substring", "`substring` takes 1 to 2 arguments, and 3 are given");
    check_error("a.map(1, 2)", "1", "found `1` where a new name was meant, as in `map(item, item.name)`");
    check_error("has(a)", "a", "`has` asks for a field, as in `has(input.day)`");
    check_error("if", "if", "`if` is a word of the language and names nothing");
    check_error("b'a'", "b", "bytes are no values here; write a text");
    check_error("12abc", "12", "a number and a name must stand apart; a name begins with a letter");
    check_error(
        "9223372036854775808",
        "9223372036854775808",
        "this is no integer of 64 bits; write `9223372036854775808u` for one without a sign",
    );
    check_error("a.matches('(')", "'('", "the pattern is wrong: error: unclosed group");
    check_error("math.maximum(1)", "math.maximum", "there is no function `math.maximum`");
    check_error("ä", "ä", "'ä' means nothing here");
}

#[test]
fn names_are_known_beforehand() {
    let source =
        "research.facts[0].x + sum[i.j].k + [1].map(x, x + input['a'].b)[0] + (has(a.b.c) ? 1 : json.encode(a).size())";
    let expression = Expression::compile(source).unwrap();
    let names: Vec<_> = expression
        .names()
        .iter()
        .map(|name| {
            assert_eq!(source.get(name.at.clone()), Some(&*name.root));
            let path: String = name.path.iter().map(Step::to_string).collect();
            format!("{}{path}", name.root)
        })
        .collect();
    assert_eq!(names, ["research.facts[0].x", "sum", "i.j", "input.a.b", "a.b.c", "a"]);
    assert!(Expression::compile("type(1) == int").unwrap().names().is_empty());
    assert!(is_name("a_b1") && !is_name("a-b") && !is_name("loop") && !is_name("true") && !is_name(""));
}

#[test]
fn scopes_hide_those_around_them() {
    let outer = Scope::new().with("a", json!(1)).with("b", json!(2));
    let mut inner = outer.child();
    inner.set("a", json!(3));
    let expression = Expression::compile("[a, b]").unwrap();
    assert_eq!(expression.evaluate(&inner).unwrap().to_json(), Ok(json!([3, 2])));
    assert_eq!(expression.evaluate(&outer).unwrap().to_json(), Ok(json!([1, 2])));
    assert_eq!(inner.names().len(), 2);
}

#[test]
fn expressions_are_kept_as_their_source() {
    let expression = Expression::compile("input.to").unwrap();
    let text = serde_json::to_string(&expression).unwrap();
    assert_eq!(text, "\"input.to\"");
    assert_eq!(serde_json::from_str::<Expression>(&text).unwrap(), expression);
    let error = serde_json::from_str::<Expression>("\"a +\"").unwrap_err().to_string();
    assert!(error.starts_with("in the expression `a +`, at byte 3: found the end"), "{error}");
}
