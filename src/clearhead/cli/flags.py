"""Flags made from the settings of `runs.config` and `study.settings`: one flag a setting, its default said in the help.

A flag that was not given stays None, so that a step repeated on a run keeps what the run was asked for.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, field, fields, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from cyclopts import Group, Parameter

from clearhead.runs import config
from clearhead.study import settings as asking

if TYPE_CHECKING:
    from clearhead.runs.config import DataSettings as DataFlags
    from clearhead.runs.config import FitSettings as FitFlags
    from clearhead.runs.config import ModelSettings as ModelFlags
    from clearhead.runs.config import SelectSettings as SelectFlags
    from clearhead.study.settings import BuildSettings as BuildFlags
    from clearhead.study.settings import ServerSettings as ServerFlags

__all__ = ["BuildFlags", "DataFlags", "FitFlags", "ModelFlags", "SelectFlags", "ServerFlags", "given"]


def _described(settings: type) -> dict[str, str]:
    """field → its line in the class's docstring."""
    found = re.findall(r"^\s{4}(\w+) : (.+)$", settings.__doc__ or "", re.MULTILINE)
    return {name: text.replace("``", "") for name, text in found}


def _flags(settings: type, title: str) -> Any:
    """A dataclass with the fields of ``settings``, each optional and None by default, as flags without a prefix."""
    described, hints = _described(settings), get_type_hints(settings)
    made: list[tuple[str, Any, Any]] = []
    for each in fields(settings):
        silent = each.default in ((), "") or any(each.default is none for none in (MISSING, None, False))
        default = "" if silent or "\n" in str(each.default) else f" [default: {each.default}]"
        # Switches and lists have no --no-… or --empty-… form: not giving them is that.
        about = Parameter(help=described[each.name] + default, negative="" if silent else None)
        made.append((each.name, Annotated[hints[each.name] | None, about], field(default=None)))
    flags = make_dataclass(f"{title}Flags", made, frozen=True)
    flags.__module__ = __name__  # left at "types", cyclopts takes it for a builtin
    return Parameter(name="*", group=Group.create_ordered(title))(flags)


if not TYPE_CHECKING:
    ModelFlags = _flags(config.ModelSettings, "Network")
    DataFlags = _flags(config.DataSettings, "Data")
    FitFlags = _flags(config.FitSettings, "Fit")
    SelectFlags = _flags(config.SelectSettings, "Selection")
    BuildFlags = _flags(asking.BuildSettings, "Tasks")
    ServerFlags = _flags(asking.ServerSettings, "People")


def given(*flags: Any) -> dict[str, Any]:
    """The settings that were given on the command line."""
    values = {f.name: getattr(group, f.name) for group in flags if group is not None for f in fields(group)}
    return {name: value for name, value in values.items() if value is not None and value != ()}
