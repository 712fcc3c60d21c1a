// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens the folders of a frame, and is not led astray by what a guest made.
//!
//! A guest that may write in a folder can put a symbolic link there. A grant may name a path below that folder, of
//! another holder or narrowed, and an operator means what lies there, not what a guest lets it lead to. So links are
//! followed where only people can have made them, and refused at or below every folder that guests may write to.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use parking_lot::RwLock;
use priory_core::Failure;

/// How many links are followed on the way to one folder; systems have about the same maximum.
const LINKS_MAX: usize = 40;
/// How many folders that guests may write to are remembered. With more, no link is followed anywhere.
const WRITABLE_MAX: usize = 65_536;

/// The folders that guests may write to. Shared by all frames of a host.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// Absolute and without links; none lies inside another that was there before it.
    writable: RwLock<BTreeSet<PathBuf>>,
}

/// Why a folder is not opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(
        "{} is a symbolic link in a folder that guests may write to, so a guest may have made it; grant the folder \
         that it should lead to",
        .0.display()
    )]
    Link(PathBuf),
    #[error("more than {LINKS_MAX} symbolic links lead to it")]
    Links,
    #[error("it cannot be opened: {0}")]
    Io(#[from] io::Error),
}

impl Folders {
    /// Remembers that guests may write to a folder. One that is not there yet has nothing in it yet.
    pub(crate) fn writable(&self, folder: &Path) {
        // Links that a guest has made can only make this remember more than it has to.
        let Ok(folder) = fs::canonicalize(folder) else { return };
        if self.outermost(&folder).is_some() {
            return;
        }
        let mut writable = self.writable.write();
        if writable.len() >= WRITABLE_MAX {
            writable.clear();
            writable.extend(folder.ancestors().last().map(Path::to_owned));
        } else {
            writable.insert(folder);
        }
    }

    /// Opens a folder for a frame.
    pub(crate) fn open(&self, folder: &Path) -> Result<File, Failure> {
        let opened = self.resolve(folder).and_then(|path| Ok(self.open_resolved(&path)?));
        opened.map_err(|error| Failure::absent(format!("folder {}", folder.display()), error.to_string()))
    }

    /// Opens a path without links. Should a guest put one there meanwhile, it leads no further than what that guest may
    /// write to anyway.
    fn open_resolved(&self, path: &Path) -> io::Result<File> {
        let outer = self.outermost(path);
        let inside = outer.as_deref().and_then(|outer| path.strip_prefix(outer).ok());
        let dir = match (&outer, inside) {
            (Some(outer), Some(inside)) if inside != Path::new("") => {
                Dir::open_ambient_dir(outer, ambient_authority())?.open_dir(inside)?
            }
            _ => Dir::open_ambient_dir(path, ambient_authority())?,
        };
        Ok(dir.into_std_file())
    }

    /// Follows the links of a path, those excepted that a guest may have made.
    fn resolve(&self, path: &Path) -> Result<PathBuf, OpenError> {
        let mut resolved = PathBuf::new();
        // The next part is the last one.
        let mut parts = reversed(path);
        let mut links = 0;
        while let Some(part) = parts.pop() {
            match Path::new(&part).components().next() {
                Some(Component::Normal(name)) => {
                    let next = resolved.join(name);
                    // What is no link, or not there, is left to whoever opens it.
                    let Ok(target) = fs::read_link(&next) else {
                        resolved = next;
                        continue;
                    };
                    if self.is_writable(&resolved) {
                        return Err(OpenError::Link(next));
                    }
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(OpenError::Links);
                    }
                    parts.extend(reversed(&target));
                }
                Some(Component::ParentDir) => {
                    resolved.pop();
                }
                // An absolute one begins anew.
                Some(root) => resolved.push(root),
                None => {}
            }
        }
        Ok(resolved)
    }

    /// Tells whether guests may make links in a folder. It is also asked by its true name: some systems do not tell
    /// upper from lower case.
    fn is_writable(&self, folder: &Path) -> bool {
        self.outermost(folder).is_some()
            || fs::canonicalize(folder).is_ok_and(|folder| self.outermost(&folder).is_some())
    }

    /// Returns the outermost folder that guests may write to and that a path is at or below.
    fn outermost(&self, path: &Path) -> Option<PathBuf> {
        let writable = self.writable.read();
        path.ancestors().filter(|ancestor| writable.contains(*ancestor)).last().map(Path::to_owned)
    }
}

