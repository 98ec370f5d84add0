"""The READMEs' pictures: each is drawn from a stored document, and remembers from which.

The bytes of a PNG depend on the build of matplotlib, so they are never compared. A digest of the
document and of the drawing's version is kept in the file's metadata instead.
"""

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablation.errors import HeadclaimsError, InvalidInput
from ablation.heads import Head, HeadGrid
from ablation.models.registry import model_spec
from experiments.pages.readmes.stored import Stored

KEY = "headclaims-drawn-from"
"""Of the digest among a PNG's texts."""

REMEDY = "run `headclaims docs`, look at it and commit it"

_NOT_DRAWN = "provenance"

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """A picture of a README.

    Attributes:
        path: the PNG, below the root of a checkout.
        document: what it is drawn from.
        draw: draws the document into a folder; gives the files, a PNG among them.
        version: of the drawing; raised whenever the same document gives another picture.
    """

    path: str
    document: str
    draw: Callable[[Document, Path], list[Path]]
    version: int = 1

    def digest(self, stored: Stored) -> str:
        """Of what the picture is drawn from; how a document came about makes no difference.

        Raises:
            MissingDocument, ResultsError: the document is not there, or damaged.
        """
        document = stored.document(self.document)
        drawn = {key: value for key, value in document.items() if key != _NOT_DRAWN}
        text = json.dumps([self.version, drawn], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def stale(self, stored: Stored) -> str | None:
        """What is wrong with the picture, in one line; None: nothing."""
        try:
            digest, path = self.digest(stored), stored.root / self.path
            if not path.is_file():
                return f"{self.path} is missing: {REMEDY}"
            if drawn_from(path) != digest:
                return (
                    f"{self.path} is stale: {self.document} or its drawing has changed since: "
                    f"{REMEDY}"
                )
        except HeadclaimsError as error:
            return f"{self.path}: {error}"
        return None

    def redraw(self, stored: Stored) -> None:
        """Draws the picture anew, whole or not at all.

        Raises:
            MissingDocument, ResultsError: the document is not there, or damaged.
            OSError: the picture cannot be written.
        """
        from PIL import Image
        from PIL.PngImagePlugin import PngInfo

        digest, path = self.digest(stored), stored.root / self.path
        with tempfile.TemporaryDirectory() as folder:
            drawn = self.draw(stored.document(self.document), Path(folder))
            image = Image.open(next(file for file in drawn if file.suffix == ".png"))
            texts = PngInfo()
            texts.add_text(KEY, digest)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            try:
                image.save(
                    temporary, "PNG", pnginfo=texts, dpi=image.info.get("dpi"), optimize=True
                )
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)


def stale_pictures(stored: Stored) -> Iterator[str]:
    """A line for each picture that is stale, missing, or lacks its document."""
    for picture in PICTURES:
        if (line := picture.stale(stored)) is not None:
            yield line


def drawn_from(path: Path) -> str | None:
    """The digest in a PNG; None if it has none.

    Raises:
        InvalidInput: it is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.info.get(KEY)
    except (OSError, UnidentifiedImageError):
        raise InvalidInput(f"no picture can be read: {REMEDY}") from None


def _curves(document: Document, folder: Path) -> list[Path]:
    from experiments.qrhead.figures import draw_ablation_curves

    cells = [(cell["ablation"], cell["controls"]) for cell in document["cells"]]
    return draw_ablation_curves(cells, folder, "curves")


def _heatmap(baseline: Document, folder: Path) -> list[Path]:
    """Out of the stored figures of a sweep, which have all that the map of the heads shows."""
    from experiments.exp10.figures.single_heads import draw_heatmap

    heads = {Head.parse(name): ppl for name, ppl in baseline["ppl"].items()}
    counts = Counter(head.layer for head in heads)
    grid = HeadGrid(tuple(counts[layer] for layer in sorted(counts)))
    unablated = baseline["unablated_ppl"]
    individual = {
        "model_name": model_spec(baseline["model"]).name,
        "layers": grid.layers,
        "heads_per_layer": grid.heads_per_layer,
        "ablation": baseline["ablation"],
        "text": {**baseline["text"], "window": baseline["window"]},
        "unablated": {"ppl": unablated},
        "heads": [{"delta_ppl": heads[head] / unablated - 1} for head in sorted(heads)],
    }
    return draw_heatmap(individual, folder, "baseline")


def _methods(document: Document, folder: Path) -> list[Path]:
    from experiments.methods.figures import draw_methods

    return draw_methods(document, folder, "methods")


def _table_against_files(document: Document, folder: Path) -> list[Path]:
    from experiments.published.figures import draw_table_against_files
    from experiments.published.sources.llama3 import llama3_study

    return draw_table_against_files(llama3_study(), folder)


CURVES = "experiments/qrhead/pictures/smollm2_curves.json"
METHODS = "experiments/methods/pictures/smollm2_methods.json"

PICTURES = (
    Picture("experiments/qrhead/pictures/smollm2_curves.png", CURVES, _curves, version=3),
    Picture(
        "experiments/exp10/pictures/smollm2_heatmap.png",
        "baselines/exp10/smollm2/individual-zero.json",
        _heatmap,
    ),
    Picture("experiments/methods/pictures/smollm2_methods.png", METHODS, _methods, version=3),
    Picture(
        "experiments/published/pictures/table_against_files.png",
        "experiments/published/sources/qrhead_llama3.json",
        _table_against_files,
        version=3,
    ),
)
"""All pictures that a README shows, but for ``SCREENSHOTS``."""

SCREENSHOTS = (
    "experiments/pages/report/pictures/claim.png",
    "experiments/pages/report/pictures/answer.png",
)
"""Taken of a report of the committed evidence, in a browser and by hand: they show a page, and no
figure that stands anywhere else."""
