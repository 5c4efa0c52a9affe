"""The command ``clearhead``: dispatch to the verbs, errors to plain sentences, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from cyclopts import App

import clearhead
from clearhead.core.errors import ClearheadError

__all__ = ["app", "main"]

VERBS = {
    "demo": "Train a small network with a planted shortcut and run everything on it: no data needed.",
    "run": "The main job: extract, fit, select, debug, report.",
    "extract": "Write the deep features of a network on some data as a table on disk.",
    "fit": "Fit the certified path of sparse heads, to a run's table or to your own features.",
    "select": "Choose one head of the path on validation rows.",
    "explain": "What the features of a head mean: exemplars, pictures, superpixels, words.",
    "debug": "What the head gets wrong and why.",
    "edit": "Remove, clip, scale or merge features, and prove the effect.",
    "report": "Write the offline page of a run.",
    "figures": "Static pictures and tables of a run, for papers and slides.",
    "serve": "Serve the report of a very large run on this machine.",
    "study": "Ask people: build tasks, serve them, analyse the answers, rehearse beforehand.",
    "paper": "The paper's experiments: list them, or run one on your data.",
    "ls": "The runs under a folder.",
    "clean": "Remove what a run can make again.",
    "data": "Look at a data set before using it.",
    "doctor": "What this machine has, what is missing and how to install it, and how fast it is.",
    "plan": "Memory and time of a fit of a given size, before there is any data.",
    "predict": "What the sparse head says about new images or texts.",
    "why": "The prediction for one image or text and the features that made it.",
}

app = App(
    name="clearhead",
    version=clearhead.__version__,
    suppress_keyboard_interrupt=False,
    help="Replace a network's dense last layer by a sparse, certified-optimal one; see why it errs, and repair it.",
    help_epilogue="Results go to stdout, progress to stderr. Every verb takes --json and --quiet.",
)
for _verb, _help in VERBS.items():
    app.command(f"clearhead.cli.{_verb}:{_verb}", name=_verb, help=_help)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 0, the error's code, or 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(arguments, result_action="return_value")
    except ClearheadError as error:
        if "--json" in arguments:
            print(json.dumps(error.as_dict(), ensure_ascii=False))
        print(f"clearhead: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("clearhead: stopped; what was finished is kept, the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
