// SPDX-License-Identifier: MIT OR Apache-2.0
//! What templates become, and what values cannot do to them.

use super::*;
use crate::grant::Access;

fn template(kind: GrantKind, text: &str) -> GrantTemplate {
    GrantTemplate::new(kind, text, "/srv/app")
}

/// Resolves a template with the one input `x`, and shows what came of it.
fn filled(kind: GrantKind, text: &str, x: &str) -> String {
    let inputs = BTreeMap::from([("x".to_owned(), x.to_owned())]);
    match template(kind, text).resolve(&inputs) {
        Ok(Held { grant: Grant::File(rule), .. }) => {
            format!("{rule} at {}", rule.guest_path.as_deref().unwrap_or("nowhere"))
        }
        Ok(held) => held.grant.to_string(),
        Err(error) => format!("refused: {}", error.reason),
    }
}

fn checked(template: &GrantTemplate) -> Result<(), String> {
    template.check(&|name| name == "x").map_err(|error| error.reason)
}

#[test]
fn fixed_texts_resolve_as_they_stand() {
    for (kind, text, expected) in [
        (GrantKind::Tool, "files.*", "tool=files.*"),
        (GrantKind::Agent, "writer", "agent=writer"),
        (GrantKind::Env, "LANG", "env=LANG"),
        (GrantKind::Config, "*", "config=*"),
        (GrantKind::State, "notes*:read", "state=notes*:read"),
        (GrantKind::State, "notes", "state=notes:write"),
        (GrantKind::Artifact, "", "artifact=write"),
        (GrantKind::Artifact, "read", "artifact=read"),
        (GrantKind::Log, "", "log"),
        (GrantKind::Http, "GET,HEAD https://example.org/docs/*", "http=GET,HEAD https://example.org/docs/*"),
        (GrantKind::Secret, "github@https://api.github.com/*", "secret=github@https://api.github.com/*"),
    ] {
        assert_eq!(filled(kind, text, "unused"), expected);
        assert_eq!(checked(&template(kind, text)), Ok(()), "{text}");
    }
}

#[test]
fn a_value_makes_a_key_of_the_state_neither_wider_nor_writable() {
    for (text, x, expected) in [
        ("of/{input.x}/*:read", "ann", "state=of/ann/*:read"),
        ("of/{input.x}:read", "a:write", "state=of/a:write:read"),
        ("of/{input.x}", "a:read", "state=of/a:read:write"),
        ("of/{input.x}", "*", "refused: input `x` has '*' in it, which a key of the state may not take from an input"),
        (
            "of/{input.x}",
            "a b",
            "refused: input `x` has ' ' in it, which a key of the state may not take from an input",
        ),
    ] {
        assert_eq!(filled(GrantKind::State, text, x), expected, "{text} with {x}");
    }
}

#[test]
fn file_paths_are_joined_and_normalised() {
    for (text, x, expected) in [
        ("docs:read", "-", "/srv/app/docs:read at /docs"),
        ("./docs/../notes:write", "-", "/srv/app/notes:write at /notes"),
        ("../shared:read", "-", "/srv/shared:read at /shared"),
        (".:read", "-", "/srv/app:read at /app"),
        ("*:read", "-", "*:read at nowhere"),
        ("a{{b}}:read", "-", "/srv/app/a{b}:read at /a{b}"),
        ("{input.x}:read", "/home/me/papers", "/home/me/papers:read at /x"),
        ("{input.x}:read", "papers", "/srv/app/papers:read at /x"),
        ("{input.x}:read", "/a/../b", "/b:read at /x"),
        ("{input.x}/in:read", "/data", "/data/in:read at /in"),
        ("docs/{input.x}:read", "2026/may", "/srv/app/docs/2026/may:read at /x"),
        ("docs/v-{input.x}:read", "1", "/srv/app/docs/v-1:read at /v-x"),
    ] {
        assert_eq!(filled(GrantKind::File, text, x), expected, "{text} with {x}");
    }
}

