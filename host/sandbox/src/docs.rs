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

    /// Adds what stands in the text of a WIT package. The parser bounds how deep it recurses.
    pub(crate) fn read_wit(&mut self, text: &str) {
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

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_the_text_of_a_package() {
        let mut docs = Docs::default();
        docs.read_wit("package a:b; interface c { /// What it does.\n d: func(); }");
        assert_eq!(docs.function("c", "d"), "What it does.");
    }

    /// Reads texts on a small stack: were they followed all the way down, this process would end.
    #[test]
    fn a_text_that_is_nested_without_end_is_left_out() {
        const TIMES: usize = 100_000;
        let nested = |open: &str, close: &str| format!("{}{}", open.repeat(TIMES), close.repeat(TIMES));
        let aliases: String = (1..20_000).map(|n| format!("type t{n} = t{};", n - 1)).collect();
        let texts = [
            format!("package a:b; interface c {{ type t = {}; }}", nested("list<", "u8>")),
            format!("package a:b; interface c {{ d: func(e: {}); }}", nested("tuple<", ">")),
            format!("package a:b; {}", nested("package c:d { ", "}")),
            format!("package a:b; {}", nested("/*", "*/")),
            format!("package a:b; interface c {{ type t0 = u8; {aliases} }}"),
        ];
        let read = move || texts.iter().for_each(|text| Docs::default().read_wit(text));
        std::thread::Builder::new().stack_size(512 << 10).spawn(read).unwrap().join().unwrap();
    }
}
