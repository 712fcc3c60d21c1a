// SPDX-License-Identifier: MIT OR Apache-2.0
//! Walks over folders, in the order of paths, within maxima.

use std::fs;
use std::ops::ControlFlow;

use crate::error::{Doing, Error, of_io};
use crate::place::{Place, Places};
use crate::wit::exports::priory::files::files::{Entry, Kind, Listing};

/// How many entries are listed where the caller does not say.
pub(crate) const ENTRIES_DEFAULT: u32 = 1_000;
/// How many entries are listed at most.
pub(crate) const ENTRIES_MAX: u32 = 10_000;
/// How many entries of one folder are looked at.
pub(crate) const FOLDER_ENTRIES_MAX: usize = 20_000;
/// How many levels of folders a walk goes down.
pub(crate) const DEPTH_MAX: usize = 32;

/// Something that a walk meets.
pub(crate) struct Found {
    /// Where it is.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) kind: Kind,
    /// The size of a file.
    pub(crate) bytes: u64,
}

/// Lists what a folder holds.
pub(crate) fn list(
    places: &Places,
    folder: Option<&str>,
    recursive: bool,
    max_entries: Option<u32>,
) -> Result<Listing, Error> {
    let most = usize::try_from(max_entries.unwrap_or(ENTRIES_DEFAULT).min(ENTRIES_MAX)).unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    let mut complete = walk(&places.roots(folder)?, recursive, &mut |found| {
        if entries.len() == most {
            return ControlFlow::Break(());
        }
        entries.push(Entry { path: found.place.shown, kind: found.kind, bytes: found.bytes });
        ControlFlow::Continue(())
    })?;
    // With a maximum of nothing, whatever is there is left out.
    complete &= entries.len() <= most;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Listing { entries, complete })
}

/// Calls a function with everything in some folders; returns whether nothing was left out.
///
/// A folder that cannot be read is an error when it is one of those that the walk begins with; below them it
/// is left out, and the walk is not complete.
pub(crate) fn walk(
    roots: &[Place],
    recursive: bool,
    each: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<bool, Error> {
    let mut complete = true;
    // What is still to be read, last first, each with its level.
    let mut open: Vec<(Place, usize)> = roots.iter().rev().map(|root| (root.clone(), 0)).collect();
    while let Some((folder, level)) = open.pop() {
        let names = match names(&folder) {
            Ok((names, all)) => {
                complete &= all;
                names
            }
            Err(error) if level == 0 => return Err(error),
            Err(_) => {
                complete = false;
                continue;
            }
        };
        let mut below = Vec::new();
        for (name, kind) in names {
            let place = folder.child(&name);
            let bytes = match kind {
                Kind::File => fs::metadata(&place.real).map_or(0, |metadata| metadata.len()),
                Kind::Folder | Kind::Other => 0,
            };
            if kind == Kind::Folder && recursive {
                if level < DEPTH_MAX {
                    below.push((place.clone(), level + 1));
                } else {
                    complete = false;
                }
            }
            if each(Found { place, kind, bytes }).is_break() {
                return Ok(false);
            }
        }
        open.extend(below.into_iter().rev());
    }
    Ok(complete)
}

/// Returns what is directly in a folder, ordered by name, and whether this is everything that is not hidden.
///
/// Names that are not UTF-8 cannot be passed to a caller, so they are left out.
fn names(folder: &Place) -> Result<(Vec<(String, Kind)>, bool), Error> {
    let failed = |error: std::io::Error| of_io(&error, &folder.shown, Doing::Reading);
    if !fs::metadata(&folder.real).map_err(failed)?.is_dir() {
        return Err(Error::NotAFolder(folder.shown.clone()));
    }
    let mut names = Vec::new();
    let mut complete = true;
    for entry in fs::read_dir(&folder.real).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if names.len() == FOLDER_ENTRIES_MAX {
            complete = false;
            break;
        }
        let Ok(name) = entry.file_name().into_string() else {
            complete = false;
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_file() => Kind::File,
            Ok(kind) if kind.is_dir() => Kind::Folder,
            _ => Kind::Other,
        };
        names.push((name, kind));
    }
    names.sort();
    Ok((names, complete))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b.md", "a/c.md", "a/d/e.md", ".hidden"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "four").unwrap();
        }
        let places = Places::new([(folder.path().to_str().unwrap().to_owned(), false)]);
        (folder, places)
    }

    fn check(folder: Option<&str>, recursive: bool, most: Option<u32>, expect: &[&str], complete: bool) {
        let (_keep, places) = self::folder();
        let listing = list(&places, folder, recursive, most).unwrap();
        let paths: Vec<_> = listing.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!((paths.as_slice(), listing.complete), (expect, complete));
    }

    #[test]
    fn entries_are_listed_by_path_and_hidden_ones_are_not() {
        check(None, false, None, &["a", "b.md"], true);
        check(None, true, None, &["a", "a/c.md", "a/d", "a/d/e.md", "b.md"], true);
        check(Some("a"), true, None, &["a/c.md", "a/d", "a/d/e.md"], true);
    }

    #[test]
    fn one_entry_more_than_the_maximum_is_told() {
        check(None, false, Some(2), &["a", "b.md"], true);
        check(None, false, Some(1), &["a"], false);
        check(None, false, Some(0), &[], false);
    }

    #[test]
    fn sizes_and_kinds_are_told() {
        let (_keep, places) = folder();
        let listing = list(&places, None, false, None).unwrap();
        let kinds: Vec<_> = listing.entries.iter().map(|entry| (entry.kind, entry.bytes)).collect();
        assert_eq!(kinds, [(Kind::Folder, 0), (Kind::File, 4)]);
    }

    #[test]
    fn what_is_not_a_folder_is_refused() {
        let (_keep, places) = folder();
        assert_eq!(list(&places, Some("b.md"), false, None).unwrap_err(), Error::NotAFolder("b.md".into()));
        assert_eq!(list(&places, Some("x"), false, None).unwrap_err(), Error::NotFound("x".into()));
    }

    #[test]
    fn a_folder_below_the_last_level_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let deep = vec!["d"; DEPTH_MAX + 2].join("/");
        fs::create_dir_all(folder.path().join(deep)).unwrap();
        let places = Places::new([(folder.path().to_str().unwrap().to_owned(), false)]);
        let listing = list(&places, None, true, None).unwrap();
        assert_eq!((listing.entries.len(), listing.complete), (DEPTH_MAX + 1, false));
    }
}
