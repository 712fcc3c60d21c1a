// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says what expressions come to.

use std::collections::BTreeMap;

use crate::parse::{Expression, Function, Test};

/// How many parts of expressions are looked at; a function may call itself for ever.
const STEPS_MAX: u32 = 100_000;
/// How deep expressions may stand in each other, with the functions that they call: each level takes some of the stack.
const DEPTH_MAX: u32 = 256;

/// Functions by their names.
pub(crate) type Functions = BTreeMap<String, Function>;

/// What names stand for.
type Names = BTreeMap<String, i64>;

/// One execution.
struct Execution<'a> {
    functions: &'a Functions,
    steps: u32,
}

/// Returns what an expression comes to.
pub(crate) fn evaluate(functions: &Functions, expression: &Expression) -> Result<i64, String> {
    Execution { functions, steps: 0 }.value(expression, &Names::new(), 0)
}

/// Returns what is wrong with a test; `None` where it holds.
pub(crate) fn problem(functions: &Functions, test: &Test) -> Option<String> {
    let found = evaluate(functions, &test.found);
    match (found, evaluate(functions, &test.expected)) {
        (Ok(found), Ok(expected)) if found == expected => None,
        (Ok(found), Ok(expected)) => Some(format!("it is {found}, and {expected} is expected")),
        (Err(reason), _) | (_, Err(reason)) => Some(reason),
    }
}

impl Execution<'_> {
    fn value(&mut self, expression: &Expression, names: &Names, depth: u32) -> Result<i64, String> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(format!("it takes more than {STEPS_MAX} steps"));
        }
        if depth > DEPTH_MAX {
            return Err(format!("calls stand in each other more than {DEPTH_MAX} deep"));
        }
        let depth = depth + 1;
        match expression {
            Expression::Number(number) => Ok(*number),
            Expression::Name(name) => names.get(name).copied().ok_or_else(|| format!("`{name}` stands for nothing")),
            Expression::Call(name, arguments) => {
                let given = arguments.iter().map(|argument| self.value(argument, names, depth));
                let given: Vec<i64> = given.collect::<Result<_, _>>()?;
                self.call(name, &given, depth)
            }
            Expression::If(parts) => {
                let (condition, holds, fails) = &**parts;
                let way = if self.value(condition, names, depth)? == 0 { fails } else { holds };
                self.value(way, names, depth)
            }
            Expression::Pair(sign, pair) => {
                let (left, right) = (self.value(&pair.0, names, depth)?, self.value(&pair.1, names, depth)?);
                pair_of(sign, left, right).ok_or_else(|| format!("{left} {sign} {right} has no value"))
            }
        }
    }

    fn call(&mut self, name: &str, given: &[i64], depth: u32) -> Result<i64, String> {
        let functions = self.functions;
        let function = functions.get(name).ok_or_else(|| format!("there is no function `{name}`"))?;
        if function.parameters.len() != given.len() {
            return Err(format!("`{name}` takes {} values, not {}", function.parameters.len(), given.len()));
        }
        let mut names: Names = function.parameters.iter().cloned().zip(given.iter().copied()).collect();
        for (name, expression) in &function.lets {
            let value = self.value(expression, &names, depth)?;
            names.insert(name.clone(), value);
        }
        self.value(&function.result, &names, depth)
    }
}

fn pair_of(sign: &str, left: i64, right: i64) -> Option<i64> {
    match sign {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        "<" => Some(i64::from(left < right)),
        ">" => Some(i64::from(left > right)),
        "==" => Some(i64::from(left == right)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{expression, program};

    fn check(text: &str, expect: Result<i64, &str>) {
        let lines = "fn fact(n)\n let less = n - 1\n return if n < 2 then 1 else n * fact(less)\nend\n\
                     fn ever(n)\n return ever(n)\nend\n\
                     fn wide(n)\n return if n == 0 then 0 else wide(n - 1) + wide(n - 1)\nend\n";
        let functions = program(lines).unwrap().into_iter().map(|function| (function.name.clone(), function)).collect();
        let found = evaluate(&functions, &expression(text).unwrap());
        assert_eq!(
            found.as_ref().map_err(|reason| reason.as_str()),
            expect.as_ref().map_err(|reason| *reason),
            "{text}"
        );
    }

    #[test]
    fn expressions_have_values() {
        check("1 + 2 * 3 - 4 / 2", Ok(5));
        check("(1 + 2) * -3", Ok(-9));
        check("2 < 3 == 1", Ok(1));
        check("fact(5)", Ok(120));
    }

    #[test]
    fn what_has_no_value_says_why() {
        check("1 / 0", Err("1 / 0 has no value"));
        check("9223372036854775807 + 1", Err("9223372036854775807 + 1 has no value"));
        check("x", Err("`x` stands for nothing"));
        check("none(1)", Err("there is no function `none`"));
        check("fact(1, 2)", Err("`fact` takes 1 values, not 2"));
        check("ever(1)", Err("calls stand in each other more than 256 deep"));
        check("wide(20)", Err("it takes more than 100000 steps"));
    }
}
