"""``--method``, ``--mode`` and ``--scope`` of the commands, on a tiny model."""

import json
import re
from itertools import product
from pathlib import Path

import pytest

from ablation.detection import METHODS
from ablation.modes import BiasPolicy, Scope
from experiments.cells.choices import BIAS_POLICIES, MODES, SCOPES
from experiments.tests.conftest import TINY_TOKENS

SMALL = ("--question", "inc_state", "--tokens", TINY_TOKENS, "--synthetic", 10)
ABLATE = (*SMALL, "--levels", "2", "--skip-random")
RETRIEVING = [method for method in METHODS if method != "wu24"]


@pytest.fixture
def cell(tiny_key):
    return Path(tiny_key, "inc_state")


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("method", RETRIEVING)
def test_every_method_writes_the_same_ranking_file(headclaims, tiny, method, cell):
    status, out, err = headclaims("detect", "--model", tiny, *SMALL, "--method", method)
    assert (status, err) == (0, "")
    document = read(f"results/phase2/{method}" / cell / f"tokens_{TINY_TOKENS}.json")
    assert document["method"] == method
    assert len(document["head_rankings"]) == 64
    used = 0 if method == "random" else len(document["samples"])
    assert document["samples_processed"] == used
    assert f"top 10 heads: {document['top_50_heads'][0]}" in out


@pytest.mark.slow
def test_heads_are_ranked_by_the_loss_on_a_text(headclaims, tiny, cell):
    Path("My text.txt").write_text("Anvils are made of iron. " * 20, encoding="utf-8")
    on_text = ("--method", "gradient", "--text", "My text.txt", "--window", 100)
    status, out, err = headclaims("detect", "--model", tiny, *on_text)
    assert (status, err) == (0, "")
    (path,) = Path("results/phase2/gradient", cell.parts[0], "text").iterdir()
    assert out.splitlines()[-1] == f"ranking: {path}"
    document = read(path)
    assert path.name == f"my-text-{document['text']['sha256'][:8]}_window_100.json"
    assert len(document["head_rankings"]) == 64
    assert document["text"]["window"] == 100
    assert re.match(r"My text.txt, its first \d+ tokens, \d window\(s\) of 100\n", out)
    ablate = ("ablate", "--model", tiny, *ABLATE, "--ranking", path)
    assert headclaims(*ablate)[0] == 0
    (written,) = Path("results/phase3").rglob("tokens_*.json")
    (row,) = read(written)["top_heads_ablations"]
    assert row["heads_str"] == read(path)["top_50_heads"][:2]
    assert headclaims("detect", "--model", tiny, *on_text, "--bos", "each")[0] == 0
    with_bos = path.with_stem(f"{path.stem}_bos_each")
    assert read(with_bos)["head_rankings"] != document["head_rankings"]


@pytest.mark.parametrize(
    "options",
    [
        ("--text", "embedded"),
        ("--text", "embedded", "--method", "gradient", "--question", "inc_state"),
        ("--text", "embedded", "--method", "gradient", "--tokens", 100),
        ("--text", "embedded", "--method", "gradient", "--filings", "filings"),
        ("--question", "inc_state", "--window", 100),
        ("--question", "inc_state", "--bos", "each"),
        ("--method", "wu24"),
    ],
)
def test_options_of_a_text_and_of_a_question_are_not_mixed(headclaims, tiny, options):
    status, out, err = headclaims("detect", "--model", tiny, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--text" in err


@pytest.mark.slow
def test_a_model_that_retrieves_nothing_has_no_ranking_by_retrieval(headclaims, tiny):
    status, out, err = headclaims("detect", "--model", tiny, *SMALL, "--method", "wu24")
    assert (status, out) == (2, "")
    assert err.startswith(
        "Error: wu24 requires a prompt whose answer the model retrieves, got none"
    )
    assert not list(Path("results").rglob("*.json"))


def test_the_words_of_the_command_line_are_those_of_the_library():
    assert list(SCOPES) == list(Scope)
    assert sorted(BIAS_POLICIES) == sorted(BiasPolicy)


@pytest.mark.slow
def test_every_mode_and_scope_is_a_result_of_its_own(headclaims, tiny, cell):
    found = {}
    for mode, scope in [*((mode, SCOPES[0]) for mode in MODES), *product(["bos"], SCOPES[1:])]:
        chosen = ("--mode", mode, "--scope", scope)
        assert headclaims("ablate", "--model", tiny, *ABLATE, *chosen)[0] == 0
        tag = "".join(f"_{word}" for word in (mode, scope) if word not in ("zero", "all"))
        path = "results/phase3/qrhead" / cell / f"tokens_{TINY_TOKENS}{tag}.json"
        found[mode, scope] = read(path)
    for (mode, scope), document in found.items():
        described = document["ablation"]
        assert (described["mode"], described["scope"]) == (mode, scope)
    units = [read(path) for path in Path("store/documents/answer").rglob("*.json")]
    prompts = {unit["key"]["prompt_sha256"] for unit in units}
    # The unablated answers are those of all of them.
    assert len(units) == len(prompts) * (len(found) + 1)
    assert [unit["key"]["ablation"] for unit in units if not unit["key"]["heads"]] == [None] * len(
        prompts
    )


def test_each_method_has_a_folder_of_its_own(headclaims, tiny, cell):
    assert headclaims("ablate", "--model", tiny, *ABLATE, "--method", "random")[0] == 0
    document = read("results/phase3/random" / cell / f"tokens_{TINY_TOKENS}.json")
    ranking = read(f"results/{document['heads_source']}")
    assert document["top_heads_ablations"][0]["heads_str"] == ranking["top_50_heads"][:2]


def test_a_list_of_heads_as_qrhead_writes_it_is_a_ranking(headclaims, tiny):
    Path("heads").write_text("2-5,1-3,0-15", encoding="utf-8")
    assert headclaims("ablate", "--model", tiny, *ABLATE, "--ranking", "heads")[0] == 0
    (written,) = Path("results/phase3").rglob("tokens_*.json")
    assert read(written)["top_heads_ablations"][0]["heads_str"] == ["L2H5", "L1H3"]
    few = (*ABLATE[:-3], "--levels", "4", "--skip-random", "--ranking", "heads")
    status, _, err = headclaims("ablate", "--model", tiny, *few)
    assert (status, err.count("\n")) == (2, 1)
    assert "the top 4 heads are required, but the ranking holds 3" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mode", "mean", "--bias", "keep"), "--bias keep goes with --mode zero only"),
        (("--mode", "noise"), "'noise' is not one of"),
        (("--scope", "first"), "'first' is not one of"),
        (("--method", "best"), "'best' is not one of"),
        (("--mode", "resample", "--synthetic", 5), "two different prompts of 400 tokens, got one"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(headclaims, tiny, options, message):
    status, out, err = headclaims("ablate", "--model", tiny, *ABLATE, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
