"""`python -m smallsteps`."""

from smallsteps.cli import main

if __name__ == "__main__":
    main()
