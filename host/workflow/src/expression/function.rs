// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions that expressions may call: one table, which the parser, the checker and evaluation read.
//!
//! They are those of CEL and of its usual extensions for strings, lists and numbers, and four that JSON asks for:
//! `json.encode`, `json.decode`, `math.sum`, and `lists.range`.

use super::meter::{Fault, Meter};
use super::types::{Kinds, Type};
use super::value::Value;

use super::{function_list as list, function_number as number, function_text as text};

/// How many arguments a function takes that takes any number.
const ARGUMENTS_MAX: usize = 64;

/// A function that expressions may call.
pub(super) type Function = &'static Signature;

/// What a function is called, takes, does and gives.
#[derive(Debug)]
pub(super) struct Signature {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether it is called behind its first argument and a point.
    pub(super) is_method: bool,
    /// The kinds of its arguments, the receiver first.
    pub(super) takes: &'static [Kinds],
    /// How many of the last arguments may be left out.
    optional: usize,
    /// Whether the last argument may come again.
    repeats: bool,
    /// What it does with arguments of these kinds.
    pub(super) run: Run,
    /// What it gives, by the types of its arguments.
    pub(super) gives: fn(&[Type]) -> Type,
}

type Run = fn(&[Value], &mut Meter) -> Result<Value, Fault>;

const ANY: Kinds = Kinds::ANY;
const NUMBER: Kinds = Kinds::NUMBER;
const TEXT: Kinds = Kinds::TEXT;
const LIST: Kinds = Kinds::LIST;
const SIZED: Kinds = TEXT.or(LIST).or(Kinds::MAP);
const PLAIN: Kinds = Kinds::BOOL.or(NUMBER).or(TEXT);

/// All functions.
static FUNCTIONS: [Signature; 47] = [
    function("size", &[SIZED], list::size, int),
    method("size", &[SIZED], list::size, int),
    function("string", &[PLAIN], text::string, text_type),
    function("int", &[NUMBER.or(TEXT)], number::int, int),
    function("uint", &[NUMBER.or(TEXT)], number::uint, int),
    function("double", &[NUMBER.or(TEXT)], number::double, number_type),
    function("bool", &[Kinds::BOOL.or(TEXT)], number::bool, bool_type),
    function("type", &[ANY], text::type_name, text_type),
    function("dyn", &[ANY], list::dynamic, any),
    method("contains", &[TEXT, TEXT], text::contains, bool_type),
    method("startsWith", &[TEXT, TEXT], text::starts_with, bool_type),
    method("endsWith", &[TEXT, TEXT], text::ends_with, bool_type),
    method("matches", &[TEXT, TEXT], text::matches, bool_type),
    function("matches", &[TEXT, TEXT], text::matches, bool_type),
    method("lowerAscii", &[TEXT], text::lower_ascii, text_type),
    method("upperAscii", &[TEXT], text::upper_ascii, text_type),
    method("trim", &[TEXT], text::trim, text_type),
    method("charAt", &[TEXT, NUMBER], text::char_at, text_type),
    method("substring", &[TEXT, NUMBER, NUMBER], text::substring, text_type).leaving(1),
    method("indexOf", &[TEXT, TEXT, NUMBER], text::index_of, int).leaving(1),
    method("lastIndexOf", &[TEXT, TEXT], text::last_index_of, int),
    method("replace", &[TEXT, TEXT, TEXT, NUMBER], text::replace, text_type).leaving(1),
    method("split", &[TEXT, TEXT, NUMBER], text::split, texts).leaving(1),
    method("join", &[LIST, TEXT], text::join, text_type).leaving(1),
    method("reverse", &[TEXT.or(LIST)], list::reverse, same),
    method("slice", &[LIST, NUMBER, NUMBER], list::slice, same),
    method("sort", &[LIST], list::sort, same),
    method("distinct", &[LIST], list::distinct, same),
    method("flatten", &[LIST, NUMBER], list::flatten, any_list).leaving(1),
    function("lists.range", &[NUMBER], list::range, ints),
    function("math.greatest", &[NUMBER.or(LIST), NUMBER], number::greatest, extreme).repeating(),
    function("math.least", &[NUMBER.or(LIST), NUMBER], number::least, extreme).repeating(),
    function("math.sum", &[LIST], number::sum, item_number),
    function("math.abs", &[NUMBER], number::abs, same),
    function("math.sign", &[NUMBER], number::sign, same),
    function("math.ceil", &[NUMBER], number::ceil, same),
    function("math.floor", &[NUMBER], number::floor, same),
    function("math.round", &[NUMBER], number::round, same),
    function("math.trunc", &[NUMBER], number::trunc, same),
    function("math.sqrt", &[NUMBER], number::sqrt, number_type),
    function("math.isNaN", &[NUMBER], number::is_nan, bool_type),
    function("math.isInf", &[NUMBER], number::is_infinite, bool_type),
    function("math.isFinite", &[NUMBER], number::is_finite, bool_type),
    function("json.encode", &[ANY], text::json_encode, text_type),
    function("json.decode", &[TEXT], text::json_decode, any),
    function("sets.contains", &[LIST, LIST], list::set_contains, bool_type),
    function("sets.intersects", &[LIST, LIST], list::set_intersects, bool_type),
];

