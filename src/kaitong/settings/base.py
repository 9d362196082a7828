"""Django settings of a running Kaitong. What differs by place comes from the environment."""

from __future__ import annotations

import os
import secrets
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlparse

from csp.constants import NONCE, NONE, SELF

from kaitong.core.home import REPOSITORY, home
from kaitong.core.logs import without_secret_links, without_traceback_of_refusals

PACKAGE = Path(__file__).resolve().parents[1]


def _secret_key() -> str:
    """Django's signing key: from the environment, else kept in the state folder."""
    given = os.environ.get("KAITONG_SECRET_KEY")
    if given:
        return given
    path = home() / "keys" / "django.key"
    try:
        return path.read_text()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    draft = path.with_name(f".django.key.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


def _database() -> dict[str, object]:
    """The database of KAITONG_DATABASE_URL, which defaults to the embedded one."""
    url = urlparse(os.environ.get("KAITONG_DATABASE_URL", "postgresql://127.0.0.1:1/not-started"))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "127.0.0.1",
        "PORT": url.port or 5432,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": "kaitong",
            "prepare_threshold": None,  # kaitong.core.wire prepares what is worth it
            "connect_timeout": 5,
            "server_side_binding": False,
        },
        "TEST": {"NAME": os.environ.get("KAITONG_TEST_DATABASE", "test_kaitong")},
    }


SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = [h for h in os.environ.get("KAITONG_HOSTS", "127.0.0.1,localhost").split(",") if h]
# private networks that listeners of the TM Forum hubs may live in (10.20.0.0/16); none unless named
CALLBACK_NETWORKS = [
    str(ip_network(one.strip(), strict=False))
    for one in os.environ.get("KAITONG_CALLBACK_NETWORKS", "").split(",")
    if one.strip()
]
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("KAITONG_ORIGINS", "").split(",") if o]
DATABASES = {"default": _database()}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "pghistory",
    "procrastinate.contrib.django",
    "django_htmx",
    "csp",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "kaitong.core",
    "kaitong.worktime",
    "kaitong.org",
    "kaitong.process",
    "kaitong.party",
    "kaitong.places",
    "kaitong.catalog",
    "kaitong.inventory",
    "kaitong.activation",
    "kaitong.charging",
    "kaitong.documents",
    "kaitong.messaging",
    "kaitong.ordering",
    "kaitong.assurance",
    "kaitong.hall",
    "kaitong.fieldwork",
    "kaitong.surveys",
    "kaitong.reporting",
    "kaitong.playbooks",
    "kaitong.transfer",
    "kaitong.tmf",
    "kaitong.web",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "kaitong.org.middleware.ActorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "kaitong.urls"
ASGI_APPLICATION = "kaitong.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]

# ---- sign-in -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "org.Staff"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "kaitong.org.adapters.StaffAccountAdapter"
ACCOUNT_SESSION_REMEMBER = False
AXES_FAILURE_LIMIT = int(os.environ.get("KAITONG_LOGIN_FAILURES", "6"))
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "kaitong.web.views.preferences.locked_out"
AXES_SENSITIVE_PARAMETERS = ["password"]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
_HTTPS = os.environ.get("KAITONG_HTTPS") == "1"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# ---- language and time ---------------------------------------------------------------------------

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

# ---- files, logs ---------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = home() / "static"
STATICFILES_DIRS: list[Path] = []
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
APPEND_SLASH = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {
        "refusals": {
            "()": "django.utils.log.CallbackFilter",
            "callback": without_traceback_of_refusals,
        },
        "links": {
            "()": "django.utils.log.CallbackFilter",
            "callback": without_secret_links,
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["refusals", "links"],
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("KAITONG_LOG", "WARNING")},
    "loggers": {"axes": {"level": "ERROR"}},
}
PGHISTORY_DEFAULT_TRACKERS = ()
SILENCED_SYSTEM_CHECKS = ["axes.W006"]
KAITONG_REPOSITORY = REPOSITORY
