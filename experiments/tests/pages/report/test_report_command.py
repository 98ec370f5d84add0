"""``headclaims report`` on a tiny model: what it shows is what the store holds."""

import json
import re

import click
import pytest

from experiments.cli.chosen_evidence import evidence_options
from experiments.judging.run_options import USUAL, changed_options
from experiments.pages.report.lazy import unpacked
from experiments.tests.conftest import TINY_TOKENS
from experiments.tests.pages.conftest import CELL
from experiments.tests.pages.report.made_up import claim


def part_of(text, name):
    (packed,) = re.findall(rf'<script type="text/plain" id="part-{name}">([^<]*)</script>', text)
    return unpacked(packed)


def data_of(text):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


@pytest.mark.slow
def test_the_answers_of_the_report_are_those_of_the_results(headclaims, tiny, computed, tmp_path):
    status, out, err = headclaims("report", "--model", tiny, *CELL, "-o", "own.html")
    assert status == 0, err
    assert "items in 1 cells" in out
    text = (tmp_path / "own.html").read_text(encoding="utf-8")
    data, held = data_of(text), part_of(text, "cell-0")
    names = [condition["name"] for condition in data["cells"][0]["conditions"]]
    rows = [("unablated", computed["baseline"])]
    rows += [(f"top {row['num_heads']}", row) for row in computed["top_heads_ablations"]]
    rows += [
        (f"uniform random {row['num_heads']}, seed 42", row)
        for row in computed["random_heads_ablations"]
    ]
    heads = data["heads"]["names"]
    for answer, ends in zip(held["answers"], held["ends"], strict=True):
        assert ends == sorted(set(ends))
        assert not answer or ends[-1] == len(answer.encode("utf-16-le")) // 2
    for name, row in rows:
        place = names.index(name)
        for item, one in zip(held["items"], row["items"], strict=True):
            answer, right = held["answers"][item["answers"][place]], item["right"][place] == "1"
            assert (item["filing"], item["truth"]) == (one["filing"], one["truth"])
            assert (answer, right) == (one["answer"], one["correct"])
        ablated = [heads[number] for number in held["heads"][place]["all"]]
        assert ablated == row.get("heads_str", [])
    maps = {one["name"]: one["values"] for one in data["heads"]["maps"]}
    for kind, name in (
        ("top", "in how many of the 4 top sets: inc_state, "),
        ("random", "in what share of the 4 uniform control sets: inc_state, "),
    ):
        (values,) = (of for one, of in maps.items() if one.startswith(name))
        sets = [row["heads_str"] for row in computed[f"{kind}_heads_ablations"]]
        assert len(sets) == 4
        counts = [sum(head in one for one in sets) for head in heads]
        assert values == (counts if kind == "top" else [25 * count for count in counts])


@pytest.mark.slow
def test_a_prompt_reads_as_the_model_was_given_it(headclaims, tiny, computed, tmp_path):
    assert headclaims("report", "--model", tiny, *CELL)[0] == 0
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    held, prompts = part_of(text, "cell-0"), part_of(text, "cell-0-prompts")
    for item, pieces in zip(held["items"], prompts["prompts"], strict=True):
        written = {name: of for name, of in pieces if name in ("fact", "question")}
        assert item["truth"] == written["fact"].strip().lower()
        assert "incorporated" in written["question"]
        for name, of in pieces:
            if isinstance(of, list):
                assert name == "haystack"
                assert len(prompts["shared"][of[0] : of[0] + of[1]]) == of[1]


@pytest.mark.slow
def test_nothing_is_computed_and_what_is_missing_is_named(headclaims, tiny, computed, tmp_path):
    before = sorted((tmp_path / "store").rglob("*.json"))
    more = (*CELL[:1], "inc_state", "--question", "hq_state", *CELL[2:])
    status, _, err = headclaims("report", "--model", tiny, *more)
    assert status == 0
    assert "hq_state" in err
    assert "not stored" in err
    assert sorted((tmp_path / "store").rglob("*.json")) == before


