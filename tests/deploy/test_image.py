"""The image is built from the Dockerfile and runs as a careful hospital runs it.

buildah builds it, runc runs it, both without a daemon; the base is Debian's own Python.
"""

import json
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from service.app import example_request_file

pytestmark = pytest.mark.image

ROOT = Path(__file__).parents[2]
BASE_TAR = ROOT / "build/python-base.tar"
BASE_NAME = "docker.io/library/python:3.11-slim-bookworm"
CERTIFICATES = "/etc/ssl/certs"
#: Outside the image in all but name: filled by the runtime.
_NOT_LOOKED_AT = ("proc", "sys", "dev")


@dataclass(frozen=True)
class Image:
    """The built image: its configuration, and its files where they can be looked at."""

    config: dict
    files: Path


class Builder:
    """Buildah with a store of its own, which is removed with all that is in it."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments):
        """Run one command of buildah and give what it prints."""
        command = ["buildah", "--root", self.folder / "root", "--runroot"]
        command += [self.folder / "run", "--storage-driver", "overlay"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def import_base(self):
        """Make the base image from the Debian that the Makefile has put into a file."""
        container = self("from", "scratch")
        files = self("mount", container)
        subprocess.run(
            ["/bin/tar", "-C", files, "-xf", BASE_TAR, "--exclude=./dev/*"],
            check=True,
        )
        self(
            "config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin", container
        )
        self("commit", "--quiet", "--rm", container, BASE_NAME)

    def build(self):
        """Build the project's own Dockerfile, nothing changed."""
        options = ["--isolation", "chroot", "--network", "host", "--pull-never"]
        # Names the base that was imported; a registry is never asked. Only the build
        # machine's certificates are lent, for the packages; they stay out of the image.
        options += [
            "--format",
            "docker",
            "--volume",
            f"{CERTIFICATES}:{CERTIFICATES}:ro",
        ]
        self(
            "build", "--quiet", *options, "--build-arg", "VERSION=test", "-t", "it", "."
        )

    def close(self):
        """Unmount and remove everything."""
        self("umount", "--all")
        self("rm", "--all")
        self("rmi", "--all", "--force")
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """Build the image from the Dockerfile on a Debian that has no more than Python."""
    for tool in ("buildah", "runc"):
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}: apt-get install --no-install-recommends {tool}")
    if not BASE_TAR.exists():
        pytest.skip("needs a base image: `make image-test` makes one")
    if os.getuid() != 0:
        pytest.skip("needs root, to mount the image's files")
    builder = Builder(tmp_path_factory.mktemp("image"))
    try:
        builder.import_base()
        builder.build()
        config = json.loads(builder("inspect", "--type", "image", "it"))
        container = builder("from", "--pull-never", "it")
        yield Image(config["Docker"]["config"], Path(builder("mount", container)))
    finally:
        builder.close()


@dataclass
class Container:
    """A running container: where it answers, its process, what it wrote."""

    url: str
    process: subprocess.Popen
    runc: list
    log_file: Path

    @property
    def log(self):
        return self.log_file.read_text("utf-8")

    def run(self, *command):
        """Run a command in it, as its own user."""
        return subprocess.run(
            [*self.runc, "exec", "scnen", *command],
            capture_output=True,
            text=True,
            check=False,
        )


def bundle(image, *arguments):
    """Describe for runc what `--read-only --cap-drop ALL` and the like ask for."""
    capabilities = ("bounding", "effective", "inheritable", "permitted", "ambient")
    mounts = {"proc": "proc", "dev": "tmpfs", "dev/shm": "tmpfs", "tmp": "tmpfs"}
    uid, gid = map(int, image.config["User"].split(":"))
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(image.files), "readonly": True},
        "process": {
            "args": [*image.config["Entrypoint"], *arguments],
            "cwd": image.config["WorkingDir"],
            "env": image.config["Env"],
            "user": {"uid": uid, "gid": gid},
            "capabilities": {kind: [] for kind in capabilities},
            "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": f"/{place}", "type": kind, "source": kind}
            for place, kind in mounts.items()
        ],
        # The network stays the machine's: the service answers on its loopback address.
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}]},
    }


@pytest.fixture(scope="session")
def container(image, tmp_path_factory, free_port, wait_for):
    """Run the image as its own user, without capabilities, on a read-only root."""
    folder, port = tmp_path_factory.mktemp("container"), free_port()
    options = ["serve", "--open", "--port", str(port)]
    (folder / "config.json").write_text(json.dumps(bundle(image, *options)))
    runc = ["runc", "--root", folder / "state"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*runc, "run", "--bundle", folder, "scnen"], stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/healthz/live")
        yield Container(url, process, runc, folder / "log")
    finally:
        if process.poll() is None:
            subprocess.run([*runc, "kill", "scnen", "TERM"], check=True)
        process.wait(30)


