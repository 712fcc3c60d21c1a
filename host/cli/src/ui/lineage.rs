// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way on which a value came, as a tree: what stands at the margin had it last, what is indented had it before.

use std::collections::HashSet;
use std::fmt::Write as _;

use owo_colors::OwoColorize;
use priory::lineage::{How, Lineage, LineageError, Matched, Origin};

use super::error::Error;
use super::exit::Exit;
use super::table;
use super::text::{counted, printable};
use super::value;

/// How much of what was asked is shown, in characters.
const ASKED_CHARS: usize = 72;
/// How much of the text around a value is shown, in characters.
const EXCERPT_CHARS: usize = 60;
/// How many levels are indented; deeper ones stand at the same margin.
const INDENT_MAX: usize = 20;
/// How many events are named that a program had seen.
const SEEN_SHOWN_MAX: usize = 8;

/// Writes where a value came from, with so many lines at most of so many characters.
pub(crate) fn render(lineage: &Lineage, most: usize, width: usize) -> String {
    let mut tree = Tree { lineage, lines: Vec::new(), left_out: 0, shown: HashSet::new(), most, width };
    tree.grow();
    let mut text = format!("{}\n\n", one_line(&value::text(&lineage.value.to_string())));
    text.extend(tree.lines.iter().map(|line| line.trim_end().to_owned() + "\n"));
    if tree.left_out > 0 {
        let _ = writeln!(text, "… and {}: -n N shows N lines", counted(tree.left_out, "more line"));
    }
    let mut sources = table::table(["source", "event", "frame", "how much"]);
    for origin in lineage.sources.iter().filter_map(|source| lineage.chain.get(*source)).take(most) {
        let source = cut(&one_line(&source(origin)), width.saturating_sub(40).max(ASKED_CHARS));
        sources.add_row([source, origin.seq.to_string(), origin.frame.to_string(), how_much(origin.matched)]);
    }
    table::align_right(&mut sources, &[1]);
    let _ = write!(text, "\n{}", table::show(sources));
    text
}

/// Tells of a value that cannot be traced.
pub(crate) fn error(error: &LineageError) -> Error {
    match error {
        LineageError::NotFound { pointers, more, .. } => {
            let mut hint = match pointers.is_empty() {
                true => "the run has no result with a string or a number in it".to_owned(),
                false => {
                    let pointers: Vec<String> = pointers.iter().map(|pointer| cut(pointer, ASKED_CHARS)).collect();
                    format!("the result has {}", pointers.join(", "))
                }
            };
            if *more > 0 {
                let _ = write!(hint, " and {more} more");
            }
            Error::not_found(error.to_string()).hint(hint)
        }
        LineageError::Nothing { .. } => Error::usage(error.to_string()),
        LineageError::NoStart => Error::new(Exit::Failed, error.to_string()),
    }
}

struct Tree<'a> {
    lineage: &'a Lineage,
    lines: Vec<String>,
    left_out: usize,
    /// What stands further up already.
    shown: HashSet<usize>,
    most: usize,
    width: usize,
}

// === impl Tree ===

impl<'a> Tree<'a> {
    /// Writes every place once, so this ends.
    fn grow(&mut self) {
        let lineage = self.lineage;
        let sources: HashSet<usize> = lineage.sources.iter().copied().collect();
        for occurrence in &lineage.occurrences {
            self.line(0, "▸", &phrase(occurrence, 0));
            let mut next: Vec<(usize, usize)> = Vec::new();
            self.below(occurrence, 1, &mut next);
            while let Some((number, depth)) = next.pop() {
                let Some(origin) = lineage.chain.get(number) else { continue };
                if !self.shown.insert(number) {
                    self.line(depth, "←", &format!("{} as above", place(origin)));
                    continue;
                }
                let mark = if sources.contains(&number) { "●".green().to_string() } else { "←".to_owned() };
                self.line(depth, &mark, &phrase(origin, depth));
                self.below(origin, depth + 1, &mut next);
            }
        }
    }

