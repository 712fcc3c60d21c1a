// SPDX-License-Identifier: MIT OR Apache-2.0
//! The JSON Schema of a manifest, made of its wire form.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::wire;

/// The schema; made once, because making it takes longer than most manifests take to check.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<wire::Manifest>();
    without_null(schema.to_value())
});

/// Returns the schema that is published.
pub(crate) fn json_schema() -> Value {
    SCHEMA.clone()
}

/// Returns the schema that texts are compared with.
pub(crate) fn shared() -> &'static Value {
    &SCHEMA
}

/// Returns the schema that a file with a workflow is compared with.
pub(crate) fn workflow() -> &'static Value {
    SCHEMA.pointer("/$defs/Workflow").unwrap_or(&SCHEMA)
}

/// Follows the references of a schema into its definitions.
pub(crate) fn resolved(mut schema: &Value) -> &Value {
    /// How many references may follow each other; the form has one at most.
    const REFERENCES_MAX: usize = 4;
    for _ in 0..REFERENCES_MAX {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        match target.and_then(|pointer| SCHEMA.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// Takes out every `null`: an optional value may be left out, but TOML cannot write that it is nothing. Defaults
/// go as well, because they are those of the reader and not of the host.
fn without_null(value: Value) -> Value {
    let is_null = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text == "null",
        Value::Object(object) => object.get("type").is_some_and(|ty| ty == "null"),
        _ => false,
    };
    match value {
        Value::Object(mut object) => {
            // As a keyword it stands beside a type; as a property's name it does not.
            if object.contains_key("type") || object.contains_key("$ref") || object.contains_key("anyOf") {
                object.remove("default");
            }
            Value::Object(object.into_iter().map(|(key, value)| (key, without_null(value))).collect())
        }
        Value::Array(items) if items.iter().any(is_null) => {
            let mut rest: Vec<_> = items.into_iter().filter(|item| !is_null(item)).map(without_null).collect();
            match (rest.len(), rest.first()) {
                // `"type": ["string", "null"]`
                (1, Some(Value::String(_))) => rest.remove(0),
                _ => Value::Array(rest),
            }
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_null).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Manifest;

    #[test]
    fn the_published_schema_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("priory.schema.json");
        let current = format!("{:#}\n", Manifest::json_schema());
        if std::env::var_os("PRIORY_SCHEMA_REWRITE").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(published == current, "priory.schema.json is not current; run this test with PRIORY_SCHEMA_REWRITE=1");
    }

    #[test]
    fn the_schema_knows_no_null_and_refuses_unknown_keys() {
        let text = Manifest::json_schema().to_string();
        assert!(!text.contains("null"), "{text}");
        let schema = Manifest::json_schema();
        assert_eq!(schema["required"], serde_json::json!(["name"]));
        for (name, part) in schema["$defs"].as_object().unwrap() {
            assert_eq!(part["additionalProperties"], false, "{name}");
            for key in part["required"].as_array().into_iter().flatten() {
                assert!(part["properties"].get(key.as_str().unwrap()).is_some(), "{name} requires {key}");
            }
        }
    }
}
