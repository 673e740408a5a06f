import { browser } from "@web/core/browser/browser";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Ask the test for a code: it computes it by another implementation than the addon. */
async function typeCode(helpers, selector, offset) {
    const secret = browser.localStorage.getItem("mfa_secret");
    await helpers.edit(await rpc("/mfa/test/code", { secret, offset }), selector);
}

const goTo = (url) => [
    {
        content: `go to ${url}`,
        trigger: "body",
        run() {
            document.body.classList.add("o_mfa_leaving");
            browser.location.href = url;
        },
        expectUnloadPage: true,
    },
    { content: "wait for the page", trigger: "body:not(.o_mfa_leaving)" },
];

const openPreferences = () => [
    { content: "open the user menu", trigger: ".o_user_menu .dropdown-toggle", run: "click" },
    { content: "open the preferences", trigger: "[data-menu=preferences]", run: "click" },
    { trigger: 'a[role=tab]:contains("Security")', run: "click" },
    { trigger: 'a[role=tab]:contains("Security").active' },
];

const openSecurityPage = () =>
    goTo("/odoo/action-auth_totp_mail.action_activate_two_factor_authentication");

const confirmPassword = (password) => [
    { trigger: ".modal [name=password] input", run: `edit ${password}` },
    { trigger: ".modal button:contains(Confirm Password)", run: "click" },
];

const confirmPasswordAndCode = (password) => [
    { trigger: ".modal [name=password] input", run: `edit ${password}` },
    {
        content: "the second factor is asked as well",
        trigger: ".modal [name=mfa_code] input",
        run: (helpers) => typeCode(helpers, ".modal [name=mfa_code] input", 0),
    },
    { trigger: ".modal button:contains(Confirm Password)", run: "click" },
];

const confirmAfterWrongCode = (password) => [
    { trigger: ".modal [name=password] input", run: `edit ${password}` },
    { trigger: ".modal [name=mfa_code] input", run: "edit 000000" },
    { trigger: ".modal button:contains(Confirm Password)", run: "click" },
    {
        content: "the password need not be typed again",
        trigger: ".modal:contains(double-check) button:contains(Close)",
        run: "click",
    },
    {
        trigger: ".modal [name=mfa_code] input",
        run: (helpers) => typeCode(helpers, ".modal [name=mfa_code] input", 0),
    },
    { trigger: ".modal button:contains(Confirm Password)", run: "click" },
];

const keepRecoveryCodes = () => [
    {
        content: "ten codes are shown",
        trigger: ".modal .o_mfa_codes:has(li:nth-child(10)):not(:has(li:nth-child(11)))",
        run() {
            const [code] = this.anchor.querySelector("li").textContent.match(/^\w{4}(-\w{4}){3}$/);
            const file = document.querySelector(".modal a[download$='.txt']");
            if (!decodeURIComponent(file.href).includes(code)) {
                throw new Error("The code is not in the file.");
            }
            const stored = JSON.stringify({ ...browser.localStorage, ...browser.sessionStorage });
            if (stored.includes(code) || browser.location.href.includes(code)) {
                throw new Error("The code was kept in the browser.");
            }
        },
    },
    {
        content: "Escape does not close them",
        trigger: ".modal button:contains(Copy)",
        run: "press Escape",
    },
    { trigger: ".modal footer button[disabled]:contains(Done)" },
    { trigger: ".modal #mfa_codes_kept", run: "click" },
    { trigger: ".modal footer button:enabled:contains(Done)", run: "click" },
    { trigger: ".modal [name=recovery_codes_left]:contains(10)" },
];

