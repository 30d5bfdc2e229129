"""`python -m flowcoach` is the command `flowcoach`."""

from flowcoach.cli import main

if __name__ == "__main__":
    main()
