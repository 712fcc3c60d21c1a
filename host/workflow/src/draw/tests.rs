// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is drawn of workflows, and where.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::layout::{Area, Layout, layout};
use super::*;
use crate::definition::{Definition, Tree};

fn graph(nodes: Json) -> Graph {
    let definition = json!({"name": "trip", "context-bytes": 65536, "nodes": nodes});
    let definition: Definition = serde_json::from_value(definition).unwrap();
    let tree = Tree::of(&definition).unwrap();
    Graph::of(&definition, &tree)
}

/// A workflow with something of everything that is drawn in a way of its own.
fn trip() -> Graph {
    graph(json!({
        "hotels": {"kind": {"tool": "hotels.search"}, "with": {"to": "input.to"}},
        "flights": {"kind": {"agent": "flight-searcher"}, "with": {"to": "input.to"}, "when": "input.fly", "fallback": ["trains"]},
        "trains": {"kind": {"agent": "train-searcher"}},
        "prices": {"kind": {"map": {"over": "hotels.list", "body": "price", "width": 8}}, "after": ["flights"]},
        "price": {"kind": {"tool": "price"}, "with": {"hotel": "item"}},
        "way": {"kind": {"route": {"cases": [{"when": "size(prices) > 1 && \"a\" != '<b>'", "node": "choose"}], "default": "none"}}, "with": "flights"},
        "choose": {"kind": {"human": {"kind": "approve", "text": "Well?"}}},
        "none": {"kind": {"value": "'nothing'"}},
    }))
}

#[test]
fn mermaid_is_as_expected() {
    assert_eq!(trip().mermaid(), include_str!("tests/trip.mmd"));
}

#[test]
fn dot_is_as_expected() {
    assert_eq!(trip().dot(), include_str!("tests/trip.dot"));
}

#[test]
fn svg_is_as_expected() {
    assert_eq!(trip().svg(), include_str!("tests/trip.svg"));
}

#[test]
fn patterns_show_who_turns_to_whom() {
    let lines = |nodes: Json| {
        let graph = graph(nodes);
        let title = |index: usize| graph.items[index].title.clone();
        graph
            .lines
            .iter()
            .map(|line| format!("{} {:?} {}", title(line.from), line.means, title(line.to)))
            .collect::<Vec<_>>()
    };
    let agent = json!({"kind": {"agent": "x"}});
    let three = |kind: Json| json!({"p": {"kind": kind}, "a": agent, "b": agent, "c": agent});
    assert_eq!(lines(three(json!({"sequence": ["a", "c", "b"]}))), ["a Data c", "c Data b"]);
    assert_eq!(lines(three(json!({"parallel": {"branches": ["a", "b", "c"]}}))), [""; 0]);
    let supervisor = json!({"supervisor": {"manager": "b", "workers": ["a", "c"], "turns": 5}});
    assert_eq!(lines(three(supervisor)), ["b Maybe a", "b Maybe c"]);
    let handoff =
        json!({"handoff": {"peers": ["a", "b", "c"], "routes": {"a": ["b"], "b": ["a", "c"]}, "handoffs": 3}});
    assert_eq!(lines(three(handoff)), ["a Maybe b", "b Maybe a", "b Maybe c"]);
    let compete = json!({"compete": {"contenders": ["a", "b"], "pick": {"judge": "c"}}});
    assert_eq!(lines(three(compete)), ["a Data c", "b Data c"]);
}

#[test]
fn models_are_drawn_by_their_names() {
    let graph = graph(json!({
        "sum": {"kind": {"model": {"name": "fast", "prompt": "Sum up"}}},
        "usual": {"kind": {"model": {}}},
    }));
    let details: Vec<&str> = graph.items.iter().map(|item| item.detail.as_str()).collect();
    assert_eq!(details, ["model fast", "model"]);
    assert!(graph.mermaid().contains("(\"sum<br/>model fast\")"), "{}", graph.mermaid());
    assert!(graph.dot().contains("shape=ellipse") && graph.svg().contains("class=\"model\""));
}