const enrol = (identityCheck) => [
    { trigger: "[name=mfa]:contains(Disabled)" },
    { trigger: "button[name=action_totp_enable_wizard]", run: "click" },
    ...identityCheck,
    {
        content: "keep the key, as an app would",
        trigger: ".modal [name=secret_key] span",
        run() {
            browser.localStorage.setItem("mfa_secret", this.anchor.textContent);
        },
    },
    {
        content: "the picture comes with the form, and is drawn",
        trigger: ".modal [name=qr_code] img[src^='data:image/png']:not(:visible), .modal [name=qr_code] img",
        run() {
            const drawn = this.anchor.naturalWidth || !this.anchor.checkVisibility();
            if (!this.anchor.src.startsWith("data:image/png") || !drawn) {
                throw new Error("The QR picture is missing.");
            }
        },
    },
    { trigger: ".modal [name=confirmation_code] input", run: "edit 000000" },
    { trigger: ".modal button[name=action_create]", run: "click" },
    {
        content: "a wrong code gets a clear message",
        trigger: ".modal:contains(This code is not right) button:contains(Close)",
        run: "click",
    },
    {
        content: "and the same key stays",
        trigger: ".modal [name=secret_key] span",
        run() {
            if (this.anchor.textContent !== browser.localStorage.getItem("mfa_secret")) {
                throw new Error("The key changed after a wrong code.");
            }
        },
    },
    {
        trigger: ".modal [name=confirmation_code] input",
        run: (helpers) => typeCode(helpers, ".modal [name=confirmation_code] input", 0),
    },
    {
        content: "Enter confirms",
        trigger: ".modal [name=confirmation_code] input",
        run: "press Enter",
    },
    ...keepRecoveryCodes(),
    { trigger: ".modal [name=mfa]:contains(Enabled)" },
    { trigger: ".modal [name=authenticator_ids] .o_kanban_record:contains(Authenticator app)" },
];

const givePassword = (login) => [
    // Twice: a request still under way when the page is left may save the session again.
    ...goTo("/web/session/logout"),
    ...goTo("/web/session/logout"),
    ...goTo(`/web/login?login=${login}`),
    { trigger: "input#login", run: `edit ${login}` },
    { trigger: "input#password", run: `edit ${login}_password` },
    { trigger: "button:contains(Log in)", run: "click", expectUnloadPage: true },
];

const giveCode = ({ remember }) => [
    ...(remember ? [{ trigger: "#switch-remember", run: "click" }] : []),
    {
        trigger: "input[name=totp_token]",
        run: (helpers) => typeCode(helpers, "input[name=totp_token]", 1),
    },
    { trigger: "button:contains(Log in)", run: "click", expectUnloadPage: true },
];

const insideOdoo = { content: "we are in", trigger: ".o_web_client .o_main_navbar" };

const mainRoad = (login, openSecurity, identityCheck) => [
    insideOdoo,
    ...openSecurity(),
    {
        content: "nothing is there yet",
        trigger: "[name=mfa]:not(:has(.o_kanban_record)):contains(password alone)",
    },
    ...enrol(identityCheck),
    ...givePassword(login),
    ...giveCode({ remember: true }),
    insideOdoo,
    ...givePassword(login),
    insideOdoo,
    ...openSecurity(),
    { trigger: "[name=trusted_device_ids] .o_kanban_record:contains(Chrome)" },
    { trigger: "[name=trusted_device_ids] button:contains(Revoke)", run: "click" },
    ...confirmPasswordAndCode(`${login}_password`),
    { trigger: ".modal [name=mfa]:not(:has([name=trusted_device_ids] .o_kanban_record))" },
    ...givePassword(login),
    { content: "a code is asked again", trigger: "input[name=totp_token]" },
];

tours.add("mfa_main_road", {
    steps: () => mainRoad("mfa_carl", openPreferences, confirmPassword("mfa_carl_password")),
});

tours.add("mfa_main_road_phone", {
    steps: () => [
        insideOdoo,
        ...openSecurityPage(),
        { trigger: "[name=mfa]:contains(Disabled)" },
        { trigger: "button[name=action_totp_enable_wizard]", run: "click" },
        ...confirmPassword("mfa_carl_password"),
        {
            content: "the key comes first, and a link opens the app of this phone",
            trigger: ".modal a[href^='otpauth://totp/']:contains(Open my authenticator app)",
        },
        {
            content: "a picture is of no use on the phone that should scan it",
            trigger: ".modal [name=qr_code]:not(:visible)",
        },
        { trigger: ".modal button:contains(Discard)", run: "click" },
        // The password was confirmed a moment ago, so it is not asked again.
        ...mainRoad("mfa_carl", openSecurityPage, []),
    ],
});

