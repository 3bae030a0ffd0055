"""Who takes part: how each is called, and in which environment.

Belongs here: command lines and environments. Does not belong here: measuring (benchmarks.measure) and scoring (report.py).
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SPLINK_THRESHOLDS = (0.5, 0.9, 0.99)
GOLDENMATCH_MODES = ("zero", "heal", "probabilistic")
NAMES = ("ours", "splink", "goldenmatch")


@dataclass(frozen=True)
class Entry:
    """One run of one contestant. `settings`: what its result holds, column → what it is called in the table."""

    contestant: str
    result: Path
    command: tuple[str | Path, ...]
    settings: dict[str, str]


def environment(home: Path, name: str) -> Path:
    """The interpreter of the environment that requirements-<name>.txt describes; made where it is missing."""
    requirements = HERE / f"requirements-{name}.txt"
    folder = home / "bench" / name
    stamp = folder / ".installed"
    python = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return python
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
    install = (uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "--require-hashes")
    subprocess.run([*install, "-r", requirements], check=True)
    stamp.write_text(requirements.read_text())
    return python


def entries(name: str, files: Sequence[Path], out: Path, goldenmatch_python: Path | None) -> list[Entry]:
    """The runs of contestant `name` over `files`; each writes its result to `out`/<run>.csv."""
    if name == "ours":
        c360 = Path(sys.executable).with_name("c360")
        result = out / "ours.csv"
        return [
            Entry(
                "Seamless 360",
                result,
                (c360, "link", *files, "--out", result),
                {"customer_id": "`c360 link`, no hints"},
            )
        ]
    if name == "splink":
        thresholds = ",".join(map(str, SPLINK_THRESHOLDS))
        module = (sys.executable, "-m", "benchmarks.linkage.plain_splink")
        result = out / "splink.csv"
        return [
            Entry(
                "Splink 5",
                result,
                (*module, result, thresholds, *files),
                {str(t): f"generic, threshold {t}" for t in SPLINK_THRESHOLDS},
            )
        ]
    if goldenmatch_python is None:
        raise ValueError("goldenmatch needs its environment")
    called = {
        "zero": "no configuration",
        "heal": "healing loop",
        "probabilistic": "probabilistic, configured by itself",
    }
    return [
        Entry(
            "GoldenMatch",
            out / f"{mode}.csv",
            (goldenmatch_python, HERE / "golden_match.py", out / f"{mode}.csv", mode, *files),
            {"customer_id": called[mode]},
        )
        for mode in GOLDENMATCH_MODES
    ]
