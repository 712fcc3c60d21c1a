// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schemas that are hard to check, and values that are.

use priory_core::json::DEPTH_MAX;

use super::*;

fn compile(text: &str) -> Result<Schema, String> {
    Schema::compile(&Json::parse(text).unwrap(), &mut Allowance::of_a_toolset())
}

fn validate(schema: &str, value: &str) -> Result<(), Failure> {
    compile(schema).unwrap().validate(&Json::parse(value).unwrap(), || "value".to_owned())
}

/// Levels of which each says something twice about the next.
fn doubling(levels: usize, keyword: &str) -> String {
    let level = |n: usize| {
        let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
        format!(r#""d{n}":{{"{keyword}":[{next},{next}]}}"#)
    };
    let defs: Vec<String> = (0..levels).map(level).chain([format!(r#""d{levels}":{{}}"#)]).collect();
    format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, defs.join(","))
}

#[test]
fn an_ordinary_schema_validates() {
    let schema =
        r##"{"properties":{"a":{"$ref":"#/$defs/n"},"b":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}"##;
    assert!(validate(schema, r#"{"a":1,"b":2}"#).is_ok());
    match validate(schema, r#"{"a":1,"b":"x"}"#) {
        Err(Failure::Invalid(invalid)) => assert_eq!(invalid.pointer, "/b"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn references_that_double_at_each_level_are_refused() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        assert!(compile(&doubling(5, keyword)).is_ok());
        let error = compile(&doubling(40, keyword)).err().unwrap();
        assert!(error.contains("parts"), "{error}");
    }
}

#[test]
fn a_long_chain_of_references_is_refused() {
    let defs: Vec<String> = (0..5_000).map(|n| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1)).collect();
    let error = compile(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d5000":{{}}}}}}"##, defs.join(","))).err();
    assert!(error.is_some_and(|error| error.contains("nested")));
}

#[test]
fn recursion_that_doubles_with_the_value_is_refused() {
    let schema = r##"{"properties":{"n":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}"##;
    let nested = |depth: usize| format!("{}1{}", r#"{"n":"#.repeat(depth), "}".repeat(depth));
    assert!(validate(schema, &nested(5)).is_ok());
    let failure = validate(schema, &nested(60));
    assert!(matches!(&failure, Err(Failure::Invalid(i)) if i.reason.contains("steps")), "{failure:?}");
}

#[test]
fn a_schema_that_means_itself_is_refused() {
    let branches = vec![r##"{"$ref":"#/$defs/a"}"##; 50].join(",");
    let looked_through = format!(r##"{{"anyOf":[{branches}],"$defs":{{"a":{{"allOf":[{branches}]}}}}}}"##);
    for schema in [
        r##"{"$ref":"#"}"##,
        r##"{"not":{"$ref":"#"}}"##,
        r##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}}}"##,
        &looked_through,
    ] {
        let error = compile(schema).err().unwrap();
        assert!(error.contains("means itself"), "{error}");
    }
    for schema in [
        r##"{"$defs":{"self":{"$ref":"#"}},"properties":{"a":{"$ref":"#/$defs/self"}}}"##,
        r##"{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#"}}]}"##,
    ] {
        assert!(compile(schema).is_ok(), "{schema}");
    }
}

#[test]
fn recursion_that_goes_on_with_the_value_is_allowed() {
    let schema = r##"{"properties":{"n":{"$ref":"#"}},"additionalProperties":false}"##;
    let nested = |depth: usize| format!("{}{{}}{}", r#"{"n":"#.repeat(depth), "}".repeat(depth));
    assert!(validate(schema, &nested(DEPTH_MAX - 1)).is_ok());
}

/// Many references to one part, each level with twenty of the next: far more than may be, when they are counted.
fn many(reference: impl Fn(usize) -> String) -> String {
    let level = |n: usize| {
        let next = format!(r#"{{"$ref":"{}"}}"#, reference(n + 1));
        format!(r#""d{n}":{{"allOf":[{}]}}"#, vec![next; 20].join(","))
    };
    let levels: Vec<String> = (0..12).map(level).collect();
    format!(r#"{{"$ref":"{}","$defs":{{{},"d12":{{}}}}}}"#, reference(0), levels.join(","))
}

#[test]
fn only_plain_pointers_are_followed() {
    assert!(compile(&many(|n| format!("#/$defs/d{n}"))).err().unwrap().contains("parts"));
    let forms: [fn(usize) -> String; 7] = [
        |n| format!("#/%24defs/d{n}"),
        |n| format!("#/$defs/%64{n}"),
        |n| format!("json-schema:///#/$defs/d{n}"),
        |n| format!("json-schema:/#/$defs/d{n}"),
        |n| format!("/#/$defs/d{n}"),
        |n| format!("?#/$defs/d{n}"),
        |n| format!("https://json-schema.org/draft/2020-12/schema#/$defs/d{n}"),
    ];
    for form in forms {
        let error = compile(&many(form)).err().unwrap();
        assert!(error.contains("refers to") || error.contains("means itself"), "{error}");
    }
    for (reference, words) in [
        ("\"\"", "refers to"),
        ("\"#a\"", "refers to"),
        ("\"#/$defs/b\"", "refers to"),
        ("\"#/$defs/a#\"", "refers to"),
        ("\"#/$defs/ö\"", "refers to"),
        ("\"d0\"", "refers to"),
        ("\"https://json-schema.org/draft/2020-12/schema\"", "refers to"),
        ("7", "no text"),
        ("{\"$ref\":\"#/$defs/a\"}", "no text"),
    ] {
        let error = compile(&format!(r##"{{"items":{{"$ref":{reference}}},"$defs":{{"a":{{}},"ö":{{}}}}}}"##)).err();
        assert!(error.as_ref().is_some_and(|error| error.contains(words)), "{reference}: {error:?}");
    }
}

#[test]
fn keywords_that_cannot_be_foreseen_are_refused() {
    for keyword in [
        "$anchor",
        "$dynamicAnchor",
        "$dynamicRef",
        "$id",
        "$recursiveAnchor",
        "$recursiveRef",
        "$vocabulary",
        "unevaluatedItems",
        "unevaluatedProperties",
    ] {
        for argument in [r#""a""#, "false", "{}"] {
            let used = format!(r#"{{"{keyword}":{argument}}}"#);
            for schema in [
                used.clone(),
                format!(r#"{{"not":{used}}}"#),
                format!(r#"{{"anyOf":[true,{used}]}}"#),
                format!(r#"{{"properties":{{"a":{used}}}}}"#),
                format!(r#"{{"$defs":{{"$id":{used}}}}}"#),
                format!(r#"{{"dependencies":{{"a":{used}}}}}"#),
            ] {
                let error = compile(&schema).err().unwrap();
                assert!(error.contains(&format!("`{keyword}`")), "{schema}: {error}");
            }
        }
    }
}

#[test]
fn names_and_data_are_no_keywords() {
    let schema = r##"{
        "properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}, "unevaluatedItems": false,
            "properties": {"properties": {"$schema": {"$ref": "#/$defs/$anchor"}}}},
        "patternProperties": {"$id": true}, "dependentSchemas": {"$ref": {"required": ["$id"]}},
        "$defs": {"$anchor": {"type": "integer"}},
        "default": {"$ref": 7}, "examples": [{"$id": "a"}]
    }"##;
    assert!(compile(schema).map(|_| ()).is_ok());
    assert!(validate(schema, r#"{"$ref":"a","$id":"b","properties":{"$schema":7}}"#).is_ok());
    assert!(validate(schema, r#"{"properties":{"$schema":"x"}}"#).is_err());
    // What is referred to is a schema, wherever it stands.
    let error = compile(r##"{"$ref":"#/default","default":{"$id":"https://a.org/"}}"##).err().unwrap();
    assert!(error.contains("$id"), "{error}");
}

#[test]
fn another_draft_is_refused() {
    for draft in ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft/2020-12/schema#"] {
        assert!(compile(&format!(r#"{{"$schema":"{draft}"}}"#)).is_ok());
    }
    for draft in ["http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2019-09/schema", "", "x"] {
        for schema in [format!(r#"{{"$schema":"{draft}"}}"#), format!(r#"{{"items":{{"$schema":"{draft}"}}}}"#)] {
            assert!(compile(&schema).err().unwrap().contains("draft"), "{schema}");
        }
    }
    assert!(compile(r#"{"$schema":7}"#).is_err());
}

#[test]
fn the_schemas_of_a_toolset_are_bounded_together() {
    /// Compiles one schema again and again with one allowance, and returns how often that went and why not once more.
    fn times(schema: &str) -> (usize, String) {
        let schema = Json::parse(schema).unwrap();
        let mut allowance = Allowance::of_a_toolset();
        for count in 0..10_000 {
            if let Err(error) = Schema::compile(&schema, &mut allowance) {
                return (count, error);
            }
        }
        panic!("it was never refused");
    }
    let (count, error) = times(&format!(r#"{{"description":"{}"}}"#, "x".repeat(200 << 10)));
    assert!(count == 10 && error.contains("bytes together"), "{count}: {error}");
    let (count, error) = times(&format!(r#"{{"enum":[{}]}}"#, vec!["1"; 9_998].join(",")));
    assert!(count == 10 && error.contains("parts together"), "{count}: {error}");
    let (count, error) =
        times(r#"{"properties":{"a":{"pattern":"^a"},"b":{"pattern":"^a"}},"patternProperties":{"b":true}}"#);
    assert!(count == 32 && error.contains("patterns together"), "{count}: {error}");
}

#[test]
fn patterns_have_a_size() {
    for pattern in [
        "^[a-z0-9-]{1,64}$",
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$",
        r"^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2})?Z$",
        r"^\\p{Lu}\\w*$",
    ] {
        compile(&format!(r#"{{"pattern":"{pattern}"}}"#)).map(|_| ()).unwrap();
    }
    assert!(compile(r#"{"pattern":"(a[bc]{100}){100}"}"#).is_err());
    assert!(compile(r#"{"patternProperties":{"(a[bc]{100}){100}":true}}"#).is_err());
}

#[test]
fn what_patterns_look_at_is_counted() {
    let patterns = |count: usize| (0..count).map(|n| format!("^[a-z]*(?:{n})?$"));
    let of_text = |count: usize| {
        let schemas: Vec<String> = patterns(count).map(|pattern| format!(r#"{{"pattern":"{pattern}"}}"#)).collect();
        format!(r#"{{"allOf":[{}]}}"#, schemas.join(","))
    };
    let of_names: Vec<String> = patterns(20).map(|pattern| format!(r#""{pattern}":true"#)).collect();
    let text = |bytes: usize| format!(r#""{}""#, "a".repeat(bytes));
    match validate(&of_text(1), &text(1 << 20).to_uppercase()) {
        Err(Failure::Invalid(invalid)) => assert!(invalid.reason.starts_with("\"AAA"), "{invalid:?}"),
        other => panic!("{other:?}"),
    }
    assert!(validate(&of_text(1), &text(1 << 20)).is_ok());
    assert_eq!(validate(&of_text(20), &text(1_000)), Ok(()));
    for (schema, value) in [
        (of_text(20), text(1 << 20)),
        (format!(r#"{{"propertyNames":{}}}"#, of_text(20)), format!("{{{}:1}}", text(1 << 20))),
        (format!(r#"{{"patternProperties":{{{}}}}}"#, of_names.join(",")), format!("{{{}:1}}", text(1 << 20))),
    ] {
        let failure = validate(&schema, &value);
        assert!(matches!(&failure, Err(Failure::Invalid(i)) if i.reason.contains("steps")), "{schema}");
    }
}

#[test]
fn old_dependencies_are_counted() {
    let schema =
        r##"{"dependencies":{"n":{"allOf":[{"properties":{"n":{"$ref":"#"}}},{"properties":{"n":{"$ref":"#"}}}]}}}"##;
    let nested = |depth: usize| format!("{}1{}", r#"{"n":"#.repeat(depth), "}".repeat(depth));
    assert!(validate(schema, &nested(5)).is_ok());
    let failure = validate(schema, &nested(60));
    assert!(matches!(&failure, Err(Failure::Invalid(i)) if i.reason.contains("steps")), "{failure:?}");
}

#[test]
fn errors_are_not_heaped_up() {
    let schema = r#"{"anyOf":[{"items":{"type":"string"}},{"type":"null"}]}"#;
    let reason = |items: usize| match validate(schema, &format!("[{}]", vec!["1"; items].join(","))) {
        Err(Failure::Invalid(invalid)) => invalid.reason,
        other => panic!("{other:?}"),
    };
    assert!(reason(100).contains("anyOf"));
    assert!(reason(100_000).contains("too large"));
    assert!(validate(schema, &format!("[{}]", vec!["\"\""; 100_000].join(","))).is_ok());
}

/// Runs on a stack that is smaller than what a guest leaves of its own.
fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap()
}

#[test]
fn the_deepest_schemas_fit_on_a_small_stack() {
    let wraps = [
        (r#"{"not":"#, "}"),
        (r#"{"allOf":["#, "]}"),
        (r#"{"anyOf":["#, "]}"),
        (r#"{"oneOf":["#, ",true]}"),
        (r#"{"if":"#, r#","then":true,"else":false}"#),
        (r#"{"items":"#, "}"),
        (r#"{"contains":"#, "}"),
        (r#"{"prefixItems":["#, "]}"),
        (r#"{"properties":{"a":"#, "}}"),
        (r#"{"patternProperties":{"a":"#, "}}"),
        (r#"{"additionalProperties":"#, "}"),
        (r#"{"properties":{"b":true},"additionalProperties":"#, "}"),
        (r#"{"propertyNames":"#, "}"),
        (r#"{"dependentSchemas":{"a":"#, "}}"),
        (r#"{"dependencies":{"a":"#, "}}"),
        (r#"{"contentSchema":"#, "}"),
        (r#"{"$defs":{"a":"#, "}}"),
    ];
    for (open, close) in wraps {
        // As deep as a JSON text may be, and then once more behind a reference.
        let levels = (DEPTH_MAX - 4) / open.matches(['{', '[']).count();
        let deep = |inner: &str| format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
        let again = format!(r##"{{"$ref":"#/$defs/a","$defs":{{"a":{}}}}}"##, deep("{}"));
        for schema in [deep("{}"), again] {
            let compiled = on_a_small_stack(move || compile(&schema).map(|_| ()));
            assert!(compiled.is_ok() || compiled.as_ref().is_err_and(|e| e.contains("nested")), "{open}: {compiled:?}");
        }
    }
    let link = |n: usize| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1);
    let links: Vec<String> = (0..70).map(link).collect();
    let chain = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d70":{{}}}}}}"##, links.join(","));
    on_a_small_stack(move || compile(&chain).map(|_| ())).unwrap();
}

#[test]
fn the_deepest_validations_fit_on_a_small_stack() {
    for (schema, value) in [
        (r##"{"properties":{"n":{"$ref":"#"}}}"##, (r#"{"n":"#, "}")),
        (r##"{"anyOf":[{"type":"integer"},{"not":{"not":{"properties":{"n":{"$ref":"#"}}}}}]}"##, (r#"{"n":"#, "}")),
        (r##"{"oneOf":[{"type":"integer"},{"items":{"$ref":"#"}}]}"##, ("[", "]")),
    ] {
        for depth in 1..=DEPTH_MAX {
            let value = Json::parse(&format!("{}\"1\"{}", value.0.repeat(depth), value.1.repeat(depth))).unwrap();
            let schema = compile(schema).unwrap();
            let ended = on_a_small_stack(move || schema.validate(&value, || "value".to_owned()));
            assert!(matches!(ended, Ok(()) | Err(Failure::Invalid(_))), "{ended:?}");
        }
    }
}
