;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Exports an interface that others are linked to.
(component
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "half") (param i32) (result i32)
      (i32.store8 (i32.const 8) (i32.and (local.get 0) (i32.const 1)))
      (i32.store (i32.const 12) (i32.shr_u (local.get 0) (i32.const 1)))
      (i32.const 8))
    (func (export "spin") (loop $l (br $l)))
    (memory (export "mem") 1))
  (core instance $i (instantiate $m))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
  (func $half (param "a" u32) (result (result u32 (error u32))) (canon lift (core func $i "half") (memory (core memory $i "mem"))))
  (func $spin (canon lift (core func $i "spin")))
  (instance $ops (export "add" (func $add)) (export "half" (func $half)) (export "spin" (func $spin)))
  (export "test:math/ops@0.1.0" (instance $ops)))
