"""Where a study's answers live: SQLite by default, PostgreSQL by URL; transactions and migrations."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearhead.core.errors import ArtifactError, MissingExtraError, SettingError, StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["Database"]

BUSY_MS = 20_000
# Writers of SQLite queue in this process, so its connections are many and cheap; PostgreSQL's are processes.
POOLS = {"sqlite": {"pool_size": 16, "max_overflow": 32}, "postgresql": {"pool_size": 8, "max_overflow": 0}}
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # an acknowledged answer survives a power cut
    f"busy_timeout={BUSY_MS}",
    "foreign_keys=ON",
    "secure_delete=ON",  # a withdrawn answer is overwritten, not only unlinked
)


class Database:
    """An engine with two kinds of transaction.

    Parameters
    ----------
    url : SQLAlchemy URL, or a path to a SQLite file. ``postgresql://`` means psycopg 3.

    Raises
    ------
    MissingExtraError : SQLAlchemy or the driver is not installed.
    SettingError : a URL of another kind of database.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> database = Database(f"{mkdtemp()}/study.sqlite")
    >>> database.migrate()
    >>> database.close()
    """

    def __init__(self, url: str | Path) -> None:
        try:
            import sqlalchemy as sa
        except ImportError as error:
            raise MissingExtraError("sqlalchemy", "study") from error
        text = str(url)
        text = text if "://" in text else f"sqlite:///{text}"
        for prefix in ("postgresql://", "postgres://"):
            text = f"postgresql+psycopg://{text.removeprefix(prefix)}" if text.startswith(prefix) else text
        self.sqlite = text.startswith("sqlite")
        if not self.sqlite and not text.startswith("postgresql"):
            raise SettingError("a study is stored in SQLite or PostgreSQL", got=text.split("://")[0])
        try:
            self.engine: Engine = sa.create_engine(
                text,
                **POOLS["sqlite" if self.sqlite else "postgresql"],
                pool_timeout=30,
                hide_parameters=True,  # no answer in a traceback
            )
        except ModuleNotFoundError as error:
            raise MissingExtraError("psycopg", "postgres") from error
        # One statement of PostgreSQL sees one state of the data by itself, and needs no BEGIN and COMMIT around it.
        self._reader = self.engine if self.sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._turn = threading.Lock()  # writers of one process queue here rather than sleep on a busy file
        if self.sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that only reads: on SQLite one state of the data, on PostgreSQL one for each statement."""
        with self._reader.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: ``BEGIN IMMEDIATE`` on SQLite, so that it never fails half-way for a lock."""
        import sqlalchemy as sa

        turn: Any = self._turn if self.sqlite else contextlib.nullcontext()
        try:
            with turn, self.engine.connect() as connection:
                connection = connection.execution_options(clearhead_write=True)
                with connection.begin():
                    yield connection
        except sa.exc.OperationalError as error:
            raise StorageError(
                "the study's database could not be written",
                got=type(error.orig).__name__,
                fix="check the disk and the database server; nothing half-written was kept",
            ) from error

    def migrate(self) -> None:
        """Bring the schema to this version; `ArtifactError` if the database is of a newer one."""
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        with self.write() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise ArtifactError(
                    "this database was written by a newer version", got=error, fix="upgrade clearhead"
                ) from error

    def close(self) -> None:
        """Release the connections."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's events below say BEGIN, not the driver
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    wants_write = connection.get_execution_options().get("clearhead_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if wants_write else "BEGIN")
