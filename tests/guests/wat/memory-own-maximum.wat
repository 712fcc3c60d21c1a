;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Grows up to the maximum that it declares for itself, is refused by itself, and goes on.
(component
  (core module $m
    (memory 1 3)
    (func (export "run") (result i32)
      (drop (memory.grow (i32.const 2)))
      (memory.grow (i32.const 1))))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
