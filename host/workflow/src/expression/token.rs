// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words that an expression is made of.

use std::ops::Range;
use std::sync::Arc;

use super::error::ExpressionError;

/// Words of CEL that name nothing.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// Signs, the longer before those that they begin with.
const SIGNS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "?", ":", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}",
    ",", ".", "=",
];

/// One word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// What it is.
    pub(super) word: Word,
    /// Where it is.
    pub(super) at: Range<usize>,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// The source ends.
    End,
    /// A name, or a word of the language that looks like one.
    Name(Arc<str>),
    /// A name between backticks, which may hold any sign.
    Quoted(Arc<str>),
    /// An integer, without its sign.
    Int(u64),
    /// An integer that ends in `u`.
    Uint(u64),
    /// A number with a point or an exponent.
    Double(f64),
    /// A text.
    Text(Arc<str>),
    /// A sign.
    Sign(&'static str),
}

/// Reads one word after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

/// Returns whether a name can stand in an expression for a value.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !is_reserved(name)
        && !matches!(name, "true" | "false" | "null" | "in")
}

/// Returns whether a word is kept by the language.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

// === impl Word ===

impl Word {
    /// Says what the word is, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::End => "the end".to_owned(),
            Self::Name(name) | Self::Quoted(name) => format!("`{name}`"),
            Self::Int(value) => format!("`{value}`"),
            Self::Uint(value) => format!("`{value}u`"),
            Self::Double(value) => format!("`{value}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::Sign(sign) => format!("`{sign}`"),
        }
    }
}

