"""What an installation may configure, validated once."""

from settings.settings import Settings, SettingsError

__all__ = ["Settings", "SettingsError"]
