"""The import path of Backend.AI's own test tools; other packages named `tests` stay reachable."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
