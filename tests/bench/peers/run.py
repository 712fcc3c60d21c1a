# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures other orchestration frameworks beside Priory, on this machine: `python3 tests/bench/peers/run.py [NAME...]`.

There are two groups of scripts: *steps* call no model, and *turns* are agents that talk to a scripted server on loopback.
Each peer is installed in a version that is named below, by pip or npm, into a folder of its own in the user's cache;
its script (one file each, over its public API) runs several times, in turns with those of the other peers; and the
medians stand in a table beside Priory's own figures, which `cargo bench` left in `target/bench/summary.json`. A peer
that cannot be installed or does not run here is skipped, and the table says why. The scripts need no key and get none of
the environment but what is named here.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUMMARY = HERE.parents[2] / "target" / "bench" / "summary.json"
PROVIDER = HERE.parents[2] / "target" / "release" / "provider"
# What each group of scripts measures, and the heads of its table.
GROUPS = {
    "steps": {
        "chain_ms": "chain",
        "chain_durable_ms": "chain, durable",
        "fanout_ms": "fan-out",
        "fanout_durable_ms": "fan-out, durable",
    },
    "turns": {"turn_3_us": "a turn of 3", "turn_100_us": "a turn of 100"},
}
TIMES = 5
# More runs only narrow the median of a machine that stays as noisy as it is.
TIMES_MAX = 50
# The slowest to install takes a minute on two processors and a slow line.
SETUP_S_MAX = 600
# The slowest script takes a minute on a disk that needs four milliseconds for an fsync.
SCRIPT_S_MAX = 600
APPENDS = 200
# What a script is given of the environment: enough to start, and no keys.
ENVIRONMENT = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"]
# No peer may report about its runs to anybody.
QUIET = {
    "DO_NOT_TRACK": "1",
    "LANGSMITH_TRACING": "false",
    "MASTRA_TELEMETRY_DISABLED": "1",
    "OTEL_SDK_DISABLED": "true",
}


class Skip(Exception):
    """Why a peer is not measured."""


@dataclass(frozen=True)
class Peer:
    """A peer: its script, and what must be installed for it."""

    script: str
    packages: tuple[str, ...]
    # Peers with the same folder share what is installed there.
    folder: str
    arguments: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return "turns" if "_turns." in self.script else "steps"

    @property
    def figures(self) -> list[str]:
        return list(GROUPS[self.group])


LANGGRAPH = ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2", "aiosqlite==0.22.1")
PEERS = {
    "langgraph": Peer("langgraph_steps.py", LANGGRAPH, "langgraph"),
    "langgraph-async": Peer("langgraph_steps.py", LANGGRAPH, "langgraph", ("async",)),
    "dbos": Peer("dbos_steps.py", ("dbos==3.4.0",), "dbos"),
    "agent-framework": Peer("agent_framework_steps.py", ("agent-framework-core==1.23.0",), "agent-framework"),
    "autogen": Peer("autogen_steps.py", ("autogen-core==0.7.5",), "autogen"),
    "google-adk": Peer("google_adk_steps.py", ("google-adk==2.13.0",), "google-adk"),
    "mastra": Peer("mastra_steps.mjs", ("@mastra/core@1.71.0", "@mastra/libsql@1.23.1", "zod@4"), "mastra"),
    "openai-agents-turns": Peer("openai_agents_turns.py", ("openai-agents==0.24.0",), "turns-openai-agents"),
    # The newest LangChain cannot be installed everywhere, so it is LangGraph's own agent.
    "langgraph-turns": Peer("langgraph_turns.py", ("langgraph==1.2.22", "langchain-openai"), "turns-langgraph"),
    "autogen-turns": Peer(
        "autogen_turns.py", ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5"), "turns-autogen"
    ),
    "agent-framework-turns": Peer(
        "agent_framework_turns.py",
        ("agent-framework-core==1.23.0", "agent-framework-openai==1.17.0"),
        "turns-agent-framework",
    ),
    "mastra-turns": Peer(
        "mastra_turns.mjs", ("@mastra/core@1.71.0", "@ai-sdk/openai-compatible@3.0.92", "zod@4"), "turns-mastra"
    ),
}


