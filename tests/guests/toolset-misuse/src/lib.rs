// SPDX-License-Identifier: MIT OR Apache-2.0
//! A toolset that breaks its own word, as its configuration key `behaviour` says.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, clippy::unwrap_used)]

use priory_sdk::bindings::priory::agent::types::{Failure, Tool};
use priory_sdk::bindings::toolset::exports::priory::agent::toolset::Guest;

mod config {
    wit_bindgen::generate!({
        inline: r#"
            package test:configured@0.1.0;
            world guest { import wasi:config/store@0.2.0-rc.1; }
            package wasi:config@0.2.0-rc.1 {
                interface store {
                    variant error { upstream(string), io(string) }
                    get: func(key: string) -> result<option<string>, error>;
                }
            }
        "#,
        generate_all,
    });
}

struct Tools;
priory_sdk::bindings::toolset::export_toolset!(Tools with_types_in priory_sdk::bindings::toolset);

fn behaviour() -> String {
    config::wasi::config::store::get("behaviour").unwrap().unwrap_or_default()
}

fn tool(name: &str, input: &str, output: Option<&str>) -> Tool {
    Tool {
        name: name.to_owned(),
        description: String::new(),
        input_schema: input.to_owned(),
        output_schema: output.map(str::to_owned),
    }
}

const OBJECT: &str = r#"{"type":"object"}"#;
const COUNT: &str = r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#;

impl Guest for Tools {
    fn list_tools() -> Result<Vec<Tool>, Failure> {
        let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(120), "}".repeat(120));
        let huge = format!(r#"{{"description":"{}"}}"#, "x".repeat(300 << 10));
        Ok(match behaviour().as_str() {
            "bad-schema" => vec![tool("count", r#"{"type":"whatever"}"#, None)],
            "schema-no-json" => vec![tool("count", "{", None)],
            "schema-outside" => vec![tool("count", r#"{"$ref":"https://example.org/schema.json"}"#, None)],
            "schema-file" => vec![tool("count", r#"{"$ref":"file:///etc/passwd"}"#, None)],
            "schema-loop" => vec![tool("count", r##"{"$ref":"#"}"##, None)],
            "schema-recursive" => vec![tool("count", r##"{"properties":{"n":{"$ref":"#"}}}"##, None)],
            // Two references at each level: as many ways as there are leaves on a tree of that depth.
            "schema-exponential" => {
                let level = |n: u32| {
                    format!(r##""d{n}":{{"allOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}}"##, n + 1)
                };
                let levels: Vec<String> = (0..20).map(level).collect();
                let last = r#""d20":{"type":"object"}"#;
                let schema = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},{last}}}}}"##, levels.join(","));
                vec![tool("count", &schema, None)]
            }
            "schema-chain" => {
                let link = |n: u32| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1);
                let links: Vec<String> = (0..8_000).map(link).collect();
                let schema = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d8000":{{}}}}}}"##, links.join(","));
                vec![tool("count", &schema, None)]
            }
            "schema-doubling" => {
                vec![tool("count", r##"{"properties":{"n":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}"##, None)]
            }
            "schema-recursive-deep" => {
                let deep = format!(r##"{}{{"$ref":"#"}}{}"##, r#"{"allOf":["#.repeat(3), "]}".repeat(3));
                vec![tool("count", &format!(r#"{{"properties":{{"n":{deep}}}}}"#), None)]
            }
            "schema-unique" => vec![tool("count", r#"{"properties":{"n":{"uniqueItems":true}}}"#, None)],
            "schema-escaped" => {
                let schema = r##"{"$ref":"#/%24defs/a","$defs":{"a":{"type":"object"}}}"##;
                vec![tool("count", schema, None)]
            }
            "schema-unevaluated" => vec![tool("count", r#"{"unevaluatedProperties":false}"#, None)],
            // Each is small enough alone.
            "schemas-bytes" => {
                let large = format!(r#"{{"description":"{}"}}"#, "x".repeat(200 << 10));
                (0..20).map(|n| tool(&format!("t{n}"), &large, None)).collect()
            }
            "schemas-patterns" => {
                let schema = |n: u32| format!(r#"{{"properties":{{"n":{{"pattern":"^a{n}$"}}}}}}"#);
                (0..100).map(|n| tool(&format!("t{n}"), &schema(n), None)).collect()
            }
            "words" => {
                let words = "x".repeat(2 << 10);
                (0..1_000)
                    .map(|n| Tool { description: words.clone(), ..tool(&format!("t{n}"), OBJECT, None) })
                    .collect()
            }
            // The keys of a hash map of Rust are drawn at random.
            "random" => {
                use std::hash::{BuildHasher, RandomState};
                let description = RandomState::new().hash_one(0).to_string();
                vec![Tool { description, ..tool("count", COUNT, None) }]
            }
            "schema-deep" => vec![tool("count", &deep, None)],
            "schema-huge" => vec![tool("count", &huge, None)],
            "schema-pattern" => vec![tool("count", r#"{"properties":{"n":{"pattern":"(a{1000}){1000}"}}}"#, None)],
            "schema-backtracking" => {
                vec![tool("count", r#"{"properties":{"n":{"pattern":"^(a+)+(?=b)$"}}}"#, None)]
            }
            "twice" => vec![tool("count", OBJECT, None), tool("count", OBJECT, None)],
            "bad-name" => vec![tool("Count It!", OBJECT, None)],
            "foreign-name" => vec![tool("other.count", OBJECT, None)],
            "many" => (0..1_025).map(|n| tool(&format!("t{n}"), OBJECT, None)).collect(),
            "list-fails" => return Err(Failure::Conflict("x".repeat(2_000))),
            "list-breaks" => panic!("no list"),
            "list-spins" => loop {
                std::hint::black_box(0);
            },
            _ => vec![tool("count", COUNT, Some(r#"{"type":"integer"}"#))],
        })
    }

    fn call_tool(_: String, arguments: String) -> Result<String, Failure> {
        Ok(match behaviour().as_str() {
            "breaks-output" => r#""many""#.to_owned(),
            "no-json" => "[1,".to_owned(),
            "deep-json" => "[".repeat(200) + &"]".repeat(200),
            "call-breaks" => panic!("no call"),
            _ => arguments.trim_start_matches(r#"{"n":"#).trim_end_matches('}').trim().to_owned(),
        })
    }
}
