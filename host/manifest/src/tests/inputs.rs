// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values that a run starts with.

use std::collections::BTreeMap;
use std::path::Path;

use super::parse;
use crate::{Error, INPUT_BYTES_MAX};

const TEXT: &str = r#"
name = "a"
[inputs]
question = { description = "What to ask." }
folder = { kind = "folder", default = "docs" }
file = { kind = "file", required = false }
tone = { default = "plain" }
"#;

fn resolved(given: &[(&str, &str)]) -> Result<BTreeMap<String, String>, Error> {
    let given = given.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    parse(TEXT).unwrap().resolve_inputs(&given, Path::new("/home/me"))
}

#[test]
fn paths_start_at_whoever_wrote_them() {
    let values = resolved(&[("question", "../why"), ("file", "../notes/./a.md")]).unwrap();
    let expected =
        [("file", "/home/notes/a.md"), ("folder", "/srv/brief/docs"), ("question", "../why"), ("tone", "plain")];
    assert_eq!(values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    assert_eq!(resolved(&[("question", "q"), ("folder", "/abs")]).unwrap()["folder"], "/abs");
    assert!(!resolved(&[("question", "q")]).unwrap().contains_key("file"), "nothing stands for what is optional");
}

#[test]
fn what_does_not_fit_is_refused() {
    let error = |given: &[(&str, &str)]| resolved(given).unwrap_err().to_string();
    assert_eq!(error(&[]), "input `question` is required; give it with --input question=…");
    assert_eq!(error(&[("questoin", "q")]), "there is no input `questoin`; did you mean `question`?");
    assert_eq!(error(&[("question", "q"), ("folder", "")]), "input `folder` is not a usable path: it is empty");
    let most = "a".repeat(INPUT_BYTES_MAX);
    assert!(resolved(&[("question", &most)]).is_ok());
    let long = format!("{most}a");
    assert!(matches!(resolved(&[("question", &long)]), Err(Error::InputTooLong { bytes, .. }) if bytes == long.len()));
}
