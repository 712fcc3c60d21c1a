// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiled code on disk, so that a component is compiled once for each engine and configuration.
//!
//! Compiled code is native code: who can change it can do everything. So an entry lies in a folder that only its user can
//! open, and carries a keyed hash over its bytes whose key lies there too; the very bytes that were checked are the
//! bytes that are loaded. An entry that does not check is removed and made anew.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use priory_core::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 32;

/// A folder of compiled code.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
}

impl CodeCache {
    /// Opens the cache for an engine; `None` when the folder cannot be made private, which is only logged: then
    /// everything is compiled.
    pub(crate) fn open(root: &Path, engine: &Engine) -> Option<Self> {
        match Self::try_open(root, engine) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(folder = %root.display(), %error, "compiled code is not kept");
                None
            }
        }
    }

    fn try_open(root: &Path, engine: &Engine) -> io::Result<Self> {
        let mut hasher = Blake(blake3::Hasher::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatible = hasher.0.finalize().to_hex();
        let folder = root.join("code").join(compatible.as_str().get(..16).unwrap_or_default());
        make_private(&root.join("code"))?;
        make_private(&folder)?;
        let key = read_or_make_key(&root.join("code").join("key"))?;
        Ok(Self { folder, key })
    }

    /// Returns the compiled code of a component, if there is an entry that checks.
    pub(crate) fn get(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let entry = fs::read(&path).ok()?;
        let loaded = self.checked(digest, &entry).and_then(|code| deserialize(engine, code));
        if loaded.is_none() {
            tracing::warn!(%digest, "an entry of compiled code does not check, and is made anew");
            let _ = fs::remove_file(&path);
        }
        loaded
    }

    /// Keeps the compiled code of a component. That it cannot be kept is only logged.
    pub(crate) fn put(&self, digest: &Digest, component: &Component) {
        let written = component.serialize().map_err(|error| io::Error::other(error.to_string())).and_then(|code| {
            let mut entry = self.tag(digest, &code).as_bytes().to_vec();
            entry.extend_from_slice(&code);
            write_private(&self.path(digest), &entry)
        });
        if let Err(error) = written {
            tracing::warn!(%digest, %error, "compiled code cannot be kept");
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.code", digest.to_hex()))
    }

    fn checked<'a>(&self, digest: &Digest, entry: &'a [u8]) -> Option<&'a [u8]> {
        let (tag, code) = entry.split_at_checked(TAG_BYTES)?;
        let tag: [u8; TAG_BYTES] = tag.try_into().ok()?;
        // Comparing hashes of this type takes the same time wherever they differ.
        (self.tag(digest, code) == blake3::Hash::from_bytes(tag)).then_some(code)
    }

    fn tag(&self, digest: &Digest, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(digest.as_bytes()).update(code);
        hasher.finalize()
    }
}

#[allow(
    unsafe_code,
    reason = "the bytes were written by this user's own host and have just been checked by their keyed hash"
)]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: the code was made by `Component::serialize` of an engine of the same compatibility hash, and has not
    // changed since: its keyed hash was checked over these very bytes.
    unsafe { Component::deserialize(engine, code) }.ok()
}

/// Makes a folder that only its user can open, and refuses one that belongs to somebody else.
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let found = fs::metadata(folder)?;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("the folder belongs to another user"));
        }
        if found.mode() & 0o777 != 0o700 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

fn read_or_make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    match read_key(path) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => {
            // It has another length, so it checks nothing; what was written with it is made anew.
            fs::remove_file(path)?;
            make_key(path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(path),
        Err(error) => Err(error),
    }
}

/// Returns the key that is there; `None` when it is none.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    Ok(fs::read(path)?.try_into().ok())
}

/// Makes a key. Where another process has made one meanwhile, that one holds for both.
fn make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    match private(path, &key)?.persist_noclobber(path) {
        Ok(_) => Ok(key),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            read_key(path)?.ok_or_else(|| io::Error::other("its key is broken"))
        }
        Err(error) => Err(error.error),
    }
}

/// Writes a file as a whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private(path, bytes)?.persist(path).map(|_| ()).map_err(|error| error.error)
}

/// Writes a temporary file beside a path, for its user alone.
fn private(path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().ok_or_else(|| io::Error::other("no folder"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Makes a stable hash of what implements [`Hash`].
struct Blake(blake3::Hasher);

impl Hasher for Blake {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_makes_the_key_second_takes_the_first_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = make_key(&path).unwrap();
        assert_eq!(make_key(&path).unwrap(), first);
        assert_eq!(read_or_make_key(&path).unwrap(), first);
    }

    #[test]
    fn a_broken_key_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "short").unwrap();
        let key = read_or_make_key(&path).unwrap();
        assert_eq!(read_or_make_key(&path).unwrap(), key);
    }
}