def talk(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "priory-peers"


def command(line: list[str], limit_s: int, env: dict[str, str] | None = None) -> str:
    """Runs a command and returns what it printed, or says why there is nothing."""
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=limit_s, env=env, check=False)
    except subprocess.TimeoutExpired:
        raise Skip(f"{Path(line[0]).name} took longer than {limit_s} s") from None
    except OSError as error:
        raise Skip(f"{line[0]} cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
        raise Skip(f"{Path(line[0]).name} ended with {done.returncode}: {said[-1][:200]}")
    return done.stdout


# --- Setting up ---


def is_node(peer: Peer) -> bool:
    return peer.script.endswith(".mjs")


def set_up(peer: Peer, folder: Path) -> None:
    """Installs a peer, unless just these packages are there already."""
    ready = folder / "installed.json"
    wanted = json.dumps(peer.packages)
    if ready.is_file() and ready.read_text() == wanted:
        return
    if is_node(peer) and not (shutil.which("node") and shutil.which("npm")):
        raise Skip("it needs node and npm")
    talk(f"installing {' '.join(peer.packages)}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Neither client may run a program that a package brings for its installation.
    if is_node(peer):
        (folder / "package.json").write_text('{"private": true}')
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--prefix", str(folder)]
        command(["npm", "install", *options, *peer.packages], SETUP_S_MAX)
    else:
        command([sys.executable, "-m", "venv", str(folder)], SETUP_S_MAX)
        options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
        command([str(folder / "bin" / "python"), "-m", "pip", "install", *options, *peer.packages], SETUP_S_MAX)
    ready.write_text(wanted)


# --- Measuring ---


@contextlib.contextmanager
def provider(is_wanted: bool):
    """Serves the scripted provider of the benchmarks, and yields where it is."""
    if not is_wanted:
        yield ""
        return
    if not PROVIDER.is_file():
        sys.exit("the scripted provider is not there: cargo build --release -p priory-bench --bin provider")
    with subprocess.Popen([PROVIDER, "0"], stdout=subprocess.PIPE, text=True) as served:
        try:
            yield served.stdout.readline().strip()
        finally:
            served.kill()


def measure(peer: Peer, folder: Path, url: str) -> dict:
    """Runs a peer's script once and returns the line of JSON that it prints at its end."""
    kept = tempfile.mkdtemp(prefix="kept-", dir=folder)
    env = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    env |= QUIET | {"PYTHONPYCACHEPREFIX": str(folder / "pycache"), "SCRIPTED_URL": url}
    # A virtual environment is found through its own python, the packages of npm through their folder.
    first = ["node"] if is_node(peer) else [str(folder / "bin" / "python")]
    last = [str(folder)] if is_node(peer) else list(peer.arguments)
    try:
        printed = command([*first, str(HERE / peer.script), kept, *last], SCRIPT_S_MAX, env)
    finally:
        shutil.rmtree(kept, ignore_errors=True)
    try:
        reading = json.loads(printed.strip().splitlines()[-1])
        return {name: reading[name] for name in ["peer", "version", *peer.figures]}
    except (IndexError, ValueError, KeyError, TypeError):
        raise Skip("its script did not end with a line of JSON that has all figures") from None


def medians(readings: list[dict], figures: list[str]) -> dict:
    """Returns the median of each figure of several runs of one script."""
    middle = {}
    for name in figures:
        values = [reading[name] for reading in readings if reading[name] is not None]
        middle[name] = round(statistics.median(values), 3) if values else None
    return {"peer": readings[0]["peer"], "version": readings[0]["version"], "runs": len(readings), **middle}


def machine(folder: Path) -> dict:
    """Returns what the machine can do now: two tables can only be compared where these are alike."""
    took = []
    path = folder / "append"
    with open(path, "wb", buffering=0) as file:
        for _ in range(APPENDS):
            began = time.perf_counter()
            file.write(b"x" * 100)
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1e6)
    path.unlink()
    load = os.getloadavg()[0]
    return {"processors": os.cpu_count(), "load": round(load, 1), "append_fsync_us": round(statistics.median(took), 1)}


def priory(group: str) -> dict | None:
    """Returns Priory's own figures, as `cargo bench` left them; what is not kept stands in the notes."""
    try:
        summary = json.loads(SUMMARY.read_text())
        written = time.strftime("%Y-%m-%d %H:%M", time.localtime(SUMMARY.stat().st_mtime))
        found = {"peer": "Priory", "version": "", "measured": written}
        if group == "turns":
            for turns in [3, 100]:
                found[f"turn_{turns}_us"] = round(float(summary[f"react_turn_{turns}_us"]["value"]), 1)
            return found
        for name, figure in [("chain", summary["workflow_100_chain"]), ("fanout", summary["workflow_1000_fanout"])]:
            plain = re.search(r"([0-9.]+) not kept", figure["note"])
            found[f"{name}_ms"] = float(plain.group(1)) if plain else None
            found[f"{name}_durable_ms"] = round(float(figure["value"]), 3)
        return found
    except (OSError, ValueError, KeyError, TypeError):
        return None


# --- Showing ---


def ratios(row: dict, own: dict | None, figures: list[str]) -> dict:
    """Returns how many times as long as Priory a peer takes."""
    pairs = {name: (row[name], own[name] if own else None) for name in figures}
    return {name: round(a / b, 1) if a is not None and b else None for name, (a, b) in pairs.items()}


def table(rows: list[dict], own: dict | None, group: str) -> str:
    """Returns the table: times, and in brackets how many times Priory's that is."""
    figures = list(GROUPS[group])
    lines = [["", "version", *GROUPS[group].values()]]
    for row in ([own] if own else []) + rows:
        times = ratios(row, own, figures) if row is not own else dict.fromkeys(figures)
        cells = [row["peer"], row["version"]]
        for name in figures:
            value = "–" if row[name] is None else f"{row[name]:.1f}"
            cells.append(value if times[name] is None else f"{value} ({times[name]:.1f}×)")
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(figures) + 2)]
    pads = [str.ljust, str.ljust, *[str.rjust] * len(figures)]
    return "\n".join("  ".join(pad(*cell) for pad, *cell in zip(pads, line, widths)).rstrip() for line in lines)


