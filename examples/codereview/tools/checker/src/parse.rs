// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads programs, tests and expressions.

use crate::token::{Token, tokens};

/// How deep expressions may stand in each other: each level takes some of the stack.
const NESTING_MAX: u32 = 32;
/// How many lines a file may have.
const LINES_MAX: usize = 10_000;
/// Words that name nothing.
const WORDS: [&str; 8] = ["fn", "end", "let", "return", "if", "then", "else", "check"];

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    Number(i64),
    Name(String),
    Call(String, Vec<Expression>),
    Pair(&'static str, Box<(Expression, Expression)>),
    If(Box<(Expression, Expression, Expression)>),
}

/// One function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
    /// Names and what they stand for, in order.
    pub(crate) lets: Vec<(String, Expression)>,
    pub(crate) result: Expression,
    /// Calls, and what they come to.
    pub(crate) examples: Vec<(String, String)>,
}

/// One test.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) line: u32,
    pub(crate) text: String,
    pub(crate) found: Expression,
    pub(crate) expected: Expression,
}

/// What cannot be read, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: u32,
    pub(crate) message: String,
}

/// The words of a line that are still to be read.
struct Words<'a>(&'a [Token]);

/// A function of which the end was not read yet.
struct Open {
    name: String,
    parameters: Vec<String>,
    first_line: u32,
    lets: Vec<(String, Expression)>,
    result: Option<Expression>,
    examples: Vec<(String, String)>,
}

/// Reads a program.
pub(crate) fn program(text: &str) -> Result<Vec<Function>, Mistake> {
    let (mut functions, mut examples, mut open) = (Vec::new(), Vec::new(), None);
    for (number, line) in (1..).zip(text.lines().take(LINES_MAX)) {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            examples.extend(example(comment));
        } else if line.is_empty() {
            examples.clear();
        } else {
            let read = statement(line, number, &mut open, &mut examples);
            functions.extend(read.map_err(|message| Mistake { line: number, message })?);
        }
    }
    match open {
        None => Ok(functions),
        Some(Open { name, first_line, .. }) => {
            Err(Mistake { line: first_line, message: format!("`{name}` has no `end`") })
        }
    }
}

/// Reads one line of a program; returns the function that it ends.
fn statement(
    line: &str,
    number: u32,
    open: &mut Option<Open>,
    examples: &mut Vec<(String, String)>,
) -> Result<Option<Function>, String> {
    let tokens = tokens(line)?;
    let mut words = Words(&tokens);
    match (open.as_mut(), words.word().as_deref()) {
        (None, Some("fn")) => {
            let (name, parameters) = (words.name()?, words.parameters()?);
            let (first_line, examples) = (number, std::mem::take(examples));
            *open = Some(Open { name, parameters, first_line, lets: Vec::new(), result: None, examples });
        }
        (Some(function), Some("let")) if function.result.is_none() => {
            let name = words.name()?;
            words.sign("=")?;
            function.lets.push((name, words.expression(0)?));
        }
        (Some(function), Some("return")) if function.result.is_none() => {
            function.result = Some(words.expression(0)?);
        }
        (Some(_), Some("end")) => {
            words.end()?;
            return open.take().map(|function| function.close(number)).transpose();
        }
        (None, _) => return Err("a function is expected: `fn NAME(…)`".to_owned()),
        (Some(_), _) => return Err("`let`, one `return` or `end` is expected".to_owned()),
    }
    words.end().map(|()| None)
}

