"""The report of an audit: its result, which shows itself to machines and to people."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mnemoscope.auditing.reports.axes import HEADLINES, axes
from mnemoscope.auditing.reports.record import payload
from mnemoscope.auditing.result import AuditResult
from mnemoscope.errors import InputError
from mnemoscope.output import Saved
from mnemoscope.pages import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


@dataclass(frozen=True, eq=False, repr=False)
class Report(AuditResult, Saved):
    """The result of ``audit``, and how it is shown: files, a notebook, a data frame, a figure, a model card."""

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``; its schema is ``report.schema.json`` in this package."""
        return payload(self)

    def page(self) -> str:
        """The content of ``report.html``, which loads nothing from outside."""
        from mnemoscope.auditing.reports.page import audit_page  # draws: only pages pay for matplotlib's import

        return audit_page(self)

    def model_card(self) -> str:
        """A section in Markdown for a model card: verdict, both axes, settings, fingerprints."""
        from mnemoscope.auditing.reports.card import model_card

        return model_card(self)

    def model_index(self, model: str, task: str | None = None) -> str:
        """The metadata ``model-index`` of a model card, in YAML, for the head of a README.

        Args:
            model: name of the model.
            task: its task, by the hubs' names; unconditional image generation if left out.
        """
        from mnemoscope.auditing.reports.metadata import TASK, model_index

        return model_index(self.to_dict(), model, task or TASK)

    def to_dataframe(self) -> "DataFrame":
        """One row for each generated item: its nearest training item, distances, ratio, p-value and flags.

        Raises:
            InputError: the report is private.
        """
        import pandas as pd  # slow to import

        if self.private:
            raise InputError("a private report holds no single items: there is no data frame of them")
        rows = pd.DataFrame(self.pairs(np.arange(self.generated.n_samples)))
        rows = rows.rename(columns={"distance": "d1"}).assign(d2=self.nearest.distances[:, 1])
        for result in self.results:
            rows[result.name] = result.flags
        return rows.set_index("generated")

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """The distances to the nearest training item, samples against the null, into matplotlib axes or new ones."""
        from mnemoscope.auditing.reports.page import draw_distances
        from mnemoscope.pages.figures import plain_axes

        return draw_distances(self, plain_axes() if ax is None else ax)

    def __repr__(self) -> str:
        listed = int(self.copies.listed.sum())
        near = "not tested" if self.closeness is None else percent(self.closeness.share)
        return (
            f"Report({self.tone}: copies >= {percent(self.copies.share_lower)}, {listed} listed, "
            f"{self.identical.rate.count} identical; closeness {near}; "
            f"{self.generated.n_samples} samples, {self.train.n_samples} training items)"
        )

    def _repr_html_(self) -> str:
        from mnemoscope.pages import render

        return render("auditing/notebook.html.j2", report=self, headline=HEADLINES[self.tone], axes=axes(self))
