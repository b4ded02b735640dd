#!/usr/bin/env python3
"""Rodeo's command line: `manage.py up` runs the whole portal, `manage.py help` lists the rest."""

import os
import sys


def main() -> None:
    """Run a management command with the settings named by DJANGO_SETTINGS_MODULE."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.local")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
