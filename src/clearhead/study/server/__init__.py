"""The study server: pages rendered on the server, answers stored before they are acknowledged."""

from clearhead.study.server.app import create_app, run_server
from clearhead.study.server.secrets import Secrets, make_secrets

__all__ = ["Secrets", "create_app", "make_secrets", "run_server"]
