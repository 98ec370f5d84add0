"""Weights in another dtype than their files have: the same numbers as a cast, written once."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ablation import models
from ablation.errors import Notice
from ablation.models.converted import converted
from ablation.models.loading import load_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import tiny_directory


@pytest.fixture
def directory(tmp_path):
    return tiny_directory(tmp_path / "tiny")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CONVERTED", tmp_path / "converted")
    return tmp_path / "converted"


def copies(folder):
    return [path.parent for path in folder.rglob("manifest.json")]


def test_weights_of_the_wanted_dtype_are_left_where_they_are(directory, folder):
    assert converted(directory, torch.float32) == directory
    assert not folder.exists()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_converted_model_is_what_a_cast_makes_of_it(directory, dtype):
    cast = AutoModelForCausalLM.from_pretrained(directory, dtype=getattr(torch, dtype)).state_dict()
    loaded = load_model(model_spec(str(directory)), dtype=dtype).model.state_dict()
    assert loaded.keys() == cast.keys()
    for name, weights in cast.items():
        assert loaded[name].dtype is weights.dtype
        assert torch.equal(loaded[name], weights), name


def test_wider_weights_than_those_of_the_files_are_the_same_numbers(directory):
    path = directory / "model.safetensors"
    narrow = {name: weights.bfloat16() for name, weights in load_file(path).items()}
    save_file(narrow, path, metadata={"format": "pt"})
    wide = load_file(converted(directory, torch.float32) / path.name)
    assert {name: weights.dtype for name, weights in wide.items()} == dict.fromkeys(
        narrow, torch.float32
    )
    assert all(torch.equal(wide[name], weights.float()) for name, weights in narrow.items())


def test_weights_are_converted_once_and_mapped(directory):
    first = converted(directory, torch.bfloat16) / "model.safetensors"
    before = first.stat()
    load_model(model_spec(str(directory)), dtype="bfloat16")
    assert converted(directory, torch.bfloat16) / first.name == first
    assert first.stat().st_ino == before.st_ino
    assert first.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc: run it on Linux")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_weights_of_a_model_are_the_files_own_pages(directory, dtype):
    weights = converted(directory, getattr(torch, dtype)) / "model.safetensors"
    model = load_model(model_spec(str(directory)), dtype=dtype).model
    maps = [
        [int(number, 16) for number in line.split()[0].split("-")]
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        if line.endswith(str(weights))
    ]
    places = [weights.data_ptr() for weights in model.parameters()]
    assert len(places) > 10
    assert all(any(start <= place < end for start, end in maps) for place in places)


def test_of_files_that_have_changed_the_new_ones_are_read(directory, folder):
    path = directory / "model.safetensors"
    converted(directory, torch.bfloat16)
    doubled = {name: 2 * weights for name, weights in load_file(path).items()}
    save_file(doubled, path, metadata={"format": "pt"})
    found = load_file(converted(directory, torch.bfloat16) / path.name)
    assert all(torch.equal(found[name], weights.bfloat16()) for name, weights in doubled.items())
    assert len(copies(folder)) == 1


def test_a_damaged_copy_is_made_anew(directory):
    copy = converted(directory, torch.bfloat16) / "model.safetensors"
    whole = copy.read_bytes()
    os.truncate(copy, 100)
    assert (converted(directory, torch.bfloat16) / copy.name).read_bytes() == whole


def test_every_file_of_a_model_in_parts_is_converted(directory):
    path, index = directory / "model.safetensors", directory / "model.safetensors.index.json"
    weights = load_file(path)
    names = sorted(weights)
    parts = {"a.safetensors": names[:5], "b.safetensors": names[5:]}
    for name, of_part in parts.items():
        save_file({key: weights[key] for key in of_part}, directory / name, {"format": "pt"})
    path.unlink()
    weight_map = {key: name for name, of_part in parts.items() for key in of_part}
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}), encoding="utf-8")
    loaded = load_model(model_spec(str(directory)), dtype="bfloat16").model.state_dict()
    assert all(torch.equal(loaded[name], weights[name].bfloat16()) for name in names)


def test_a_cache_without_room_costs_memory_and_no_more(directory, folder):
    folder.write_text("a file", encoding="utf-8")
    said = "every process takes memory for all weights of its own: .* is a file where the cache"
    with pytest.warns(Notice, match=said):
        loaded = load_model(model_spec(str(directory)), dtype="bfloat16")
    assert loaded.model.dtype is torch.bfloat16
