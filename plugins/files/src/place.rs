// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which paths are allowed, and where they are.

use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// How long a path may be, in bytes.
pub(crate) const PATH_BYTES_MAX: usize = 4_096;

/// A granted folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// The path under which the host shows it, without slashes around.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whether files in it may be written.
    pub(crate) writable: bool,
}

/// Every folder that is granted.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Folder>);

/// A path inside a granted folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it is.
    pub(crate) real: PathBuf,
    /// How callers name it.
    pub(crate) shown: String,
    /// Whether files may be written there.
    pub(crate) writable: bool,
}

impl Places {
    /// Makes them of paths and whether these are writable.
    pub(crate) fn new(folders: impl IntoIterator<Item = (String, bool)>) -> Self {
        let folder = |(path, writable): (String, bool)| {
            let name = path.trim_matches('/').to_owned();
            Folder { name, path: PathBuf::from(path), writable }
        };
        let mut folders: Vec<_> = folders.into_iter().map(folder).collect();
        folders.sort_by(|a, b| a.name.cmp(&b.name));
        Self(folders)
    }

    /// Returns the folders, ordered by name.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.0.iter()
    }

    /// Returns the places where a walk begins: the folder that is named, or every one.
    pub(crate) fn roots(&self, folder: Option<&str>) -> Result<Vec<Place>, Error> {
        match (folder, self.0.as_slice()) {
            (_, []) => Err(Error::NoFolder),
            (Some(path), _) => Ok(vec![self.find(path)?]),
            (None, [only]) => Ok(vec![only.place(Path::new(""), true)]),
            (None, several) => Ok(several.iter().map(|folder| folder.place(Path::new(""), false)).collect()),
        }
    }

    /// Finds the place that a path names. Whether anything is there is another question.
    pub(crate) fn find(&self, path: &str) -> Result<Place, Error> {
        if self.0.is_empty() {
            return Err(Error::NoFolder);
        }
        if path.len() > PATH_BYTES_MAX || path.contains('\0') {
            return Err(Error::Invalid(format!("a path has at most {PATH_BYTES_MAX} bytes, and no zero byte")));
        }
        let outside = || Error::Outside(path.to_owned());
        let tidy = normalised(path.trim_start_matches('/')).ok_or_else(outside)?;
        let is_absolute = path.starts_with('/');
        match self.0.as_slice() {
            [only] if !is_absolute => Ok(only.place(&tidy, true)),
            folders => folders
                .iter()
                .filter_map(|folder| Some((folder, tidy.strip_prefix(&folder.name).ok()?)))
                // Where one folder is in another, the inner one decides.
                .max_by_key(|(folder, _)| folder.name.len())
                .map(|(folder, rest)| folder.place(rest, folders.len() == 1))
                .ok_or_else(outside),
        }
    }
}

impl Folder {
    fn place(&self, rest: &Path, is_only: bool) -> Place {
        let real = if rest.as_os_str().is_empty() { self.path.clone() } else { self.path.join(rest) };
        let shown = if is_only { rest.to_path_buf() } else { Path::new(&self.name).join(rest) };
        let shown = shown.to_string_lossy().trim_end_matches('/').to_owned();
        Place { real, shown, writable: self.writable }
    }
}

impl Place {
    /// Returns something directly in this folder.
    pub(crate) fn child(&self, name: &str) -> Self {
        let shown = if self.shown.is_empty() { name.to_owned() } else { format!("{}/{name}", self.shown) };
        Self { real: self.real.join(name), shown, writable: self.writable }
    }
}

/// Resolves `.` and `..` by the text alone; `None` when the path leaves the folder.
fn normalised(path: &str) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => result.push(name),
            Component::CurDir => {}
            Component::ParentDir if result.pop() => {}
            _ => return None,
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(names: &[&str]) -> Places {
        Places::new(names.iter().map(|name| (format!("/{name}"), false)))
    }

    fn check(names: &[&str], path: &str, expect: Option<(&str, &str)>) {
        let found = places(names).find(path).ok().map(|p| (p.real.to_string_lossy().into_owned(), p.shown));
        assert_eq!(found, expect.map(|(real, shown)| (real.to_owned(), shown.to_owned())), "{path}");
    }

    #[test]
    fn paths_are_relative_to_the_only_folder() {
        check(&["docs"], "a/b.md", Some(("/docs/a/b.md", "a/b.md")));
        check(&["docs"], "./a/../b.md", Some(("/docs/b.md", "b.md")));
        check(&["docs"], "/docs/b.md", Some(("/docs/b.md", "b.md")));
        check(&["docs"], "", Some(("/docs", "")));
    }

    #[test]
    fn paths_begin_with_the_folder_where_there_are_several() {
        check(&["docs", "out"], "docs/a.md", Some(("/docs/a.md", "docs/a.md")));
        check(&["docs", "docs/in"], "docs/in/a.md", Some(("/docs/in/a.md", "docs/in/a.md")));
        check(&["docs", "out"], "a.md", None);
    }

    #[test]
    fn nothing_leads_out() {
        check(&["docs"], "../a", None);
        check(&["docs"], "a/../../docs2/x", None);
        check(&["docs"], "/etc/passwd", None);
        check(&["docs"], "/docsx/a", None);
        assert_eq!(places(&["docs"]).find("a/../../b"), Err(Error::Outside("a/../../b".into())));
        assert_eq!(places(&[]).find("a"), Err(Error::NoFolder));
        assert!(matches!(places(&["docs"]).find("a\0b"), Err(Error::Invalid(_))));
        assert!(matches!(places(&["docs"]).find(&"a".repeat(PATH_BYTES_MAX + 1)), Err(Error::Invalid(_))));
    }

    #[test]
    fn a_walk_begins_everywhere_unless_a_folder_is_named() {
        let shown = |names: &[&str], folder| -> Vec<String> {
            places(names).roots(folder).unwrap().into_iter().map(|place| place.shown).collect()
        };
        assert_eq!(shown(&["docs"], None), [""]);
        assert_eq!(shown(&["out", "docs"], None), ["docs", "out"]);
        assert_eq!(shown(&["out", "docs"], Some("docs/x")), ["docs/x"]);
    }
}
