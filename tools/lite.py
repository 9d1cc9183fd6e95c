"""The first two notebooks in a browser, without installing anything: a JupyterLite site that needs no network once it is built.

    python -m tools.lite            # what `make lite` runs; writes build/lite

Python runs in the reader's browser (Pyodide). What goes into the site: Pyodide itself, from npm; kcsim's own wheel, built here;
the wheels of its libraries and of IPython, pure Python all, from the package index. CEL has no build for browsers: kcsim
leaves it out there and says so where a policy needs it (docs/notebooks.md lists what else differs).

**Walk:** ``main`` -> Pyodide's files -> wheels -> the notebooks, each with a first cell that installs kcsim -> ``jupyter lite
build``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from jupyterlite_pyodide_kernel.constants import PYODIDE_PYTHON_VERSION, PYODIDE_VERSION

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ("01-first-steps", "02-push-against-pull")
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
INSTALL = "# Only in a browser: kcsim and its libraries come from this site.\n%pip install -q kcsim"

OURS = (
    "click dulwich linkify-it-py markdown-it-py mdit-py-plugins mdurl networkx platformdirs protobuf pygments rich simpy "
    "textual typing_extensions tzdata uc-micro-py urllib3"
)
"""kcsim's libraries and what these need, where Python runs on emscripten; PyYAML is built here, without its C part."""
IPYTHON = (
    "asttokens comm decorator executing ipython ipython-pygments-lexers jedi matplotlib-inline packaging parso "
    "prompt_toolkit pure-eval six stack-data traitlets wcwidth"
)


def main(out: Path = ROOT / "build" / "lite") -> None:
    """Build the site.

    Raises:
        SystemExit: npm is missing, or a command failed.
    """
    work = out.parent / "lite-parts"
    for folder in (out, work):
        shutil.rmtree(folder, ignore_errors=True)
    wheels, site, contents = work / "wheels", work / "site", work / "contents"
    for folder in (wheels, site, contents):
        folder.mkdir(parents=True)
    gather(wheels)
    pyodide(work, site / "static" / "pyodide", next(wheels.glob("micropip-*.whl")))
    for name in NOTEBOOKS:
        prepare(ROOT / "notebooks" / f"{name}.ipynb", contents)
    settings = {KERNEL: {"disablePyPIFallback": True}}
    config = {"jupyter-config-data": {"litePluginSettings": settings, "exposeAppInBrowser": True}}
    (site / "jupyter-lite.json").write_text(
        json.dumps({"jupyter-lite-schema-version": 0, **config}, indent=2)
    )
    options = ["--lite-dir", site, "--contents", contents, "--piplite-wheels", wheels, "--output-dir", out]
    run(
        sys.executable, "-m", "jupyterlite_core.app", "build", "--no-libarchive", *map(str, options), cwd=site
    )
    print(f"{out}: {sum(f.stat().st_size for f in out.rglob('*') if f.is_file()) >> 20} MiB")  # noqa: T201 - a command tells
    serve = f"python -m http.server -d {os.path.relpath(out)} 8000"
    print(f"look at it: {serve}, then http://127.0.0.1:8000/lab/")  # noqa: T201 - idem


def gather(wheels: Path) -> None:
    """Every wheel that the kernel or a notebook will ask for; none of them holds compiled code."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "-q", "--no-deps", "-w", str(wheels), str(ROOT))
    plain = {**os.environ, "PYYAML_FORCE_LIBYAML": "0"}
    run(*pip, "wheel", "-q", "--no-deps", "--no-binary", "pyyaml", "-w", str(wheels), "pyyaml", env=plain)
    pure = ("--only-binary", ":all:", "--platform", "any", "--python-version", PYODIDE_PYTHON_VERSION)
    names = [*OURS.split(), *IPYTHON.split(), "micropip"]
    run(*pip, "download", "-q", "--no-deps", *pure, "-d", str(wheels), *names)
    compiled = [each.name for each in wheels.glob("*.whl") if not each.name.endswith("-none-any.whl")]
    if compiled:
        raise SystemExit(
            f"these wheels hold compiled code and cannot run in a browser: {', '.join(compiled)}"
        )


def pyodide(work: Path, home: Path, micropip: Path) -> None:
    """Pyodide of the version that the kernel was made for, with a list of packages that names only what is there."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("`make lite` needs npm (Node.js), which brings Pyodide: install nodejs and npm")
    run(npm, "pack", "--silent", f"pyodide@{PYODIDE_VERSION}", cwd=work)
    home.mkdir(parents=True)
    with tarfile.open(work / f"pyodide-{PYODIDE_VERSION}.tgz") as archive:
        for name in PYODIDE_FILES:
            _extract(archive, f"package/{name}", home / name)
        _extract(archive, "package/pyodide-lock.json", home / "pyodide-lock.json")
    lock = json.loads((home / "pyodide-lock.json").read_text())
    package = lock["packages"]["micropip"]
    package |= {
        "file_name": micropip.name,
        "version": micropip.name.split("-")[1],
        "sha256": sha256(micropip.read_bytes()).hexdigest(),
        "depends": [],
    }
    lock["packages"] = {"micropip": package}
    (home / "pyodide-lock.json").write_text(json.dumps(lock))
    shutil.move(micropip, home / micropip.name)


def _extract(archive: tarfile.TarFile, name: str, to: Path) -> None:
    source = archive.extractfile(name)
    if source is None:
        raise SystemExit(f"Pyodide {PYODIDE_VERSION} has no {name}")
    to.write_bytes(source.read())


def prepare(notebook: Path, contents: Path) -> None:
    """A notebook with a first cell that installs kcsim into the browser's Python."""
    data = json.loads(notebook.read_text("utf-8"))
    cell = {
        "cell_type": "code",
        "id": "install",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": INSTALL,
    }
    data["cells"].insert(1, cell)
    data["metadata"]["kernelspec"] = {
        "display_name": "Python (Pyodide)",
        "language": "python",
        "name": "python",
    }
    (contents / notebook.name).write_text(json.dumps(data, ensure_ascii=False, indent=1), "utf-8")


def run(*command: str, **options: Any) -> None:
    """A command that has to succeed."""
    done = subprocess.run(command, check=False, **options)  # noqa: S603 - our own command lines
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ... failed with exit code {done.returncode}")


if __name__ == "__main__":
    main()
