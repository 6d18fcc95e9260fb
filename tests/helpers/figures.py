"""The metrics as a monitor reads them, by name and labels."""

from prometheus_client.parser import text_string_to_metric_families


def samples(text):
    """Value by (name, its labels as sorted pairs)."""
    families = text_string_to_metric_families(text.decode())
    return {
        (each.name.removeprefix("pacifica_desk_"), tuple(sorted(each.labels.items()))): each.value
        for family in families
        for each in family.samples
    }


class Figures:
    """``text``: what was scraped."""

    def __init__(self, text):
        self.text, self._samples = text, samples(text)

    def __call__(self, name, **labels):
        """One value, None where there is none."""
        named = {label.rstrip("_"): value for label, value in labels.items()}
        return self._samples.get((name, tuple(sorted(named.items()))))

    @property
    def names(self):
        """Names of all that is told."""
        return {name for name, _ in self._samples}