#[test]
fn a_value_cannot_leave_its_slot_in_a_path() {
    for (text, x, expected) in [
        ("{input.x}:read", "/etc:write", "/etc:write:read at /x"),
        ("{input.x}:read", "*", "/srv/app/*:read at /x"),
        ("{input.x}:read", "{input.x}", "/srv/app/{input.x}:read at /x"),
        ("{input.x}:read", "a\0b", "refused: input `x` has '\\0' in it, which a path may not take from an input"),
        ("docs/{input.x}:read", "", "refused: input `x` is empty"),
        ("docs/{input.x}:read", "../etc", "refused: `../etc` leads out of the folder that stands before it"),
        ("docs/{input.x}:read", "/etc", "refused: `/etc` leads out of the folder that stands before it"),
        ("docs/{input.x}:read", "a/../..", "refused: `a/../..` leads out of the folder that stands before it"),
        ("docs/.{input.x}:read", ".", "refused: `..` leads out of the folder that stands before it"),
        ("docs/{input.x}{input.x}:read", ".", "refused: `..` leads out of the folder that stands before it"),
        ("{input.x}b/c:read", "/etc/", "refused: `/etc/b` leads out of the folder that stands before it"),
    ] {
        assert_eq!(filled(GrantKind::File, text, x), expected, "{text} with {x}");
    }
}

#[test]
fn a_value_cannot_leave_its_slot_in_a_url() {
    let url = "GET https://{input.x}/docs/*";
    for (text, x, expected) in [
        (url, "example.org", "http=GET https://example.org/docs/*"),
        (url, "93.184.216.34", "http=GET https://93.184.216.34/docs/*"),
        ("https://{input.x}.example.org", "a.b", "http=https://a.b.example.org"),
        ("http://example.org:{input.x}/", "8080", "http=http://example.org:8080/"),
        ("https://api.example.org/{input.x}/*", "a/b%20c", "http=https://api.example.org/a/b%20c/*"),
    ] {
        assert_eq!(filled(GrantKind::Http, text, x), expected, "{text} with {x}");
    }
    let hosts = ["*", "*.org", "a/b", "a@b", "a:80", "a?b", "a#b", "a b", "a\nb", "a\\b", "a%2eb", "ä", "[::1]", "."];
    let addresses = ["127.0.0.1", "169.254.169.254", "10.0.0.1", "0x7f.1", "2130706433"];
    for x in hosts.iter().chain(&addresses) {
        assert!(filled(GrantKind::Http, url, x).starts_with("refused"), "{x}");
    }
    for x in ["*", "a*", "a b", "a\tb", "a?b", "a#b", "a@b", "..", "a/../b", ".", "%2e%2E", "a\\b", "ä", ""] {
        assert!(filled(GrantKind::Http, "https://a.org/r/{input.x}", x).starts_with("refused"), "{x}");
    }
    for (text, x) in [
        ("https://a.org/r/.{input.x}", "."),
        ("https://a.org/r/{input.x}{input.x}", "."),
        ("https://a.org/r/%2{input.x}.", "e"),
        ("https://a.org:{input.x}", "*"),
        ("https://a.org:{input.x}", "80/x"),
    ] {
        assert!(filled(GrantKind::Http, text, x).starts_with("refused"), "{text} with {x}");
    }
}

#[test]
fn a_private_address_may_be_given_where_it_is_listed() {
    let mut grant = template(GrantKind::Http, "http://{input.x}:8080");
    grant.addresses = vec!["10.0.0.0/8".parse().unwrap()];
    let resolve = |x: &str| grant.resolve(&BTreeMap::from([("x".to_owned(), x.to_owned())]));
    let held = resolve("10.1.2.3").unwrap();
    let url = "http://10.1.2.3:8080/a".parse().unwrap();
    assert!(held.grant.allows(&Access::Dial { method: "GET", url: &url, address: [10, 1, 2, 3].into() }));
    assert!(!held.grant.allows(&Access::Dial { method: "GET", url: &url, address: [192, 168, 0, 1].into() }));
    assert!(resolve("192.168.0.1").is_err());
}

