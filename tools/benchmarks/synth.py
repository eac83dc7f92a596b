"""`make bench-synth`: benchmark of a synth with the lazy bindings, with the stock import path, and with peers.

    python -m tools.benchmarks.synth [--runs 5] [--stock-runs 2] [--check] [PART ...]

from deploy_tools import interrupts

Parts, all of them if none is named but `bytecode`:

    project    `python main.py`, warm and with empty caches, and by the stock import path; `import cdktf`
    peers      the small stack of `tools.benchmarks.peer_stacks`: ours, AWS CDK for Python, cdktn
    growth     time and memory a resource, at 10, 100 and 1,000 resources
    routes     the project's constructs with up to 300 routes and 30 functions
    bytecode   cold starts without Python's compiled files, as after `pip install --no-compile`; takes minutes

Every process runs with a home directory in `.cache/bench-synth`, so that its caches are the bench's, one for
cold runs and one for the others, and with compiled Python files kept there, filled before anything is measured.
Times are medians of runs that take turns; CPU is that of all processes together; memory is the highest sum of
what they held at one moment, from a run of its own, because looking costs time. A stock run takes 15 to 30
seconds, and a cold one a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy_tools import interrupts

PROJECT = Path(__file__).parents[2]
WORK = PROJECT / ".cache" / "bench-synth"
OUT = WORK / "out"
PEERS = {
    "AWS CDK for Python": ("aws-cdk", ("aws-cdk-lib==2.275.0",)),
    "cdktn": ("cdktn", ("cdktn==0.24.0", "cdktn-provider-aws==25.8.1")),
}
_SAMPLE_EVERY = 0.02  # seconds
_LONGEST = 180  # seconds; a cold stock run takes one minute on a quiet machine


class BenchError(Exception):
    """Failure of a measured program."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Measured command.

    Attributes:
        name: Name in the table.
        command: Command that runs in the project's folder.
        stock: Whether it takes the stock import path.
        cold: Whether the caches are emptied before each run.
        bytecode: Whether Python finds its compiled files.
        runs: Number of timed runs. None: the number of the command line.
    """

    name: str
    command: Sequence[str]
    stock: bool = False
    cold: bool = False
    bytecode: bool = True
    runs: int | None = None


@dataclass(slots=True)
class Result:
    """Measurements of a variant: seconds, and MB of all processes."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    memory: float = 0.0

    @property
    def wall(self) -> float:
        """Median time from start to end."""
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float:
        """Median processor time of all processes."""
        return statistics.median(self.cpus)


def measure(variants: Sequence[Variant], runs: int) -> dict[str, Result]:
    """Run every variant in turns and return the results by name."""
    results = {variant.name: Result() for variant in variants}
    for variant in variants:
        if not variant.cold:
            _say(f"{variant.name}: filling the caches")
            _run(variant)
    for turn in range(max(variant.runs or runs for variant in variants)):
        for variant in variants:
            if turn < (variant.runs or runs):
                wall, cpu = _run(variant)
                _say(
                    f"{variant.name}: run {turn + 1} of {variant.runs or runs}, {wall:.2f} s, {cpu:.2f} s of CPU"
                )
                results[variant.name].walls.append(wall)
                results[variant.name].cpus.append(cpu)
    for variant in variants:
        _say(f"{variant.name}: looking at its memory")
        results[variant.name].memory = _peak_memory(variant)
    return results


def _say(progress: str) -> None:
    """Print progress to stderr; the table goes to stdout."""
    print(f"  {progress}", file=sys.stderr, flush=True)


def _environment(variant: Variant) -> dict[str, str]:
    dropped = ("LAZY_BINDINGS", "PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME", "LOCALAPPDATA")
    inherited = {name: value for name, value in os.environ.items() if name not in dropped}
    bytecode = WORK / ("bytecode" if variant.bytecode else "no-bytecode")
    environment = {
        **inherited,
        "HOME": str(_home(variant)),
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "CDKTF_OUTDIR": str(OUT),
        "PYTHONPATH": str(PROJECT),
    }
    return {**environment, "LAZY_BINDINGS": "off"} if variant.stock else environment


