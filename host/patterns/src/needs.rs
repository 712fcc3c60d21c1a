// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which task has to wait for which.

use std::collections::{BTreeMap, BTreeSet};

use crate::stop::{FAILURES_MAX, Stop, clip};

/// Refuses tasks that need each other in a circle, and needs that are neither in the list nor among what is there.
pub(crate) fn check<'a>(
    tasks: impl IntoIterator<Item = (&'a str, &'a [String])>,
    there: impl Fn(&str) -> bool,
) -> Result<(), Stop> {
    let tasks: BTreeMap<&str, &[String]> = tasks.into_iter().collect();
    // How many needs of a task are open, and who waits for it.
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waits: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (task, needs) in &tasks {
        let needs: BTreeSet<&str> = needs.iter().map(String::as_str).filter(|need| !there(need)).collect();
        if let Some(need) = needs.iter().find(|need| !tasks.contains_key(*need)) {
            return Err(Stop::UnknownNeed { task: clip(task), need: clip(need) });
        }
        open.insert(task, needs.len());
        needs.into_iter().for_each(|need| waits.entry(need).or_default().push(task));
    }
    let mut ready: Vec<&str> = open.iter().filter(|(_, needs)| **needs == 0).map(|(task, _)| *task).collect();
    while let Some(task) = ready.pop() {
        open.remove(task);
        for waiting in waits.remove(task).unwrap_or_default() {
            let Some(needs) = open.get_mut(waiting) else { continue };
            *needs = needs.saturating_sub(1);
            if *needs == 0 {
                ready.push(waiting);
            }
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    Err(Stop::CircularNeeds { tasks: open.into_keys().take(FAILURES_MAX).map(clip).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_of(tasks: &[(&str, &[&str])]) -> Result<(), Stop> {
        let tasks: Vec<(&str, Vec<String>)> =
            tasks.iter().map(|(task, needs)| (*task, needs.iter().map(|need| (*need).to_owned()).collect())).collect();
        check(tasks.iter().map(|(task, needs)| (*task, needs.as_slice())), |need| need == "done")
    }

    #[test]
    fn what_can_be_done_one_after_the_other_is_fine() {
        assert_eq!(check_of(&[]), Ok(()));
        assert_eq!(check_of(&[("a", &["b", "b", "done"]), ("b", &["c"]), ("c", &[])]), Ok(()));
        assert_eq!(check_of(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]), Ok(()));
    }

    #[test]
    fn circles_and_strangers_are_refused() {
        let circle =
            |tasks: &[&str]| Err(Stop::CircularNeeds { tasks: tasks.iter().map(|t| (*t).to_owned()).collect() });
        assert_eq!(check_of(&[("a", &["a"])]), circle(&["a"]));
        assert_eq!(check_of(&[("a", &["b"]), ("b", &["a"]), ("c", &["a"]), ("d", &[])]), circle(&["a", "b", "c"]));
        let stranger = Stop::UnknownNeed { task: "a".into(), need: "x".into() };
        assert_eq!(check_of(&[("a", &["x"])]), Err(stranger));
    }
}