@pytest.mark.slow
def test_runs_of_claims_alone_need_no_evidence(headclaims, tiny, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"schema": 1, "claims": [claim()]}))
    files = ("--claims-json", "a.json", "--claims-json", "b.json")
    assert headclaims("report", "--model", tiny, *CELL, *files)[0] == 0
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert {row["run"] for row in data_of(text)["forest"]} == {"a", "b"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "holds no evidence on model"),
        (("--bundle", "none.zip"), 2, "there is no such file"),
        (("--bundle", "damaged.zip"), 2, "no bundle"),
        (("--claims-json", "later.json"), 2, "claims of schema 1 are required"),
        (("--claims-json", "damaged.json"), 2, "cannot be read as JSON"),
        (("--claims-json", "a1.json", "--claims-json", "b1.json"), 2, "share none"),
        (("-o", "file/report.html"), 2, "there is no folder file"),
        (("-o", "missing/report.html"), 2, "there is no folder missing: make it first"),
        (("-o", "."), 2, "is a directory"),
    ],
)
def test_bad_input_is_one_line_and_no_page(headclaims, tiny, tmp_path, arguments, status, said):
    (tmp_path / "damaged.zip").write_bytes(b"PK\x03\x04 cut off")
    (tmp_path / "damaged.json").write_text('{"schema": 1, "claims": [', encoding="utf-8")
    (tmp_path / "later.json").write_text('{"schema": 99, "claims": []}', encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    for name in ("A1", "B1"):
        document = {"schema": 1, "claims": [claim(name)]}
        (tmp_path / f"{name.lower()}.json").write_text(json.dumps(document), encoding="utf-8")
    found, _, err = headclaims("report", "--model", tiny, *CELL, *arguments)
    assert said in err
    assert err.count("\n") == 1
    assert found == status
    assert not list(tmp_path.rglob("*.html"))


@pytest.mark.slow
def test_a_damaged_result_is_none_and_stays_where_it_is(headclaims, tiny, computed, tmp_path):
    paths = sorted((tmp_path / "store/documents/answer").rglob("*.json"))
    unablated = [path for path in paths if not json.loads(path.read_text())["key"]["heads"]]
    damaged = unablated[0]
    damaged.write_text("{", encoding="utf-8")
    status, _, err = headclaims("report", "--model", tiny, *CELL)
    assert status == 2
    assert "its unablated answers are not stored" in err
    assert damaged.read_text(encoding="utf-8") == "{"
    assert not (tmp_path / "store/locks").exists() or not list((tmp_path / "store/locks").iterdir())


def test_claims_are_those_of_a_run_with_the_same_options():
    given = {"synthetic": 160, "control_draws": 20, "tokens": None, "dtype": "float32"}
    assert changed_options(given) == ("--control-draws=20", "--synthetic=160")
    assert changed_options({"tokens": (512, 1024), "store": "x"}) == ("--tokens=512,1024",)


@pytest.mark.slow
def test_claims_of_another_device_have_the_same_evidence_behind_them(
    headclaims, tiny, tiny_key, computed, tmp_path
):
    of_cell = [f"--tokens={TINY_TOKENS}", "--synthetic=20"]
    given = of_cell, [*of_cell, "--device=cuda"], ["--device=cuda"]
    said = []
    for number, options in enumerate(given):
        document = {"schema": 1, "options": options, "claims": [claim(model=tiny_key)]}
        (tmp_path / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
        arguments = ("--claims-json", f"{number}.json", "-o", "own.html")
        assert headclaims("report", "--model", tiny, *CELL, *arguments)[0] == 0
        said.append("Answers lost with top 10:" in (tmp_path / "own.html").read_text("utf-8"))
    assert said == [True, True, False]


def test_the_options_of_a_run_have_their_defaults_where_its_results_are_looked_into():
    command = click.command()(evidence_options(lambda **options: None))
    given = command.make_context("look", []).params
    assert {name: given[name] for name in USUAL if name != "device"} == {
        name: usual for name, usual in USUAL.items() if name != "device"
    }


def test_claims_alone_are_shown_where_the_model_is_not_to_be_had(headclaims, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"schema": 1, "claims": [claim()]}))
    (tmp_path / "no-model").mkdir()
    status, _, err = headclaims("report", "--model", "./no-model", "--claims-json", "a.json")
    assert status == 0, err
    assert "not in the report: " in err
    assert data_of((tmp_path / "report.html").read_text(encoding="utf-8"))["cells"] == []
