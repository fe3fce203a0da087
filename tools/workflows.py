"""Run the steps of the GitHub workflows that can run here, each job in a fresh clone and a clean environment.

    python tools/workflows.py                     every job that can run here: hours, and gigabytes of packages
    python tools/workflows.py --list              what would run, and what would not, with the reason
    python tools/workflows.py --only sdist lint   the jobs with one of these words in their names

It needs Linux, git, bash and PyYAML. A job can run here if its runner is an Ubuntu on this machine's processor, and
the version of Python that it asks for is on PATH. It gets a home of its own, and of the caller's environment only
what says how to reach the network. actions/checkout stands for a shallow clone with the changes that are not committed
yet, actions/setup-python for a virtual environment that comes first on PATH, and an upload has to find its files.
Other actions are skipped. The event is a push. Exits with 1 if a step fails, or if none has run.
"""

import argparse
import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from common import PROJECT

SHELLS = {  # as GitHub starts them
    "": ["bash", "-e"],
    "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
    "sh": ["sh", "-e"],
    "python": ["python"],
}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NETWORK = re.compile(r"PIP_.*|.*_PROXY|SSL_CERT_.*|.*_CA_(BUNDLE|CERTS)", re.IGNORECASE)


class NotUnderstoodError(Exception):
    """An expression that is misspelt, or more than this program can evaluate."""


class Job(NamedTuple):
    title: str
    spec: dict[str, Any]
    defaults: dict[str, str]  # of `run` steps
    env: dict[str, Any]
    contexts: dict[str, dict[str, Any]]


class Row(NamedTuple):
    """A line of the summary."""

    job: str
    step: str
    outcome: str
    seconds: float = 0


def substitute(text: Any, contexts: dict[str, dict[str, Any]]) -> str:
    """Replace each ${{ context.name }}."""

    def value(match: re.Match[str]) -> str:
        context, _, name = match[1].strip().partition(".")
        if name not in contexts.get(context, {}):
            raise NotUnderstoodError(match[0])
        return str(contexts[context][name])

    return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))


def holds(condition: str, contexts: dict[str, dict[str, Any]]) -> bool:
    """Evaluate an `if:` that compares a value with a text."""
    bare = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", condition.strip()).strip()
    match = re.fullmatch(r"([\w.-]+)\s*(==|!=)\s*'([^']*)'", bare)
    if match is None:
        raise NotUnderstoodError(f"if: {condition}")
    return (substitute(f"${{{{ {match[1]} }}}}", contexts) == match[3]) == (match[2] == "==")


