// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes files as a whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::error::{Doing, Error, of_io};
use crate::place::{Place, Places};
use crate::wit::exports::priory::files::files::{Mode, Size, Written};

/// How large a file may become.
pub(crate) const WRITE_BYTES_MAX: u64 = 8 << 20;
/// How many names are tried for the file that is written beside the one that is wanted.
const NAMES_MAX: u32 = 16;

/// Writes a file.
pub(crate) fn write(places: &Places, path: &str, content: &str, mode: Mode) -> Result<Written, Error> {
    let place = places.find(path)?;
    if !place.writable {
        return Err(Error::ReadOnly(place.shown));
    }
    let failed = |error: io::Error| of_io(&error, &place.shown, Doing::Writing);
    let before = match fs::symlink_metadata(&place.real) {
        Ok(metadata) if !metadata.is_file() => return Err(Error::NotAFile(place.shown)),
        Ok(metadata) if mode == Mode::Append => metadata.len(),
        Ok(_) => 0,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(error)),
    };
    let bytes = before.saturating_add(content.len() as u64);
    if bytes > WRITE_BYTES_MAX {
        return Err(Error::TooLarge(Size { path: place.shown, bytes, most: WRITE_BYTES_MAX }));
    }
    if let Some(folder) = place.real.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    if mode == Mode::Create {
        // Taking the name first makes sure that of two writers only one succeeds.
        OpenOptions::new().write(true).create_new(true).open(&place.real).map_err(failed)?;
    }
    let done = swap_in(&place, content, before > 0).map_err(failed);
    if done.is_err() && mode == Mode::Create {
        let _ = fs::remove_file(&place.real);
    }
    done?;
    Ok(Written { path: place.shown, bytes })
}

/// Writes a new file beside the one that is wanted, and puts it in its place in one step.
fn swap_in(place: &Place, content: &str, keep: bool) -> io::Result<()> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..NAMES_MAX {
        let name = place.real.file_name().unwrap_or_default().to_string_lossy();
        let beside = place.real.with_file_name(format!(".{name}.{number}.part"));
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => {
                let done = fill(file, keep.then_some(place.real.as_path()), content)
                    .and_then(|()| fs::rename(&beside, &place.real));
                if done.is_err() {
                    let _ = fs::remove_file(&beside);
                }
                return done;
            }
            // Another writer is at it, or was killed at it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("{NAMES_MAX} unfinished files `.*.part` are beside it; remove them ({last})")))
}

fn fill(mut file: fs::File, before: Option<&Path>, content: &str) -> io::Result<()> {
    if let Some(before) = before {
        file.write_all(&fs::read(before)?)?;
    }
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(writable: bool, check: impl FnOnce(&Path, &Places)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("old"), "old").unwrap();
        check(folder.path(), &Places::new([(folder.path().to_str().unwrap().to_owned(), writable)]));
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn each_mode_does_what_it_says() {
        check(true, |folder, places| {
            assert_eq!(write(places, "old", "x", Mode::Create).unwrap_err(), Error::AlreadyExists("old".into()));
            assert_eq!(write(places, "old", "er", Mode::Append).unwrap().bytes, 5);
            assert_eq!(fs::read_to_string(folder.join("old")).unwrap(), "older");
            assert_eq!(write(places, "old", "new", Mode::Replace).unwrap().bytes, 3);
            assert_eq!(fs::read_to_string(folder.join("old")).unwrap(), "new");
            assert_eq!(write(places, "a/b.md", "x", Mode::Create).unwrap().path, "a/b.md");
            assert_eq!(write(places, "c", "y", Mode::Append).unwrap().bytes, 1);
            assert_eq!(names(folder), ["a", "c", "old"]);
        });
    }

    #[test]
    fn nothing_is_written_where_it_may_not_be() {
        check(false, |folder, places| {
            assert_eq!(write(places, "old", "x", Mode::Replace).unwrap_err(), Error::ReadOnly("old".into()));
            assert_eq!(names(folder), ["old"]);
        });
        check(true, |_, places| {
            assert_eq!(write(places, "../x", "x", Mode::Replace).unwrap_err(), Error::Outside("../x".into()));
            assert_eq!(write(places, "", "x", Mode::Replace).unwrap_err(), Error::NotAFile(String::new()));
            assert_eq!(write(places, "old/x", "x", Mode::Replace).unwrap_err(), Error::NotAFolder("old/x".into()));
        });
    }

    #[test]
    fn one_byte_over_the_maximum_is_refused() {
        check(true, |folder, places| {
            let most = usize::try_from(WRITE_BYTES_MAX).unwrap();
            let content = "x".repeat(most - 3);
            assert_eq!(write(places, "old", &content, Mode::Append).unwrap().bytes, WRITE_BYTES_MAX);
            let size = Size { path: "old".into(), bytes: WRITE_BYTES_MAX + 1, most: WRITE_BYTES_MAX };
            assert_eq!(write(places, "old", "x", Mode::Append).unwrap_err(), Error::TooLarge(size));
            assert_eq!(names(folder), ["old"]);
        });
    }

    #[test]
    fn an_unfinished_file_of_another_writer_is_left_alone() {
        check(true, |folder, places| {
            fs::write(folder.join(".old.0.part"), "half").unwrap();
            write(places, "old", "x", Mode::Replace).unwrap();
            assert_eq!(names(folder), [".old.0.part", "old"]);
        });
    }
}
