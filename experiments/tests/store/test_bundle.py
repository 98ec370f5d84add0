"""Bundles: what is in one is what was stored, and nothing of it is taken on trust."""

import hashlib
import json
import zipfile

import pytest

from ablation.errors import InvalidInput, ResultsError
from experiments.store import Run, Store, WorkUnit, packing
from experiments.store.bundle import MANIFEST, Judged, read_bundle
from experiments.store.listing import stored_documents
from experiments.store.packing import write_bundle
from experiments.tests.hostile.hostile import damaged, fuzz, survives

HOW = {"time": "2026-01-01T00:00:00+00:00", "model": "tiny", "seconds": 1.0}
UNITS = [
    WorkUnit(kind, {"model_sha256": "ab", "number": number})
    for kind in ("answers", "perplexity")
    for number in range(6)
]


@pytest.fixture
def stored(tmp_path):
    store = Store(tmp_path / "origin", Run("first", "test"))
    for unit in UNITS:
        store.put(unit, {"answers": [f"Ohio {unit.key['number']}"]}, HOW)
    return store


@pytest.fixture
def path(tmp_path, stored):
    path = tmp_path / "bundle.zip"
    write_bundle(path, stored_documents(stored.root), Judged(("A1",), ("--model=tiny",)), HOW)
    return path


