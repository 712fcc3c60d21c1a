// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a line.

/// One word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Number(i64),
    Name(String),
    /// Everything else: `+`, `==`, `(`…
    Sign(&'static str),
}

/// How many words and signs a line may have: what is made of them is as deep as half of them at most.
const TOKENS_MAX: usize = 256;
/// All signs; those that begin like others come first.
const SIGNS: [&str; 12] = ["==", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ","];

/// Splits a line.
pub(crate) fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut rest = line.trim_start();
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        if found.len() == TOKENS_MAX {
            return Err(format!("a line may have at most {TOKENS_MAX} words and signs"));
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            found.push(match first.is_ascii_digit() {
                true => Token::Number(word.parse().map_err(|_| format!("`{word}` is no number"))?),
                false => Token::Name(word.to_owned()),
            });
            rest = behind.trim_start();
        } else if let Some((sign, behind)) = SIGNS.iter().find_map(|sign| Some((*sign, rest.strip_prefix(sign)?))) {
            found.push(Token::Sign(sign));
            rest = behind.trim_start();
        } else {
            return Err(format!("`{first}` means nothing"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_words_and_signs() {
        let name = |name: &str| Token::Name(name.into());
        let expect = [name("a_1"), Token::Sign("=="), Token::Number(12), Token::Sign("="), name("b")];
        assert_eq!(tokens(" a_1==12 =b ").unwrap(), expect);
        assert!(tokens("a $ b").is_err());
        assert!(tokens("99999999999999999999").is_err());
        assert!(tokens(&"+".repeat(TOKENS_MAX)).is_ok());
        assert!(tokens(&"+".repeat(TOKENS_MAX + 1)).is_err());
    }
}
