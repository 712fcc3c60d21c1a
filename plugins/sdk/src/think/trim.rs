// SPDX-License-Identifier: MIT OR Apache-2.0
//! Results that are longer than there is room for: cut, and kept whole where the model can read on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::Definition;
use crate::outside::Outside;
use crate::tokens;

/// The tool by which a model reads on.
pub(super) const READ_MORE: &str = "read_more";
/// The bytes that are read for so many tokens at most: no text has more for a token, on the whole.
const BYTES_FOR_TOKEN: u64 = 8;
/// How many bytes the host gives at once.
const PART_BYTES_MAX: u64 = 1 << 20;
/// How many bytes a character has that a part may have cut.
const CHARACTER_BYTES_MAX: usize = 3;

/// What was cut, by the artifacts that have it whole, with their lengths.
#[derive(Debug, Default)]
pub(super) struct Cut(BTreeMap<String, u64>);

impl Cut {
    /// Tells whether there is anything to read on in.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says that a model may read an artifact.
    pub(super) fn add(&mut self, artifact: &str, byte_len: u64) {
        self.0.insert(artifact.to_owned(), byte_len);
    }

    /// Cuts a result to a length, and says how to read on.
    pub(super) fn trimmed(&mut self, outside: &dyn Outside, content: String, tokens_max: u64) -> String {
        // The length alone tells of most results that they are short.
        if content.len() as u64 <= tokens_max || tokens::estimate(&content) <= tokens_max {
            return content;
        }
        let head = tokens::head(&content, tokens_max);
        let (shown, all) = (head.len(), content.len());
        match outside.keep(content.as_bytes()) {
            Ok(reference) => {
                let artifact = reference.artifact;
                self.add(&artifact, all as u64);
                let on = json!({ "artifact": artifact, "offset": shown });
                format!("{head}\n[cut: {shown} of {all} bytes are shown; call {READ_MORE} with {on} to read on]")
            }
            Err(_) => {
                format!("{head}\n[cut: {shown} of {all} bytes are shown, and the rest cannot be had; ask for less]")
            }
        }
    }

    /// Performs [`READ_MORE`]; the failure is in words for the model.
    pub(super) fn read(&self, outside: &dyn Outside, arguments: &Value, tokens_max: u64) -> Result<String, String> {
        let artifact = arguments.get("artifact").and_then(Value::as_str).unwrap_or_default();
        let offset = arguments.get("offset").and_then(Value::as_u64).unwrap_or_default();
        // Only what was shown in part: a digest in a document is no right.
        let Some(all) = self.0.get(artifact).copied() else {
            return Err("there is no such artifact; take the one that a cut result names".to_owned());
        };
        if offset >= all {
            return Err(format!("it has {all} bytes, so there is nothing at {offset}"));
        }
        let length = tokens_max.saturating_mul(BYTES_FOR_TOKEN).min(PART_BYTES_MAX);
        let bytes = outside.read(artifact, offset, length).map_err(|failure| failure.to_string())?;
        let text = text(&bytes);
        let head = tokens::head(&text, tokens_max);
        let to = offset.saturating_add(head.len() as u64);
        if to >= all || head.is_empty() {
            return Ok(format!("{head}\n[this is the end]"));
        }
        let on = json!({ "artifact": artifact, "offset": to });
        Ok(format!("{head}\n[bytes {offset} to {to} of {all}; call {READ_MORE} with {on} to read on]"))
    }

    /// Returns what a model is told of [`READ_MORE`].
    pub(super) fn definition() -> Definition {
        let schema = json!({
            "type": "object",
            "properties": {
                "artifact": { "type": "string", "description": "The artifact that the cut result names" },
                "offset": { "type": "integer", "minimum": 0, "description": "Where to read on, in bytes" },
            },
            "required": ["artifact", "offset"],
            "additionalProperties": false,
        });
        Definition::new(READ_MORE, "Reads on in a result of a tool that was cut because it is long.", &schema)
    }
}

/// Reads a part as text. A character that the end of the part has cut is left for the next part.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if bytes.len() - error.valid_up_to() <= CHARACTER_BYTES_MAX => {
            String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned()
        }
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn what_is_cut_can_be_read_to_its_end() {
        let whole: String = (0..600).map(|number| format!("Zeile {number}: überall Bienen.\n")).collect();
        let stage = Stage::new([]);
        let mut cut = Cut::default();
        let shown = cut.trimmed(&stage, whole.clone(), 100);
        let (mut read, mut note) = shown.rsplit_once("\n[cut: ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        for _ in 0..1_000 {
            let Some((_, arguments)) = note.split_once(" with ") else { break };
            let arguments = serde_json::from_str(arguments.split(" to read on").next().unwrap()).unwrap();
            let more = cut.read(&stage, &arguments, 100).unwrap();
            let (part, next) = more.rsplit_once("\n[").unwrap();
            assert!(tokens::estimate(part) <= 100);
            read.push_str(part);
            note = next.to_owned();
        }
        assert_eq!(read, whole);
        assert_eq!(note, "this is the end]");
    }

    #[test]
    fn what_is_short_is_left_alone_and_what_cannot_be_kept_says_so() {
        let mut cut = Cut::default();
        assert_eq!(cut.trimmed(&Stage::new([]), "short".into(), 10), "short");
        assert!(cut.is_empty());
        let shown = cut.trimmed(&Stage::new([]).keeps_nothing(), "word ".repeat(100), 10);
        assert!(shown.contains("cannot be had") && cut.is_empty(), "{shown}");
    }

    #[test]
    fn only_what_was_cut_can_be_read() {
        let stage = Stage::new([]);
        let secret = stage.keep(b"somebody else's").unwrap().artifact;
        let cut = Cut::default();
        assert!(cut.read(&stage, &json!({ "artifact": secret, "offset": 0 }), 10).unwrap_err().contains("no such"));
        let mut cut = Cut::default();
        cut.add(&secret, 15);
        assert!(cut.read(&stage, &json!({ "artifact": secret, "offset": 15 }), 10).is_err());
        assert_eq!(
            cut.read(&stage, &json!({ "artifact": secret, "offset": 9 }), 10).unwrap(),
            "else's\n[this is the end]"
        );
    }
}
