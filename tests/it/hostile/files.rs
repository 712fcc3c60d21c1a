// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that try to leave the folder that they were given, and to change what they may only read.

use std::path::Path;

use priory::core::grant::GrantTemplate;
use priory::{Host, PluginSpec};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::{build, builder, good, neighbour_works, other, output, tool, unavailable, wasi_plugin};

/// A folder `open` that is granted, beside a folder `secret` that is not.
struct Scene {
    root: TempDir,
    host: Host,
}

fn scene(mode: &str) -> Scene {
    let root = TempDir::new().unwrap();
    let path = |name: &str| root.path().join(name);
    std::fs::create_dir(path("open")).unwrap();
    std::fs::create_dir(path("secret")).unwrap();
    std::fs::write(path("secret/key"), "the secret").unwrap();
    std::fs::write(path("open/note"), "the note").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(path("secret"), path("open/way-out")).unwrap();
        std::os::unix::fs::symlink(path("secret/key"), path("open/key-out")).unwrap();
    }
    let plugin = wasi_plugin().grant(folder(&path("open"), mode));
    let host = build(builder().plugin(good()).plugin(plugin));
    Scene { root, host }
}

fn folder(path: &Path, mode: &str) -> GrantTemplate {
    format!("file={}:{mode}", path.display()).parse().unwrap()
}

impl Scene {
    fn read(&self, path: &str) -> Result<String, String> {
        let end = tool(&self.host, "wasi.read", json!({ "path": path }));
        match end.result {
            Ok(_) => Ok(output(&end).as_str().unwrap().to_owned()),
            Err(_) => Err(other(&end).data.as_ref().unwrap().to_string()),
        }
    }

    /// Does something that must fail in the guest's own words.
    #[track_caller]
    fn refused(&self, function: &str, arguments: Value) {
        let end = tool(&self.host, &format!("wasi.{function}"), arguments);
        assert!(other(&end).data.is_some(), "{end:?}");
    }

    /// Sees that nothing outside has changed.
    fn is_untouched(&self) {
        assert_eq!(std::fs::read_to_string(self.root.path().join("secret/key")).unwrap(), "the secret");
        assert_eq!(std::fs::read_dir(self.root.path().join("secret")).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(self.root.path()).unwrap().count(), 2);
        neighbour_works(&self.host);
    }
}

#[test]
pub fn leaves_its_folder() {
    let scene = scene("write");
    assert_eq!(scene.read("/open/note"), Ok("the note".into()));
    let absolute = scene.root.path().join("secret/key").display().to_string();
    for path in [
        "/open/../secret/key",
        "/open/./.././secret/key",
        "/secret/key",
        "../secret/key",
        &absolute,
        "/open/way-out/key",
        "/open/key-out",
        "/open/note/../../secret/key",
        "/open//../secret/key",
        "/open/\0/../key",
        "/",
        "",
    ] {
        assert!(scene.read(path).is_err(), "{path:?} was read");
    }
    scene.is_untouched();
}

#[test]
fn writes_outside_its_folder() {
    let scene = scene("write");
    for path in ["/open/../secret/new", "/open/way-out/new", "/open/key-out", "/secret/key", "/new"] {
        scene.refused("write", json!({ "path": path, "text": "changed" }));
    }
    for path in ["/open/../secret/key", "/open/way-out/key"] {
        scene.refused("remove", json!({ "path": path }));
    }
    scene.is_untouched();
}

#[test]
fn moves_and_links_over_the_edge() {
    let scene = scene("write");
    for (of, to) in [
        ("/open/note", "/open/../secret/note"),
        ("/open/note", "/open/way-out/note"),
        ("/open/../secret/key", "/open/stolen"),
        ("/open/way-out/key", "/open/stolen"),
    ] {
        scene.refused("move-file", json!({ "of": of, "to": to }));
        scene.refused("make-hard-link", json!({ "of": of, "at": to }));
    }
    let absolute = scene.root.path().join("secret").display().to_string();
    scene.refused("make-link", json!({ "to": absolute, "at": "/open/absolute" }));
    // A relative link may be made; it leads nowhere.
    let _ = tool(&scene.host, "wasi.make-link", json!({ "to": "../secret/key", "at": "/open/relative" }));
    assert!(scene.read("/open/relative").is_err());
    // Moving a link does not make it lead out.
    let _ = tool(&scene.host, "wasi.move-file", json!({ "of": "/open/key-out", "to": "/open/moved" }));
    assert!(scene.read("/open/moved").is_err());
    assert!(scene.read("/open/stolen").is_err());
    scene.is_untouched();
}

#[test]
fn changes_what_it_may_only_read() {
    let scene = scene("read");
    assert_eq!(scene.read("/open/note"), Ok("the note".into()));
    scene.refused("write", json!({ "path": "/open/note", "text": "changed" }));
    scene.refused("write", json!({ "path": "/open/new", "text": "new" }));
    scene.refused("remove", json!({ "path": "/open/note" }));
    scene.refused("move-file", json!({ "of": "/open/note", "to": "/open/other" }));
    scene.refused("make-link", json!({ "to": "note", "at": "/open/link" }));
    scene.refused("make-hard-link", json!({ "of": "/open/note", "at": "/open/link" }));
    assert_eq!(scene.read("/open/note"), Ok("the note".into()));
    assert_eq!(std::fs::read_dir(scene.root.path().join("open")).unwrap().count(), 3);
    scene.is_untouched();
}

#[test]
fn may_write_where_it_may_write() {
    let scene = scene("write");
    assert!(tool(&scene.host, "wasi.write", json!({ "path": "/open/new", "text": "new" })).result.is_ok());
    assert_eq!(std::fs::read_to_string(scene.root.path().join("open/new")).unwrap(), "new");
}

#[test]
fn sees_no_file_without_a_grant() {
    let host = build(builder().plugin(good()).plugin(wasi_plugin()));
    for path in ["/", ".", "/etc/passwd", "/open/note"] {
        let end = tool(&host, "wasi.read", json!({ "path": path }));
        assert!(other(&end).data.is_some(), "{end:?}");
        let end = tool(&host, "wasi.list-folder", json!({ "path": path }));
        assert!(other(&end).data.is_some(), "{end:?}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_unavailable() {
    let root = TempDir::new().unwrap();
    let plugin: PluginSpec = wasi_plugin().grant(folder(&root.path().join("nowhere"), "read"));
    let host = build(builder().plugin(good()).plugin(plugin));
    let end = tool(&host, "wasi.read", json!({ "path": "/nowhere/x" }));
    assert!(unavailable(&end).subject.contains("nowhere"), "{end:?}");
    neighbour_works(&host);
}
