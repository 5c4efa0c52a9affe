"""Specs that name something to load: ``path.py:function``, ``package.module:function``, ``hub:NAME``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import file_hash
from clearhead.core.errors import ClearheadError, InputError, MissingExtraError, SettingError

__all__ = ["call_function", "find_function", "hub_name", "require"]

_EXTRAS = {"timm": "timm", "torchvision": "vision", "transformers": "hf", "datasets": "hf"}


def hub_name(spec: str, hubs: tuple[str, ...]) -> tuple[str, str] | None:
    """("timm", "resnet18") for ``"timm:resnet18"`` if that hub is one of ``hubs``, else None."""
    hub, colon, name = spec.partition(":")
    return (hub, name) if colon and hub in hubs and name else None


def call_function(spec: str) -> tuple[Any, str]:
    """What the function that ``spec`` names returns, called without arguments, and a hash of its source file.

    Only ever called with what the user wrote on the command line or in Python: this executes the file.
    """
    function, source = find_function(spec)
    return _call(function, spec), source


def find_function(spec: str) -> tuple[Callable[..., Any], str]:
    """The function that ``path.py:function`` or ``package.module:function`` names, and a hash of its source file.

    Executes the file, and so is for the user's own words only.
    """
    place, colon, name = spec.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise SettingError(f"{spec!r} names nothing to load", expected="path.py:function or package.module:function")
    module, source = _from_path(Path(place)) if place.endswith(".py") else _from_package(place)
    function = getattr(module, name, None)
    if not callable(function):
        names = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))
        raise SettingError(f"{place} has no function {name!r}", got=names or "no functions")
    return function, source


def _call(function: Callable[[], Any], spec: str) -> Any:
    try:
        return function()
    except ClearheadError:
        raise
    except Exception as error:
        raise InputError(
            f"{spec} raised {type(error).__name__}", got=error, fix="call it from Python to see where"
        ) from error


def _from_path(path: Path) -> tuple[types.ModuleType, str]:
    if not path.is_file():
        raise SettingError(f"{path} does not exist", fix="give the path of a Python file, then :function")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SettingError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    # The file may import its neighbours, and pickling-free workers may look its classes up by name.
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except ClearheadError:
        raise
    except Exception as error:
        raise InputError(f"{path} could not be imported: {type(error).__name__}", got=error) from error
    return module, file_hash(path)


def _from_package(name: str) -> tuple[types.ModuleType, str]:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise SettingError(f"the module {name!r} could not be imported", got=error, fix="check the spelling") from error
    file = getattr(module, "__file__", None)
    return module, file_hash(Path(file)) if file else name


def require(package: str) -> types.ModuleType:
    """Import an optional package, or say which extra holds it.

    A torchvision built for another torch fails on import and takes transformers down with it, which works well
    without: there, torchvision is hidden from it.
    """
    if package in ("transformers", "datasets"):
        _hide_broken_torchvision()
    try:
        return importlib.import_module(package)
    except ImportError as error:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, _EXTRAS.get(package, package)) from error
        raise _broken(package, error) from error
    except RuntimeError as error:
        raise _broken(package, error) from error


def _broken(package: str, error: Exception) -> InputError:
    return InputError(
        f"{package} is installed but cannot be imported",
        got=error,
        fix="install the torchvision that belongs to this torch (the CPU build of one needs that of the other)",
    )


def _hide_broken_torchvision() -> None:
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        sys.modules["torchvision"] = None  # type: ignore[assignment]
