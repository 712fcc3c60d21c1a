// SPDX-License-Identifier: MIT OR Apache-2.0
//! The frames of a run as a tree: what runs, what ended how, and what it took.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use owo_colors::OwoColorize;
use priory::core::event::{Envelope, Event, Program};
use priory::core::failure::Denial;
use priory::core::gate::RefusedBy;
use priory::core::{Effect, Failure, FramePath, Usage};

use super::text::printable;
use super::value::node_of;
use crate::amount::{show_bytes, show_count, show_micros};
use crate::ended::spending;

/// How many frames are kept; those that begin later are only counted.
const FRAMES_MAX: usize = 4_096;
/// How much of a name is shown, in characters.
const NAME_CHARS_MAX: usize = 60;

/// How far a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Running,
    Ok,
    /// With the kind of its failure, or what did not let its call through.
    Failed(&'static str),
}

#[derive(Debug)]
struct Node {
    /// The node of a workflow that called it.
    called_by: Option<Arc<str>>,
    program: String,
    state: State,
    fuel: u64,
    /// Known when the frame has ended.
    usage: Option<Usage>,
    /// The number of the event that changed it last.
    changed: u64,
}

impl Node {
    /// Tells whether it is a call of the same by the same.
    fn is_like(&self, other: &Self) -> bool {
        self.program == other.program && self.called_by == other.called_by
    }
}

/// The frames of one run.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// In the order of their paths, a frame stands right above the frames that it called.
    nodes: BTreeMap<FramePath, Node>,
    left_out: usize,
    /// Effects that were asked for and have no outcome yet.
    open: HashMap<FramePath, Arc<Effect>>,
    has_log: bool,
    /// The last refusal for want of a grant.
    denial: Option<Denial>,
}

impl Tree {
    /// Takes note of an event.
    pub(crate) fn apply(&mut self, envelope: &Envelope) {
        let Envelope { frame, fuel, seq, event, .. } = envelope;
        match event {
            Event::FrameStarted(started) => self.add(frame, &started.program, *seq),
            Event::FrameEnded { failure, usage } => {
                if let Some(node) = self.nodes.get_mut(frame) {
                    node.state = failure.as_ref().map_or(State::Ok, |failure| State::Failed(failure.kind()));
                    node.usage = Some(*usage);
                    node.fuel = usage.fuel;
                    node.changed = *seq;
                }
            }
            Event::Intent { step, effect } => {
                self.burnt(frame, *fuel);
                self.open.insert(frame.child(*step), effect.clone());
            }
            Event::Refused { step, effect, failure } => {
                self.burnt(frame, *fuel);
                self.failed_effect(&frame.child(*step), effect, failure, *seq);
            }
            Event::Outcome { step, outcome } => {
                self.burnt(frame, *fuel);
                let path = frame.child(*step);
                if let (Some(effect), Err(failure)) = (self.open.remove(&path), &**outcome) {
                    self.failed_effect(&path, &effect, failure, *seq);
                }
            }
            Event::Log { .. } => {
                self.has_log = true;
                self.burnt(frame, *fuel);
            }
            Event::Spent { .. } => self.burnt(frame, *fuel),
            Event::RunStarted(_) | Event::RunResumed { .. } | Event::RunEnded { .. } => {}
        }
    }

    fn failed_effect(&mut self, path: &FramePath, effect: &Effect, failure: &Failure, seq: u64) {
        if let Failure::Denied(denial) = failure {
            self.denial = Some(denial.clone());
        }
        let why = match RefusedBy::of(failure) {
            Some(RefusedBy::Breaker) => "breaker open",
            Some(RefusedBy::Rate) => "no turn",
            None => failure.kind(),
        };
        self.refused(path, effect, why, seq);
    }

    /// Returns the name of the program of a frame.
    pub(crate) fn program(&self, frame: &FramePath) -> &str {
        self.nodes.get(frame).map_or("run", |node| node.program.as_str())
    }

    /// Returns the number of frames that began.
    pub(crate) fn frames(&self) -> usize {
        self.nodes.len() + self.left_out
    }

    /// Tells whether any frame logged anything.
    pub(crate) fn has_log(&self) -> bool {
        self.has_log
    }

