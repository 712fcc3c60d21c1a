// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recorded run in the place of providers: the same request has the answer that it had then, and nobody is paid.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::failure::Failure;
use priory_core::model::{
    Answered, Completion, Delta, Message, ModelInfo, Part, Prompt, PromptDigest, TokenUsage, Unanswered,
};
use priory_core::ports::{BoxFuture, EmbedOrder, Models, Vectors};

use crate::wire::Ear;
use crate::wire::fault::clipped;

/// How much of the last message of a request is kept, in characters, to say which one comes nearest.
const HEAD_CHARS: usize = 120;

/// A request of a recorded run, and what it came to.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was asked.
    pub digest: PromptDigest,
    /// The last message of it: who misses an answer is told what was asked instead.
    pub last: Option<Arc<Message>>,
    /// What was answered.
    pub answer: Result<Completion, Failure>,
}

/// Answers from a recorded run.
pub struct Cassette {
    models: Arc<dyn Models>,
    /// By what was asked, in the order in which it was. Held for a moment by whoever asks.
    answers: Mutex<HashMap<PromptDigest, VecDeque<Result<Completion, Failure>>>>,
    /// The heads of the last messages.
    heads: Vec<String>,
}

// === impl Cassette ===

impl Cassette {
    /// Makes one of the exchanges of a run, in the order in which they were recorded. What is known of models comes from
    /// `models`; nobody else is asked.
    pub fn new(models: Arc<dyn Models>, exchanges: impl IntoIterator<Item = Exchange>) -> Self {
        let mut answers: HashMap<PromptDigest, VecDeque<_>> = HashMap::new();
        let mut heads = Vec::new();
        for Exchange { digest, last, answer } in exchanges {
            heads.push(last.as_deref().map(head).unwrap_or_default());
            answers.entry(digest).or_default().push_back(answer);
        }
        Self { models, answers: Mutex::new(answers), heads }
    }

    /// Takes the next answer to a request. The last one stays: who asks more often than then has it again.
    fn take(&self, digest: PromptDigest) -> Option<Result<Completion, Failure>> {
        let mut answers = self.answers.lock();
        let answers = answers.get_mut(&digest)?;
        match answers.len() {
            0 | 1 => answers.front().cloned(),
            _ => answers.pop_front(),
        }
    }

    fn missing(&self, prompt: &Prompt) -> Failure {
        let asked = prompt.messages.last().map(|message| head(message)).unwrap_or_default();
        let nearest = self.heads.iter().max_by_key(|head| likeness(head, &asked));
        let nearest = nearest.map(|head| format!("; the nearest of them ends with: {head}")).unwrap_or_default();
        let count = self.heads.len();
        let reason =
            format!("the recorded run has no such request among its {count}; this one ends with: {asked}{nearest}");
        Failure::absent(format!("model {}", prompt.model), reason)
    }
}

impl Models for Cassette {
    fn get(&self, name: &str) -> Option<Arc<ModelInfo>> {
        self.models.get(name)
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.models.list()
    }

    fn count(&self, prompt: &Prompt) -> u64 {
        self.models.count(prompt)
    }

    fn complete<'a>(
        &'a self,
        prompt: &'a Prompt,
        hear: &'a (dyn Fn(Delta) + Send + Sync),
    ) -> BoxFuture<'a, Result<Answered, Unanswered>> {
        Box::pin(async move {
            let answer = self.take(prompt.digest()).unwrap_or_else(|| Err(self.missing(prompt)));
            let Completion { message, stop, usage, .. } = answer?;
            if prompt.streams {
                let mut told = |delta| hear(delta);
                Ear::new(&mut told).tell_parts(&message.parts);
            }
            Ok(Answered { message, stop, usage, lost: TokenUsage::default(), attempts: 1, is_paid: false })
        })
    }

    fn embed<'a>(&'a self, order: &'a EmbedOrder) -> BoxFuture<'a, Result<Vectors, Unanswered>> {
        Box::pin(async move {
            let reason = "vectors are not asked for where a recorded run answers";
            Err(Failure::absent(format!("model {}", order.model), reason).into())
        })
    }
}

