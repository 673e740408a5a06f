"""The screens of the addon, in an order in which each account is in the state that they need."""

from email.message import EmailMessage

from . import mailbox
from .console import say
from .studio import Studio, Visitor, code_of

CARD = ".o_mfa_card, .card-body"
ROWS = ".o_data_row, .o_kanban_record:not(.o_kanban_ghost)"
DIALOG = ".modal-content"
POLICY = ".o_settings_container:has([name=mfa_policy_sensitive])"
OPEN_PREFERENCES = """async ({ orm, action }) => {
    const screen = await orm.call("res.users", "action_get");
    const [id] = await orm.search("res.users", [["login", "=", "%s"]]);
    await action.doAction({ ...screen, res_id: id });
}"""
OPEN_USER = """async ({ orm, action }) => {
    const [id] = await orm.search("res.users", [["login", "=", "%s"]]);
    await action.doAction("base.action_res_users", { props: { resId: id }, viewType: "form" });
}"""


def play(studio: Studio, mails: list[EmailMessage]) -> list[str]:
    """Go through all scenes, with the mails that Odoo sends; return the names of the failed."""
    failed = []
    for scene in (reminder, forced_setup, login, portal, administration):
        try:
            scene(studio, mails)
        except Exception as error:  # the pictures of the other scenes are worth having
            say(f"{scene.__name__}: {error}")
            failed.append(scene.__name__)
    return failed


def reminder(studio: Studio, _mails: list[EmailMessage]) -> None:
    trainee = studio.visitor()
    trainee.log_in("trainee")
    trainee.photograph("login_reminder", CARD)


def forced_setup(studio: Studio, mails: list[EmailMessage]) -> None:
    clerk = studio.visitor()
    clerk.log_in("payroll")
    clerk.photograph("login_setup_confirm", CARD)
    clerk.page.fill("#confirmation", mailbox.code_in(mails[-1]))
    clerk.page.click("form .btn-primary")
    clerk.page.wait_for_selector("#mfa_key")
    clerk.photograph("login_setup", CARD)


def login(studio: Studio, _mails: list[EmailMessage]) -> None:
    """And what the clerk sees of the own account."""
    clerk = studio.visitor()
    clerk.log_in("sales")
    clerk.photograph("login", CARD)
    form = clerk.page.url
    clerk.page.click("a[href*='recovery=1']")
    clerk.photograph("login_recovery", CARD)
    clerk.page.goto(form)
    clerk.give_code()
    clerk.tell_odoo(OPEN_PREFERENCES % "sales")
    clerk.open_security()
    clerk.photograph("preferences", DIALOG)


def portal(studio: Studio, _mails: list[EmailMessage]) -> None:
    customer = studio.visitor()
    customer.log_in("customer", "/my/security")
    customer.give_code()
    customer.photograph("portal", "#mfa")


def administration(studio: Studio, _mails: list[EmailMessage]) -> None:
    """The administrator sets up an app first: nobody helps others without one."""
    admin = studio.visitor()
    admin.log_in("admin")
    enrol(admin)
    for scene in (coverage, settings, user_form, exempt, help_colleague, trail):
        scene(admin)


def enrol(admin: Visitor) -> None:
    admin.tell_odoo(OPEN_PREFERENCES % "admin")
    admin.open_security()
    admin.page.click("button[name=action_totp_enable_wizard]")
    admin.page.fill("[name=password] input", "admin")
    admin.page.click(".modal button[name=run_check]")
    admin.page.fill(".modal [name=name] input", "Phone")
    admin.photograph("enrolment", DIALOG)
    key = admin.page.text_content("[name=secret_key] span")
    admin.page.fill("[name=confirmation_code] input", code_of(key))
    admin.page.click("button[name=action_create]")
    admin.page.wait_for_selector(".o_mfa_codes")
    admin.photograph("recovery_codes", DIALOG)


def coverage(admin: Visitor) -> None:
    admin.page.goto("/odoo/mfa-coverage")
    admin.see(ROWS)
    admin.photograph("coverage")


def trail(admin: Visitor) -> None:
    admin.page.goto("/odoo/two-factor-events")
    admin.see(ROWS)
    admin.photograph("trail")


def settings(admin: Visitor) -> None:
    """Both blocks; what is chosen for the picture is not saved."""
    admin.page.goto("/odoo/settings")
    admin.see(POLICY)
    for population, level in (("sensitive", "app"), ("internal", "app"), ("portal", "mail")):
        admin.page.check(f"[name=mfa_policy_{population}] input[data-value={level}]")
    admin.page.fill("[name=mfa_grace_days] input", "14")
    admin.photograph("policy", POLICY)
    admin.photograph("settings", ".o_settings_container:has([name=mfa_session_age])")
    admin.page.goto("/odoo")


def user_form(admin: Visitor) -> None:
    admin.tell_odoo(OPEN_USER % "sales")
    admin.open_security()
    admin.photograph("user_form", ".o_form_sheet")


def help_colleague(admin: Visitor) -> None:
    admin.tell_odoo(OPEN_USER % "store")
    admin.open_security()
    admin.page.click("button[name=action_mfa_help]")
    admin.page.fill(".modal [name=reason] input", "Lost the phone; called back at the office")
    admin.photograph("help", DIALOG)
    admin.page.click(".modal button[name=action_help]:visible")
    admin.see(DIALOG)


def exempt(admin: Visitor) -> None:
    admin.tell_odoo(OPEN_USER % "terminal")
    admin.open_security()
    admin.page.click("button[name=action_mfa_exemption]")
    admin.photograph("exemption", DIALOG)
