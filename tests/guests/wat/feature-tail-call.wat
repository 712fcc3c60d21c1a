;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Wants tail calls.
(component
  (core module $m
    (func $f (return_call $f))
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
