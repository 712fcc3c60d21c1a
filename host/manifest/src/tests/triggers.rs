// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triggers: good ones, and what is said of bad ones.

use serde_json::json;

use super::{parse, problems, short};
use crate::{Ending, Missed, Occasion, Overlap};

const HEAD: &str = "name = 'a'\n[plugins.p]\npath = 'p'\n[agents.x]\nplugin = 'p'\n[agents.y]\nplugin = 'p'\n";

/// Compares what is said of a trigger `t`, which begins in line 9, one problem a line.
fn check(trigger: &str, expected: &[&str]) {
    let text = format!("entry = 'x'\n{HEAD}[triggers.t]\n{trigger}");
    assert_eq!(short(&problems(&text)), expected, "of\n{trigger}");
}

#[test]
fn triggers_are_read() {
    let text = format!(
        r#"entry = 'x'
{HEAD}
[inputs.where]
kind = "text"
default = "here"
[triggers.placed]
event = "order.placed"
matching = {{ shop = "north", test = false }}
start = "x"
input = {{ order = "{{event.data.order}}", twice = [1, "{{event.id}}"] }}
overlap = "queue"
[triggers.daily]
schedule = "0 7 * * MON-FRI"
zone = "Europe/Berlin"
missed = "all"
start = "y"
[triggers.then]
after = "x"
when = "any"
start = "y"
overlap = "skip"
"#
    );
    let manifest = parse(&text).unwrap();
    let placed = &manifest.triggers["placed"];
    let Occasion::Event { name, matching } = &placed.on else { panic!("{placed:?}") };
    assert_eq!((name.as_str(), placed.start.as_str(), placed.overlap), ("order.placed", "x", Overlap::Queue));
    assert_eq!(matching.as_ref().unwrap().to_value(), json!({ "shop": "north", "test": false }));
    let filled = placed.input.as_ref().unwrap().fill(&json!({ "event": { "id": "e", "data": { "order": 5 } } }));
    assert_eq!(filled, json!({ "order": 5, "twice": [1, "e"] }));
    let daily = &manifest.triggers["daily"];
    let Occasion::Schedule { schedule, missed } = &daily.on else { panic!("{daily:?}") };
    assert_eq!((schedule.to_string().as_str(), *missed), ("0 7 * * MON-FRI Europe/Berlin", Missed::All));
    assert_eq!((&daily.input, daily.overlap), (&None, Overlap::Allow));
    let then = &manifest.triggers["then"];
    assert_eq!(then.on, Occasion::After { program: "x".into(), when: Ending::Any });
    assert!(manifest.unreached.is_empty(), "what a trigger starts is in reach: {:?}", manifest.unreached);
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    check(
        "start = 'x'",
        &["9:1 nothing says when the trigger starts a run (exactly one of `event`, `schedule` and `after` says when)"],
    );
    check("event = 'a'", &["9:1 `start` is missing in `triggers.t` (the agent or workflow that is started)"]);
    check(
        "event = 'a'\nschedule = '@daily'\nstart = 'x'",
        &["11:12 the trigger has two occasions (exactly one of `event`, `schedule` and `after` says when)"],
    );
    check(
        "event = 'Order Placed'\nstart = 'x'",
        &[
            "10:9 `Order Placed` cannot name an event (a name is made of lower-case letters, digits, `.`, `_` and `-`, and begins with a letter, such as `order.placed`)",
        ],
    );
    check(
        "event = 'a'\nstart = 'z'",
        &["11:9 there is no agent or workflow `z` (the agents and workflows are `x`, `y`)"],
    );
    check(
        "after = 'z'\nstart = 'x'",
        &["10:9 there is no agent or workflow `z` (the agents and workflows are `x`, `y`)"],
    );
    check(
        "after = 'x'\nstart = 'x'",
        &["11:9 `x` would start itself again without end (start another, or come after another)"],
    );
    check(
        "schedule = '0 7 * * MONDAY'\nstart = 'x'",
        &[
            "10:12 `0 7 * * MONDAY` is no schedule: `MONDAY` is no day of the week, which is 0 to 7 from Sunday to Sunday, or SUN to SAT (did you mean `0 7 * * MON`?)",
        ],
    );
    check(
        "schedule = '0 0 30 2 *'\nstart = 'x'",
        &["10:12 `0 0 30 2 *` never comes due: there is no such day (`0 7 * * MON-FRI` is every working day at seven)"],
    );
    check(
        "schedule = '@daily'\nzone = 'Europe/Berln'\nstart = 'x'",
        &["11:8 there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?)"],
    );
    check(
        "event = 'a'\nzone = 'UTC'\nstart = 'x'",
        &["11:8 `zone` belongs to a trigger with `schedule` (leave it out, or say `schedule`)"],
    );
    check(
        "schedule = '@daily'\nwhen = 'any'\nmatching = { a = 1 }\nstart = 'x'",
        &[
            "11:8 `when` belongs to a trigger with `after` (leave it out, or say `after`)",
            "12:12 `matching` belongs to a trigger with `event` (leave it out, or say `event`)",
        ],
    );
    check(
        "event = 'a'\nstart = 'x'\ninput = { a = '{run.result}', b = ['{event.id}'] }",
        &["12:15 there is no `run` in what this trigger starts (it is started by `event`)"],
    );
    check("event = 'a'\nstart = 'x'\ninput = 'all'", &["12:9 `triggers.t.input` is a string, and a table is expected"]);
}

#[test]
fn triggers_that_start_each_other_are_refused() {
    let text =
        format!("entry = 'x'\n{HEAD}[triggers.t]\nafter = 'x'\nstart = 'y'\n[triggers.u]\nafter = 'y'\nstart = 'x'");
    let said = short(&problems(&text));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("11:9 `x` would start itself again without end"), "{said:?}");
}

#[test]
fn what_grants_may_depend_on_has_to_be_written() {
    let text = |input: &str| {
        format!("entry = 'x'\n{HEAD}[inputs.where]\nkind = 'text'\n[triggers.t]\nevent = 'a'\nstart = 'x'\n{input}")
    };
    let missing = "13:9 a run needs the input `where`, and the trigger does not say it (add `input.where = \"…\"`: it has to stand here, since grants may depend on it)";
    assert_eq!(short(&problems(&text(""))), [missing]);
    assert_eq!(short(&problems(&text("input = { where = '{event.data.where}' }"))), [missing]);
    assert!(parse(&text("input = { where = 'here' }")).is_ok());
}

#[test]
fn grants_of_events_have_modes() {
    let text = |events: &str| format!("entry = 'x'\n{HEAD}grants = {{ events = [{events}] }}");
    let manifest = parse(&text("'order.*:emit', { allow = 'paid', uses = 3 }")).unwrap();
    let grants: Vec<_> =
        manifest.agents["y"].grants.iter().map(|grant| (grant.text.as_str(), grant.uses_max)).collect();
    assert_eq!(grants, [("order.*:emit", None), ("paid", Some(3))]);
    let said = short(&problems(&text("'order:read'")));
    assert_eq!(said, ["9:22 `order:read`: `NAME`, `NAME:emit` or `NAME:await` is expected"]);
}