def show(group: str, rows: list[dict], own: dict | None) -> None:
    """Prints the table of a group, and what it means."""
    if group == "steps":
        print("ms for a chain of 100 steps and for a fan-out of 1,000 with a merge; in brackets: times Priory's\n")
    else:
        print("µs for a turn of an agent (a request to a scripted server on loopback, and a call of a tool)")
        print("in conversations of 3 and of 100 turns; in brackets: times Priory's\n")
    print(table(rows, own, group))
    if own is None:
        name = "workflow" if group == "steps" else "models"
        print(f"\nPriory's own figures are not there: `cargo bench -- {name}` measures them")
    elif group == "steps":
        print("\nwhat durable means for a peer stands in the first lines of its script")
        print(f"Priory's own are of {own['measured']}; it replays steps that only compute, and needs no fsync for each")
    else:
        print(f"\nPriory's own are of {own['measured']}; its agent and its tool are sandboxed, and the run is kept")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures other orchestration frameworks beside Priory.")
    known = ", ".join(PEERS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {known}; all where none is named")
    parser.add_argument("--json", action="store_true", help="prints JSON in place of the table")
    parser.add_argument("--times", type=int, default=TIMES, help=f"how often each script runs, {TIMES} unless told")
    options = parser.parse_args()
    names = list(dict.fromkeys(options.names)) or list(PEERS)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        parser.error(f"there is no peer {unknown[0]}; there are {known}")
    if not 1 <= options.times <= TIMES_MAX:
        parser.error(f"--times is from 1 to {TIMES_MAX}")

    base = cache()
    base.mkdir(parents=True, exist_ok=True)
    skipped: dict[str, str] = {}
    readings: dict[str, list[dict]] = {name: [] for name in names}
    for name in names:
        try:
            set_up(PEERS[name], base / PEERS[name].folder)
        except Skip as why:
            skipped[name] = str(why)
    now = machine(base)
    with provider(any(PEERS[name].group == "turns" for name in names)) as url:
        for turn in range(options.times):
            for name in (name for name in names if name not in skipped):
                talk(f"{turn + 1} of {options.times}: {name}")
                try:
                    readings[name].append(measure(PEERS[name], base / PEERS[name].folder, url))
                except Skip as why:
                    skipped[name] = str(why)

    rows = {
        group: [
            medians(readings[name], PEERS[name].figures)
            for name in names
            if PEERS[name].group == group and readings[name] and name not in skipped
        ]
        for group in GROUPS
    }
    own = {group: priory(group) for group in GROUPS}
    if options.json:
        peers = {
            group: [{**row, "ratios": ratios(row, own[group], list(GROUPS[group]))} for row in found]
            for group, found in rows.items()
        }
        print(json.dumps({"machine": now, "priory": own, "peers": peers, "skipped": skipped}, indent=2))
        return
    for group, found in rows.items():
        if found:
            show(group, found, own[group])
    fsync = f"an append and its fsync take {now['append_fsync_us']} µs"
    print(f"{now['processors']} processors, load {now['load']}; {fsync}; medians of {options.times} runs")
    for name, why in skipped.items():
        print(f"skipped {name}: {why}")


if __name__ == "__main__":
    main()
