import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { session } from "@web/session";

const { DateTime } = luxon;
const DAY = 24 * 60 * 60 * 1000;
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Tells a person a day before that the session ends, so that it does not end mid-work.
 * A tab may be open for weeks, and the session may be renewed by use in the meantime.
 */
export const mfaSessionEndService = {
    dependencies: ["notification"],
    start(env, { notification }) {
        const schedule = (end) => {
            const wait = end * 1000 - DAY - Date.now();
            if (wait > 0) {
                browser.setTimeout(askAgain, Math.min(wait, LONGEST_TIMER));
            } else {
                tell(end);
            }
        };
        const askAgain = async () => {
            const info = await rpc("/web/session/get_session_info", {}, { silent: true });
            if (info.mfa_session_end) {
                schedule(info.mfa_session_end);
            }
        };
        const tell = (end) => {
            const when = DateTime.fromSeconds(end).toLocaleString(DateTime.DATETIME_SHORT);
            notification.add(
                _t("You will be logged out on %(when)s. Log in again when it suits you.", { when }),
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
        };
        if (session.mfa_session_end) {
            schedule(session.mfa_session_end);
        }
    },
};

registry.category("services").add("mfa_session_end", mfaSessionEndService);