/// Reads tests.
pub(crate) fn tests(text: &str) -> Result<Vec<Test>, Mistake> {
    let lines = (1..).zip(text.lines().take(LINES_MAX)).map(|(number, line)| (number, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(line, text)| test(line, text).map_err(|message| Mistake { line, message })).collect()
}

fn test(line: u32, text: &str) -> Result<Test, String> {
    let tokens = tokens(text)?;
    let mut words = Words(&tokens);
    if words.word().as_deref() != Some("check") {
        return Err("a test is expected: `check EXPRESSION = EXPRESSION`".to_owned());
    }
    let found = words.expression(0)?;
    words.sign("=")?;
    let expected = words.expression(0)?;
    words.end()?;
    Ok(Test { line, text: text.to_owned(), found, expected })
}

/// Reads one expression.
pub(crate) fn expression(text: &str) -> Result<Expression, String> {
    let tokens = tokens(text)?;
    let mut words = Words(&tokens);
    let expression = words.expression(0)?;
    words.end().map(|()| expression)
}

fn example(comment: &str) -> Option<(String, String)> {
    let (call, expected) = comment.trim().strip_prefix("example:")?.rsplit_once('=')?;
    Some((call.trim().to_owned(), expected.trim().to_owned()))
}

// === impl Open ===

impl Open {
    fn close(self, last_line: u32) -> Result<Function, String> {
        let Self { name, parameters, first_line, lets, result, examples } = self;
        let result = result.ok_or_else(|| format!("`{name}` has no `return`"))?;
        Ok(Function { name, parameters, first_line, last_line, lets, result, examples })
    }
}

// === impl Function ===

impl Function {
    /// Returns the functions that it calls, each once.
    pub(crate) fn calls(&self) -> Vec<String> {
        let mut called = Vec::new();
        self.lets.iter().for_each(|(_, expression)| expression.calls(&mut called));
        self.result.calls(&mut called);
        called
    }
}

// === impl Expression ===

impl Expression {
    /// Adds the functions that it calls, each once.
    pub(crate) fn calls(&self, called: &mut Vec<String>) {
        match self {
            Self::Number(_) | Self::Name(_) => {}
            Self::Call(name, arguments) => {
                if !called.contains(name) {
                    called.push(name.clone());
                }
                arguments.iter().for_each(|argument| argument.calls(called));
            }
            Self::Pair(_, pair) => [&pair.0, &pair.1].iter().for_each(|part| part.calls(called)),
            Self::If(parts) => [&parts.0, &parts.1, &parts.2].iter().for_each(|part| part.calls(called)),
        }
    }
}

// === impl Words ===

impl Words<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first.clone())
    }

    fn word(&mut self) -> Option<String> {
        match self.0.first() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.next();
                Some(name)
            }
            _ => None,
        }
    }

    fn name(&mut self) -> Result<String, String> {
        self.word().filter(|name| !WORDS.contains(&&**name)).ok_or_else(|| "a name is expected".to_owned())
    }

    fn is_next(&mut self, expected: &Token) -> bool {
        let is_next = self.0.first() == Some(expected);
        if is_next {
            self.next();
        }
        is_next
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), String> {
        if self.is_next(&Token::Sign(sign)) { Ok(()) } else { Err(format!("`{sign}` is expected")) }
    }

    fn keyword(&mut self, word: &str) -> Result<(), String> {
        if self.is_next(&Token::Name(word.to_owned())) { Ok(()) } else { Err(format!("`{word}` is expected")) }
    }

    fn end(&self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err("the line should end here".to_owned()) }
    }

    fn parameters(&mut self) -> Result<Vec<String>, String> {
        self.sign("(")?;
        let mut names = Vec::new();
        while !self.is_next(&Token::Sign(")")) {
            if !names.is_empty() {
                self.sign(",")?;
            }
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn expression(&mut self, depth: u32) -> Result<Expression, String> {
        if self.is_next(&Token::Name("if".to_owned())) {
            let condition = self.expression(depth + 1)?;
            self.keyword("then")?;
            let holds = self.expression(depth + 1)?;
            self.keyword("else")?;
            return Ok(Expression::If(Box::new((condition, holds, self.expression(depth + 1)?))));
        }
        self.pairs(depth, &[&["<", ">", "=="], &["+", "-"], &["*", "/", "%"]])
    }

    /// Reads what signs of one rank stand between; those behind them bind more closely.
    fn pairs(&mut self, depth: u32, ranks: &[&[&'static str]]) -> Result<Expression, String> {
        let Some((signs, closer)) = ranks.split_first() else { return self.atom(depth) };
        let mut left = self.pairs(depth, closer)?;
        while let Some(sign) = signs.iter().find(|sign| self.is_next(&Token::Sign(sign))) {
            left = Expression::Pair(sign, Box::new((left, self.pairs(depth, closer)?)));
        }
        Ok(left)
    }

    fn atom(&mut self, depth: u32) -> Result<Expression, String> {
        if depth > NESTING_MAX {
            return Err(format!("expressions stand in each other more than {NESTING_MAX} deep"));
        }
        if let Some(Token::Number(number)) = self.0.first().cloned() {
            self.next();
            return Ok(Expression::Number(number));
        }
        if self.is_next(&Token::Sign("(")) {
            let inside = self.expression(depth + 1)?;
            return self.sign(")").map(|()| inside);
        }
        if self.is_next(&Token::Sign("-")) {
            let zero = Expression::Number(0);
            return Ok(Expression::Pair("-", Box::new((zero, self.atom(depth + 1)?))));
        }
        let name = self.name()?;
        if !self.is_next(&Token::Sign("(")) {
            return Ok(Expression::Name(name));
        }
        let mut arguments = Vec::new();
        while !self.is_next(&Token::Sign(")")) {
            if !arguments.is_empty() {
                self.sign(",")?;
            }
            arguments.push(self.expression(depth + 1)?);
        }
        Ok(Expression::Call(name, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: u32, expect: &str) {
        let mistake = program(text).map(|_| ()).unwrap_err();
        assert_eq!(mistake.line, line, "{mistake:?}");
        assert!(mistake.message.contains(expect), "{mistake:?}");
    }

    #[test]
    fn a_mistake_has_its_line() {
        check("fn a()\n return 1\n", 1, "no `end`");
        check("fn a()\nend\n", 2, "no `return`");
        check("fn a()\n return 1 2\nend\n", 2, "should end here");
        check("fn a()\n return 1\n return 2\nend\n", 3, "one `return`");
        check("\nlet x = 1\n", 2, "a function is expected");
        check("fn end()\n", 1, "a name is expected");
    }

    #[test]
    fn expressions_do_not_stand_in_each_other_for_ever() {
        let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(expression(&nested(NESTING_MAX as usize)).is_ok());
        assert!(expression(&nested(NESTING_MAX as usize + 1)).is_err());
        assert!(expression(&("-".repeat(40) + "1")).is_err());
        assert!(expression(&("if 1 then ".repeat(40) + "1" + &" else 2".repeat(40))).is_err());
    }
}
