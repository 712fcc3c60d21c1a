// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two texts under each other, cut so that the place where they part can be seen.

use super::text::printable;

/// How much of what is the same is shown in front of a difference, in characters.
const BEFORE_CHARS: usize = 30;

/// Cuts two texts to one line each, around where they part. Returns them with the column of that place.
pub(crate) fn cut(a: &str, b: &str, width: usize) -> (String, String, usize) {
    let line = |text: &str| printable(&text.replace(['\n', '\t', '\r'], " "));
    let (a, b) = (line(a), line(b));
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let longest = a.chars().count().max(b.chars().count());
    // What fits is shown from its beginning.
    let skipped = if longest <= width { 0 } else { same.saturating_sub(BEFORE_CHARS.min(width / 2)) };
    let part = |text: &str| {
        let start = if skipped > 0 { "…" } else { "" };
        let rest = text.chars().count().saturating_sub(skipped);
        let room = width.saturating_sub(start.chars().count());
        let (most, end) = if rest > room { (room.saturating_sub(1), "…") } else { (room, "") };
        format!("{start}{}{end}", text.chars().skip(skipped).take(most).collect::<String>())
    };
    let column = same - skipped + usize::from(skipped > 0);
    (part(&a), part(&b), column)
}

/// Writes two texts under each other, each behind its name, with a mark below the place where they part.
pub(crate) fn both(names: [&str; 2], texts: [&str; 2], width: usize) -> String {
    let [left, right] = names.map(|name| name.chars().count());
    let margin = left.max(right);
    let (a, b, column) = cut(texts[0], texts[1], width.saturating_sub(margin + 4));
    let line = |name: &str, text: &str| format!("  {name:<margin$}  {text}\n");
    let mark = " ".repeat(margin + 4 + column) + "^\n";
    line(names[0], &a) + &line(names[1], &b) + &mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_whole() {
        assert_eq!(cut("abc 1", "abc 2", 20), ("abc 1".into(), "abc 2".into(), 4));
        assert_eq!(both(["A", "now"], ["x=1\ny", "x=2\ny"], 40), "  A    x=1 y\n  now  x=2 y\n         ^\n");
    }

    #[test]
    fn long_texts_are_cut_around_where_they_part() {
        let long = |c: char| "a".repeat(100) + &c.to_string() + &"b".repeat(100);
        let (a, b, column) = cut(&long('1'), &long('2'), 40);
        assert_eq!((a.chars().count(), b.chars().count()), (40, 40));
        assert_eq!((a.chars().nth(column), b.chars().nth(column)), (Some('1'), Some('2')));
        assert!(a.starts_with("…a") && a.ends_with("b…"), "{a}");
    }

    #[test]
    fn one_that_ends_before_the_other_parts_at_its_end() {
        assert_eq!(cut("ab", "abc", 20), ("ab".into(), "abc".into(), 2));
        assert_eq!(cut("", "", 20), (String::new(), String::new(), 0));
    }
}
