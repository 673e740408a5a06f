import { browser } from "@web/core/browser/browser";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** The element has the translation that the test reads in the .po file, of one of the terms. */
const says = (trigger, ...sources) => ({
    content: sources[0],
    trigger,
    async run() {
        const said = this.anchor.textContent.replace(/\s+/g, " ");
        const wanted = [];
        for (const source of sources) {
            wanted.push(await rpc("/mfa/test/text", { source }));
        }
        if (!wanted.some((text) => said.includes(text))) {
            throw new Error(`“${said}” should say “${wanted[0]}”.`);
        }
    },
});

const typeCode = (selector) => ({
    trigger: selector,
    async run(helpers) {
        await helpers.edit(await rpc("/mfa/test/code", { secret: null, offset: 0 }), selector);
    },
});

const goTo = (url) => ({
    trigger: "body",
    run() {
        browser.location.href = url;
    },
    expectUnloadPage: true,
});

tours.add("mfa_another_language", {
    steps: () => [
        { trigger: "input#login", run: "edit mfa_ann" },
        { trigger: "input#password", run: "edit mfa_ann_password" },
        {
            trigger: ".oe_login_buttons button[type=submit]",
            run: "click",
            expectUnloadPage: true,
        },
        says("a[href*='recovery=1']", "Use a recovery code"),
        typeCode("input[name=totp_token]"),
        { trigger: "form button[type=submit]", run: "click", expectUnloadPage: true },
        says(
            ".o_notification",
            "You have no recovery codes: without your phone you would be locked out."
        ),
        says(".o_notification_buttons button", "Make recovery codes"),
        { trigger: ".o_notification_buttons button", run: "click" },
        { trigger: ".modal [name=password] input", run: "edit mfa_ann_password" },
        { trigger: ".modal footer button.btn-primary", run: "click" },
        says(".modal:has(.o_mfa_codes) .modal-title", "Keep your recovery codes"),
        says(".modal label[for=mfa_codes_kept]", "I have kept these codes"),
        { trigger: ".modal #mfa_codes_kept", run: "click" },
        { trigger: ".modal:has(.o_mfa_codes) footer button:enabled", run: "click" },
        says(".modal button[name=action_totp_enable_wizard]", "Add an app"),
    ],
});

tours.add("mfa_another_language_portal", {
    steps: () => [
        says("#mfa_title", "Two-factor authentication"),
        says("#mfa button[value=add]", "Add an app"),
        { trigger: "button.o_portal_new_api_key", run: "click" },
        says(
            ".modal label[for=mfa_code]:visible",
            "Code of your authenticator app, or a recovery code"
        ),
        says(".modal .o_mfa_letters", "Use a recovery code"),
        goTo("/web/login/totp/codes"),
        typeCode("input[name=code]"),
        { trigger: "form button[type=submit]", run: "click", expectUnloadPage: true },
        { trigger: ".o_mfa_copy:visible", run: "click" },
        says(
            ".o_mfa_said:not(:empty)",
            "Copied. Paste the codes into a safe place.",
            "This browser does not let Odoo copy. Download or print the codes instead."
        ),
    ],
});
