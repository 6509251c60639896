"""Print docs/sources.md: `python -m pluralign.sources > docs/sources.md`."""

import sys

from pluralign.sources import sources_page

sys.stdout.write(sources_page())
