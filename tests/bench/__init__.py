"""Benchmarks: ratios to native, and to proot and Wine where they are installed, from one run."""