def rewritten(path, change):
    """The bundle with its members changed by ``change``: name -> bytes, in place."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_a_bundle_gives_what_was_stored(path, stored):
    bundle = read_bundle(path)
    assert len(bundle) == len(UNITS)
    assert bundle.judged == Judged(("A1",), ("--model=tiny",))
    assert [bundle.find(unit) for unit in UNITS] == [stored.find(unit) for unit in UNITS]
    assert bundle.find(WorkUnit("answers", {"number": 99})) is None


@pytest.mark.parametrize("kind", ["effects_2", "a", "a" * 40])
def test_any_kind_that_can_be_stored_travels(kind, stored, tmp_path):
    unit = WorkUnit(kind, {"number": 1})
    stored.put(unit, {"answers": []}, HOW)
    write_bundle(tmp_path / "of.zip", stored_documents(stored.root), None, HOW)
    assert read_bundle(tmp_path / "of.zip").find(unit) == stored.find(unit)


@pytest.mark.parametrize("kind", ["", "Answers", "top-heads", "../up", "2nd", "a" * 41, "a\n"])
def test_a_kind_that_could_not_travel_is_refused_before_anything_is_stored(kind):
    with pytest.raises(InvalidInput, match="a kind of result is a letter a to z"):
        WorkUnit(kind, {})


def test_a_bundle_of_several_parts_gives_what_was_stored(tmp_path, stored, monkeypatch):
    line = len(next(stored_documents(stored.root)).line())
    monkeypatch.setattr(packing, "PART", 3 * line)
    path = tmp_path / "parts.zip"
    write_bundle(path, stored_documents(stored.root), None, HOW)
    bundle = read_bundle(path)
    assert {kind: len(parts) for kind, parts in bundle.documents.items()} == {
        "answers": 3,
        "perplexity": 3,
    }
    assert [bundle.find(unit) for unit in UNITS] == [stored.find(unit) for unit in UNITS]


def test_the_same_results_are_the_same_bytes(path, stored, tmp_path):
    again = tmp_path / "again.zip"
    documents = list(stored_documents(stored.root))[::-1]
    write_bundle(again, documents, Judged(("A1",), ("--model=tiny",)), HOW)
    assert again.read_bytes() == path.read_bytes()


def test_a_store_takes_from_a_bundle_what_it_lacks_and_stores_what_it_computes(path, tmp_path):
    store = Store(tmp_path / "other", Run("second", "test"), bundle=read_bundle(path))
    new = WorkUnit("answers", {"number": 99})
    calls: list = []

    def compute(units):
        calls.extend(units)
        return [(unit, ({"answers": ["Iowa"]}, HOW)) for unit in units]

    found = store.all([*UNITS, new], compute, at_once=4)
    assert calls == [new]
    assert [one and one.result["answers"] for one in found[-2:]] == [["Ohio 5"], ["Iowa"]]
    assert [document.unit for document in stored_documents(store.root)] == [new]


def test_what_is_withheld_is_computed_once_and_the_bundles_result_is_given(path, tmp_path):
    bundle = read_bundle(path)
    withheld = frozenset({UNITS[0].digest})
    calls: list = []

    def of(run):
        return Store(
            tmp_path / "audit", Run(run, "test"), bundle=bundle, withheld=withheld, closed=True
        )

    def compute():
        calls.append(1)
        return {"answers": ["Utah"]}, HOW

    for store in (of("a worker"), of("another")):
        assert store.once(UNITS[0], compute).result == {"answers": ["Ohio 0"]}
        assert store.once(UNITS[1], compute).result == {"answers": ["Ohio 1"]}
    assert calls == [1]
    assert [one.result for one in stored_documents(tmp_path / "audit")] == [{"answers": ["Utah"]}]


def test_nobody_waits_for_what_another_process_computes_anew(path, tmp_path):
    bundle, withheld = read_bundle(path), frozenset({UNITS[0].digest})
    first, second = (
        Store(tmp_path / "audit", Run(run, "test"), bundle=bundle, withheld=withheld, closed=True)
        for run in ("first", "second")
    )
    with first.claimed([UNITS[0]]) as claimed:
        assert claimed == [UNITS[0]]
        for found in (
            second.once(UNITS[0], pytest.fail),
            *second.all([UNITS[0], UNITS[1]], pytest.fail, at_once=2),
        ):
            assert found is not None
            assert found.result["answers"][0].startswith("Ohio")


def test_a_closed_store_computes_nothing_that_is_not_withheld(path, tmp_path):
    store = Store(tmp_path / "audit", Run("a", "test"), bundle=read_bundle(path), closed=True)
    new = WorkUnit("ranking", {"number": 99})
    for ask in (
        lambda: store.once(new, pytest.fail),
        lambda: store.all([new], pytest.fail, at_once=1),
    ):
        with pytest.raises(ResultsError, match="lacks a result of kind ranking"):
            ask()


def test_a_sample_has_every_kind_and_depends_on_the_seed_alone(path):
    bundle = read_bundle(path)
    kinds = {digest: place.kind for digest, place in bundle.digests.items()}
    for count in (1, 2, 5, 12, 50):
        drawn = bundle.sample(count, "commit")
        assert len(drawn) == min(12, max(2, count))
        assert {kinds[digest] for digest in drawn} == {"answers", "perplexity"}
        assert drawn == read_bundle(path).sample(count, "commit")
    assert len({bundle.sample(4, str(seed)) for seed in range(9)}) > 1


def edited(members):
    name = next(name for name in members if name != MANIFEST)
    first, *others = members[name].split(b"\n")
    document = json.loads(first)
    document["result"]["answers"] = ["Utah"]
    members[name] = b"\n".join([json.dumps(document).encode(), *others])


def swapped(members):
    first, second = [name for name in members if name != MANIFEST][:2]
    members[first], members[second] = members[second], members[first]


def shortened(members):
    name = next(name for name in members if name != MANIFEST)
    members[name] = members[name].rpartition(b"\n")[0]


def lengthened(members):
    name = next(name for name in members if name != MANIFEST)
    members[name] += b"\n{}"


@pytest.mark.parametrize("change", [edited, swapped, shortened, lengthened])
def test_a_document_that_is_not_the_manifests_is_refused_when_it_is_read(change, path):
    bundle = read_bundle(rewritten(path, change))
    with pytest.raises(ResultsError, match="is not the document of its manifest"):
        list(bundle)


def relisted(members):
    """As ``edited``, by somebody who can compute the manifest's checksum, too."""
    edited(members)
    manifest = json.loads(members[MANIFEST])
    for kind, (part,) in manifest["documents"].items():
        lines = members[f"documents/{kind}-000.jsonl"].split(b"\n")
        for listed, line in zip(part, lines, strict=True):
            listed[1] = hashlib.sha256(line).hexdigest()
    members[MANIFEST] = json.dumps(manifest).encode()


