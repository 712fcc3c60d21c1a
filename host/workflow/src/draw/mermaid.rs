// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a graph as a Mermaid flowchart.

use std::fmt::Write;

use super::{Graph, Item, Means};

/// Writes a graph.
pub(super) fn write(graph: &Graph) -> String {
    let mut text = format!("---\ntitle: {}\n---\nflowchart TD\n", quoted(&graph.name));
    let (held, top) = graph.held();
    for index in top {
        write_item(graph, &held, index, 1, &mut text);
    }
    for line in &graph.lines {
        let arrow = match line.means {
            Means::Data => "-->",
            Means::Order => "-.->",
            Means::Maybe => "-.-o",
        };
        // Writing to a text does not fail.
        let _ = writeln!(text, "  n{} {arrow} n{}", line.from, line.to);
    }
    text
}

fn write_item(graph: &Graph, held: &[Vec<usize>], index: usize, depth: usize, text: &mut String) {
    let Some(item) = graph.items.get(index) else { return };
    let space = "  ".repeat(depth);
    let inside = held.get(index).map(Vec::as_slice).unwrap_or_default();
    if inside.is_empty() {
        let (open, close) = brackets(item);
        let _ = writeln!(text, "{space}n{index}{open}\"{}\"{close}", label(item));
        return;
    }
    let _ = writeln!(text, "{space}subgraph n{index}[\"{}\"]", label(item));
    for inner in inside {
        write_item(graph, held, *inner, depth.saturating_add(1), text);
    }
    let _ = writeln!(text, "{space}end");
}

/// Returns the brackets that give an item its form.
fn brackets(item: &Item) -> (&'static str, &'static str) {
    match item.word {
        "agent" => ("([", "])"),
        "tool" | "workflow" => ("[[", "]]"),
        "human" => ("{{", "}}"),
        "model" => ("(", ")"),
        "event" | "emit" => (">", "]"),
        _ => ("[", "]"),
    }
}

fn label(item: &Item) -> String {
    item.texts().map(escaped).collect::<Vec<_>>().join("<br/>")
}

/// Writes signs by their names that would mean something in a label.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => escaped.push_str("#quot;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '&' => escaped.push_str("#amp;"),
            '#' => escaped.push_str("#35;"),
            '`' => escaped.push_str("#96;"),
            '\\' => escaped.push_str("#92;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Quotes a text for YAML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push(' '),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
