"""The study server: pages rendered on the server, answers stored before they are acknowledged."""

from clearhead.study.server.app import create_app, run_server
from clearhead.study.server.settings import Secrets, ServerSettings, make_secrets

__all__ = ["Secrets", "ServerSettings", "create_app", "make_secrets", "run_server"]
