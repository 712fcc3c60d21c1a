// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prompts in files of their own: each is a key of an agent's configuration.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use priory_core::id::is_name;

use super::Check;
use crate::wire::At;

/// How many files a folder of prompts may have, those among them that are none.
const FILES_MAX: usize = 256;
/// How long one prompt may be, in bytes: it is read into every frame of its agent.
const PROMPT_BYTES_MAX: usize = 64 << 10;
/// What stands in front of the name of a prompt in the configuration.
pub(super) const PREFIX: &str = "prompt.";

impl Check<'_> {
    /// Reads the prompts of an agent: the key and the text of each.
    pub(super) fn prompts(&mut self, folder: &At<String>) -> BTreeMap<String, String> {
        let Some(path) = self.path(folder) else { return BTreeMap::new() };
        match read(&path) {
            Ok(prompts) => {
                if prompts.is_empty() {
                    let hint = "put a file `NAME.md` into it, such as `system.md`".to_owned();
                    self.warnings.push(folder.span(), "there are no prompts in this folder", Some(hint));
                }
                prompts
            }
            Err((message, hint)) => {
                self.problems.push(folder.span(), message, Some(hint));
                BTreeMap::new()
            }
        }
    }
}

/// Reads the prompts of a folder, or says what is wrong with it, and what to do.
fn read(folder: &Path) -> Result<BTreeMap<String, String>, (String, String)> {
    let failed = |path: &Path, error: io::Error| {
        let hint = "a folder with a file `NAME.md` for each prompt is expected".to_owned();
        (format!("{} cannot be read: {error}", path.display()), hint)
    };
    let mut names = Vec::new();
    for (count, entry) in fs::read_dir(folder).map_err(|error| failed(folder, error))?.enumerate() {
        if count >= FILES_MAX {
            let message = format!("{} has more than {FILES_MAX} files", folder.display());
            return Err((message, "keep prompts in a folder of their own".to_owned()));
        }
        let entry = entry.map_err(|error| failed(folder, error))?.file_name();
        let name = entry.to_str().and_then(|name| name.strip_suffix(".md")).map(str::to_owned);
        names.extend(name.filter(|name| !name.starts_with('.')));
    }
    names.sort();
    let mut prompts = BTreeMap::new();
    for name in names {
        let path = folder.join(format!("{name}.md"));
        if !is_name(&name) {
            let hint =
                "a name is made of lower-case letters, digits and `-`, and begins with a letter, as in `system.md`";
            return Err((format!("{} cannot name a prompt", path.display()), hint.to_owned()));
        }
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(|error| failed(&path, error))?;
        file.take(PROMPT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&path, error))?;
        if bytes.len() > PROMPT_BYTES_MAX {
            let message = format!("{} is longer than {PROMPT_BYTES_MAX} bytes", path.display());
            return Err((message, "say less, or let the agent read the rest as a file".to_owned()));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| (format!("{} is not UTF-8", path.display()), "save it as UTF-8".to_owned()))?;
        prompts.insert(format!("{PREFIX}{name}"), text);
    }
    Ok(prompts)
}
