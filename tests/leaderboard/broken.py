"""A corpus of broken submissions: how each is broken, and the codes of which one at least must be told.

`corpus()` lists them; `Copy` is a submission under a forger's hands. A fault in contents is checked without the place, because any
change of contents changes the folder's name: refused for the name alone would prove nothing.
"""

import bz2
import copy
import gzip
import io
import json
import os
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import made_runs
import yaml
from made_runs import put_record, record

KIB, MIB = 1024, 1024**2
SECRET_HF, SECRET_SK = "hf_" + "aB3" * 11, "sk-" + "proj-9Zx" * 6


@dataclass
class Copy:
    """A submission's folder, and its files as values."""

    folder: Path

    @property
    def manifest_path(self) -> Path:
        return self.folder / "manifest.yaml"

    @property
    def results_path(self) -> Path:
        return next(self.folder.glob("results_*"))

    def samples_path(self, language: str = "en") -> Path:
        return next(self.folder.glob(f"samples_pluralign_{language}_*"))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return yaml.safe_load(self.manifest_path.read_text("utf-8"))

    @cached_property
    def results(self) -> dict[str, Any]:
        return json.loads(self.results_path.read_text("utf-8"))

    @cached_property
    def rows(self) -> dict[str, list[dict[str, Any]]]:
        names = sorted(one.name.split("_")[2] for one in self.folder.glob("samples_*"))
        return {one: [json.loads(line) for line in self.text(one).splitlines()] for one in names}

    def text(self, language: str = "en") -> bytes:
        return gzip.decompress(self.samples_path(language).read_bytes())

    def put_text(self, data: bytes, language: str = "en") -> None:
        self.samples_path(language).write_bytes(gzip.compress(data, 1, mtime=0))

    def save_manifest(self) -> None:
        self.manifest_path.write_text(json.dumps(self.manifest, ensure_ascii=False), "utf-8")  # JSON is YAML

    def save_results(self) -> None:
        self.results_path.write_text(json.dumps(self.results), "utf-8")

    def save_rows(self) -> None:
        for language, rows in self.rows.items():
            self.put_text(made_runs.lines(rows), language)

    def settle(self) -> None:
        """Let metrics, aggregates and hashes follow from the samples again, and save; the manifest is left."""
        made_runs.Made(self.rows, self.results).settle()
        self.save_rows()
        self.save_results()


Break = Callable[[Copy], None]


@dataclass(frozen=True)
class Fault:
    """One broken submission.

    Attributes:
        id: unique.
        kind: what the table counts by.
        break_: does it.
        codes: one of them must be among the problems.
        base: en or both, which submission is broken.
        placed: whether the place is checked too.
    """

    id: str
    kind: str
    break_: Break
    codes: tuple[str, ...]
    base: str = "en"
    placed: bool = False


def at(held: Any, path: str) -> tuple[Any, Any]:
    """The container and the key that a dotted path names; a key with dots or commas stands after a colon."""
    parts: list[str] = path.split(":")[0].split(".") if path.split(":")[0] else []
    parts += path.split(":")[1:]
    for part in parts[:-1]:
        held = held[int(part) if isinstance(held, list) else part]
    return held, int(parts[-1]) if isinstance(held, list) else parts[-1]


GONE = object()


def manifest_with(path: str, value: Any) -> Break:
    return _with(path, value, lambda one: one.manifest, Copy.save_manifest)


def results_with(path: str, value: Any) -> Break:
    return _with(path, value, lambda one: one.results, Copy.save_results)


def _with(path: str, value: Any, of: Callable[[Copy], Any], save: Callable[[Copy], None]) -> Break:
    """Puts a value at a path of a file, and writes the file."""

    def edit(one: Copy) -> None:
        held, key = at(of(one), path)
        _put(held, key, value)
        save(one)

    return edit


def _put(held: Any, key: Any, value: Any) -> None:
    if value is GONE:
        del held[key]
    elif callable(value):
        held[key] = value(held[key])
    else:
        held[key] = value


def rows_with(edit: Callable[[list[dict[str, Any]]], Any], settled: bool = False, language: str = "en") -> Break:
    """Change the lines of a language; `settled` lets everything but the manifest follow."""

    def change(one: Copy) -> None:
        edit(one.rows[language])
        if settled:
            one.settle()
        else:
            one.save_rows()

    return change


def row_with(path: str, value: Any, k: int = 3, settled: bool = False) -> Break:
    def edit(rows: list[dict[str, Any]]) -> None:
        held, key = at(rows[k], path)
        _put(held, key, value)

    return rows_with(edit, settled)


def record_with(path: str, value: Any, k: int = 3, settled: bool = False) -> Break:
    def edit(rows: list[dict[str, Any]]) -> None:
        held = record(rows[k])
        inner, key = at(held, path)
        _put(inner, key, value)
        put_record(rows[k], held)

    return rows_with(edit, settled)


def every_record(change: Callable[[int, dict[str, Any]], Any], settled: bool = True, language: str = "en") -> Break:
    def edit(rows: list[dict[str, Any]]) -> None:
        for k, row in enumerate(rows):
            held = record(row)
            change(k, held)
            put_record(row, held)

    return rows_with(edit, settled, language)


def manifest_text(change: Callable[[bytes], bytes]) -> Break:
    return lambda one: _void(one.manifest_path.write_bytes(change(one.manifest_path.read_bytes())))


def results_text(change: Callable[[bytes], bytes]) -> Break:
    return lambda one: _void(one.results_path.write_bytes(change(one.results_path.read_bytes())))


def samples_text(change: Callable[[bytes], bytes]) -> Break:
    return lambda one: one.put_text(change(one.text()))


def samples_bytes(change: Callable[[bytes], bytes]) -> Break:
    return lambda one: _void(one.samples_path().write_bytes(change(one.samples_path().read_bytes())))


def _void(_: object) -> None:
    return None


def _swap(rows: list[dict[str, Any]], name: str, a: int = 2, b: int = 5) -> None:
    rows[a][name], rows[b][name] = rows[b][name], rows[a][name]


# --- truncated -------------------------------------------------------------------------------------------------------


