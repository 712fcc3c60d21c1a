// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the memory is asked: the scope is `run`, `agent`, `tenant`, or the name of a user.

use priory_sdk::Failure;
use priory_sdk::memory::{self, Fact, NewFact, Query, Scope, Search, Which};
use serde_json::{Value, json};

use crate::request::texts;

pub(crate) fn perform(what: &str, step: &Value) -> Result<Value, Failure> {
    let scope = match step["scope"].as_str().unwrap_or_default() {
        "run" => Scope::Run,
        "agent" => Scope::Agent,
        "tenant" => Scope::Tenant,
        user => Scope::User(user.to_owned()),
    };
    match what {
        "remember" => Ok(Value::from(memory::remember(&scope, &fact(&step["fact"]))?)),
        "recall" => Ok(memory::recall(&scope, &query(&step["query"]))?.iter().map(told).collect()),
        "forget" => Ok(Value::from(memory::forget(&scope, &which(step))?)),
        other => Err(Failure::other(format!("there is no step `{other}`"))),
    }
}

fn fact(value: &Value) -> NewFact {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    NewFact {
        text: text("text").unwrap_or_default(),
        data: (!value["data"].is_null()).then(|| value["data"].to_string()),
        subject: text("subject"),
        source: text("source"),
        expires_ms: value["expires-ms"].as_u64(),
    }
}

fn query(value: &Value) -> Query {
    let search = match value["search"].as_str().unwrap_or_default() {
        "words" => Search::Words,
        "meaning" => Search::Meaning,
        "newest" => Search::Newest,
        _ => Search::Best,
    };
    let most = u32::try_from(value["most"].as_u64().unwrap_or(10)).unwrap();
    let query = memory::query(value["text"].as_str().unwrap_or_default(), most).search(search);
    Query { subject: value["subject"].as_str().map(str::to_owned), ..query }
}

fn which(step: &Value) -> Which {
    match (&step["ids"], step["subject"].as_str()) {
        (Value::Array(_), _) => Which::Ids(texts(&step["ids"])),
        (_, Some(subject)) => Which::Subject(subject.to_owned()),
        _ => Which::All,
    }
}

fn told(fact: &Fact) -> Value {
    json!({
        "id": fact.id, "text": fact.text, "data": fact.data::<Value>(), "subject": fact.subject, "source": fact.source,
        "unix-ms": fact.unix_ms, "expires-unix-ms": fact.expires_unix_ms, "run": fact.run, "score": fact.score,
    })
}