def expand(matrix: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the combinations of a job's matrix; of a job without one, the one combination of nothing."""
    lists = {key: values for key, values in matrix.items() if key not in ("include", "exclude")}
    made = [dict(zip(lists, row, strict=True)) for row in itertools.product(*lists.values())]
    made = [one for one in made if not any(row.items() <= one.items() for row in matrix.get("exclude", []))]
    if not lists and matrix:
        made = []
    for row in matrix.get("include", []):
        fitting = [one for one in made if all(one.get(key) == row[key] for key in row.keys() & lists)]
        for one in fitting:
            one.update(row)
        made += [] if fitting else [dict(row)]
    return made


def jobs() -> Iterator[Job]:
    for file in sorted((PROJECT / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key, spec in workflow["jobs"].items():
            defaults = {**workflow.get("defaults", {}).get("run", {}), **spec.get("defaults", {}).get("run", {})}
            env = workflow.get("env", {}) | spec.get("env", {})
            for values in expand(spec.get("strategy", {}).get("matrix", {})):
                contexts = {"matrix": values, "github": {"event_name": "push"}, "runner": {"os": "Linux"}}
                name = substitute(spec.get("name", key), contexts)
                yield Job(f"{file.stem}/{key}" + (f": {name}" if name != key else ""), spec, defaults, env, contexts)


def find_python(version: str) -> str | None:
    """Return the path of a Python of this version, 3.12 or 3.13t, that really runs."""
    for candidate in (sys.executable, shutil.which(f"python{version}")):
        if candidate:
            code = "import sys; print(f'{sys.version_info[0]}.{sys.version_info[1]}{sys.abiflags}', sys.executable)"
            words = subprocess.run([candidate, "-c", code], capture_output=True, text=True).stdout.split(maxsplit=1)
            if words and words[0] == version:
                return words[1].strip()
    return None


def why_not(job: Job) -> str:
    """Return why a job cannot run here, or nothing."""
    runner = substitute(job.spec["runs-on"], job.contexts)
    if platform.system() != "Linux" or not runner.startswith("ubuntu"):
        return f"runs on {runner}"
    if runner.endswith("-arm") != (platform.machine() == "aarch64"):
        return f"runs on {runner}"
    if "if" in job.spec and not holds(job.spec["if"], job.contexts):
        return f"only if {job.spec['if']}"
    for step in job.spec["steps"]:
        version = substitute(step.get("with", {}).get("python-version", ""), job.contexts)
        if version and find_python(version) is None:
            return f"no python{version} is found"
    return ""


def title_of(step: dict[str, Any]) -> str:
    """Return a step's name, what it uses, or its first line."""
    return step.get("name") or step.get("uses", "").partition("@")[0] or step["run"].partition("\n")[0]


def git(*command: str) -> str:
    return subprocess.run(["git", *command], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True).stdout


def check_out(tree: Path) -> str:
    """Clone the last commit, and put on top of it what is changed since; return the outcome."""
    git("clone", "--quiet", "--depth=1", PROJECT.as_uri(), str(tree))
    names = git("diff", "-z", "--name-only", "--no-renames", "HEAD") + git("ls-files", "-z", "-o", "--exclude-standard")
    changed = names.split("\0")[:-1]
    for name in changed:
        if (PROJECT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, tree / name)
        else:
            (tree / name).unlink(missing_ok=True)
    return f"done, with {len(changed)} files that are not committed" if changed else "done"


class Runner:
    """A job's folder: the clone, a home, a place for temporary files, and perhaps a Python."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job, self.folder, self.tree = job, folder, folder / "clone"
        self.skipped = False
        for name in ("clone", "home", "temp"):
            (folder / name).mkdir()
        self.env = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)} | {
            "PATH": SYSTEM_PATH,
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.tree),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(folder / "temp"),
        }

    def values(self, names: dict[str, Any]) -> dict[str, str]:
        return {name: substitute(value, self.job.contexts) for name, value in names.items()}

    def use(self, action: str, options: dict[str, str]) -> str:
        """Do what an action stands for; return the outcome."""
        if action == "actions/checkout":
            return check_out(self.tree)
        if action == "actions/setup-python":
            command = [str(find_python(options["python-version"])), "-m", "venv", str(self.folder / "python")]
            self.env["PATH"] = f"{self.folder / 'python/bin'}:{SYSTEM_PATH}"
        elif action == "actions/upload-artifact" and not self.skipped:
            missing = [pattern for pattern in options["path"].split() if not any(self.tree.glob(pattern))]
            return f"failed: nothing is called {missing[0]}" if missing else "passed: there is what it uploads"
        else:
            self.skipped = True
            return "skipped: needs GitHub"
        status = subprocess.run(command).returncode
        return f"failed: exit status {status}" if status else "done"

    def execute(self, step: dict[str, Any]) -> str:
        """Run a step's script; return the outcome."""
        options = self.job.defaults | step
        shell = SHELLS.get(options.get("shell", ""))
        if shell is None:
            raise NotUnderstoodError(f"shell: {options['shell']}")
        script = self.folder / "script"
        script.write_text(substitute(step["run"], self.job.contexts), encoding="utf-8")
        env = self.env | self.values(self.job.env | step.get("env", {}))
        cwd = self.tree / substitute(options.get("working-directory", "."), self.job.contexts)
        program = shutil.which(shell[0], path=env["PATH"]) or shell[0]
        status = subprocess.run([program, *shell[1:], str(script)], cwd=cwd, env=env, stdin=subprocess.DEVNULL)
        return f"failed: exit status {status.returncode}" if status.returncode else "passed"

    def run(self, step: dict[str, Any]) -> str:
        if "if" in step and not holds(step["if"], self.job.contexts):
            return f"not run: only if {step['if']}"
        if "uses" in step:
            return self.use(step["uses"].partition("@")[0], self.values(step.get("with", {})))
        return self.execute(step)


def run_job(job: Job) -> list[Row]:
    """Run a job's steps until one fails."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="workflows-", ignore_cleanup_errors=True) as folder:
        runner = Runner(job, Path(folder))
        for step in job.spec["steps"]:
            start = time.monotonic()
            if rows and rows[-1].outcome.startswith(("failed", "not reached")):
                outcome = "not reached"
            else:
                print(f"\n--- {job.title}: {title_of(step)}", flush=True)
                try:
                    outcome = runner.run(step)
                except NotUnderstoodError as error:
                    outcome = f"failed: {error} is not understood"
                except OSError as error:  # no such folder or shell
                    outcome = f"failed: {error}"
                print(f"--- {outcome}", flush=True)
            rows.append(Row(job.title, title_of(step), outcome, time.monotonic() - start))
    return rows


def list_job(job: Job) -> list[Row]:
    """Print a job's steps."""
    print(f"\n{job.title}")
    for step in job.spec["steps"]:
        print(f"  {title_of(step)}")
        print(*(f"    | {line}" for line in step.get("run", "").splitlines()), sep="\n", end="\n" * ("run" in step))
    return []


def summary(rows: list[Row]) -> str:
    lines = []
    for job, of_job in itertools.groupby(rows, key=lambda row: row.job):
        lines.append(job)
        for row in of_job:
            minutes = f"  {row.seconds / 60:.1f} min" if row.seconds >= 6 else ""
            lines.append(f"  {row.step:<52.52}  {row.outcome}{minutes}".rstrip() if row.step else f"  {row.outcome}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the jobs and their steps, and run none")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="jobs with this in their names")
    options = parser.parse_args()
    chosen = [job for job in jobs() if any(word in job.title for word in options.only)]
    if not chosen:
        raise SystemExit(f"no job has {' or '.join(options.only)} in its name")
    rows: list[Row] = []
    for job in chosen:
        try:
            if reason := why_not(job):
                rows.append(Row(job.title, "", f"not run: {reason}"))
            else:
                rows += list_job(job) if options.list else run_job(job)
        except NotUnderstoodError as error:
            rows.append(Row(job.title, "", f"failed: {error} is not understood"))
    print("\nNot here" if options.list else "\nSummary", summary(rows), sep="\n\n")
    ran = options.list or any(row.outcome.startswith("passed") for row in rows)
    failed = any(row.outcome.startswith("failed") for row in rows)
    if not ran:
        print("\nno step has run")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
