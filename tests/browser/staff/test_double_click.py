"""A second click on a button does nothing twice."""

from tests.browser.organiser import Organiser
from tests.browser.page import webdriver
from tests.browser.staff.test_undo import organiser as organiser


def test_a_double_click_registers_one_person(organiser: Organiser) -> None:
    organiser.go("/admin/people/new")
    organiser.fill(given_name="Mia", family_name="Twice", category="1")
    button = organiser.at("main form:not([data-undo]) button")
    webdriver.ActionChains(organiser.browser).double_click(button).perform()
    organiser.wait("the person", lambda: "Issue the badge below" in organiser.text)
    organiser.go("/admin/people/?q=Twice")
    organiser.says("1 found")


def test_a_form_is_sent_again_after_a_refusal(organiser: Organiser) -> None:
    organiser.go("/admin/venue/hall/new")
    organiser.fill(name="Annexe", capacity="20", code="annexe")
    organiser.press("Add")
    organiser.wait("the refusal", lambda: "already used" in organiser.text)
    organiser.fill(name="Third hall", capacity="20", code="third")
    organiser.press("Add")
    organiser.wait("the hall", lambda: "Hall Third hall: added" in organiser.text)
