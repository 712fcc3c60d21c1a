// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is readable of pages, good and bad ones.

use super::*;

fn check(html: &str, expect: &str) {
    assert_eq!(read(html).text, expect, "{html}");
}

#[test]
fn blocks_become_lines_and_paragraphs() {
    check("<h2>Title</h2><p>One\n  two <b>thr</b>ee.</p><p>Four", "## Title\n\nOne two three.\n\nFour\n");
    check("<ul><li>a<li>b</ul>c<br>d", "- a\n- b\n\nc\nd\n");
    check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc\n");
    check("<pre>a  b\n  c</pre>", "a  b\n  c\n");
}

#[test]
fn scripts_navigation_and_comments_are_not_text() {
    check("a<script>if (x < y) '</p>'</script>b<!-- <p>no -->c<style>p{}</STYLE>d", "abcd\n");
    check("<nav>menu<nav>x</nav></nav>text<svg><title>no</title></svg>", "text\n");
    assert_eq!(read("<svg><title>no</title></svg>").title, None);
    check("<script>never closed", "");
}

#[test]
fn broken_marks_do_not_swallow_the_page() {
    check("1 < 2 & 3 > 2", "1 < 2 & 3 > 2\n");
    check("<p class=\"open>text</p>more", "textmore\n".replace("textmore", "text\n\nmore").as_str());
    check("<>a</>b<", "<>a</>b<\n");
    check("</p></div>a</b", "a\n");
    check("<!DOCTYPE html><?xml?>a", "a\n");
    check("", "");
}

#[test]
fn references_are_read() {
    check("caf&eacute; &#8211; R&D &lt;p&gt;", "café – R&D <p>\n");
}

#[test]
fn the_title_and_links_are_found() {
    let document = read(
        "<head><base target=x href='/b/'><title>A\n &amp; B</title></head><a class=x HREF = \"u?a=1&amp;b=2\">one <i>two</i></a>\
         <a name=x>no</a><a href=bare>three",
    );
    assert_eq!((document.title.as_deref(), document.base.as_deref()), (Some("A & B"), Some("/b/")));
    let links = [("one two", "u?a=1&b=2"), ("three", "bare")].map(|(text, href)| (text.to_owned(), href.to_owned()));
    assert_eq!(document.links, links);
}

#[test]
fn maxima_hold() {
    let html = format!("<title>{0}</title><a href=x>{0}</a>", "é".repeat(TITLE_CHARS_MAX + 1));
    let document = read(&html);
    assert_eq!(document.title.unwrap().chars().count(), TITLE_CHARS_MAX);
    assert_eq!(document.links[0].0.chars().count(), LINK_CHARS_MAX);
    assert_eq!(read(&"<a href=x>y</a>".repeat(LINKS_MAX + 1)).links.len(), LINKS_MAX);
}

#[test]
fn depth_costs_nothing() {
    let html = format!("{}x{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
    check(&html, "x\n");
}
