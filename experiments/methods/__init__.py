"""The methods of the QRHead study side by side: detection, ablation modes, retrieval."""
