"""The WSGI entry point: `gunicorn -c python:service.gunicorn_conf service.wsgi:app`."""

from service.app import create_app
from service.config import Settings

__all__ = ["app"]

app = create_app(Settings.from_env())
