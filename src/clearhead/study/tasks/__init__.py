"""The three task types, built from plain data and kept in a folder with their key apart.

From a run's heads and table: `clearhead.study.tasks.heads`, which imports torch; nothing else here does.
"""

from clearhead.study.tasks.arm import Arm
from clearhead.study.tasks.checks import with_gold, with_repeats
from clearhead.study.tasks.exhibits import Exhibits
from clearhead.study.tasks.folder import load_key, load_study, media_files, save_study, study_key
from clearhead.study.tasks.misclassification import Errors, MisclassificationOptions, build_misclassification
from clearhead.study.tasks.model import KINDS, LETTERS, Decision, Key, Shown, Study, Task
from clearhead.study.tasks.simulate import SimulateOptions, build_simulate
from clearhead.study.tasks.spurious import SpuriousOptions, build_spurious, top_rows_of_class

__all__ = [
    "KINDS",
    "LETTERS",
    "Arm",
    "Decision",
    "Errors",
    "Exhibits",
    "Key",
    "MisclassificationOptions",
    "Shown",
    "SimulateOptions",
    "SpuriousOptions",
    "Study",
    "Task",
    "build_misclassification",
    "build_simulate",
    "build_spurious",
    "load_key",
    "load_study",
    "media_files",
    "save_study",
    "study_key",
    "top_rows_of_class",
    "with_gold",
    "with_repeats",
]
