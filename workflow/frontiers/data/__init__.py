"""Inputs of the study: benchmarks (`benchmark_source`, `problems`), checkpoints (`hub`, `checkpoints`, `manifests`), and the
descriptions shipped in data/ (`architecture_facts`, `hardware`).

Import its modules; it imports `core` only.
"""
