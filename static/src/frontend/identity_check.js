import { onMounted } from "@odoo/owl";
import { rpc } from "@web/core/network/rpc";
import { patch } from "@web/core/utils/patch";
import { InputConfirmationDialog } from "@portal/js/components/input_confirmation_dialog/input_confirmation_dialog";

/**
 * The portal's identity dialog hands only its first input, the password, to the
 * server. The code in the second one is checked first, by a route of its own.
 */
patch(InputConfirmationDialog.prototype, {
    setup() {
        super.setup();
        onMounted(async () => {
            const codeEl = this.mfaCodeEl;
            if (codeEl && (await rpc("/mfa/identity")).needs_code) {
                codeEl.required = true;
                codeEl.closest(".o_mfa_code").classList.remove("d-none");
            }
        });
    },

    get mfaCodeEl() {
        return this.modalRef.el?.querySelector("input[name=mfa_code]");
    },

    async _confirm() {
        const codeEl = this.mfaCodeEl;
        if (codeEl?.required) {
            codeEl.setCustomValidity("");
            if (!this.inputEl.reportValidity() || !codeEl.reportValidity()) {
                return;
            }
            const { error } = await rpc("/mfa/identity", { code: codeEl.value });
            if (error) {
                codeEl.setCustomValidity(error);
                codeEl.reportValidity();
                codeEl.addEventListener("input", () => codeEl.setCustomValidity(""), { once: true });
                return;
            }
            codeEl.required = false;
            codeEl.closest(".o_mfa_code").classList.add("d-none");
        }
        return super._confirm();
    },
});
