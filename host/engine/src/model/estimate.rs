// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a request may take at most, before anybody is asked.
//!
//! No text has more tokens than bytes, so its length is a bound that costs nothing to find. Only where that is more than is
//! left is it counted, which costs time for every byte.

use std::sync::Arc;

use priory_core::Amounts;
use priory_core::model::{Message, ModelInfo, Sampling, ToolDefinition};

use super::bounds;
use crate::ledger::{Over, Part};

/// Tokens that a provider may put around a request, a message or a tool.
const AROUND_TOKENS: u64 = 32;
/// Tokens that the smallest picture or file may have: providers count pictures by their size, and what is packed is longer
/// than its bytes.
const MEDIA_TOKENS_MIN: u64 = 16_384;
/// How short an answer may become for want of money or tokens. A shorter one says too little to be worth its price.
const OUTPUT_TOKENS_MIN: u64 = 256;

/// What a request to one model may take.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    info: Arc<ModelInfo>,
    /// Tokens that are read, at most.
    input: u64,
    /// Tokens that are written, at most.
    output: u64,
    /// Whether less will do: then nobody said how long the answer may be.
    may_shorten: bool,
    /// What the terms of the call leave.
    terms: Amounts,
}

/// Returns a bound of the tokens that a request has, by its length.
pub(crate) fn tokens_max(messages: &[Arc<Message>], tools: &[ToolDefinition], sampling: &Sampling) -> u64 {
    let said = messages.iter().fold(0_u64, |sum, message| {
        let media = message.media().count() as u64;
        let around = AROUND_TOKENS.saturating_mul(1 + message.parts.len() as u64);
        sum.saturating_add(around).saturating_add(media.saturating_mul(MEDIA_TOKENS_MIN))
    });
    let tools = tools.iter().fold(0_u64, |sum, tool| {
        let words = (tool.name.len() + tool.description.len()) as u64;
        sum.saturating_add(words).saturating_add(tool.input_schema.byte_len()).saturating_add(AROUND_TOKENS)
    });
    let output = sampling.output.as_ref().map_or(0, |schema| schema.byte_len());
    [bounds::bytes(messages), tools, output, AROUND_TOKENS].into_iter().fold(said, u64::saturating_add)
}

/// Returns a bound of the tokens that pictures and files have beyond what [`tokens_max`] takes for them, by their length.
pub(crate) fn media_tokens_max(media: impl Iterator<Item = u64>) -> u64 {
    media.fold(0, |sum, bytes| sum.saturating_add(bytes.saturating_sub(MEDIA_TOKENS_MIN)))
}

/// Returns a bound of the tokens that texts have which become vectors.
pub(crate) fn text_tokens_max(texts: &[String]) -> u64 {
    texts.iter().fold(0, |sum, text| sum.saturating_add(text.len() as u64).saturating_add(AROUND_TOKENS))
}

// === impl Estimate ===

impl Estimate {
    /// Makes the estimate of a request for an answer.
    pub(crate) fn of(info: Arc<ModelInfo>, input: u64, wished: Option<u64>, terms: Amounts) -> Self {
        let output = wished.unwrap_or(info.output_tokens_max).min(info.output_tokens_max).max(1);
        Self { info, input, output, may_shorten: wished.is_none(), terms }
    }

    /// Makes the estimate of a request for vectors.
    pub(crate) fn of_vectors(info: Arc<ModelInfo>, input: u64) -> Self {
        Self { info, input, output: 0, may_shorten: false, terms: Amounts::UNBOUNDED }
    }

    /// Takes what was counted for what was estimated, where that is less.
    pub(crate) fn count(&mut self, counted: u64) {
        self.input = self.input.min(counted);
    }

    /// Tells whether input and output together may be more than the model can hold.
    pub(crate) fn is_beyond_window(&self) -> bool {
        self.info.context_tokens.is_some_and(|window| self.input.saturating_add(self.output) > window)
    }

    /// Lets the answer be so short that it fits beside the input, where nobody said how long it may be.
    pub(crate) fn fit_window(&mut self) {
        if let (true, Some(window)) = (self.may_shorten, self.info.context_tokens) {
            self.output = self.output.min(window.saturating_sub(self.input).max(self.least_output()));
        }
    }

    /// Returns what is to be set aside for an answer of some length.
    fn amounts(&self, output: u64) -> Amounts {
        let copies = u64::from(self.info.copies.max(1));
        Amounts {
            tokens_in: self.input.saturating_mul(copies),
            tokens_out: output.saturating_mul(copies),
            money_microusd: self.info.cost_max(self.input, output).saturating_mul(copies),
            ..Amounts::default()
        }
    }

    fn least_output(&self) -> u64 {
        if self.may_shorten { self.output.min(OUTPUT_TOKENS_MIN) } else { self.output }
    }

    /// Returns the least that would do.
    pub(crate) fn need(&self) -> Amounts {
        self.amounts(self.least_output())
    }

