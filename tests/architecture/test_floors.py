"""The house stands: imports only go down, nothing heavy at start-up, no printing, no global seeds."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "clearhead"
FLOOR = {
    "core": 0,
    "glm": 1,
    "features": 1,
    "head": 2,
    "explain": 3,
    "debug": 3,
    "report": 4,
    "study": 4,
    "runs": 5,
    "cli": 6,
}
FILES = sorted(SOURCE.rglob("*.py"))
HEAVY = {
    *(
        "sklearn",
        "scipy",
        "pandas",
        "transformers",
        "torchvision",
        "timm",
        "datasets",
        "skimage",
        "wordcloud",
        "matplotlib",
    ),
    *("fastapi", "sqlalchemy", "statsmodels", "uvicorn", "sentence_transformers", "captum", "lime", "onnx", "triton"),
}
# An estimator must inherit from scikit-learn's base when it is defined; its module is imported when it is first used.
HEAVY_BY_NATURE = {"glm/estimators.py": {"sklearn"}}


def package(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported: not those inside functions, nor those for type checkers."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for field in ("body", "orelse", "handlers", "finalbody"):
            yield from at_import(getattr(node, field, []))


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_only_go_down(path: Path) -> None:
    own = package(path)
    if not own:
        return
    for module in imports(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] != "clearhead" or len(parts) == 1 or parts[1] not in FLOOR or parts[1] == own:
            continue
        assert FLOOR[parts[1]] < FLOOR[own], f"{own} (F{FLOOR[own]}) imports {module} (F{FLOOR[parts[1]]})"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_packages_are_imported_late(path: Path) -> None:
    heavy = HEAVY - HEAVY_BY_NATURE.get(name_of(path), set())
    for node in at_import(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in imports(ast.Module([node], [])):
                assert module.split(".")[0] not in heavy, f"{module} is imported at start-up"


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    if package(path) != "cli":
        assert not {"print", "sys.stdout.write", "sys.stderr.write", "input"} & set(calls(path))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_global_seeds_and_no_pickle(path: Path) -> None:
    forbidden = {
        *("torch.manual_seed", "np.random.seed", "numpy.random.seed", "random.seed", "torch.random.manual_seed"),
        *("pickle.load", "pickle.loads", "joblib.load", "eval", "exec"),
    }
    assert not forbidden & set(calls(path))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree)


def in_fresh_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_import_is_light() -> None:
    loaded = in_fresh_python(
        "import sys, clearhead; print(*(m for m in ('torch', 'numpy', 'sklearn') if m in sys.modules))"
    )
    assert loaded == ""


def test_the_solver_does_not_import_scikit_learn() -> None:
    assert in_fresh_python("import sys, clearhead.glm, clearhead.runs.run; print('sklearn' in sys.modules)") == "False"


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys, contextlib, io\nfrom clearhead.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n    main(['--help'])\n"
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    assert in_fresh_python(code) == "False False"