tours.add("mfa_disable_and_enable", {
    steps: () => [
        insideOdoo,
        ...openPreferences(),
        ...enrol(confirmPassword("mfa_carl_password")),
        { trigger: ".modal button[name=action_totp_disable]", run: "click" },
        { trigger: ".modal footer button:contains(Disable)", run: "click" },
        { trigger: ".o_notification:contains(Two-factor authentication is disabled now)" },
        {
            content: "the apps are kept",
            trigger: ".modal [name=mfa]:contains(Your apps are kept):has(.o_kanban_record)",
        },
        { trigger: "button[name=action_mfa_enable]", run: "click" },
        {
            trigger: ".modal [name=confirmation_code] input",
            run: (helpers) => typeCode(helpers, ".modal [name=confirmation_code] input", 1),
        },
        { trigger: ".modal button[name=action_enable]", run: "click" },
        { trigger: ".modal [name=mfa]:contains(Enabled)" },
        { trigger: ".modal button[name=action_rename]", run: "click" },
        { trigger: ".modal [name=name] input", run: "edit My phone" },
        { trigger: ".modal footer button[name=action_rename]", run: "click" },
        { trigger: ".modal [name=authenticator_ids]:contains(My phone)" },
        { trigger: ".modal button[name=action_remove]", run: "click" },
        { trigger: ".modal footer button:contains(Remove)", run: "click" },
        {
            content: "the last app stays, and the person learns what to do",
            trigger: ".modal:contains(This is the last app) button:contains(Close)",
            run: "click",
        },
    ],
});

const chooseAction = (login, label) => [
    {
        trigger: `tr:has(td.o_data_cell:contains(${login})) .o_list_record_selector input[type=checkbox]`,
        run: "click",
    },
    { trigger: 'button.dropdown-toggle:contains("Action")', run: "click" },
    { trigger: `span.dropdown-item:contains(${label})`, run: "click" },
];
tours.add("mfa_new_recovery_codes", {
    steps: () => [
        insideOdoo,
        ...openPreferences(),
        { trigger: ".modal [name=mfa_recovery]:contains(Make new ones before)" },
        {
            trigger: "button[name=action_mfa_recovery_codes]:contains(Make new)",
            run: "click",
        },
        {
            content: "the old ones no longer work then, so it asks",
            trigger: ".modal:contains(no longer work) footer button:contains(Make new recovery codes)",
            run: "click",
        },
        ...confirmAfterWrongCode("mfa_ann_password"),
        ...keepRecoveryCodes(),
        { trigger: ".modal [name=mfa_recovery]:not(:contains(Make new ones before))" },
    ],
});

tours.add("mfa_recovery_notice", {
    steps: () => [
        { trigger: "input#login", run: "edit mfa_ann" },
        { trigger: "input#password", run: "edit mfa_ann_password" },
        { trigger: "button:contains(Log in)", run: "click", expectUnloadPage: true },
        ...giveCode({ remember: false }),
        insideOdoo,
        {
            trigger: ".o_notification:contains(no recovery codes) button:contains(Make recovery codes)",
            run: "click",
        },
        ...confirmPassword("mfa_ann_password"),
        ...keepRecoveryCodes(),
        ...goTo("/odoo"),
        insideOdoo,
        { trigger: ".o_web_client:not(:has(.o_notification:contains(recovery codes)))" },
    ],
});

