"""Does Label Studio's own SDK accept what is written for it: labelling pages, tasks and annotations of every kind?

The SDK brings 390 MB, so it has an environment of its own:

    python benchmarks/study_label_studio.py --write runs/label_studio
    python -m venv /tmp/sdk && /tmp/sdk/bin/pip install label-studio-sdk==2.1.2
    /tmp/sdk/bin/python benchmarks/study_label_studio.py --check runs/label_studio
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

KINDS = ("simulate", "spurious", "misclassification")


def write(out: Path) -> None:
    """Studies of every kind, in pictures and in words, with the answers of simulated annotators."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.study.conftest import World

    from clearhead.study.annotators import Crew
    from clearhead.study.exchange import with_annotations, write_label_studio
    from clearhead.study.synthetic import answers_of_crew
    from clearhead.study.tasks import media_files, save_study

    world = World()
    for kind in KINDS:
        for form in ("exhibits", "texts"):
            exhibits, folder = getattr(world, form), out / f"{kind}-{form}"
            study = world.build(kind, exhibits=exhibits)
            save_study(study, folder / "study", exhibits.picture)
            write_label_studio(study, folder / "study", folder)
            urls = {name: f"media/{path.name}" for name, path in media_files(folder / "study").items()}
            exported = with_annotations(study, answers_of_crew(study, Crew(size=8)), urls)
            (folder / "export.json").write_text(json.dumps(exported))


def check(out: Path) -> int:
    """How many pages, tasks or annotations the SDK refuses."""
    from label_studio_sdk.label_interface import LabelInterface

    refused = 0
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        exported = {row["data"]["task_id"]: row for row in json.loads((folder / "export.json").read_text())}
        for config in sorted(folder.glob("config*.xml")):
            page = LabelInterface(config.read_text())
            page.validate()  # its schema of a page, unique names, controls that point to objects
            name = config.name.replace("config", "tasks").replace(".xml", ".json")
            tasks = json.loads((folder / name).read_text())
            given = [a for task in tasks for a in exported[task["data"]["task_id"]]["annotations"]]
            bad = sum(not page.validate_task(task) for task in tasks)
            bad += sum(not page.validate_annotation(a) for a in given)
            refused += bad
            print(f"{folder.name:28} {config.name:12} {len(tasks):4} tasks, {len(given):4} annotations, {bad} refused")
    return refused


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path)
    what.add_argument("--check", type=Path)
    args = parser.parse_args()
    if args.write:
        write(args.write)
    elif refused := check(args.check):
        sys.exit(f"{refused} refused")


if __name__ == "__main__":
    main()