    /// Returns the last refusal for want of a grant.
    pub(crate) fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }

    /// Returns the programs of the frames that failed, each with those of the frames above it, from the root down.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        let failed = self.nodes.iter().filter(|(_, node)| matches!(node.state, State::Failed(_)));
        failed.map(|(path, node)| {
            let bytes = path.to_bytes();
            let is_above = |other: &FramePath| other.depth() < path.depth() && bytes.starts_with(&other.to_bytes());
            let above = self.nodes.range(..path).filter(|(other, _)| is_above(other));
            (node.program.as_str(), above.map(|(_, node)| node.program.as_str()).collect())
        })
    }

    /// Returns what the root frame itself used, once it has ended.
    pub(crate) fn root_usage(&self) -> Option<Usage> {
        self.nodes.values().next()?.usage
    }

    /// Writes one line for each frame, at most `height` of them: first those that run, then those that changed last.
    /// Calls of the same program, one after the other, that ended well and called nothing stand on one line.
    pub(crate) fn render(&self, height: usize, color: bool) -> Vec<String> {
        let rows = self.rows();
        let total: usize = rows.iter().map(|row| row.frames).sum();
        let shown = shown(rows, height, self.left_out > 0);
        let left_out = total + self.left_out - shown.iter().map(|row| row.frames).sum::<usize>();
        let width = shown.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let mut lines: Vec<_> = shown.iter().map(|row| row.render(width, color)).collect();
        if left_out > 0 {
            lines.push(paint(&format!("… and {left_out} more"), color, |text| text.dimmed().to_string()));
        }
        lines
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        let mut nodes = self.nodes.iter().peekable();
        while let Some((path, node)) = nodes.next() {
            let is_leaf = nodes.peek().is_none_or(|(next, _)| next.depth() <= path.depth());
            let row = Row::new(path, node, is_leaf);
            match rows.last_mut() {
                Some(last) if last.is_like(&row) => last.join(&row),
                _ => rows.push(row),
            }
        }
        rows.iter_mut().for_each(Row::finish);
        rows
    }

    fn add(&mut self, frame: &FramePath, program: &Program, seq: u64) {
        if self.nodes.len() >= FRAMES_MAX {
            self.left_out += 1;
            return;
        }
        let program = printable(&program.to_string().replace(['\n', '\t'], " "));
        let called_by = self.open.get(frame).and_then(|effect| node_of(effect).cloned());
        let node = Node { called_by, program, state: State::Running, fuel: 0, usage: None, changed: seq };
        self.nodes.insert(frame.clone(), node);
    }

    fn burnt(&mut self, frame: &FramePath, fuel: u64) {
        if let Some(node) = self.nodes.get_mut(frame) {
            node.fuel = node.fuel.max(fuel);
        }
    }

    /// Shows an effect that was refused before a frame was opened for it.
    fn refused(&mut self, path: &FramePath, effect: &Effect, why: &'static str, seq: u64) {
        if self.nodes.len() < FRAMES_MAX && !self.nodes.contains_key(path) {
            let program = printable(&effect.summary().replace(['\n', '\t'], " "));
            let called_by = node_of(effect).cloned();
            let node = Node { called_by, program, state: State::Failed(why), fuel: 0, usage: None, changed: seq };
            self.nodes.insert(path.clone(), node);
        }
    }
}

/// One line of a tree.
#[derive(Debug)]
struct Row<'a> {
    node: &'a Node,
    depth: u32,
    is_leaf: bool,
    /// How many frames it stands for.
    frames: usize,
    name: String,
    fuel: u64,
    usage: Option<Usage>,
    changed: u64,
    /// Its place from top to bottom.
    path: &'a FramePath,
}

impl<'a> Row<'a> {
    fn new(path: &'a FramePath, node: &'a Node, is_leaf: bool) -> Self {
        let (depth, fuel, usage, changed) = (path.depth(), node.fuel, node.usage, node.changed);
        Self { node, depth, is_leaf, frames: 1, name: String::new(), fuel, usage, changed, path }
    }

    fn is_like(&self, other: &Self) -> bool {
        let ended = |row: &Self| row.is_leaf && row.node.state == State::Ok;
        ended(self) && ended(other) && self.depth == other.depth && self.node.is_like(other.node)
    }

    fn join(&mut self, other: &Self) {
        self.frames += other.frames;
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.changed = self.changed.max(other.changed);
        if let (Some(mine), Some(more)) = (&mut self.usage, other.usage) {
            mine.absorb(more);
            mine.wait_us = mine.wait_us.saturating_add(more.wait_us);
        }
    }

