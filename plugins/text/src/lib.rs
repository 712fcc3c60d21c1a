// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tools that summarise texts, find their keywords and compare them.
//!
//! This file only translates; see `summary`, `keywords` and `similarity` for what is done, and `rank` for what
//! the first two have in common.

mod keywords;
mod rank;
mod similarity;
mod summary;

#[allow(missing_docs, unsafe_code, unreachable_pub)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "plugin", additional_derives: [PartialEq] });
    export!(Text);
    use super::Text;
}

use wit::exports::priory::text::text as api;

priory_sdk::wit_text!("../wit/text.wit");
priory_sdk::ceiling!(["log"]);

/// How long a text may be, in bytes.
const TEXT_BYTES_MAX: usize = 256 << 10;

struct Text;

impl api::Guest for Text {
    fn summarise(text: String, sentences: u32) -> Result<Vec<api::RankedSentence>, api::Error> {
        check_length(&text)?;
        Ok(summary::summarise(&text, sentences))
    }

    fn keywords(text: String, max: u32) -> Result<Vec<api::Keyword>, api::Error> {
        check_length(&text)?;
        Ok(keywords::keywords(&text, max))
    }

    fn similarity(a: String, b: String) -> Result<f64, api::Error> {
        check_length(&a)?;
        check_length(&b)?;
        Ok(similarity::similarity(&a, &b))
    }
}

fn check_length(text: &str) -> Result<(), api::Error> {
    if text.len() > TEXT_BYTES_MAX { Err(api::Error::TooLong(text.len() as u64)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Guest;

    #[test]
    fn one_byte_over_the_maximum_is_refused() {
        let most = "a".repeat(TEXT_BYTES_MAX);
        let over = format!("{most}a");
        let expect = api::Error::TooLong(TEXT_BYTES_MAX as u64 + 1);
        assert!(Text::similarity(most.clone(), most).is_ok());
        assert_eq!(Text::similarity("a".into(), over.clone()).unwrap_err(), expect);
        assert_eq!(Text::summarise(over.clone(), 1).unwrap_err(), expect);
        assert_eq!(Text::keywords(over, 1).unwrap_err(), expect);
    }
}