    /// Queues the places that something was from, the first of them next.
    fn below(&mut self, origin: &Origin, depth: usize, next: &mut Vec<(usize, usize)>) {
        if origin.more > 0 {
            let places = counted(origin.more, "later place");
            self.line(depth, "…", &format!("and {places} where the same stood"));
        }
        next.extend(origin.from.iter().rev().map(|number| (*number, depth)));
    }

    fn line(&mut self, depth: usize, mark: &str, text: &str) {
        if self.lines.len() >= self.most {
            self.left_out += 1;
            return;
        }
        let margin = "  ".repeat(depth.min(INDENT_MAX));
        let room = self.width.saturating_sub(margin.len() + 2);
        self.lines.push(format!("{margin}{mark} {}", cut(&one_line(text), room)));
    }
}

/// Names the event of a place, and where in the run it is.
fn place(origin: &Origin) -> String {
    let step = origin.step.map(|step| format!(" step {step}")).unwrap_or_default();
    format!("event {}, frame {}{step}:", origin.seq, origin.frame)
}

/// Says what happened at a place, and how much of the value stood there.
fn phrase(origin: &Origin, depth: usize) -> String {
    let Origin { program, at, .. } = origin;
    let asked = origin.asked.as_deref().map(|asked| cut(asked, ASKED_CHARS)).unwrap_or_default();
    let what = match origin.how {
        How::Result => "the result".to_owned(),
        How::Asked if depth == 0 => format!("not in the result; {program} had it last, in what it asked for: {asked}"),
        How::Asked => format!("{program} handed it over: {asked}"),
        How::Input => "whoever started the run gave it".to_owned(),
        How::Configured => format!("{program} is configured with it"),
        How::Given => format!("{program} was given it"),
        How::Returned => format!("{program} got it from {asked}"),
        How::Failed => format!("{program} got it in the failure of {asked}"),
        How::Received => format!("{program} received it over {asked}"),
        How::Said => format!("a model told it to {program}: {asked}"),
        How::Remembered => format!("{program} remembered it: {asked}"),
        How::Answered => format!("a person told it to {program}: {asked}"),
        How::Kept => format!("{program} got it from the state: {asked}"),
        How::Published => format!("{program} got it with an event: {asked}"),
        How::Listed => format!("{program} found it in what it may use: {asked}"),
        How::Measured => format!("{program} measured it: {asked}"),
        How::Read => format!("{program} read it from its files or artifacts"),
        How::Made => made(origin),
    };
    let place = place(origin);
    if at.is_empty() && matches!(origin.how, How::Made | How::Read) {
        return format!("{place} {what}{}", share(origin.matched));
    }
    let at = if at.is_empty() { "it all".to_owned() } else { cut(at, ASKED_CHARS) };
    match origin.matched {
        Matched::Equal => format!("{place} {what}; equal to {at}"),
        Matched::Contains { share } => {
            let excerpt = cut(&origin.excerpt, EXCERPT_CHARS);
            let share = if share < 1.0 { format!("{} of it ", percent(share)) } else { String::new() };
            format!("{place} {what}; {share}contained in {at}: “{excerpt}”")
        }
    }
}

/// Says who made something, and of what.
fn made(origin: &Origin) -> String {
    let Origin { program, seen, seen_count, .. } = origin;
    let named: Vec<String> = seen.iter().take(SEEN_SHOWN_MAX).map(u64::to_string).collect();
    let more = if named.len() < *seen_count { ", …" } else { "" };
    let had = match seen_count {
        0 => "having seen nothing".to_owned(),
        1 => format!("having seen event {}", named.join("")),
        count => format!("having seen {count} events ({}{more})", named.join(", ")),
    };
    let parts = if origin.from.is_empty() { "" } else { ", and put the rest together" };
    format!("{program} made it, {had}{parts}")
}

/// Names a source.
fn source(origin: &Origin) -> String {
    let Origin { program, how, .. } = origin;
    match (how, &origin.asked) {
        (How::Input, _) => "whoever started the run".to_owned(),
        (How::Configured, _) => format!("configuration of {program}"),
        (How::Answered, Some(asked)) => format!("a person, {asked}"),
        (How::Read, Some(asked)) => format!("read by {asked}"),
        (How::Read, None) => format!("read by {program}"),
        (How::Made, _) => format!("made by {program}"),
        (_, Some(asked)) => asked.clone(),
        (_, None) => program.to_string(),
    }
}

