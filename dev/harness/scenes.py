"""The screens of the addon, in the order in which the demo data let one come to them."""

from collections.abc import Callable
from email.message import EmailMessage

from . import mailbox
from .console import say
from .studio import Studio, code_of

PREFERENCES = """async ({ orm, action }) => {
    const screen = await orm.call("res.users", "action_get");
    await action.doAction({ ...screen, res_id: (await orm.search("res.users", [["login", "=", "%s"]]))[0] });
}"""
USER = """async ({ orm }) =>
    (await orm.search("res.users", [["login", "=", "%s"]]))[0]"""


def play(studio: Studio, mails: list[EmailMessage]) -> list[str]:
    """Go through all scenes; return the names of those that failed."""
    failed = []
    for scene in SCENES:
        try:
            scene(studio, mails)
        except Exception as error:  # the other pictures are worth having
            say(f"{scene.__name__}: {str(error).splitlines()[0]}")
            failed.append(scene.__name__)
    return failed


def reminder(studio: Studio, _mails: list[EmailMessage]) -> None:
    trainee = studio.visitor()
    trainee.log_in("trainee")
    trainee.photograph("login_reminder", ".o_mfa_card")


def forced_setup(studio: Studio, mails: list[EmailMessage]) -> None:
    clerk = studio.visitor()
    clerk.log_in("payroll")
    clerk.photograph("login_setup_confirm", ".o_mfa_card")
    clerk.page.fill("#confirmation", mailbox.code_in(mails[-1]))
    clerk.page.click("form .btn-primary")
    clerk.photograph("login_setup", ".o_mfa_card")


def login(studio: Studio, _mails: list[EmailMessage]) -> None:
    clerk = studio.visitor()
    clerk.log_in("sales")
    clerk.photograph("login", ".oe_login_form, .card-body")
    clerk.page.click("a[href*='recovery=1']")
    clerk.photograph("login_recovery", ".card-body")


def preferences(studio: Studio, _mails: list[EmailMessage]) -> None:
    clerk = studio.visitor()
    clerk.log_in("sales")
    clerk.give_code()
    clerk.odoo(PREFERENCES % "sales")
    clerk.open_tab("security")
    clerk.photograph("preferences", ".modal-content")


def portal(studio: Studio, _mails: list[EmailMessage]) -> None:
    customer = studio.visitor()
    customer.log_in("customer", "/my/security")
    customer.give_code()
    customer.photograph("portal", "#mfa")


def administration(studio: Studio, mails: list[EmailMessage]) -> None:
    """The administrator sets up an app first: without, one helps nobody."""
    admin = studio.visitor()
    admin.log_in("admin")
    admin.odoo(PREFERENCES % "admin")
    admin.open_tab("security")
    admin.page.click("button[name=action_totp_enable_wizard]")
    admin.page.fill("[name=password] input", "admin")
    admin.page.click(".modal button[name=run_check]")
    admin.page.fill("[name=name] input", "Phone")
    admin.photograph("enrolment", ".modal-content")
    key = admin.page.text_content("[name=secret_key] span")
    admin.page.fill("[name=confirmation_code] input", code_of(key))
    admin.page.click("button[name=action_create]")
    admin.photograph("recovery_codes", ".modal-content")
    for scene in (coverage, settings, trail, user_form, help_, exemption):
        scene(admin)


def coverage(admin) -> None:
    admin.page.goto("/odoo/mfa-coverage")
    admin.see(".o_data_row")
    admin.photograph("coverage")


SCENES: tuple[Callable[[Studio, list[EmailMessage]], None], ...] = (
    reminder, forced_setup, login, preferences, portal, administration,
)
