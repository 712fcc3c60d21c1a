// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversions of what is remembered.

use priory_core::Failure;
use priory_core::memory::{self as core_memory, FORGET_MAX, MemoryOp};

use super::json_of_guest;
use crate::wit::priory::agent::memory as wit;

/// Takes over a scope of a guest.
pub fn scope_of_guest(scope: wit::Scope) -> Result<core_memory::Scope, Failure> {
    Ok(match scope {
        wit::Scope::Run => core_memory::Scope::Run,
        wit::Scope::Agent => core_memory::Scope::Agent,
        wit::Scope::Tenant => core_memory::Scope::Tenant,
        // By the same rule as everywhere, so that a name is a name and no pattern.
        wit::Scope::User(name) => format!("user/{name}").parse().map_err(|error: priory_core::id::IdError| {
            Failure::invalid("scope of the memory", "", error.to_string())
        })?,
    })
}

/// Takes over a fact of a guest.
pub fn fact_of_guest(fact: wit::NewFact) -> Result<core_memory::NewFact, Failure> {
    let wit::NewFact { text, data, subject, source, expires_ms } = fact;
    let data = data.map(|data| json_of_guest(&data, "data of a fact")).transpose()?;
    Ok(core_memory::NewFact { text, data, subject, source, expires_ms })
}

/// Takes over what a guest looks for.
pub fn query_of_guest(scope: wit::Scope, query: wit::Query) -> Result<MemoryOp, Failure> {
    let wit::Query { text, subject, search, most } = query;
    let search = match search {
        wit::Search::Best => core_memory::Search::Best,
        wit::Search::Words => core_memory::Search::Words,
        wit::Search::Meaning => core_memory::Search::Meaning,
        wit::Search::Newest => core_memory::Search::Newest,
    };
    Ok(MemoryOp::Recall { scope: scope_of_guest(scope)?, text, subject, search, most })
}

/// Takes over which facts a guest wants forgotten.
pub fn which_of_guest(which: wit::Which) -> Result<core_memory::Forget, Failure> {
    Ok(match which {
        wit::Which::All => core_memory::Forget::All,
        wit::Which::Subject(subject) => core_memory::Forget::Subject(subject),
        wit::Which::Ids(ids) => {
            if ids.len() > FORGET_MAX {
                let reason = format!("they are {}, and {FORGET_MAX} are the most", ids.len());
                return Err(Failure::invalid("facts to be forgotten", "", reason));
            }
            let id = |id: String| {
                id.parse().map_err(|error: priory_core::id::IdError| {
                    Failure::invalid("facts to be forgotten", "", error.to_string())
                })
            };
            core_memory::Forget::Ids(ids.into_iter().map(id).collect::<Result<_, Failure>>()?)
        }
    })
}

impl From<core_memory::Fact> for wit::Fact {
    fn from(fact: core_memory::Fact) -> Self {
        Self {
            id: fact.id.to_string(),
            text: fact.text,
            data: fact.data.map(|data| data.to_string()),
            subject: fact.subject,
            source: fact.source,
            unix_ms: fact.unix_ms,
            expires_unix_ms: fact.expires_unix_ms,
            run: fact.from.run.to_string(),
            score: fact.score_ppm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_and_no_pattern() {
        let user = |name: &str| scope_of_guest(wit::Scope::User(name.into()));
        assert_eq!(user("ada"), Ok(core_memory::Scope::User("ada".into())));
        for name in ["*", "", "a/b", "../tenant"] {
            assert!(matches!(user(name), Err(Failure::Invalid(_))), "{name}");
        }
    }

    #[test]
    fn ids_are_checked_before_anything_is_forgotten() {
        let ids = |ids: Vec<&str>| which_of_guest(wit::Which::Ids(ids.into_iter().map(str::to_owned).collect()));
        assert!(ids(vec!["fact_0123456789abcdef"]).is_ok());
        assert!(matches!(ids(vec!["fact_0123456789abcdef", "x"]), Err(Failure::Invalid(_))));
        assert!(matches!(ids(vec!["fact_0123456789abcdef"; FORGET_MAX + 1]), Err(Failure::Invalid(_))));
    }
}
