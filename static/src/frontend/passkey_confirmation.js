import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";

/** Offers a passkey on the portal's page that asks who the person is. */
export class PasskeyConfirmation extends Interaction {
    static selector = ".o_mfa_form:has(.o_mfa_passkey)";
    dynamicContent = {
        ".o_mfa_passkey": {
            "t-on-click": this.usePasskey,
            "t-att-class": () => ({ "d-none": !this.lib }),
        },
    };

    setup() {
        // The library belongs to `auth_passkey`, which need not be installed.
        this.lib = odoo.loader.modules.get("@auth_passkey/../lib/simplewebauthn");
    }

    async usePasskey() {
        const options = await this.waitFor(rpc("/auth/passkey/start-auth"));
        const answer = await this.lib.startAuthentication(options).catch(() => null);
        if (answer) {
            this.el.querySelector("input[name=passkey]").value = JSON.stringify(answer);
            this.el.submit();
        }
    }
}

registry
    .category("public.interactions")
    .add("auth_totp_mfa.passkey_confirmation", PasskeyConfirmation);
