// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends drafts back and forth until one is accepted.

use priory_sdk::{Failure, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many drafts there are at most.
pub(crate) const ROUNDS_MAX: u32 = 3;

/// A passage, as it goes from the researcher to the writer.
pub(crate) type Passage = Value;

/// What the writer made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Draft {
    /// In a form that the writer can mend.
    pub(crate) sections: Value,
    pub(crate) markdown: String,
    pub(crate) sentences: u32,
    pub(crate) sources: Vec<String>,
}

/// What the reviewer thinks of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Review {
    pub(crate) accepted: bool,
    pub(crate) reasons: Vec<String>,
}

/// A draft that was accepted.
pub(crate) struct Accepted {
    pub(crate) draft: Draft,
    /// How many drafts it took.
    pub(crate) rounds: u32,
}

/// Has drafts written and reviewed until one is accepted.
///
/// A refused draft is written anew with the reasons; the last one is only mended, since new sentences could be
/// refused again.
pub(crate) fn until_accepted(
    mut write: impl FnMut(Option<&Value>, Option<&str>) -> Result<Draft, Failure>,
    mut review: impl FnMut(&Draft) -> Result<Review, Failure>,
) -> Result<Accepted, Failure> {
    let mut reasons: Vec<String> = Vec::new();
    let mut refused: Option<Draft> = None;
    for round in 1..=ROUNDS_MAX {
        let to_mend = refused.as_ref().filter(|_| round == ROUNDS_MAX).map(|draft| &draft.sections);
        let feedback = (!reasons.is_empty()).then(|| reasons.join("\n"));
        let draft = write(to_mend, feedback.as_deref())?;
        let review = review(&draft)?;
        if review.accepted {
            return Ok(Accepted { draft, rounds: round });
        }
        log::info(format!("round {round}: {}", review.reasons.join("; ")));
        // A sentence that was refused once stays refused.
        reasons.extend(review.reasons);
        refused = Some(draft);
    }
    Err(Failure::with_data(format!("the reviewer refused {ROUNDS_MAX} drafts"), &reasons))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: &str) -> Draft {
        Draft { sections: Value::from(name), markdown: name.to_owned(), sentences: 1, sources: Vec::new() }
    }

    /// Runs rounds in which the first drafts are refused, and returns what the writer was asked.
    fn run(refusals: u32) -> (Result<u32, String>, Vec<String>) {
        let mut asked: Vec<String> = Vec::new();
        let mut reviews = 0;
        let result = until_accepted(
            |mend, feedback| {
                asked.push(format!("{mend:?} {feedback:?}"));
                Ok(draft(&format!("d{}", asked.len())))
            },
            |draft| {
                reviews += 1;
                let accepted = reviews > refusals;
                let reasons = if accepted { Vec::new() } else { vec![format!("{} is bad", draft.markdown)] };
                Ok(Review { accepted, reasons })
            },
        );
        (result.map(|accepted| accepted.rounds).map_err(|failure| failure.to_string()), asked)
    }

    #[test]
    fn a_good_draft_needs_one_round() {
        assert_eq!(run(0), (Ok(1), vec!["None None".to_owned()]));
    }

    #[test]
    fn reasons_add_up_and_the_last_draft_is_only_mended() {
        let (rounds, asked) = run(2);
        assert_eq!(rounds, Ok(3));
        assert_eq!(asked[1], "None Some(\"d1 is bad\")");
        assert_eq!(asked[2], "Some(String(\"d2\")) Some(\"d1 is bad\\nd2 is bad\")");
    }

    #[test]
    fn after_the_last_round_it_fails() {
        assert_eq!(run(3).0, Err("the reviewer refused 3 drafts".to_owned()));
    }
}
