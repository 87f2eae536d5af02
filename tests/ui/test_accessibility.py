"""Skewline is for everyone: what colours and shapes tell, the wheel and the keyboard."""

import itertools
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from lib.charts import colours
from lib.charts.silences import KIND_COLOURS
from tests.support.browser import chart, expect_idle, until_holds, window_end, window_of
from tests.support.chromium import browsing
from tests.support.contrast import contrast, linear, over

BACKGROUNDS = ["#ffffff", "#10161f"]
MEANINGS = {
    "event time": colours.EVENT_TIME_COLOUR,
    "received time": colours.RECEIVED_TIME_COLOUR,
    "late": colours.LATE,
    "watermark": colours.WATERMARK,
    "neutral": colours.NEUTRAL,
}
MARKS = sorted({*MEANINGS.values(), *colours.CLIENTS, *colours.LINES, *KIND_COLOURS.values()})

# Of linear RGB, as people see it without one of the three cones: Machado, Oliveira and Fernandes,
# A physiologically-based model for simulation of color vision deficiency, 2009, severity 1.
BLINDNESSES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def oklab(rgb):
    """Björn Ottosson's Oklab of linear RGB: distances in it are as large as they look."""
    lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    ) @ np.clip(rgb, 0, 1)
    return np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    ) @ np.cbrt(lms)


class TestColours:
    @pytest.mark.parametrize("background", BACKGROUNDS)
    @pytest.mark.parametrize("colour", MARKS)
    def test_a_mark_stands_out_from_the_page(self, colour, background):
        opacity = 1 if colour == colours.WATERMARK else colours.POINT_OPACITY
        assert contrast(over(colour, background, opacity), background) >= 3

    @pytest.mark.parametrize("blindness", BLINDNESSES)
    @pytest.mark.parametrize(("one", "other"), list(itertools.combinations(MEANINGS, 2)))
    def test_meanings_are_told_apart_by_everyone(self, one, other, blindness):
        seen = [oklab(BLINDNESSES[blindness] @ linear(MEANINGS[each])) for each in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chosen_value_can_be_read(chromium, samples_app, scheme):
    with browsing(chromium, color_scheme=scheme) as context:
        page = context.new_page()
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{samples_app}/comparison?topic=sessions-10&clients=2")
        remove = page.get_by_role("button", name="Remove 2")
        chip = page.locator("[data-tag]", has=remove)
        for written in (chip, remove):
            colour = written.evaluate("e => getComputedStyle(e).color")
            behind = chip.evaluate("e => getComputedStyle(e).backgroundColor")
            assert contrast(*map(hexadecimal, (colour, behind))) >= 4.5


def hexadecimal(rgb):
    """Return a colour that a browser writes as rgb(1, 2, 3) as #010203."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", rgb)[:3])


def test_the_wheel_scrolls_and_with_ctrl_it_zooms_into_the_next_window(page, samples_app):
    # Given a chart
    page.goto(f"{samples_app}/comparison?topic=sessions-10")
    drawn = chart(page)
    expect(drawn.locator("g.event_group")).to_be_visible()
    expect_idle(page)
    take_over = page.get_by_role("button", name="Make what is shown the time window")
    expect(take_over).to_be_disabled()

    # When the wheel is turned over it, then the page scrolls and the chart stays
    drawn.hover(position={"x": 500, "y": 120})
    page.mouse.wheel(0, 150)
    main = page.get_by_test_id("stMain")
    until_holds(page, lambda: expect_scrolled(main))
    expect(take_over).to_be_disabled()

    # When ctrl is held, then it zooms, which can be taken back and can become the window
    def zoomed():
        drawn.hover(position={"x": 500, "y": 120})
        page.keyboard.down("Control")
        page.mouse.wheel(0, -300)
        page.keyboard.up("Control")
        expect(take_over).to_be_enabled()

    zoomed()
    page.get_by_role("button", name="Reset the zoom").click()
    expect(take_over).to_be_disabled()
    expect_idle(page)
    zoomed()
    take_over.click()
    expect(page).to_have_url(re.compile(r"window=.*window="))
    start, end = window_of(page.url)
    assert 0 < end - start < 180

    # And its records are one press away
    expect_idle(page)
    page.get_by_role("button", name="Reset the zoom").click()
    expect(take_over).to_be_disabled()
    expect_idle(page)
    zoomed()
    page.get_by_role("button", name="The records of what is shown").click()
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    until_holds(page, lambda: expect_inside(window_of(page.url), start, end))


def expect_inside(window, start, end):
    assert start <= window[0] < window[1] <= end
    assert window != (start, end)


def expect_scrolled(main):
    assert main.evaluate("e => e.scrollTop") > 0


def test_the_keyboard_alone_sets_the_window(page, samples_app):
    page.goto(f"{samples_app}/comparison?topic=sessions-10")
    expect(window_end(page)).to_be_attached()
    expect_idle(page)
    window_end(page).focus()
    page.keyboard.press("PageDown")
    expect(page).to_have_url(re.compile(r"window=.*window="))
    assert window_of(page.url)[1] < 191
