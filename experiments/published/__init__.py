"""The published tier: claims judged again from the sources' own figures, without a model."""