#[test]
fn checks_find_what_no_input_mends() {
    for (kind, text, expected) in [
        (GrantKind::File, "{input.y}:read", "there is no input `y`"),
        (GrantKind::File, "{input.x}", "`PATH:read` or `PATH:write` is expected"),
        (GrantKind::File, "~/docs:read", "`~` is not resolved"),
        (GrantKind::File, "docs/*.md:read", "a path has no `*` inside"),
        (GrantKind::File, "/:read", "say with `as` where the guest finds it"),
        (GrantKind::File, ":read", "a path is expected"),
        (GrantKind::File, "{inputs.x}:read", "a brace begins `{input.NAME}`"),
        (GrantKind::File, "{input.X}:read", "a brace begins `{input.NAME}`"),
        (GrantKind::File, "{input.x:read", "a brace begins `{input.NAME}`"),
        (GrantKind::Http, "{input.x} https://a.org", "`{input.NAME}` may stand in the host, the port and the path"),
        (GrantKind::Http, "{input.x}://a.org", "`{input.NAME}` may stand in the host, the port and the path"),
        (GrantKind::Http, "ftp://{input.x}", "`http://` or `https://` is expected"),
        (GrantKind::Http, "https://{input.x}/a?b", "the path has dot segments, a query or a `*` inside"),
        (GrantKind::Tool, "{input.x}.read", "`{input.NAME}` may only stand in the path of a file"),
        (GrantKind::Env, "{input.x}", "`{input.NAME}` may only stand in the path of a file"),
        (GrantKind::Secret, "a@https://{input.x}", "`{input.NAME}` may only stand in the path of a file"),
        (GrantKind::Secret, "a", "`NAME@https://host/*` is expected"),
        (GrantKind::Log, "yes", "log, human and sleep have no value"),
    ] {
        let reason = checked(&template(kind, text)).expect_err(text);
        assert!(reason.starts_with(expected), "{text}: {reason}");
    }
    for text in ["{input.x}:read", "docs/{input.x}:write"] {
        assert_eq!(checked(&template(GrantKind::File, text)), Ok(()));
    }
    for text in ["https://{input.x}:{input.x}/{input.x}", "GET https://a.org/{input.x}/*"] {
        assert_eq!(checked(&template(GrantKind::Http, text)), Ok(()));
    }
}

#[test]
fn fields_that_the_kind_has_no_use_for_are_refused() {
    let with = |kind, text: &str, change: &dyn Fn(&mut GrantTemplate)| {
        let mut grant = template(kind, text);
        change(&mut grant);
        checked(&grant).unwrap_err()
    };
    assert_eq!(
        with(GrantKind::Tool, "a.b", &|g| g.guest_path = Some("/a".into())),
        "only a file grant has a place in the guest"
    );
    assert_eq!(
        with(GrantKind::Env, "A", &|g| g.addresses = vec!["10.0.0.0/8".parse().unwrap()]),
        "only an http grant has addresses"
    );
    assert_eq!(
        with(GrantKind::Env, "A", &|g| g.header = Some("a".into())),
        "only a secret grant has a header and a format"
    );
    assert_eq!(
        with(GrantKind::File, "*:read", &|g| g.guest_path = Some("/a".into())),
        "all files have no one place in the guest"
    );
    for bad in ["docs", "/a/../b", "/a//b", "/a/", "/a\nb", ""] {
        let reason = with(GrantKind::File, "a:read", &|g| g.guest_path = Some(bad.into()));
        assert!(reason.starts_with("a place in the guest is"), "{bad}: {reason}");
    }
}