    /// Takes what is needed of what is free: with it, how long the answer may be; `None` where that is not enough.
    pub(crate) fn take(&self, free: Amounts) -> Part<u64> {
        let most = Amounts { money_microusd: self.info.call_microusd_max.unwrap_or(u64::MAX), ..Amounts::UNBOUNDED };
        let free = free.min(self.terms).min(most);
        let fits = |output: u64| {
            let amounts = self.amounts(output);
            amounts.tokens_in <= free.tokens_in
                && amounts.tokens_out <= free.tokens_out
                && amounts.money_microusd <= free.money_microusd
        };
        if fits(self.output) {
            return Some((self.amounts(self.output), self.output));
        }
        let (mut enough, mut too_much) = (self.least_output(), self.output);
        if !fits(enough) {
            return None;
        }
        // What an answer takes grows with its length.
        while too_much.saturating_sub(enough) > 1 {
            let half = enough + (too_much - enough) / 2;
            if fits(half) { enough = half } else { too_much = half }
        }
        Some((self.amounts(enough), enough))
    }

    /// Says why the request cannot be made however much is left: it costs more than one request may, or more than its terms
    /// allow.
    pub(crate) fn over_at_once(&self) -> Option<Over> {
        let (need, none) = (self.need(), Amounts::default());
        let most = Amounts { money_microusd: self.info.call_microusd_max.unwrap_or(u64::MAX), ..Amounts::UNBOUNDED };
        let of_model = Over::of(|| format!("one request to model {}", self.info.name), none, need, most);
        of_model.or_else(|| Over::of(|| "the budget of the call".to_owned(), none, need, self.terms))
    }
}

#[cfg(test)]
mod tests {
    use priory_core::model::Price;

    use super::*;

    fn info(output_tokens_max: u64, call_microusd_max: Option<u64>, copies: u32) -> Arc<ModelInfo> {
        Arc::new(ModelInfo {
            name: "m".into(),
            provider: "p".into(),
            id: "i".into(),
            context_tokens: Some(10_000),
            output_tokens_max,
            abilities: vec![],
            // 1 and 10 micro-dollars a token.
            price: Some(Price { input: 1_000_000, output: 10_000_000, ..Price::default() }),
            fallbacks: vec![],
            call_microusd_max,
            copies,
            cache_ms: None,
        })
    }

    fn take(estimate: &Estimate, tokens_out: u64, money_microusd: u64) -> Option<u64> {
        estimate.take(Amounts { tokens_out, money_microusd, ..Amounts::UNBOUNDED }).map(|(_, output)| output)
    }

    #[test]
    fn an_answer_is_as_long_as_can_be_paid_for_and_not_shorter_than_makes_sense() {
        let free = Estimate::of(info(4_000, None, 1), 1_000, None, Amounts::UNBOUNDED);
        assert_eq!(take(&free, u64::MAX, u64::MAX), Some(4_000));
        assert_eq!(take(&free, 300, u64::MAX), Some(300));
        assert_eq!(take(&free, 255, u64::MAX), None);
        assert_eq!(take(&free, u64::MAX, 11_009), Some(1_000));
        assert_eq!(take(&free, u64::MAX, 3_559), None);
        assert_eq!(take(&free, u64::MAX, 3_560), Some(256));
        assert_eq!(free.need().money_microusd, 3_560);
    }

    #[test]
    fn an_answer_whose_length_was_asked_for_is_not_shortened() {
        let asked = Estimate::of(info(4_000, None, 1), 1_000, Some(500), Amounts::UNBOUNDED);
        assert_eq!(take(&asked, 500, 6_000), Some(500));
        assert_eq!(take(&asked, 499, u64::MAX), None);
        assert_eq!(take(&asked, u64::MAX, 5_999), None);
        let long = Estimate::of(info(4_000, None, 1), 1_000, Some(5_000), Amounts::UNBOUNDED);
        assert_eq!(take(&long, u64::MAX, u64::MAX), Some(4_000), "no model writes more than it can");
    }

    #[test]
    fn one_request_and_the_terms_of_a_call_have_bounds_of_their_own() {
        let dear = Estimate::of(info(4_000, Some(6_000), 1), 1_000, None, Amounts::UNBOUNDED);
        assert_eq!(take(&dear, u64::MAX, u64::MAX), Some(500));
        let dear = Estimate::of(info(4_000, Some(6_000), 1), 1_000, Some(501), Amounts::UNBOUNDED);
        assert_eq!(take(&dear, u64::MAX, u64::MAX), None);
        assert_eq!(dear.over_at_once().map(|over| (over.used, over.allowed)), Some((6_010, 6_000)));
        let terms = Amounts { tokens_in: 999, ..Amounts::UNBOUNDED };
        let terms = Estimate::of(info(4_000, None, 1), 1_000, None, terms);
        assert_eq!(terms.over_at_once().map(|over| over.dimension), Some(priory_core::Dimension::TokensIn));
    }

    #[test]
    fn every_copy_is_paid_for() {
        let twice = Estimate::of(info(400, None, 2), 100, Some(50), Amounts::UNBOUNDED);
        let (amounts, output) = twice.take(Amounts::UNBOUNDED).unwrap();
        assert_eq!((amounts.tokens_in, amounts.tokens_out, amounts.money_microusd, output), (200, 100, 1_200, 50));
    }

    #[test]
    fn an_answer_fits_beside_its_prompt() {
        let mut near = Estimate::of(info(4_000, None, 1), 9_000, None, Amounts::UNBOUNDED);
        assert!(near.is_beyond_window());
        near.count(8_000);
        near.fit_window();
        assert!(!near.is_beyond_window());
        assert_eq!(take(&near, u64::MAX, u64::MAX), Some(2_000));
    }
}
