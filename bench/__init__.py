"""Side-by-side benchmarks: ``make bench``. docs/performance.md says what each number means."""
