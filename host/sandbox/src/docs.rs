// SPDX-License-Identifier: MIT OR Apache-2.0
//! The documentation comments of a component's WIT, where it carries them.

use std::collections::HashMap;

use serde_json::Value;

/// The custom section of a component that holds them, in the form of `wit-parser`.
pub(crate) const SECTION: &str = "package-docs";
/// How long one description may be, in characters.
const DESCRIPTION_MAX: usize = 4_000;

/// Descriptions of functions, by interface (without package and version) and function.
#[derive(Debug, Default)]
pub(crate) struct Docs {
    functions: HashMap<(String, String), String>,
}

impl Docs {
    /// Reads the section. What is not as expected is left out: documentation never decides whether something runs.
    pub(crate) fn read(data: &[u8]) -> Self {
        let mut docs = Self::default();
        // One byte of version stands in front of the JSON.
        let json = data.iter().position(|byte| *byte == b'{').and_then(|at| data.get(at..));
        let Some(Ok(root)) = json.map(serde_json::from_slice::<Value>) else { return docs };
        for (name, interface) in entries(&root, "interfaces") {
            docs.functions_of(name, interface);
        }
        for (_, world) in entries(&root, "worlds") {
            for (name, interface) in entries(world, "interface_exports") {
                docs.functions_of(name, interface);
            }
            docs.add_functions("", entries(world, "func_exports"));
        }
        docs
    }

    /// Returns the description of a function; empty where there is none.
    pub(crate) fn function(&self, interface: &str, function: &str) -> String {
        self.functions.get(&(interface.to_owned(), function.to_owned())).cloned().unwrap_or_default()
    }

    fn functions_of(&mut self, interface: &str, value: &Value) {
        self.add_functions(interface, entries(value, "funcs"));
    }

    fn add_functions<'a>(&mut self, interface: &str, functions: impl Iterator<Item = (&'a String, &'a Value)>) {
        for (function, value) in functions {
            let text = value.as_str().or_else(|| value.get("docs").and_then(Value::as_str));
            if let Some(text) = text {
                let text = text.chars().take(DESCRIPTION_MAX).collect();
                self.functions.insert((interface.to_owned(), function.clone()), text);
            }
        }
    }
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}