// === impl Lexer ===

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str, at: usize) -> Self {
        Self { source, at }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.source.len());
    }

    fn error<T>(&self, from: usize, message: impl Into<String>) -> Result<T, ExpressionError> {
        let end = self.at.max(from.saturating_add(1)).min(self.source.len());
        Err(ExpressionError::Syntax { at: from.min(end)..end, message: message.into() })
    }

    /// Skips what says nothing: space, and what stands behind `//`.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
            self.skip(rest.len().saturating_sub(trimmed.len()));
            if !trimmed.starts_with("//") {
                return;
            }
            self.skip(trimmed.find('\n').unwrap_or(trimmed.len()));
        }
    }

    /// Reads the next word.
    pub(super) fn next(&mut self) -> Result<Token, ExpressionError> {
        self.skip_space();
        let from = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token { word: Word::End, at: from..from }) };
        let second = rest.chars().nth(1);
        let word = match first {
            '0'..='9' => self.number()?,
            '.' if second.is_some_and(|digit| digit.is_ascii_digit()) => self.number()?,
            '"' | '\'' => self.text(false)?,
            'r' | 'R' if matches!(second, Some('"' | '\'')) => {
                self.skip(1);
                self.text(true)?
            }
            'b' | 'B' if matches!(second, Some('"' | '\'')) => {
                return self.error(from, "bytes are no values here; write a text");
            }
            '`' => self.quoted()?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let name = rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next();
                let name = name.unwrap_or_default();
                self.skip(name.len());
                Word::Name(name.into())
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(&"=") => return self.error(from, "`=` means nothing here; `==` compares"),
                Some(sign) => {
                    self.skip(sign.len());
                    Word::Sign(sign)
                }
                None => {
                    self.skip(first.len_utf8());
                    return self.error(from, format!("{first:?} means nothing here"));
                }
            },
        };
        Ok(Token { word, at: from..self.at })
    }

    fn number(&mut self) -> Result<Word, ExpressionError> {
        let from = self.at;
        let rest = self.rest();
        if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            let digits = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
            self.skip(digits.saturating_add(2));
            let value = u64::from_str_radix(hex.get(..digits).unwrap_or_default(), 16);
            return self.integer(from, value.ok());
        }
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits(rest);
        let mut length = whole;
        let mut is_double = false;
        if let Some(fraction) = rest.get(length..).and_then(|rest| rest.strip_prefix('.'))
            && digits(fraction) > 0
        {
            is_double = true;
            length = length.saturating_add(1).saturating_add(digits(fraction));
        }
        if let Some(exponent) = rest.get(length..).and_then(|rest| rest.strip_prefix(['e', 'E'])) {
            let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits(bare) > 0 {
                is_double = true;
                let sign = exponent.len().saturating_sub(bare.len());
                length = length.saturating_add(1).saturating_add(sign).saturating_add(digits(bare));
            }
        }
        self.skip(length);
        let text = rest.get(..length).unwrap_or_default();
        if is_double {
            return match text.parse::<f64>() {
                Ok(value) if value.is_finite() => self.after_number(from, Word::Double(value)),
                _ => self.error(from, format!("`{text}` is too large for a number")),
            };
        }
        self.integer(from, text.parse().ok())
    }

    fn integer(&mut self, from: usize, value: Option<u64>) -> Result<Word, ExpressionError> {
        let Some(value) = value else { return self.error(from, "this is no integer of 64 bits") };
        if self.rest().starts_with(['u', 'U']) {
            self.skip(1);
            return self.after_number(from, Word::Uint(value));
        }
        self.after_number(from, Word::Int(value))
    }

    fn after_number(&mut self, from: usize, word: Word) -> Result<Word, ExpressionError> {
        if self.rest().starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_') {
            return self.error(from, "a number and a name must stand apart; a name begins with a letter");
        }
        Ok(word)
    }

    fn quoted(&mut self) -> Result<Word, ExpressionError> {
        let from = self.at;
        let name = self.rest().get(1..).and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
        let Some(name) = name else { return self.error(from, "the name has no second backtick") };
        self.skip(name.len().saturating_add(2));
        Ok(Word::Quoted(name.into()))
    }

    fn text(&mut self, is_raw: bool) -> Result<Word, ExpressionError> {
        let from = self.at;
        let rest = self.rest();
        let quote = match rest.chars().next() {
            Some('"') if rest.starts_with("\"\"\"") => "\"\"\"",
            Some('\'') if rest.starts_with("'''") => "'''",
            Some('"') => "\"",
            _ => "'",
        };
        self.skip(quote.len());
        let mut text = String::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.skip(quote.len());
                return Ok(Word::Text(text.into()));
            }
            match rest.chars().next() {
                None => return self.error(from, format!("the text has no {quote} at its end")),
                Some('\n' | '\r') if quote.len() == 1 => {
                    return self
                        .error(from, format!("the text has no {quote} in its line; write \\n, or quote it thrice"));
                }
                Some('\\') if !is_raw => text.push(self.escape()?),
                Some(letter) => {
                    self.skip(letter.len_utf8());
                    text.push(letter);
                }
            }
        }
    }

    /// Reads what stands behind a backslash.
    fn escape(&mut self) -> Result<char, ExpressionError> {
        let from = self.at;
        self.skip(1);
        let Some(letter) = self.rest().chars().next() else { return self.error(from, "nothing follows the backslash") };
        let (skipped, digits, radix) = match letter {
            'x' | 'X' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => {
                self.skip(letter.len_utf8());
                return match letter {
                    'a' => Ok('\u{7}'),
                    'b' => Ok('\u{8}'),
                    'f' => Ok('\u{c}'),
                    'n' => Ok('\n'),
                    'r' => Ok('\r'),
                    't' => Ok('\t'),
                    'v' => Ok('\u{b}'),
                    '\\' | '?' | '"' | '\'' | '`' => Ok(letter),
                    _ => self.error(from, format!("\\{letter} means nothing; a backslash is written \\\\")),
                };
            }
        };
        self.skip(skipped);
        let code = self.rest().get(..digits).filter(|code| code.bytes().all(|digit| char::from(digit).is_digit(radix)));
        let letter = code.and_then(|code| u32::from_str_radix(code, radix).ok()).and_then(char::from_u32);
        self.skip(digits.min(self.rest().len()));
        match letter {
            Some(letter) => Ok(letter),
            None => {
                self.at = from.saturating_add(1);
                self.error(from, format!("this is no letter; {digits} digits that name one must follow"))
            }
        }
    }
}
