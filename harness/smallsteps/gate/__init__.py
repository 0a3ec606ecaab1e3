"""The gate: is a new student no worse than a frozen reference, within margins named beforehand?

Kept empty of imports: the pytest plugin lives here and must not slow down anyone's test run.
"""
