#!/usr/bin/env python3
"""Rodeo's command line: `manage.py up` runs the whole portal, `manage.py help` lists the rest."""

import sys


def main() -> None:
    """Run a management command with the settings named by DJANGO_SETTINGS_MODULE."""
    from django.core.management import execute_from_command_line

    from portal.settings.environment import choose_settings

    choose_settings()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
