"""What keeps an installation and a checkout: assets, results, benchmarks, generated documents."""
