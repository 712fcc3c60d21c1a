// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a graph as a picture.

use std::fmt::Write;

use super::layout::{Area, INSET, TEXT_HEIGHT, layout};
use super::{Graph, Item, Means, at};

/// How the picture looks, on light ground and on dark.
const STYLE: &str = "\
text{font:12px ui-sans-serif,system-ui,sans-serif;fill:#1f2328}\
.t{font-weight:600}.d{fill:#57606a}.r{font-style:italic;fill:#57606a}\
rect{fill:#fff;stroke:#8c959f}.g{fill:#818b98;fill-opacity:.07;stroke-dasharray:none}\
.agent{fill:#ddf4ff;stroke:#54aeff}.tool{fill:#dafbe1;stroke:#4ac26b}.workflow{fill:#fbefff;stroke:#c297ff}\
.human{fill:#fff8c5;stroke:#d4a72c}.event,.emit{fill:#ffeff7;stroke:#ff80c8}.model{fill:#fff1e5;stroke:#fb8f44}\
path{fill:none;stroke:#57606a;stroke-width:1.3}.order{stroke-dasharray:6 4}.maybe{stroke-dasharray:2 4}\
marker path{fill:#57606a;stroke:none}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.d,.r{fill:#9198a1}rect{fill:#151b23;stroke:#656c76}\
.agent{fill:#0c2d6b}.tool{fill:#033a16}.workflow{fill:#271052}.human{fill:#3b2300}.event,.emit{fill:#42062a}.model{fill:#3d1300}\
path{stroke:#9198a1}marker path{fill:#9198a1}}";

/// Writes a graph.
pub(super) fn write(graph: &Graph) -> String {
    let layout = layout(graph);
    let (width, height) = layout.size;
    let name = escaped(&graph.name);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{name}\">\n<title>{name}</title>\n\
         <style>{STYLE}</style>\n<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
    );
    // Holders come before what they hold, so nothing is painted over.
    for (item, area) in graph.items.iter().zip(&layout.areas) {
        write_item(item, *area, &mut text);
    }
    for (line, route) in graph.lines.iter().zip(&layout.routes) {
        let class = match line.means {
            Means::Data => "",
            Means::Order => " class=\"order\"",
            Means::Maybe => " class=\"maybe\"",
        };
        // Writing to a text does not fail.
        let _ = writeln!(text, "<path{class} d=\"{}\" marker-end=\"url(#a)\"/>", curve(route));
    }
    text.push_str("</svg>\n");
    text
}

/// Writes the curve that a line takes through its points.
fn curve(route: &[(i64, i64)]) -> String {
    let (mut x, mut y) = at(route, 0);
    let mut path = format!("M{x} {y}");
    for (next, below) in route.iter().skip(1) {
        let half = y.saturating_add(*below) / 2;
        let _ = write!(path, "C{x} {half} {next} {half} {next} {below}");
        (x, y) = (*next, *below);
    }
    path
}

fn write_item(item: &Item, area: Area, text: &mut String) {
    let Area { left, top, width, height } = area;
    let class = if item.is_group { "g" } else { item.word };
    let round = if item.word == "agent" && !item.is_group { 12 } else { 5 };
    let _ = writeln!(
        text,
        "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>"
    );
    let middle = left.saturating_add(width / 2);
    let (x, anchor) = if item.is_group { (left.saturating_add(INSET / 2), "start") } else { (middle, "middle") };
    let mut baseline = top.saturating_add(INSET / 2);
    for (line, class) in [(&item.title, "t"), (&item.detail, "d"), (&item.role, "r")] {
        if line.is_empty() {
            continue;
        }
        baseline = baseline.saturating_add(TEXT_HEIGHT);
        let y = baseline.saturating_sub(4);
        let line = escaped(line);
        let _ = writeln!(text, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{line}</text>");
    }
}

/// Writes signs by their names that mean something in XML, and nothing for those that must not stand there.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
