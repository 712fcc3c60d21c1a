// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tools that list, read, search and write the text files of granted folders.
//!
//! This file only translates; see `place` for which paths are allowed, and `walk`, `text`, `search` and
//! `write` for what is done.

mod error;
mod place;
mod search;
mod text;
mod walk;
mod write;

#[allow(missing_docs, unsafe_code, unreachable_pub)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "plugin", additional_derives: [PartialEq] });
    export!(Files);
    use super::Files;
}

use place::Places;
use wit::exports::priory::files::files as api;

priory_sdk::wit_text!("../wit/files.wit");
priory_sdk::ceiling!(["file=*:write", "log"]);

struct Files;

impl api::Guest for Files {
    fn folders() -> Vec<api::Folder> {
        places().folders().map(|f| api::Folder { name: f.name.clone(), writable: f.writable }).collect()
    }

    fn list(folder: Option<String>, recursive: bool, max_entries: Option<u32>) -> Result<api::Listing, api::Error> {
        walk::list(&places(), folder.as_deref(), recursive, max_entries)
    }

    fn read(path: String, first_line: Option<u32>, line_count: Option<u32>) -> Result<api::TextPart, api::Error> {
        text::read(&places(), &path, first_line, line_count)
    }

    fn search(
        query: String,
        folder: Option<String>,
        max_results: Option<u32>,
        exclude: Vec<String>,
    ) -> Result<api::Findings, api::Error> {
        search::search(&places(), &query, folder.as_deref(), max_results, &exclude)
    }

    fn write(path: String, content: String, mode: api::Mode) -> Result<api::Written, api::Error> {
        write::write(&places(), &path, &content, mode)
    }
}

/// Returns what the host granted.
#[cfg(target_arch = "wasm32")]
fn places() -> Places {
    use wasip2::filesystem::{preopens::get_directories, types::DescriptorFlags};
    Places::new(get_directories().into_iter().map(|(descriptor, path)| {
        let flags = descriptor.get_flags().unwrap_or(DescriptorFlags::empty());
        (path, flags.contains(DescriptorFlags::MUTATE_DIRECTORY))
    }))
}

/// Returns nothing: only a host grants folders.
#[cfg(not(target_arch = "wasm32"))]
fn places() -> Places {
    Places::new(std::iter::empty())
}
