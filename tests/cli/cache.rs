// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiled code on disk: it is used, it is checked, and only its user can change it.

use std::path::{Path, PathBuf};

use crate::stage::{Ended, Home, guest};

fn add(home: &Home) -> Ended {
    home.run(&["call", &guest("good"), "add", "--args", r#"{"a":2,"b":3}"#]).exits(0).prints("5\n")
}

/// Returns the one entry of a cache.
fn entry(cache: &Path) -> PathBuf {
    let files = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folder = files(cache.join("code")).find(|path| path.is_dir()).unwrap();
    let entries: Vec<_> = files(folder).collect();
    assert!(matches!(entries.as_slice(), [one] if one.extension().is_some_and(|e| e == "code")), "{entries:?}");
    entries[0].clone()
}

/// Tells one file from another that took its name.
#[cfg(unix)]
fn identity(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap())
}

#[cfg(unix)]
#[test]
fn the_second_call_compiles_nothing() {
    let home = Home::new();
    add(&home).tells_only("");
    let path = entry(home.cache());
    let (bytes, file) = (std::fs::read(&path).unwrap(), identity(&path));
    add(&home).tells_only("");
    assert_eq!((std::fs::read(&path).unwrap(), identity(&path)), (bytes, file), "the entry was made anew");
}

#[test]
fn a_flipped_byte_is_found_and_mended() {
    let home = Home::new();
    add(&home).tells_only("");
    let path = entry(home.cache());
    let whole = std::fs::read(&path).unwrap();
    for at in [0, 31, 32, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        add(&home).tells(&["WARN an entry of compiled code does not check, and is made anew"]);
        assert!(std::fs::read(&path).unwrap() != bytes, "byte {at} was not mended");
        add(&home).tells_only("");
    }
    for cut in [0, 16, whole.len() / 2] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        add(&home).tells(&["does not check"]);
        add(&home).tells_only("");
    }
}

#[test]
fn an_entry_of_another_cache_is_not_taken() {
    let (home, other) = (Home::new(), Home::new());
    add(&home).tells_only("");
    add(&other).tells_only("");
    std::fs::copy(entry(other.cache()), entry(home.cache())).unwrap();
    add(&home).tells(&["does not check"]);
}

#[cfg(unix)]
#[test]
fn the_folder_is_made_private() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let home = Home::new();
    add(&home).tells_only("");
    let code = home.cache().join("code");
    let folder = entry(home.cache()).parent().unwrap().to_owned();
    for open in [&code, &folder] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    add(&home).tells_only("");
    assert_eq!((mode(&code), mode(&folder)), (0o700, 0o700));
    assert_eq!((mode(&code.join("key")), mode(&entry(home.cache()))), (0o600, 0o600));
}

#[test]
fn without_a_cache_everything_still_works() {
    let home = Home::new();
    // A file stands where the folder would be.
    std::fs::write(home.cache(), "").unwrap();
    add(&home).tells(&["WARN compiled code is not kept"]);
}
