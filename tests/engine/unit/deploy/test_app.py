"""What the app of Home Assistant may do on its host: as little as it needs."""

from pathlib import Path
import re

import pytest
import yaml

APP = Path(__file__).parents[4] / "addon"
# each of these lowers the Supervisor's rating, or opens the host to the app
PRIVILEGES = (
    *("privileged", "full_access", "docker_api", "host_network", "host_pid", "host_ipc", "host_dbus", "host_uts"),
    *("apparmor_disable", "kernel_modules", "devicetree", "hassio_api", "hassio_role", "homeassistant_api", "auth_api"),
    *("devices", "gpio", "usb", "uart", "udev", "audio", "video"),
)


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load((APP / "config.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("privilege", PRIVILEGES)
def test_it_asks_for_no_privilege(config, privilege):
    assert not config.get(privilege)


def test_it_runs_confined_and_no_port_is_open_by_itself(config):
    assert config["apparmor"] is True
    assert set(config["ports"].values()) == {None}
    writable = {entry["type"] for entry in config["map"] if not entry["read_only"]}
    assert writable == {"share"}


def test_its_profile_writes_nowhere_but_where_data_belongs():
    profile = (APP / "apparmor.txt").read_text(encoding="utf-8")
    rules = re.findall(r"^  (/\S+) ([a-z]+),$", profile, re.MULTILINE)
    writable = {path.partition("{")[0] for path, may in rules if "w" in may}
    assert writable == {"/run/", "/dev/tty", "/dev/shm/", "/tmp/", "/data/", "/share/home_sentry/"}
    readable = {path for path, may in rules if may == "r"}
    assert {"/share/{,**}", "/media/{,**}"} <= readable
    asked = set(re.findall(r"^  capability (\w+),$", profile, re.MULTILINE))
    assert not asked & {"sys_admin", "sys_ptrace", "sys_module", "net_admin", "net_raw", "sys_rawio", "mknod"}
    assert "flags=(attach_disconnected,mediate_deleted)" in profile


def rating(config) -> int:
    """Reckon as the Supervisor does: 1 (do not run it) to 8."""
    if config.get("docker_api") or config.get("full_access"):
        return 1
    points = 5
    if not config.get("apparmor", True):
        points -= 1
    elif (APP / "apparmor.txt").is_file():
        points += 1
    points += 2 if config.get("ingress") else 1 if config.get("auth_api") else 0
    dangerous = {"BPF", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH", "NET_ADMIN", "NET_RAW", "PERFMON"}
    dangerous |= {"SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"}
    points -= bool(dangerous & set(config.get("privileged", ())) or config.get("kernel_modules"))
    points -= {"manager": 1, "admin": 2}.get(config.get("hassio_role"), 0)
    points -= bool(config.get("host_network")) + 2 * bool(config.get("host_pid"))
    return max(1, min(8, points))


def test_the_supervisor_rates_it_as_safe_as_an_app_can_be(config):
    assert rating(config) == 8
    worse = ({"ingress": False}, {"apparmor": False}, {"host_network": True}, {"privileged": ["NET_ADMIN"]})
    assert all(rating(config | one) < 8 for one in worse)


def test_home_assistant_reaches_its_page_at_the_port_of_the_engine(config):
    script = (APP / "rootfs/etc/s6-overlay/s6-rc.d/home-sentry/run").read_text(encoding="utf-8")
    (port,) = re.findall(r"--port (\d+)", script)
    assert config["ingress_port"] == int(port)
    assert config.get("ingress_entry", "/") == "/"
    assert "--behind-app-network" in script


def test_the_engine_runs_as_a_user_of_its_own():
    script = (APP / "rootfs/etc/s6-overlay/s6-rc.d/home-sentry/run").read_text(encoding="utf-8")
    assert re.search(r"^exec s6-setuidgid sentry setpriv --no-new-privs home-sentry ", script, re.MULTILINE)
    made = re.search(r"useradd (.*) sentry", (APP / "Dockerfile").read_text(encoding="utf-8"))
    assert made is not None
    assert "--shell /usr/sbin/nologin" in made.group(1)
