"""How figures look: one palette, in a light and a dark form, and in a wide and a narrow (phone) shape.

Colours are Okabe and Ito's, which people with any common colour blindness tell apart; position and marker carry everything that colour
does, so that a figure can be read in grey.

Source: Okabe & Ito (2008), "Color universal design".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Look:
    """A form of a figure.

    Attributes:
        name: part of a file's name.
        ink, quiet, faint, paper: colours of text, of secondary text, of grid lines and of the ground.
        main, other, mark: colours of estimates, of a second series, and of published values.
        scale: colours of the five points, from disagree to agree.
        heat: name of the colour map of shares.
        narrow: shaped for a phone.
    """

    name: str
    ink: str
    quiet: str
    faint: str
    paper: str
    main: str
    other: str
    mark: str
    scale: tuple[str, str, str, str, str]
    heat: str
    narrow: bool = False

    @property
    def width(self) -> float:
        """Of a figure, in inches; a phone shows 390 points of width, and text must stay readable there."""
        return 4.1 if self.narrow else 8.4

    def settings(self) -> dict[str, Any]:
        """For `matplotlib.rc_context`."""
        return {
            "figure.facecolor": self.paper, "axes.facecolor": self.paper, "savefig.facecolor": self.paper,
            "text.color": self.ink, "axes.labelcolor": self.quiet, "axes.edgecolor": self.faint,
            "xtick.color": self.quiet, "ytick.color": self.ink, "grid.color": self.faint, "axes.grid": False,
            "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
            "xtick.major.size": 0, "ytick.major.size": 0, "font.size": 9.0, "axes.titlesize": 9.5, "axes.titleweight": "bold",
            "axes.titlelocation": "left", "font.family": "DejaVu Sans", "legend.frameon": False, "legend.fontsize": 8.5,
            # Text as shapes looks the same everywhere; who cannot see it has the tables.
            # A name with two dollar signs is a name, no formula.
            "text.parse_math": False, "svg.fonttype": "path", "svg.hashsalt": "pluralign", "figure.dpi": 100, "figure.constrained_layout.use": True,
        }  # fmt: skip


_LIGHT_SCALE = ("#0072B2", "#8CBBDD", "#C9C9C9", "#F0B57C", "#D55E00")
_DARK_SCALE = ("#3B9BDC", "#265A80", "#5A5A5A", "#8A4E22", "#F0803C")
LOOKS: tuple[Look, ...] = tuple(
    Look(name + ("-narrow" if narrow else ""), *colours, narrow=narrow)
    for narrow in (False, True)
    for name, colours in (
        ("light", ("#1a1a1a", "#555555", "#d9d9d9", "#ffffff", "#0072B2", "#D55E00", "#1a1a1a", _LIGHT_SCALE, "cividis_r")),
        ("dark", ("#ececec", "#b0b0b0", "#3d3d3d", "#17191c", "#56B4E9", "#E69F00", "#ffffff", _DARK_SCALE, "cividis")),
    )
)  # fmt: skip
"""Light and dark, wide and narrow."""
