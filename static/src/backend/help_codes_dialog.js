import { Component } from "@odoo/owl";
import { CopyButton } from "@web/core/copy_button/copy_button";
import { Dialog } from "@web/core/dialog/dialog";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";

const { DateTime } = luxon;

/**
 * Help codes that an administrator has just made. The server keeps only their hashes:
 * they are on this screen, and nowhere else.
 */
export class HelpCodesDialog extends Component {
    static template = "auth_totp_mfa.HelpCodesDialog";
    static components = { CopyButton, Dialog };
    static props = { close: Function, codes: Array, message: { type: String, optional: true } };

    setup() {
        this.title = this.props.codes.length > 1 ? _t("Help codes") : _t("Help code");
    }

    formatUntil(validUntil) {
        return deserializeDateTime(validUntil).toLocaleString(DateTime.DATETIME_SHORT);
    }
}

async function showHelpCodes(env, { params }) {
    await env.services.action.doAction({ type: "ir.actions.act_window_close" });
    env.services.dialog.add(HelpCodesDialog, { codes: params.codes, message: params.message });
}

registry.category("actions").add("mfa_help_codes", showHelpCodes);
