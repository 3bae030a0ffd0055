"""Files are linked well without a hint; every kind of poor file has its defined result."""

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app, main
from dagster_project.errors import ConfigError
from dagster_project.identity.evaluate import Score
from dagster_project.identity.files.link import Linked, link_files, read_truth, scores
from dagster_project.identity.files.prepare import scope_identifiers
from tests.unit.identity.files.people import People, changed, people

FULL = ("given_name", "family_name", "birth_date", "phone", "street", "city")


def linked_scores(
    folder: Path, found: People, columns: tuple[str, ...], **options: object
) -> tuple[Linked, Score]:
    file, truth = found.write(folder, "some", columns)
    linked = link_files([file], **options)  # type: ignore[arg-type]
    assert linked.record_customers.num_rows == len(found.rows)
    return linked, scores(read_truth(truth, linked), linked)["pairwise"]


def groups(linked: Linked) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in linked.record_customers.to_pylist():
        found.setdefault(row["customer_id"], set()).add(row["source_record_id"])
    return {frozenset(group) for group in found.values()}


def wrote(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


# -- how well ---------------------------------------------------------------------------------


def test_names_dates_phones_and_homes(tmp_path: Path) -> None:
    linked, score = linked_scores(tmp_path, people(600, seed=1), FULL)
    assert score.precision >= 0.985 and score.recall >= 0.96
    assert abs(linked.summary["expected"]["f1"] - score.f1) < 0.03


def test_people_of_one_household_stay_apart(tmp_path: Path) -> None:
    trap = people(500, seed=2, households=0.5, noise=0.05)
    for number, row in enumerate(trap.rows):
        if number % 30 == 0:
            row["phone"] = "+15555555555"
    linked, score = linked_scores(tmp_path, trap, FULL)
    assert score.f1 >= 0.985
    assert {
        "column": "phone",
        "reason": "learned",
        "values": 1,
        "records": len(trap.rows[::30]),
    } in linked.summary["dropped"]


def test_names_and_dates_alone(tmp_path: Path) -> None:
    _, score = linked_scores(tmp_path, people(600, seed=3), ("given_name", "family_name", "birth_date"))
    assert score.precision >= 0.97 and score.recall >= 0.88


def test_a_name_in_one_field_in_either_order(tmp_path: Path) -> None:
    def whole(i: int, row: dict) -> dict:
        words = [row["given_name"], row["family_name"]]
        return row | {"name": " ".join(words if i % 3 else words[::-1])}

    found = changed(people(500, seed=4), whole)
    _, score = linked_scores(tmp_path, found, ("name", "birth_date", "city"))
    assert score.precision >= 0.95 and score.recall >= 0.88


def test_a_household_with_names_in_one_field_is_several_people(tmp_path: Path) -> None:
    found = changed(
        people(600, seed=8, households=0.6),
        lambda _, row: row | {"name": f"{row['given_name']} {row['family_name']}"},
    )
    _, score = linked_scores(tmp_path, found, ("name", "street", "city"))
    assert score.precision >= 0.83 and score.recall >= 0.95


def test_a_year_in_one_file_meets_a_date_in_the_other(tmp_path: Path) -> None:
    found = people(400, seed=9, copies=(2,))
    ours = People(found.rows[::2], found.entities[::2])
    theirs = changed(
        People(found.rows[1::2], found.entities[1::2]),
        lambda _, row: row | {"birth_year": (row["birth_date"] or "")[:4] or None},
    )
    one, truth_one = ours.write(tmp_path, "ours", ("given_name", "family_name", "birth_date", "city"))
    two, truth_two = theirs.write(tmp_path, "theirs", ("given_name", "family_name", "birth_year", "city"))
    linked = link_files([one, two])
    truth = tmp_path / "truth.csv"
    truth.write_text(truth_one.read_text() + truth_two.read_text().split("\n", 1)[1])
    score = scores(read_truth(truth, linked), linked)["pairwise"]
    assert score.precision >= 0.95 and score.recall >= 0.85


def test_a_couple_of_one_year_is_two_people(tmp_path: Path) -> None:
    names = [("Mary", "John"), ("Linda", "Robert"), ("Susan", "Mark")]
    rows = ["id,given_name,family_name,birth_year,street,phone"]
    for i in range(30):
        for j, given in enumerate(names[i % 3]):
            home = f"{1950 + i},{i} Elm Street,+1555010{i:04d}"
            rows.append(f"{2 * i + j},{given},Ash{'bcdfghklmnprstvwxz'[i % 18]}ord{'aeiou'[i // 18]}n,{home}")
    linked = link_files([wrote(tmp_path, "\n".join(rows) + "\n")])
    assert linked.summary["customers"] == 60


def test_names_and_towns_alone_choose_another_threshold(tmp_path: Path) -> None:
    found = people(500, seed=5, households=0.0)
    linked, score = linked_scores(tmp_path, found, ("given_name", "family_name", "city"))
    strict, strict_score = linked_scores(
        tmp_path, found, ("given_name", "family_name", "city"), threshold=0.99
    )
    assert linked.summary["threshold"] < 0.9 and strict.summary["threshold_why"] == "given"
    assert score.f1 >= 0.7 and score.f1 > strict_score.f1


def test_two_files_without_duplicates_are_linked_to_each_other_only(tmp_path: Path) -> None:
    found = people(400, seed=6, copies=(2,))
    ours = People(found.rows[::2], found.entities[::2])
    theirs = People(found.rows[1::2], found.entities[1::2])
    american = changed(
        theirs, lambda _, row: row | {"dob": _american(row["birth_date"]), "town": row["city"]}
    )
    one, truth_one = ours.write(tmp_path, "ours", ("given_name", "family_name", "birth_date", "city"))
    two, truth_two = american.write(tmp_path, "theirs", ("given_name", "family_name", "dob", "town"))
    linked = link_files([one, two])
    assert linked.summary["without_duplicates"] == ["ours", "theirs"]
    assert linked.summary["largest_cluster"] == 2
    assert {d["source"]: d["order"] for d in linked.summary["dates"]} == {
        "ours": None,
        "theirs": "month first",
    }
    truth = tmp_path / "truth.csv"
    truth.write_text(truth_one.read_text() + truth_two.read_text().split("\n", 1)[1])
    score = scores(read_truth(truth, linked), linked)["pairwise"]
    assert score.precision >= 0.98 and score.recall >= 0.88


def _american(date: str | None) -> str | None:
    return None if date is None else f"{date[5:7]}/{date[8:]}/{date[:4]}"


def test_one_more_column_is_compared_if_asked_for(tmp_path: Path) -> None:
    def member(i: int, row: dict) -> dict:
        return row | {
            "club_no": f"C{int((row['phone'] or '0')[2:] or 0) * 7919 % 10**7:07}" if row["phone"] else None
        }

    found = changed(people(300, seed=7, households=0.0), member)
    columns = ("given_name", "family_name", "city", "club_no")
    without, plain = linked_scores(tmp_path, found, columns)
    having, better = linked_scores(tmp_path, found, columns, also=["club_no"])
    assert without.summary["files"][0]["left_out"] == ["club_no"]
    assert "club_no" in having.summary["comparisons"] and better.f1 > plain.f1


def test_a_mapped_column_counts_as_ours(tmp_path: Path) -> None:
    file = wrote(tmp_path, "id,who,city\n1,Ann Lee,X\n2,Ann Lee,X\n3,Bob Ray,Y\n")
    linked = link_files([file], mapping={"who": "full_name"})
    assert groups(linked) == {frozenset("12"), frozenset("3")}
    assert linked.summary["names"] == "of any language"
    assert linked.summary["files"][0]["recognised"]["full_name"] == "who"


RUSSIANS = (
    *(("Щукин Пётр", "petr shchukin"), ("Смирнова Анна", "Аня Смирнова"), ("Белов Олег", "oleg belov")),
    *(("Ершова Дарья", "Даша Ершова"), ("Котов Иван", "Ivan Kotov"), ("Лисицын Глеб", "Глеб Лисицын")),
    *(("Орлова Вера", "Vera Orlova"), ("Зуев Антон", "Антон Зуев"), ("Фомина Ольга", "Оля Фомина")),
)


def test_russian_names_and_nameless_numbers(tmp_path: Path) -> None:
    lines = ["source_system,source_record_id,full_name,phone,email"]
    for i, (name, other) in enumerate(RUSSIANS):
        phone = f"8916{1000000 + i * 791919}"
        lines += [f"crm,c{i},{name},{phone},a{i}x@ya.ru", f"shop,s{i},{other},,a{i}x@yandex.ru"]
        lines += [f"calls,t{i},,+7{phone[1:]},"]
    linked = link_files([wrote(tmp_path, "\n".join(lines))])
    assert linked.summary["names"] == "Russian"
    assert linked.summary["nameless"] == linked.summary["nameless_linked"] == len(RUSSIANS)
    assert groups(linked) == {frozenset({f"c{i}", f"s{i}", f"t{i}"}) for i in range(len(RUSSIANS))}


def test_what_a_source_declares_holds(tmp_path: Path) -> None:
    rows = [
        "id,given_name,family_name,birth_date,is_company,full_name,tax_id,parent_record_id,deleted_at",
        "1,Ann,Lee,1980-01-02,false,,,,",
        "2,Bob,Ray,1970-05-06,false,,,1,",
        "3,,,,true,Lee Ltd,7701234567,,",
        "4,,,,true,Li Limited,7701234567,,",
        "5,,,,true,Lee Ltd,,,",
        "6,Ann,Lee,1980-01-02,false,,,,2025-01-01",
        "7,Ann,Lee,1980-01-02,false,,,3,",
    ]
    linked = link_files([wrote(tmp_path, "\n".join(rows) + "\n")])
    assert groups(linked) == {frozenset("127"), frozenset("34"), frozenset("5"), frozenset("6")}


def test_a_login_is_its_sources_and_a_messenger_id_its_messengers() -> None:
    con = duckdb.connect()
    con.execute(
        "create table fields as select * from (values (1, 'shop', 'Telegram', '7', 'Ann'), (2, 'bot', 'telegram', '7', 'ann'),"
        " (3, 'vk', 'vk', '7', null)) t(rid, source_system, messenger_kind, messenger_id, login_id)"
    )
    scope_identifiers(con, ["messenger_kind", "messenger_id", "login_id"])
    assert con.execute("select messenger_id, login_id from fields order by rid").fetchall() == [
        ("telegram:7", "shop:ann"),
        ("telegram:7", "bot:ann"),
        ("vk:7", None),
    ]


def test_the_same_file_gives_the_same_customers(tmp_path: Path) -> None:
    file, _ = people(150, seed=8).write(tmp_path, "some", FULL)
    assert link_files([file]).record_customers.equals(link_files([file]).record_customers)


# -- poor files -------------------------------------------------------------------------------

HEADER = "id,first_name,surname,dob,phone\n"


@pytest.mark.parametrize(
    ("rows", "customers"),
    [
        (["1,Ann,Lee,1980-02-03,+15551234567"], 1),
        ([f"{i},,,," for i in range(9)], 9),
        ([f"{i},Ann,Lee,1980-02-03,+15551234567" for i in range(9)], 1),
        # One value in every one of many records tells nothing of anybody.
        ([f"{i},Ann,Lee,1980-02-03,+15551234567" for i in range(200)], 200),
        ([f"{i},Ann,Lee,what,0" for i in range(200)], 200),
    ],
    ids=["one record", "all null", "a few equal", "many equal", "one value for all"],
)
def test_a_poor_file_has_its_result(tmp_path: Path, rows: list[str], customers: int) -> None:
    linked = link_files([wrote(tmp_path, HEADER + "\n".join(rows) + "\n")])
    assert linked.record_customers.num_rows == len(rows)
    assert linked.summary["customers"] == customers


def test_unreadable_dates_are_counted_and_harm_nothing(tmp_path: Path) -> None:
    rows = "1,Ann,Lee,1980-02-03,\n2,Ann,Lee,03.02.1980,\n3,Ann,Lee,some day,\n"
    linked = link_files([wrote(tmp_path, HEADER + rows)])
    (report,) = linked.summary["dates"]
    assert report["unreadable"] == 1 and report["forms"] == {"A/B/Y": 1, "Y-M-D": 1}


def test_a_value_that_everybody_shares_does_not_chain_them(tmp_path: Path) -> None:
    found = people(300, seed=9, households=0.0)
    shared = changed(found, lambda _, row: row | {"phone": "+15550001111"})
    linked, score = linked_scores(tmp_path, shared, FULL)
    assert linked.summary["largest_cluster"] <= 4 and score.precision >= 0.98
    assert linked.summary["candidate_pairs"] <= 40 * len(found.rows)


# -- the truth and the command ----------------------------------------------------------------


def test_a_truth_without_its_columns_or_records_is_refused(tmp_path: Path) -> None:
    linked = link_files([wrote(tmp_path, HEADER + "1,Ann,Lee,,\n2,Bob,Ray,,\n")])
    with pytest.raises(ConfigError, match="no column entity_id"):
        read_truth(wrote(tmp_path, "source_system,source_record_id\na,1\n", "t.csv"), linked)
    with pytest.raises(ConfigError, match="knows none of the records"):
        read_truth(wrote(tmp_path, "source_system,source_record_id,entity_id\na,x,1\n", "t.csv"), linked)
    with pytest.raises(ConfigError, match="more than once"):
        read_truth(
            wrote(tmp_path, "source_system,source_record_id,entity_id\na,1,1\na,1,2\n", "t.csv"), linked
        )


def test_a_truth_may_leave_out_the_only_source_and_say_what_is_linkable(tmp_path: Path) -> None:
    linked = link_files(
        [wrote(tmp_path, HEADER + "1,Ann,Lee,1980-01-02,\n2,Ann,Lee,1980-01-02,\n3,Bob,Ray,,\n")]
    )
    truth = wrote(
        tmp_path, "source_record_id,entity_id,is_linkable\n1,e,true\n2,e,TRUE\n3,f,false\n", "t.csv"
    )
    assert scores(read_truth(truth, linked), linked)["pairwise"] == Score(1.0, 1.0, 1.0, 2)


def test_the_command_writes_scores_and_says_what_it_did(tmp_path: Path) -> None:
    file, truth = people(150, seed=10).write(tmp_path, "some", FULL)
    out = tmp_path / "out.csv"
    run = CliRunner().invoke(app, ["link", str(file), "--truth", str(truth), "--out", str(out)])
    assert run.exit_code == 0, run.output
    for said in (
        "compared given",
        "candidate pairs",
        "threshold",
        "pairwise: precision",
        "b-cubed",
        "largest of",
    ):
        assert said in run.stdout
    header, *rows = out.read_text().splitlines()
    assert header.replace('"', "") == "source_system,source_record_id,customer_id"
    assert len(rows) == len(file.read_text().splitlines()) - 1


RUSSIAN = """id,full_name,phone,email,birth_date
1,Иванов Иван,8 916 234-17-89,ivan@example.ru,1980-02-03
2,Петрова Анна,12345,anna@example.ru,1970-01-01
3,Сидоров Пётр,8 999 999-99-99,info@mail.ru,2024-06-01
4,Кузнецова Ольга,8 903 481-26-37,olga@example.ru,1991-07-08
5,Смирнов Олег,нет,нет,1985-03-04
"""
WESTERN = """id,given_name,family_name,phone,email,birth_date
1,Jack,Ashford,555-0134567,jack@mail.org,1900-01-01
2,Mary,Kingsley,12,mary at mail,1975-07-01
"""


def test_each_value_that_is_not_compared_has_its_reason(tmp_path: Path) -> None:
    linked = link_files([wrote(tmp_path, RUSSIAN)])
    assert {(entry["column"], entry["reason"]): entry["values"] for entry in linked.summary["dropped"]} == {
        ("birth_date", "implausible"): 1,
        ("birth_date", "listed"): 1,
        ("email", "domain"): 3,
        ("email", "mailbox"): 1,
        ("email", "unreadable"): 1,
        ("phone", "digits"): 1,
        ("phone", "unreadable"): 2,
    }
    linked = link_files([wrote(tmp_path, WESTERN)])
    assert {(entry["column"], entry["reason"]): entry["values"] for entry in linked.summary["dropped"]} == {
        ("birth_date", "listed"): 1,
        ("email", "unreadable"): 1,
        ("phone", "unreadable"): 1,
    }
    run = CliRunner().invoke(app, ["link", str(wrote(tmp_path, RUSSIAN))])
    assert "email: 3 values of 3 records not compared: addresses of a domain that is reserved" in run.stdout
    assert "too many share" not in run.stdout


def test_json_is_alone_on_standard_output_and_quotes_nobody(tmp_path: Path) -> None:
    file, truth = people(150, seed=11).write(tmp_path, "some", FULL)
    run = CliRunner().invoke(app, ["link", str(file), "--truth", str(truth), "--json"])
    summary = json.loads(run.stdout)
    assert set(summary["scores"]["pairwise"]) == {"precision", "recall", "f1", "records"}
    assert summary["scores"]["b_cubed"]["f1"] > 0.9
    values = {
        cell for line in file.read_text().splitlines()[1:] for cell in line.split(",")[2:] if len(cell) > 3
    }
    assert not [value for value in values if f'"{value}"' in run.stdout]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv"], "is not there"),
        (["a.csv", "--threshold", "high"], "neither auto nor a probability"),
        (["a.csv", "--out", "x.json"], "neither .csv nor .parquet"),
        (["a.csv", "--out", "nowhere/x.csv"], "is not there"),
        (
            ["a.csv", "--out", "/proc/x.csv"],
            "--out /proc/x.csv: cannot be written (No such file or directory)",
        ),
        (["a.csv", "--out", "folder.csv"], "that is a folder"),
        (["a.csv", "--region", "Russia"], "--region: 'Russia' is not the ISO code of a country"),
        (["a.csv", "--map", "mobile=phone"], "no file has it"),
        (["a.csv", "--map", "dob=moon"], "no known column"),
        (["a.csv", "--truth", "none.csv"], "is not there"),
    ],
)
def test_a_bad_argument_is_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    said: str,
) -> None:
    wrote(tmp_path, HEADER + "1,Ann,Lee,,\n2,Bob,Ray,,\n")
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["c360", "link", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    error = capsys.readouterr().err
    assert left.value.code == 1 and said in error and "Traceback" not in error