const fn signature(
    name: &'static str,
    is_method: bool,
    takes: &'static [Kinds],
    run: Run,
    gives: fn(&[Type]) -> Type,
) -> Signature {
    Signature { name, is_method, takes, optional: 0, repeats: false, run, gives }
}

const fn function(name: &'static str, takes: &'static [Kinds], run: Run, gives: fn(&[Type]) -> Type) -> Signature {
    signature(name, false, takes, run, gives)
}

const fn method(name: &'static str, takes: &'static [Kinds], run: Run, gives: fn(&[Type]) -> Type) -> Signature {
    signature(name, true, takes, run, gives)
}

/// Returns the function of a name.
pub(super) fn named(name: &str, is_method: bool) -> Option<Function> {
    FUNCTIONS.iter().find(|function| function.name == name && function.is_method == is_method)
}

/// Returns whether a function is called so, and not as a method.
pub(super) fn exists(name: &str) -> bool {
    named(name, false).is_some()
}

/// Returns whether functions begin with this name and a point, and nothing else should.
pub(super) fn is_space(name: &str) -> bool {
    matches!(name, "math" | "lists" | "sets" | "cel")
}

/// Returns the names of all functions and macros.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    const MACROS: [&str; 11] = [
        "has",
        "all",
        "exists",
        "exists_one",
        "existsOne",
        "filter",
        "map",
        "sortBy",
        "transformList",
        "transformMap",
        "cel.bind",
    ];
    FUNCTIONS.iter().map(|function| function.name).chain(MACROS)
}

// === impl Signature ===

impl Signature {
    const fn leaving(mut self, optional: usize) -> Self {
        self.optional = optional;
        self
    }

    const fn repeating(mut self) -> Self {
        self.repeats = true;
        self.optional = 1;
        self
    }

    /// Returns how many arguments it takes at least and at most, without the receiver.
    pub(super) fn counts(&self) -> (usize, usize) {
        let most = self.takes.len().saturating_sub(usize::from(self.is_method));
        (most.saturating_sub(self.optional), if self.repeats { ARGUMENTS_MAX } else { most })
    }

    /// Returns the kinds that an argument may be of.
    pub(super) fn kinds(&self, argument: usize) -> Kinds {
        self.takes.get(argument).or(self.takes.last()).copied().unwrap_or(Kinds::ANY)
    }
}

fn any(_: &[Type]) -> Type {
    Type::Any
}

fn int(_: &[Type]) -> Type {
    Type::Int
}

fn number_type(_: &[Type]) -> Type {
    Type::Number
}

fn bool_type(_: &[Type]) -> Type {
    Type::Bool
}

fn text_type(_: &[Type]) -> Type {
    Type::Text
}

fn texts(_: &[Type]) -> Type {
    Type::list(Type::Text)
}

fn ints(_: &[Type]) -> Type {
    Type::list(Type::Int)
}

fn any_list(_: &[Type]) -> Type {
    Type::list(Type::Any)
}

fn same(types: &[Type]) -> Type {
    types.first().cloned().unwrap_or_default()
}

fn extreme(types: &[Type]) -> Type {
    match types {
        [Type::List(item)] => (**item).clone(),
        types => Type::common(types.iter().cloned()),
    }
}

fn item_number(types: &[Type]) -> Type {
    match types.first().map(Type::item) {
        Some(Type::Int) => Type::Int,
        _ => Type::Number,
    }
}
