"""A model hub that does not answer: one line; by itself the hub client would wait for ever."""

import socket
from collections.abc import Iterator

import pytest
from huggingface_hub import constants, set_client_factory, snapshot_download
from huggingface_hub.utils._http import default_client_factory

from ablation.assets.hub import from_hub
from ablation.errors import Unavailable


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    set_client_factory(default_client_factory)


def test_a_hub_that_says_nothing_is_given_up_in_one_line(silent, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    with pytest.raises(Unavailable) as caught:
        from_hub(
            "model a/b",
            "give a local copy",
            lambda: snapshot_download("a/b", cache_dir=tmp_path, endpoint=silent),
        )
    message = str(caught.value)
    assert message.startswith("model a/b cannot be had: the model hub was asked and did not answer")
    assert "within 1 s (HF_HUB_ETAG_TIMEOUT)" in message
    assert message.endswith("its cache does not hold it; give a local copy")
    assert "\n" not in message


def test_whatever_the_hub_client_raises_is_said_in_one_line():
    def through_a_proxy() -> str:
        raise RuntimeError("the proxy\nrefused")

    with pytest.raises(Unavailable, match=r"^x cannot be had: the model hub failed \(the proxy\)"):
        from_hub("x", "give a copy", through_a_proxy)
