import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * A link that hands an `otpauth://` address to the authenticator app of this device.
 * The web client's own widget knows web addresses only.
 */
export class MfaAppLinkField extends Component {
    static template = "auth_totp_mfa.MfaAppLinkField";
    static props = { ...standardFieldProps };

    get uri() {
        const value = this.props.record.data[this.props.name] || "";
        return value.startsWith("otpauth://") ? value : undefined;
    }
}

registry.category("fields").add("mfa_app_link", {
    component: MfaAppLinkField,
    supportedTypes: ["char"],
});
