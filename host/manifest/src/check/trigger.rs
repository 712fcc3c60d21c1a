// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triggers: when they start something, what, and with which values.

use std::collections::BTreeSet;
use std::ops::Range;

use priory_core::Json;
use priory_core::inbox::is_event_name;
use priory_schedule::{Schedule, ScheduleError};
use serde_json::Value;

use super::{Check, is_required};
use crate::suggest;
use crate::trigger::{self, Ending, Given, Missed, Occasion, Overlap, Trigger};
use crate::wire::free::Free;
use crate::wire::{self, At};

impl<'a> Check<'a> {
    /// Checks a trigger.
    pub(super) fn trigger(&mut self, trigger: &'a At<wire::Trigger>) -> Option<Trigger> {
        let start = trigger.start.as_ref().inspect(|start| self.startable(start))?;
        let on = self.occasion(trigger)?;
        self.conditions(trigger);
        if let Occasion::After { program, .. } = &on
            && self.leads_to(start, program)
        {
            let message = format!("`{program}` would start itself again without end");
            self.problems.push(start.span(), message, Some("start another, or come after another".to_owned()));
        }
        let input = trigger.input.as_ref().map(|input| self.given(input, &on));
        self.required_inputs(trigger, input.as_ref());
        let overlap = match trigger.overlap.as_deref() {
            None | Some(wire::Overlap::Allow) => Overlap::Allow,
            Some(wire::Overlap::Skip) => Overlap::Skip,
            Some(wire::Overlap::Queue) => Overlap::Queue,
        };
        Some(Trigger { start: start.to_string(), on, input, overlap })
    }

    /// Looks for what can be started by name.
    pub(super) fn startable(&mut self, name: &At<String>) {
        let names: BTreeSet<&str> = self.programs().collect();
        if names.contains(name.as_str()) {
            return;
        }
        let hint = suggest::hint(name, "agents and workflows", names.iter().copied());
        let hint = hint.unwrap_or_else(|| format!("there are none at all; add [agents.{}]", name.as_str()));
        self.problems.push(name.span(), format!("there is no agent or workflow `{}`", name.as_str()), Some(hint));
    }

    /// Tells whether the ends of runs lead from one program to another, by triggers alone.
    fn leads_to(&self, start: &str, program: &str) -> bool {
        let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(name) = open.pop() {
            if name == program {
                return true;
            }
            if !reached.insert(name) {
                continue;
            }
            let triggers = self.wire.triggers.values();
            let next = triggers.filter(|trigger| trigger.after.as_ref().is_some_and(|after| after.as_str() == name));
            open.extend(next.filter_map(|trigger| trigger.start.as_ref()).map(|start| start.as_str()));
        }
        false
    }

    fn occasion(&mut self, trigger: &'a At<wire::Trigger>) -> Option<Occasion> {
        let said = [&trigger.event, &trigger.schedule, &trigger.after];
        let mut said = said.into_iter().flatten();
        let hint = || Some("exactly one of `event`, `schedule` and `after` says when".to_owned());
        let Some(first) = said.next() else {
            self.problems.push(trigger.span(), "nothing says when the trigger starts a run", hint());
            return None;
        };
        if let Some(second) = said.next() {
            let later = if second.span().start > first.span().start { second } else { first };
            self.problems.push(later.span(), "the trigger has two occasions", hint());
            return None;
        }
        if let Some(event) = &trigger.event {
            return self.event(event, trigger);
        }
        if let Some(schedule) = &trigger.schedule {
            return self.schedule(schedule, trigger);
        }
        let program = trigger.after.as_ref()?;
        self.startable(program);
        let when = match trigger.when.as_deref() {
            None | Some(wire::Ending::Done) => Ending::Done,
            Some(wire::Ending::Failed) => Ending::Failed,
            Some(wire::Ending::Any) => Ending::Any,
        };
        Some(Occasion::After { program: program.to_string(), when })
    }

    fn event(&mut self, event: &At<String>, trigger: &At<wire::Trigger>) -> Option<Occasion> {
        if !is_event_name(event) {
            let form = "a name is made of lower-case letters, digits, `.`, `_` and `-`, and begins with a letter";
            let plain = event.trim().to_ascii_lowercase().replace([' ', ':', '/'], ".");
            let hint = if is_event_name(&plain) { format!("{form}, such as `{plain}`") } else { form.to_owned() };
            self.problems.push(event.span(), format!("`{}` cannot name an event", event.as_str()), Some(hint));
            return None;
        }
        let matching = trigger.matching.as_ref().map(|matching| Json::from(matching.0.to_json()));
        Some(Occasion::Event { name: event.to_string(), matching })
    }

