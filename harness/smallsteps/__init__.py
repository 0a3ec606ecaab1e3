"""smallsteps: distil reasoning into small students, and prove with paired statistics what it bought."""

__version__ = "0.1.0"