def truncated() -> Iterator[Fault]:
    for k in range(16):
        cut = lambda data, k=k: data[: len(data) * k // 16]  # noqa: E731
        yield Fault(f"manifest-cut-{k}", "truncated", manifest_text(cut), ("PA102", "PA103", "PA106"))
        yield Fault(f"results-cut-{k}", "truncated", results_text(cut), ("PA102",))
        yield Fault(f"gzip-cut-{k}", "truncated", samples_bytes(cut), ("PA100", "PA105"))
    for k in (1, 3, 7, 13, 18, 19):
        yield Fault(f"gzip-cut-{k}-bytes-off", "truncated", samples_bytes(lambda d, k=k: d[:-k]), ("PA100",))
        yield Fault(
            f"samples-cut-{k}", "truncated", samples_text(lambda d, k=k: d[: len(d) * k // 20]), ("PA102", "PA105")
        )
    yield Fault("gzip-flipped-bit", "truncated", samples_bytes(_flipped), ("PA100", "PA102", "PA105"))
    yield Fault("gzip-wrong-checksum", "truncated", samples_bytes(lambda d: d[:-8] + b"\0\0\0\0" + d[-4:]), ("PA100",))
    yield Fault("gzip-with-a-tail", "truncated", samples_bytes(lambda d: d + b"tail"), ("PA100",))
    yield Fault("gzip-without-header", "truncated", samples_bytes(lambda d: d[10:]), ("PA100",))


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


# --- types -----------------------------------------------------------------------------------------------------------

LEAVES = (  # noqa: SIM905 - one line a field would be forty
    "schema_version model model.kind model.id model.weights_sha256 model.quantisation base_model method training training.data "
    "training.pluralign_configs licence precision n_parameters judge judge.name judge.identity_sha256 judge.rubrics_sha256 prompts "
    "prompts.version prompts.sha256 seeds seeds.random seeds.numpy seeds.torch seeds.fewshot command hardware contact "
    "not_trained_on_test_prompts reported reported.0.dimension reported.0.language reported.0.score reported.0.low reported.0.high "
    "reported.0.n reported.0.n_failed response_length response_length.en"
).split()


def manifest_types() -> Iterator[Fault]:
    for path in LEAVES:
        wrong: list[tuple[str, Any]] = [("list", [[1]]), ("mapping", {"a": 1}), ("missing", GONE)]
        for name, value in wrong:
            yield Fault(
                f"manifest-{path}-{name}", "manifest: types", manifest_with(path, value), ("PA103", "PA104", "PA106")
            )
    more: list[tuple[str, Any]] = [
        ("schema_version", 2), ("schema_version", "1"), ("schema_version", True), ("model.id", "no-slash"), ("model.id", "a/b/c"),
        ("model.id", "../../etc/passwd"), ("model.id", "a/" + "b" * 97), ("model.id", "acme/mödel"), ("model.id", "acme/<b>"),
        ("model.kind", "url"), ("model.weights_sha256", "1" * 63), ("model.weights_sha256", "G" * 64), ("model.weights_sha256", 1),
        ("base_model", "acme/base"), ("base_model", {"id": "acme/base", "revision": "main"}), ("method", "DPO"), ("method", "dpoo"),
        ("training.pluralign_configs", ["../x"]), ("training.pluralign_configs", ["preferences/A B"]), ("training.data", ""),
        ("training.data", "x" * 4001), ("licence", ""), ("licence", "x" * 401), ("n_parameters", 0), ("n_parameters", -1),
        ("n_parameters", 1.5), ("n_parameters", "134M"), ("judge.identity_sha256", "0" * 40), ("judge.rubrics_sha256", {"kindness": "0" * 64}),
        ("prompts.version", "1.0"), ("prompts.sha256", {"fr": "0" * 64}), ("seeds.random", "0"), ("seeds.random", 0.5), ("seeds.random", None),
        ("not_trained_on_test_prompts", False), ("not_trained_on_test_prompts", "true"), ("not_trained_on_test_prompts", 1),
        ("reported", []), ("reported.0.score", 1.2), ("reported.0.score", -0.1), ("reported.0.score", "0.5"), ("reported.0.n", 0),
        ("reported.0.n", 216.5), ("reported.0.n_failed", -1), ("reported.0.dimension", "toxicty"), ("reported.0.language", "fr"),
        ("response_length.en", -1), ("response_length", {"fr": 10.0}), (":extra", 1), ("model.extra", 1), ("reported.0.extra", 1),
        ("model.revision", "0" * 40), (":trust_remote_code", False),
    ]  # fmt: skip
    for k, (path, value) in enumerate(more):
        yield Fault(f"manifest-value-{k}-{path}", "manifest: values", manifest_with(path, value), ("PA103",))
    for name, text in {
        "empty": b"",
        "list": b"- 1\n",
        "text": b"hello\n",
        "comment": b"# nothing\n",
        "null": b"null\n",
    }.items():
        yield Fault(f"manifest-is-{name}", "manifest: values", manifest_text(lambda _, t=text: t), ("PA103",))


def results_types() -> Iterator[Fault]:
    for name in ("results", "configs", "versions", "n-samples", "config", "task_hashes", "n-shot"):
        for label, value in {"null": None, "list": [], "text": "x", "gone": GONE}.items():
            yield Fault(f"results-{name}-{label}", "results: types", results_with(f":{name}", value), ("PA102",))
    task = "pluralign_en"
    for path, value, code in [
        (f"results.{task}", 3, "PA102"), (f"results.{task}", [], "PA102"), (f"results.{task}", {}, "PA106"),
        (f"configs.{task}", [], "PA102"), (f"configs.{task}", GONE, "PA102"), (f"configs.{task}.metadata", "x", "PA102"),
        (f"configs.{task}.metadata.judge_failures", [], "PA102"), (f"configs.{task}.metadata.judge_failures", {"timeout": 3}, "PA106"),
        (f"configs.{task}.metadata.judge_identity", [], "PA107"), (f"configs.{task}.metadata.judge_identity", GONE, "PA107"),
        (f"configs.{task}.metadata.judge", 3, "PA107"), (f"configs.{task}.metadata.judge", "", "PA107"),
        (f"n-samples.{task}", 216, "PA105"), (f"n-samples.{task}", GONE, "PA105"), (f"n-samples.{task}", {}, "PA106"),
        (f"results.{task}.sample_len", "216", "PA106"), (f"results.{task}:toxicity,none", "0.3", "PA106"),
        (f"results.{task}:toxicity,none", None, "PA106"), (f"results.{task}:toxicity,none", True, "PA106"),
        (f"results.{task}:toxicity,none", [0.3], "PA106"), (f"results.{task}:toxicity,none", {}, "PA106"),
        (f"results.{task}:toxicity_stderr,none", "N/A", "PA106"), (f"task_hashes.{task}", 3, "PA106"), (f"task_hashes.{task}", GONE, "PA106"),
    ]:  # fmt: skip
        yield Fault(
            f"results-{path}-{'gone' if value is GONE else value}", "results: types", results_with(path, value), (code,)
        )
    for name, data in {"list": b"[]", "number": b"3", "null": b"null", "text": b'"x"', "empty": b"", "two": b"{} {}", "bare": b"{a: 1}",
                       "comma": b'{"a": 1,}', "comment": b"{} // x", "single": b"{'a': 1}"}.items():  # fmt: skip
        yield Fault(f"results-is-{name}", "results: types", results_text(lambda _, d=data: d), ("PA102",))


def line_types() -> Iterator[Fault]:
    for path, value, code in [
        ("doc_id", "3", "PA105"), ("doc_id", True, "PA105"), ("doc_id", 3.0, "PA105"), ("doc_id", -1, "PA105"), ("doc_id", 216, "PA105"),
        ("doc_id", None, "PA105"), ("doc", [], "PA076"), ("doc", "x", "PA076"), ("doc", {}, "PA076"), ("doc.prompt_id", 3, "PA076"),
        ("doc.language", "fr", "PA076"), ("target", None, "PA105"), ("target", "x", "PA105"), ("arguments", None, "PA105"),
        ("arguments", [], "PA105"), ("arguments.gen_args_0", [], "PA105"), ("arguments.gen_args_0.arg_0", 3, "PA105"),
        ("arguments.gen_args_0.arg_1", None, "PA104"), ("resps", None, "PA102"), ("resps", "x", "PA102"), ("resps", [["a"], ["b"]], "PA102"),
        ("resps", [["a", "b"]], "PA102"), ("resps", [[3]], "PA102"), ("resps", [[[["deep"]]]], "PA102"), ("filtered_resps", None, "PA076"),
        ("filtered_resps", "x", "PA076"), ("filtered_resps", ["{}", "{}"], "PA076"), ("filtered_resps", ["[]"], "PA076"),
        ("filtered_resps", [3], "PA076"), ("filtered_resps", ["{"], "PA102"), ("metrics", None, "PA106"), ("metrics", "toxicity", "PA106"),
        ("metrics", ["toxicity"], "PA106"), ("toxicity", None, "PA106"), ("toxicity", "0.3", "PA106"), ("toxicity", True, "PA106"),
        ("toxicity", [], "PA106"), ("toxicity", GONE, "PA106"), ("doc_hash", None, "PA105"), ("unknown", 1, "PA102"), ("helpfulness", 0.5, "PA106"),
    ]:  # fmt: skip
        shown = "gone" if value is GONE else json.dumps(value)
        yield Fault(f"line-{path}-{shown}", "lines: types", row_with(path, value), (code,))
    for path, value, code in [
        ("response", None, "PA076"), ("response", 3, "PA076"), ("thinking_truncated", 1, "PA076"), ("judgements", [], "PA076"),
        ("judgements", {}, "PA107"), ("judgements.toxicity", None, "PA076"), ("judgements.toxicity", {}, "PA076"),
        ("judgements.toxicity.score", 0.99, "PA076"), ("judgements.toxicity.score", 5.01, "PA076"), ("judgements.toxicity.score", "3", "PA076"),
        ("judgements.toxicity.score", True, "PA076"), ("judgements.toxicity.score", None, "PA076"), ("judgements.toxicity.failure", "timeout", "PA076"),
        ("judgements.toxicity", {"failure": "tired", "judge": made_runs.JUDGE}, "PA076"), ("judgements.kindness", {"score": 3}, "PA107"),
        ("judgements.helpfulness", {"score": 3, "judge": made_runs.JUDGE}, "PA107"), ("judgements.toxicity", GONE, "PA107"),
    ]:  # fmt: skip
        yield Fault(
            f"record-{path}-{'gone' if value is GONE else json.dumps(value)}",
            "lines: types",
            record_with(path, value),
            (code,),
        )
    for name, line in {
        "list": b"[]",
        "number": b"3",
        "no-json": b"nothing",
        "two-objects": b"{} {}",
        "null": b"null",
    }.items():
        yield Fault(f"line-is-{name}", "lines: types", samples_text(partial(_line_is, line)), ("PA102",))


def _line_is(line: bytes, data: bytes) -> bytes:
    rows = data.splitlines()
    rows[7] = line
    return b"\n".join(rows) + b"\n"


# --- numbers ---------------------------------------------------------------------------------------------------------

ODD_NUMBERS = {
    "nan": b"NaN", "infinity": b"Infinity", "minus-infinity": b"-Infinity", "1e999": b"1e999", "minus-1e999": b"-1e999",
    "400-digits": b"9" * 400, "5000-digits": b"9" * 5000, "1e308": b"1e308", "leading-zero": b"007", "hex": b"0x1F", "plus": b"+1",
    "minus-zero-text": b'"-0"', "decimal-comma": b"0,5",
}  # fmt: skip


def numbers() -> Iterator[Fault]:
    for name, raw in ODD_NUMBERS.items():
        placed = partial(_number, raw)
        codes = ("PA102", "PA106", "PA104", "PA107", "PA076", "PA105")
        yield Fault(f"results-mean-{name}", "numbers", results_text(partial(placed, b'"toxicity,none": ')), codes)
        yield Fault(f"results-date-{name}", "numbers", results_text(partial(placed, b'"date": ')), codes)
        yield Fault(f"line-metric-{name}", "numbers", samples_text(partial(placed, b'"toxicity": ')), codes)
        yield Fault(f"line-doc-id-{name}", "numbers", samples_text(partial(placed, b'"doc_id": ')), codes)
        yield Fault(f"judgement-{name}", "numbers", samples_text(partial(placed, b'\\"score\\": ')), codes)
        if name not in ("minus-zero-text", "decimal-comma"):
            yield Fault(
                f"manifest-{name}", "numbers", manifest_text(partial(placed, b"score: ")), ("PA102", "PA103", "PA106")
            )
    for name in (".nan", ".inf", "-.Inf", "1_000", "0o7", "0b1", "1e-3", "12:30:45", "1.", "yes", "0.30 0.31", "'0.3'"):
        yield Fault(
            f"yaml-number-{name}",
            "numbers",
            manifest_text(partial(_number, name.encode(), b"score: ")),
            ("PA102", "PA103", "PA106"),
        )


def _number(raw: bytes, key: bytes, data: bytes) -> bytes:
    """Put a number's text in the place of the first one after a key."""
    begin = data.index(key) + len(key)
    end = begin
    while data[end : end + 1] not in (b",", b"}", b"\n"):
        end += 1
    return data[:begin] + raw + data[end:]


# --- sizes -----------------------------------------------------------------------------------------------------------


def _zeros(n: int, member: bytes = b"\0" * MIB) -> bytes:
    out = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(out.compress(member) for _ in range(n)), out.flush()])


def _just_under_the_ratio(member: bytes, n: int) -> bytes:
    """A bomb whose header carries enough that it unpacks to no more than 190 bytes a packed one."""
    body = _zeros(n, member)[10:]
    extra = os.urandom(60_000)
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\x03" + len(extra).to_bytes(2, "little") + extra
    filler = gzip.compress(b"", mtime=0)
    filler = filler[:3] + b"\x04" + filler[4:10] + len(extra).to_bytes(2, "little") + extra + filler[10:]
    return filler * (n * len(member) // 190 // 60_000 + 1) + head + body


def _stuffed(name: str, stuff: str, n: int, data: bytes) -> bytes:
    """Some lines with a MiB of something in one key."""
    rows = data.splitlines()
    for k in range(n):
        row = json.loads(rows[k])
        row[name] = "STUFF"
        rows[k] = json.dumps(row).replace('"STUFF"', stuff).encode()
    return b"\n".join(rows) + b"\n"


def _in_record(stuff: str, n: int, data: bytes) -> bytes:
    """The same within the record, JSON text in JSON."""
    rows = data.splitlines()
    for k in range(n):
        row = json.loads(rows[k])
        row["filtered_resps"] = [row["filtered_resps"][0].replace('"judgements": {', stuff, 1)]
        rows[k] = json.dumps(row).encode()
    return b"\n".join(rows) + b"\n"


def _archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("samples.jsonl", "{}\n" * 1000)
    else:
        with tarfile.open(fileobj=out, mode=f"w:{kind.partition('.')[2]}") as archive:
            info = tarfile.TarInfo("../../escape.jsonl")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"{}\n"))
    return out.getvalue()


