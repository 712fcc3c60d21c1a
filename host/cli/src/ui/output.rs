// SPDX-License-Identifier: MIT OR Apache-2.0
//! Results on stdout: indented for people, one line for programs.

use std::io::{self, IsTerminal, Write};

use priory::core::Json;

use super::text::printable;

/// Writes a line to stdout. That nobody reads it any more is no failure of what was done.
pub(crate) fn line(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let _ = writeln!(stdout, "{text}");
}

/// Writes text to stdout as it is.
pub(crate) fn text(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let _ = write!(stdout, "{text}");
}

/// Writes a JSON result to stdout.
pub(crate) fn result(json: &Json) {
    match io::stdout().is_terminal() {
        // JSON escapes most of what a terminal would act on, not all.
        true => line(&printable(&pretty(json.as_str()))),
        false => line(json.as_str()),
    }
}

/// Writes a value to stdout as indented JSON.
pub(crate) fn json(value: &serde_json::Value) {
    line(&format!("{value:#}"));
}

/// Indents a JSON text. It is not parsed into a tree, so that no number is rounded and no key is moved.
pub(crate) fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped, mut opened) = (0usize, false, false, false);
    let break_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for c in json.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if c.is_whitespace() {
            continue;
        }
        let closes = matches!(c, ']' | '}');
        if opened && !closes {
            break_line(&mut out, depth);
        }
        if closes {
            depth = depth.saturating_sub(1);
            if !opened {
                break_line(&mut out, depth);
            }
        }
        out.push(c);
        opened = matches!(c, '[' | '{');
        match c {
            '[' | '{' => depth += 1,
            ',' => break_line(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_string = true,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_without_being_changed() {
        let text = r#"{"b":18446744073709551615,"a":[1.50,{},[]],"s":"x\": {,[","e":[ ]}"#;
        let expected = "{\n  \"b\": 18446744073709551615,\n  \"a\": [\n    1.50,\n    {},\n    []\n  ],\n  \"s\": \"x\\\": {,[\",\n  \"e\": []\n}";
        assert_eq!(pretty(text), expected);
        assert_eq!(pretty("\"a b\""), "\"a b\"");
    }
}
