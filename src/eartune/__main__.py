"""`python -m eartune` is the command `eartune`, so that torchrun can start it."""

from eartune.cli.app import main

if __name__ == "__main__":
    main()