    fn finish(&mut self) {
        let node = self.node.called_by.as_ref().map(|node| format!("{}: ", printable(node))).unwrap_or_default();
        self.name = "  ".repeat(self.depth as usize) + &node + &self.node.program;
        if self.name.chars().count() > NAME_CHARS_MAX {
            self.name = self.name.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect();
        }
        if self.frames > 1 {
            self.name.push_str(&format!(" ×{}", self.frames));
        }
    }

    fn render(&self, width: usize, color: bool) -> String {
        let mark = match self.node.state {
            State::Running => paint("▸", color, |mark| mark.cyan().to_string()),
            State::Ok => paint("✓", color, |mark| mark.green().to_string()),
            State::Failed(_) => paint("✗", color, |mark| mark.red().to_string()),
        };
        let mut facts = Vec::new();
        if let State::Failed(kind) = self.node.state {
            facts.push(kind.to_owned());
        }
        if self.fuel > 0 {
            facts.push(format!("{} fuel", show_count(self.fuel)));
        }
        if let Some(usage) = &self.usage {
            facts.push(show_bytes(usage.memory_bytes));
            facts.push(format!("{} compute", show_micros(usage.compute_us)));
            facts.push(format!("{} wait", show_micros(usage.wait_us)));
            facts.extend(spending(usage));
        }
        let margin = " ".repeat(width.saturating_sub(self.name.chars().count()));
        let facts = paint(&facts.join(" · "), color, |facts| facts.dimmed().to_string());
        format!("{mark} {}{margin}  {facts}", self.name).trim_end().to_owned()
    }
}

