import { Component, useExternalListener, useRef, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { Dialog } from "@web/core/dialog/dialog";
import { registry } from "@web/core/registry";
import { copySheet, printSheet } from "../recovery_sheet/recovery_sheet";

/** A dialog that neither Escape nor a cross closes. */
class StayingDialog extends Dialog {
    static props = { ...Dialog.props, onDismiss: Function };

    async dismiss() {
        this.props.onDismiss();
    }
}

/**
 * Shows recovery codes once. They are nowhere but in this dialog, so it stays until
 * the person says that they are kept.
 */
export class RecoveryCodesDialog extends Component {
    static template = "auth_totp_mfa.RecoveryCodesDialog";
    static components = { StayingDialog };
    static props = { sheet: Object, close: Function };

    setup() {
        this.state = useState({ kept: false, said: "" });
        this.keptBox = useRef("kept");
        useExternalListener(window, "beforeunload", (ev) => {
            if (!this.state.kept) {
                ev.preventDefault();
            }
        });
    }

    askToKeep() {
        this.keptBox.el.focus();
    }

    async copy() {
        this.state.said = "";
        this.state.said = await copySheet(this.props.sheet.text);
    }

    print() {
        printSheet(this.props.sheet.text);
    }
}

/**
 * Show the codes in `action.params`; once they are kept, go on to `action.params.next`.
 *
 * Waits for nobody: the dialog whose button led here stays open until this returns.
 */
async function showRecoveryCodes(env, { params }, options) {
    const { next, ...sheet } = params || {};
    if (!sheet.codes) {
        return;
    }
    const { action, dialog } = env.services;
    await action.doAction({ type: "ir.actions.act_window_close" });
    const show = () =>
        dialog.add(
            RecoveryCodesDialog,
            { sheet },
            { onClose: () => next && action.doAction(next, options) }
        );
    // A dialog that closes gives the focus back; the codes take it after that.
    browser.setTimeout(show);
}

registry.category("actions").add("mfa_recovery_codes", showRecoveryCodes);
