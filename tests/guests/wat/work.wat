;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Does a fixed amount of work and returns a number that depends on every step of it. The fuel that it
;; needs, and the instruction at which it stops when it has less, are the same everywhere.
(component
  (core module $m
    (memory (export "mem") 4)
    (func (export "run") (param $steps i32) (result i32) (local $x i32) (local $at i32)
      (local.set $x (i32.const 2463534242))
      (loop $l
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
        (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
        (local.set $at (i32.and (local.get $x) (i32.const 262140)))
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (local.get $x)))
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.load (local.get $at))))
        (local.set $steps (i32.sub (local.get $steps) (i32.const 1)))
        (br_if $l (local.get $steps)))
      (local.get $x)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "steps" u32) (result u32) (canon lift (core func $i "run"))))
