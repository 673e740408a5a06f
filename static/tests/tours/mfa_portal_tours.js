import { browser } from "@web/core/browser/browser";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const PASSWORD = "mfa_paul_password";

/** Ask the test for a code: it computes it by another implementation than the addon. */
async function typeCode(helpers, selector, offset = 0) {
    const secret = browser.localStorage.getItem("mfa_secret");
    await helpers.edit(await rpc("/mfa/test/code", { secret, offset }), selector);
}

const press = (button, record = "") => ({
    trigger: `#mfa ${record} button[value=${button}]`,
    run: "click",
    expectUnloadPage: true,
});

const askAndPress = (button, record = "") => [
    {
        content: "the question opens by the keyboard as well",
        trigger: `#mfa ${record} summary:has(+ div button[value=${button}])`,
        run() {
            this.anchor.focus();
            this.anchor.click();
        },
    },
    press(button, record),
];

const submit = (label) => ({
    trigger: `#wrap button:contains(${label})`,
    run: "click",
    expectUnloadPage: true,
});

const confirmPassword = () => [
    { trigger: "#wrap input[name=password]:focus", run: `edit ${PASSWORD}` },
    submit("Confirm"),
];

const addApp = (name, key) => [
    {
        trigger: key,
        run() {
            browser.localStorage.setItem("mfa_secret", this.anchor.textContent.replace(/\s/g, ""));
        },
    },
    { trigger: "input[name=name]", run: `edit ${name}` },
    {
        trigger: "input[name=confirmation_code]",
        run: (helpers) => typeCode(helpers, "input[name=confirmation_code]"),
    },
    submit("Add the app"),
];

const logInAgain = () => [
    {
        trigger: "#mfa",
        run() {
            browser.location.href = "/web/session/logout?redirect=/web/login";
        },
        expectUnloadPage: true,
    },
    { trigger: "input#login", run: "edit mfa_paul" },
    { trigger: "input#password", run: `edit ${PASSWORD}` },
    { trigger: "button:contains(Log in)", run: "click", expectUnloadPage: true },
    {
        trigger: "input[name=totp_token]",
        run: (helpers) => typeCode(helpers, "input[name=totp_token]", 1),
    },
    { trigger: "input[name=remember]", run: "check" },
    { trigger: "button:contains(Log in)", run: "click", expectUnloadPage: true },
    {
        trigger: ".o_portal_my_home",
        run() {
            browser.location.href = "/my/security";
        },
        expectUnloadPage: true,
    },
];

/** @param {string} key where the key of a new app stands: beside a picture, on a wide screen */
const security = (key) => [
    { trigger: "#mfa:contains(Your password alone opens this account)" },
    press("add"),
    ...confirmPassword(),
    ...addApp("Phone", key),
    { trigger: ".o_mfa_codes:has(li:nth-child(10)):not(:has(li:nth-child(11)))" },
    { trigger: "input[name=done]", run: "check" },
    submit("Continue"),
    { trigger: "#mfa:contains(A code of one of these apps is asked at login)" },
    { trigger: "#mfa:not(:has(button[value=remove])):contains(This is the last app)" },
    press("rename"),
    { trigger: "input[name=name]", run: "edit My phone" },
    submit("Rename"),
    { trigger: "#mfa_said:focus:contains(The app is now called “My phone”)" },
    press("add"),
    ...addApp("Tablet", key),
    { trigger: "#mfa li:contains(Tablet)" },
    ...logInAgain(),
    { trigger: "#mfa li:contains(Chrome on):contains(Trusted until)" },
    press("revoke"),
    ...confirmPassword(),
    { trigger: "#mfa:not(:has(button[value=revoke])) #mfa_said:contains(Done)" },
    {
        trigger: "#mfa a:contains(Make new recovery codes)",
        run: "click",
        expectUnloadPage: true,
    },
    {
        trigger: "form button:contains(Make new recovery codes)",
        run: "click",
        expectUnloadPage: true,
    },
    { trigger: ".o_mfa_codes li:nth-child(10)" },
    { trigger: "input[name=done]", run: "check" },
    { trigger: "button:contains(Continue)", run: "click", expectUnloadPage: true },
    { trigger: "#mfa li:contains(New recovery codes)" },
    { trigger: "#mfa a:contains(Show more)", run: "click", expectUnloadPage: true },
    { trigger: "#mfa li:contains(Old phone)" },
    ...askAndPress("disable"),
    { trigger: "#mfa_said:contains(disabled)" },
    { trigger: "#mfa:contains(Your apps are kept) button[value=enable]" },
];

tours.add("mfa_portal_security", {
    steps: () => security("form:has(img[alt^='QR code']:visible) #mfa_key"),
});

tours.add("mfa_portal_security_phone", {
    steps: () => security("form:has(a[href^='otpauth://']:visible) #mfa_key"),
});

tours.add("mfa_portal_dialog", {
    steps: () => [
        { trigger: "button.o_portal_new_api_key", run: "click" },
        { trigger: ".modal input[name=password]", run: `edit ${PASSWORD}` },
        { trigger: ".modal input[name=mfa_code]:visible", run: "edit 000000" },
        { trigger: ".modal button:contains(Confirm Password)", run: "click" },
        { trigger: ".modal .invalid-feedback:contains(double-check)" },
        {
            trigger: ".modal input[name=mfa_code]",
            run: (helpers) => typeCode(helpers, ".modal input[name=mfa_code]"),
        },
        { trigger: ".modal button:contains(Confirm Password)", run: "click" },
        { trigger: ".modal:contains(New API Key) input[name=description]" },
    ],
});
