"""A model and judges that need nothing: what they say is known, so what the tasks make of it can be checked."""

import pytest

from pluralign.judge import Answer, Failure, Score, Usage

lm_eval = pytest.importorskip("lm_eval")


class FakeJudge:
    """Scores by the number that the answer ends with; fails where it says so."""

    name = "fake"

    def __init__(self, refuses=None):
        self.usage = Usage()
        self.refuses = refuses
        self.seen: list[Answer] = []
        self.batches = 0

    def identity(self):
        return {"judge": "fake", "version": 1}

    def provenance(self):
        return {"fitted to": "nothing"}

    def preflight(self, dimensions, languages):
        if self.refuses:
            raise self.refuses
        return []

    def judge(self, answers, dimensions, progress=None):
        self.batches += 1
        self.seen += answers
        self.usage.calls += len(answers) * len(dimensions)
        if progress:
            progress(len(answers) * len(dimensions))
        return [{name: self.one(answer, name) for name in dimensions} for answer in answers]

    def one(self, answer, dimension):
        if "fail" in answer.response:
            return Failure("timeout", self.name, "too late")
        return Score(float(answer.response[-1]), self.name, reason=f"{dimension} of it")


@pytest.fixture
def fake_judge(monkeypatch):
    from pluralign.evaluation import prompt_task

    judge = FakeJudge()
    monkeypatch.setattr(prompt_task, "shared_judge", lambda name, options: judge)
    return judge


@pytest.fixture
def model():
    """Makes a model out of a function from the prompt's number to its answer."""
    from lm_eval.api.model import LM

    def make(answer):
        class Model(LM):
            contexts: list[str] = []

            def generate_until(self, requests, disable_tqdm=False):
                self.contexts += [request.args[0] for request in requests]
                return [answer(k) for k, _ in enumerate(requests)]

            def loglikelihood(self, requests, disable_tqdm=False):
                raise NotImplementedError

            loglikelihood_rolling = loglikelihood

            def apply_chat_template(self, chat_history, add_generation_prompt=True):
                turns = "".join(f"<|{turn['role']}|>{turn['content']}" for turn in chat_history)
                return turns + ("<|assistant|>" if add_generation_prompt else "")

            tokenizer_name = "fake"

            def chat_template(self, chat_template=False):
                return "fake"

        return Model()

    return make


@pytest.fixture
def evaluate(root, tmp_path, monkeypatch):
    """Runs lm-eval on tasks of the checkout."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    monkeypatch.setenv("PLURALIGN_CACHE", str(tmp_path / "cache"))

    def run(model, tasks="pluralign", metadata=None, **more):
        manager = TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata=metadata or {})
        return simple_evaluate(model, tasks=[tasks], task_manager=manager, bootstrap_iters=100, **more)

    return run
