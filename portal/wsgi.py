"""The WSGI application gunicorn serves."""

import logging

from django.core.wsgi import get_wsgi_application

from portal.ops.checks import unread_variables
from portal.settings.environment import choose_settings

choose_settings()
application = get_wsgi_application()
# Commands say this themselves; gunicorn runs none.
for warning in unread_variables():
    logging.getLogger("portal").warning("%s %s", warning.msg, warning.hint)
