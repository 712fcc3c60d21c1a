;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Goes down its own stack as far as it is told, and calls another plugin from there.
(component
  (import "test:math/ops@0.1.0" (instance $ops (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
  (core func $add (canon lower (func $ops "add")))
  (core module $m
    (import "ops" "add" (func $add (param i32 i32) (result i32)))
    (func $down (param $depth i32) (result i32)
      (if (result i32) (local.get $depth)
        (then (i32.add (call $down (i32.sub (local.get $depth) (i32.const 1))) (i32.const 1)))
        (else (call $add (i32.const 40) (i32.const 2)))))
    (func (export "run") (param i32) (result i32) (call $down (local.get 0))))
  (core instance $i (instantiate $m (with "ops" (instance (export "add" (func $add))))))
  (func (export "run") (param "depth" u32) (result u32) (canon lift (core func $i "run"))))
