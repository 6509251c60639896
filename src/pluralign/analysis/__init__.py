"""From the three tables to statistics: what `pluralign stats` and the report show."""
