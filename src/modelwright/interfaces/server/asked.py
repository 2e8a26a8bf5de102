"""From what a person asked to serve to bundles: registered models that are followed, and bundles that stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelwright.core.errors import StateError
from modelwright.core.nouns import Event
from modelwright.interfaces.server.probing import digest_of
from modelwright.lifecycle.scoring import find_bundle
from modelwright.registry import versions
from modelwright.serving.door import Opening
from modelwright.serving.fallback import CONSTANT, FAST, LAST_GOOD
from modelwright.serving.swapping import Followed, Place, Wanted, resolve
from modelwright.spec.serving import ServingSpec


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line named."""

    followed: tuple[Followed, ...]
    fixed: tuple[Wanted, ...]  # runs and folders: they change for nobody
    root: Path  # of the workspace

    @staticmethod
    def of(opening: Opening, events: Iterable[Event]) -> Asked:
        """Raises NotFoundError and StateError (`serve.twice`)."""
        followed: list[Followed] = []
        fixed: dict[str, Wanted] = {}
        events = list(events)
        for text in opening.models:
            if _is_bundle(text):
                wanted = _fixed(find_bundle(text, opening.workspace), events, opening.workspace)
                if wanted.name in fixed:
                    raise _twice(wanted.name)
                fixed[wanted.name] = wanted
            else:
                name, _, which = text.replace("@", ":", 1).partition(":")
                followed.append(Followed(name=name, which=which))
        for one in followed:
            if one.name in fixed:
                raise _twice(one.name)
        return Asked(tuple(followed), tuple(fixed.values()), opening.workspace)

    def wanted(self, events: Iterable[Event]) -> list[Wanted]:
        return [*resolve(self.followed, events, self.root), *self.fixed]


def specs_of(wanted: Iterable[Wanted], config: Path | None) -> dict[str, ServingSpec]:
    """The `serving:` section of each model: from the file that was named, else from the run that made it."""
    if config is not None:
        from modelwright.spec.serving_file import load_serving

        said = load_serving(config)
        return {one.name: said for one in wanted}
    found: dict[str, ServingSpec] = {}
    for one in wanted:
        live = next(place for place in one.places if place.version == one.live[0])
        pipeline = Path(live.folder).parent / "pipeline.yaml"
        found[one.name] = _said_in(pipeline)
    return found


def _said_in(pipeline: Path) -> ServingSpec:
    """Reading YAML with every check takes longer than loading a small model, and most runs say nothing of serving."""
    if not pipeline.is_file() or b"serving" not in pipeline.read_bytes():
        return ServingSpec()
    from modelwright.spec.serving_file import load_serving

    return load_serving(pipeline)


def spares_of(
    wanted: Iterable[Wanted], specs: Mapping[str, ServingSpec], workspace: Path
) -> dict[str, dict[str, Place]]:
    """The bundles that may have to answer when a model fails; what is not there is left out."""
    found: dict[str, dict[str, Place]] = {}
    for one in wanted:
        live = next(place for place in one.places if place.version == one.live[0])
        mine: dict[str, Place] = {}
        for which in specs[one.name].fallback:
            if which == FAST:
                folder = Path(live.folder).with_name("fast")
            elif which in (LAST_GOOD, CONSTANT):
                continue
            else:
                folder = find_bundle(which, workspace)
            if (folder / "manifest.json").is_file():
                version = live.version if which == FAST else 0
                mine[which] = Place(version=version, folder=str(folder), digest=digest_of(folder))
        if mine:
            found[one.name] = mine
    return found


def _is_bundle(text: str) -> bool:
    return text == "latest" or text.startswith("run:") or "/" in text or Path(text).is_dir()


def _fixed(folder: Path, events: list[Event], root: Path) -> Wanted:
    """A bundle by itself: under the name in its manifest, and its number where it is registered."""
    name = str(msgspec.json.decode((folder / "manifest.json").read_bytes()).get("name") or "model")
    digest = digest_of(folder)
    number = next(
        (
            one.version
            for one in versions.fold(events)
            if one.name == name
            and one.bundle_digest == digest
            and (root / one.bundle_path).absolute() == folder.absolute()
        ),
        0,
    )
    place = Place(version=number, folder=str(folder.absolute()), digest=digest)
    return Wanted(name=name, places=(place,), arms=((number, 1.0, "champion"),))


def _twice(name: str) -> StateError:
    return StateError(
        f"Two of the bundles are named '{name}'.",
        code="serve.twice",
        hint="serve each under a name of its own, or on a port of its own",
        subject=f"model:{name}",
    )


def plain_spares(spares: Mapping[str, Mapping[str, Place]]) -> dict[str, dict[str, object]]:
    return {name: {which: msgspec.to_builtins(place) for which, place in of.items()} for name, of in spares.items()}
