import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";
import { copySheet, printSheet } from "../recovery_sheet/recovery_sheet";

/** Adds copying and printing to the page with the recovery codes, which works without. */
export class RecoverySheet extends Interaction {
    static selector = ".o_mfa_sheet";
    dynamicContent = {
        ".o_mfa_copy": {
            "t-on-click": this.copy,
            "t-att-class": () => ({ "d-none": false }),
        },
        ".o_mfa_print": {
            "t-on-click": () => printSheet(this.el.dataset.text),
            "t-att-class": () => ({ "d-none": false }),
        },
        ".o_mfa_said": { "t-out": () => this.said },
    };

    setup() {
        this.said = "";
    }

    async copy() {
        this.said = await this.waitFor(copySheet(this.el.dataset.text));
    }
}

registry.category("public.interactions").add("auth_totp_mfa.recovery_sheet", RecoverySheet);
