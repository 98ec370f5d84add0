"""Curves of one picture are told apart by whoever does not see some colours.

Simulated as Machado, Oliveira and Fernandes (2009), "A physiologically-based model for simulation
of color vision deficiency", at full severity; distances are those of CIELAB (CIE 1976).
"""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from experiments.exp10.figures.joint_removal import CURVES as REMOVALS
from experiments.exp10.figures.single_heads import FITS
from experiments.methods.figures import LINES
from experiments.published.figures import METHOD_LINES
from experiments.qrhead.figures import CURVES

SEEN = {
    "all": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Who sees it -> what linear RGB becomes."""

APART = 20
"""Some ten times what is just noticed."""

CSS = Path(__file__).parents[2] / "pages/report/page/report.css"


def of_page(scheme):
    """Colours of the report's curves: 0 in light, 1 in dark, 2 in print."""
    css = CSS.read_text(encoding="utf-8")
    return [
        re.findall(rf"--{name}: (#\w+)", css)[scheme]
        for name in ("top", "matched", "uniform", "text")
    ]


PICTURES = {
    "cells": [colour for _, _, colour, *_ in CURVES],
    "methods": [colour for _, colour, *_ in LINES.values()],
    "removals": [colour for _, colour, *_ in REMOVALS.values()],
    "fits": [colour for _, colour, *_ in FITS.values()],
    "published": [colour for _, colour, *_ in METHOD_LINES.values()],
    "report": of_page(0),
    "report, dark": of_page(1),
    "report, print": of_page(2),
}


def linear_rgb(colour):
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(colour, seen):
    linear = np.clip(np.array(seen) @ linear_rgb(colour), 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.array(to_xyz) @ linear / np.array([0.95047, 1, 1.08883])  # of white, D65
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("who", SEEN)
@pytest.mark.parametrize("picture", PICTURES)
def test_colours_of_a_picture_stay_apart(picture, who):
    for one, other in combinations(PICTURES[picture], 2):
        apart = np.linalg.norm(lab(one, SEEN[who]) - lab(other, SEEN[who]))
        assert apart >= APART, (one, other)


def test_what_is_drawn_on_white_stands_out():
    """At least 3:1, as WCAG 2.2 asks of graphics (1.4.11)."""
    for colour in {*PICTURES["cells"], *PICTURES["methods"], *PICTURES["published"]}:
        assert 1.05 / (linear_rgb(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) >= 3, colour


def test_curves_differ_without_any_colour():
    for lines in (
        [line for *_, line in CURVES],
        [line for *_, line in LINES.values()],
        [line for _, _, line, _ in REMOVALS.values()],
        [line for *_, line in FITS.values()],
        [line for *_, line in METHOD_LINES.values()],
    ):
        assert len(lines) == len(set(lines)) > 1


def test_the_simulation_takes_red_and_green_for_one_another():
    red, green = "#d7191c", "#6a9a00"
    seen = {who: np.linalg.norm(lab(red, of) - lab(green, of)) for who, of in SEEN.items()}
    assert seen["deuteranopia"] < APART < seen["all"]
