// SPDX-License-Identifier: MIT OR Apache-2.0
//! The documentation comments of a component's WIT, where it carries them.

use std::collections::HashMap;

use serde_json::Value;
use wit_parser::UnresolvedPackageGroup;

/// The custom section of a component that holds them, in the form of `wit-parser`.
pub(crate) const SECTION: &str = "package-docs";
/// A custom section that holds the text of a WIT package. Compilers drop [`SECTION`], so guests that want to be
/// described embed their text themselves; `priory-sdk` has a macro for it.
pub(crate) const WIT_SECTION: &str = "priory:wit";
/// How deep the text of a WIT package may be nested.
const WIT_DEPTH_MAX: usize = 64;
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
            // What a world exports stands among its imports, unless it imports something of the same name too.
            for (name, interface) in entries(world, "interfaces").chain(entries(world, "interface_exports")) {
                docs.functions_of(name, interface);
            }
            docs.add_functions("", entries(world, "funcs").chain(entries(world, "func_exports")));
        }
        docs
    }

    /// Adds what stands in the text of a WIT package.
    pub(crate) fn read_wit(&mut self, text: &str) {
        if is_nested_too_deep(text) {
            return;
        }
        let Ok(UnresolvedPackageGroup { main, .. }) = UnresolvedPackageGroup::parse("component.wit", text) else {
            return;
        };
        let exported = main.worlds.iter().map(|(_, world)| ("", &world.exports));
        for (interface, exports) in exported {
            for item in exports.values() {
                if let wit_parser::WorldItem::Function(function) = item {
                    self.add(interface, &function.name, function.docs.contents.as_deref());
                }
            }
        }
        for (_, interface) in main.interfaces.iter() {
            for (name, function) in &interface.functions {
                self.add(interface.name.as_deref().unwrap_or_default(), name, function.docs.contents.as_deref());
            }
        }
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
            self.add(interface, function, text);
        }
    }

    fn add(&mut self, interface: &str, function: &str, text: Option<&str>) {
        if let Some(text) = text {
            let text = text.chars().take(DESCRIPTION_MAX).collect();
            self.functions.insert((interface.to_owned(), function.to_owned()), text);
        }
    }
}

/// Tells whether brackets are nested deeper than any real package: the parser recurses once a level.
fn is_nested_too_deep(text: &str) -> bool {
    let (mut depth, mut deepest) = (0usize, 0);
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        for byte in code.bytes() {
            match byte {
                b'<' | b'(' | b'{' => depth += 1,
                b'>' | b')' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
    }
    deepest > WIT_DEPTH_MAX
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}