def files_of(image):
    """Every file of the image, links not followed."""
    for top in image.files.iterdir():
        if top.name not in _NOT_LOOKED_AT:
            yield from (path for path in top.rglob("*") if not path.is_symlink())


def test_the_image_answers_a_hook_with_a_card(container):
    """What was built is the service."""
    answer = requests.post(
        f"{container.url}/cds-services/scnen-discharge",
        data=example_request_file().read_bytes(),
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    (card,) = answer.json()["cards"]
    assert card["indicator"] == "warning"


def test_all_parts_are_ready_in_the_image(container):
    """No data file was left behind."""
    answer = requests.get(f"{container.url}/healthz/ready", timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_the_service_runs_as_its_own_user_without_rights(container):
    """The kernel says so: uid 10001, no capability, none to be had."""
    status = container.run("cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert fields["Uid"].split() == ["10001"] * 4
    assert fields["Gid"].split() == ["10001"] * 4
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[kind], 16) == 0, kind
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.parametrize(
    "place", ["/", "/opt/scnen-cds", "/var/lib/scnen-cds", "/etc", "/usr/bin"]
)
def test_nothing_can_be_written_to_the_root(container, place):
    """The file system refuses, whoever owns the folder."""
    result = container.run("touch", f"{place}/x")
    assert "Read-only file system" in result.stderr


def test_the_image_holds_no_installer_statistics_or_tests(image):
    """What is not there cannot be used by an intruder."""
    folders = [path for path in files_of(image) if path.is_dir()]
    installed = {each.name for each in folders if "-packages" in each.parent.name}
    assert {"service", "cds_hooks", "numpy"} <= installed
    assert installed.isdisjoint(
        {"pip", "setuptools", "scipy", "pandas", "statsmodels", "sklearn", "matplotlib"}
        | {"pytest", "tests"}
    )
    assert "ensurepip" not in {each.name for each in folders}
    for top in ("bin", "sbin", "local/bin", "local/sbin"):
        tools = {each.name for each in (image.files / "usr" / top).iterdir()}
        assert not {each for each in tools if each.startswith(("apt", "dpkg", "pip"))}


def test_a_scanner_finds_the_list_of_the_packages_of_the_base(image):
    """What cannot be seen cannot be kept up to date."""
    status = (image.files / "var/lib/dpkg/status").read_text("utf-8")
    assert "Package: libc6\n" in status


def test_no_file_of_the_image_gives_another_user(image):
    """Without setuid there is no way up, even where the runtime forgot the flag."""
    rights = stat.S_ISUID | stat.S_ISGID
    assert not [
        path
        for path in files_of(image)
        if path.is_file() and path.stat().st_mode & rights
    ]


def test_only_the_data_folder_belongs_to_the_service(image):
    """Its own code is not its to change."""
    owned = [path for path in files_of(image) if path.stat().st_uid == 10001]
    data = image.files / "var/lib/scnen-cds"
    assert owned == [data]
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert not list((image.files / "opt/scnen-cds").rglob(".git*"))


def test_the_sources_are_compiled(image):
    """A start on a read-only root compiles nothing."""
    package = image.files / "opt/scnen-cds/lib/python3.11/site-packages/service"
    compiled = {path.name.split(".")[0] for path in package.glob("__pycache__/*.pyc")}
    assert compiled == {path.stem for path in package.glob("*.py")}


def test_the_image_says_what_it_is(image):
    """Labels, user, signal and health check are in the configuration."""
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.title"] == "scnen-cds"
    assert labels["org.opencontainers.image.version"] == "test"
    assert image.config["User"] == "10001:10001"
    assert image.config["StopSignal"] == "SIGTERM"
    assert "/healthz/ready" in image.config["Healthcheck"]["Test"][-1]
    assert not [each for each in image.config["Env"] if "SCNEN" in each]


def test_the_container_stops_on_sigterm(container):
    """The last test of this file: the first process passes the signal on."""
    pid = container.process.pid
    assert Path(f"/proc/{pid}").exists()
    done = container.run("python", "-c", "import os; os.kill(1, 15)")
    assert done.returncode == 0
    assert container.process.wait(30) == 0
    assert "Shutting down" in container.log
