"""The ASGI application that uvicorn serves: Django's synchronous handler, in threads that stay."""

import os

from django.core.wsgi import get_wsgi_application

from kaitong.cli.bridge import Bridge

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
# Threads overlap waiting for the database; more work at once is what more processes are for.
application = Bridge(get_wsgi_application(), threads=4)
