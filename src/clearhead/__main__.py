"""``python -m clearhead`` and ``torchrun -m clearhead``: the command line."""

from clearhead.cli.main import main

if __name__ == "__main__":
    main()