fn share(matched: Matched) -> String {
    match matched {
        Matched::Equal => String::new(),
        Matched::Contains { share } => format!("; {} of the value", percent(share)),
    }
}

fn how_much(matched: Matched) -> String {
    match matched {
        Matched::Equal => "equal".to_owned(),
        Matched::Contains { share } if share < 1.0 => percent(share),
        Matched::Contains { .. } => "contained".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn one_line(text: &str) -> String {
    printable(&text.replace(['\n', '\t', '\r'], " "))
}

fn cut(text: &str, chars: usize) -> String {
    match text.chars().count() > chars {
        true => text.chars().take(chars.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use priory::core::FramePath;
    use priory::core::event::Program;
    use serde_json::json;

    use super::*;

    fn origin(seq: u64, how: How, at: &str, matched: Matched, from: &[usize]) -> Origin {
        Origin {
            seq,
            frame: FramePath::root(),
            step: (how == How::Returned).then_some(3),
            program: Program::Agent("a".into()),
            how,
            asked: (how == How::Returned).then(|| "tool t.f {}".to_owned()),
            at: at.to_owned(),
            matched,
            excerpt: "…so it\nis\u{1b}".to_owned(),
            from: from.to_vec(),
            more: 0,
            seen: Vec::new(),
            seen_count: 0,
        }
    }

    fn lineage() -> Lineage {
        let mut made = origin(8, How::Made, "", Matched::Contains { share: 0.25 }, &[0, 1]);
        (made.seen, made.seen_count) = (vec![0, 7], 2);
        let mut got = origin(7, How::Returned, "/text", Matched::Contains { share: 0.754 }, &[0]);
        got.more = 2;
        Lineage {
            value: json!("so it is"),
            occurrences: vec![origin(9, How::Result, "/a", Matched::Equal, &[2])],
            chain: vec![origin(0, How::Input, "/q", Matched::Contains { share: 1.0 }, &[]), got, made],
            sources: vec![0, 2],
            is_whole: true,
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn every_place_stands_once() {
        let expected = r#""so it is"

▸ event 9, frame 0: the result; equal to /a
  ● event 8, frame 0: agent a made it, having seen 2 events (0, 7), and put the rest together; 25 % of the value
    ● event 0, frame 0: whoever started the run gave it; contained in /q: “…so it is�”
    ← event 7, frame 0 step 3: agent a got it from tool t.f {}; 75 % of it contained in /text: “…so it is�”
      … and 2 later places where the same stood
      ← event 0, frame 0: as above

SOURCE                   EVENT  FRAME  HOW MUCH
whoever started the run      0  0      contained
made by agent a              8  0      25 %
"#;
        assert_eq!(plain(&render(&lineage(), 100, usize::MAX)), expected);
    }

    #[test]
    fn what_is_too_much_is_left_out_and_told() {
        let text = plain(&render(&lineage(), 2, 30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[2..5],
            [
                "▸ event 9, frame 0: the resul…",
                "  ● event 8, frame 0: agent a…",
                "… and 4 more lines: -n N shows N lines"
            ]
        );
        assert!(lines.iter().skip(2).take(2).all(|line| line.chars().count() <= 30), "{text}");
    }

    #[test]
    fn what_is_not_there_says_what_is() {
        let missing = |pointers: &[&str], more| LineageError::NotFound {
            value: "x".to_owned(),
            pointers: pointers.iter().map(|pointer| (*pointer).to_owned()).collect(),
            more,
        };
        let told = |error: &LineageError| plain(&super::error(error).render());
        assert!(told(&missing(&["/a", "/b"], 0)).ends_with("hint: the result has /a, /b\n"));
        assert!(told(&missing(&["/a"], 3)).ends_with("hint: the result has /a and 3 more\n"));
        assert!(told(&missing(&[], 0)).ends_with("hint: the run has no result with a string or a number in it\n"));
        assert_eq!(super::error(&missing(&[], 0)).exit, Exit::NotFound);
        assert_eq!(super::error(&LineageError::Nothing { pointer: "/a".into() }).exit, Exit::Usage);
    }
}
