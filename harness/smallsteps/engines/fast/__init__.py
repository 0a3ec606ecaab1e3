"""Hand-written code for fast evaluation, each piece behind a switch (`switches`) that a benchmark uses.

A piece stays while `benchmarks/fast_paths.py` shows at least 1.2 times the speed, or a second of start-up, on
a student of a million parameters or on one of a hundred million (`docs/speed.md` has the table). In float32
each gives the results of the plain path up to rounding. `fits` says where the pieces apply: one test of a
plain Llama, one of bfloat16. Everything else goes through transformers' own models.
"""
