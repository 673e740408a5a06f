import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { session } from "@web/session";

const { DateTime } = luxon;

/**
 * Tells a person a day before that the session ends, so that it does not end mid-work.
 */
export const mfaSessionEndService = {
    dependencies: ["notification"],
    start(env, { notification }) {
        if (!session.mfa_session_end) {
            return;
        }
        const end = DateTime.fromSeconds(session.mfa_session_end);
        notification.add(
            _t("You will be logged out on %s. Log in again when it suits you.", [
                end.toLocaleString(DateTime.DATETIME_SHORT),
            ]),
            {
                type: "warning",
                sticky: true,
                buttons: [
                    {
                        name: _t("Log in again now"),
                        primary: true,
                        onClick: () => {
                            browser.location.href = "/web/session/logout?redirect=/odoo";
                        },
                    },
                ],
            }
        );
    },
};

registry.category("services").add("mfa_session_end", mfaSessionEndService);
