"""Settings of the tests: quick password hashing, state in a folder of their own."""

import os
import tempfile

os.environ.setdefault("KAITONG_HOME", tempfile.mkdtemp(prefix="kaitong-test-"))

from kaitong.settings.base import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
ALLOWED_HOSTS = ["*"]
