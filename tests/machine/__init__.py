"""A machine of its own, an empty Debian that systemd boots, installed as docs/deployment.md says (`make machine`).

Needs root, a kernel that gives out namespaces, the mirrors of Debian, and PyPI: nothing of it is part of `make check`.
"""
