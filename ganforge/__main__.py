"""`python -m ganforge`: the command line."""

from ganforge.cli.main import main

main()
