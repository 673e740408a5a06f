import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";

/**
 * Copy the sheet of recovery codes.
 *
 * @returns {Promise<string>} what to tell the person
 */
export async function copySheet(text) {
    try {
        await browser.navigator.clipboard.writeText(text);
        return _t("Copied. Paste the codes into a safe place.");
    } catch {
        return _t("This browser does not let Odoo copy. Download or print the codes instead.");
    }
}

/** Print the sheet of recovery codes, and nothing else of the page. */
export function printSheet(text) {
    const sheet = document.createElement("pre");
    sheet.className = "o_mfa_print_sheet";
    sheet.textContent = text;
    document.body.append(sheet);
    browser.addEventListener("afterprint", () => sheet.remove(), { once: true });
    window.print();
}
