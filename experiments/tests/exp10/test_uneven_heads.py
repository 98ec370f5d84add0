"""Pictures of a model whose layers have more and fewer heads."""

import numpy as np

from experiments.exp10.figures import single_heads


def test_the_map_of_heads_is_empty_where_a_layer_has_none(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(single_heads, "save_figure", lambda figure, *_: drawn.append(figure))
    individual = {
        "model_name": "uneven",
        "layers": 2,
        "heads_per_layer": [1, 3],
        "ablation": {"mode": "zero", "bias": "keep"},
        "text": {"name": "made up", "tokens": 40, "window": 20},
        "unablated": {"ppl": 5.0},
        "heads": [{"delta_ppl": change} for change in (0.5, 0.01, -0.3, 0.02)],
    }
    single_heads.draw_heatmap(individual, tmp_path, "made_up")
    panel = drawn[0].axes[0]
    shown = np.ma.filled(panel.images[0].get_array(), np.nan)
    np.testing.assert_allclose(shown, [[50, np.nan, np.nan], [1, -30, 2]])
    written = {text.get_position(): text.get_text() for text in panel.texts}
    assert written == {(0, 0): "50", (0, 1): "", (1, 1): "−30", (2, 1): ""}
