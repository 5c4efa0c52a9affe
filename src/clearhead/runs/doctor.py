"""What is installed on this machine, what it has to compute with, and how to install what is missing."""

from __future__ import annotations

import glob
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from clearhead.core.memory import available_memory, show_bytes
from clearhead.runs.roofline import Roofline, stored

__all__ = ["Checkup", "Tool", "checkup"]

PACKAGES = ("clearhead", "torch", "numpy", "numba", "scikit-learn", "safetensors", "cyclopts")


@dataclass(frozen=True)
class Tool:
    """Something that parts of the software use where it is there. ``found`` is a path or version, None if absent."""

    name: str
    purpose: str
    found: str | None
    install: str

    def line(self) -> str:
        state = self.found if self.found else f"missing: {self.install}"
        return f"  {self.name:<22} {state}  ({self.purpose})"


@dataclass(frozen=True)
class Checkup:
    """What `checkup` found. Memory and disk are in bytes; ``roofline`` is None until it has been measured."""

    versions: dict[str, str | None]
    platform: str
    processor: str
    cores: int
    memory: int
    memory_free: int
    disk_free: int
    gpus: list[str]
    tools: list[Tool]
    cache: str
    roofline: Roofline | None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        tools = [vars(tool) for tool in self.tools]
        return {**vars(self), "tools": tools, "roofline": self.roofline.as_dict() if self.roofline else None}

    def text(self) -> str:
        """A page for people."""
        versions = "  ".join(f"{name} {version or 'missing'}" for name, version in self.versions.items())
        memory = f"{show_bytes(self.memory)} of memory, {show_bytes(self.memory_free)} free"
        speed = "not measured: clearhead doctor --measure (about half a minute)"
        return "\n".join(
            [
                versions,
                f"{self.platform}  {self.processor}",
                f"{self.cores} cores, {memory}, {show_bytes(self.disk_free)} free on the disk of {self.cache}",
                f"GPUs: {', '.join(self.gpus) or 'none'}",
                *[tool.line() for tool in self.tools],
                f"speed: {self.roofline.text() if self.roofline else speed}",
            ]
        )


def checkup(cache: Path) -> Checkup:
    """Look at this machine without computing anything; ``cache`` is where its measured speed is kept."""
    place = next(folder for folder in [Path(cache), *Path(cache).absolute().parents] if folder.exists())
    return Checkup(
        versions={"python": sys.version.split()[0], **{name: _version(name) for name in PACKAGES}},
        platform=platform.platform(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        memory_free=available_memory(),
        disk_free=shutil.disk_usage(place).free,
        gpus=_said("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader").splitlines(),
        tools=_tools(),
        cache=str(cache),
        roofline=stored(cache),
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _said(program: str, *arguments: str) -> str:
    """What a program prints, empty where it is absent, fails or does not answer."""
    if shutil.which(program) is None:
        return ""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _tools() -> list[Tool]:
    postgres = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    glmnet = _said("Rscript", "--vanilla", "-e", 'cat(as.character(packageVersion("glmnet")))')
    return [
        *[_extra(name, package, purpose) for name, package, purpose in EXTRAS],
        Tool("R with glmnet", "the solver's benchmark", glmnet or None, "apt install r-base-core r-cran-glmnet"),
        Tool("chromium", "tests and timings of the page", browser, "apt install chromium"),
        Tool("node", "building the page from its source", shutil.which("node"), "apt install nodejs npm"),
        Tool(
            "postgres",
            "studies with many people at once",
            shutil.which("initdb") or (postgres[-1] if postgres else None),
            "apt install postgresql",
        ),
    ]


EXTRAS = (
    ("vision", "torchvision", "torchvision's networks and transforms"),
    ("timm", "timm", "timm's networks"),
    ("hf", "transformers", "networks and data of the Hugging Face hub"),
    ("lime", "skimage", "superpixels"),
    ("wordcloud", "wordcloud", "word clouds"),
    ("figures", "matplotlib", "static figures"),
    ("onnx", "onnx", "export to ONNX"),
    ("study", "fastapi", "asking people"),
)


def _extra(name: str, package: str, purpose: str) -> Tool:
    there = importlib.util.find_spec(package) is not None
    found = (_version({"skimage": "scikit-image"}.get(package, package)) or "there") if there else None
    return Tool(f"{package} [{name}]", purpose, found, f"pip install 'clearhead[{name}]'")
