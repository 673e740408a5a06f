import { registry } from "@web/core/registry";
import { CharField, charField } from "@web/views/fields/char/char_field";

/**
 * The field for a six-digit code: numeric keyboard, filled in by password managers.
 */
export class MfaCodeField extends CharField {
    static template = "auth_totp_mfa.MfaCodeField";
}

registry.category("fields").add("mfa_code", { ...charField, component: MfaCodeField });
