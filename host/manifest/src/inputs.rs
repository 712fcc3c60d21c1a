// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values that a run starts with.

use std::collections::BTreeMap;
use std::path::Path;

use priory_core::grant::rule::normalised;

use crate::manifest::{Input, InputKind, Manifest};
use crate::{Error, suggest};

/// How long one value may be, in bytes.
pub const INPUT_BYTES_MAX: usize = 1 << 20;

impl Manifest {
    /// Returns every input that a run starts with: those that were given, else their defaults.
    ///
    /// A folder or a file becomes an absolute path: what is given is taken from the current folder of `caller`, which
    /// must be absolute, and a default from the folder of the manifest. Whether anything is there is not looked at.
    /// The values are what [`GrantTemplates::resolve`](priory_core::grant::GrantTemplates::resolve) takes.
    pub fn resolve_inputs(
        &self,
        given: &BTreeMap<String, String>,
        caller: &Path,
    ) -> Result<BTreeMap<String, String>, Error> {
        if let Some(name) = given.keys().find(|name| !self.inputs.contains_key(*name)) {
            let hint = suggest::hint(name, "inputs", self.inputs.keys().map(String::as_str));
            return Err(Error::UnknownInput { name: name.clone(), hint });
        }
        let mut values = BTreeMap::new();
        for (name, input) in &self.inputs {
            let value = match (given.get(name), &input.default) {
                (Some(value), _) => resolve(name, input, value, caller)?,
                (None, Some(default)) => resolve(name, input, default, &self.folder)?,
                (None, None) if input.required => {
                    return Err(Error::MissingInput { name: name.clone(), description: input.description.clone() });
                }
                (None, None) => continue,
            };
            values.insert(name.clone(), value);
        }
        Ok(values)
    }
}

fn resolve(name: &str, input: &Input, value: &str, folder: &Path) -> Result<String, Error> {
    let unusable = |reason| Error::InputPath { name: name.to_owned(), reason };
    if value.len() > INPUT_BYTES_MAX {
        return Err(Error::InputTooLong { name: name.to_owned(), bytes: value.len() });
    }
    match input.kind {
        InputKind::Text => Ok(value.to_owned()),
        InputKind::Folder | InputKind::File if value.is_empty() => Err(unusable("it is empty")),
        InputKind::Folder | InputKind::File => {
            let path = normalised(&folder.join(value)).ok_or_else(|| unusable("the current folder is not absolute"))?;
            path.into_os_string().into_string().map_err(|_| unusable("it is not UTF-8"))
        }
    }
}
