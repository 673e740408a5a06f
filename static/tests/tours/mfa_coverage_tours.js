import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

const finding = (name) => `.o_mfa_findings button[data-finding=${name}]`;

const said = (words) => ({
    content: `it says: ${words}`,
    trigger: `.o_notification:contains(${words})`,
});

const ready = () => ({ trigger: ".o_mfa_headline:contains(5 of 11 protected, 1 exempt)" });

const follow = (name, person) => [
    { trigger: finding(name), run: "click" },
    { trigger: ".o_searchview_facet" },
    { trigger: `.o_data_row:contains(${person})` },
    { trigger: ".o_list_view:not(:has(.o_data_row:contains(mfa_ann)))" },
];

const select = (person) => ({
    trigger: `.o_data_row:contains(${person}) .o_list_record_selector input`,
    run: "click",
});

const button = (name) => ({
    trigger: `.o_control_panel button[name=${name}]`,
    run: "click",
});

const weekly = ".o_mfa_headline input[role=switch]";

tours.add("mfa_coverage", {
    steps: () => [
        ready(),
        {
            content: "the bar says nothing that the words do not",
            trigger: ".o_mfa_shares [data-share=portal]:contains(50%):contains(1 of 2 protected)",
        },
        ...follow("missing", "mfa_max"),
        {
            content: "a finding takes the place of the one before",
            trigger: finding("grace_ending"),
            run: "click",
        },
        { trigger: ".o_data_row:contains(mfa_gia)" },
        { trigger: ".o_searchview:not(:has(.o_searchview_facet ~ .o_searchview_facet))" },
        { trigger: ".o_list_view:not(:has(.o_data_row:contains(mfa_max)))" },
        select("mfa_gia"),
        button("action_remind"),
        said("1 person was reminded by email."),
        { trigger: ".o_searchview_facet .o_facet_remove", run: "click" },
        { trigger: ".o_data_row:contains(mfa_ann)" },
        select("mfa_ann"),
        select("mfa_bob"),
        button("action_invite"),
        said("1 person was invited by email. 1 person has an authenticator app already."),
        { trigger: `${weekly}:not(:checked)`, run: "click" },
        said("You will get these figures by email every week."),
    ],
});

tours.add("mfa_coverage_weekly_off", {
    steps: () => [
        { trigger: `${weekly}:checked`, run: "click" },
        said("You will get no more weekly emails."),
        { trigger: `${weekly}:not(:checked)` },
    ],
});

/** Touch for as long as it takes to select a card. */
const holdCard = (person) => ({
    trigger: `.o_kanban_record:contains(${person})`,
    async run() {
        const touch = (type) => this.anchor.dispatchEvent(new TouchEvent(type, { bubbles: true }));
        touch("touchstart");
        await new Promise((resolve) => setTimeout(resolve, 800));
        touch("touchend");
    },
});

tours.add("mfa_coverage_phone", {
    steps: () => [
        ready(),
        { trigger: finding("missing"), run: "click" },
        { trigger: ".o_kanban_view:not(:has(.o_kanban_record:contains(mfa_ann)))" },
        holdCard("mfa_max"),
        { trigger: ".o_kanban_record.o_record_selected:contains(mfa_max)" },
        { trigger: ".o_control_panel .o_cp_action_menus button[aria-label='Actions menu']", run: "click" },
        { trigger: ".o-dropdown--menu .o_menu_item:contains(Invite by email)", run: "click" },
        said("1 person was invited by email."),
        { trigger: `${weekly}:not(:checked)`, run: "click" },
        said("You will get these figures by email every week."),
    ],
});