#[test]
fn a_secret_takes_a_header_and_a_format() {
    let mut grant = template(GrantKind::Secret, "key@https://a.org/*");
    grant.header = Some("X-Key".into());
    grant.format = Some("{}".into());
    let Grant::Secret(rule) = grant.resolve(&BTreeMap::new()).unwrap().grant else { panic!("not a secret") };
    assert_eq!((rule.header.as_str(), rule.format.as_str()), ("x-key", "{}"));
    for (header, format) in [("a b", "{}"), ("", "{}"), ("a\r\nb", "{}"), ("a", "x"), ("a", "{}{}"), ("a", "\r\n{}")] {
        grant.header = Some(header.into());
        grant.format = Some(format.into());
        assert!(grant.resolve(&BTreeMap::new()).is_err(), "{header:?} {format:?}");
    }
}

#[test]
fn conditions_and_bounds_reach_the_set() {
    let mut grant = template(GrantKind::Http, "https://{input.x}/*");
    (grant.until_unix_ms, grant.uses_max) = (Some(5), Some(3));
    let inputs = BTreeMap::from([("x".to_owned(), "a.org".to_owned())]);
    let set = GrantTemplates(vec![grant.clone()]).resolve(&inputs).unwrap();
    let held = set.iter().next().unwrap();
    assert_eq!((held.until_unix_ms, held.uses_max), (Some(5), Some(3)));
    assert!(GrantTemplates(vec![grant.clone()]).resolve(&BTreeMap::new()).is_err(), "an input that is missing");
    assert!(GrantTemplates(vec![grant.clone(); GRANTS_MAX]).resolve(&inputs).is_ok());
    assert!(GrantTemplates(vec![grant; GRANTS_MAX + 1]).resolve(&inputs).is_err());
    let long = "a".repeat(RULE_BYTES_MAX + 1);
    assert!(filled(GrantKind::File, "{input.x}:read", &long).starts_with("refused"));
    assert!(filled(GrantKind::File, &format!("{long}:read"), "x").starts_with("refused"));
}

#[test]
fn what_a_frame_is_given_when_it_opens_has_no_uses() {
    for (kind, text) in [(GrantKind::File, "/a:read"), (GrantKind::Env, "A"), (GrantKind::Config, "a")] {
        let mut grant = template(kind, text);
        assert_eq!(checked(&grant).map(|_| ()), Ok(()), "{kind:?}");
        grant.uses_max = Some(1);
        assert!(checked(&grant).unwrap_err().contains("no number of uses"), "{kind:?}");
        assert!(grant.resolve(&BTreeMap::new()).is_err(), "{kind:?}");
    }
}

#[test]
fn a_relative_path_needs_an_absolute_base() {
    let grant = GrantTemplate::new(GrantKind::File, "docs:read", "app");
    assert!(checked(&grant).unwrap_err().contains("is not absolute"));
}

#[test]
fn a_person_can_be_asked_where_each_use_is_seen() {
    let base = |text: &str| text.parse::<GrantTemplate>().map_err(|error| error.to_string());
    for text in ["tool=a.*", "agent=b", "http=https://a.org/*", "state=k*"] {
        let asking = base(&format!("ask {text}")).unwrap().resolve(&BTreeMap::new()).unwrap();
        let plain = base(text).unwrap().resolve(&BTreeMap::new()).unwrap();
        assert_eq!((asking.asks, plain.asks, &asking.grant), (true, false, &plain.grant), "{text}");
        // As a caller's grants are kept with their run.
        assert_eq!(asking.to_string().parse::<Held>(), Ok(asking.clone()));
        let set: GrantSet = [asking, plain].into_iter().collect();
        assert_eq!(serde_json::from_str::<GrantSet>(&serde_json::to_string(&set).unwrap()).unwrap(), set);
    }
    for text in ["log", "human", "sleep", "env=A", "config=a", "secret=a@https://a.org/*"] {
        let refused = base(&format!("ask {text}")).and_then(|grant| grant.check(&|_| true).map_err(|e| e.to_string()));
        assert!(refused.unwrap_err().contains("nobody can be asked"), "{text}");
        assert!(format!("ask {text}").parse::<Held>().is_err(), "{text}");
    }
}
