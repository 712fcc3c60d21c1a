// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recorded run in the place of providers: the same request has the answer that it had then, and nobody is paid.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::failure::Failure;
use priory_core::id::Digest;
use priory_core::model::{
    Answered, Completion, Delta, Embedded, Message, ModelInfo, Part, Prompt, PromptDigest, TokenUsage, Unanswered,
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

/// Texts that a recorded run wanted vectors of, and what they came to.
#[derive(Debug, Clone)]
pub struct VectorExchange {
    /// The texts: see [`EmbedOrder::digest_of`].
    pub digest: Digest,
    /// What was answered.
    pub answer: Result<Embedded, Failure>,
}

/// What was answered to the same question, in the order in which it was asked.
type Queues<T> = HashMap<Digest, VecDeque<Result<T, Failure>>>;

/// Answers from a recorded run.
pub struct Cassette {
    models: Arc<dyn Models>,
    /// By what was asked, in the order in which it was. Held for a moment by whoever asks.
    answers: Mutex<Queues<Completion>>,
    /// The same of texts that became vectors.
    vectors: Mutex<Queues<Embedded>>,
    /// The heads of the last messages.
    heads: Vec<String>,
}

// === impl Cassette ===

impl Cassette {
    /// Makes one of the exchanges of a run, in the order in which they were recorded. What is known of models comes from
    /// `models`; nobody else is asked.
    pub fn new(
        models: Arc<dyn Models>,
        exchanges: impl IntoIterator<Item = Exchange>,
        vectors: impl IntoIterator<Item = VectorExchange>,
    ) -> Self {
        let mut answers: Queues<Completion> = HashMap::new();
        let mut heads = Vec::new();
        for Exchange { digest, last, answer } in exchanges {
            heads.push(last.as_deref().map(head).unwrap_or_default());
            answers.entry(digest).or_default().push_back(answer);
        }
        let mut made: Queues<Embedded> = HashMap::new();
        for VectorExchange { digest, answer } in vectors {
            made.entry(digest).or_default().push_back(answer);
        }
        Self { models, answers: Mutex::new(answers), vectors: Mutex::new(made), heads }
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
            let answer = take(&self.answers, prompt.digest()).unwrap_or_else(|| Err(self.missing(prompt)));
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
            let answer = take(&self.vectors, EmbedOrder::digest_of(&order.texts)).unwrap_or_else(|| {
                let reason = "the recorded run made no vectors of these texts";
                Err(Failure::absent(format!("model {}", order.model), reason))
            });
            let Embedded { vectors, usage, .. } = answer?;
            Ok(Vectors { vectors, usage, attempts: 1, is_paid: false })
        })
    }

    fn is_recording(&self) -> bool {
        true
    }
}

/// Takes the next answer to a question. The last one stays: who asks more often than then has it again.
fn take<T: Clone>(queues: &Mutex<Queues<T>>, digest: Digest) -> Option<Result<T, Failure>> {
    let mut queues = queues.lock();
    let queue = queues.get_mut(&digest)?;
    match queue.len() {
        0 | 1 => queue.front().cloned(),
        _ => queue.pop_front(),
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
    use priory_core::model::{ProviderKind, Role, StopReason, Vector};
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
        let cassette = Cassette::new(gateway().unwrap(), exchanges, []);
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
        let cassette = Cassette::new(gateway().unwrap(), [exchange], []);
        assert_eq!(say(&cassette, "a").await.unwrap_err().failure, failure);
    }

    #[tokio::test]
    async fn what_was_not_asked_is_told_with_what_was() {
        let exchanges = [exchange("the weather in Rome", "1"), exchange("a poem", "2")];
        let cassette = Cassette::new(gateway().unwrap(), exchanges, []);
        let failure = say(&cassette, "the weather in Paris").await.unwrap_err().failure;
        assert!(!failure.is_retriable());
        let text = "model m is not available: the recorded run has no such request among its 2; this one ends with: user: \
                    the weather in Paris; the nearest of them ends with: user: the weather in Rome";
        assert_eq!(failure.to_string(), text);
    }

    #[tokio::test]
    async fn what_is_heard_is_what_was_said() {
        let cassette = Cassette::new(gateway().unwrap(), [exchange("a", "1")], []);
        let heard = Mutex::new(Vec::new());
        let prompt = Prompt { streams: true, ..asks("a") };
        cassette.complete(&prompt, &|delta| heard.lock().push(delta)).await.unwrap();
        assert_eq!(*heard.lock(), [Delta::Text("1".to_owned())]);
    }

    #[tokio::test]
    async fn vectors_are_recorded_too() {
        let texts = |text: &str| vec![text.to_owned(), "b".to_owned()];
        let made = |first: f32| {
            let vectors = vec![Vector([first].into()), Vector([9.0].into())];
            let usage = TokenUsage { input: 4, ..TokenUsage::default() };
            Embedded { vectors, model: "m".into(), usage, microusd: 2 }
        };
        let exchange = |text, answer| VectorExchange { digest: EmbedOrder::digest_of(&texts(text)), answer };
        let failure = Failure::invalid("texts", "", "no");
        let exchanges =
            [exchange("a", Ok(made(1.0))), exchange("c", Err(failure.clone())), exchange("a", Ok(made(2.0)))];
        let cassette = Cassette::new(gateway().unwrap(), [], exchanges);
        let ask = async |text: &str| {
            let order =
                EmbedOrder { model: "m".into(), texts: texts(text), key: String::new(), spare_input: 0, time_ms: 1 };
            cassette.embed(&order).await
        };
        for first in [1.0, 2.0, 2.0] {
            let vectors = ask("a").await.unwrap();
            assert_eq!((vectors.vectors, vectors.usage.input, vectors.is_paid), (made(first).vectors, 4, false));
        }
        assert_eq!(ask("c").await.unwrap_err().failure, failure);
        assert!(ask("d").await.unwrap_err().failure.to_string().contains("made no vectors"));
        assert!(cassette.is_recording() && !gateway().unwrap().is_recording());
    }
}