    fn schedule(&mut self, schedule: &At<String>, trigger: &At<wire::Trigger>) -> Option<Occasion> {
        let missed = match trigger.missed.as_deref() {
            Some(wire::Missed::Skip) => Missed::Skip,
            None | Some(wire::Missed::Once) => Missed::Once,
            Some(wire::Missed::All) => Missed::All,
        };
        let error = match Schedule::new(schedule, trigger.zone.as_ref().map(|zone| zone.as_str())) {
            Ok(schedule) => return Some(Occasion::Schedule { schedule: Box::new(schedule), missed }),
            Err(error) => error,
        };
        let (span, hint) = match &error {
            ScheduleError::Fields { meant: Some(meant), .. } => {
                (schedule.span(), Some(format!("did you mean `{meant}`?")))
            }
            ScheduleError::Fields { .. } | ScheduleError::Never { .. } => {
                (schedule.span(), Some("`0 7 * * MON-FRI` is every working day at seven".to_owned()))
            }
            ScheduleError::Zone { near, .. } => {
                let span = trigger.zone.as_ref().map_or_else(|| schedule.span(), At::span);
                let hint = near.as_ref().map(|near| format!("did you mean `{near}`?"));
                (span, hint.or_else(|| Some("a zone is named as in `Europe/Berlin`".to_owned())))
            }
        };
        self.problems.push(span, error.to_string(), hint);
        None
    }

    /// Refuses what belongs to another occasion, so that a condition is never dropped in silence.
    fn conditions(&mut self, trigger: &At<wire::Trigger>) {
        let none: Option<Range<usize>> = None;
        let span = |is_right: bool, span: Option<Range<usize>>| if is_right { none.clone() } else { span };
        let (event, schedule, after) = (trigger.event.is_some(), trigger.schedule.is_some(), trigger.after.is_some());
        let foreign = [
            ("matching", "event", span(event, trigger.matching.as_ref().map(At::span))),
            ("zone", "schedule", span(schedule, trigger.zone.as_ref().map(At::span))),
            ("missed", "schedule", span(schedule, trigger.missed.as_ref().map(At::span))),
            ("when", "after", span(after, trigger.when.as_ref().map(At::span))),
        ];
        for (key, owner, span) in foreign {
            if let Some(span) = span {
                let hint = Some(format!("leave it out, or say `{owner}`"));
                self.problems.push(span, format!("`{key}` belongs to a trigger with `{owner}`"), hint);
            }
        }
    }

    /// Reads what a run is given, and looks whether each text stands for something that there is.
    fn given(&mut self, input: &At<wire::free::FreeTable>, on: &Occasion) -> Given {
        self.words(&input.0, &input.span(), on);
        match input.0.to_json() {
            Value::Object(values) => Given::new(values),
            _ => Given::new(serde_json::Map::new()),
        }
    }

    fn words(&mut self, value: &Free, span: &Range<usize>, on: &Occasion) {
        match value {
            Free::Text(text) => {
                let word = trigger::path(text).and_then(|mut names| names.next().map(str::to_owned));
                let Some(word) = word.filter(|word| word != on.word()) else { return };
                let message = format!("there is no `{word}` in what this trigger starts");
                self.problems.push(span.clone(), message, Some(format!("it is started by `{}`", on.word())));
            }
            Free::List(items) => items.iter().for_each(|item| self.words(item, &item.span(), on)),
            Free::Table(entries) => entries.values().for_each(|value| self.words(value, &value.span(), on)),
            Free::Plain(_) => {}
        }
    }

    /// Looks whether every input that a run needs is written here: what an event says never becomes an input, because
    /// grants are made of inputs.
    fn required_inputs(&mut self, trigger: &At<wire::Trigger>, given: Option<&Given>) {
        let written: BTreeSet<&str> = given.into_iter().flat_map(|given| given.texts().map(|(name, _)| name)).collect();
        for (name, input) in &self.wire.inputs {
            if is_required(input) && !written.contains(name.as_str()) {
                let message = format!("a run needs the input `{}`, and the trigger does not say it", name.as_str());
                let hint = format!(
                    "add `input.{} = \"…\"`: it has to stand here, since grants may depend on it",
                    name.as_str()
                );
                let span = trigger.start.as_ref().map_or_else(|| trigger.span(), At::span);
                self.problems.push(span, message, Some(hint));
            }
        }
    }
}
