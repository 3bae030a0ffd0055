"""What the refresh's summary says of the linkage: the truth's score where there is one, else the estimate."""

from rich.console import Console

from dagster_project.identity import Score
from dagster_project.summary import Agreement, Figures, _identity_text

RUN: dict[str, int | str | bool] = {
    "records": 100,
    "customers": 40,
    "largest_cluster": 9,
    "is_skipped": False,
}
ESTIMATE = {"estimated_precision": 0.9881, "estimated_recall": 0.9712}


def said(agreement: Agreement | None, **run: object) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(_identity_text(Figures(identity=RUN | run), agreement))  # type: ignore[arg-type]
    return capture.get()


def test_the_estimate_stands_in_for_the_truth() -> None:
    score = Score(0.999, 0.97, 0.984, 80)
    assert "estimated without a truth: precision 0.988, recall 0.971" in said(None, **ESTIMATE)
    with_truth = said(Agreement(score, score), **ESTIMATE)
    assert "pairwise precision 0.999" in with_truth and "estimated" not in with_truth
    assert "estimated" not in said(None, estimated_precision=None)


def test_reviewed_links_are_told_where_there_are_some() -> None:
    assert "stewards reviewed 12 links: 75% were right" in said(
        None, reviewed_pairs=12, reviewed_precision=0.75
    )
    assert "reviewed" not in said(None, reviewed_pairs=0, reviewed_precision=None)
