"""deploy/ldap/front.nft in a network of a test's own (`unshare -n`): put up before other ports, and what it counted."""

import json
import shutil
import subprocess
from pathlib import Path

FRONT = Path(__file__).parents[2] / "deploy" / "ldap" / "front.nft"
PORTS = "{ 389, 636 }"
DAY_BYTES = 1536 << 10
UNITS = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20}


def can_isolate() -> bool:
    """Whether the front can be tried here: it takes nftables and the right to a network of our own."""
    isolated = ["unshare", "-n", "sh", "-c", "ip link set lo up && nft list ruleset"]
    tools = all(map(shutil.which, ("unshare", "ip", "nft")))
    return tools and subprocess.run(isolated, capture_output=True, check=False).returncode == 0


def put_up(*ports: int) -> None:
    """Load the front before these ports of this network."""
    rules = FRONT.read_text("ascii").replace(PORTS, "{ " + ", ".join(map(str, ports)) + " }")
    subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)


def sent() -> dict[str, int]:
    """Bytes that the front has counted for each IPv4 address."""
    command = ["nft", "-j", "list", "set", "inet", "annuaire_ldap", "sent4"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    (found,) = [each["set"] for each in listed["nftables"] if "set" in each]
    elements = [each["elem"] for each in found.get("elem", [])]
    return {each["val"]: _bytes(each["quota"]) for each in elements}


def _bytes(quota: dict[str, int | str]) -> int:
    return int(quota.get("used", 0)) * UNITS[str(quota.get("used_unit", "bytes"))]
