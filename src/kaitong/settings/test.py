"""Settings of the tests: quick password hashing, state in a folder of their own."""

import os
import tempfile

os.environ.setdefault("KAITONG_HOME", tempfile.mkdtemp(prefix="kaitong-test-"))

from kaitong.settings.base import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
# Tests open dozens of connections at once on machines that are busy with other things.
DATABASES["default"]["OPTIONS"]["connect_timeout"] = 30  # noqa: F405
ALLOWED_HOSTS = ["*"]
