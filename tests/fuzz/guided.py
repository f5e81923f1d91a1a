"""Fuzz one target, guided by coverage: `python -m tests.fuzz.guided NAME SECONDS FOLDER CORPUS`, for tests.fuzz.

It needs Atheris, which is libFuzzer for Python. FOLDER gets the inputs that reach something new; CORPUS is begun with.
"""

from __future__ import annotations

import sys

import atheris

INSTRUMENTED = ["server", "filters", "aioice", "aiortc", "jwt"]
LIMIT = 5  # seconds that an input may take, with the instruments' weight
MEMORY = 3000  # MB


def main(name: str, seconds: str, folder: str, corpus: str) -> None:
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import targets
    target = targets()[name]

    def take(data: bytes) -> None:
        target.try_file(data)

    limits = [f"-timeout={LIMIT}", f"-rss_limit_mb={MEMORY}", f"-max_len={target.longest}"]
    ends = [f"-max_total_time={seconds}", f"-artifact_prefix={folder}/bad-"]
    atheris.Setup([sys.argv[0], *limits, *ends, folder, corpus], take)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
