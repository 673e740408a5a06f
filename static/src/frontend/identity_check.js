import { onMounted } from "@odoo/owl";
import { rpc } from "@web/core/network/rpc";
import { patch } from "@web/core/utils/patch";
import { InputConfirmationDialog } from "@portal/js/components/input_confirmation_dialog/input_confirmation_dialog";

const PASSKEY_LIB = "@auth_passkey/../lib/simplewebauthn";

/**
 * The portal's identity dialog hands only its first input, the password, to the
 * server. The second factor is checked first, by a route of its own.
 */
patch(InputConfirmationDialog.prototype, {
    setup() {
        super.setup();
        onMounted(async () => {
            this.mfaEl = this.modalRef.el?.querySelector(".o_mfa_code");
            if (this.mfaEl) {
                await this._mfaStart();
            }
        });
    },

    async _mfaStart() {
        const { needs_code, has_passkey } = await rpc("/mfa/identity");
        if (!needs_code) {
            return;
        }
        this.mfaEl.classList.remove("d-none");
        this.mfaCodeEl = this.mfaEl.querySelector("input");
        this.mfaCodeEl.required = true;
        this.mfaCodeEl.addEventListener("input", () => this._mfaTell(""));
        this.mfaCodeEl.addEventListener("keydown", (ev) => {
            if (ev.key === "Enter") {
                ev.preventDefault();
                this._confirm();
            }
        });
        this.mfaEl.querySelector(".o_mfa_letters").addEventListener("click", (ev) => {
            ev.target.remove();
            this.mfaCodeEl.inputMode = "text";
            this.mfaCodeEl.autocomplete = "off";
            this.mfaCodeEl.placeholder = "xxxx-xxxx-xxxx-xxxx";
            this.mfaCodeEl.focus();
        });
        // The library belongs to `auth_passkey`, which need not be installed.
        const lib = has_passkey && odoo.loader.modules.get(PASSKEY_LIB);
        if (lib) {
            const buttonEl = this.mfaEl.querySelector(".o_mfa_passkey");
            buttonEl.classList.remove("d-none");
            buttonEl.addEventListener("click", () => this._mfaUsePasskey(lib));
        }
    },

    async _mfaUsePasskey(lib) {
        const options = await rpc("/auth/passkey/start-auth");
        const answer = await lib.startAuthentication(options).catch(() => null);
        if (answer) {
            await this._mfaProve({ passkey: JSON.stringify(answer) });
        }
    },

    /** Hand a second factor to the server; say why it was refused, or go on. */
    async _mfaProve(factor) {
        const { error, needs_code } = await rpc("/mfa/identity", factor);
        this._mfaTell(error || "");
        if (!needs_code) {
            this.mfaCodeEl.required = false;
            this.mfaEl.classList.add("d-none");
            this.modalRef.el.querySelector(".o_mfa_done").classList.remove("d-none");
            this.inputEl.focus();
        }
        return !needs_code;
    },

    _mfaTell(error) {
        this.mfaCodeEl.classList.toggle("is-invalid", Boolean(error));
        this.mfaEl.querySelector(".invalid-feedback").textContent = error;
    },

    async _confirm() {
        if (this.mfaCodeEl?.required) {
            if (!this.inputEl.reportValidity() || !this.mfaCodeEl.reportValidity()) {
                return;
            }
            if (!(await this._mfaProve({ code: this.mfaCodeEl.value }))) {
                return;
            }
        }
        return super._confirm();
    },
});
