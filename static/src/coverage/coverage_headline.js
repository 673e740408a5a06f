import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";

/** Says above the list who is protected and what to look at; a finding filters the list. */
export class CoverageHeadline extends Component {
    static template = "auth_totp_mfa.CoverageHeadline";
    static props = {};

    setup() {
        this.orm = useService("orm");
        this.notification = useService("notification");
        this.state = useState({ shares: [], findings: [], weekly: false });
        onWillStart(async () => {
            Object.assign(this.state, await this.orm.call("mfa.coverage", "get_headline"));
        });
    }

    /** @param {string} name of the finding, and of its filter */
    showFinding(name) {
        const { searchModel } = this.env;
        const [filter] = searchModel.getSearchItems((item) => item.name === name);
        searchModel.query = [];
        searchModel.toggleSearchItem(filter.id);
    }

    async switchWeekly(ev) {
        const wanted = ev.target.checked;
        try {
            await this.orm.call("mfa.coverage", "set_weekly_report", [wanted]);
        } catch (error) {
            ev.target.checked = !wanted;
            throw error;
        }
        this.state.weekly = wanted;
        this.notification.add(
            wanted
                ? _t("You will get these figures by email every week.")
                : _t("You will get no more weekly emails."),
            { type: "success" }
        );
    }
}