tours.add("mfa_administrator_disables", {
    steps: () => [
        insideOdoo,
        ...goTo("/odoo/users"),
        ...chooseAction("mfa_ann", "Disable two-factor authentication"),
        { trigger: ".modal [name=password] input", run: "edit mfa_admin_password" },
        {
            trigger: ".modal [name=mfa_code] input",
            run: async (helpers) => {
                await helpers.edit(
                    await rpc("/mfa/test/code", { secret: null, offset: 0 }),
                    ".modal [name=mfa_code] input"
                );
            },
        },
        { trigger: ".modal button:contains(Confirm Password)", run: "click" },
        { trigger: ".o_notification:contains(Two-factor authentication is disabled now)" },
        { trigger: "td.o_data_cell:contains(mfa_ann)", run: "click" },
        { trigger: "a.nav-link:contains(Security)", run: "click" },
        { trigger: "[name=auth_2fa]:contains(Disabled):has(.o_kanban_record:contains(Phone))" },
    ],
});

tours.add("mfa_administrator_helps", {
    steps: () => [
        insideOdoo,
        ...goTo("/odoo/users"),
        ...chooseAction("mfa_ann", "Help with two-factor authentication"),
        ...confirmPasswordAndCode("mfa_admin_password"),
        { trigger: ".modal [name=people]:contains((mfa_ann))" },
        { trigger: ".modal footer button[name=action_help]:visible", run: "click" },
        {
            content: "without a reason nothing happens",
            trigger: ".modal:contains(Enter the reason) button:contains(Close)",
            run: "click",
        },
        { trigger: ".modal [name=reason] input", run: "edit Lost her phone" },
        {
            trigger: ".modal footer button[name=action_help]:contains(Make the help code)",
            run: "click",
        },
        {
            content: "the code is shown, in the place of the dialog",
            trigger: ".o_mfa_help_codes .font-monospace",
            run() {
                if (!/^[0-9a-z]{4}(-[0-9a-z]{4}){2}$/.test(this.anchor.textContent)) {
                    throw new Error("This is no help code.");
                }
            },
        },
        { trigger: ".o_mfa_help_codes:contains((mfa_ann)):contains(Shown only once)" },
        { trigger: ".modal footer button:contains(Close)", run: "click" },
        { trigger: "body:not(:has(.modal))" },
        { trigger: "td.o_data_cell:contains(mfa_ann)", run: "click" },
        { trigger: "a.nav-link:contains(Security)", run: "click" },
        { trigger: "[name=auth_2fa]:contains(Enabled)" },
        { trigger: "button[name=action_mfa_help]", run: "click" },
        { trigger: ".modal .o_radio_item:contains(Reset) input", run: "click" },
        { trigger: ".modal [name=remove_api_keys] input:checked" },
        { trigger: ".modal [name=reason] input", run: "edit Lost her phone for good" },
        { trigger: ".modal footer button:contains(Reset)", run: "click" },
        { trigger: ".o_notification:contains(Two-factor authentication was reset)" },
        { trigger: "body:not(:has(.modal)) [name=auth_2fa]:contains(Disabled)" },
    ],
});

tours.add("mfa_lock_screen", {
    steps: () => [
        { trigger: "form.o_check_identity_form" },
        { trigger: "form#totp input[name=token]", run: "edit 000000" },
        { trigger: "form#totp button", run: "click" },
        { trigger: ".alert-danger:contains(Verification failed)" },
        {
            trigger: "form#totp input[name=token]",
            run: async (helpers) => {
                const code = await rpc("/mfa/test/code", { secret: null, offset: 0 });
                await helpers.edit(code, "form#totp input[name=token]");
            },
        },
        { trigger: "form#totp button", run: "click" },
        { trigger: "body:not(:has(form.o_check_identity_form))" },
    ],
});

const setField = (name, value) => ({
    trigger: `#mfa_settings [name=${name}] input, [name=${name}] input`,
    run: `edit ${value}`,
});