def test_an_edited_document_that_the_manifest_lists_is_refused_when_it_is_read(path):
    bundle = read_bundle(rewritten(path, relisted))
    with pytest.raises(ResultsError, match="its checksum is not that of its content"):
        list(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda members: members.update({"../../evil": b"x"}), "'../../evil'"),
        (lambda members: members.pop(next(iter(members))), "does not hold what its manifest lists"),
        (lambda members: members.update({MANIFEST: b"{"}), "its manifest is not JSON"),
        (lambda members: members.update({MANIFEST: b"{}"}), "no bundle"),
        (lambda members: members.update({MANIFEST: b'{"bundle": 3}'}), "update headclaims"),
        (lambda members: members.update({MANIFEST: b'{"bundle": 2}'}), "does not list documents"),
        (lambda members: members.update({MANIFEST: b'{"bundle": 1}'}), "export it again"),
        (lambda members: members.pop(MANIFEST), "no bundle of"),
    ],
)
def test_what_is_no_bundle_is_refused_in_one_line(change, message, path):
    with pytest.raises((InvalidInput, ResultsError), match=message) as caught:
        read_bundle(rewritten(path, change))
    assert "\n" not in str(caught.value)


def test_a_member_that_unpacks_to_gigabytes_is_refused(path, stored):
    with zipfile.ZipFile(path) as file:
        manifest, names = file.read(MANIFEST), file.namelist()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(MANIFEST, manifest)
        for name in names:
            if name != MANIFEST:
                file.writestr(name, b" " * 30_000_000 if name == names[0] else b"{}")
    survives(list, read_bundle(path))


def test_no_damaged_bundle_is_more_than_a_bundle_or_one_line(path, pytestconfig, tmp_path):
    other = tmp_path / "damaged.zip"

    def read(data):
        other.write_bytes(data)
        list(read_bundle(other))

    fuzz(pytestconfig, damaged(path.read_bytes()), lambda data: survives(read, data))


def test_export_import_and_judging_by_command(headclaims, stored, tmp_path):
    file = tmp_path / "all.zip"
    status, out, _ = headclaims("results", "export", file, f"--store={stored.root}")
    assert (status, out.startswith("12 results:")) == (0, True)
    status, out, _ = headclaims("results", "import", file)
    assert (status, "12 results added" in out) == (0, True)
    status, out, _ = headclaims("results", "import", file)
    assert (status, "0 results added" in out, "12 were there" in out) == (0, True, True)
    status, out, _ = headclaims("results", "verify")
    assert (status, "12 of 12" in out) == (0, True)


def test_nothing_of_a_damaged_bundle_is_imported(headclaims, path):
    rewritten(path, edited)
    status, _, err = headclaims("results", "import", path)
    assert (status, "is not the document of its manifest" in err) == (2, True)
    status, out, _ = headclaims("results", "list")
    assert "0 results" in out


def test_a_bundle_of_unknown_claims_cannot_be_audited(headclaims, stored, tmp_path):
    headclaims("results", "export", tmp_path / "all.zip", f"--store={stored.root}")
    status, _, err = headclaims("audit", tmp_path / "all.zip")
    assert (status, "does not say which claims it is behind" in err) == (2, True)


def test_an_empty_store_cannot_be_exported(headclaims, tmp_path):
    status, _, err = headclaims("results", "export", tmp_path / "all.zip")
    assert (status, "holds no results" in err) == (2, True)
    assert not (tmp_path / "all.zip").exists()
