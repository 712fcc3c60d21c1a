;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Imports an interface that another plugin is to satisfy.
(component
  (import "test:math/ops@0.1.0" (instance $ops
    (export "add" (func (param "a" u32) (param "b" u32) (result u32)))
    (export "half" (func (param "a" u32) (result (result u32 (error u32)))))
    (export "spin" (func))))
  (core module $mem (memory (export "mem") 1))
  (core instance $mem (instantiate $mem))
  (core func $add (canon lower (func $ops "add")))
  (core func $half (canon lower (func $ops "half") (memory (core memory $mem "mem"))))
  (core func $spin (canon lower (func $ops "spin")))
  (core module $m
    (import "ops" "add" (func $add (param i32 i32) (result i32)))
    (import "ops" "half" (func $half (param i32 i32)))
    (import "ops" "spin" (func $spin))
    (import "mem" "mem" (memory 1))
    (func (export "twice") (param i32) (result i32) (call $add (local.get 0) (local.get 0)))
    (func (export "half") (param i32) (result i32)
      (call $half (local.get 0) (i32.const 16))
      (if (result i32) (i32.load8_u (i32.const 16))
        (then (i32.add (i32.const 1000) (i32.load (i32.const 20))))
        (else (i32.load (i32.const 20)))))
    (func (export "spin") (result i32) (call $spin) (i32.const 1)))
  (core instance $i (instantiate $m
    (with "mem" (instance $mem))
    (with "ops" (instance (export "add" (func $add)) (export "half" (func $half)) (export "spin" (func $spin))))))
  (func (export "twice") (param "x" u32) (result u32) (canon lift (core func $i "twice")))
  (func (export "half") (param "x" u32) (result u32) (canon lift (core func $i "half")))
  (func (export "spin") (result u32) (canon lift (core func $i "spin"))))