tours.add("mfa_settings", {
    steps: () => [
        { trigger: ".o_setting_container" },
        setField("mfa_trusted_device_age", 7),
        setField("mfa_session_age", 14),
        setField("mfa_login_timeout", 5),
        setField("mfa_help_code_age", 20),
        { trigger: "[name=mfa_secure_cookie] input:checked", run: "click" },
        { trigger: "[name=mfa_session_extend] input:not(:checked)", run: "click" },
        { trigger: "button.o_form_button_save", run: "click", expectUnloadPage: true },
        { trigger: ".o_setting_container [name=mfa_secure_cookie] input:not(:checked)" },
        { trigger: "[name=mfa_session_extend] input:checked" },
        { content: "a bad value is refused", ...setField("mfa_session_age", 0) },
        { trigger: "button.o_form_button_save", run: "click" },
        {
            trigger: ".modal:contains(Session age):contains(whole number) button:contains(Close)",
            run: "click",
        },
    ],
});

const saveSettings = { trigger: "button.o_form_button_save", run: "click" };
const choose = (population, level) => ({
    trigger: `#mfa_policy_${population} .o_radio_item:contains(${level}) input`,
    run: "click",
});

tours.add("mfa_admin_policy", {
    steps: () => [
        { trigger: "#mfa_policy_company:contains(MFA A)" },
        { trigger: "#mfa_api_networks:contains(Odoo sees you at 127.0.0.1)" },
        choose("internal", "Authenticator app"),
        saveSettings,
        {
            content: "who has no app would be locked out",
            trigger: ".modal:contains(lock you out) button:contains(Add my app)",
            run: "click",
        },
        ...enrol(confirmPassword("mfa_carl_password")),
        ...goTo("/odoo/settings"),
        {
            content: "what was half made is not saved",
            trigger: "#mfa_policy_internal .o_radio_item:contains(Optional) input:checked",
        },
        choose("internal", "Authenticator app"),
        choose("portal", "Code by email or app"),
        { trigger: "#mfa_grace_days input", run: "edit 14" },
        { trigger: "#mfa_api_networks textarea", run: "edit office" },
        saveSettings,
        {
            trigger: ".modal:contains(line 1):contains(is not a network) button:contains(Close)",
            run: "click",
        },
        { trigger: "#mfa_api_networks textarea", run: "edit 192.0.2.0/24" },
        { ...saveSettings, expectUnloadPage: true },
        { trigger: "#mfa_policy_internal .o_radio_item:contains(Authenticator app) input:checked" },
        ...goTo("/odoo/users"),
        { trigger: "td.o_data_cell:contains(mfa_bob)", run: "click" },
        { trigger: "a.nav-link:contains(Security)", run: "click" },
        { trigger: "button[name=action_mfa_exemption]", run: "click" },
        { trigger: ".modal:contains(Odoo sees you at 127.0.0.1) [name=exempt] input", run: "click" },
        { trigger: ".modal [name=reason] input", run: "edit Terminal" },
        { trigger: ".modal [name=exempt_networks] textarea", run: "edit 0.0.0.0/0" },
        { trigger: ".modal button[name=action_save]", run: "click" },
        { trigger: ".modal:contains(whole internet) button:contains(Close)", run: "click" },
        { trigger: ".modal [name=exempt_networks] textarea", run: "edit 198.51.100.0/24" },
        { trigger: ".modal button[name=action_save]", run: "click" },
        { trigger: ".o_notification:contains(Saved)" },
        { trigger: "body:not(:has(.modal)) [name=auth_2fa]:contains(198.51.100.0/24)" },
    ],
});

tours.add("mfa_replace_app", {
    steps: () => [
        insideOdoo,
        ...openPreferences(),
        { trigger: "[name=mfa]:contains(requires):not(:has(button[name=action_totp_disable]))" },
        { trigger: "button[name=action_mfa_replace_app]", run: "click" },
        ...confirmPasswordAndCode("mfa_ann_password"),
        {
            trigger: ".modal:contains(Then they are removed) [name=secret_key] span",
            run() {
                browser.localStorage.setItem("mfa_secret", this.anchor.textContent);
            },
        },
        { trigger: ".modal [name=name] input", run: "edit New phone" },
        {
            trigger: ".modal [name=confirmation_code] input",
            run: (helpers) => typeCode(helpers, ".modal [name=confirmation_code] input", 0),
        },
        { trigger: ".modal footer button:contains(Replace app)", run: "click" },
        ...keepRecoveryCodes(),
        {
            trigger:
                ".modal [name=authenticator_ids] .o_kanban_record:contains(New phone):only-of-type",
        },
    ],
});

