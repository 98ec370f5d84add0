"""A study in small, for a pytest of its own: four cases that store two units each."""

import hashlib
import json
import zipfile

from experiments.store.bundle import MANIFEST
from experiments.store.documents import parse

# What is computed is in a file, so that a test can change it.
CASES = """
    import json
    from pathlib import Path

    import pytest

    from experiments.store import WorkUnit

    SETTING = json.loads(Path(__file__).with_name("setting.json").read_text())
    HOW = {"time": "2026-01-01T00:00:00+00:00", "model": "tiny", "seconds": 1.0}
    KEY = {"model_sha256": SETTING["model"], "engine": SETTING["engine"]}

    @pytest.mark.parametrize("number", range(4))
    def test_case(number, store):
        log = Path(__file__).with_name("computed.txt")

        def computing(kind, result):
            def compute():
                with log.open("a") as file:
                    file.write(f"{kind} {number}\\n")
                return result, HOW
            return WorkUnit(kind, {**KEY, "number": number}), compute

        store.once(*computing("answer", {"answer": SETTING["answer"]}))
        scores = [{"head": "L0H0", "score": SETTING["score"]}, {"head": "L0H1", "score": 2.0}]
        store.once(*computing("ranking", {"head_rankings": scores}))
"""
SETTING = {"model": "ab", "engine": "layerwise 1", "answer": "Ohio", "score": 1.0}
PLUGINS = "-p xdist.plugin -p pytest_regressions.plugin -p pytest_datadir.plugin"


class Study:
    """A project of four cases that store two units each, an answer and a ranking."""

    def __init__(self, pytester):
        files = ("baseline_files.regeneration", "baseline_files.unused")
        names = (*files, "options", "bundles", "progress", "model")
        pytester.makeconftest(f"pytest_plugins = {[f'experiments.plugin.{n}' for n in names]}")
        pytester.makepyfile(test_study=CASES)
        pytester.makeini(f"[pytest]\naddopts = --strict-markers {PLUGINS}\n")
        self.pytester, self.bundle = pytester, pytester.path / "bundle.zip"

    def run(self, *options, **changes):
        """Runs the cases; the units they computed go to ``computed``."""
        path = self.pytester.path
        (path / "setting.json").write_text(json.dumps(SETTING | changes), encoding="utf-8")
        (path / "computed.txt").unlink(missing_ok=True)
        result = self.pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)
        log = path / "computed.txt"
        self.computed = sorted(log.read_text().splitlines()) if log.exists() else []
        return result

    def audit(self, sample="100%", **changes):
        return self.run(f"--bundle={self.bundle}", f"--audit={sample}", **changes)

    def edit(self, change):
        """Changes a document of the bundle, as somebody would who computes all checksums anew."""
        with zipfile.ZipFile(self.bundle) as file:
            members = {name: file.read(name) for name in file.namelist()}
        manifest = json.loads(members[MANIFEST])
        name = "documents/answer-000.jsonl"
        line, *others = members[name].split(b"\n")
        document = parse(line)
        result = json.loads(json.dumps(document.result))
        change(result)
        line = type(document)(document.unit, result, document.provenance).line().encode()
        members[name] = b"\n".join([line, *others])
        (listed,) = manifest["documents"]["answer"]
        listed[0][1] = hashlib.sha256(line).hexdigest()
        members[MANIFEST] = json.dumps(manifest).encode()
        with zipfile.ZipFile(self.bundle, "w") as file:
            for member, data in members.items():
                file.writestr(member, data)
