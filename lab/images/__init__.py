"""The guests' root file systems: built when first asked for, kept in the cache, never written to afterwards."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from lab.images.build import build
from lab.images.recipe import RECIPES, Recipe
from lab.shell import LabError

NAMES = tuple(RECIPES)
DEFAULT = "debian-12"
"""Of most guests."""


@dataclass(frozen=True)
class Image:
    """A root file system. ``layers``: lower directories of an overlay, the topmost first.

    ``unit``: the agent's. ``label``: what it is, and what of it is not real.
    """

    name: str
    layers: tuple[Path, ...]
    unit: str
    label: str


def image(name: str, cache: Path) -> Image:
    """The image of this name, built in ``cache`` when it is not there. Raises LabError.

    To build needs root, mmdebstrap and Debian's mirror; to use what is built needs none of them. Processes may ask at the same time.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise LabError(f"there is no image {name}; there are {', '.join(NAMES)}")
    below = image(recipe.below, cache).layers if recipe.below else ()
    newer_agent = image(recipe.newer_agent, cache).layers[0] if recipe.newer_agent else None
    tree = cache / "images" / f"{name}-{key(recipe)}"
    if not tree.exists():
        build(recipe, tree, below, newer_agent, cache / "downloads" / recipe.suite)
    os.utime(tree)  # a week after its last use a build with another key removes it
    return Image(name, (tree, *below), recipe.unit, recipe.label)


@functools.cache
def key(recipe: Recipe) -> str:
    """Changes with everything that goes into the image, except for what Debian's mirror offers on that day."""
    return recipe.key(*(key(RECIPES[name]) for name in (recipe.below, recipe.newer_agent) if name))
