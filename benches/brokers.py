"""Brokers that a local file names: started afresh for each run, asked what they use, ended.

The file is TOML; `brokers.example.toml` and `more-brokers.example.toml` say what may stand in it.
"""
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CAUSEWAY = os.environ.get("CAUSEWAY_BIN", str(TARGET / "release/causeway"))
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 30

# What may stand in a file, and what it is when it does not; None has to be there.
FIELDS = {
    "name": None, "command": None, "files": {}, "environment": {}, "can": ["tls", "v5"],
    "version": [], "settle": 0.5, "without": [],
}


def read(path, names):
    """The brokers of a file, those of `names` if there are any."""
    with open(path, "rb") as file:
        text = tomllib.load(file)
    unknown = set(text) - {"broker", "pin"}
    specs = text.get("broker", [])
    for spec in specs:
        unknown |= set(spec) - set(FIELDS)
        missing = [field for field, usual in FIELDS.items() if usual is None and field not in spec]
        if missing:
            sys.exit(f"{path}: a broker without {', '.join(missing)}")
    if unknown:
        sys.exit(f"{path}: nobody knows {', '.join(sorted(unknown))}; a broker has {', '.join(FIELDS)}")
    absent = set(names) - {spec["name"] for spec in specs}
    if absent or not specs:
        sys.exit(f"{path}: no broker {', '.join(sorted(absent))}")
    pin = text.get("pin", {})
    return [Broker(FIELDS | spec, pin.get("broker")) for spec in specs if not names or spec["name"] in names], pin


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def on(cores, command):
    """The command, on these cores alone if any are named."""
    return ["taskset", "--cpu-list", str(cores), *command] if cores is not None else command


def certify(folder):
    """A key and the certificate it signs for itself, P-256: what Causeway makes for itself is no shorter."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
        check=True, capture_output=True)


class Broker:
    """One broker of the file; in a `with` it runs."""

    def __init__(self, spec, cores):
        self.spec, self.name, self.cores = spec, spec["name"], cores
        self.process = None

    def can(self, what):
        return what in self.spec["can"]

    def version(self):
        """The first line that it says about itself; the command if it has none."""
        if not self.spec["version"]:
            return " ".join(self.spec["command"])
        said = subprocess.run(self.fill(self.spec["version"]), capture_output=True, text=True)
        lines = (said.stdout + said.stderr).strip().splitlines()
        return lines[0] if lines else "unknown"

    def fill(self, texts, **places):
        places |= {"root": ROOT, "causeway": CAUSEWAY}
        def filled(text):
            for place, value in places.items():
                text = text.replace("{" + place + "}", str(value))
            return text
        return [filled(text) for text in texts]

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.port, self.tls_port = free_ports(2)
        places = {"port": self.port, "tls_port": self.tls_port, "dir": self.folder}
        texts = " ".join([*self.spec["command"], *self.spec["files"].values()])
        if "{dir}/tls.crt" in texts:
            certify(self.folder)
        for name, text in self.spec["files"].items():
            (self.folder / name).write_text(self.fill([text], **places)[0])
        command = on(self.cores, self.fill(self.spec["command"], **places))
        environment = dict(zip(self.spec["environment"], self.fill(self.spec["environment"].values(), **places)))
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        try:
            self.wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_up(self):
        wanted = [self.port, *([self.tls_port] if self.can("tls") else [])]
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end and not all(map(listens, wanted)):
            time.sleep(0.05)
        # It may go on with its start for a while.
        time.sleep(self.spec["settle"])
        if self.process.poll() is not None or not all(map(listens, wanted)):
            said = (self.folder / "log").read_text(errors="replace").strip().splitlines()
            raise RuntimeError(f"it does not come up: {' / '.join(said[-3:])}")

    def __exit__(self, *_):
        """Ends its process group, which is of its own making."""
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            if self.process.poll() is not None:
                break
            os.killpg(self.process.pid, number)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


def busy():
    """Seconds of CPU that everything on this machine has used."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    # User, nice, system; interrupts and what others of the host took from us.
    return (sum(fields[:3]) + sum(fields[5:8])) / TICKS


def machine():
    """What a reader wants to know of where figures come from."""
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
        "date": time.strftime("%Y-%m-%d"),
    }
