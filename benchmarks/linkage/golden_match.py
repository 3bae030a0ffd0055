"""GoldenMatch as its documentation has it: `python golden_match.py OUT MODE FILE …`.

Runs in an environment of its own (requirements-goldenmatch.txt), so it imports nothing of the project.
MODE: `zero` (dedupe_df without anything), `heal` (with its healing loop), `probabilistic` (the configuration that
auto_configure_probabilistic_df makes).
"""

import os
import sys

os.environ["GOLDENMATCH_AUTOCONFIG_MEMORY"] = "0"  # what one file taught must not help with the next

import goldenmatch as gm
import pyarrow as pa
import pyarrow.csv as csv

KEY = ["source_system", "source_record_id"]


def main(out: str, mode: str, files: list[str]) -> None:
    tables = []
    for path in files:
        with open(path, encoding="utf-8") as file:
            header = file.readline().strip().replace('"', "").split(",")
        options = csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True
        )
        tables.append(csv.read_csv(path, convert_options=options))
    table = pa.concat_tables(tables)
    # The key says nothing of a person, and the rest is all that the others get too.
    data = table.drop_columns(KEY)
    common = {"confidence_required": False, "allow_red_config": True}
    if mode == "probabilistic":
        from goldenmatch.core.autoconfig import auto_configure_probabilistic_df

        result = gm.dedupe_df(data, config=auto_configure_probabilistic_df(data), **common)
    else:
        result = gm.dedupe_df(data, heal=mode == "heal", **common)
    clusters = [f"alone {row}" for row in range(table.num_rows)]
    for cluster, found in result.clusters.items():
        for row in found["members"]:
            clusters[row] = f"c{cluster}"
    csv.write_csv(table.select(KEY).append_column("customer_id", pa.array(clusters)), out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
