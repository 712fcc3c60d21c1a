// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gives back a value of every type.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    inline: r#"
        package test:echo@0.1.0;
        interface echo {
            enum colour { red, dark-blue }
            flags access { read, write, run-it }
            record point { x: s32, y: f64, label: option<string> }
            variant shape { dot, circle(u32), path(list<point>) }
            booleans: func(v: list<bool>) -> list<bool>;
            small: func(v: tuple<s8, u8, s16, u16, s32, u32>) -> tuple<s8, u8, s16, u16, s32, u32>;
            large: func(v: tuple<s64, u64>) -> tuple<s64, u64>;
            floats: func(v: tuple<f32, f64>) -> tuple<f32, f64>;
            character: func(v: char) -> char;
            text: func(v: string) -> string;
            bytes: func(v: list<u8>) -> list<u8>;
            record-type: func(v: point) -> point;
            variants: func(v: list<shape>) -> list<shape>;
            enums: func(v: list<colour>) -> list<colour>;
            flag-set: func(v: access) -> access;
            options: func(v: list<option<u32>>) -> list<option<u32>>;
            results: func(v: list<result<u32, string>>) -> list<result<u32, string>>;
            nothing: func();
            may-fail: func(v: option<string>) -> result<string, shape>;
        }
        world guest { export echo; }
    "#,
});

use exports::test::echo::echo::{Access, Colour, Guest, Point, Shape};

struct Echo;
export!(Echo);

impl Guest for Echo {
    fn booleans(v: Vec<bool>) -> Vec<bool> {
        v
    }
    fn small(v: (i8, u8, i16, u16, i32, u32)) -> (i8, u8, i16, u16, i32, u32) {
        v
    }
    fn large(v: (i64, u64)) -> (i64, u64) {
        v
    }
    fn floats(v: (f32, f64)) -> (f32, f64) {
        v
    }
    fn character(v: char) -> char {
        v
    }
    fn text(v: String) -> String {
        v
    }
    fn bytes(v: Vec<u8>) -> Vec<u8> {
        v
    }
    fn record_type(v: Point) -> Point {
        v
    }
    fn variants(v: Vec<Shape>) -> Vec<Shape> {
        v
    }
    fn enums(v: Vec<Colour>) -> Vec<Colour> {
        v
    }
    fn flag_set(v: Access) -> Access {
        v
    }
    fn options(v: Vec<Option<u32>>) -> Vec<Option<u32>> {
        v
    }
    fn results(v: Vec<Result<u32, String>>) -> Vec<Result<u32, String>> {
        v
    }
    fn nothing() {}
    fn may_fail(v: Option<String>) -> Result<String, Shape> {
        v.ok_or(Shape::Circle(7))
    }
}
