"""A study: recipes times seeds, as stages with content-addressed outputs, ending in a report."""

from smallsteps.studies.recipe import Recipe, load_recipe
from smallsteps.studies.study import Study, load_study

__all__ = ["Recipe", "Study", "load_recipe", "load_study"]
