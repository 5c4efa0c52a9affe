"""The store of a running study: people, the queue of tasks, and what came in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clearhead.study.store.database import Database
from clearhead.study.store.people import People, Person
from clearhead.study.store.queue import Given, Queue, Submission
from clearhead.study.store.results import Progress, Results
from clearhead.study.tasks.folder import study_key
from clearhead.study.tasks.model import Study

__all__ = ["Database", "Given", "People", "Person", "Progress", "Queue", "Results", "Store", "Submission", "open_store"]


@dataclass(frozen=True)
class Store:
    """A study's database, by what it is used for."""

    database: Database
    people: People
    queue: Queue
    results: Results

    def close(self) -> None:
        """Release the connections."""
        self.database.close()


def open_store(url: str | Path, study: Study, *, lease_seconds: float = 1800.0, quota: int | None = None) -> Store:
    """Open (or make, or migrate) the database of a study and enter its tasks.

    Parameters
    ----------
    url : a path to a SQLite file, or a SQLAlchemy URL.
    study : without its key; how often a task is repeated is in ``study.settings["repeats_of"]`` (task → original).
    """
    database = Database(url)
    queue = Queue(database, lease_seconds=lease_seconds, quota=quota)
    repeats = study.settings.get("repeats_of", {})
    try:
        database.migrate()
        queue.fill(study_key(study), [(t.id, study.answers_per_task, repeats.get(t.id)) for t in study.tasks])
    except Exception:
        database.close()
        raise
    return Store(database, People(database), queue, Results(database))
