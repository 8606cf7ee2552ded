"""How the property tests run."""

from hypothesis import settings

# A busy machine is no failure, and nothing is kept between runs.
settings.register_profile("parvis", deadline=None, database=None)
settings.load_profile("parvis")
