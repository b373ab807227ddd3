"""`python -m arouter` is the `arouter` command."""

from arouter.cli import main

main()
