// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done around nodes: time, tries, budgets, decisions; and how people and events are waited for.

use priory_core::inbox::is_event_name;
use priory_core::model::OUTPUT_TOKENS_MAX;

use super::Check;
use crate::definition::{
    ATTEMPTS_MAX, AskedModel, Escalate, Expiry, Human, HumanKind, Kind, Node, OnSpent, RETRIES_MAX, Retry,
    TEMPERATURE_MILLI_MAX,
};
use crate::suggest;

/// The kinds of failures that may be done again.
const FAILURES: [&str; 10] =
    ["cancelled", "conflict", "denied", "in-doubt", "invalid", "limit", "other", "timeout", "trap", "unavailable"];

/// How many times longer each wait may be than the one before.
const FACTOR_MAX: f64 = 1_000.0;

impl Check<'_> {
    pub(super) fn around(&mut self, name: &str, node: &Node) {
        if node.timeout_ms == Some(0) {
            self.wrong(name, "timeout-ms", "0 ms are over before anything begins", "leave it out for no timeout");
        }
        if node.contract.attempts > ATTEMPTS_MAX {
            let message = format!("`attempts` is at most {ATTEMPTS_MAX}");
            self.wrong(name, "attempts", message, "what fails again and again is better mended than repeated");
        }
        if let Some(retry) = &node.retry {
            self.retry(name, retry);
        }
        self.budget(name, node);
        if let Some(escalate) = &node.escalate {
            self.escalation(name, escalate);
        }
        if node.undo.is_some() && matches!(node.kind, Kind::Value(_)) {
            self.odd(name, "undo", "a `value` does nothing that could be undone", "leave it out");
        }
        match &node.kind {
            Kind::Human(human) => self.human(name, human),
            Kind::Model(asked) => self.asked_model(name, asked),
            Kind::Emit(event) => self.event_name(name, "emit", event),
            Kind::Event { name: event, expires_ms, on_expiry, .. } => {
                self.event_name(name, "event", event);
                self.expiry(name, "event", *expires_ms, on_expiry);
            }
            _ => {}
        }
    }

    fn retry(&mut self, name: &str, retry: &Retry) {
        for (index, kind) in retry.on.iter().enumerate().filter(|(_, kind)| !FAILURES.contains(&kind.as_str())) {
            let hint = suggest::hint(kind, "kinds", FAILURES.into_iter()).unwrap_or_default();
            self.wrong(name, &format!("retry.on.{index}"), format!("`{kind}` is no kind of failure"), hint);
        }
        match retry.times {
            0 => self.wrong(name, "retry.times", "a retry of 0 times is none", "leave out `retry`"),
            times if times > RETRIES_MAX => {
                let message = format!("a call is tried again at most {RETRIES_MAX} times");
                self.wrong(name, "retry.times", message, "wait longer in between: `backoff-ms`, `factor`");
            }
            _ => {}
        }
        if !(1.0..=FACTOR_MAX).contains(&retry.factor) {
            self.wrong(name, "retry.factor", format!("`factor` is a number from 1 to {FACTOR_MAX}"), "");
        }
        if !(0.0..=1.0).contains(&retry.jitter) {
            let hint = "it is the share of each wait that is random";
            self.wrong(name, "retry.jitter", "`jitter` is a number from 0 to 1", hint);
        }
        if retry.backoff_ms_max < retry.backoff_ms {
            let message = format!("the longest wait, {} ms, is shorter than the first", retry.backoff_ms_max);
            self.wrong(
                name,
                "retry.backoff-ms-max",
                message,
                format!("the first is `backoff-ms`, {} ms", retry.backoff_ms),
            );
        }
    }

    fn budget(&mut self, name: &str, node: &Node) {
        if !node.budget.is_unbounded() && !node.kind.is_call() {
            let message = format!("`{}` has no budget of its own: it calls nothing itself", node.kind.word());
            let hint = "make it a workflow of its own, and give the node that calls that the budget";
            self.wrong(name, "budget", message, hint);
            return;
        }
        if node.on_spent == OnSpent::Fail {
            return;
        }
        if node.budget.is_unbounded() {
            self.wrong(
                name,
                "on-spent",
                "a budget that is not there is never spent",
                "add `budget`, or leave this out",
            );
        } else if node.on_spent == OnSpent::Fallback && node.fallback.is_empty() {
            self.wrong(name, "on-spent", "there is nothing to fall back on", "name nodes in `fallback`");
        }
    }

    fn escalation(&mut self, name: &str, escalate: &Escalate) {
        if escalate.to.is_none() && !escalate.human {
            let hint = "name a node, `to = \"node\"`, or let a person decide, `human = true`";
            self.wrong(name, "escalate", "nobody decides", hint);
        }
        match escalate.expires_ms {
            Some(_) if !escalate.human => {
                let hint = "add `human = true`, or leave it out";
                self.wrong(name, "escalate.expires-ms", "no person is asked whose time could be over", hint);
            }
            Some(0) => self.no_time(name, "escalate.expires-ms"),
            _ => {}
        }
    }

    fn asked_model(&mut self, name: &str, asked: &AskedModel) {
        if asked.temperature_milli.is_some_and(|milli| milli > TEMPERATURE_MILLI_MAX) {
            self.wrong(name, "model.temperature", "`temperature` is a number from 0 to 2", "");
        }
        if asked.output_tokens_max.is_some_and(|most| most == 0 || most > OUTPUT_TOKENS_MAX) {
            let message = format!("`output-tokens-max` is a whole number from 1 to {OUTPUT_TOKENS_MAX}");
            self.wrong(name, "model.output-tokens-max", message, "");
        }
    }

    fn human(&mut self, name: &str, human: &Human) {
        if matches!(&human.kind, HumanKind::Choose(options) if options.is_empty()) {
            let hint = "add `options = [\"…\", \"…\"]`, or ask with `kind = \"answer\"`";
            self.wrong(name, "human", "there is nothing to choose from", hint);
        }
        self.expiry(name, "human", human.expires_ms, &human.on_expiry);
    }

    fn expiry(&mut self, name: &str, key: &str, expires_ms: Option<u64>, on_expiry: &Expiry) {
        if expires_ms == Some(0) {
            self.no_time(name, &format!("{key}.expires-ms"));
        }
        if matches!(on_expiry, Expiry::Value(_)) && expires_ms.is_none() {
            let message = "this never happens, because nothing expires";
            self.wrong(name, &format!("{key}.on-expiry"), message, "add `expires-ms`");
        }
    }

    fn no_time(&mut self, name: &str, key: &str) {
        self.wrong(name, key, "0 ms are over before anybody can answer", "leave it out for no end");
    }

    fn event_name(&mut self, name: &str, key: &str, event: &str) {
        let is_name = is_event_name(event);
        if !is_name {
            let hint = "a name is made of lower-case letters, digits, `.`, `_` and `-`, such as `order.placed`";
            self.wrong(name, key, format!("`{event}` cannot name an event"), hint);
        }
    }
}
