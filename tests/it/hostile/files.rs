// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that try to leave the folder that they were given, and to change what they may only read.

use std::path::Path;

use priory::core::grant::GrantTemplate;
use priory::{Host, PluginSpec, RunSpec};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::guests;
use crate::stage::{
    build, builder, good, json as json_of, neighbour_works, other, output, run, tool, unavailable, wasi_plugin,
};

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

/// Folders `open/inner` and `secret`: a guest writes to `open`, and another one reads `open/inner`.
#[cfg(unix)]
struct Nested {
    root: TempDir,
}

#[cfg(unix)]
impl Nested {
    fn new() -> Self {
        let nested = Self { root: TempDir::new().unwrap() };
        for folder in ["open/inner", "secret"] {
            std::fs::create_dir_all(nested.path(folder)).unwrap();
        }
        std::fs::write(nested.path("open/inner/key"), "the note").unwrap();
        std::fs::write(nested.path("secret/key"), "the secret").unwrap();
        nested
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    /// A new host, as another process makes it.
    fn host(&self, open: &str, inner: &str) -> Host {
        let reader = PluginSpec::new("reader", guests::rust("wasi-misuse"));
        let path = |path: &str| path.replace("ROOT", &self.root.path().display().to_string());
        let plugins = [wasi_plugin().grant(path(open).parse().unwrap()), reader.grant(path(inner).parse().unwrap())];
        build(plugins.into_iter().fold(builder().plugin(good()), |builder, plugin| builder.plugin(plugin)))
    }

    fn run(&self, host: &Host, tool: &str, arguments: Value) -> priory::RunEnd {
        let inputs = [("folder".to_owned(), self.path("open").display().to_string())].into();
        run(host, RunSpec::tool(tool, json_of(arguments)).inputs(inputs))
    }

    /// Lets the guest that may write put a link where the other one's folder was.
    fn replace_inner(&self, host: &Host, target: &str) {
        let moved = self.run(host, "wasi.move-file", json!({ "of": "/open/inner", "to": "/open/was" }));
        assert!(moved.result.is_ok(), "{moved:?}");
        let made = self.run(host, "wasi.make-link", json!({ "to": target, "at": "/open/inner" }));
        assert!(made.result.is_ok(), "{made:?}");
        assert!(self.path("open/inner").is_symlink());
    }

    fn read(&self, host: &Host) -> priory::RunEnd {
        self.run(host, "reader.read", json!({ "path": "/inner/key" }))
    }

    #[track_caller]
    fn is_refused(&self, host: &Host) {
        let end = self.read(host);
        assert!(
            unavailable(&end).reason.contains("is a symbolic link in a folder that guests may write to"),
            "{end:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn puts_a_link_where_the_folder_of_another_was() {
    let grants = [
        "file=ROOT/open/inner:read",
        // The operator's own link leads to where guests may write.
        "file=ROOT/link/inner:read",
    ];
    let open = "file=ROOT/open:write";
    for inner in grants {
        for target in ["../secret", "was"] {
            let nested = Nested::new();
            std::os::unix::fs::symlink("open", nested.path("link")).unwrap();
            let host = nested.host(open, inner);
            assert_eq!(output(&nested.read(&host)), "the note");
            nested.replace_inner(&host, target);
            nested.is_refused(&host);
            neighbour_works(&host);
            // Who comes later has not seen it being made.
            nested.is_refused(&nested.host(open, inner));
        }
    }
}

#[cfg(unix)]
#[test]
fn puts_a_link_where_an_input_leads() {
    let nested = Nested::new();
    let host = || nested.host("file={input.folder}:write", "file={input.folder}/inner:read");
    // The guest finds the folder under the name of the input.
    let (of, to) = ("/folder/inner", "/folder/was");
    let first = host();
    assert_eq!(output(&nested.read(&first)), "the note");
    assert!(nested.run(&first, "wasi.move-file", json!({ "of": of, "to": to })).result.is_ok());
    assert!(nested.run(&first, "wasi.make-link", json!({ "to": "../secret", "at": of })).result.is_ok());
    nested.is_refused(&first);
    nested.is_refused(&host());
}

#[cfg(unix)]
#[test]
fn a_link_of_the_operator_leads_to_a_folder() {
    let nested = Nested::new();
    std::os::unix::fs::symlink("open", nested.path("link")).unwrap();
    let host = nested.host("file=ROOT/link:write", "file=ROOT/link/inner:read");
    assert_eq!(output(&nested.read(&host)), "the note");
    let end = nested.run(&host, "wasi.write", json!({ "path": "/link/inner/key", "text": "new" }));
    assert!(end.result.is_ok(), "{end:?}");
    assert_eq!(output(&nested.read(&host)), "new");
}
