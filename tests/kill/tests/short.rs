// SPDX-License-Identifier: MIT OR Apache-2.0
//! A few kills; `cargo run --release --bin priory-kill -- --kills 200` does many.

use std::process::Command;

#[test]
fn a_host_that_is_killed_loses_nothing_and_does_nothing_twice() {
    let mut harness = Command::new(env!("CARGO_BIN_EXE_priory-kill"));
    harness.args(["--kills", "8", "--runs", "40", "--seed", "1", "--replays", "10"]);
    let output = harness.output().unwrap();
    let (out, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{talk}\n{out}");
    let figure = |name: &str| {
        let row = out.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {out}"));
        row.trim().parse::<u64>().unwrap()
    };
    assert_eq!((figure("kills"), figure("violations")), (8, 0));
    // It was worth the name.
    assert!(figure("  taken up again") > 8, "{out}");
    assert_eq!(figure("steps on the outside"), figure("  keys that arrived"), "{out}");
}