/// Chooses the rows for which there is room.
fn shown(mut rows: Vec<Row<'_>>, height: usize, more: bool) -> Vec<Row<'_>> {
    if rows.len() <= height && !more {
        return rows;
    }
    rows.sort_by_key(|row| (row.node.state != State::Running, std::cmp::Reverse(row.changed)));
    rows.truncate(height.saturating_sub(1));
    rows.sort_by(|a, b| a.path.cmp(b.path));
    rows
}

fn paint(text: &str, color: bool, with: impl Fn(&str) -> String) -> String {
    if color { with(text) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use priory::core::{Effect, Json, Limits, RunId};

    use priory::core::effect::Terms;
    use priory::core::event::FrameStarted;
    use priory::core::gate::{Fault, Refusal};

    use super::*;

    fn envelope(seq: u64, frame: &FramePath, event: Event) -> Envelope {
        Envelope { run: RunId::from_parts(0, 0), seq, frame: frame.clone(), unix_ms: 0, fuel: 7_000, event }
    }

    fn started(seq: u64, frame: &FramePath, program: Program) -> Envelope {
        let limits = Limits::default();
        let started = FrameStarted { program, plugin: None, limits, mounts: vec![], env: vec![], config: vec![] };
        envelope(seq, frame, Event::FrameStarted(Box::new(started)))
    }

    fn ended(seq: u64, frame: &FramePath, failure: Option<Failure>) -> Envelope {
        let usage =
            Usage { fuel: 1_234_567, memory_bytes: 1_114_112, compute_us: 1_500, wait_us: 20, ..Usage::default() };
        envelope(seq, frame, Event::FrameEnded { failure, usage })
    }

    fn agent(name: &str) -> Program {
        Program::Agent(Arc::from(name))
    }

    fn tree(events: &[Envelope]) -> Tree {
        let mut tree = Tree::default();
        events.iter().for_each(|event| tree.apply(event));
        tree
    }

    #[test]
    fn frames_stand_below_who_called_them() {
        let root = FramePath::root();
        let denial = Denial { effect: "tool a.b".into(), by: "agent editor".into(), remedy: String::new() };
        let outcome = Event::Refused {
            step: 2,
            effect: Arc::new(Effect::tool("export.write", Json::null())),
            failure: Failure::Denied(denial),
        };
        let tree = tree(&[
            started(0, &root, agent("editor")),
            started(1, &root.child(1), agent("writer")),
            started(2, &root.child(0), agent("researcher")),
            started(3, &root.child(0).child(0), Program::Tool(Arc::from("files.search"))),
            ended(4, &root.child(0).child(0), None),
            ended(5, &root.child(0), Some(Failure::other("x"))),
            envelope(6, &root, outcome),
        ]);
        assert_eq!(
            tree.render(20, false).join("\n"),
            "\
▸ agent editor           7 k fuel
✗   agent researcher     other · 1.23 M fuel · 1.06 MiB · 1.5 ms compute · 20 µs wait
✓     tool files.search  1.23 M fuel · 1.06 MiB · 1.5 ms compute · 20 µs wait
▸   agent writer
✗   tool export.write    denied"
        );
    }

    #[test]
    fn calls_that_were_not_let_through_say_by_what() {
        let root = FramePath::root();
        let mut events = vec![started(0, &root, agent("a"))];
        let open = Refusal::Open { left_ms: 5, failures: 3, last: Fault::Trap };
        let full = Refusal::Concurrency { most: 1, wait_ms: 0 };
        for (step, failure) in [open, full].into_iter().map(|refusal| refusal.into_failure("tool b.c")).enumerate() {
            let step = u32::try_from(step).unwrap();
            events.push(envelope(
                1,
                &root,
                Event::Intent { step, effect: Arc::new(Effect::tool("b.c", Json::null())) },
            ));
            events.push(envelope(2, &root, Event::Outcome { step, outcome: Arc::new(Err(failure)) }));
        }
        let expected = "▸ agent a     7 k fuel\n✗   tool b.c  breaker open\n✗   tool b.c  no turn";
        assert_eq!(tree(&events).render(9, false).join("\n"), expected);
    }

    #[test]
    fn what_runs_is_shown_before_what_has_ended() {
        let root = FramePath::root();
        let mut events = vec![started(0, &root, agent("a"))];
        for step in 0..10 {
            events.push(started(u64::from(step) * 2 + 1, &root.child(step), agent(&format!("b{step}"))));
            if step != 3 {
                events.push(ended(u64::from(step) * 2 + 2, &root.child(step), None));
            }
        }
        let lines = tree(&events).render(4, false);
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("▸ agent a") && lines[1].starts_with("▸   agent b"), "{lines:?}");
        assert!(lines[2].starts_with("✓   agent b"), "{lines:?}");
        assert_eq!(lines[3], "… and 8 more");
    }

    #[test]
    fn calls_that_are_alike_stand_on_one_line() {
        let root = FramePath::root();
        let mut events = vec![started(0, &root, agent("a"))];
        for step in 0..5 {
            events.push(started(1, &root.child(step), Program::Tool(Arc::from("files.read"))));
            events.push(ended(2, &root.child(step), (step == 3).then(|| Failure::other("x"))));
        }
        let lines = tree(&events).render(9, false).join("\n");
        let expected = "\
▸ agent a
✓   tool files.read ×3  3.7 M fuel · 1.06 MiB · 4.5 ms compute · 60 µs wait
✗   tool files.read     other · 1.23 M fuel · 1.06 MiB · 1.5 ms compute · 20 µs wait
✓   tool files.read     1.23 M fuel · 1.06 MiB · 1.5 ms compute · 20 µs wait";
        assert_eq!(lines, expected);
    }

    #[test]
    fn nodes_of_workflows_stand_in_front_of_what_they_call() {
        let root = FramePath::root();
        let call = |node: &str| {
            let terms = Terms { node: Some(Arc::from(node)), ..Terms::default() };
            let (tool, arguments, terms) = ("a.b".to_owned(), Json::null(), Some(Box::new(terms)));
            Arc::new(Effect::ToolCall { tool, arguments, terms })
        };
        let mut events = vec![started(0, &root, Program::Workflow(Arc::from("trip")))];
        for (step, node) in ["flights", "flights", "hotels"].into_iter().enumerate() {
            let step = u32::try_from(step).unwrap();
            events.push(envelope(1, &root, Event::Intent { step, effect: call(node) }));
            events.push(started(2, &root.child(step), Program::Tool(Arc::from("a.b"))));
            events.push(ended(3, &root.child(step), None));
        }
        let lines: Vec<String> = tree(&events).render(9, false);
        let name = |line: &String| line.trim_start_matches(['✓', ' ']).split("  ").next().unwrap().to_owned();
        let names: Vec<String> = lines.iter().skip(1).map(name).collect();
        assert_eq!(names, ["flights: tool a.b ×2", "hotels: tool a.b"]);
    }

    #[test]
    fn colours_can_be_left_out() {
        let tree = tree(&[started(0, &FramePath::root(), agent("a\u{1b}[1m"))]);
        assert!(!tree.render(9, false).join("").contains('\u{1b}'));
        assert!(tree.render(9, true).join("").contains('\u{1b}'));
    }
}
