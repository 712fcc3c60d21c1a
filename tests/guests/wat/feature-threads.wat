;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Wants to share memory with threads.
(component
  (core module $m
    (memory 1 1 shared)
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
