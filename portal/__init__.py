"""Rodeo: the roof (urls, settings, home) and the cellar (kernel)."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
