"""The contrast of two colours, as WCAG defines it. Text can be read from 4.5 on."""

from __future__ import annotations

from collections.abc import Sequence


def parts(colour: str) -> list[float]:
    """Return the red, green and blue of a colour such as ``#fff`` or ``#c62828``, 0 to 1."""
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]


def mixed(top: str, opacity: float, below: Sequence[float]) -> list[float]:
    """Return what is seen of a translucent colour and what is below it."""
    return [one * opacity + other * (1 - opacity) for one, other in zip(parts(top), below, strict=True)]


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the contrast of two colours: 1 if they are the same, 21 between black and white."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Sequence[float]) -> float:
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
