"""A throw-away PostgreSQL, for whoever has its programs: benchmarks, and the tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from benchmarks.ports import free_port


def find_postgresql() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return installed[-1].parent if installed else None


class PostgreSql:
    """A throw-away cluster that a test may stop and start. It refuses to run as root, which lends it to ``nobody``."""

    def __init__(self, programs: Path, settings: Mapping[str, str] | None = None) -> None:
        """``settings``: names and values that are not PostgreSQL's own, as in its configuration file."""
        self._programs = programs
        self._settings = settings or {}
        self._user = "nobody" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="parvis-postgresql-"))
        if self._user:
            shutil.chown(self._folder, self._user)
        self.port = free_port()
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "parvis", "-A", "trust", "-E", "UTF8", "--no-sync")

    def address(self, database: str) -> str:
        return f"postgresql+asyncpg://parvis@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self._folder), "-F"]
        options += [f"-c {name}={value}" for name, value in self._settings.items()]
        self._control("start", "-l", str(self._folder / "log"), "-o", " ".join(options))

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _control(self, verb: str, *options: str) -> None:
        self._run("pg_ctl", verb, "-w", "-D", str(self._folder / "data"), *options)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def execute(self, statement: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(f"postgresql://parvis@127.0.0.1:{self.port}/{database}")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
