// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names that stand in expressions: those of nodes and of keys of the state.

/// How long such a name may be, in bytes: it stands in messages and in every event of its node.
const NAME_BYTES_MAX: usize = 64;

/// Names that expressions have taken: what patterns bind, and words, types and functions of the language.
const RESERVED: [&str; 51] = [
    "all",
    "as",
    "bool",
    "break",
    "bytes",
    "candidate",
    "cel",
    "const",
    "continue",
    "double",
    "duration",
    "else",
    "exists",
    "exists_one",
    "failure",
    "false",
    "for",
    "function",
    "given",
    "has",
    "if",
    "import",
    "in",
    "index",
    "input",
    "int",
    "item",
    "last",
    "let",
    "list",
    "loop",
    "map",
    "namespace",
    "null",
    "null_type",
    "output",
    "package",
    "return",
    "round",
    "size",
    "state",
    "string",
    "timestamp",
    "transcript",
    "true",
    "turn",
    "type",
    "uint",
    "var",
    "void",
    "while",
];

/// Says why something cannot be the name of a node, and what could.
pub(super) fn refuse_node(name: &str) -> Option<(String, String)> {
    if RESERVED.contains(&name) {
        let message = format!("`{name}` cannot name a node: it means something else in expressions");
        return Some((message, format!("call it something else, such as `the_{name}`")));
    }
    refuse(name, "a node")
}

/// Says why something cannot be a key of the state, and what could.
pub(super) fn refuse_key(name: &str) -> Option<(String, String)> {
    refuse(name, "a key of the state")
}

fn refuse(name: &str, what: &str) -> Option<(String, String)> {
    if is_word(name) {
        return None;
    }
    let form = "a name that stands in expressions is made of lower-case letters, digits and `_`, begins with a letter, \
                and has at most 64 characters";
    let plain: String = name.to_ascii_lowercase().replace(['-', ' ', '.', '/', ':'], "_");
    let hint = if is_word(&plain) { format!("{form}, such as `{plain}`") } else { form.to_owned() };
    Some((format!("`{name}` cannot name {what}"), hint))
}

fn is_word(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
