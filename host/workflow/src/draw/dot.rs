// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a graph for Graphviz.

use std::fmt::Write;

use super::{Graph, Item, Means};

/// Writes a graph.
pub(super) fn write(graph: &Graph) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&graph.name));
    text.push_str("  compound=true;\n  graph [fontname=\"sans-serif\", style=rounded];\n");
    text.push_str("  node [fontname=\"sans-serif\", shape=box, style=rounded];\n");
    let (held, top) = graph.held();
    for index in top {
        write_item(graph, &held, index, 1, &mut text);
    }
    for line in &graph.lines {
        let mut marks = Vec::new();
        match line.means {
            Means::Data => {}
            Means::Order => marks.push("style=dashed".to_owned()),
            Means::Maybe => marks.push("style=dotted".to_owned()),
        }
        // Graphviz draws lines between boxes, and cuts them where a group begins.
        let (from, to) = (first(&held, line.from), first(&held, line.to));
        if from != line.from {
            marks.push(format!("ltail=cluster_{}", line.from));
        }
        if to != line.to {
            marks.push(format!("lhead=cluster_{}", line.to));
        }
        let marks = if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) };
        // Writing to a text does not fail.
        let _ = writeln!(text, "  n{from} -> n{to}{marks};");
    }
    text.push_str("}\n");
    text
}

/// Returns the first item in an item that holds nothing.
fn first(held: &[Vec<usize>], index: usize) -> usize {
    // What is held comes after its holder, so this ends.
    let mut found = index;
    while let Some(inner) = held.get(found).and_then(|inside| inside.first()) {
        found = *inner;
    }
    found
}

fn write_item(graph: &Graph, held: &[Vec<usize>], index: usize, depth: usize, text: &mut String) {
    let Some(item) = graph.items.get(index) else { return };
    let space = "  ".repeat(depth);
    let label = quoted(&item.texts().collect::<Vec<_>>().join("\n"));
    let inside = held.get(index).map(Vec::as_slice).unwrap_or_default();
    if inside.is_empty() {
        let _ = writeln!(text, "{space}n{index} [label={label}{}];", shape(item));
        return;
    }
    let _ = writeln!(text, "{space}subgraph cluster_{index} {{");
    let _ = writeln!(text, "{space}  label={label};");
    for inner in inside {
        write_item(graph, held, *inner, depth.saturating_add(1), text);
    }
    let _ = writeln!(text, "{space}}}");
}

fn shape(item: &Item) -> &'static str {
    match item.word {
        "tool" => ", shape=component",
        "workflow" => ", peripheries=2",
        "human" => ", shape=hexagon",
        "model" => ", shape=ellipse",
        "event" | "emit" => ", shape=cds",
        "value" => ", shape=plain",
        _ => "",
    }
}

/// Quotes a text. Line feeds are written as such, every other sign stands for itself.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter if letter.is_control() => quoted.push(' '),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
