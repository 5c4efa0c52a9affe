"""A study's folder and what is done with it: serve, invite, export, import, analyse, rehearse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import atomic_path
from clearhead.core.errors import ArtifactError, SettingError
from clearhead.core.finding import Finding, Table
from clearhead.core.progress import Progress
from clearhead.study.analysis import analyze
from clearhead.study.annotators import Crew
from clearhead.study.answers import Answer
from clearhead.study.exchange import (
    answers_csv,
    mturk_results,
    read_bundle,
    read_jsonl,
    read_label_studio,
    read_mturk,
    read_parquet,
    with_annotations,
    write_bundle,
    write_jsonl,
    write_label_studio,
    write_mturk,
    write_parquet,
)
from clearhead.study.quality import Rules
from clearhead.study.rehearse import Rehearsal, plan_of, rehearse
from clearhead.study.server.secrets import make_secrets
from clearhead.study.settings import ServerSettings
from clearhead.study.store import Store, open_store
from clearhead.study.synthetic import answers_of_crew
from clearhead.study.tasks.folder import load_study, media_files, save_study, study_key
from clearhead.study.tasks.model import KINDS, Study

__all__ = ["EXPORTS", "IMPORTS", "Project", "project_of"]

EXPORTS = ("jsonl", "parquet", "csv", "label-studio-answers", "mturk-answers", "bundle", "label-studio", "mturk")
IMPORTS = ("bundle", "label-studio", "mturk", "jsonl", "parquet")
DATABASE = "study.sqlite"


@dataclass(frozen=True)
class Project:
    """One study's folder (``tasks.json``, ``key.json``, ``media/``, later ``study.sqlite`` and ``imported/``).

    Parameters
    ----------
    folder : where `save_study` wrote the study.
    database : SQLAlchemy URL or path; ``study.sqlite`` in the folder if None.

    Examples
    --------
    >>> Project(Path("runs/demo/study")).database_url
    'runs/demo/study/study.sqlite'
    """

    folder: Path
    database: str | None = None

    @property
    def database_url(self) -> str:
        """Where the server's answers are."""
        return self.database or str(Path(self.folder) / DATABASE)

    def save(self, study: Study, picture: Callable[[str], Any]) -> None:
        """Write the tasks, as `save_study` does; `ArtifactError` if people have answered other tasks here."""
        if (Path(self.folder) / "tasks.json").exists() and study_key(load_study(self.folder)) != study_key(study):
            answers, _ = self.answers()
            if answers:
                raise ArtifactError(
                    "people have answered other tasks in this folder",
                    got=f"{len(answers)} answers",
                    fix=f"move {self.folder} away to keep them, then build again",
                )
        save_study(study, self.folder, picture)

    def open(self, settings: ServerSettings | None = None) -> Store:
        """The study's store; made or migrated if need be."""
        settings = settings or ServerSettings()
        study = load_study(self.folder)
        return open_store(self.database_url, study, lease_seconds=settings.lease_seconds, quota=settings.quota)

    def serve(
        self,
        settings: ServerSettings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        invite: int = 0,
        announce: Callable[[dict[str, Any]], None] = lambda told: None,
    ) -> None:
        """Serve until interrupted.

        ``announce`` is called once before, with ``url``, ``links`` (of ``invite`` new people) and ``admin_token``
        (None unless it was made now; it is never shown again).
        """
        from clearhead.study.server.app import create_app, run_server

        settings = settings or ServerSettings()
        secrets, token = make_secrets(self.folder)
        store = self.open(settings)
        base = settings.address(host, port)
        try:
            links = [f"{base}/join/{secret}" for _, secret in store.people.invite(invite)]
            announce({"url": base, "links": links, "admin_token": token})
            run_server(create_app(self.folder, store, secrets, settings), host, port)
        finally:
            store.close()

    def answers(self) -> tuple[list[Answer], list[str]]:
        """Everything answered, on the server and in imported files, without those who withdrew; and their names."""
        found: dict[tuple[str, str], Answer] = {}
        withdrawn: list[str] = []
        for path in sorted((Path(self.folder) / "imported").glob("*.jsonl")):
            found |= {(a.task, a.annotator): a for a in read_jsonl(path)}
        if self.database or (Path(self.folder) / DATABASE).exists():
            store = self.open()
            try:
                found |= {(a.task, a.annotator): a for a in store.results.answers()}
                withdrawn = store.results.withdrawn()
            finally:
                store.close()
        gone = set(withdrawn)
        for path in sorted((Path(self.folder) / "imported").glob("*.jsonl")):
            _strike(path, gone)
        return [found[pair] for pair in sorted(found) if pair[1] not in gone], withdrawn

    def analyze(self, rules: Rules | None = None, *, seed: int = 0) -> Finding:
        """The study's finding; `ArtifactError` if nothing has been answered yet."""
        answers, withdrawn = self.answers()
        if not answers:
            raise ArtifactError("nobody has answered yet", fix="serve the study, or import answers")
        return analyze(load_study(self.folder, with_key=True), answers, rules=rules, withdrawn=withdrawn, seed=seed)

    def rehearse(
        self,
        crew: Crew | None = None,
        options: Rehearsal | None = None,
        *,
        rules: Rules | None = None,
        progress: Progress | None = None,
    ) -> tuple[Finding, Finding]:
        """The rehearsal of this study, and the analysis of one rehearsed set of answers, marked as rehearsed."""
        study, options = load_study(self.folder, with_key=True), options or Rehearsal()
        found = rehearse(plan_of(study), crew=crew, rules=rules, options=options, progress=progress)
        return found, rehearsed_analysis(study, crew, rules, options.seed)

    def import_answers(self, paths: Sequence[Path], kind: str) -> int:
        """Read answers that came in another way and keep them in ``imported/``; how many there are."""
        readers: dict[str, Callable[[Study], list[Answer]]] = {
            "bundle": lambda study: read_bundle(study, *paths),
            "label-studio": lambda study: read_label_studio(study, *paths),
            "mturk": lambda study: [a for p in paths for a in read_mturk(study, p)],
            "jsonl": lambda study: [a for p in paths for a in read_jsonl(p)],
            "parquet": lambda study: [a for p in paths for a in read_parquet(p)],
        }
        _known(kind, IMPORTS)
        answers = readers[kind](load_study(self.folder))
        number = len(list((Path(self.folder) / "imported").glob("*.jsonl"))) + 1
        write_jsonl(Path(self.folder) / "imported" / f"{number:04d}-{kind}.jsonl", answers)
        return len(answers)

    def export(self, kind: str, out: Path, *, media_url: str = "media", people: int = 1) -> Path:
        """Write tasks (``bundle``, ``label-studio``, ``mturk``: ``out`` is a folder) or answers (``out`` is a file)."""
        _known(kind, EXPORTS)
        study, out = load_study(self.folder), Path(out)
        if kind == "bundle":
            write_bundle(study, self.folder, out, people=people, consent=ServerSettings().consent_text)
        elif kind == "label-studio":
            write_label_studio(study, self.folder, out, media_url=media_url)
        elif kind == "mturk":
            write_mturk(study, self.folder, out, media_url=media_url)
        else:
            self._export_answers(study, kind, out, media_url)
        return out

    def _export_answers(self, study: Study, kind: str, out: Path, media_url: str) -> None:
        import json

        answers, _ = self.answers()
        if kind == "jsonl":
            write_jsonl(out, answers)
        elif kind == "parquet":
            write_parquet(out, answers)
        else:
            urls = {name: f"{media_url}/{path.name}" for name, path in media_files(self.folder).items()}
            text = {
                "csv": lambda: answers_csv(answers, study.kind),
                "mturk-answers": lambda: mturk_results(answers, study.kind),
                "label-studio-answers": lambda: json.dumps(with_annotations(study, answers, urls), indent=1),
            }[kind]()
            with atomic_path(out) as temporary:
                temporary.write_bytes(text.encode())