def sizes() -> Iterator[Fault]:
    def samples_are(name: str, make: Callable[[], bytes], *codes: str) -> Fault:
        return Fault(name, "sizes and archives", samples_bytes(lambda _: make()), codes)

    def stuffed(name: str, key: str, stuff: str, n: int, *codes: str) -> Fault:
        return Fault(name, "sizes and archives", samples_text(partial(_stuffed, key, stuff, n)), codes)

    yield samples_are("bomb-of-zeros", lambda: _zeros(1024), "PA101")
    yield samples_are("bomb-of-lines", lambda: _zeros(128, b"\n" * MIB), "PA101")
    yield samples_are("bomb-of-blanks", lambda: _zeros(128, b" " * MIB), "PA101")
    yield samples_are("bomb-of-objects", lambda: _zeros(128, b"{}\n" * (MIB // 3)), "PA101", "PA105")
    yield samples_are("bomb-of-brackets", lambda: _zeros(128, b"[" * MIB), "PA101")
    for name, member in {"lines": b"\n" * MIB, "blank-lines": (b" " * 99 + b"\n") * (MIB // 100), "zeros": b"\0" * MIB,
                         "long-lines": b"0" * (MIB - 1) + b"\n"}.items():  # fmt: skip
        yield samples_are(f"slow-bomb-of-{name}", partial(_just_under_the_ratio, member, 60), "PA101", "PA102", "PA105")
    yield samples_are("a-hundred-members", lambda: gzip.compress(b"{}\n", mtime=0) * 100, "PA101", "PA102", "PA105")
    yield samples_are("a-half-million-empty-members", lambda: gzip.compress(b"", mtime=0) * 500_000, "PA101")
    yield samples_are("a-half-million-members", lambda: gzip.compress(b"x", mtime=0) * 500_000, "PA101")
    yield Fault(
        "gzip-in-gzip",
        "sizes and archives",
        samples_bytes(lambda d: gzip.compress(d, mtime=0)),
        ("PA102", "PA105", "PA101"),
    )
    yield Fault(
        "gzip-in-gzip-in-gzip",
        "sizes and archives",
        samples_bytes(lambda d: gzip.compress(gzip.compress(d))),
        ("PA102", "PA105", "PA101"),
    )
    yield Fault("plain-text-named-gz", "sizes and archives", samples_bytes(gzip.decompress), ("PA100",))
    yield Fault(
        "bzip2-named-gz", "sizes and archives", samples_bytes(lambda d: bz2.compress(gzip.decompress(d))), ("PA100",)
    )
    yield Fault(
        "zlib-named-gz", "sizes and archives", samples_bytes(lambda d: zlib.compress(gzip.decompress(d))), ("PA100",)
    )
    yield samples_are("zip-named-gz", partial(_archive, "zip"), "PA100")
    yield samples_are("tar-named-gz", partial(_archive, "tar."), "PA100")
    yield samples_are("tar-gz-named-gz", partial(_archive, "tar.gz"), "PA102", "PA105")
    yield Fault("too-many-lines", "sizes and archives", samples_text(lambda d: d * 12), ("PA105", "PA101"))
    yield Fault("blank-lines", "sizes and archives", samples_text(lambda d: d + b"\n" * 3000), ("PA101",))
    yield Fault("line-of-two-MiB", "sizes and archives", row_with("resps", [["x" * (2 * MIB)]]), ("PA101",))
    yield Fault("no-line-end", "sizes and archives", samples_text(lambda d: d.replace(b"\n", b" ")), ("PA102", "PA105"))
    lists, maps = "[" + ",".join(["[]"] * 330_000) + "]", "[" + ",".join(["{}"] * 330_000) + "]"
    keys = "{" + ",".join(f'"{k:05}":0' for k in range(99_999)) + ',"00001":1}'
    yield stuffed("lists-of-lists", "resps", lists, 40, "PA102")
    yield stuffed("lists-of-mappings", "arguments", maps, 40, "PA102")
    yield stuffed("repeated-key-after-many", "doc", keys, 6, "PA102")
    yield stuffed("many-keys", "doc", keys.replace(',"00001":1', ""), 20, "PA102")
    yield stuffed("deep-lists", "resps", "[" * 50_000 + "]" * 50_000, 3, "PA102")
    yield stuffed("levels-beyond-the-bound", "resps", "[" * 70 + "]" * 70, 1, "PA102")
    yield stuffed("long-names-of-nothing", "doc", '{"' + "k" * 900_000 + '": 1}', 40, "PA076")
    yield stuffed("long-ids", "doc_id", '"' + "\\u0001" * 170_000 + '"', 40, "PA105")
    yield stuffed("wide-texts", "resps", '[["' + "\\ud83d\\ude00" + "x" * 1_000_000 + '"]]', 50, "PA106", "PA101")
    yield stuffed("wide-thinking", "resps", '[["<think>ä' + "ä" * 150_000 + '"]]', 50, "PA106", "PA101")
    for name, stuff in {
        "deep-record": '"judgements": ' + "[" * 50_000 + "]" * 50_000 + ', "x": {',
        "record-of-many-dimensions": '"judgements": {' + "".join(f'"dimension{k}": 1, ' for k in range(40_000)),
        "record-of-unknown-dimensions": '"judgements": {' + "".join(f'"toxicit{k}": 1, ' for k in range(1500)),
        "record-with-a-key-twice": '"response": "other", "judgements": {',
        "record-with-nan": '"x": NaN, "judgements": {',
        "record-with-400-digits": '"x": ' + "9" * 400 + ', "judgements": {',
        "record-with-5000-digits": '"x": ' + "9" * 5000 + ', "judgements": {',
        "record-of-half-characters": '"x": "\\ud800", "judgements": {',
        "record-of-a-long-reason": '"x": "' + "x" * 200_000 + '", "judgements": {',
    }.items():
        n = 100 if "unknown" in name else 5
        codes = ("PA102", "PA107", "PA101")
        yield Fault(name, "sizes and archives", samples_text(partial(_in_record, stuff, n)), codes)
    yield Fault(
        "manifest-beyond-its-bound", "sizes and archives", manifest_text(lambda d: d + b"# x\n" * 20_000), ("PA101",)
    )
    yield Fault("manifest-with-a-long-text", "sizes and archives", manifest_with("command", "x" * 60_000), ("PA103",))
    yield Fault(
        "results-beyond-their-bound", "sizes and archives", results_text(lambda d: d + b" " * 5 * MIB), ("PA101",)
    )
    for name in ("manifest_path", "results_path"):
        yield Fault(
            f"sparse-{name}",
            "sizes and archives",
            lambda one, n=name: os.truncate(getattr(one, n), 1 << 40),
            ("PA101",),
        )
    yield Fault(
        "sparse-samples", "sizes and archives", lambda one: os.truncate(one.samples_path(), 1 << 40), ("PA101",)
    )
    for name, data in {
        "results-of-lists": b'{"x": [' + b",".join([b"[]"] * 1_300_000) + b"]}",
        "results-deep": b'{"x": ' + b"[" * 1_500_000 + b"]" * 1_500_000 + b"}",
        "results-with-a-key-twice-after-many": b"{"
        + b",".join(b'"%06d":0' % k for k in range(350_000))
        + b',"000001":1}',
        "results-of-one-long-number": b'{"x": ' + b"9" * 4_000_000 + b"}",
        "results-of-one-long-decimal": b'{"x": 0.' + b"9" * 4_000_000 + b"}",
        "results-of-one-long-text": b'{"x": "' + b"\\u0001" * 600_000 + b'"}',
    }.items():
        yield Fault(name, "sizes and archives", results_text(lambda _, d=data: d), ("PA102",))
    many = {f"pluralign_x{k}": {} for k in range(100_000)}
    yield Fault(
        "results-of-many-tasks",
        "sizes and archives",
        results_with("results", lambda old: {**old, **many}),
        ("PA102", "PA104"),
    )


# --- YAML ------------------------------------------------------------------------------------------------------------


def yaml_tricks() -> Iterator[Fault]:
    laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 12)
    )
    for name, text in {
        "aliases": laughs, "self-alias": "a: &a [*a]\n", "alias": "a: &a x\nb: *a\n", "merge": "a: &a {x: 1}\n<<: *a\n",
        "merge-key-alone": "<<: {method: dpo}\n", "tag-python": "a: !!python/object/apply:os.system ['true']\n",
        "tag-str": "a: !!str 3\n", "tag-own": "a: !thing 3\n", "tag-binary": "a: !!binary aGVsbG8=\n", "tag-bare": "a: ! 3\n",
        "tag-declared": "%TAG ! tag:yaml.org,2002:\n---\na: !str 3\n", "key-twice": "method: none\nmethod: dpo\n",
        "key-number": "3: x\n", "key-null": "~: x\n", "key-list": "? [a, b]\n: x\n", "key-mapping": "? {a: b}\n: x\n", "two-documents": "a: 1\n---\nb: 2\n",
        "tab": "a:\n\t- b\n", "unclosed-quote": "a: 'x\n", "unclosed-list": "a: [x\n", "deep-flow": "a: " + "[" * 30_000 + "\n",
        "deep-mappings": "a: " + "{a: " * 15_000 + "\n", "deep-block": "".join(" " * k + "-\n" for k in range(330)),
        "deep-dashes": "- " * 30_000 + "\n", "levels-beyond-the-bound": "a: " + "[" * 70 + "]" * 70 + "\n", "many-unknown": "".join(f"k{k}: 1\n" for k in range(6000)),
        "many-near": "".join(f"licenc{k}: 1\n" for k in range(4500)), "key-twice-after-many": "".join(f"k{k}: 1\n" for k in range(5500)) + "k1: 2\n",
        "many-questions": "? " * 20_000 + "\n", "many-colons": "a: b: c\n", "long-key": "k" * 50_000 + ": 1\n", "directive": "%YAML 9.9\n---\na: 1\n",
        "date": "licence: 2026-01-02\nmodel: 2026-01-02\n", "block-text": "a: |\n" + "  x\n" * 15_000,
    }.items():  # fmt: skip
        yield Fault(f"yaml-{name}", "YAML", manifest_text(lambda _, t=text: t.encode()), ("PA102", "PA103"))
    for name, text in {
        "alias": "contact: &c me\nhardware2: *c\n",
        "key": "licence: mit\n",
        "document": "---\nx: 1\n",
    }.items():
        yield Fault(
            f"yaml-appended-{name}", "YAML", manifest_text(lambda d, t=text: d + t.encode()), ("PA102", "PA103")
        )


# --- places ----------------------------------------------------------------------------------------------------------


def _renamed(one: Copy, old: str, new: str) -> None:
    path = next(one.folder.glob(old))
    path.rename(one.folder / new.replace("*", path.name.split("_")[-1]))


def _moved(one: Copy, own: str | None = None, parent: str | None = None) -> None:
    target = one.folder.parent.parent / (parent or one.folder.parent.name) / (own or one.folder.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    one.folder.rename(target)
    one.folder = target


def _linked(one: Copy, name: str, target: str = "") -> None:
    """A file becomes a link: to a copy of it elsewhere, or to what is named."""
    path = next(one.folder.glob(name))
    aside = one.folder.parent.parent / f"aside-{path.name}"
    path.rename(aside)
    path.symlink_to(target or aside)


def _added(one: Copy, name: str, data: bytes = b"x") -> None:
    path = one.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def _made_special(one: Copy, name: str, kind: str) -> None:
    path = next(one.folder.glob(name))
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        import socket

        here = os.open(one.folder, os.O_RDONLY)  # a socket's path may be a hundred bytes long at most
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def places() -> Iterator[Fault]:
    def fault(name: str, break_: Break) -> Fault:
        return Fault(name, "places and files", break_, ("PA100",), placed=True)

    for name in ("manifest.yaml", "results_*", "samples_*"):
        yield fault(f"link-{name}", partial(_linked, name=name))
        yield fault(f"link-to-a-secret-{name}", partial(_linked, name=name, target="/etc/passwd"))
        yield fault(f"link-to-nothing-{name}", partial(_linked, name=name, target="/nowhere"))
        yield fault(f"link-to-endless-{name}", partial(_linked, name=name, target="/dev/zero"))
        yield fault(f"link-to-itself-{name}", partial(_linked, name=name, target=name))
        yield fault(f"missing-{name}", lambda one, n=name: next(one.folder.glob(n)).unlink())
        for kind in ("fifo", "folder", "socket"):
            yield fault(f"{kind}-{name}", partial(_made_special, name=name, kind=kind))
    for name in (
        ".hidden", "README.md", "model.safetensors", "pytorch_model.bin", "modeling_x.py", "setup.py", "manifest.yml", "Manifest.yaml", "manifest.yaml~",
        ".git/config", "sub/manifest.yaml", "manifest.yaml ", " manifest.yaml", "manifest.yaml\n", "manifest\u200b.yaml", "mаnifest.yaml",
        "results_2025-06-01.json", "results_2025-06-01T00-03-51.044831.json.gz", "samples_pluralign_fr_2025-06-01T00-03-51.044831.jsonl.gz",
        "samples_pluralign_en_2025-06-01T00-03-51.044831.jsonl", "samples_pluralign_rater_2025-06-01T00-03-51.044831.jsonl.gz", "a\udcff", "\x1b[31mred",
        "\u202egpj.exe", "x" * 200, "CON", "results_2025-06-01T00-03-52.json", "results_２０２５-06-01T00-03-51.json",
    ):  # fmt: skip
        yield fault(f"extra-file-{name!a}", partial(_added, name=name))
    yield fault("twelve-files", lambda one: [_added(one, f"f{k}") for k in range(12)])
    yield fault("three-thousand-files", lambda one: [_added(one, f"f{k}") for k in range(3000)])
    for name in ("2025-06-01", "2025-06-01-0123456", "2025-06-01-0123456G", "latest", "2025-6-1-01234567", "2025-06-01-01234567", "..x",
                 "2024-06-01-" + "0" * 8, "２０２５-06-01-01234567"):  # fmt: skip
        yield fault(f"folder-named-{name!a}", partial(_moved, own=name))
    for name in (
        "acme",
        "acme__other",
        "acme--model-1B",
        "__model-1B",
        "acme__",
        ".acme__model-1B",
        "acme__model 1B",
        "acme__mödel",
    ):
        yield fault(f"model-folder-named-{name!a}", partial(_moved, parent=name))
    yield fault("folder-is-a-link", _folder_linked)
    yield fault("model-folder-is-a-link", _model_folder_linked)
    yield fault("folder-is-a-file", _folder_is_file)
    yield fault("folder-is-gone", lambda one: one.folder.rename(one.folder.with_name("elsewhere")))
    yield fault("empty-folder", lambda one: [path.unlink() for path in one.folder.iterdir()])
    for date in (
        "2025-02-30T00-03-51.044831",
        "2025-13-01T00-03-51.044831",
        "2025-06-01T24-03-51.044831",
        "0000-06-01T00-03-51.044831",
    ):
        yield Fault(f"no-such-date-{date}", "places and files", partial(_dated, date=date), ("PA100",))
    for date in (
        "2024-06-01T00-03-51.044831",
        "2025-05-30T00-03-51",
        "2025-09-01T00-03-51.044831",
        "1999-01-01T00-00-00",
        "9999-12-31T23-59-59",
    ):
        yield Fault(f"another-date-{date}", "places and files", partial(_dated, date=date), ("PA104",))
    yield fault("another-model", manifest_with("model.id", "acme/another"))
    yield fault("everything-edited-but-the-name", _edited_throughout)
    yield Fault(
        "files-of-two-runs",
        "places and files",
        lambda one: _renamed(one, "results_*", "results_2025-06-02T00-00-00.json"),
        ("PA100",),
    )


def _dated(one: Copy, date: str) -> None:
    for path in list(one.folder.iterdir()):
        path.rename(path.with_name(path.name.replace(made_runs.DATE, date)))


def _folder_linked(one: Copy) -> None:
    aside = one.folder.parent.parent / "aside"
    one.folder.rename(aside)
    one.folder.symlink_to(aside)


def _model_folder_linked(one: Copy) -> None:
    model = one.folder.parent
    model.rename(model.with_name("aside"))
    model.symlink_to(model.with_name("aside"))


def _folder_is_file(one: Copy) -> None:
    one.folder.rename(one.folder.with_name("aside"))
    one.folder.write_text("x")


def _edited_throughout(one: Copy) -> None:
    """A forger who knows every formula: only the name still follows from the contents."""
    from pluralign.leaderboard.answers import read_answers
    from pluralign.leaderboard.recompute import recomputed

    every_record(lambda k, held: held["judgements"]["toxicity"].update(score=1.0))(one)
    found = recomputed({"en": read_answers(one.samples_path(), "en", [])})
    for held, cell in zip(one.manifest["reported"], found.cells, strict=True):
        held |= {"score": cell.score.value, "low": cell.score.low, "high": cell.score.high}
    one.save_manifest()


# --- prompts and answers ----------------------------------------------------------------------------------------------


def prompts() -> Iterator[Fault]:
    def fault(
        name: str, edit: Callable[[list[dict[str, Any]]], Any], *codes: str, settled: bool = True, base: str = "en"
    ) -> Fault:
        return Fault(name, "prompts and answers", rows_with(edit, settled), codes, base)

    yield fault("one-line-missing", lambda rows: rows.pop(5), "PA105")
    yield fault("last-line-missing", lambda rows: rows.pop(), "PA105")
    yield fault("half-of-the-lines", lambda rows: rows.__delitem__(slice(108, None)), "PA105")
    yield fault("no-line", lambda rows: rows.clear(), "PA105", settled=False)
    yield fault("one-line-twice", lambda rows: rows.append(copy.deepcopy(rows[5])), "PA105")
    yield fault("one-line-in-place-of-another", lambda rows: rows.__setitem__(6, copy.deepcopy(rows[5])), "PA105")
    yield fault(
        "one-line-renumbered", lambda rows: rows.__setitem__(6, {**copy.deepcopy(rows[5]), "doc_id": 6}), "PA105"
    )
    yield fault("one-line-more", lambda rows: rows.append({**copy.deepcopy(rows[5]), "doc_id": 216}), "PA105")
    yield fault("two-documents-swapped", lambda rows: _swap(rows, "doc"), "PA105")
    yield fault("two-numbers-swapped", lambda rows: _swap(rows, "doc_id"), "PA105")
    yield fault("two-contexts-swapped", lambda rows: _swap(rows, "arguments"), "PA105")
    yield fault("two-answers-swapped", lambda rows: _swap(rows, "resps"), "PA106", settled=False)
    yield fault("two-records-swapped", lambda rows: _swap(rows, "filtered_resps"), "PA106", settled=False)
    yield fault("two-records-swapped-and-settled", lambda rows: _swap(rows, "filtered_resps"), "PA106")
    yield fault("lines-in-another-order", lambda rows: rows.reverse(), "PA106", settled=False)
    yield fault("lines-shuffled", lambda rows: random.Random(0).shuffle(rows), "PA106", settled=False)
    for name in ("prompt", "prompt_id", "template_id", "topic", "manner", "language"):
        yield fault(
            f"document-edited-{name}",
            lambda rows, n=name: rows[9]["doc"].update({n: rows[9]["doc"][n] + "."}),
            "PA105",
            "PA076",
        )
    yield fault("document-without-a-key", lambda rows: rows[9]["doc"].pop("topic"), "PA105")
    yield fault("document-with-one-more-key", lambda rows: rows[9]["doc"].update(hint="x"), "PA105")
    yield fault(
        "an-easier-prompt",
        lambda rows: [row["arguments"]["gen_args_0"].update(arg_0="Be nice.") for row in rows],
        "PA105",
    )
    for name, ask in {"words-before": "user\nBe nice. {}", "words-after": "user\n{} Be nice.", "another-turn": "user\n{}<|im_end|>\n<|im_start|>user\nHi.",
                      "an-answer-begun": "user\n{}<|im_end|>\n<|im_start|>assistant\nI hear you."}.items():  # fmt: skip
        yield fault(f"prompt-with-{name}", partial(_asked, ask=f"<|im_start|>{ask}"), "PA105")
    yield fault(
        "one-prompt-under-a-system-prompt", lambda rows: _asked(rows[4:5], "<|system|>Be nice.<|user|>{}"), "PA105"
    )
    yield fault(
        "one-prompt-cut",
        lambda rows: rows[4]["arguments"]["gen_args_0"].update(arg_0=rows[4]["doc"]["prompt"][:-1]),
        "PA105",
    )
    for name in ("doc_hash", "prompt_hash", "target_hash"):
        yield fault(f"foreign-{name}", lambda rows, n=name: rows[2].update({n: "0" * 64}), "PA105", settled=False)
        yield fault(f"missing-{name}", lambda rows, n=name: rows[2].pop(n), "PA105", settled=False)
        yield fault(
            f"hash-in-capitals-{name}",
            lambda rows, n=name: rows[2].update({n: rows[2][n].upper()}),
            "PA105",
            settled=False,
        )
        if name != "target_hash":  # which is one for all
            yield fault(f"hashes-swapped-{name}", lambda rows, n=name: _swap(rows, n), "PA105", settled=False)
    yield fault(
        "an-answer-edited-in-the-record", lambda rows: _edit_record(rows[3], response="I would rather not."), "PA106"
    )
    yield fault("an-answer-edited-in-resps", lambda rows: rows[3].update(resps=[["I would rather not."]]), "PA106")
    yield fault(
        "one-character-of-an-answer", lambda rows: rows[3].update(resps=[[rows[3]["resps"][0][0] + "!"]]), "PA106"
    )
    yield fault(
        "thinking-kept-in-the-record",
        lambda rows: rows[3].update(resps=[["<think>x</think>" + rows[3]["resps"][0][0] + "y"]]),
        "PA106",
    )
    yield fault(
        "cut-off-thinking-called-an-answer",
        lambda rows: rows[3].update(resps=[["<think>" + rows[3]["resps"][0][0]]]),
        "PA106",
    )
    yield fault("an-answer-called-cut-off", lambda rows: _edit_record(rows[3], thinking_truncated=True), "PA106")
    yield Fault("german-answers-to-english-prompts", "prompts and answers", _languages_swapped, ("PA105",), "both")
    yield Fault(
        "german-file-missing", "prompts and answers", lambda one: one.samples_path("de").unlink(), ("PA105",), "both"
    )
    yield Fault(
        "english-file-missing", "prompts and answers", lambda one: one.samples_path("en").unlink(), ("PA100",), "both"
    )
    yield Fault(
        "german-file-is-the-english-one",
        "prompts and answers",
        lambda one: one.put_text(one.text("en"), "de"),
        ("PA105",),
        "both",
    )
    yield Fault(
        "german-task-not-run", "prompts and answers", results_with("results.pluralign_de", GONE), ("PA105",), "both"
    )
    yield Fault(
        "english-task-not-run", "prompts and answers", results_with("results.pluralign_en", GONE), ("PA104",), "both"
    )
    yield Fault("german-file-of-another-run", "prompts and answers", _german_of_another_run, ("PA106",), "both")


def _asked(rows: list[dict[str, Any]], ask: str) -> None:
    for row in rows:
        row["arguments"]["gen_args_0"]["arg_0"] = ask.replace("{}", row["doc"]["prompt"])


def _edit_record(row: dict[str, Any], **change: Any) -> None:
    put_record(row, {**record(row), **change})


def _languages_swapped(one: Copy) -> None:
    en, de = one.samples_path("en"), one.samples_path("de")
    a, b = en.read_bytes(), de.read_bytes()
    en.write_bytes(b)
    de.write_bytes(a)


def _german_of_another_run(one: Copy) -> None:
    one.rows["de"] = made_runs.made(seed=99, languages=("de",)).rows["de"]
    one.save_rows()


# --- scores ----------------------------------------------------------------------------------------------------------


def scores() -> Iterator[Fault]:
    def nudge(value: float) -> float:
        return value * (1 - 1e-6)

    def fault(name: str, break_: Break, base: str = "en") -> Fault:
        return Fault(name, "scores", break_, ("PA106",), base)

    metrics = ("toxicity", "emotional_awareness", "response_length")
    for name in metrics:
        yield fault(f"line-{name}", row_with(name, nudge))
        yield fault(f"mean-{name}", results_with(f"results.pluralign_en:{name},none", nudge))
        yield fault(f"error-{name}", results_with(f"results.pluralign_en:{name}_stderr,none", nudge))
        for part in ("results", "groups"):
            yield fault(f"{part}-group-{name}", results_with(f"{part}.pluralign:{name},none", nudge), "both")
            yield fault(
                f"{part}-group-error-{name}", results_with(f"{part}.pluralign:{name}_stderr,none", nudge), "both"
            )
        yield fault(f"mean-gone-{name}", results_with(f"results.pluralign_en:{name},none", GONE))
        yield fault(f"group-mean-gone-{name}", results_with(f"groups.pluralign:{name},none", GONE), "both")
    yield fault("line-judge-failed", row_with("judge_failed", 0.5))
    yield fault("mean-judge-failed", results_with("results.pluralign_en:judge_failed,none", 0.01))
    for k, name in enumerate(made_runs.DIMENSIONS):
        yield fault(f"judgement-{name}", record_with(f"judgements.{name}.score", nudge))
        yield fault(f"judgement-and-metric-{name}", lambda one, n=name: _score_and_metric(one, n))
        yield fault(f"judgement-metric-and-means-{name}", record_with(f"judgements.{name}.score", nudge, settled=True))
        for field in ("score", "low", "high"):
            yield fault(f"manifest-{name}-{field}", manifest_with(f"reported.{k}.{field}", nudge))
        yield fault(f"manifest-{name}-n", manifest_with(f"reported.{k}.n", 215))
        yield fault(f"manifest-{name}-n-failed", manifest_with(f"reported.{k}.n_failed", 1))
    yield fault("manifest-length", manifest_with("response_length.en", nudge))
    yield fault("manifest-length-of-german", manifest_with("response_length.de", nudge), "both")
    yield fault("manifest-length-of-german-gone", manifest_with("response_length.de", GONE), "both")
    yield fault("manifest-score-gone", manifest_with("reported.0", GONE))
    yield fault("manifest-score-twice", manifest_with("reported", lambda old: [*old, old[0]]))
    yield fault(
        "manifest-score-of-nobody",
        manifest_with("reported", lambda old: [*old, {**old[0], "dimension": "helpfulness"}]),
    )
    yield fault(
        "manifest-scores-swapped",
        manifest_with(
            "reported",
            lambda old: [{**old[0], "dimension": old[1]["dimension"]}, {**old[1], "dimension": old[0]["dimension"]}],
        ),
    )
    yield fault("manifest-languages-swapped", manifest_with("reported", _languages_of_scores_swapped), "both")
    yield fault(
        "manifest-of-another-run",
        manifest_with("reported", lambda old: [{**one, "score": 1 - one["score"]} for one in old]),
    )
    yield fault("percent", manifest_with("reported.0.score", lambda old: old / 100))
    yield fault("task-hash", results_with("task_hashes.pluralign_en", "0" * 64))
    yield fault("sample-len", results_with("results.pluralign_en.sample_len", 215))
    yield fault("number-of-samples", results_with("n-samples.pluralign_en", {"original": 400, "effective": 400}))
    yield fault("group-sample-len", results_with("results.pluralign.sample_len", 216), "both")
    yield fault("group-count", results_with("groups.pluralign.sample_count:toxicity,none", 216), "both")
    yield fault("group-count-is-text", results_with("groups.pluralign.sample_count", "many"), "both")
    yield fault("metric-of-another-filter", results_with("results.pluralign_en:toxicity,best", 0.0))
    yield fault("error-of-another-filter", results_with("results.pluralign_en:toxicity_stderr,best", 0.0))
    yield fault("metric-that-no-sample-has", results_with("results.pluralign_en:helpfulness,none", 0.9))
    yield fault("metric-without-filter", results_with("results.pluralign_en.toxicity", 0.1))
    yield fault("group-metric-that-no-sample-has", results_with("groups.pluralign:helpfulness,none", 0.9), "both")
    yield fault("lower-is-better-turned", results_with("results.pluralign_en:toxicity,none", lambda old: 1 - old))


def _score_and_metric(one: Copy, name: str) -> None:
    row = one.rows["en"][3]
    held = record(row)
    held["judgements"][name]["score"] *= 1 - 1e-6
    put_record(row, held)
    row[name] = (held["judgements"][name]["score"] - 1) / 4
    one.save_rows()


def _languages_of_scores_swapped(old: list[dict[str, Any]]) -> list[dict[str, Any]]:
    turned = {"en": "de", "de": "en", "both": "both"}
    return [{**one, "language": turned[one["language"]]} for one in old]


# --- judges ----------------------------------------------------------------------------------------------------------


def judges() -> Iterator[Fault]:
    def fault(name: str, break_: Break, *codes: str, base: str = "en") -> Fault:
        return Fault(name, "judges", break_, codes or ("PA107",), base)

    def judged_by(name: str, which: Callable[[int], bool]) -> Callable[[int, dict[str, Any]], None]:
        def change(k: int, held: dict[str, Any]) -> None:
            if which(k):
                for one in held["judgements"].values():
                    one["judge"] = name

        return change

    yield fault("another-judge-in-one-line", every_record(judged_by("lenient", lambda k: k == 5)))
    yield fault("another-judge-in-half-of-the-lines", every_record(judged_by("lenient", lambda k: k % 2 == 0)))
    yield fault("another-judge-throughout", every_record(judged_by("lenient", lambda _: True)))
    yield fault("no-judge-in-one-line", every_record(judged_by("", lambda k: k == 5)))
    yield fault("no-judge-throughout", every_record(judged_by("", lambda _: True)))
    yield fault(
        "another-judge-in-german", every_record(judged_by("lenient", lambda _: True), language="de"), base="both"
    )
    yield fault("no-judgement", every_record(lambda k, held: held.update(judgements={})))
    yield fault("one-line-not-judged", every_record(lambda k, held: k == 7 and held.update(judgements={})))
    yield fault(
        "one-dimension-less-in-one-line", every_record(lambda k, held: k == 7 and held["judgements"].pop("toxicity"))
    )
    yield fault(
        "one-dimension-less-in-german",
        every_record(lambda k, held: held["judgements"].pop("toxicity"), language="de"),
        base="both",
    )

    def failing(kind: str, which: Callable[[int], bool]) -> Callable[[int, dict[str, Any]], None]:
        def change(k: int, held: dict[str, Any]) -> None:
            if which(k):
                held["judgements"]["toxicity"] = {"failure": kind, "detail": "", "judge": made_runs.JUDGE}

        return change

    for kind in ("timeout", "refused", "unparsable", "too_long", "budget"):
        yield fault(f"too-many-{kind}", every_record(failing(kind, lambda k: k < 30)))
    yield fault("every-judgement-failed", every_record(failing("timeout", lambda _: True)))
    yield fault("worst-answers-called-empty", every_record(failing("empty_answer", lambda k: k % 7 == 0)))
    yield fault("one-answer-called-empty", every_record(failing("empty_answer", lambda k: k == 3)))
    yield fault("one-answer-called-cut-off", every_record(failing("thinking_truncated", lambda k: k == 3)))

    def silent(rows: list[dict[str, Any]]) -> None:
        rows[3]["resps"] = [[" "]]
        _edit_record(rows[3], response="")

    yield fault("nothing-scored-as-an-answer", rows_with(silent, settled=True))
    task = "configs.pluralign_en.metadata"
    yield fault("another-judge-in-the-results", results_with(f"{task}.judge", "lenient"), "PA104", "PA107")
    yield fault(
        "another-identity-in-the-results",
        results_with(f"{task}.judge_identity", {"judge": made_runs.JUDGE, "weights": "0"}),
        "PA104",
    )
    yield fault(
        "another-identity-in-german",
        results_with("configs.pluralign_de.metadata.judge_identity", {"judge": "x"}),
        base="both",
    )
    yield fault("another-judge-name-in-german", results_with("configs.pluralign_de.metadata.judge", "x"), base="both")
    yield fault("another-judge-in-the-manifest", manifest_with("judge.name", "openai:gpt-5"), "PA104")
    yield fault("another-identity-in-the-manifest", manifest_with("judge.identity_sha256", "0" * 64), "PA104")
    yield fault("another-rubric", manifest_with("judge.rubrics_sha256.toxicity", "0" * 64), "PA104")
    yield fault("rubric-missing", manifest_with("judge.rubrics_sha256.toxicity", GONE), "PA104")
    yield fault("rubric-too-many", manifest_with("judge.rubrics_sha256.helpfulness", "0" * 64), "PA104")
    for name, value in {"list-of-parts": {"parts": [1, 2]}, "empty-part": {"parts": {"a": None}}, "text": "x", "jury-of-nobody": {"kind": "jury"}}.items():  # fmt: skip
        yield fault(f"provenance-{name}", results_with(f"{task}.judge_provenance", value))
    yield fault("version-that-is-a-text", results_with(f"{task}.judge_identity.versions", {"a": "the best"}))
    yield fault("failures-not-told", results_with(f"{task}.judge_failures", {"refused": 3}), "PA106")


# --- settings --------------------------------------------------------------------------------------------------------


def settings() -> Iterator[Fault]:
    def fault(name: str, break_: Break, *codes: str, base: str = "en") -> Fault:
        return Fault(name, "settings", break_, codes, base)

    for value in (10, 0.5, 216, "10", 0):
        yield fault(f"limit-{value!r}", results_with("config.limit", value), "PA105")
    yield fault("fewer-than-all", results_with("n-samples.pluralign_en", {"original": 216, "effective": 100}), "PA105")
    for value in (1, 5, "0", None, 0.0, False):
        yield fault(f"few-shot-{value}", results_with("n-shot.pluralign_en", value), "PA104")
    for value in ("0.9.0", "1.0.1", 1.0, None):
        yield fault(f"task-version-{value}", results_with("versions.pluralign_en", value), "PA104")
        yield fault(
            f"task-version-in-metadata-{value}", results_with("configs.pluralign_en.metadata.version", value), "PA104"
        )
    for value in ("0" * 64, None, 3):
        yield fault(
            f"prompts-hash-{value}", results_with("configs.pluralign_en.metadata.prompts_sha256", value), "PA104"
        )
    yield fault("prompts-hash-in-the-manifest", manifest_with("prompts.sha256.en", "0" * 64), "PA104")
    yield fault("prompts-version-in-the-manifest", manifest_with("prompts.version", "1.0.1"), "PA104")
    yield fault("prompts-language-too-many", manifest_with("prompts.sha256.de", "0" * 64), "PA104")
    for name in ("mmlu", "pluralign_rater", "pluralign_fr", "pluralign_en_easy", ""):
        yield fault(f"foreign-task-{name}", results_with(f"results:{name}", {"acc,none": 1.0}), "PA104")
    for value in ("0.4.9", "0.3.0", "1.0.0", "99.0.0", "x", "", None, 4, "0.4"):
        yield fault(f"lm-eval-{value!r}", results_with(":lm_eval_version", value), "PA104")
    for value in (0, -1, 1e9, 4e12, "now", None, True, [], 1_735_689_599):
        yield fault(f"date-{value}", results_with(":date", value), "PA104")
    for name in ("random", "numpy", "torch", "fewshot"):
        yield fault(f"seed-{name}", manifest_with(f"seeds.{name}", 4321), "PA104")
    yield fault("parameters", manifest_with("n_parameters", 7_000_000_000), "PA104")
    yield fault("precision", manifest_with("precision", "float32"), "PA104")
    yield fault("model-on-the-hub-of-another-name", _as_hub("acme/other", "a" * 40), "PA104")
    yield fault("model-on-the-hub-of-another-revision", _as_hub("acme/model-1B", "b" * 40), "PA104")
    for name, value in {"max_gen_toks": 4096, "temperature": 0.7, "do_sample": True}.items():
        yield fault(f"generation-in-one-line-{name}", row_with(f"arguments.gen_args_0.arg_1.{name}", value), "PA104")
    yield fault("generation-setting-added-in-one-line", row_with("arguments.gen_args_0.arg_1.best_of", 8), "PA104")
    yield fault("generation-setting-gone-in-one-line", row_with("arguments.gen_args_0.arg_1.do_sample", GONE), "PA104")
    yield fault(
        "no-generation-settings",
        rows_with(lambda rows: [row["arguments"]["gen_args_0"].pop("arg_1") for row in rows]),
        "PA104",
    )
    yield fault(
        "long-generation-settings",
        rows_with(lambda rows: [row["arguments"]["gen_args_0"]["arg_1"].update(x="x" * 9000) for row in rows]),
        "PA101",
    )
    longer = rows_with(
        lambda rows: [row["arguments"]["gen_args_0"]["arg_1"].update(max_gen_toks=4096) for row in rows], language="de"
    )
    for name, value in {
        "max_gen_toks": "128; the best",
        "temperature": "0",
        "best_of": 8,
        "do_sample": 0,
        "until": 3,
    }.items():
        yield fault(f"generation-throughout-{name}", rows_with(partial(_generated, name=name, value=value)), "PA104")
    yield fault("other-generation-in-german", longer, "PA104", base="both")


def _generated(rows: list[dict[str, Any]], name: str, value: Any) -> None:
    for row in rows:
        row["arguments"]["gen_args_0"]["arg_1"][name] = value


def _as_hub(name: str, revision: str) -> Break:
    def edit(one: Copy) -> None:
        one.manifest["model"] = {"kind": "hub", "id": "acme/model-1B", "revision": "a" * 40}
        one.results["config"] |= {"model_args": f"pretrained={name},dtype=bfloat16", "model_sha": revision}
        one.save_manifest()
        one.save_results()

    return edit


# --- secrets, code, encodings ------------------------------------------------------------------------------------------


def secrets() -> Iterator[Fault]:
    for name, secret in {"hf": SECRET_HF, "sk": SECRET_SK, "gh": "ghp_" + "x1" * 18, "pat": "github_pat_" + "aB3" * 10,
                         "aws": "AKIA" + "ABCD1234" * 2, "google": "AIza" + "Sy3_-" * 7, "lab": "glpat-" + "aB3" * 7}.items():  # fmt: skip
        for path in ("command", "hardware", "contact"):
            break_ = manifest_with(path, lambda old, s=secret: f"{old} --token {s}")
            yield Fault(f"{name}-key-in-{path}", "secrets and code", break_, ("PA100",))
        yield Fault(
            f"{name}-key-in-model-args", "secrets and code", results_with("config.model_args.token", secret), ("PA100",)
        )
        yield Fault(
            f"{name}-key-in-results",
            "secrets and code",
            results_with(":pretty_env_info", f"TOKEN={secret}"),
            ("PA100",),
        )
    for k, given in enumerate([True, "True", "true", 1, "yes", "1", {"x": True}]):
        yield Fault(
            f"remote-code-{k}",
            "secrets and code",
            results_with("config.model_args.trust_remote_code", given),
            ("PA110",),
        )
    for k, given in enumerate(
        [
            "pretrained=a/b,trust_remote_code=True",
            "pretrained=a/b,trust_remote_code=true,dtype=auto",
            "trust_remote_code",
        ]
    ):
        yield Fault(f"remote-code-text-{k}", "secrets and code", results_with("config.model_args", given), ("PA110",))
    yield Fault(
        "remote-code-nested",
        "secrets and code",
        results_with("config.model_args.more", {"trust_remote_code": True}),
        ("PA110",),
    )
    for k, more in enumerate(
        [
            "--trust-remote-code",
            "--trust_remote_code",
            "--model_args pretrained=a/b,trust_remote_code=True",
            "TRUST_REMOTE_CODE=1",
        ]
    ):
        break_ = manifest_with("command", lambda old, m=more: f"{old} {m}")
        yield Fault(f"remote-code-in-the-command-{k}", "secrets and code", break_, ("PA110",))


def encodings() -> Iterator[Fault]:
    kind = "encodings"
    texts: dict[str, tuple[Callable[..., Break], tuple[str, ...]]] = {
        "manifest": (manifest_text, ("PA102", "PA103")), "results": (results_text, ("PA102",)), "samples": (samples_text, ("PA102", "PA105", "PA101")),
    }  # fmt: skip
    for name, (edit, codes) in texts.items():
        yield Fault(f"{name}-byte-order-mark", kind, edit(lambda d: b"\xef\xbb\xbf" + d), codes)
        yield Fault(f"{name}-utf-16", kind, edit(lambda d: d.decode().encode("utf-16")), codes)
        yield Fault(f"{name}-utf-32", kind, edit(lambda d: d.decode().encode("utf-32")), codes)
        for label, byte in {
            "no-utf-8": b"\xff",
            "overlong": b"\xc0\xaf",
            "cut": b"\xe2\x82",
            "surrogate": b"\xed\xa0\x80",
            "nul": b"\0",
        }.items():
            break_ = edit(lambda d, b=byte: d[: len(d) // 2] + b + d[len(d) // 2 :])
            yield Fault(f"{name}-{label}", kind, break_, codes)
    for label, escape in {"half": r"\ud800", "other-half": r"\udc00x", "turned": r"\udc00\ud800"}.items():
        yield Fault(
            f"results-{label}-character",
            kind,
            results_text(lambda d, e=escape: d[:-1] + f', "x": "{e}"}}'.encode()),
            ("PA102",),
        )
        yield Fault(
            f"results-key-{label}-character",
            kind,
            results_text(lambda d, e=escape: d[:-1] + f', "{e}": 1}}'.encode()),
            ("PA102",),
        )
        yield Fault(
            f"line-{label}-character",
            kind,
            samples_text(lambda d, e=escape: d.replace(b'"resps": [["', b'"resps": [["' + e.encode(), 1)),
            ("PA102",),
        )
        yield Fault(
            f"record-{label}-character",
            kind,
            samples_text(partial(_in_record, f'"x": "{escape}", "judgements": {{', 1)),
            ("PA102",),
        )
        both = rows_with(lambda rows, e=escape: _half_answer(rows[2], json.loads(f'"{e}"')), settled=False)
        yield Fault(f"answer-{label}-character", kind, both, ("PA102",))
        break_ = manifest_text(lambda d, e=escape: d.replace(b'contact: "', b'contact: "' + e.encode()))
        yield Fault(f"manifest-{label}-character", kind, break_, ("PA102", "PA103"))
    for name, escape in {"nul": r"\0", "escape": r"\e[31m", "bell": r"\a", "delete": r"\x7f", "c1": r"\x9b", "bidi": r"\u202e", "isolate": r"\u2066",
                         "zero-width": r"\u200b", "line-separator": r"\u2028", "return": r"\r", "mark": r"\ufeff", "soft-hyphen": r"\xad", "tag": r"\U000e0041"}.items():  # fmt: skip
        for field in ("contact", "command"):
            break_ = manifest_text(lambda d, e=escape, f=field: d.replace(f'{f}: "'.encode(), f'{f}: "{e}'.encode()))
            yield Fault(f"{field}-with-{name}", kind, break_, ("PA102", "PA103"))
    yield Fault("contact-of-two-lines", kind, manifest_with("contact", "a\nb"), ("PA103",))


def _half_answer(row: dict[str, Any], half: str) -> None:
    text = half + row["resps"][0][0]
    row["resps"] = [[text]]
    held = record(row)
    held["response"] = text
    row["filtered_resps"] = [json.dumps(held)]


def corpus() -> list[Fault]:
    """All of them."""
    makers = (truncated, manifest_types, results_types, line_types, numbers, sizes, yaml_tricks, places, prompts, scores, judges, settings, secrets, encodings)  # fmt: skip
    return [fault for make in makers for fault in make()]
