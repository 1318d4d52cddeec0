"""What the demo tells: steps on the terminal, each with its time, and the same as `demo.json`."""

import json
import time
from pathlib import Path
from typing import Any


class Story:
    """`step` begins a step, `show` adds lines to it, `note` keeps what a machine is to read."""

    def __init__(self, file: Path):
        self._file = file
        self._start = time.monotonic()
        self._steps: list[dict[str, Any]] = []
        self.notes: dict[str, Any] = {}
        self.told = False
        """Whether it came to its end."""

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._start, 1)

    def step(self, text: str) -> None:
        print(f"[{self.seconds:5.1f} s] {text}", flush=True)
        self._steps.append({"at": self.seconds, "step": text, "shown": []})

    def show(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            print(f"          {line}", flush=True)
            if self._steps:
                self._steps[-1]["shown"].append(line)

    def note(self, **values: Any) -> None:
        self.notes |= values

    def write(self, failed: str | None) -> None:
        """`demo.json`, format 1. Times are seconds since the demo's start; a step ends where the next one starts."""
        self.told = failed is None
        told = {
            "format": 1,
            "passed": failed is None,
            **({"failed": failed} if failed is not None else {}),
            "seconds": self.seconds,
            **self.notes,
            "steps": self._steps,
        }
        self._file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n")