def _home(variant: Variant) -> Path:
    """Return the folder of a variant's caches; cold runs have their own, which they empty."""
    return WORK / ("home-cold" if variant.cold else "home")


def _prepare(variant: Variant) -> None:
    home = _home(variant)
    if variant.cold:
        shutil.rmtree(home, ignore_errors=True)
    if not variant.bytecode:
        shutil.rmtree(WORK / "no-bytecode", ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)


def _run(variant: Variant) -> tuple[float, float]:
    _prepare(variant)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    try:
        done = subprocess.run(
            variant.command, cwd=PROJECT, env=_environment(variant), capture_output=True, timeout=_LONGEST
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{variant.name} took longer than {_LONGEST} s") from error
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise BenchError(f"{variant.name}: `{' '.join(variant.command)}` failed: {last}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _peak_memory(variant: Variant) -> float:
    _prepare(variant)
    highest = 0
    process = psutil.Popen(
        variant.command,
        cwd=PROJECT,
        env=_environment(variant),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        held = 0
        for member in (process, *_children(process)):
            try:
                held += member.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
        highest = max(highest, held)
        time.sleep(_SAMPLE_EVERY)
    return highest / 1e6


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _stack(name: str, *sizes: int) -> list[str]:
    return [sys.executable, "-m", "tools.benchmarks.stacks", name, str(OUT), *map(str, sizes)]


def _count_resources() -> int:
    (written,) = OUT.glob("stacks/*/cdk.tf.json")
    kinds = json.loads(written.read_text("utf-8")).get("resource", {})
    return sum(len(resources) for resources in kinds.values())


def _table(title: str, results: dict[str, Result], notes: dict[str, str] | None = None) -> None:
    print(f"\n{title}\n{'':<42} {'wall s':>8} {'CPU s':>8} {'MB':>8}   runs")
    for name, result in results.items():
        row = f"{name:<42} {result.wall:8.2f} {result.cpu:8.2f} {result.memory:8.0f} {len(result.walls):6}"
        print(row, flush=True)
    for name, note in (notes or {}).items():
        print(f"{name:<42} {note}")


FLOOR = Variant("import cdktf", (sys.executable, "-c", "import cdktf"))


def project(runs: int, stock_runs: int) -> bool:
    """Measure `python main.py`; return whether every goal is met."""
    main = (sys.executable, "main.py")
    variants = [
        FLOOR,
        Variant("lazy, warm", main),
        Variant("stock, warm", main, stock=True, runs=stock_runs),
        Variant("lazy, all caches empty", main, cold=True, runs=stock_runs),
        Variant("stock, all caches empty", main, stock=True, cold=True, runs=1),
    ]
    results = measure(variants, runs)
    count = _count_resources()
    _table(f"python main.py, {count} resources", results)
    floor, warm, stock, cold, _ = results.values()
    allowed = 1.3 * floor.wall + 0.004 * count
    goals = [
        (f"warm: at most 1.3 x import cdktf + 4 ms a resource = {allowed:.2f} s", warm.wall, allowed),
        (f"warm: less than 1/4 of stock's memory = {stock.memory / 4:.0f} MB", warm.memory, stock.memory / 4),
        (f"all caches empty: at most 1/3 of warm stock = {stock.wall / 3:.2f} s", cold.wall, stock.wall / 3),
    ]
    for goal, value, limit in goals:
        print(f"  {goal}: {value:.2f}, {'met' if value <= limit else 'missed'}")
    return all(value <= limit for _, value, limit in goals)


def peers(runs: int, stock_runs: int) -> bool:
    """Measure the small stack, ours and those of the peers that can be installed."""
    variants = [
        FLOOR,
        Variant("this project", _stack("small")),
        Variant("this project, stock", _stack("small"), stock=True, runs=stock_runs),
    ]
    skipped = {}
    for name, (peer, packages) in PEERS.items():
        folder = WORK / "peers" / peer
        reason = _install(folder, packages)
        if reason is None:
            command = (str(folder / "bin" / "python"), "tools/benchmarks/peer_stacks.py", peer, str(OUT))
            variants.append(Variant(name, command, runs=stock_runs))
        else:
            skipped[name] = f"skipped: {reason}"
    _table("the small stack: REST API, function, role, stage", measure(variants, runs), skipped)
    return True


def _install(folder: Path, packages: Sequence[str]) -> str | None:
    """Install packages into an environment of their own; return the error, or None."""
    done = folder / "installed"
    if done.is_file() and done.read_text("utf-8").split() == list(packages):
        return None
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile", *packages],
    ):
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            return (run.stderr or run.stdout).strip().rpartition("\n")[2]
    done.write_text("\n".join(packages), "utf-8")
    return None


def growth(runs: int, stock_runs: int) -> bool:  # noqa: ARG001 - every part takes the same
    """Measure the cost of each resource in a stack."""
    sizes = (10, 100, 1000)
    variants = [Variant(f"{size} resources", _stack("resources", size)) for size in (0, *sizes)]
    results = measure(variants, runs)
    _table("growth, resource by resource", results)
    _per_resource(dict(zip((0, *sizes), results.values(), strict=True)))
    return True


def routes(runs: int, stock_runs: int) -> bool:  # noqa: ARG001 - every part takes the same
    """Measure APIs of the project's constructs."""
    sizes = ((2, 1), (75, 8), (150, 15), (300, 30))
    counts, results = {}, {}
    for route_count, functions in sizes:
        command = _stack("routes", route_count, functions)
        name = f"{route_count} routes, {functions} functions"
        results.update(measure([Variant(name, command)], runs))
        counts[name] = _count_resources_of_routes()
    _table("growth, by the project's constructs", results)
    _per_resource({counts[name]: result for name, result in results.items()})
    return True


def _count_resources_of_routes() -> int:
    (written,) = OUT.glob("out/stacks/*/cdk.tf.json")
    kinds = json.loads(written.read_text("utf-8"))["resource"]
    return sum(len(resources) for resources in kinds.values())


def _per_resource(results: dict[int, Result]) -> None:
    (least, base), *others = results.items()
    print(f"  {'resources':>9} {'wall ms':>9} {'CPU ms':>9} {'KB':>9}   a resource, beyond {least}")
    for count, result in others:
        added = count - least
        wall, cpu = (1000 * spent / added for spent in (result.wall - base.wall, result.cpu - base.cpu))
        print(f"  {count:>9} {wall:>9.2f} {cpu:>9.2f} {1000 * (result.memory - base.memory) / added:>9.0f}")


def bytecode(runs: int, stock_runs: int) -> bool:  # noqa: ARG001 - every part takes the same
    """Measure first runs, which must compile the Python modules that they import."""
    main = (sys.executable, "main.py")
    variants = [
        Variant("lazy, no caches, no bytecode", main, cold=True, bytecode=False, runs=stock_runs),
        Variant("stock, no caches, no bytecode", main, stock=True, cold=True, bytecode=False, runs=1),
    ]
    _table("python main.py, the very first run", measure(variants, stock_runs))
    return True


PARTS: dict[str, Callable[[int, int], bool]] = {
    "project": project,
    "peers": peers,
    "growth": growth,
    "routes": routes,
    "bytecode": bytecode,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts that are named; return 1 for a failure, or for a missed goal with --check."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.synth", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each variant")
    parser.add_argument("--stock-runs", type=int, default=2, help="timed runs of the slow ones")
    parser.add_argument("--check", action="store_true", help="end with 1 if a goal is missed")
    options = parser.parse_args(arguments)
    for unknown in set(options.parts) - set(PARTS):
        parser.error(f"there is no part {unknown!r}; there are {', '.join(PARTS)}")
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(OUT, ignore_errors=True)
    processors, (load, *_) = os.cpu_count(), os.getloadavg()
    print(
        f"Python {sys.version.split()[0]}, {processors} processors, load {load:.1f}, medians of runs taking turns"
    )
    met = True
    try:
        for name in options.parts or [name for name in PARTS if name != "bytecode"]:
            met = PARTS[name](options.runs, options.stock_runs) and met
            shutil.rmtree(OUT, ignore_errors=True)
    except BenchError as error:
        print(f"bench-synth: {error}", file=sys.stderr)
        return 1
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(interrupts.command(main))
