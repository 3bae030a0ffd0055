"""The benchmark of the gates measures what it says: shares and the aim are right."""

from benchmarks.gates import Run, table, verdict


def run(kind: str, seconds: float, gate_seconds: float) -> Run:
    return Run(5000, kind, 600_000, 2_000, seconds, 105, gate_seconds, ("extract_odoo_gates", 1.0))


def test_each_refresh_has_the_share_of_its_gates_and_the_worst_decides() -> None:
    runs = [run("first", 100.0, 9.0), run("nothing new", 50.0, 5.5)]
    shares = [line.split("|")[-3].strip() for line in table(runs).splitlines()[2:]]
    assert shares == ["9.0%", "11.0%"]
    assert (
        "at most 11.0% of a refresh, at 5,000 customers (nothing new; aim: at most 10%, missed)"
        in verdict(runs)
    )
    assert "(first; aim: at most 10%, met)" in verdict(runs[:1])
