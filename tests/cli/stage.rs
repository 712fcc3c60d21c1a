// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the binary is started: a folder of its own for each test, and an environment that nobody else has touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;
use tempfile::TempDir;

/// What the user's own shell may have set, and would change what is tested.
const REMOVED: [&str; 10] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "PRIORY_CONFIG",
    "PRIORY_LOG",
    "RUSTFLAGS",
    "RUST_BACKTRACE",
    "RUST_LOG",
];

/// Returns the folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Returns the path of a guest that is written as text.
pub fn guest(name: &str) -> String {
    path(&root().join("tests/guests/wat").join(format!("{name}.wat")))
}

/// Returns a path as an argument.
pub fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Where plugins are built: the target folder of the tests themselves is locked by whoever runs them.
fn target_dir() -> PathBuf {
    root().join("target/guests")
}

/// A folder to start the binary in.
pub struct Home {
    folder: TempDir,
    cache: PathBuf,
}

impl Home {
    /// Makes an empty folder, with a cache of its own beside it.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("here")).unwrap();
        let cache = folder.path().join("cache");
        Self { folder, cache }
    }

    /// Makes an empty folder, with a cache that all tests of built plugins share: to compile them takes seconds. The first
    /// who asks builds the plugins of the example.
    pub fn of_plugins() -> Self {
        static BUILT: OnceLock<()> = OnceLock::new();
        let mut home = Self::new();
        home.cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-cache");
        BUILT.get_or_init(|| {
            let example = root().join("examples/brief");
            let built = home.run_in(&example, &["build"]).exits(0);
            assert!(built.err.contains("7 plugins are up to date."), "{}", built.err);
        });
        home
    }

    /// Makes an empty folder as [`Home::of_plugins`] does. The first who asks for an example builds its plugins too.
    pub fn of_example(name: &'static str) -> Self {
        static BUILT: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
        let home = Self::of_plugins();
        // Held while it builds, so that the others wait for it.
        let mut built = BUILT.lock().unwrap();
        if !built.contains(name) {
            home.run_in(&root().join("examples").join(name), &["build"]).exits(0).tells(&["up to date."]);
            built.insert(name);
        }
        drop(built);
        home
    }

    /// Returns the folder that the binary is started in.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    /// Returns the folder of compiled code.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Returns the folder of the runs.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a file, and returns its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Makes the binary ready to be started.
    pub fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_priory"));
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        for name in REMOVED {
            command.env_remove(name);
        }
        command.env("PRIORY_CACHE_DIR", &self.cache).env("CARGO_TARGET_DIR", target_dir());
        command.env("PRIORY_DATA_DIR", self.data());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.run_in(&self.path(), arguments)
    }

    /// Runs the binary to its end in another folder.
    pub fn run_in(&self, folder: &Path, arguments: &[&str]) -> Ended {
        Ended::of(arguments, &self.command(folder, arguments).output().unwrap())
    }
}

/// What the binary said and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// What was typed.
    #[allow(dead_code, reason = "a test that fails shows it")]
    line: String,
    /// How it ended; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed: data.
    pub out: String,
    /// What it told about that.
    pub err: String,
}

impl Ended {
    /// Takes what a process left.
    pub fn of(arguments: &[&str], output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            line: format!("priory {}", arguments.join(" ")),
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Makes sure that it ended with a code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Makes sure that it printed exactly this.
    #[track_caller]
    pub fn prints(self, out: &str) -> Self {
        assert_eq!(self.out, out, "{self:#?}");
        self
    }

    /// Makes sure that it told some things, in this order.
    #[track_caller]
    pub fn tells(self, parts: &[&str]) -> Self {
        let mut rest = self.err.as_str();
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else { panic!("`{part}` is not told: {self:#?}") };
            rest = after;
        }
        self
    }

    /// Makes sure that it told exactly this.
    #[track_caller]
    pub fn tells_only(self, err: &str) -> Self {
        assert_eq!(self.err, err, "{self:#?}");
        self
    }

    /// Reads what it printed as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Reads each line that it printed as JSON.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}
