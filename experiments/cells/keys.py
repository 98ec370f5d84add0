"""Keys of the study's result documents that several modules read."""

TOP, RANDOM = "top_heads_ablations", "random_heads_ablations"
