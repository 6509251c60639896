"""Small judges for tests: they score by rules that a test can work out by hand."""

from pluralign.judge.base import Failure, Score, Usage


class FakeJudge:
    def __init__(self, rule, name="fake", provenance=None):
        self.rule, self.name, self.usage, self._provenance = rule, name, Usage(), provenance or {}

    def identity(self):
        return {"judge": self.name}

    def provenance(self):
        return self._provenance

    def preflight(self, dimensions, languages):
        return []

    def judge(self, answers, dimensions, progress=None):
        found = []
        for answer in answers:
            scores = {dimension: self.rule(answer, dimension) for dimension in dimensions}
            found.append(
                {
                    d: Failure("timeout", self.name) if s is None else Score(float(s), self.name)
                    for d, s in scores.items()
                }
            )
            if progress:
                progress(len(dimensions))
        return found
