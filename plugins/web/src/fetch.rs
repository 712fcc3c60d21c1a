// SPDX-License-Identifier: MIT OR Apache-2.0
//! Follows redirects, and decides what is done with an answer.

use crate::charset;
use crate::html;
use crate::url::Url;
use crate::wit::exports::priory::web::web::{Error, Link, Page};

/// How much of an answer is read where the caller does not say.
const BODY_BYTES_DEFAULT: u32 = 1 << 20;
/// How much of an answer is read at most.
const BODY_BYTES_MAX: u32 = 4 << 20;
/// How many redirects are followed.
const REDIRECTS_MAX: usize = 5;

/// What a server answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header field `location`.
    pub(crate) location: Option<String>,
    /// The header field `content-type`.
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    /// Whether there was more than was read.
    pub(crate) truncated: bool,
}

/// Fetches a page by a function that sends one request and reads at most so many bytes.
pub(crate) fn fetch(
    get: &dyn Fn(&Url, usize) -> Result<Answer, Error>,
    url: &str,
    max_bytes: Option<u32>,
) -> Result<Page, Error> {
    let bytes_max = usize::try_from(max_bytes.unwrap_or(BODY_BYTES_DEFAULT).min(BODY_BYTES_MAX)).unwrap_or(0);
    let mut at = Url::parse(url).map_err(Error::InvalidUrl)?;
    for _ in 0..=REDIRECTS_MAX {
        let answer = get(&at, bytes_max)?;
        match (answer.status, &answer.location) {
            (301 | 302 | 303 | 307 | 308, Some(location)) => at = at.join(location).map_err(Error::InvalidUrl)?,
            _ => return page(&at, answer),
        }
    }
    Err(Error::TooManyRedirects(url.to_owned()))
}

/// Makes an answer readable.
fn page(url: &Url, answer: Answer) -> Result<Page, Error> {
    let Answer { status, content_type, body, truncated, .. } = answer;
    let stated = content_type.unwrap_or_default();
    let (content_type, parameters) = stated.split_once(';').unwrap_or((&stated, ""));
    let content_type = content_type.trim().to_ascii_lowercase();
    let is_html = match content_type.as_str() {
        "text/html" | "application/xhtml+xml" => true,
        "" => body.trim_ascii_start().starts_with(b"<"),
        other if is_text(other) => false,
        _ => return Err(Error::NotText(content_type)),
    };
    if content_type.is_empty() && body.contains(&0) {
        return Err(Error::NotText(content_type));
    }
    let text = charset::decode(body, charset::of_parameters(parameters), is_html);
    let mut page = Page { url: url.to_string(), status, content_type, title: None, text, links: Vec::new(), truncated };
    if is_html {
        let document = html::read(&page.text);
        // The base of links is the page itself, unless it names another.
        let base = document.base.and_then(|base| url.join(&base).ok()).unwrap_or_else(|| url.clone());
        page.links = links(&base, document.links);
        page.title = document.title;
        page.text = document.text;
    }
    Ok(page)
}

fn is_text(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || content_type.ends_with("+json")
        || content_type.ends_with("+xml")
        || matches!(content_type, "application/json" | "application/xml" | "application/javascript")
}

/// Completes links. Those that lead nowhere on the web, or only within the page, are left out.
fn links(base: &Url, found: Vec<(String, String)>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for (text, href) in found {
        if href.starts_with('#') {
            continue;
        }
        if let Ok(url) = base.join(&href) {
            let url = url.to_string();
            if !links.iter().any(|link| link.url == url) {
                links.push(Link { text, url });
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, body: &str) -> Answer {
        let content_type = (!content_type.is_empty()).then(|| content_type.to_owned());
        Answer { status, content_type, body: body.as_bytes().to_vec(), ..Answer::default() }
    }

    /// Fetches `http://a/0` from a server that redirects so many times, from one number to the next.
    fn redirected(times: usize) -> Result<String, Error> {
        let get = |url: &Url, _: usize| {
            let number: usize = url.to_string().rsplit('/').next().unwrap().parse().unwrap();
            let location = (number < times).then(|| (number + 1).to_string());
            let status = if location.is_some() { 302 } else { 200 };
            Ok(Answer { location, ..answer(status, "text/plain", "end") })
        };
        fetch(&get, "http://a/0", None).map(|page| page.url)
    }

    #[test]
    fn redirects_are_followed_up_to_their_maximum() {
        assert_eq!(redirected(REDIRECTS_MAX).unwrap(), "http://a/5");
        assert_eq!(redirected(REDIRECTS_MAX + 1).unwrap_err(), Error::TooManyRedirects("http://a/0".into()));
    }

    #[test]
    fn a_redirect_elsewhere_or_to_no_address_is_an_error() {
        let get = |_: &Url, _: usize| Ok(Answer { location: Some("file:///etc/passwd".into()), ..answer(301, "", "") });
        assert!(matches!(fetch(&get, "http://a/", None), Err(Error::InvalidUrl(_))));
        assert!(matches!(fetch(&get, "ftp://a/", None), Err(Error::InvalidUrl(_))));
    }

    fn check(content_type: &str, body: &str, expect: Result<&str, Error>) {
        let get = |_: &Url, _: usize| Ok(answer(200, content_type, body));
        assert_eq!(fetch(&get, "http://a/", None).map(|page| page.text), expect.map(str::to_owned));
    }

    #[test]
    fn what_is_done_depends_on_what_the_server_says_it_is() {
        check("text/html; charset=utf-8", "<p>a<b>b</b></p>", Ok("ab\n"));
        check("text/plain", "<p>a</p>", Ok("<p>a</p>"));
        check("application/ld+json", "{}", Ok("{}"));
        check("", " <p>a</p>", Ok("a\n"));
        check("", "plain", Ok("plain"));
        check("image/png", "x", Err(Error::NotText("image/png".into())));
        check("", "\0\x01", Err(Error::NotText(String::new())));
    }

    #[test]
    fn a_caller_cannot_read_more_than_the_maximum() {
        let get = |_: &Url, most: usize| Ok(answer(200, "text/plain", &most.to_string()));
        let read = |max| fetch(&get, "http://a/", max).unwrap().text;
        assert_eq!((read(None), read(Some(7)), read(Some(u32::MAX))), ("1048576".into(), "7".into(), "4194304".into()));
    }

    #[test]
    fn links_are_completed_and_named_once() {
        let body = "<base href='/d/'><a href='x?q#f'>X</a><a href='/d/x?q'>again</a><a href='#top'>T</a>\
            <a href='mailto:a@b'>M</a><a href='//c/y'>Y</a>";
        let get = |_: &Url, _: usize| Ok(answer(200, "text/html", body));
        let links = fetch(&get, "https://a/b/c", None).unwrap().links;
        let links: Vec<_> = links.iter().map(|link| (link.text.as_str(), link.url.as_str())).collect();
        assert_eq!(links, [("X", "https://a/d/x?q"), ("Y", "https://c/y")]);
    }
}
