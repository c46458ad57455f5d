"""The models that a person has declared, wherever the command line is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paceline.agents.model_declaration import ModelDeclaration, load_models
from paceline.errors import ConfigurationError
from paceline.settings import Settings

DECLARATIONS = "paceline.toml"
_SIZE_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Models:
    """Declarations by name, and the file that they are in or would be in."""

    declared: dict[str, ModelDeclaration]
    place: str


def find_models(settings: Settings) -> Models:
    """The models of the file that the settings name, or of the nearest `paceline.toml`.

    The nearest is that of the current folder or of one above it, up to the top of its git checkout; beyond,
    where others may write, it is not looked for.

    Raises:
        ConfigurationError: the file is named and missing, cannot be read, or has a wrong declaration.
    """
    path = settings.models_file or _nearest(Path.cwd())
    if path is None:
        return Models({}, DECLARATIONS)
    try:
        with path.open("rb") as file:
            data = file.read(_SIZE_LIMIT + 1)
        if len(data) > _SIZE_LIMIT:
            raise ConfigurationError(
                f"{path} has more than 1 MiB; name another file in PACELINE_MODELS_FILE."
            )
        return Models(load_models(data.decode("utf-8-sig"), str(path)), str(path))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{path} cannot be read ({reason}); correct PACELINE_MODELS_FILE.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; save it as UTF-8.") from None


def _nearest(folder: Path) -> Path | None:
    folders = [folder, *folder.parents]
    top = next((at for at, each in enumerate(folders) if (each / ".git").exists()), 0)
    return next((each / DECLARATIONS for each in folders[: top + 1] if (each / DECLARATIONS).is_file()), None)