/// Returns the beginning of a message.
fn head(message: &Message) -> String {
    let words = message.parts.iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::ToolResult(result) => format!("`{}` gave back {}", result.name, result.content),
        Part::Image(media) | Part::File(media) => format!("[{}]", media.mime),
        Part::Reasoning(_) | Part::ToolCall(_) => String::new(),
    });
    let head: String = words.collect::<Vec<_>>().join(" ").chars().take(HEAD_CHARS).collect();
    format!("{}: {}", message.role.as_str(), clipped(&head))
}

/// Returns how many words two texts share.
fn likeness(one: &str, other: &str) -> usize {
    let words: Vec<&str> = other.split_whitespace().collect();
    one.split_whitespace().filter(|word| words.contains(word)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{asks, model, models, provider};
    use crate::{Error, Gateway};
    use priory_core::model::{ProviderKind, Role, StopReason};
    use priory_testkit::SimClock;

    fn gateway() -> Result<Arc<dyn Models>, Error> {
        let provider = provider(ProviderKind::Openai, Some("http://127.0.0.1:1/".parse().unwrap()));
        Ok(Arc::new(Gateway::new(models(provider, model("x", &[])), Arc::new(SimClock::at(0)), [0; 32])?))
    }

    fn exchange(asked: &str, answer: &str) -> Exchange {
        let prompt = asks(asked);
        let completion = Completion {
            message: Message::text(Role::Assistant, answer),
            stop: StopReason::End,
            model: "m".into(),
            usage: TokenUsage { input: 5, output: 2, ..TokenUsage::default() },
            microusd: 9,
            output: None,
            problem: None,
            is_cached: false,
        };
        Exchange { digest: prompt.digest(), last: prompt.messages.last().cloned(), answer: Ok(completion) }
    }

    async fn say(cassette: &Cassette, asked: &str) -> Result<Answered, Unanswered> {
        cassette.complete(&asks(asked), &|_| ()).await
    }

    #[tokio::test]
    async fn what_was_asked_is_answered_in_order_and_for_nothing() {
        let exchanges = [exchange("a", "1"), exchange("b", "2"), exchange("a", "3")];
        let cassette = Cassette::new(gateway().unwrap(), exchanges);
        let mut said = Vec::new();
        for asked in ["a", "b", "a", "a"] {
            let answered = say(&cassette, asked).await.unwrap();
            assert!(!answered.is_paid && answered.usage.input == 5);
            said.push(answered.message.words());
        }
        assert_eq!(said, ["1", "2", "3", "3"]);
        assert!(cassette.get("m").is_some() && cassette.count(&asks("hello")) > 0);
    }

    #[tokio::test]
    async fn failures_are_recorded_too() {
        let failure = Failure::invalid("model request", "", "no");
        let exchange = Exchange { answer: Err(failure.clone()), ..exchange("a", "") };
        let cassette = Cassette::new(gateway().unwrap(), [exchange]);
        assert_eq!(say(&cassette, "a").await.unwrap_err().failure, failure);
    }

    #[tokio::test]
    async fn what_was_not_asked_is_told_with_what_was() {
        let exchanges = [exchange("the weather in Rome", "1"), exchange("a poem", "2")];
        let cassette = Cassette::new(gateway().unwrap(), exchanges);
        let failure = say(&cassette, "the weather in Paris").await.unwrap_err().failure;
        assert!(!failure.is_retriable());
        let text = "model m is not available: the recorded run has no such request among its 2; this one ends with: user: \
                    the weather in Paris; the nearest of them ends with: user: the weather in Rome";
        assert_eq!(failure.to_string(), text);
    }

    #[tokio::test]
    async fn what_is_heard_is_what_was_said() {
        let cassette = Cassette::new(gateway().unwrap(), [exchange("a", "1")]);
        let heard = Mutex::new(Vec::new());
        let prompt = Prompt { streams: true, ..asks("a") };
        cassette.complete(&prompt, &|delta| heard.lock().push(delta)).await.unwrap();
        assert_eq!(*heard.lock(), [Delta::Text("1".to_owned())]);
    }
}