def project_of(run: Path, kind: str, database: str | None = None) -> Project:
    """The study of this kind that lies in a run's folder."""
    _known(kind, KINDS, "kind of study")
    return Project(Path(run) / "study" / kind, database)


def rehearsed_analysis(study: Study, crew: Crew | None, rules: Rules | None, seed: int) -> Finding:
    """The analysis page as it would look, on simulated answers; kind, title and caveats say that nobody was asked.

    Of kind ``rehearsed_KIND``, so that nothing takes it for people's ``study_KIND``.
    """
    finding = analyze(study, answers_of_crew(study, crew, seed), rules=rules, seed=seed)
    note = "These answers are simulated: nobody was asked."
    tables = {**finding.tables, "rehearsed": Table({"note": [note]})}
    return replace(
        finding, kind=f"rehearsed_{study.kind}", title=f"Rehearsal: {finding.title}", tables=tables,
        caveats=(note, *finding.caveats), sentence=f"Simulated, nobody was asked: {finding.sentence}",
    )  # fmt: skip


def _strike(path: Path, gone: set[str]) -> None:
    """Delete from a file that came in what is of people who have withdrawn since."""
    answers = read_jsonl(path)
    kept = [a for a in answers if a.annotator not in gone]
    if len(kept) < len(answers):
        write_jsonl(path, kept)


def _known(kind: str, allowed: Sequence[str], what: str = "format") -> None:
    if kind not in allowed:
        raise SettingError(f"no such {what}", got=kind, expected=", ".join(allowed))
