"""`python -m modelwright` is the command line."""

from modelwright.interfaces.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