const logIn = (login) => [
    { trigger: "input#login", run: `edit ${login}` },
    { trigger: "input#password", run: `edit ${login}_password` },
    { trigger: "button:contains(Log in)", run: "click", expectUnloadPage: true },
];

const giveMailCode = (login) => [
    {
        content: "the field has the focus, and says to whom the code went",
        trigger: ".o_mfa_page:contains(•••@example.com) #confirmation:focus",
        run: "edit 000000",
    },
    { trigger: "button:contains(Continue)", run: "click", expectUnloadPage: true },
    {
        trigger: "#confirmation[aria-describedby=mfa_error]",
        run: async (helpers) => {
            const code = await rpc("/mfa/test/code", { mailed_to: login });
            await helpers.edit(code, "#confirmation");
        },
    },
    { trigger: "button:contains(Continue)", run: "click", expectUnloadPage: true },
];

const enrolOnThePage = () => [
    {
        content: "keep the key, as an app would",
        trigger: "#mfa_key",
        run() {
            browser.localStorage.setItem("mfa_secret", this.anchor.textContent);
        },
    },
    { trigger: "#code:focus", run: "edit 000000" },
    { trigger: "button:contains(Add the app)", run: "click", expectUnloadPage: true },
    {
        content: "a wrong code keeps the key",
        trigger: "body:has(#mfa_error:contains(This code is not right)) #mfa_key",
        run() {
            if (this.anchor.textContent !== browser.localStorage.getItem("mfa_secret")) {
                throw new Error("The key changed after a wrong code.");
            }
        },
    },
    { trigger: "#code", run: (helpers) => typeCode(helpers, "#code", 0) },
    { trigger: "button:contains(Add the app)", run: "click", expectUnloadPage: true },
    { trigger: ".o_mfa_codes:has(li:nth-child(10)):not(:has(li:nth-child(11)))" },
    { trigger: "#kept", run: "click" },
    { trigger: "button:contains(Continue)", run: "click", expectUnloadPage: true },
];

tours.add("mfa_setup_employee", {
    steps: () => [
        ...logIn("mfa_carl"),
        { trigger: ".o_mfa_page:contains(requires an authenticator app):not(:contains(Not now))" },
        {
            content: "somebody else may log in here",
            trigger: "button:contains(somebody else)",
            run: "click",
            expectUnloadPage: true,
        },
        ...logIn("mfa_carl"),
        ...giveMailCode("mfa_carl"),
        ...enrolOnThePage(),
        insideOdoo,
        ...givePassword("mfa_carl"),
        ...giveCode({ remember: false }),
        insideOdoo,
    ],
});

tours.add("mfa_setup_portal", {
    steps: () => [
        ...logIn("mfa_paul"),
        ...giveMailCode("mfa_paul"),
        {
            content: "on the phone that should scan it, a picture is of no use",
            trigger: ".o_mfa_page a[href^='otpauth://totp/']:contains(Open my authenticator app)",
        },
        { trigger: ".o_mfa_qr:not(:visible)" },
        ...enrolOnThePage(),
        { content: "where the person was going", trigger: ".o_portal_security_body" },
    ],
});

tours.add("mfa_reminder", {
    steps: () => [
        ...logIn("mfa_carl"),
        { trigger: ".o_mfa_page:contains(required from this time on)" },
        { trigger: "button:contains(Later)", run: "click", expectUnloadPage: true },
        insideOdoo,
        ...givePassword("mfa_carl"),
        { trigger: "button:contains(Set up now):focus", run: "click", expectUnloadPage: true },
        ...giveMailCode("mfa_carl"),
        ...enrolOnThePage(),
        insideOdoo,
    ],
});
