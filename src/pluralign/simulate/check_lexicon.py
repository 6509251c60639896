"""Check a lexicon's files: `python -m pluralign.simulate.check_lexicon LEXICON [prompts] [responses]`."""

from __future__ import annotations

import sys

from pluralign.simulate.lexicon import prompt_problems, read_yaml, response_problems

CHECKS = {"prompts": prompt_problems, "responses": response_problems}


def main(name: str, *parts: str) -> int:
    """Print every problem; 1 if there are any.

    Args:
        name: `t`, `j` or `e`.
        parts: `prompts`, `responses`, or both where none is named.
    """
    problems = [problem for part in parts or CHECKS for problem in CHECKS[part](name, read_yaml(name, part))]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    sys.stdout.write(f"{len(problems)} problem(s)\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
