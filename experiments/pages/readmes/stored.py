"""The stored documents that blocks and pictures are made from, read once each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput
from experiments.judging.claim import Tier
from experiments.judging.stored_evidence import CHECKOUT, read_evidence
from experiments.machine.files.json_files import read_json

PUBLICATION = "publication"

EVIDENCE: Mapping[str, str] = {
    Tier.PUBLISHED: "baselines/claims/published.json",
    Tier.EMBEDDED: "baselines/claims/embedded-smollm2.json",
    PUBLICATION: "baselines/claims/embedded-smollm2-publication.json",
}
"""Tier -> the file with its evidence; and that of the larger run on the embedded model."""

_MADE_BY = (
    ("baselines/claims/", "pytest --claims-json={name}"),
    ("baselines/", "pytest --regen-all"),
    ("experiments/bench/", "headclaims bench --json {name}"),
    ("", "headclaims docs --documents"),
)
"""Beginning of a document's name -> the command that makes it; the first that fits counts."""


class MissingDocument(InvalidInput):
    """A document that something is made from is not there."""


@dataclass(frozen=True)
class Stored:
    """The documents below a folder.

    Attributes:
        root: a checkout, or a copy of what is documented in it.
    """

    root: Path = CHECKOUT
    _read: dict[str, Any] = field(default_factory=dict, repr=False)

    def document(self, name: str) -> Any:
        """The JSON document at ``name``, a path below the root.

        Raises:
            MissingDocument: there is none.
            ResultsError: it cannot be read.
        """
        if name not in self._read:
            self._read[name] = read_json(self._path(name))
        return self._read[name]

    def matching(self, pattern: str) -> list[Any]:
        """The documents whose names match, in the order of their names; at least one.

        Raises:
            MissingDocument, ResultsError: as ``document``.
        """
        names = sorted(path.relative_to(self.root).as_posix() for path in self.root.glob(pattern))
        return [self.document(name) for name in names or [pattern]]

    def has_claims(self, tier: str) -> bool:
        """Whether there is evidence of a tier."""
        return (self.root / EVIDENCE[tier]).is_file()

    def claims(self, tier: str) -> dict[str, dict[str, Any]]:
        """Claim id -> what was found of it in a tier.

        Raises:
            MissingDocument: there is no such evidence.
            InvalidInput: it is damaged.
        """
        name = EVIDENCE[tier]
        if name not in self._read:
            self._read[name] = {row["id"]: row for row in read_evidence([self._path(name)])}
        return self._read[name]

    def _path(self, name: str) -> Path:
        path = self.root / name
        if not path.is_file():
            command = next(made for start, made in _MADE_BY if name.startswith(start))
            raise MissingDocument(
                f"{name} is missing: restore it with git, or make it with "
                f"`{command.format(name=name)}`"
            )
        return path