#[test]
fn nothing_that_is_drawn_can_be_more_than_text() {
    let wild = "a\"]b`<script>alert('x')</script>\\\n\u{0}&#end";
    let item = |title: &str| Item { title: clipped(title), word: "agent", ..Item::default() };
    let graph = Graph { name: wild.to_owned(), items: vec![item(wild), item("end")], ..Graph::default() };
    assert!(!graph.svg().contains("<script"));
    for text in [graph.svg(), graph.mermaid(), graph.dot()] {
        assert!(!text.contains('\u{0}'));
    }
    assert!(graph.svg().contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    let mermaid = graph.mermaid();
    assert!(
        mermaid.contains("n0([\"a#quot;]b#96;#lt;script#gt;alert('x')#lt;/script#gt;#92;  #amp;#35;end\"])"),
        "{mermaid}"
    );
    assert!(graph.dot().contains(r#"n0 [label="a\"]b`<script>alert('x')</script>\\  &#end"];"#));
    assert_eq!(clipped(&"x".repeat(100)).chars().count(), LETTERS_MAX + 1);
}

/// A graph of items in items, with lines that lead on, and some that lead back.
fn graphs() -> impl Strategy<Value = Graph> {
    let holders = prop::collection::vec(prop::option::weighted(0.6, any::<prop::sample::Index>()), 1..60);
    let lines = prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..8u8), 0..120);
    (holders, lines).prop_map(|(holders, wanted)| {
        let mut graph = Graph::default();
        for (index, holder) in holders.iter().enumerate() {
            let holder = holder.as_ref().filter(|_| index > 0).map(|holder| holder.index(index));
            if let Some(holder) = holder {
                graph.items[holder].is_group = true;
            }
            graph.items.push(Item { title: format!("i{index}"), word: "agent", holder, ..Item::default() });
        }
        for (from, to, back) in wanted {
            let (from, to) = (from.index(graph.items.len()), to.index(graph.items.len()));
            if graph.items[from].holder == graph.items[to].holder && from != to {
                let (from, to) = if back == 0 { (from.max(to), from.min(to)) } else { (from.min(to), from.max(to)) };
                graph.lines.push(Line { from, to, means: Means::Data });
            }
        }
        graph.lines.sort_unstable();
        graph.lines.dedup();
        graph
    })
}

fn is_inside(inner: Area, outer: Area) -> bool {
    inner.left >= outer.left
        && inner.top >= outer.top
        && inner.left + inner.width <= outer.left + outer.width
        && inner.top + inner.height <= outer.top + outer.height
}

fn is_apart(one: Area, other: Area) -> bool {
    one.left + one.width <= other.left
        || other.left + other.width <= one.left
        || one.top + one.height <= other.top
        || other.top + other.height <= one.top
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn items_stand_apart_and_lines_lead_on(graph in graphs()) {
        let Layout { areas, routes, size } = layout(&graph);
        let whole = Area { left: 0, top: 0, width: size.0, height: size.1 };
        for (index, item) in graph.items.iter().enumerate() {
            prop_assert!(is_inside(areas[index], item.holder.map_or(whole, |holder| areas[holder])));
            for other in index + 1..graph.items.len() {
                if graph.items[other].holder == item.holder {
                    prop_assert!(is_apart(areas[index], areas[other]), "{} {}", index, other);
                }
            }
        }
        // Without lines back, all lead on and none has to be turned.
        let leads_back = graph.lines.iter().any(|line| line.from > line.to);
        for (line, route) in graph.lines.iter().zip(&routes) {
            let (from, to) = (areas[line.from], areas[line.to]);
            let (first, last) = (route[0], route[route.len() - 1]);
            let touches = |point: (i64, i64), area: Area| {
                (area.left..=area.left + area.width).contains(&point.0)
                    && (point.1 == area.top || point.1 == area.top + area.height)
            };
            prop_assert!(touches(first, from) && touches(last, to));
            if !leads_back {
                prop_assert!(from.top + from.height < to.top);
                prop_assert!(route.iter().zip(route.iter().skip(1)).all(|(upper, lower)| upper.1 <= lower.1));
            }
        }
    }

    #[test]
    fn every_item_is_drawn_once_and_always_alike(graph in graphs()) {
        let svg = graph.svg();
        let names = svg.matches("<text class=\"t\"").count();
        prop_assert_eq!(names, graph.items.len());
        prop_assert_eq!(svg.matches("marker-end").count(), graph.lines.len());
        prop_assert_eq!(&svg, &graph.clone().svg());
        let mermaid = graph.mermaid();
        let drawn: HashSet<_> = (0..graph.items.len()).filter(|index| mermaid.matches(&format!("\"i{index}\"")).count() == 1).collect();
        prop_assert_eq!(drawn.len(), graph.items.len());
        prop_assert_eq!(graph.dot().matches("label=").count(), graph.items.len());
    }
}

#[test]
fn large_graphs_are_drawn_without_more_bends_than_allowed() {
    // A chain in which everybody also waits for the first: led around boxes, these lines would have fifty million bends.
    let item = |index| Item { title: format!("i{index}"), word: "tool", ..Item::default() };
    let mut graph = Graph { items: (0..10_000).map(item).collect(), ..Graph::default() };
    for to in 1..10_000 {
        graph.lines.push(Line { from: 0, to, means: Means::Order });
        graph.lines.push(Line { from: to - 1, to, means: Means::Data });
    }
    let Layout { routes, .. } = layout(&graph);
    assert!(routes.iter().map(Vec::len).sum::<usize>() < 200_000);
    // Those that nothing connects make a field, and no endless row.
    graph.lines.clear();
    let (width, height) = layout(&graph).size;
    assert!(width < 4 * height && height < 4 * width, "{width} {height}");
}