fn reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    /// Folders `outer/inner` and `secret`, and what leads to them.
    struct Scene {
        root: tempfile::TempDir,
        folders: Folders,
    }

    impl Scene {
        fn new() -> Self {
            let scene = Self { root: tempfile::tempdir().unwrap(), folders: Folders::default() };
            fs::create_dir_all(scene.path("outer/inner/deep")).unwrap();
            fs::create_dir_all(scene.path("secret/deep")).unwrap();
            scene
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        /// Puts a link where the folder `outer/inner` was.
        fn replace_inner(&self, target: impl AsRef<Path>) {
            fs::rename(self.path("outer/inner"), self.path("outer/was")).unwrap();
            symlink(target, self.path("outer/inner")).unwrap();
        }

        #[track_caller]
        fn leads(&self, from: &str, to: &str) {
            let opened = self.folders.open(&self.path(from)).unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(opened.metadata().unwrap().ino(), fs::metadata(self.path(to)).unwrap().ino());
        }

        #[track_caller]
        fn refuses(&self, from: &str, words: &str) {
            let failure = self.folders.open(&self.path(from)).unwrap_err();
            assert!(failure.to_string().contains(words), "{failure}");
        }
    }

    #[test]
    fn a_link_that_a_guest_may_have_made_is_not_followed() {
        for target in ["../secret", "was"] {
            let scene = Scene::new();
            scene.folders.writable(&scene.path("outer"));
            scene.leads("outer/inner", "outer/inner");
            scene.replace_inner(target);
            scene.refuses("outer/inner", "symbolic link");
            scene.refuses("outer/inner/deep", "symbolic link");
            scene.leads("outer", "outer");
        }
        let scene = Scene::new();
        scene.folders.writable(&scene.path("outer"));
        scene.replace_inner(scene.path("secret"));
        scene.refuses("outer/inner", "symbolic link");
    }

    #[test]
    fn a_link_of_the_operator_is_followed_on_the_way() {
        let scene = Scene::new();
        symlink("outer", scene.path("link")).unwrap();
        scene.folders.writable(&scene.path("link"));
        scene.leads("link", "outer");
        scene.leads("link/inner", "outer/inner");
        // Wherever a path comes from, it is what a guest may have changed that counts.
        symlink(scene.path("link/inner/deep"), scene.path("current")).unwrap();
        scene.leads("current", "outer/inner/deep");
        scene.replace_inner("../secret");
        scene.refuses("current", "symbolic link");
        scene.refuses("link/inner", "symbolic link");
    }

    #[test]
    fn a_link_that_comes_while_a_folder_is_opened_leads_nowhere() {
        let scene = Scene::new();
        scene.folders.writable(&scene.path("outer"));
        let resolved = scene.folders.resolve(&scene.path("outer/inner")).unwrap();
        scene.replace_inner("../secret");
        assert!(scene.folders.open_resolved(&resolved).is_err());
    }

    #[test]
    fn links_in_a_circle_end() {
        let scene = Scene::new();
        symlink("b", scene.path("a")).unwrap();
        symlink("a", scene.path("b")).unwrap();
        scene.refuses("a", "40 symbolic links");
        scene.refuses("nowhere", "cannot be opened");
    }

    #[test]
    fn what_lies_inside_is_not_remembered_twice() {
        let scene = Scene::new();
        scene.folders.writable(&scene.path("outer"));
        scene.folders.writable(&scene.path("outer/inner"));
        assert_eq!(scene.folders.writable.read().len(), 1);
    }
}
