"""`python -m pluralign.cli`."""

from pluralign.cli import main

main()
